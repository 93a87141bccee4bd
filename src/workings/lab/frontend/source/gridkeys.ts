// Moving through the grid by keys and mouse, copying and pasting.
import { CellEditor } from "./celleditor";
import { exact } from "./format";
import type { Grid } from "./grid";
import { paste } from "./pasting";
import type { Session } from "./session";
import { sentence } from "./session";
import type { Page } from "./state";

const MOST_COPIED = 1_000_000;

export function listenToGrid(grid: Grid, page: Page, session: Session, around: HTMLElement, toWorkings: () => void): void {
  const { element } = grid;
  const editor = new CellEditor(grid, page, session, around);
  element.addEventListener("keydown", (event) => {
    if (event.target !== element) return;
    if (onKey(event, grid, page, toWorkings)) event.preventDefault();
    else if (startsNumber(event)) editor.open(event.key);
    else if (event.key === "F2") editor.open();
    else return;
    event.preventDefault();
  });
  let dragging = false;
  element.addEventListener("mousedown", (event) => {
    if (event.button !== 0) return;
    const at = grid.at((event.target as Element).closest("td"));
    if (!at) return;
    dragging = true;
    grid.select(at.row, at.column, event.shiftKey);
  });
  element.addEventListener("mouseover", (event) => {
    const at = dragging && event.buttons === 1 ? grid.at((event.target as Element).closest("td")) : null;
    if (at) grid.select(at.row, at.column, true);
  });
  window.addEventListener("mouseup", () => (dragging = false));
  element.addEventListener("dblclick", (event) => {
    if (grid.at((event.target as Element).closest("td"))) editor.open();
  });
  element.addEventListener("copy", (event) => {
    event.preventDefault();
    void copy(grid, page);
  });
  element.addEventListener("paste", (event) => {
    event.preventDefault();
    if (grid.sheet) paste(event.clipboardData?.getData("text/plain") ?? "", grid, page, session);
  });
}

const startsNumber = (event: KeyboardEvent): boolean =>
  /^[0-9.\-+*]$/.test(event.key) && !event.ctrlKey && !event.metaKey && !event.altKey;

/** Do what a key asks for; false where it asks for nothing here. */
function onKey(event: KeyboardEvent, grid: Grid, page: Page, toWorkings: () => void): boolean {
  const sheet = grid.sheet;
  if (!sheet) return false;
  const { row, column } = grid.cursor();
  const leap = event.ctrlKey || event.metaKey;
  const view = grid.visible();
  const [lastRow, lastColumn] = [sheet.rows - 1, sheet.columns - 1];
  const to = (r: number, c: number): boolean => (grid.select(r, c, event.shiftKey), true);
  switch (event.key) {
    case "ArrowUp":
      return to(leap ? 0 : row - 1, column);
    case "ArrowDown":
      return to(leap ? lastRow : row + 1, column);
    case "ArrowLeft":
      return to(row, leap ? 0 : column - 1);
    case "ArrowRight":
      return to(row, leap ? lastColumn : column + 1);
    case "PageUp":
      return event.altKey ? to(row, column - view.columns) : to(row - view.rows, column);
    case "PageDown":
      return event.altKey ? to(row, column + view.columns) : to(row + view.rows, column);
    case "Home":
      return to(leap ? 0 : row, 0);
    case "End":
      return to(leap ? lastRow : row, lastColumn);
    case "[":
    case "]":
      return turn(grid, page, event.key === "[" ? -1 : 1);
    case "Enter":
      toWorkings();
      return true;
    case "a":
      if (!leap) return false;
      grid.selectAll();
      return true;
    case "c":
      if (!leap) return false;
      void copy(grid, page);
      return true;
  }
  return false;
}

function turn(grid: Grid, page: Page, by: number): boolean {
  const { place } = page.get();
  const sheet = place.sheet + by;
  if (sheet >= 0 && sheet < (grid.sheet?.sheets ?? 1)) page.set({ place: { ...place, sheet } });
  return true;
}

/** The selection as tab-separated text, every digit, on the clipboard. */
async function copy(grid: Grid, page: Page): Promise<void> {
  const sheet = grid.sheet;
  if (!sheet) return;
  const { top, bottom, left, right } = grid.selection();
  const n = (bottom - top + 1) * (right - left + 1);
  if (n > MOST_COPIED) {
    page.set({ trouble: `${n.toLocaleString("en-US")} cells are too many to copy; up to ${MOST_COPIED.toLocaleString("en-US")} can be.` });
    return;
  }
  try {
    await grid.tiles.have(sheet, "tile", top, bottom + 1, left, right + 1);
    const lines: string[] = [];
    for (let row = top; row <= bottom; row++) {
      const cells: string[] = [];
      for (let column = left; column <= right; column++) cells.push(exact(grid.tiles.at(sheet, "tile", row, column) ?? NaN));
      lines.push(cells.join("\t"));
    }
    await navigator.clipboard.writeText(lines.join("\n"));
  } catch (error) {
    page.set({ trouble: error instanceof DOMException ? "The browser did not allow copying." : sentence(error) });
  }
}

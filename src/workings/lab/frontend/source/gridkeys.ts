// Moving through the grid by keys and mouse, copying, and typing into cells.
import { isSlope } from "./address";
import { h } from "./dom";
import { exact, notTaken, typed } from "./format";
import { boxOf, type Grid } from "./grid";
import type { Session } from "./session";
import { sentence } from "./session";
import type { Page } from "./state";
import type { Edit, Part } from "./types";

const MOST_COPIED = 1_000_000;

export function listenToGrid(grid: Grid, page: Page, session: Session, around: HTMLElement, toWorkings: () => void): void {
  const { element } = grid;
  element.addEventListener("keydown", (event) => {
    if (event.target !== element) return;
    if (onKey(event, grid, page, toWorkings)) event.preventDefault();
    else if (startsNumber(event)) openEditor(grid, page, session, around, event.key);
    else if (event.key === "F2") openEditor(grid, page, session, around);
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
  // An editor is for the cell over which it lies.
  page.on(["place", "screen"], () => around.querySelector<HTMLElement>(".editor")?.blur());
  window.addEventListener("mouseup", () => (dragging = false));
  element.addEventListener("dblclick", (event) => {
    if (grid.at((event.target as Element).closest("td"))) openEditor(grid, page, session, around);
  });
  element.addEventListener("copy", (event) => {
    event.preventDefault();
    void copy(grid, page);
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

/** What was typed for a cell that is not in view yet; null where nothing waits for one. */
let begun: string | null = null;

/** Open the editor as soon as the grid, which is being drawn or scrolled to the cursor, has the cell. */
async function openSoon(grid: Grid, page: Page, session: Session, around: HTMLElement, start = ""): Promise<void> {
  const waiting = begun !== null;
  begun = (begun ?? "") + start;
  if (waiting) return;
  const { place } = page.get();
  await grid.settle().catch(() => undefined);
  const text = begun;
  begun = null;
  if (grid.cursorCell() && page.get().place === place && page.get().screen === "numbers") openEditor(grid, page, session, around, text || undefined);
}

/** An input over the cell: a number sets it, `*2` scales it, `+=0.5` adds to it. */
function openEditor(grid: Grid, page: Page, session: Session, around: HTMLElement, start?: string): void {
  const cell = grid.cursorCell();
  const sheet = grid.sheet;
  if (!sheet) return;
  if (isSlope(sheet.table)) {
    page.set({ trouble: "A slope follows from the numbers and cannot be changed by itself. Press “Numbers” and change the number: the slopes follow." });
    return;
  }
  if (!cell || begun !== null) return void openSoon(grid, page, session, around, start);
  const { row, column } = grid.cursor();
  const index = partsOf(grid);
  const before = grid.tiles.at(sheet, "tile", row, column);
  const input = h("input", { class: "editor", type: "text", inputmode: "decimal", spellcheck: "false", "aria-label": "New number" });
  input.value = start ?? (before === undefined ? "" : exact(before));
  const box = boxOf(cell, around);
  for (const [side, size] of Object.entries(box)) input.style.setProperty(side, `${size}px`);
  input.style.minWidth = `${box.width}px`;
  let open = true;
  const close = (): void => {
    if (!open) return;
    open = false;
    input.remove();
    grid.element.focus();
  };
  input.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "Escape") close();
    if (event.key !== "Enter" && event.key !== "Tab") return;
    event.preventDefault();
    const change = amount(input.value);
    if (!change) {
      input.setAttribute("aria-invalid", "true");
      page.set({ trouble: notTaken(input.value) });
      return;
    }
    close();
    if (change.value !== undefined && before !== undefined && Math.fround(change.value) === before) return;
    page.set({ trouble: null });
    session.addEdit({ table: sheet.table, index, on: true, ...change });
  });
  input.addEventListener("blur", close);
  around.append(input);
  input.focus();
  if (start === undefined) input.select();
}

export function amount(text: string): Pick<Edit, "add" | "scale"> & { value?: number } | null {
  const plain = text.trim();
  if (plain.startsWith("+=")) return kind("add", typed(plain.slice(2)));
  if (plain.startsWith("*")) return kind("scale", typed(plain.slice(1)));
  return kind("value", typed(plain));
}

function kind(name: "value" | "add" | "scale", number: number | null): { value?: number; add?: number; scale?: number } | null {
  return number === null ? null : { [name]: number };
}

/** The selection as an edit's index. */
function partsOf(grid: Grid): Part[] {
  const sheet = grid.sheet!;
  const { top, bottom, left, right } = grid.selection();
  const stretch = (from: number, to: number, size: number): Part =>
    from === to ? from : from === 0 && to === size - 1 ? ":" : `${from}:${to + 1}`;
  const rows = stretch(top, bottom, sheet.rows);
  const columns = stretch(left, right, sheet.columns);
  const axes = sheet.info.axes.length;
  return axes === 1 ? [rows] : axes === 2 ? [rows, columns] : [sheet.sheet, rows, columns];
}


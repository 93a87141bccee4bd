// How the grid's cells look, and what a screen reader is told of them. Runs in every frame while scrolling: whatever stands already is not written again.
import type { CellMetadata } from "regular-table/dist/esm/types";
import { behind } from "./colours";
import { inCell } from "./format";
import type { Current } from "./grid";
import type { Edit } from "./types";

/** What the looks of a sheet's cells follow from. */
export interface Look {
  sheet: Current;
  cursor: { row: number; column: number };
  selection: { top: number; bottom: number; left: number; right: number };
  /** The sheet's largest number, and what colours are measured by: the same, or 0 for none. */
  largest: number;
  strongest: number;
  /** The edits of this table that are on. */
  edits: Edit[];
  value: (row: number, column: number) => number | undefined;
  /** What stood here without the edits. */
  before: (row: number, column: number) => number | undefined;
}

/** Differences within rounding are none: an edited table is worked out along another way, and the last digits with it. */
function differ(a: number, b: number, largest: number): boolean {
  return Number.isNaN(a) !== Number.isNaN(b) || Math.abs(a - b) > 1e-5 * Math.max(Math.abs(a), Math.abs(b)) + 1e-7 * largest;
}

/** Where a cell lies; regular-table uses its cells again for other places. */
type At = (cell: Element) => CellMetadata | undefined;

export function markCells(grid: Element, look: Look, at: At): void {
  for (const cell of grid.querySelectorAll<HTMLTableCellElement>("tbody td")) {
    const meta = at(cell);
    if (meta?.type === "body") markCell(cell, look, meta.y, meta.x);
  }
}

function markCell(cell: HTMLTableCellElement, look: Look, row: number, column: number): void {
  const { cursor, selection, edits } = look;
  const value = look.value(row, column);
  const before = look.before(row, column);
  const changed = before !== undefined && value !== undefined && differ(value, before, look.largest);
  const chosen = row >= selection.top && row <= selection.bottom && column >= selection.left && column <= selection.right;
  const here = row === cursor.row && column === cursor.column;
  let marks = value === undefined ? "" : behind(value, look.strongest);
  if (chosen) marks += " chosen";
  if (here) marks += " cursor";
  if (edits.some((edit) => touches(edit, look.sheet, row, column))) marks += " edited";
  else if (changed) marks += " changed";
  if (cell.textContent === "masked") marks += " masked";
  if (cell.className !== marks) cell.className = marks;
  put(cell, "id", here ? "cursor-cell" : null);
  put(cell, "role", "gridcell");
  put(cell, "aria-selected", chosen ? "true" : null);
  put(cell, "title", changed ? `was ${inCell(before, "all", 0)}` : null);
}

export function markHeadings(grid: Element, cursor: Look["cursor"], at: At): void {
  for (const cell of grid.querySelectorAll("thead th")) {
    const meta = at(cell);
    put(cell, "role", "columnheader");
    put(cell, "title", cell.textContent || null);
    cell.classList.toggle("here", meta?.type === "column_header" && meta.x === cursor.column);
  }
  for (const cell of grid.querySelectorAll("tbody th")) {
    const meta = at(cell);
    put(cell, "role", "rowheader");
    cell.classList.toggle("here", meta?.type === "row_header" && meta.y === cursor.row);
  }
}

/** The roles of what is not a cell; the grid itself is the element around. */
export function nameParts(grid: Element): void {
  for (const line of grid.querySelectorAll("tr")) put(line, "role", "row");
  for (const part of grid.querySelectorAll("thead, tbody")) put(part, "role", "rowgroup");
  put(grid.querySelector("table")!, "role", "none");
  put(grid, "aria-activedescendant", "cursor-cell");
}

/** Set an attribute only where it differs: while scrolling, hundreds of cells are looked at in every frame. */
function put(element: Element, name: string, value: string | null): void {
  if (element.getAttribute(name) === value) return;
  if (value === null) element.removeAttribute(name);
  else element.setAttribute(name, value);
}

/** Whether an edit of this table takes in a cell. */
function touches(edit: Edit, sheet: Current, row: number, column: number): boolean {
  const at = edit.index.length === 3 ? [sheet.sheet, row, column] : edit.index.length === 2 ? [row, column] : [row];
  return at.every((place, axis) => {
    const part = edit.index[axis]!;
    if (typeof part === "number") return part === place;
    const [from, to] = part.split(":");
    return place >= Number(from || 0) && (to === "" || to === undefined || place < Number(to));
  });
}

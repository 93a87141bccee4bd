// Pasting into the grid: numbers as a spreadsheet copies them, a rectangle or one of them, are one edit.
import { partsOf, refusal } from "./celleditor";
import { count, typed } from "./format";
import type { Grid } from "./grid";
import type { Session } from "./session";
import { idsAsked, type Page } from "./state";
import type { Edit, Part } from "./types";

const MOST_PASTED = 2000; // numbers: what an address can carry

/** Put pasted numbers into the cells from the selection's first on, or say why not. */
export function paste(text: string, grid: Grid, page: Page, session: Session): void {
  const { opened } = page.get();
  const now = idsAsked(page.get());
  const gone = opened!.ids.some((id, i) => now?.[i] !== id) && "The sentence changed before anything was pasted, and nothing was. Paste it again if you still want it.";
  const made = refusal(grid) ?? (gone || editOf(text, grid));
  page.set({ trouble: typeof made === "string" ? made : null });
  if (typeof made !== "string") session.addEdit(made);
}

/** The edit that puts numbers into cells; a sentence where there is none. */
function editOf(text: string, grid: Grid): Edit | string {
  const sheet = grid.sheet!;
  const { top, left } = grid.selection();
  const cells = text.replace(/\r?\n$/, "").split(/\r?\n/).map((line) => line.split("\t"));
  const [rows, columns] = [cells.length, cells[0]!.length];
  const wrong = cells.flat().find((cell) => typed(cell) === null);
  if (wrong !== undefined) return `What is pasted is numbers alone, with tabs between them, and “${wrong.slice(0, 40)}” is none.`;
  if (cells.some((line) => line.length !== columns)) return "What is pasted has as many numbers in every row, and these rows differ.";
  if (rows * columns > MOST_PASTED) return `${count(rows * columns)} numbers are too many to paste; up to ${count(MOST_PASTED)} can be.`;
  if (top + rows > sheet.rows || left + columns > sheet.columns) return `${rows} by ${columns} numbers do not fit from here on: ${sheet.table} has ${count(sheet.rows)} by ${count(sheet.columns)}.`;
  const numbers = cells.map((line) => line.map((cell) => typed(cell)!));
  if (rows * columns === 1) return { table: sheet.table, index: partsOf(grid), value: numbers[0]![0]!, on: true };
  const stretches: Part[] = [`${top}:${top + rows}`, `${left}:${left + columns}`];
  const axes = sheet.info.axes.length;
  if (axes === 1) return { table: sheet.table, index: [stretches[0]!], value: numbers.flat(), on: true };
  return { table: sheet.table, index: axes === 2 ? stretches : [sheet.sheet, ...stretches], value: numbers, on: true };
}

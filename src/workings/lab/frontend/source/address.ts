// Addresses of numbers: `blocks.0.attn.pattern[2, 4, 0]`, and where that lies on a sheet.
import { clamp } from "./dom";
import type { Address, Model, Table } from "./types";

/** Where one is: a table, one of its sheets, a row and a column. */
export interface Place {
  table: string;
  sheet: number;
  row: number;
  column: number;
}

const SLOPE = "gradient.";

/** Whether a table is one of slopes, or of what their score is: such a one is asked for with the score. */
export const isSlope = (name: string): boolean => name.startsWith(SLOPE) || name.startsWith("choice.");

/** The table whose slopes a table has; a table of numbers is its own. */
export const plainName = (name: string): string => (name.startsWith(SLOPE) ? name.slice(SLOPE.length).replace(/\.passed$/, "") : name);

/** The slopes of a table; null where the score does not depend on it. */
export const slopeName = (model: Model, name: string): string | null => (model.slopes.of.includes(plainName(name)) ? SLOPE + plainName(name) : null);

export function find(model: Model, name: string): Table | undefined {
  const table = tablesOf(model).get(isSlope(name) ? plainName(name) : name);
  if (!table || !name.startsWith(SLOPE)) return table;
  return slopeName(model, name) ? { ...table, name, sentence: `How far the score would rise for each unit that ${table.name} is raised.` } : undefined;
}

export function isWeight(model: Model, name: string): boolean {
  return model.weights.some((weight) => weight.name === name);
}

const known = new WeakMap<Model, Map<string, Table>>();

function tablesOf(model: Model): Map<string, Table> {
  let tables = known.get(model);
  if (!tables) {
    tables = new Map([...model.tables, ...model.weights, ...model.slopes.choices].map((table) => [table.name, table]));
    known.set(model, tables);
  }
  return tables;
}

/** Sheets, rows and columns of a table; a table with one axis is one column. */
export function sizes(table: Table, nPos: number): { sheets: number; rows: number; columns: number } {
  const whole = table.shape.map((size) => size ?? nPos);
  if (whole.length === 1) return { sheets: 1, rows: whole[0]!, columns: 1 };
  const [rows, columns] = whole.slice(-2) as [number, number];
  return { sheets: whole.length > 2 ? whole[0]! : 1, rows, columns };
}

export function indexOf(table: Table, place: Omit<Place, "table">): number[] {
  if (table.axes.length === 1) return [place.row];
  return table.axes.length === 2 ? [place.row, place.column] : [place.sheet, place.row, place.column];
}

export function placeOf(address: Address): Place {
  const [column = 0, row = 0, sheet = 0] = [...address.index].reverse();
  return address.index.length === 1
    ? { table: address.table, sheet: 0, row: column, column: 0 }
    : { table: address.table, sheet, row, column };
}

export function written(table: string, index: readonly (number | string)[]): string {
  return `${table}[${index.join(", ")}]`;
}

/** The nearest place that there is, for a sentence of so many tokens. */
export function nearest(table: Table, place: Place, nPos: number): Place {
  const { sheets, rows, columns } = sizes(table, nPos);
  return { ...place, sheet: clamp(place.sheet, 0, sheets - 1), row: clamp(place.row, 0, rows - 1), column: clamp(place.column, 0, columns - 1) };
}

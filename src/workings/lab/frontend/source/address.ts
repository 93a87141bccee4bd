// Addresses of numbers: `blocks.0.attn.pattern[2, 4, 0]`, and where that lies on a sheet.
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

/** Read what a person typed; a name alone means its first cell, `[4, 0]` alone the table one is in. */
export function read(text: string, model: Model, here: string, nPos: number): Place | string {
  const match = /^\s*([\w.]*)\s*(?:\[([^\]]*)\])?\s*$/.exec(text);
  if (!match) return `“${text}” is not an address. Write it like blocks.0.attn.pattern[2, 4, 0].`;
  const name = match[1] || here;
  const table = find(model, name);
  if (!table && find(model, plainName(name))) return `There are no slopes of ${plainName(name)}: the score does not depend on it, or it is a weight.`;
  if (!table) return `There is no table called ${name}. Ctrl-K finds tables by any part of their name.`;
  const parts = (match[2] ?? "").split(",").map((part) => part.trim());
  const given = match[2] === undefined || match[2].trim() === "" ? table.axes.map(() => 0) : parts.map(Number);
  if (given.some((part) => !Number.isInteger(part))) return `${name} takes whole numbers: ${written(name, table.axes)}.`;
  if (given.length !== table.axes.length)
    return `${name} has ${table.axes.length} axes, ${written(name, table.axes)}; ${given.length} came.`;
  const whole = table.shape.map((size) => size ?? nPos);
  const index = given.map((part, axis) => (part < 0 ? part + whole[axis]! : part));
  const outside = index.findIndex((part, axis) => part < 0 || part >= whole[axis]!);
  if (outside >= 0)
    return `${table.axes[outside]} of ${name} goes from 0 to ${whole[outside]! - 1}; ${given[outside]} came.`;
  return placeOf({ table: name, index });
}

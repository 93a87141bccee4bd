// Rectangles of numbers, fetched once and kept.
import { api, type Query, type Rectangle } from "./api";

const TILE_ROWS = 64;
const TILE_COLUMNS = 64;
const MOST_KEPT = 4096; // of 16 kB each

/** One sheet as it stands in one view. */
export interface Sheet {
  view: string;
  /** Under which the numbers are kept: the view, or for weights no more than their own edits. */
  scope: string;
  /** Which score slopes are asked for of; nothing for numbers. */
  score: Query;
  table: string;
  sheet: number;
  rows: number;
  columns: number;
}

type Source = "tile" | "changed";

export class Tiles {
  /** Both what has come and what is on its way, so that nothing is asked for twice; least used first. */
  private readonly kept = new Map<string, Float32Array | Promise<Float32Array>>();
  /** The tile that was last read from: the next number mostly lies in it too. */
  private last: Partial<{ sheet: Sheet; source: Source; r: number; c: number }> & { tile: Float32Array } = { tile: new Float32Array() };

  /** Make sure that a rectangle is here; resolves to whether anything had to be waited for. */
  async have(sheet: Sheet, source: Source, r0: number, r1: number, c0: number, c1: number): Promise<boolean> {
    const waiting: Promise<Float32Array>[] = [];
    const [rows, columns] = [Math.min(r1, sheet.rows), Math.min(c1, sheet.columns)];
    for (let r = r0 - (r0 % TILE_ROWS); r < rows; r += TILE_ROWS)
      for (let c = c0 - (c0 % TILE_COLUMNS); c < columns; c += TILE_COLUMNS) {
        const tile = this.ask(sheet, source, r, c);
        if (tile instanceof Promise) waiting.push(tile);
      }
    await Promise.all(waiting);
    return waiting.length > 0;
  }

  /** One number that is here already; undefined where its tile has not come. */
  at(sheet: Sheet, source: Source, row: number, column: number): number | undefined {
    const r = row - (row % TILE_ROWS);
    const c = column - (column % TILE_COLUMNS);
    const { last } = this;
    if (last.sheet !== sheet || last.source !== source || last.r !== r || last.c !== c) {
      const tile = this.kept.get(keyOf(sheet, source, r, c));
      if (!(tile instanceof Float32Array)) return undefined;
      this.last = { sheet, source, r, c, tile };
    }
    const width = Math.min(TILE_COLUMNS, sheet.columns - c);
    return this.last.tile[(row - r) * width + (column - c)];
  }

  private ask(sheet: Sheet, source: Source, r: number, c: number): Float32Array | Promise<Float32Array> {
    const key = keyOf(sheet, source, r, c);
    const before = this.kept.get(key);
    if (before) {
      this.kept.delete(key);
      this.kept.set(key, before);
      return before;
    }
    const coming = api.tile(source, rectangle(sheet, r, c), sheet.score).then(
      (numbers) => {
        this.kept.set(key, numbers);
        return numbers;
      },
      (error: unknown) => {
        this.kept.delete(key);
        throw error;
      },
    );
    this.kept.set(key, coming);
    if (this.kept.size > MOST_KEPT) this.kept.delete(this.kept.keys().next().value!);
    return coming;
  }
}

function keyOf(sheet: Sheet, source: Source, r: number, c: number): string {
  return `${source} ${sheet.scope} ${sheet.table} ${sheet.sheet} ${r} ${c}`;
}

function rectangle(sheet: Sheet, r: number, c: number): Rectangle {
  const { view, table } = sheet;
  return {
    view,
    table,
    sheet: sheet.sheet,
    rows: `${r}:${Math.min(r + TILE_ROWS, sheet.rows)}`,
    columns: `${c}:${Math.min(c + TILE_COLUMNS, sheet.columns)}`,
  };
}

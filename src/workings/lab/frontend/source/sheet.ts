// The sheet that is being looked at, the names of its rows and columns, and its largest number.
import { find, isWeight, sizes } from "./address";
import { api } from "./api";
import { scoreOf } from "./slopes";
import type { State } from "./state";
import type { Sheet } from "./tiles";
import type { Range, Table } from "./types";

const CHUNK = 256;

export function sheetOf(state: State): (Sheet & { sheets: number; info: Table }) | null {
  const { model, opened, shown, place } = state;
  const info = find(model, place.table);
  if (!info || !opened) return null;
  const size = sizes(info, opened.tokens.length);
  const own = shown!.edits.filter((edit) => edit.on && edit.table === place.table);
  const score = scoreOf(state, place.table);
  const scope = isWeight(model, place.table) && place.table !== "ids" ? `weights ${JSON.stringify(own)}` : opened.id + Object.values(score).join();
  return { ...size, info, view: opened.id, scope, score, table: place.table, sheet: Math.min(place.sheet, size.sheets - 1) };
}

/** What a table holds, in a sentence; numbers that were put into a row of shares need not keep its promise. */
export function holds({ shown }: State, table: string, sentence: string): string {
  const edited = sentence.endsWith("adds up to 1.") && shown?.edits.some((edit) => edit.on && edit.table === table);
  return edited ? `${sentence} A row that you edited need not.` : sentence;
}

export const isPosition = (axis: string): boolean => /(^|\s)pos$/.test(axis);

export const hasWords = (axis: string): boolean => isPosition(axis) || axis === "d_vocab";

/** Words for places along an axis: tokens of the sentence or of the vocabulary; elsewhere nothing. */
export class Labels {
  private readonly chunks = new Map<number, string[] | Promise<string[]>>();

  async have(state: State, axis: string, from: number, to: number): Promise<void> {
    if (axis !== "d_vocab") return;
    const size = Number(state.model.config.d_vocab ?? 0);
    const waiting: Promise<string[]>[] = [];
    for (let start = from - (from % CHUNK); start < to; start += CHUNK) {
      if (this.chunks.has(start)) continue;
      const coming = api.labels(axis, start, Math.min(start + CHUNK, size)).then(
        ({ labels }) => {
          this.chunks.set(start, labels);
          return labels;
        },
        (error: unknown) => {
          this.chunks.delete(start);
          throw error;
        },
      );
      this.chunks.set(start, coming);
    }
    for (const chunk of this.chunks.values()) if (chunk instanceof Promise) waiting.push(chunk);
    await Promise.all(waiting);
  }

  at(state: State, axis: string, index: number): string {
    if (isPosition(axis)) return state.opened?.tokens[index]?.readable ?? "";
    if (axis !== "d_vocab") return "";
    const chunk = this.chunks.get(index - (index % CHUNK));
    return Array.isArray(chunk) ? (chunk[index % CHUNK] ?? "") : "";
  }
}

/** The spread of a sheet's numbers, asked for once a sheet. */
export class Ranges {
  private readonly known = new Map<string, Range>();

  at(sheet: Sheet): Range | undefined {
    return this.known.get(keyOf(sheet));
  }

  async have(sheet: Sheet): Promise<Range> {
    const before = this.at(sheet);
    if (before) return before;
    const range = await api.range(sheet.view, sheet.table, sheet.sheet, sheet.score);
    this.known.set(keyOf(sheet), range);
    return range;
  }
}

const keyOf = (sheet: Sheet): string => `${sheet.scope} ${sheet.table} ${sheet.sheet}`;

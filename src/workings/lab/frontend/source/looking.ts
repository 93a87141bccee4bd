// What a token looks at, in words.
import { h } from "./dom";
import { percent } from "./format";

const MOST_TOLD = 4;
const LEAST_TOLD = 0.005;

/** A sentence about the row of a map, or about one cell of it. */
export function looking(row: number, column: number | null, shares: Float32Array, words: string[]): (HTMLElement | string)[] {
  const strong = (text: string | undefined): HTMLElement => h("b", {}, text ?? "");
  if (!shares.every(Number.isFinite)) return ["Where ", strong(words[row]), " looks cannot be told: an edit made its shares overflow, or no numbers at all."];
  if (column !== null && column <= row) return [strong(words[row]), " takes ", strong(percent(shares[column] ?? 0)), " of what it takes in here from ", strong(words[column]), "."];
  const most = [...shares.keys()].sort((a, b) => shares[b]! - shares[a]!).slice(0, MOST_TOLD).filter((i) => shares[i]! > LEAST_TOLD);
  if (most.length === 0) return [strong(words[row]), " looks a little at everything before it."];
  return [strong(words[row]), " looks at ", ...most.flatMap((i, place) => [place ? ", " : "", strong(words[i]), ` ${percent(shares[i]!)}`]), "."];
}

/** "blocks.3.attn.pattern" as people say it. */
export function blockName(table: string): string {
  const found = /(?:(\w+)\.)?blocks\.(\d+)\.(cross_)?/.exec(table);
  return found ? `${found[1] ? `${found[1]} ` : ""}${found[3] ? "cross " : ""}Block ${found[2]}` : table;
}

// A map of patches: as a table, as a picture to be kept; and what stands around it.
import { cellsPicture, fillCells, type Cell, type Cells } from "./cellmap";
import { fill, h, spelt, word } from "./dom";
import { minus, NO_NUMBER, NO_NUMBERS, percent } from "./format";
import type { Guess, Sweep, Token } from "./types";

const WHEN: Record<string, string> = { resid_pre: "Before ", resid_mid: "Within ", resid_post: "After " };

export type { Cell };

function rowName({ over }: Sweep, block: number): string {
  const when = WHEN[over];
  return when ? `${when}block ${block}` : `Block ${block}`;
}

/** What names the columns: heads, or the tokens of both sentences. */
function headings({ by_head, columns, clean, corrupted }: Sweep): string[][] {
  return by_head ? [columns] : [clean, corrupted].map((side) => side.tokens.map((token) => word(token.readable)));
}

/** Why two sentences cannot be held against each other; empty where they can. */
export function unfit(one: Token[], two: Token[]): string {
  if (one.length !== two.length)
    return `Your sentence has ${one.length} tokens and the second one ${two.length}. Each number is put where the other sentence has one, so both need equally many: change the second until both rows below end together.`;
  if (one.every((token, i) => token.id === two[i]!.id)) return "Both sentences are the same. Change a word of the second one that matters for what comes next.";
  return "";
}

/** Two sentences above each other, what differs marked. */
export function fillAligned(table: HTMLElement, one: Token[], two: Token[]): void {
  const row = (name: string, tokens: Token[], others: Token[]): HTMLElement =>
    h("tr", {}, h("th", { scope: "row" }, name), ...tokens.map((token, i) => h("td", { class: token.id === others[i]?.id ? "" : "differs" }, spelt(token.readable))));
  fill(table, h("caption", { class: "visually-hidden" }, "The tokens of both sentences above each other"), h("tbody", {}, row("Yours", one, two), row("Second", two, one)));
}

function cellsOf(sweep: Sweep): Cells {
  const { clean, corrupted, by_head, effects, direction, largest } = sweep;
  const differs = (i: number): boolean => !by_head && clean.tokens[i]!.id !== corrupted.tokens[i]!.id;
  const names = headings(sweep);
  return {
    caption: `How much of the answer’s lead each patch ${direction === "noising" ? "takes away" : "brings back"}, in hundredths`,
    headings: names.map((line, row) => ({ title: by_head ? "" : ["Yours", "Second"][row]!, names: line, marked: differs })),
    rows: effects.map((_, block) => rowName(sweep, block)),
    values: effects,
    largest,
    said: ({ block, column }) => {
      const name = names[0]![column];
      const effect = effects[block]![column]!;
      return `${rowName(sweep, block)}, ${by_head ? name : `“${name}”`}: ${effect === null ? NO_NUMBER : `${minus((effect * 100).toFixed(1))} of 100`}`;
    },
  };
}

/** The map, each cell a button. */
export const fillMap = (table: HTMLElement, sweep: Sweep, choose: (cell: Cell) => void): void => fillCells(table, cellsOf(sweep), choose);

/** The likeliest tokens under a heading. */
export function guessBars(title: string, guesses: Guess[]): HTMLElement {
  const bar = (guess: Guess): HTMLElement => {
    const ink = h("span", { class: "ink" });
    ink.style.width = `${guess.share * 100}%`;
    return h("li", {}, spelt(guess.readable), h("span", { class: "track" }, ink), h("span", { class: "number" }, percent(guess.share)));
  };
  return h("div", {}, h("h4", {}, title), guesses.length ? h("ol", { class: "plain-bars" }, ...guesses.map(bar)) : h("p", { class: "note" }, NO_NUMBERS));
}

/** The map as a picture. */
export const sweepPicture = (sweep: Sweep): HTMLCanvasElement => cellsPicture(cellsOf(sweep));

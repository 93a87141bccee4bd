// A map of patches: as a table, as a picture to be kept; and what stands around it.
import { behind, palette } from "./colours";
import { fill, h, spelt, word } from "./dom";
import { minus, percent } from "./format";
import { sharpen, styled } from "./heatmap";
import type { Guess, Sweep, Token } from "./types";

const SILENT = 0.005;
const WHEN: Record<string, string> = { resid_pre: "Before ", resid_mid: "Within ", resid_post: "After " };

export interface Cell {
  block: number;
  column: number;
}

const hundredths = (value: number): string => (Math.abs(value) < SILENT ? "·" : minus((value * 100).toFixed(0)));

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

/** The map, each cell a button. */
export function fillMap(table: HTMLElement, sweep: Sweep, choose: (cell: Cell) => void): void {
  const { clean, corrupted, by_head, effects } = sweep;
  const differs = (i: number): boolean => !by_head && clean.tokens[i]!.id !== corrupted.tokens[i]!.id;
  const names = headings(sweep);
  const heads = names.map((line, row) =>
    h("tr", {}, h("th", { scope: "col" }, by_head ? "" : ["Yours", "Second"][row]), ...line.map((name, i) => h("th", { scope: "col", class: differs(i) ? "differs" : "" }, name))),
  );
  const cell = (place: Cell, value: number): HTMLElement => {
    const name = names[0]![place.column];
    const said = `${rowName(sweep, place.block)}, ${by_head ? name : `“${name}”`}: ${minus((value * 100).toFixed(1))} of 100`;
    const shade = Math.abs(value) < SILENT ? "" : behind(value, sweep.largest);
    return h("td", {}, h("button", { class: shade, title: said, "aria-label": said, onclick: () => choose(place) }, hundredths(value)));
  };
  const rows = effects.map((row, block) => h("tr", {}, h("th", { scope: "row" }, rowName(sweep, block)), ...row.map((value, column) => cell({ block, column }, value))));
  fill(table, h("caption", { class: "visually-hidden" }, `How much of the answer’s lead each patch ${sweep.direction === "noising" ? "takes away" : "brings back"}, in hundredths`), h("thead", {}, ...heads), h("tbody", {}, ...rows));
}

/** The likeliest tokens under a heading. */
export function guessBars(title: string, guesses: Guess[]): HTMLElement {
  const bar = (guess: Guess): HTMLElement => {
    const ink = h("span", { class: "ink" });
    ink.style.width = `${guess.share * 100}%`;
    return h("li", {}, spelt(guess.readable), h("span", { class: "track" }, ink), h("span", { class: "number" }, percent(guess.share)));
  };
  return h("div", {}, h("h4", {}, title), h("ol", { class: "plain-bars" }, ...guesses.map(bar)));
}

/** The map as a picture. */
export function sweepPicture(sweep: Sweep): HTMLCanvasElement {
  const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
  const [names, width, height] = [8 * rem, 4.5 * rem, 1.8 * rem];
  const canvas = document.createElement("canvas");
  const heads = headings(sweep);
  const context = sharpen(canvas, names + width * sweep.columns.length, height * (sweep.effects.length + heads.length));
  const write = (text: string, left: number, top: number, room: number, ink = "--ink"): void => {
    context.fillStyle = styled(ink);
    context.fillText(text, left + 0.4 * rem, top + height / 2, room - 0.8 * rem);
  };
  context.fillStyle = styled("--surface");
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.font = `${0.85 * rem}px ${styled("--sans")}`;
  context.textBaseline = "middle";
  heads.forEach((row, i) => row.forEach((name, column) => write(name, names + column * width, i * height, width, name === heads[0]![column] ? "--soft" : "--warm")));
  sweep.effects.forEach((row, block) => {
    const top = (block + heads.length) * height;
    write(rowName(sweep, block), 0, top, names, "--soft");
    row.forEach((value, column) => {
      const ink = palette()[value < 0 ? "negative" : "positive"];
      context.fillStyle = `rgb(${ink.join(" ")} / ${(Math.min(1, Math.abs(value) / sweep.largest) * 0.5).toFixed(3)})`;
      context.fillRect(names + column * width, top, width - 1, height - 1);
      write(hundredths(value), names + column * width, top, width);
    });
  });
  return canvas;
}

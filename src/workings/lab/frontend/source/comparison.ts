// Before and after, side by side: the likeliest next tokens, and what the model writes on.
import { api } from "./api";
import { fill, h, later, newest, spelt } from "./dom";
import { NO_NUMBERS, percent } from "./format";
import { sentence } from "./session";
import type { Page } from "./state";
import type { Compared } from "./types";

const REST = 350; // milliseconds of quiet before the model writes on
const SHOWN = 6;
const TAIL = 26; // letters of the sentence that stand before what is written on

export class Comparison {
  readonly element: HTMLElement;
  private readonly table = h("table", { class: "compared" });
  private readonly texts = h("dl", { class: "written", "aria-live": "polite" });
  private readonly take = newest();
  private readonly writeLater = later(REST, () => void this.write());
  private wrote = "";

  /** `shown` says whether anybody looks. */
  constructor(
    private readonly page: Page,
    private readonly shown: () => boolean,
  ) {
    this.element = h("div", { class: "comparison" }, this.table, this.texts);
    page.on(["opened", "screen"], () => this.draw());
  }

  draw(): void {
    const { opened } = this.page.get();
    if (!opened || !this.shown() || opened.tokens.length !== opened.n_pos) return;
    const rows = opened.compared?.slice(0, SHOWN) ?? opened.next.slice(0, SHOWN).map((guess) => ({ ...guess, before: guess.share, after: null }));
    fill(
      this.table,
      h("caption", { class: "visually-hidden" }, "The likeliest next tokens, without the edits and with them"),
      h("thead", {}, h("tr", {}, ...["Next token", "Before", "After"].map((name) => h("th", { scope: "col" }, name)))),
      h("tbody", {}, ...rows.map((row) => this.row(row))),
    );
    this.take(); // what was asked of other edits counts no more
    const known = this.wrote === opened.id;
    this.texts.classList.toggle("waiting", !known);
    if (!known) this.writeLater();
  }

  private row({ readable, before, after }: Compared): HTMLElement {
    return h("tr", {}, h("th", { scope: "row" }, spelt(readable)), bar(before, "ink before"), bar(after, "ink"));
  }

  private async write(): Promise<void> {
    const { opened } = this.page.get();
    if (!opened || !this.shown()) return;
    const current = this.take();
    try {
      const { before, after } = await api.continuations(opened.id, current.signal);
      if (!current()) return;
      this.wrote = opened.id;
      this.tell(before, after, !!opened.compared);
    } catch (error) {
      if (!current()) return;
      this.wrote = "";
      fill(this.texts, h("dt", {}, "It cannot write on"), h("dd", { class: "note" }, sentence(error)));
    }
    this.texts.classList.remove("waiting");
  }

  private tell(before: string | null, after: string | null, compared: boolean): void {
    const { shown, opened } = this.page.get();
    const { prompt, edits } = shown!;
    // Edited token ids are another sentence than the one that was typed.
    const read = prompt && edits.some(({ on, table }) => on && table === "ids") ? opened!.tokens.map((token) => token.text).join("") : prompt;
    fill(this.texts, h("div", {}, h("dt", {}, "Before, it writes on"), text(prompt, before)), compared ? h("div", {}, h("dt", {}, "After"), text(read, after)) : null);
  }
}

/** A sentence's end, and what the model writes on after it. */
function text(sentence: string, written: string | null): HTMLElement {
  const tail = sentence.length > TAIL ? `… ${sentence.slice(-TAIL).replace(/^\S*\s/, "")}` : sentence;
  return written === null ? h("dd", { class: "note" }, NO_NUMBERS) : h("dd", {}, h("span", { class: "soft" }, tail), h("b", {}, written));
}

function bar(share: number | null, kind: string): HTMLElement {
  if (share === null) return h("td", { class: "soft" }, "–");
  const ink = h("span", { class: kind });
  ink.style.width = `${share * 100}%`;
  return h("td", {}, h("span", { class: "share" }, h("span", { class: "track", "aria-hidden": "true" }, ink), h("span", { class: "number" }, percent(share))));
}

/** The screen of its own, for any edits. */
export class CompareView {
  readonly element: HTMLElement;
  private readonly none = h("p", { class: "soft" }, "No edit is in force, so there is nothing to compare. Change a number, or push the model along a feature, and look again.");

  constructor(page: Page) {
    const comparison = new Comparison(page, () => page.get().screen === "compare");
    this.element = h("div", { class: "compare-view" }, this.none, comparison.element);
    page.on(["opened"], ({ opened }) => (this.none.hidden = !!opened?.compared));
  }

  readonly picture = null;

  repaint(): void {
    // Its colours are those of the style sheet.
  }
}

// What matters: numbers of one sentence put into another, place by place, as a map of what brings the answer back.
import { placeOf } from "./address";
import { api, LabError } from "./api";
import { arrow, clamp, fill, h, newest, word } from "./dom";
import { PatchQuestion } from "./patchquestion";
import { legend, outcome } from "./patchwords";
import { ask } from "./question";
import { sentence, type Session } from "./session";
import { idsAsked, type Page } from "./state";
import { fillAligned, fillMap, guessBars, sweepPicture, unfit, type Cell } from "./sweepmap";
import type { Travel } from "./travel";
import type { Asked, Edit, Opened, PatchedCell, Sweep } from "./types";

const SMALL = 2e7; // numbers of a model that is so small that it is swept unasked

/** What was looked at before a patched trace was opened from here. */
type Home = Asked & { other: string | null };

export class PatchingView {
  readonly element: HTMLElement;
  private readonly start = h("button", { class: "primary", onclick: () => (this.stream ? this.stop() : void this.sweep()) }, "Try every patch");
  private readonly bar = h("progress", { max: 1, value: 0, "aria-label": "Patches tried" });
  private readonly asks: PatchQuestion;
  private readonly status = h("p", { class: "soft", role: "status" });
  private readonly trouble = h("p", { class: "note", role: "alert" });
  private readonly tokens = h("table", { class: "lens aligned" });
  private readonly map = h("table", { class: "lens sweep" });
  private readonly legend = h("p", { class: "soft" });
  private readonly detail = h("section", { class: "patch-detail", "aria-live": "polite", "aria-label": "The chosen patch" });
  private readonly takeSecond = newest();
  private readonly takeCell = newest();
  private second: { key: string; opened: Opened } | null = null;
  private stream: AbortController | null = null;
  private result: Sweep | null = null;
  private key = "";
  /** What the map was asked with: its cells are asked with the same. */
  private asked: Record<string, string | number> = {};
  /** Whether the chosen patch could not be told. */
  private lacking = false;
  private chosen: Cell = { block: 0, column: 0 };
  /** By the edits of the patched traces that were opened from here, to which undo and redo may lead at any time. */
  private readonly homes = new WeakMap<Edit[], Home>();

  constructor(
    private readonly page: Page,
    private readonly session: Session,
    private readonly travel: Travel,
  ) {
    this.asks = new PatchQuestion(page, this.start, this.bar);
    this.element = h(
      "div",
      { class: "reasons patching" },
      ...this.asks.lines,
      this.status,
      this.trouble,
      h("div", { class: "lens-scroll" }, this.tokens),
      h("div", { class: "lens-scroll" }, this.map),
      this.detail,
      this.legend,
    );
    this.map.addEventListener("keydown", (event) => this.onKey(event));
    page.on(["opened", "screen", "question"], () => void this.refresh());
  }

  /** The map as a picture. Throws where there is none yet. */
  picture(): HTMLCanvasElement {
    if (this.result) return sweepPicture(this.result);
    const trying = "The patches are still being tried; once the map is there, it can be kept as a picture.";
    throw new LabError("input", this.stream ? trying : "There is no map here yet that could be kept as a picture.");
  }

  repaint(): void {
    // Its shades are classes, which follow the colours that hold.
  }

  /** Read the second sentence, show both above each other, and sweep where that is quickly done. */
  private async refresh(): Promise<void> {
    const { opened, screen, question, model, edits, busy } = this.page.get();
    if (screen !== "patching") return this.leave();
    if (!opened || busy || opened.tokens.length !== opened.n_pos) return;
    const home = this.homes.get(edits);
    if (home) return this.showAway(home);
    this.asks.allow(true);
    this.asks.show();
    const current = this.takeSecond();
    try {
      const key = `${opened.id} ${this.asks.other} ${question.plain}`;
      if (this.second?.key !== key) {
        const second = await api.open(this.asks.second, current.signal);
        if (!current()) return;
        this.second = { key, opened: second };
      }
    } catch (error) {
      if (current()) this.tell(sentence(error));
      return;
    }
    const second = this.second!.opened;
    const said = (question.plain && opened.before) || opened.next;
    this.asks.answer.otherwise(word(said[0]?.readable ?? ""));
    this.asks.against.otherwise(word(second.next[0]?.readable ?? ""));
    const key = JSON.stringify(this.asks.query);
    if (key === this.key) return void (this.lacking && this.look());
    this.stop();
    this.takeCell();
    [this.result, this.key] = [null, ""];
    fillAligned(this.tokens, opened.tokens, second.tokens);
    this.tokens.parentElement!.hidden = false;
    const wrong = unfit(opened.tokens, second.tokens);
    this.tell(wrong);
    this.start.disabled = wrong !== "";
    if (!wrong && (model.n_parameters < SMALL || (question.quick && !question.into))) void this.sweep();
  }

  /** Nobody looks any more: nothing is tried, nor begun. */
  private leave(): void {
    this.takeSecond();
    this.stop();
  }

  private tell(wrong: string): void {
    fill(this.trouble, wrong);
    fill(this.status);
    this.bar.hidden = true;
    if (!this.result) for (const part of [this.map, this.legend, this.detail]) fill(part);
    this.map.parentElement!.hidden = !this.result;
  }

  private async sweep(): Promise<void> {
    this.stop();
    const stream = (this.stream = new AbortController());
    const asked = this.asks.query;
    fill(this.start, "Stop");
    this.start.classList.add("stop");
    fill(this.trouble);
    try {
      for await (const { kind, data } of api.patching(asked, stream.signal)) {
        if (this.stream !== stream) return;
        if (kind === "message") this.showProgress(data as { done: number; of: number });
        else if (kind === "done") this.take(data as Sweep, asked);
        else this.tell((data as { error: string }).error);
      }
    } catch (error) {
      if (!stream.signal.aborted) this.tell(sentence(error));
    }
    if (this.stream === stream) this.stop();
  }

  private showProgress({ done, of }: { done: number; of: number }): void {
    this.bar.hidden = false;
    this.bar.value = done / of;
    fill(this.status, `${done} of ${of} patches`);
  }

  /** Stop what is being tried, if anything is. */
  private stop(): void {
    this.stream?.abort();
    this.stream = null;
    this.bar.hidden = true;
    if (!this.result) fill(this.status);
    fill(this.start, "Try every patch");
    this.start.classList.remove("stop");
  }

  private take(result: Sweep, asked: Record<string, string | number>): void {
    [this.result, this.asked, this.key, this.chosen] = [result, asked, JSON.stringify(asked), result.best ?? { block: 0, column: 0 }];
    fill(this.status, outcome(result));
    this.map.parentElement!.hidden = false;
    this.tokens.parentElement!.hidden = !result.by_head; // else they stand above the map
    this.drawMap(result);
    void this.look();
  }

  // The map

  private drawMap(result: Sweep): void {
    fillMap(this.map, result, (place) => this.choose(place));
    fill(this.legend, ...legend(result));
    this.mark(false);
  }

  private choose({ block, column }: Cell): void {
    const { effects } = this.result!;
    this.chosen = { block: clamp(block, 0, effects.length - 1), column: clamp(column, 0, effects[0]!.length - 1) };
    this.mark(true);
    void this.look();
  }

  /** Show which cell is chosen; it alone is a stop for the Tab key. */
  private mark(focus: boolean): void {
    const at = this.chosen.block * this.result!.columns.length + this.chosen.column;
    this.map.querySelectorAll<HTMLButtonElement>("td button").forEach((button, i) => {
      button.setAttribute("aria-pressed", String(i === at));
      button.tabIndex = i === at ? 0 : -1;
      if (i === at && focus) button.focus();
      if (i === at) button.scrollIntoView({ block: "nearest", inline: "nearest" });
    });
  }

  private onKey(event: KeyboardEvent): void {
    const by = arrow(event);
    if (!by || !this.result) return;
    event.preventDefault();
    this.choose({ block: this.chosen.block + by[0], column: this.chosen.column + by[1] });
  }

  // One patch

  private async look(): Promise<void> {
    const current = this.takeCell();
    const { block, column } = this.chosen;
    const best = this.result!.best;
    try {
      const cell = await api.patchedCell({ ...this.asked, block, column }, current.signal);
      if (!current()) return;
      this.lacking = false;
      this.drawCell(cell, block === best?.block && column === best?.column);
    } catch (error) {
      if (!current()) return;
      this.lacking = true;
      fill(this.detail, h("p", { class: "note" }, sentence(error)));
    }
  }

  private drawCell(cell: PatchedCell, best: boolean): void {
    const taken = (): void => this.travel.go({ screen: "numbers", place: placeOf({ table: cell.table, index: cell.index }) });
    const estimated = this.result!.method === "attribution";
    const { block, column } = this.chosen;
    const tells = !this.result!.into && this.result!.over === "heads" && block > 0;
    const before = `${best ? (estimated ? "The strongest by estimate. " : "The strongest patch. ") : ""}${estimated ? "Tried: " : ""}`;
    fill(
      this.detail,
      h("h3", {}, before, cell.said),
      h("div", { class: "before-after" }, guessBars(`${this.asks.patchedName} without it`, cell.before), guessBars("With this patch", cell.next)),
      h(
        "p",
        { class: "links" },
        cell.patched && h("button", { class: "primary", onclick: () => this.open(cell) }, "Open the patched sentence"),
        cell.why_not && h("span", { class: "soft" }, cell.why_not),
        h("button", { class: "link", onclick: taken }, "See these numbers in your sentence"),
        tells && h("button", { class: "link", onclick: () => ask(this.page, { into: `${block}.${column}.q` }) }, "Who tells this head where to look?"),
      ),
    );
  }

  /** Look at the patched trace: the second sentence, with the patch as an edit. */
  private open(cell: PatchedCell): void {
    const { prompt, ids, edits, question } = this.page.get();
    const patched = cell.patched!;
    const { other } = question;
    this.homes.set(patched.edits, { prompt, ids, edits, other });
    const mine = prompt || idsAsked(this.page.get())!.join(" ");
    void this.session.change({ ...patched, other: question.direction === "denoising" ? mine : other });
    this.travel.go({ screen: "numbers", place: placeOf({ table: patched.edits.at(-1)!.table, index: cell.lands! }) });
  }

  private showAway(home: Home): void {
    this.asks.allow(false);
    const back = (): void => void this.session.change(home);
    fill(this.trouble, `You are looking at ${this.asks.patchedName.toLowerCase()}, with the patch as an edit. `, h("button", { class: "link", onclick: back }, "Go back to your sentence"));
  }
}

// What matters: numbers of one sentence put into another, place by place, as a map of what brings the answer back.
import { placeOf } from "./address";
import { api } from "./api";
import { clamp, fill, h, later, newest, word } from "./dom";
import { legend, outcome } from "./patchwords";
import { ask, fitting, NO_QUESTION, wordField, type Direction } from "./question";
import { receiverField } from "./receiver";
import { sentence, type Session } from "./session";
import type { Page } from "./state";
import { fillAligned, fillMap, guessBars, sweepPicture, unfit, type Cell } from "./sweepmap";
import type { Travel } from "./travel";
import type { Asked, Edit, Opened, PatchedCell, Sweep } from "./types";

const TYPING_PAUSE = 350;
const PATHS = "paths"; // beside what can be patched as a whole
const DIRECTIONS: Record<Direction, string> = {
  denoising: "Put yours into the second (what is enough)",
  noising: "Put the second’s into yours (what is needed)",
};
const SMALL = 2e7; // numbers of a model that is so small that it is swept unasked

/** The patched trace that was opened from here, and what was looked at before. */
interface Away {
  edits: Edit[];
  home: Asked;
  other: string | null;
}

export class PatchingView {
  readonly element: HTMLElement;
  private readonly input = h("input", { class: "second-box", spellcheck: "false", autocomplete: "off", "aria-label": "The second sentence" });
  private readonly answer: ReturnType<typeof wordField>;
  private readonly against: ReturnType<typeof wordField>;
  private readonly over: HTMLSelectElement;
  private readonly receiver: ReturnType<typeof receiverField>;
  private readonly direction = h("select", { "aria-label": "From which sentence into which", title: "Denoising and noising, as papers call them" }, ...Object.entries(DIRECTIONS).map(([value, said]) => h("option", { value }, said)));
  private readonly goal = { to: h("span"), from: h("span") };
  private readonly withEdits = h("input", { type: "checkbox", role: "switch" });
  private readonly editsSwitch = h("label", { class: "quick", title: "Off: both sentences are read as the model is by itself" }, this.withEdits, "with your edits, in both sentences");
  private readonly quick = h("input", { type: "checkbox" });
  private readonly quickSwitch = h("label", { class: "quick", title: "Attribution patching: every patch by its slope, from one gradient; often wrong for the stream" }, this.quick, "estimate only (quick)");
  private readonly start = h("button", { class: "primary", onclick: () => (this.stream ? this.stop() : void this.sweep()) }, "Try every patch");
  private readonly bar = h("progress", { max: 1, value: 0, "aria-label": "Patches tried" });
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
  private chosen: Cell = { block: 0, column: 0 };
  private away: Away | null = null;

  constructor(
    private readonly page: Page,
    private readonly session: Session,
    private readonly travel: Travel,
  ) {
    this.answer = wordField(page, "answer", "The answer: the word that your sentence makes likely", "patching-answers");
    this.against = wordField(page, "against", "The word that the second sentence makes likely", "patching-others");
    this.over = h("select", { "aria-label": "What is taken over" }, ...Object.entries({ ...page.get().model.over, [PATHS]: "what each head tells one reader, by head" }).map(([value, said]) => h("option", { value }, said)));
    this.receiver = receiverField(page.get().model, (into) => ask(page, { into }));
    this.element = h(
      "div",
      { class: "reasons patching" },
      h("label", { class: "second" }, h("span", {}, "Second sentence"), this.input),
      h("div", { class: "ask-line" }, this.direction, this.goal.to, this.answer.element, this.goal.from, this.against.element),
      h("div", { class: "ask-line" }, h("label", { class: "second" }, "by taking over", this.over), this.receiver.element, this.start, this.quickSwitch, this.editsSwitch, this.bar),
      this.status,
      this.trouble,
      h("div", { class: "lens-scroll" }, this.tokens),
      h("div", { class: "lens-scroll" }, this.map),
      this.detail,
      this.legend,
    );
    this.listen();
    page.on(["opened", "screen", "question"], () => void this.refresh());
  }

  picture(): HTMLCanvasElement | null {
    return this.result && sweepPicture(this.result);
  }

  repaint(): void {
    // Its shades are classes, which follow the colours that hold.
  }

  private listen(): void {
    const settle = later(TYPING_PAUSE, () => ask(this.page, { other: this.input.value }));
    this.input.addEventListener("input", settle);
    this.over.addEventListener("change", () => ask(this.page, this.over.value === PATHS ? { over: NO_QUESTION.over, into: "logits" } : { over: this.over.value, into: "" }));
    this.direction.addEventListener("change", () => ask(this.page, { direction: this.direction.value as Direction }));
    this.withEdits.addEventListener("change", () => ask(this.page, { plain: !this.withEdits.checked }));
    this.quick.addEventListener("change", () => ask(this.page, { quick: this.quick.checked }));
    this.map.addEventListener("keydown", (event) => this.onKey(event));
  }

  private get other(): string {
    const { question, prompt, opened, model } = this.page.get();
    return question.other ?? (model.has_tokenizer ? fitting(prompt) : (opened?.tokens.map((token) => token.id).join(", ") ?? ""));
  }

  private get query(): Record<string, string | number> {
    const { opened, question } = this.page.get();
    const { answer, against, over, into, direction, plain, quick } = question;
    const what: Record<string, string> = into ? { into } : { over, method: quick ? "attribution" : "patching" };
    return { view: opened!.id, other: this.other, answer, against, ...what, direction, edits: plain ? "no" : "yes" };
  }

  /** Read the second sentence, show both above each other, and sweep where that is quickly done. */
  private async refresh(): Promise<void> {
    const { opened, screen, question, model, edits, busy } = this.page.get();
    if (screen !== "patching") return this.stop();
    if (!opened || busy || opened.tokens.length !== opened.n_pos) return;
    if (this.away && edits === this.away.edits) return this.showAway();
    this.away = null;
    this.allow(true);
    this.showQuestion();
    const current = this.takeSecond();
    try {
      const key = `${opened.id} ${this.other} ${question.plain}`;
      if (this.second?.key !== key) {
        const second = await api.open(this.secondAsked(), current.signal);
        if (!current()) return;
        this.second = { key, opened: second };
      }
    } catch (error) {
      if (current()) this.tell(sentence(error));
      return;
    }
    const second = this.second!.opened;
    const said = (question.plain && opened.before) || opened.next;
    this.answer.otherwise(word(said[0]?.readable ?? ""));
    this.against.otherwise(word(second.next[0]?.readable ?? ""));
    const key = JSON.stringify(this.query);
    if (key === this.key) return;
    this.stop();
    this.result = null;
    fillAligned(this.tokens, opened.tokens, second.tokens);
    this.tokens.parentElement!.hidden = false;
    const wrong = unfit(opened.tokens, second.tokens);
    this.tell(wrong);
    this.start.disabled = wrong !== "";
    if (!wrong && (model.n_parameters < SMALL || (question.quick && !question.into))) void this.sweep();
  }

  private showQuestion(): void {
    const { question, edits } = this.page.get();
    const { into, over, direction, plain, quick } = question;
    if (document.activeElement !== this.input) this.input.value = this.other;
    this.over.value = into ? PATHS : over;
    this.receiver.element.hidden = !into;
    if (into) this.receiver.show(into);
    this.direction.value = direction;
    fill(this.goal.to, direction === "noising" ? "to take from" : "to bring back");
    fill(this.goal.from, direction === "noising" ? "its lead over" : "instead of");
    this.quick.checked = quick;
    this.quickSwitch.hidden = into !== "";
    this.withEdits.checked = !plain;
    this.editsSwitch.hidden = !edits.some((edit) => edit.on);
  }

  private secondAsked(): Asked {
    const { model, question } = this.page.get();
    const edits = question.plain ? [] : this.page.get().edits;
    if (model.has_tokenizer) return { prompt: this.other, ids: null, edits };
    return { prompt: "", ids: this.other.split(/[\s,]+/).filter(Boolean).map(Number), edits };
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
    const asked = this.query;
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
    [this.result, this.asked, this.key, this.chosen] = [result, asked, JSON.stringify(asked), result.best];
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
    const moves: Record<string, [number, number]> = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    const by = moves[event.key];
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
      if (current()) this.drawCell(cell, block === best.block && column === best.column);
    } catch (error) {
      if (current()) fill(this.detail, h("p", { class: "note" }, sentence(error)));
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
      h("div", { class: "before-after" }, guessBars(`${this.patchedName} without it`, cell.before), guessBars("With this patch", cell.next)),
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
    this.away = { edits: patched.edits, home: { prompt, ids, edits }, other: question.other };
    this.page.set({ prompt: patched.prompt, ids: patched.ids });
    this.session.setEdits(patched.edits);
    if (question.direction === "denoising") ask(this.page, { other: prompt });
    const { table, index } = patched.edits.at(-1)!;
    this.travel.go({ screen: "numbers", place: placeOf({ table, index: index.map((part) => (typeof part === "number" ? part : 0)) }) });
  }

  /** The sentence into which numbers are put. */
  private get patchedName(): string {
    return this.page.get().question.direction === "noising" ? "Your sentence" : "The second sentence";
  }

  private allow(asking: boolean): void {
    for (const control of [this.input, this.over, this.direction, ...this.receiver.controls, this.quick, this.withEdits, this.start]) control.disabled = !asking;
  }

  private showAway(): void {
    this.allow(false);
    const back = (): void => {
      const { home, other } = this.away!;
      this.away = null;
      this.page.set({ prompt: home.prompt, ids: home.ids });
      this.session.setEdits(home.edits);
      ask(this.page, { other });
    };
    fill(this.trouble, `You are looking at ${this.patchedName.toLowerCase()}, with the patch as an edit. `, h("button", { class: "link", onclick: back }, "Go back to your sentence"));
  }
}

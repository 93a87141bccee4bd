// The slider that pushes the model along a feature: one ordinary edit, which it adds, changes and takes out again.
import { api, LabError } from "./api";
import { Comparison } from "./comparison";
import { fill, h, later, newest, word } from "./dom";
import { inText, typed } from "./format";
import { sentence, type Session } from "./session";
import type { Page } from "./state";
import { featureName, keepSteers, placeSaid, steersOf, tableSaid } from "./steers";
import type { Card, Reach } from "./featuretypes";
import type { Edit, Steers } from "./types";

const ONE_STEP = 1000; // milliseconds: what is asked for so soon after the last is undone together with it
const QUIET = 500;

interface Wanted {
  /** Of which feature: another one may have been chosen meanwhile. */
  card: Card;
  strength: number;
  positions: string;
  /** What is asked for in one gesture, such as one drag, is undone in one step, however long it takes. */
  gesture: number;
}

type Kind = "all" | "here" | "on";

export class Slider {
  readonly element: HTMLElement;
  private readonly range = h("input", { type: "range", class: "strength", "aria-label": "Strength of the push" });
  private readonly number = h("input", { type: "text", inputmode: "decimal", class: "field number", "aria-label": "Strength as a number", size: 6 });
  private readonly none = h("button", { class: "quiet bordered", onclick: () => this.want({ strength: 0 }) }, "Stop pushing");
  private readonly ends = [h("span", { class: "soft number" }), h("span", { class: "soft number" })] as const;
  private readonly told = h("p", { class: "soft", "aria-live": "polite" });
  private readonly answer = h("p", { class: "smallest", "aria-live": "polite" });
  private readonly where = h("div", { class: "toggle", role: "group", "aria-label": "Where to push" });
  private readonly comparison: Comparison;
  private readonly takeReach = newest();
  private readonly takeSmallest = newest();
  private readonly suggest = later(QUIET, () => void this.askReach());
  private card: Card | null = null;
  private kind: Kind = "all";
  private wanted: Wanted | null = null;
  private running = false;
  private mine: { edits: Edit[]; gesture: number } | null = null;
  private gesture = 0;
  private held = false;
  private asked = 0;
  private suggested = "";
  /** What the answer to the smallest strength is about. */
  private answered = "";

  constructor(
    private readonly page: Page,
    private readonly session: Session,
    private readonly token: () => number,
  ) {
    this.comparison = new Comparison(page, () => page.get().screen === "features");
    this.range.addEventListener("input", () => this.want({ strength: Number(this.range.value) }));
    this.range.addEventListener("pointerdown", () => this.hold(true));
    for (const end of ["pointerup", "pointercancel"]) window.addEventListener(end, () => this.hold(false));
    this.number.addEventListener("change", () => this.takeNumber());
    const smallest = h("button", { class: "link", onclick: () => void this.find() }, "Find the smallest strength that changes the next word");
    this.element = h(
      "section",
      { class: "push", "aria-label": "Push the model in this direction" },
      h("h4", {}, "Push the model in this direction"),
      h("div", { class: "slide" }, this.ends[0], this.range, this.ends[1], this.number, this.none),
      h("div", { class: "slide" }, this.where, smallest),
      this.told,
      this.answer,
      this.comparison.element,
    );
    page.on(["opened", "edits", "token"], () => this.draw());
  }

  /** Take up a feature. */
  show(card: Card): void {
    if (card.number !== this.card?.number) {
      this.card = card;
      this.takeReach();
      this.suggested = "";
      this.setReach(card.reach);
      this.kind = this.kindOf(this.mineNow()?.positions) ?? "all";
    }
    this.draw();
    this.comparison.draw();
    this.suggest();
  }

  // What holds now

  /** The edit that steers along this feature, and what it says. */
  private at(feature = this.card?.number): number {
    return this.page.get().edits.findIndex((edit) => steersOf(this.page, edit)?.feature === feature);
  }

  private mineNow(): Steers | null {
    const edit = this.page.get().edits[this.at()];
    return edit ? steersOf(this.page, edit) : null;
  }

  private positions(kind: Kind): string {
    return { all: ":", here: String(this.token()), on: `${this.token()}:` }[kind];
  }

  private kindOf(positions: number | string | undefined): Kind | null {
    return (["all", "here", "on"] as const).find((kind) => this.positions(kind) === String(positions)) ?? null;
  }

  private draw(): void {
    const { card } = this;
    const { opened, screen, edits } = this.page.get();
    if (!card || !opened || screen !== "features") return;
    if (this.answered !== this.questioned()) this.forget();
    const steers = this.mineNow();
    const strength = (this.wanted?.card === card ? this.wanted.strength : undefined) ?? steers?.strength ?? 0;
    if (Math.abs(strength) > Number(this.range.max)) this.setReach({ most: Math.abs(strength), step: Number(this.range.step) });
    if (document.activeElement !== this.range || !this.running) this.range.value = String(strength);
    if (document.activeElement !== this.number) this.number.value = inText(strength);
    this.range.setAttribute("aria-valuetext", inText(strength));
    this.none.disabled = !steers;
    const chosen = steers ? this.kindOf(steers.positions) : this.kind;
    const here = word(opened.tokens[this.token()]?.readable ?? "");
    const names: [Kind, string][] = [["all", "at every token"], ["here", `at “${here}” only`], ["on", `from “${here}” on`]];
    const focused = [...this.where.children].indexOf(document.activeElement as Element);
    fill(this.where, ...names.map(([kind, name]) => h("button", { "aria-pressed": String(kind === chosen), onclick: () => this.choose(kind) }, name)));
    if (focused >= 0) (this.where.children[focused] as HTMLElement).focus();
    const off = steers && !edits[this.at()]!.on ? " This edit is switched off." : "";
    fill(this.told, steers
      ? `${inText(steers.strength)} × ${featureName({ feature: card.number, label: card.label })} is added to ${tableSaid(this.page.get().model.features!.table)}, ${placeSaid(this.page, String(steers.positions))}.${off}`
      : "Move the slider: to the right for more of it, to the left for less.");
  }

  private setReach({ most, step }: Reach): void {
    Object.assign(this.range, { min: String(-most), max: String(most), step: String(step) });
    fill(this.ends[0], inText(-most));
    fill(this.ends[1], inText(most));
  }

  // What is asked for

  private choose(kind: Kind): void {
    this.kind = kind;
    const steers = this.mineNow();
    if (steers) this.want({ positions: this.positions(kind) });
    else this.draw();
    this.suggest();
  }

  private takeNumber(): void {
    const strength = typed(this.number.value);
    this.number.setAttribute("aria-invalid", String(strength === null));
    if (strength !== null) this.want({ strength });
  }

  private hold(held: boolean): void {
    if (held) this.gesture += 1;
    this.held = held;
  }

  /** Steer like this from now on: one request at a time, the last that was asked for wins. */
  private want(change: Partial<Pick<Wanted, "strength" | "positions">>): void {
    if (!this.held && Date.now() - this.asked >= ONE_STEP) this.gesture += 1;
    this.asked = Date.now();
    const { card } = this;
    if (!card) return;
    this.page.set({ feature: card.number }); // what is pushed stays in view, whatever fires most then
    const steers = this.mineNow();
    const now = this.wanted?.card === card ? this.wanted : { strength: steers?.strength ?? 0, positions: String(steers?.positions ?? this.positions(this.kind)) };
    this.wanted = { ...now, ...change, card, gesture: this.gesture };
    if (document.activeElement !== this.number) this.number.value = inText(this.wanted.strength);
    if (!this.running) void this.run();
  }

  private async run(): Promise<void> {
    this.running = true;
    try {
      for (let next = this.wanted; next; next = this.wanted) {
        await this.put(next);
        if (this.wanted === next) this.wanted = null;
      }
    } catch (error) {
      this.wanted = null;
      this.page.set({ trouble: sentence(error) });
    } finally {
      this.running = false;
      this.draw();
    }
  }

  private async put({ card, strength, positions, gesture }: Wanted): Promise<void> {
    const { number: feature, label } = card;
    const { edit } = await api.steer(this.page.get().opened!.id, feature, strength, positions);
    const { edits, model } = this.page.get();
    const at = this.at(feature);
    if (!edit && at < 0) return;
    if (edit) keepSteers(edit, { feature, label, strength, positions });
    if (edit && at < 0 && edits.length >= model.limits.edits) throw new LabError("limit", `There can be ${model.limits.edits} edits at once. Take one out first.`);
    const changed = !edit ? edits.toSpliced(at, 1) : at < 0 ? [...edits, edit] : edits.with(at, edit);
    const opening = this.session.setEdits(changed, edits === this.mine?.edits && gesture === this.mine.gesture);
    this.mine = { edits: this.page.get().edits, gesture };
    await opening;
  }

  // How hard one has to push

  private place(): string {
    return String(this.mineNow()?.positions ?? this.positions(this.kind));
  }

  /** What the smallest strength hangs on: the feature, the sentence, where one pushes, and the other edits. */
  private questioned(): string {
    const { prompt, ids, edits } = this.page.get().shown!;
    const others = edits.filter((edit) => steersOf(this.page, edit)?.feature !== this.card?.number);
    return JSON.stringify([this.card?.number, prompt, ids, this.place(), others]);
  }

  private forget(): void {
    this.takeSmallest();
    this.answered = this.questioned();
    fill(this.answer);
  }

  /** Let the slider reach to twice what is needed, before anybody takes hold of it. */
  private async askReach(): Promise<void> {
    const { opened, screen, shown } = this.page.get();
    const positions = this.place();
    const key = `${this.card?.number} ${shown?.prompt} ${shown?.ids} ${positions}`;
    if (!opened || !this.card || screen !== "features" || key === this.suggested) return;
    this.suggested = key;
    const current = this.takeReach();
    const found = await api.smallest(opened.id, this.card.number, positions, current.signal).catch(() => null);
    if (current() && !found) this.suggested = "";
    if (current() && found?.reach && !this.mineNow() && document.activeElement !== this.range) this.setReach(found.reach);
  }

  private async find(): Promise<void> {
    const { opened } = this.page.get();
    if (!opened || !this.card) return;
    const current = this.takeSmallest();
    this.answered = this.questioned();
    fill(this.answer, "Looking for it …");
    try {
      const { strength, sentence: said } = await api.smallest(opened.id, this.card.number, this.place(), current.signal);
      if (!current()) return;
      const push = strength === null ? null : h("button", { class: "link", onclick: () => this.want({ strength }) }, "Push that hard");
      fill(this.answer, said, " ", push);
    } catch (error) {
      if (current()) fill(this.answer, sentence(error));
    }
  }
}

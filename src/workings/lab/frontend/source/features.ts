// The features of a sparse autoencoder: which fire where in the sentence, all of them to search, and the card of one.
import { api } from "./api";
import { shade } from "./colours";
import { fill, h, later, newest, spelt, word } from "./dom";
import { FeatureCard } from "./featurecard";
import { FeatureList } from "./featurelist";
import { capital, inText, NO_NUMBER } from "./format";
import { NO_FEATURES } from "./outline";
import { sentence, type Session } from "./session";
import type { Page } from "./state";
import { featureName } from "./steers";
import type { Travel } from "./travel";

const REST = 120;

export class FeaturesView {
  readonly element: HTMLElement;
  private readonly title = h("h3", {});
  private readonly tokens = h("div", { class: "fired", role: "group", "aria-label": "Tokens, with how strongly the feature fires at each" });
  private readonly list: FeatureList;
  private readonly card: FeatureCard;
  private readonly take = newest();
  private strongest: number | null = null;
  private asked = "";
  private fires: { strengths: (number | null)[]; shares: (number | null)[] } | null = null;

  constructor(
    private readonly page: Page,
    session: Session,
    private readonly travel: Travel,
  ) {
    this.list = new FeatureList(page, (feature) => travel.go({ feature }));
    this.card = new FeatureCard(page, session, () => this.token);
    this.element = page.get().model.features
      ? h("div", { class: "features" }, h("section", { class: "fired-line", "aria-label": "Where it fires in your sentence" }, this.title, this.tokens), this.list.element, this.card.element)
      : h("div", { class: "features none" }, h("p", { class: "soft" }, NO_FEATURES));
    if (!page.get().model.features) return;
    this.tokens.addEventListener("keydown", (event) => this.onKey(event));
    page.on(["opened"], later(REST, () => void this.refresh()));
    page.on(["screen", "feature", "token"], () => void this.refresh());
  }

  offered = (): boolean => !!this.page.get().model.features;

  readonly picture = null;

  repaint(): void {
    this.asked = "";
    void this.refresh();
  }

  private get token(): number {
    const { token, opened } = this.page.get();
    return Math.min(token ?? Infinity, (opened?.n_pos ?? 1) - 1);
  }

  private async refresh(): Promise<void> {
    const { opened, screen } = this.page.get();
    if (!opened || screen !== "features" || opened.tokens.length !== opened.n_pos) return;
    const key = `${opened.id} ${this.token} ${this.page.get().feature}`;
    if (key === this.asked) return;
    this.asked = key;
    const found = await this.list.refresh(this.token);
    if (found !== null) this.strongest = found;
    if (this.list.failed && key === this.asked) this.asked = "";
    const feature = this.page.get().feature ?? this.strongest;
    if (feature !== null && (this.asked || key) === key) await this.show(feature);
  }

  private async show(feature: number): Promise<void> {
    const { opened } = this.page.get();
    const current = this.take();
    this.list.mark(feature);
    try {
      const [card, fires] = await Promise.all([this.card.read(feature), api.strengths(opened!.id, feature, current.signal)]);
      if (!current() || opened!.id !== this.page.get().opened!.id) return;
      this.card.show(card);
      this.card.element.hidden = false;
      this.fires = fires;
      this.draw(featureName({ feature, label: card.label }), feature);
    } catch (error) {
      if (!current()) return;
      this.asked = "";
      this.card.element.hidden = true;
      fill(this.tokens);
      fill(this.title, capital(sentence(error)), ". Choose one from the list.");
    }
  }

  /** The sentence, shaded by how strongly the feature fires. */
  private draw(name: string, feature: number): void {
    const { opened, model } = this.page.get();
    const { strengths, shares } = this.fires!;
    const nowhere = strengths.every((strength) => strength !== null && strength <= 0);
    const named = h("span", { class: "named" }, name);
    const fired = nowhere ? [named, " fires nowhere in your sentence"] : ["Where ", named, " fires in your sentence"];
    const place = { table: model.features!.acts, sheet: 0, row: this.token, column: feature };
    const focused = this.tokens.contains(document.activeElement);
    fill(this.title, ...fired, " ", h("button", { class: "link", onclick: () => this.travel.go({ screen: "numbers", place }) }, `How its number at “${word(opened!.tokens[this.token]!.readable)}” is made`));
    fill(this.tokens, ...opened!.tokens.map((token, i) => this.chip(token.readable, i, strengths[i]!, shares[i]!)));
    if (focused) this.tokens.querySelector<HTMLElement>("[aria-pressed=true]")?.focus();
  }

  private chip(readable: string, i: number, strength: number | null, share: number | null): HTMLElement {
    const here = i === this.token;
    const button = h(
      "button",
      { "aria-pressed": String(here), tabindex: here ? 0 : -1, onclick: () => this.page.set({ token: i }) },
      spelt(readable),
      h("small", { class: "number" }, strength === null ? NO_NUMBER : strength > 0 ? inText(strength) : ""),
    );
    button.style.backgroundColor = share === null ? "" : shade(share, 0.6);
    return button;
  }

  private onKey(event: KeyboardEvent): void {
    const by = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    const { opened } = this.page.get();
    if (!by || !opened) return;
    event.preventDefault();
    this.page.set({ token: Math.max(0, Math.min(opened.n_pos - 1, this.token + by)) });
  }
}

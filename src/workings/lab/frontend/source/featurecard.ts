// The card of one feature: pushing the model along it, the texts in which it fires, and the tokens that it speaks for and against.
import { api } from "./api";
import { shade } from "./colours";
import { fill, h, spelt } from "./dom";
import { inText, percent } from "./format";
import type { Session } from "./session";
import type { Page } from "./state";
import { featureName, tableSaid } from "./steers";
import { Slider } from "./steering";
import type { Card, Weighed } from "./featuretypes";

const MOST_KEPT = 200;

export class FeatureCard {
  readonly element: HTMLElement;
  private readonly head = h("header", {});
  private readonly about = h("div", { class: "about" });
  private readonly slider: Slider;
  private readonly kept = new Map<string, Promise<Card>>();
  private shown = "";

  constructor(
    private readonly page: Page,
    session: Session,
    token: () => number,
  ) {
    this.slider = new Slider(page, session, token);
    this.element = h("section", { class: "feature-card", "aria-label": "The feature" }, this.head, this.slider.element, this.about);
  }

  show(card: Card): void {
    const key = `${card.number} ${matchMedia("(prefers-color-scheme: dark)").matches}`;
    if (key !== this.shown) {
      this.shown = key;
      this.draw(card);
    }
    this.slider.show(card);
  }

  /** What the card of a feature says, asked for once. */
  read(feature: number): Promise<Card> {
    const view = this.page.get().opened!.id;
    const key = String(feature);
    const known = this.kept.get(key) ?? api.card(view, feature);
    if (this.kept.size > MOST_KEPT) this.kept.clear();
    this.kept.set(key, known);
    known.catch(() => this.kept.delete(key));
    return known;
  }

  private draw(card: Card): void {
    const { model } = this.page.get();
    const often = card.density === null || card.largest === null ? "" : `It fires at ${percent(card.density)} of all tokens, with ${inText(card.largest)} at most in its examples.`;
    const where = tableSaid(model.features!.table);
    fill(
      this.head,
      h("h3", {}, featureName({ feature: card.number, label: card.label }), h("span", { class: "soft" }, ` feature ${card.number}`)),
      h("p", {}, often, h("span", { class: "soft" }, ` A direction in ${where}.`)),
    );
    const examples = card.examples.map((example) => this.example(example));
    const none = h("p", { class: "soft" }, "No texts are kept with this sparse autoencoder. In the terminal, ", h("span", { class: "mono command" }, "workings sae page PAGE.html --texts FILE"), " looks through texts of yours.");
    fill(
      this.about,
      h("h4", {}, "Texts in which it fires most"),
      examples.length ? h("ul", { class: "examples" }, ...examples) : none,
      h("div", { class: "two" }, words("Tokens that it promotes", card.promotes, "positive"), words("Tokens that it suppresses", card.suppresses, "negative")),
      card.promotes.length ? h("p", { class: "soft fine" }, "By the direct way to the next token alone: later blocks may do otherwise with it. Only an edit shows what the model does.") : null,
    );
    this.element.scrollTop = 0;
  }

  private example({ tokens, shares, strongest, peak }: Card["examples"][number]): HTMLElement {
    const text = tokens.map((token, i) => {
      const span = h(i === strongest ? "b" : "span", {}, i ? token : token.trimStart());
      if (shares[i]! > 0) span.style.backgroundColor = shade(shares[i]!, 0.6);
      return span;
    });
    return h("li", {}, h("span", { class: "number soft" }, inText(peak)), h("span", { class: "text" }, ...text));
  }
}

function words(title: string, all: Weighed[], kind: string): HTMLElement {
  const row = ({ readable, weight, share }: Weighed): HTMLElement => {
    const ink = h("span", { class: `ink ${kind}` });
    ink.style.width = `${share * 100}%`;
    return h("li", {}, spelt(readable), h("span", { class: "track", "aria-hidden": "true" }, ink), h("span", { class: "number soft" }, inText(weight)));
  };
  return h("section", {}, h("h4", {}, title), all.length ? h("ul", { class: "weighed" }, ...all.map(row)) : h("p", { class: "soft" }, "It is no direction of the residual stream, so it speaks for no token directly."));
}

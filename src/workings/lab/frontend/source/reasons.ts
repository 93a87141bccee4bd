// Where a score comes from: what each part of the model added to it, as bars that begin where the last one ended.
import { placeOf, slopeName, written } from "./address";
import { api } from "./api";
import { fill, h, icon, newest, word } from "./dom";
import { minus } from "./format";
import { ask, wordField } from "./question";
import { sentence } from "./session";
import type { Page } from "./state";
import type { Travel } from "./travel";
import type { Attribution, Bar } from "./types";
import { waterfallPicture } from "./waterfall";

const HEAD = /^(.*blocks\.\d+\.attn\.)z$/;

export class ReasonsView {
  readonly element: HTMLElement;
  private readonly bars = h("ol", { class: "waterfall" });
  private readonly title = h("h3", {});
  private readonly meaning = h("p", { class: "soft" });
  private readonly trouble = h("p", { class: "note", role: "alert" });
  private readonly after = h("span", { class: "soft" });
  private readonly token: ReturnType<typeof wordField>;
  private readonly against: ReturnType<typeof wordField>;
  private readonly order: HTMLSelectElement;
  private readonly take = newest();
  private found: Attribution | null = null;
  private key = "";
  /** What the bars were asked with: what they are made of is asked with the same. */
  private asked: ReasonsView["query"] = {};

  constructor(
    private readonly page: Page,
    private readonly travel: Travel,
  ) {
    this.token = wordField(page, "answer", "The word whose score is taken apart", "reasons-words");
    this.against = wordField(page, "against", "The word that it is compared with", "reasons-others");
    this.against.otherwise("none");
    this.order = h("select", { "aria-label": "Order of the bars" }, h("option", { value: "model" }, "in the order of working"), h("option", { value: "size" }, "largest first"));
    this.order.addEventListener("change", () => ask(page, { order: this.order.value === "size" ? "size" : "model" }));
    this.element = h(
      "div",
      { class: "reasons" },
      h("div", { class: "ask-line" }, "Why", this.token.element, "and not", this.against.element, this.after, h("span", { class: "spring" }), this.order),
      this.trouble,
      this.title,
      this.meaning,
      h("p", { class: "soft" }, h("button", { class: "link", onclick: () => this.toSlopes() }, "See the slopes of this score"), ": how it would answer small changes of the numbers."),
      this.bars,
    );
    page.on(["opened", "screen", "token", "question"], () => void this.refresh());
  }

  picture(): HTMLCanvasElement | null {
    return this.found && waterfallPicture(this.found, signed);
  }

  repaint(): void {
    // Its colours are the style sheet's.
  }

  private get query(): Record<string, string | number> {
    const { opened, token, question } = this.page.get();
    const position = Math.min(token ?? Infinity, opened!.n_pos - 1);
    return { view: opened!.id, position, token: question.answer, against: question.against, order: question.order };
  }

  private async refresh(): Promise<void> {
    const { opened, screen, question } = this.page.get();
    if (!opened || screen !== "reasons" || opened.tokens.length !== opened.n_pos) return;
    const { query } = this;
    this.order.value = question.order;
    const key = JSON.stringify(query);
    const current = this.take();
    if (key === this.key) return this.element.classList.remove("working");
    this.element.classList.add("working");
    try {
      const found = await api.attribution(query, current.signal);
      if (!current()) return;
      [this.found, this.key, this.asked] = [found, key, query];
      this.draw(found);
    } catch (error) {
      if (!current()) return;
      this.key = "";
      fill(this.trouble, sentence(error));
      this.element.classList.add("old");
    }
    this.element.classList.remove("working");
  }

  /** The slopes of the numbers that one looked at last, if the score depends on them; else of the last neurons. */
  private toSlopes(): void {
    const { model, place, opened } = this.page.get();
    const neurons = model.slopes.of.filter((name) => name.endsWith(".mlp.post")).at(-1) ?? model.slopes.of[0]!;
    const table = slopeName(model, place.table);
    this.travel.go({ screen: "numbers", place: table ? { ...place, table } : { table: slopeName(model, neurons)!, sheet: 0, row: this.found?.position ?? opened!.n_pos - 1, column: 0 } });
  }

  private draw(found: Attribution): void {
    const { opened } = this.page.get();
    this.element.classList.remove("old");
    fill(this.trouble);
    this.token.otherwise(word(found.token.readable));
    const { question } = this.page.get();
    const taken = [question.answer && found.token.readable, question.against && found.against?.readable].filter(Boolean);
    fill(this.after, `after “${word(opened?.tokens[found.position]?.readable ?? "")}”${taken.length ? ` (read as ${taken.map((one) => `“${one}”`).join(" and ")})` : ""}`);
    fill(this.title, `Where ${found.asked} comes from`);
    fill(this.meaning, found.meaning);
    fill(this.bars, ...this.rows(found));
  }

  /** A bar for each part, one for all others, and the sum. */
  private rows(found: Attribution): HTMLElement[] {
    const { rest, total } = found;
    const digits = decimals(found);
    const others = rest && h("li", { class: "soft" }, h("span", { class: "label" }, `${rest.count} smaller ones together`), fall(found, rest), h("span", { class: "number" }, signed(rest.value, digits)), h("span", {}));
    const sum = h("li", { class: "sum" }, h("span", { class: "label" }, found.label === "together" ? "Together: the score" : found.label), fall(found, { from: 0, to: total }), h("span", { class: "number" }, signed(total, digits)), h("span", {}));
    return [...found.parts.map((bar) => this.row(found, bar, digits)), ...(others ? [others] : []), sum];
  }

  private row(found: Attribution, bar: Bar, digits: number): HTMLElement {
    const { address } = bar;
    const number = signed(bar.value, digits);
    const said = `${bar.said}, ${number}`;
    const label = bar.opens
      ? h("button", { class: "label opener", "aria-expanded": "false", "aria-label": `${said}: what it is made of`, onclick: () => void this.open(row, bar) }, icon("▸"), bar.said)
      : h("span", { class: "label" }, bar.said);
    const name = bar.name.replace(/^.* <- /, "position ").replace(/^blocks\.\d+\./, "");
    const link = address
      ? h("button", { class: "link mono", title: `Go to ${written(address.table, address.index)}`, "aria-label": `Go to ${written(address.table, address.index)}`, onclick: () => this.travel.go({ screen: "numbers", place: placeOf(address) }) }, name)
      : h("span", { class: "mono soft" }, name);
    const row = h("li", {}, label, fall(found, bar), h("span", { class: "number" }, number), link);
    return row;
  }

  /** What a part is made of in turn, below it; the same again closes it. */
  private async open(row: HTMLElement, bar: Bar): Promise<void> {
    const button = row.querySelector(".opener")!;
    const inside = row.querySelector(".inside");
    const show = (open: boolean): void => button.setAttribute("aria-expanded", String(open));
    if (inside) {
      inside.remove();
      return show(false);
    }
    show(true);
    const holder = h("div", { class: "inside" });
    row.append(holder);
    try {
      const found = await api.attribution({ ...this.asked, part: bar.name });
      const head = HEAD.exec(bar.address?.table ?? "");
      const told = head
        ? "From which token’s numbers this head brought it. These bars have a scale of their own."
        : "Which of its neurons wrote it, the largest first. These bars have a scale of their own.";
      const look = (): void => this.travel.go({ screen: "attention", block: `${head![1]}pattern`, head: bar.address!.index[0]! });
      fill(holder, h("p", { class: "soft" }, told, " ", head && h("button", { class: "link", onclick: look }, "See what it looks at")), h("ol", { class: "waterfall" }, ...this.rows(found)));
    } catch (error) {
      fill(holder, h("p", { class: "note" }, sentence(error)));
    }
  }
}

/** A bar from where the last one ended; the zero is a fine line. */
function fall({ low, high }: Attribution, { from, to }: { from: number; to: number }): HTMLElement {
  const at = (value: number): number => ((value - low) / (high - low || 1)) * 100;
  const ink = h("span", { class: to < from ? "ink negative" : "ink positive" });
  ink.style.left = `${at(Math.min(from, to))}%`;
  ink.style.width = `${Math.abs(at(to) - at(from))}%`;
  const zero = h("span", { class: "zero" });
  zero.style.left = `${at(0)}%`;
  return h("span", { class: "fall", "aria-hidden": "true" }, zero, ink);
}

/** So many decimals that three digits count in the largest. */
function decimals({ parts, rest }: Attribution): number {
  const largest = Math.max(...parts.map((bar) => Math.abs(bar.value)), Math.abs(rest?.value ?? 0));
  return largest > 0 ? Math.min(Math.max(2 - Math.floor(Math.log10(largest)), 2), 7) : 2;
}

/** With its sign, and so many decimals; what they would make 0 keeps one digit that counts. */
function signed(value: number, digits = 2): string {
  const lost = value !== 0 && Math.abs(value) < 0.5 * 10 ** -digits;
  return `${value > 0 ? "+" : ""}${minus(lost ? value.toPrecision(1) : value.toFixed(digits))}`;
}

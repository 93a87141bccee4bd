// A lens: what the model would say after every block, at every position; or how a word stands there.
import { api } from "./api";
import { shade } from "./colours";
import { arrow, clamp, fill, h, newest, spelt, word } from "./dom";
import { count, NO_NUMBERS, percent } from "./format";
import { lensAsked, lensBar, lensTitle } from "./lensbar";
import { lensPicture } from "./pictures";
import { sentence } from "./session";
import type { Page } from "./state";
import type { Travel } from "./travel";
import type { Guess, Lens, LensAsked, LensCell, Standing } from "./types";

const AT_ONCE = 64; // positions; a long text begins with its end, and earlier ones are asked for

const NO_NUMBER = "not a number";

interface Chosen {
  block: number;
  position: number;
}

export class LensView {
  readonly element: HTMLElement;
  private readonly table = h("table", { class: "lens" });
  private readonly detail = h("section", { class: "lens-detail", "aria-live": "polite", "aria-label": "Distribution" });
  private readonly trouble = h("p", { class: "note", role: "alert" });
  private readonly take = newest();
  private readonly takeDetail = newest();
  private lens: Lens | null = null;
  private key = "";
  /** What the cells were asked with. */
  private asked: LensAsked;
  private chosen: Chosen = { block: 0, position: -1 };
  /** The last position when the cells were drawn: who was there stays with the last. */
  private last = -1;

  constructor(
    private readonly page: Page,
    private readonly travel: Travel,
  ) {
    this.asked = lensAsked(page);
    this.element = h("div", { class: "lens-view" }, lensBar(page), this.trouble, h("div", { class: "lens-scroll" }, this.table), this.detail);
    this.table.addEventListener("keydown", (event) => this.onKey(event));
    page.on(["opened", "screen", "lens"], () => void this.refresh());
  }

  picture(): HTMLCanvasElement | null {
    return this.lens && lensPicture(this.lens, this.caption(this.lens), this.page.get().opened?.tokens ?? [], rowTitle, written);
  }

  private caption({ token }: Lens): string {
    return `The ${lensTitle(this.asked.kind)}: ${token ? `share and rank of “${word(token.readable)}”` : "the likeliest next token"} after every block, at every position`;
  }

  private async refresh(): Promise<void> {
    const { opened, screen } = this.page.get();
    if (!opened || screen !== "lens" || opened.tokens.length !== opened.n_pos) return;
    const asked = lensAsked(this.page);
    const key = this.wanted();
    if (this.key !== key) {
      const lens = await this.ask(asked, Math.max(0, opened.n_pos - AT_ONCE), opened.n_pos);
      if (!lens) return;
      this.keepBlock(lens);
      [this.lens, this.key, this.asked] = [lens, key, asked];
    } else {
      this.take(); // what else was asked meanwhile counts no more
      this.element.classList.remove("working");
    }
    this.draw();
  }

  private wanted(): string {
    return JSON.stringify([this.page.get().opened?.id, lensAsked(this.page)]);
  }

  /** Stay after the same block where there are more rows now, or fewer. */
  private keepBlock({ blocks }: Lens): void {
    const at = blocks.indexOf(this.lens?.blocks[this.chosen.block] ?? "");
    this.chosen.block = at < 0 ? blocks.length - 1 : at;
  }

  private async ask(asked: LensAsked, from: number, to: number): Promise<Lens | null> {
    const current = this.take();
    this.element.classList.add("working");
    try {
      const lens = await api.lens(this.page.get().opened!.id, from, to, asked, current.signal);
      if (!current()) return null;
      this.settle("");
      return lens;
    } catch (error) {
      if (current()) this.settle(sentence(error));
      return null;
    }
  }

  /** What is shown is old where its newest question could not be answered. */
  private settle(trouble: string): void {
    this.element.classList.remove("working");
    this.element.classList.toggle("old", trouble !== "");
    fill(this.trouble, trouble);
    if (trouble) this.key = "";
  }

  /** Put the positions before the first in front of the others. */
  private async askEarlier(): Promise<void> {
    const { lens } = this;
    if (!lens || this.key !== this.wanted()) return;
    const earlier = await this.ask(this.asked, Math.max(0, lens.first - AT_ONCE), lens.first);
    if (!earlier || this.lens !== lens) return;
    this.lens = { ...earlier, cells: earlier.cells.map((cells, block) => [...cells, ...lens.cells[block]!]) };
    this.draw();
  }

  repaint(): void {
    this.draw();
  }

  private draw(): void {
    const { lens, table } = this;
    const { opened, screen } = this.page.get();
    if (!lens || !opened || screen !== "lens") return;
    const last = opened.n_pos - 1;
    const { position } = this.chosen;
    if (position === this.last || position < lens.first || position > last) this.chosen.position = last;
    this.last = last;
    const heads = opened.tokens.slice(lens.first).map((token) => h("th", { scope: "col" }, word(token.readable)));
    const rows = lens.blocks.map((name, block) =>
      h("tr", {}, h("th", { scope: "row", title: name }, rowTitle(name)), ...lens.cells[block]!.map((cell, i) => this.cell(cell, { block, position: lens.first + i }))),
    );
    const earlier = h("button", { class: "link", onclick: () => void this.askEarlier() }, `← ${Math.min(AT_ONCE, lens.first)} earlier`);
    const corner = h("th", { scope: "col" }, lens.first ? earlier : h("span", { class: "visually-hidden" }, "After"));
    const focused = table.contains(document.activeElement);
    fill(table, h("caption", { class: "visually-hidden" }, this.caption(lens)), h("thead", {}, h("tr", {}, corner, ...heads)), h("tbody", {}, ...rows));
    this.mark(focused);
    table.querySelector("[aria-pressed=true]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
    void this.distribution();
  }

  private cell(cell: Guess | Standing, place: Chosen): HTMLElement {
    const share = cell.share ?? 0;
    const said = "id" in cell ? `${cell.readable}, ${percent(share)}` : standing(cell);
    const inside = "id" in cell || cell.rank === null ? [written(cell)] : [percent(share), h("small", {}, rank(cell.rank))];
    const button = h("button", { title: said, "aria-label": said, onclick: () => this.choose(place) }, ...inside);
    button.style.backgroundColor = shade(share, 0.55);
    return h("td", {}, button);
  }

  private choose({ block, position }: Chosen): void {
    const { first, blocks, cells } = this.lens!;
    this.chosen = { block: clamp(block, 0, blocks.length - 1), position: clamp(position, first, first + cells[0]!.length - 1) };
    this.mark(true);
    void this.distribution();
  }

  /** Show which cell is chosen; it alone is a stop for the Tab key. */
  private mark(focus: boolean): void {
    const { first, cells } = this.lens!;
    const column = this.chosen.position - first;
    const at = this.chosen.block * cells[0]!.length + column;
    this.table.querySelectorAll<HTMLButtonElement>("td button").forEach((button, i) => {
      button.setAttribute("aria-pressed", String(i === at));
      button.tabIndex = i === at ? 0 : -1;
      if (i === at && focus) button.focus();
    });
    this.table.querySelectorAll("thead th").forEach((head, i) => head.classList.toggle("here", i - 1 === column));
  }

  private async distribution(): Promise<void> {
    const { opened } = this.page.get();
    if (!this.lens || !opened) return;
    const { block, position } = this.chosen;
    const name = this.lens.blocks[block]!;
    const current = this.takeDetail();
    try {
      const found = await api.lensCell(opened.id, name, position, this.asked, current.signal);
      if (current()) this.tell(found, name, position);
    } catch (error) {
      if (current()) fill(this.detail, h("p", { class: "note" }, sentence(error)));
    }
  }

  private tell({ next, token, scores }: LensCell, name: string, position: number): void {
    const last = word(this.page.get().opened?.tokens[position]?.readable ?? "");
    const bars = next.map((guess) => {
      const ink = h("span", { class: "ink" });
      ink.style.width = `${guess.share * 100}%`;
      return h("li", {}, spelt(guess.readable), h("span", { class: "track" }, ink), h("span", { class: "number" }, percent(guess.share)));
    });
    const link = (said: string, table: string, column: number): HTMLElement =>
      h("button", { class: "link", onclick: () => this.travel.go({ screen: "numbers", place: { table, sheet: 0, row: position, column } }) }, said);
    const of = token ?? next[0];
    const { kind, meaning } = this.page.get().model.lenses.find((one) => one.kind === this.asked.kind)!;
    fill(
      this.detail,
      h("h3", {}, `${blockTitle(name)}, the model would go on from “${last}” with`),
      token && h("p", { class: "stands" }, `“${token.readable}”: ${standing(token)} of ${count(Number(this.page.get().model.config.d_vocab))}`),
      next.length ? h("ol", { class: "plain-bars" }, ...bars) : h("p", { class: "note" }, NO_NUMBERS),
      h("p", { class: "lens-links" }, link("See the numbers that this is read from", name, 0), of ? link(`See how the score of “${word(of.readable)}” is worked out`, scores, of.id) : null),
      h("p", { class: "soft" }, h("b", {}, `The ${lensTitle(kind)}. `), meaning),
    );
  }

  private onKey(event: KeyboardEvent): void {
    const by = arrow(event);
    if (!by || !this.lens || (event.target as Element).closest("th")) return;
    event.preventDefault();
    this.choose({ block: this.chosen.block + by[0], position: this.chosen.position + by[1] });
  }
}

const isInside = (stream: string): boolean => stream.endsWith(".resid_mid");
const blockOf = (stream: string): string => /blocks\.(\d+)/.exec(stream)?.[1] ?? stream;
const blockTitle = (stream: string): string => `After block ${blockOf(stream)}${isInside(stream) ? "’s attention" : ""}`;
const rowTitle = (stream: string): string => (isInside(stream) ? `Block ${blockOf(stream)}, attention` : blockTitle(stream));

const rank = (place: number): string => `#${count(place)}`;

/** A cell in one line. */
function written(cell: Guess | Standing): string {
  if ("id" in cell) return word(cell.readable);
  return cell.share === null || cell.rank === null ? NO_NUMBER : `${percent(cell.share)} ${rank(cell.rank)}`;
}

function standing({ share, rank }: Standing): string {
  return share === null || rank === null ? NO_NUMBER : `${percent(share)}, rank ${count(rank)}`;
}

// The logit lens: what the model would say after every block, at every position.
import { api } from "./api";
import { shade } from "./colours";
import { clamp, fill, h, newest, spelt, word } from "./dom";
import { percent } from "./format";
import { lensPicture } from "./pictures";
import { sentence } from "./session";
import type { Page } from "./state";
import type { Travel } from "./travel";
import type { Guess, Lens } from "./types";

const AT_ONCE = 64; // positions; a long text begins with its end, and earlier ones are asked for

interface Chosen {
  block: number;
  position: number;
}

export class LensView {
  readonly element: HTMLElement;
  private readonly table = h("table", { class: "lens" });
  private readonly detail = h("section", { class: "lens-detail", "aria-live": "polite", "aria-label": "Distribution" });
  private readonly take = newest();
  private readonly takeDetail = newest();
  private lens: Lens | null = null;
  private key = "";
  private chosen: Chosen = { block: 0, position: -1 };

  constructor(
    private readonly page: Page,
    private readonly travel: Travel,
  ) {
    this.element = h("div", { class: "lens-view" }, h("div", { class: "lens-scroll" }, this.table), this.detail);
    this.table.addEventListener("keydown", (event) => this.onKey(event));
    page.on(["opened", "screen"], () => void this.refresh());
  }

  picture(): HTMLCanvasElement | null {
    return this.lens && lensPicture(this.lens, this.page.get().opened?.tokens ?? [], blockTitle);
  }

  private async refresh(): Promise<void> {
    const { opened, screen } = this.page.get();
    if (!opened || screen !== "lens" || opened.tokens.length !== opened.n_pos) return;
    if (this.key !== opened.id) {
      const lens = await this.ask(Math.max(0, opened.n_pos - AT_ONCE), opened.n_pos);
      if (!lens) return;
      [this.lens, this.key] = [lens, opened.id];
    }
    this.draw();
  }

  private async ask(from: number, to: number): Promise<Lens | null> {
    const current = this.take();
    this.element.classList.add("working");
    try {
      const lens = await api.lens(this.page.get().opened!.id, from, to, current.signal);
      if (!current()) return null;
      this.element.classList.remove("working");
      return lens;
    } catch (error) {
      if (!current()) return null;
      this.element.classList.remove("working");
      this.page.set({ trouble: sentence(error) });
      return null;
    }
  }

  /** Put the positions before the first in front of the others. */
  private async askEarlier(): Promise<void> {
    const { lens } = this;
    if (!lens) return;
    const earlier = await this.ask(Math.max(0, lens.first - AT_ONCE), lens.first);
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
    if (this.chosen.position < lens.first || this.chosen.position > last) this.chosen = { block: lens.blocks.length - 1, position: last };
    const heads = opened.tokens.slice(lens.first).map((token) => h("th", { scope: "col" }, word(token.readable)));
    const rows = lens.blocks.map((name, block) =>
      h("tr", {}, h("th", { scope: "row", title: name }, blockTitle(name)), ...lens.cells[block]!.map((guess, i) => this.cell(guess, { block, position: lens.first + i }))),
    );
    const earlier = h("button", { class: "link", onclick: () => void this.askEarlier() }, `← ${Math.min(AT_ONCE, lens.first)} earlier`);
    const corner = h("th", { scope: "col" }, lens.first ? earlier : h("span", { class: "visually-hidden" }, "After"));
    const focused = table.contains(document.activeElement);
    fill(table, h("caption", { class: "visually-hidden" }, "The likeliest next token after every block, at every position"), h("thead", {}, h("tr", {}, corner, ...heads)), h("tbody", {}, ...rows));
    this.mark(focused);
    table.querySelector("[aria-pressed=true]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
    void this.distribution();
  }

  private cell(guess: Guess, place: Chosen): HTMLElement {
    const said = `${guess.readable}, ${percent(guess.share)}`;
    const button = h("button", { title: said, "aria-label": said, onclick: () => this.choose(place) }, word(guess.readable));
    button.style.backgroundColor = shade(guess.share, 0.55);
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
      const { next } = await api.lensCell(opened.id, name, position, current.signal);
      if (current()) this.tell(next, name, position);
    } catch (error) {
      if (current()) fill(this.detail, h("p", { class: "note" }, sentence(error)));
    }
  }

  private tell(next: Guess[], name: string, position: number): void {
    const last = word(this.page.get().opened?.tokens[position]?.readable ?? "");
    const bars = next.map((guess) => {
      const ink = h("span", { class: "ink" });
      ink.style.width = `${guess.share * 100}%`;
      return h("li", {}, spelt(guess.readable), h("span", { class: "track" }, ink), h("span", { class: "number" }, percent(guess.share)));
    });
    const place = { table: name, sheet: 0, row: position, column: 0 };
    fill(
      this.detail,
      h("h3", {}, `${blockTitle(name)}, the model would go on from “${last}” with`),
      h("ol", { class: "plain-bars" }, ...bars),
      h("button", { class: "link", onclick: () => this.travel.go({ screen: "numbers", place }) }, "See the numbers that this is read from"),
    );
  }

  private onKey(event: KeyboardEvent): void {
    const moves: Record<string, [number, number]> = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    const by = moves[event.key];
    if (!by || !this.lens || (event.target as Element).closest("th")) return;
    event.preventDefault();
    this.choose({ block: this.chosen.block + by[0], position: this.chosen.position + by[1] });
  }
}

function blockTitle(stream: string): string {
  return `After block ${/blocks\.(\d+)/.exec(stream)?.[1] ?? stream}`;
}

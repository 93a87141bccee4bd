// What looks at what: all heads of a block as small maps, one of them large, and the words for a token's looking.
import { api } from "./api";
import { AttentionMap, type Pointed } from "./attentionmap";
import { arrow, clamp, fill, h, keepFocus, newest, word } from "./dom";
import { blockNumber, HabitsView } from "./habits";
import { image, pooled, sharpen } from "./heatmap";
import { HeadSwitch } from "./knocking";
import { blockName, looking } from "./looking";
import { rovingTabs } from "./screens";
import { sentence, type Session } from "./session";
import { EVERY_HEAD, type Page } from "./state";
import type { Travel } from "./travel";

const SMALL = 5.5; // rem: the side of a small map
const MEASURED_UNASKED = 1e9; // numbers of a model whose heads are measured as soon as this view is opened
const IN_A_ROW = 8; // more heads than these stand beside the large map, not above it

type Shade = (shares: ArrayLike<number> | null, token?: number | null) => void;

/** All heads of one block, for one view. */
interface Pattern {
  key: string;
  block: string;
  view: string;
  words: string[];
  numbers: Float32Array;
  heads: number;
  n: number;
}

export class Attention {
  readonly element: HTMLElement;
  private readonly maps: HTMLElement;
  private readonly blocks: string[];
  private readonly map = new AttentionMap();
  private readonly small = h("div", { class: "small-maps", role: "tablist", "aria-label": "Heads", "aria-orientation": "horizontal" });
  private readonly tabs = h("div", { class: "blocks", role: "tablist", "aria-label": "Blocks" });
  private readonly told = h("p", { class: "told", "aria-live": "polite" });
  private readonly room = h("div", { class: "map-room" }, this.map.element);
  private readonly habit = h("p", { class: "soft habit" });
  private readonly knock: HeadSwitch;
  private readonly habits: HabitsView;
  private readonly take = newest();
  /** What had the focus in the one of both views that was left: it comes back to it. */
  private left: HTMLElement | null = null;
  private refocus = false;
  private pattern: Pattern | null = null;
  private pointed: Pointed | null = null;
  /** What the small maps, and the large one, now show, and the row that was brought into sight. */
  private drawn = { small: "", large: "", row: "" };

  constructor(
    private readonly page: Page,
    private readonly travel: Travel,
    session: Session,
    private readonly shadeBy: Shade,
  ) {
    this.blocks = page.get().model.tables.filter((table) => table.name.endsWith("attn.pattern")).map((table) => table.name);
    this.knock = new HeadSwitch(page, session);
    this.habits = new HabitsView(page, travel, () => this.repaint());
    this.maps = h("div", { class: "maps" }, this.small, h("div", { class: "map-side" }, h("div", { class: "told-line" }, this.told, this.knock.element), h("div", { class: "map-row" }, this.room, this.habit)));
    this.element = h("div", { class: "attention" }, h("div", { class: "line" }, this.tabs), this.maps, this.habits.element);
    this.listen();
    page.on(["opened", "screen", "block"], () => void this.refresh());
    page.on(["head", "token", "edits", "kind"], () => this.draw());
    new ResizeObserver(() => this.draw()).observe(this.room);
  }

  /** Where the heads of the block put what they found. */
  private get zTable(): string {
    return this.pattern!.block.replace(/pattern$/, "z");
  }

  /** Whether the heads of all blocks are looked at together. */
  private get together(): boolean {
    return this.page.get().block === EVERY_HEAD;
  }

  picture(): HTMLCanvasElement | null {
    return this.together ? this.habits.picture() : this.pattern && this.map.picture(this.name(this.pattern), this.here(this.pattern));
  }

  /** Draw all of it again, in the colours that now hold. */
  repaint(): void {
    this.drawn = { ...this.drawn, small: "", large: "" };
    this.draw();
  }

  /** Shares of the large map's row for a token, for shading chips elsewhere. */
  lookingOf(token: number): Float32Array | null {
    return this.pattern && this.upToDate && !this.together && token < this.pattern.n ? this.row(token) : null;
  }

  private get block(): string {
    const { block } = this.page.get();
    return this.blocks.includes(block) ? block : (this.blocks[Math.max(0, this.blocks.length - 2)] ?? "");
  }

  private get head(): number {
    return Math.min(this.page.get().head ?? this.liveliest(), (this.pattern?.heads ?? 1) - 1);
  }

  private square(head: number): Float32Array {
    const { numbers, n } = this.pattern!;
    return numbers.subarray(head * n * n, (head + 1) * n * n);
  }

  private row(token: number): Float32Array {
    const { n } = this.pattern!;
    return this.square(this.head).subarray(token * n, token * n + n);
  }

  /** The head whose last token looks hardest at a token before the last few: the one to begin with. */
  private liveliest(): number {
    const { heads, n } = this.pattern ?? { heads: 0, n: 0 };
    let best = 0;
    let most = -1;
    for (let head = 0; head < heads; head++) {
      const last = this.square(head).subarray((n - 1) * n);
      for (let at = 1; at < n - 2; at++) if (last[at]! > most) [best, most] = [head, last[at]!];
    }
    return best;
  }

  private async refresh(): Promise<void> {
    const { opened, screen } = this.page.get();
    if (!opened || screen !== "attention" || opened.tokens.length !== opened.n_pos) return;
    if (this.together) return this.draw();
    if (this.page.get().model.n_parameters <= MEASURED_UNASKED) void this.habits.learn();
    const { block } = this;
    const key = `${opened.id} ${block}`;
    const current = this.take();
    if (key !== this.pattern?.key) {
      try {
        const number = /blocks\.(\d+)/.exec(block)?.[1] ?? "0";
        const numbers = await api.attention(opened.id, number, current.signal);
        if (!current()) return;
        this.pattern = { key, block, view: opened.id, words: opened.tokens.map((token) => word(token.readable)), numbers, heads: numbers.length / opened.n_pos ** 2, n: opened.n_pos };
      } catch (error) {
        if (current()) this.page.set({ trouble: sentence(error) });
        return;
      }
    }
    this.draw();
  }

  private draw(): void {
    const { pattern, head, together } = this;
    if (this.page.get().screen !== "attention") return;
    this.leave(together ? this.maps : this.habits.element);
    this.maps.hidden = together;
    this.habits.element.hidden = !together;
    if (together) {
      this.drawTabs(EVERY_HEAD);
      this.shadeBy(null);
      void this.habits.refresh();
      return this.focusOn(this.left?.isConnected ? this.left : this.tabs.querySelector("[aria-selected=true]"));
    }
    if (!pattern) return;
    this.drawTabs(pattern.block);
    this.knock.show(this.zTable, head);
    this.drawSmall(pattern, head);
    this.drawHabit(pattern, head);
    const large = `${pattern.key} ${head}`;
    if (this.drawn.large !== large) {
      this.drawn.large = large;
      this.map.take(this.square(head), pattern.words, this.name(pattern));
    }
    this.point();
    if (pattern.block === this.block) this.focusOn(this.small.querySelector("[aria-selected=true]"));
  }

  /** Before one of both views is hidden: note that it has the focus, which else would be lost. */
  private leave(view: HTMLElement): void {
    const focused = document.activeElement;
    if (!(focused instanceof HTMLElement) || !view.contains(focused)) return;
    this.refocus = true;
    if (view === this.habits.element) this.left = focused;
  }

  /** Where the focus goes that a view had which was left, unless it is elsewhere by now. */
  private focusOn(element: HTMLElement | null): void {
    const [{ activeElement }, wanted] = [document, this.refocus];
    this.refocus = false;
    if (wanted && (!activeElement || activeElement === document.body || activeElement.closest("[hidden]"))) element?.focus();
  }

  /** The large map with what is pointed at, and what it says in words. */
  private point(): void {
    const { pattern, room } = this;
    if (!pattern || this.together) return;
    const here = this.here(pattern);
    this.map.draw({ width: room.clientWidth - 8, height: room.clientHeight - 8 }, here);
    const row = `${this.drawn.large} ${this.page.get().token}`;
    if (!this.pointed && row !== this.drawn.row) room.scrollTo(this.map.cornerOf(here.row, room));
    if (!this.pointed) this.drawn.row = row;
    this.tell(here);
  }

  /** What is pointed at, else the row of the chosen token. */
  private here({ n }: Pattern): Pointed {
    const { row, column } = this.pointed ?? { row: this.page.get().token ?? n - 1, column: null };
    return { row: Math.min(row, n - 1), column };
  }

  private name = ({ block }: Pattern): string => `Attention of ${blockName(block)}, head ${this.head}`;

  private drawTabs(shown: string): void {
    const tab = (name: string): HTMLElement =>
      h("button", { role: "tab", "aria-selected": String(name === shown), tabindex: name === shown ? 0 : -1, onclick: () => this.travel.go({ block: name, head: null }) }, name === EVERY_HEAD ? "What heads do" : blockName(name));
    keepFocus(this.tabs, () => fill(this.tabs, ...this.blocks.map(tab), tab(EVERY_HEAD)));
  }

  /** What the large head does on other texts, below what it does here. */
  private drawHabit({ block }: Pattern, head: number): void {
    const found = this.habits.of(blockNumber(block), head);
    this.habit.hidden = !found;
    fill(this.habit, found?.said, " ", h("button", { class: "link", onclick: () => this.travel.go({ block: EVERY_HEAD }) }, "What all heads do"));
  }

  /** What there is to know of a head in two words: that it is knocked out, or its kind. */
  private headMark(block: string, head: number): string {
    return this.knock.knocked(head) ? "knocked out" : (this.habits.of(blockNumber(block), head)?.kind ?? "");
  }

  private drawSmall(pattern: Pattern, head: number): void {
    if (this.drawn.small !== pattern.key) {
      this.drawn.small = pattern.key;
      this.maps.classList.toggle("beside", pattern.heads > IN_A_ROW);
      keepFocus(this.small, () => fill(this.small, ...Array.from({ length: pattern.heads }, (_, i) => this.thumbnail(i))));
    }
    [...this.small.children].forEach((one, i) => {
      one.setAttribute("aria-selected", String(i === head));
      one.classList.toggle("out", this.knock.knocked(i) !== null);
      one.lastElementChild!.textContent = this.headMark(pattern.block, i);
      (one as HTMLElement).tabIndex = i === head ? 0 : -1;
    });
  }

  private thumbnail(head: number): HTMLElement {
    const picture = h("canvas", { "aria-hidden": "true" });
    const side = SMALL * parseFloat(getComputedStyle(document.documentElement).fontSize);
    const context = sharpen(picture, side, side);
    const { numbers, n } = pooled(this.square(head), this.pattern!.n, picture.width);
    context.drawImage(image(numbers, n, n, 1), 0, 0, side, side);
    return h("button", { role: "tab", class: "small-map", onclick: () => this.page.set({ head }) }, picture, h("span", {}, `Head ${head}`), h("small", {}));
  }

  /** Whether the maps are of the sentence whose chips are shown, and not of one before. */
  private get upToDate(): boolean {
    return this.pattern?.view === this.page.get().opened?.id;
  }

  /** In words: what a token looks at most. */
  private tell({ row, column }: Pointed): void {
    const shares = this.row(row);
    if (this.upToDate) this.shadeBy(shares, row);
    fill(this.told, ...looking(row, column, shares, this.pattern!.words));
  }

  private show(cell: { row: number; column: number } | null): void {
    this.pointed = cell && { row: cell.row, column: cell.column >= 0 && cell.column <= cell.row ? cell.column : null };
    this.point();
  }

  private toGrid({ row, column }: Pointed): void {
    this.travel.go({ place: { table: this.pattern!.block, sheet: this.head, row, column: column ?? 0 }, screen: "numbers", token: row });
  }

  private listen(): void {
    const { canvas } = this.map;
    canvas.addEventListener("mousemove", (event) => this.show(this.map.at(event)));
    canvas.addEventListener("mouseleave", () => this.show(null));
    canvas.addEventListener("blur", () => this.show(null));
    canvas.addEventListener("click", (event) => {
      const at = this.map.at(event);
      if (at && at.column < 0) this.page.set({ token: at.row });
      else if (at && at.column <= at.row) this.toGrid(at);
    });
    canvas.addEventListener("keydown", (event) => {
      if (this.onKey(event)) event.preventDefault();
    });
    rovingTabs(this.tabs);
    rovingTabs(this.small);
  }

  private onKey(event: KeyboardEvent): boolean {
    if (!this.pattern) return false;
    const at = this.here(this.pattern);
    const by = arrow(event);
    if (event.key === "Enter") this.toGrid(at);
    else if (by) {
      const row = clamp(at.row + by[0], 0, this.pattern.n - 1);
      this.show({ row, column: clamp((at.column ?? 0) + by[1], 0, row) });
      this.map.reveal(this.pointed!);
    } else return false;
    return true;
  }
}

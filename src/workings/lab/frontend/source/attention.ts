// What looks at what: all heads of a block as small maps, one of them large, and the words for a token's looking.
import { api } from "./api";
import { fill, h, newest, word } from "./dom";
import { percent } from "./format";
import { drawMap, image, sharpen, type MapLayout } from "./heatmap";
import { sentence } from "./session";
import type { Page } from "./state";
import type { Travel } from "./travel";

const MOST_TOLD = 4;

export interface AttentionView {
  element: HTMLElement;
  draw: () => void;
  /** Shares of the large map's row for a token, for shading chips elsewhere. */
  lookingOf: (token: number) => Float32Array | null;
  canvas: HTMLCanvasElement;
}

export function attentionView(page: Page, travel: Travel, shadeBy: (shares: ArrayLike<number> | null, token?: number | null) => void): AttentionView {
  const { model } = page.get();
  const blocks = model.tables.filter((table) => table.name.endsWith("attn.pattern")).map((table) => table.name);
  const canvas = h("canvas", { class: "large-map", role: "img", tabindex: 0 });
  const small = h("div", { class: "small-maps", role: "tablist", "aria-label": "Heads", "aria-orientation": "horizontal" });
  const tabs = h("div", { class: "blocks", role: "tablist", "aria-label": "Blocks" });
  const told = h("p", { class: "told", "aria-live": "polite" });
  const room = h("div", { class: "map-room" }, canvas);
  const take = newest();
  let numbers: Float32Array = new Float32Array();
  let heads = 0;
  let key = "";
  let layout: MapLayout = { left: 0, top: 0, cell: 1 };
  let pointed: { row: number; column: number | null } | null = null;

  const n = (): number => page.get().opened?.tokens.length ?? 0;
  const block = (): string => (blocks.includes(page.get().block) ? page.get().block : (blocks[Math.max(0, blocks.length - 2)] ?? ""));
  const head = (): number => Math.min(page.get().head ?? liveliest(), heads - 1);
  const map = (i: number): Float32Array => numbers.subarray(i * n() * n(), (i + 1) * n() * n());
  const row = (token: number): Float32Array => map(head()).subarray(token * n(), token * n() + n());

  /** The head whose last token looks hardest at a token before the last few: the one to begin with. */
  function liveliest(): number {
    let best = 0;
    let most = -1;
    const last = (n() - 1) * n();
    for (let i = 0; i < heads; i++)
      for (let at = 1; at < n() - 2; at++)
        if (map(i)[last + at]! > most) [best, most] = [i, map(i)[last + at]!];
    return best;
  }

  async function refresh(): Promise<void> {
    const { opened, screen } = page.get();
    if (!opened || screen !== "attention" || opened.tokens.length !== opened.n_pos) return;
    const wanted = `${opened.id} ${block()}`;
    if (wanted !== key) {
      const current = take();
      try {
        const number = /blocks\.(\d+)/.exec(block())?.[1] ?? "0";
        const fresh = await api.attention(opened.id, number);
        if (!current()) return;
        [numbers, heads, key] = [fresh, fresh.length / n() ** 2, wanted];
      } catch (error) {
        page.set({ trouble: sentence(error) });
        return;
      }
    }
    draw();
  }

  function draw(): void {
    if (!key || page.get().screen !== "attention") return;
    const words = page.get().opened!.tokens.map((token) => word(token.readable));
    const tab = (name: string): HTMLElement =>
      h("button", { role: "tab", "aria-selected": String(name === block()), tabindex: name === block() ? 0 : -1, onclick: () => travel.go({ block: name, head: null }) }, blockName(name));
    keepFocus(tabs, () => fill(tabs, ...blocks.map(tab)));
    keepFocus(small, () => fill(small, ...Array.from({ length: heads }, (_, i) => thumbnail(i))));
    canvas.setAttribute("aria-label", `Attention of ${blockName(block())}, head ${head()}: rows look at columns. Arrow keys move, Enter shows the number.`);
    const space = { width: room.clientWidth - 8, height: room.clientHeight - 8 };
    const here = pointed ?? { row: page.get().token ?? n() - 1, column: null };
    layout = drawMap(canvas, map(head()), words, space, { row: Math.min(here.row, n() - 1), column: here.column });
    tell(Math.min(here.row, n() - 1), here.column);
  }

  function thumbnail(i: number): HTMLElement {
    const picture = h("canvas", { "aria-hidden": "true" });
    const side = 5.5 * parseFloat(getComputedStyle(document.documentElement).fontSize);
    const context = sharpen(picture, side, side);
    context.drawImage(image(map(i), n(), n(), 1), 0, 0, side, side);
    const chosen = i === head();
    return h("button", { role: "tab", class: "small-map", "aria-selected": String(chosen), tabindex: chosen ? 0 : -1, onclick: () => page.set({ head: i }) }, picture, h("span", {}, `Head ${i}`));
  }

  /** In words: what a token looks at most. */
  function tell(token: number, column: number | null): void {
    const words = page.get().opened!.tokens.map((one) => word(one.readable));
    const shares = row(token);
    shadeBy(shares, token);
    if (column !== null && column <= token) {
      fill(told, h("b", {}, words[token]!), " takes ", h("b", {}, percent(shares[column] ?? 0)), " of what it takes in here from ", h("b", {}, words[column]!), ".");
      return;
    }
    const most = [...shares.keys()].sort((a, b) => shares[b]! - shares[a]!).slice(0, MOST_TOLD).filter((i) => shares[i]! > 0.005);
    fill(told, h("b", {}, words[token]!), " looks at ", ...most.flatMap((i, place) => [place ? ", " : "", h("b", {}, words[i]!), ` ${percent(shares[i]!)}`]), ".");
  }

  function cellAt(event: MouseEvent): { row: number; column: number } | null {
    const box = canvas.getBoundingClientRect();
    const at = (offset: number): number => Math.floor((offset - layout.left) / layout.cell);
    const [line, column] = [at(event.clientY - box.top), at(event.clientX - box.left)];
    return line >= 0 && line < n() ? { row: line, column: column < 0 ? -1 : column } : null;
  }
  function show(cell: { row: number; column: number } | null): void {
    pointed = cell && { row: cell.row, column: cell.column >= 0 && cell.column <= cell.row ? cell.column : null };
    draw();
  }
  function toGrid(cell: { row: number; column: number | null } | null): void {
    if (cell) travel.go({ place: { table: block(), sheet: head(), row: cell.row, column: cell.column ?? 0 }, screen: "numbers", token: cell.row });
  }
  canvas.addEventListener("mousemove", (event) => show(cellAt(event)));
  canvas.addEventListener("mouseleave", () => show(null));
  canvas.addEventListener("click", (event) => {
    const at = cellAt(event);
    if (at && at.column < 0) page.set({ token: at.row });
    else if (at && at.column <= at.row) toGrid(at);
  });
  canvas.addEventListener("blur", () => show(null));
  canvas.addEventListener("keydown", (event) => {
    const at = pointed ?? { row: page.get().token ?? n() - 1, column: null };
    const column = at.column ?? 0;
    const moves: Record<string, [number, number]> = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    const by = moves[event.key];
    if (event.key === "Enter") toGrid({ row: at.row, column });
    else if (by) {
      const line = Math.max(0, Math.min(n() - 1, at.row + by[0]));
      show({ row: line, column: Math.max(0, Math.min(line, column + by[1])) });
    } else return;
    event.preventDefault();
  });
  for (const list of [tabs, small])
    list.addEventListener("keydown", (event) => {
      const by = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
      const at = [...list.children].indexOf(document.activeElement as HTMLElement);
      if (by && at >= 0) (list.children[at + by] as HTMLElement | undefined)?.click();
    });

  page.on(["opened", "screen", "block"], () => void refresh());
  page.on(["head", "token"], draw);
  new ResizeObserver(draw).observe(room);
  return {
    element: h("div", { class: "attention" }, h("div", { class: "line" }, tabs), small, told, room),
    draw,
    lookingOf: (token) => (key && token < n() ? row(token) : null),
    canvas,
  };
}

/** Redraw a list of tabs without losing the keyboard's place in it. */
function keepFocus(list: HTMLElement, redraw: () => void): void {
  const focused = list.contains(document.activeElement);
  redraw();
  if (focused) list.querySelector<HTMLElement>("[aria-selected=true]")?.focus();
}

/** "blocks.3.attn.pattern" as people say it. */
function blockName(table: string): string {
  const found = /(?:(\w+)\.)?blocks\.(\d+)\.(cross_)?/.exec(table);
  return found ? `${found[1] ? `${found[1]} ` : ""}${found[3] ? "cross " : ""}Block ${found[2]}` : table;
}

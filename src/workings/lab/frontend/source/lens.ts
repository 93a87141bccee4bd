// The logit lens: what the model would say after every block, at every position.
import { api } from "./api";
import { shade } from "./colours";
import { fill, h, newest, spelt, word } from "./dom";
import { percent } from "./format";
import { lensPicture } from "./pictures";
import { sentence } from "./session";
import type { Page } from "./state";
import type { Travel } from "./travel";
import type { Guess, Lens } from "./types";

export function lensView(page: Page, travel: Travel): { element: HTMLElement; draw: () => void; picture: () => HTMLCanvasElement | null } {
  const table = h("table", { class: "lens" });
  const detail = h("section", { class: "lens-detail", "aria-live": "polite", "aria-label": "Distribution" });
  const take = newest();
  const takeDetail = newest();
  let lens: Lens | null = null;
  let key = "";
  let chosen: { block: number; position: number } | null = null;

  async function refresh(): Promise<void> {
    const { opened, screen } = page.get();
    if (!opened || screen !== "lens" || opened.tokens.length !== opened.n_pos) return;
    if (key !== opened.id) {
      const current = take();
      try {
        const fresh = await api.lens(opened.id);
        if (!current()) return;
        [lens, key] = [fresh, opened.id];
      } catch (error) {
        if (current()) page.set({ trouble: sentence(error) });
        return;
      }
    }
    draw();
  }

  function draw(): void {
    const { opened, screen } = page.get();
    if (!lens || !opened || screen !== "lens") return;
    const last = opened.n_pos - 1;
    if (!chosen || chosen.position > last) chosen = { block: lens.blocks.length - 1, position: last };
    const head = h("tr", {}, h("th", { scope: "col" }, h("span", { class: "visually-hidden" }, "After")), ...opened.tokens.map((token, i) => h("th", { scope: "col", class: i === chosen?.position ? "here" : "" }, word(token.readable))));
    const rows = lens.blocks.map((name, block) => h("tr", {}, h("th", { scope: "row", title: name }, blockTitle(name)), ...lens!.cells[block]!.map((guess, position) => cell(guess, block, position))));
    const focused = table.contains(document.activeElement);
    fill(table, h("caption", { class: "visually-hidden" }, "The likeliest next token after every block, at every position"), h("thead", {}, head), h("tbody", {}, ...rows));
    if (focused) table.querySelector<HTMLElement>("[aria-pressed=true]")?.focus();
    keepInView();
    void distribution();
  }

  /** Scroll sideways, no further than it takes, to what is chosen; the last word is the one that matters at first. */
  function keepInView(): void {
    table.querySelector("[aria-pressed=true]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  function cell(guess: Guess, block: number, position: number): HTMLElement {
    const here = chosen?.block === block && chosen.position === position;
    const button = h(
      "button",
      { "aria-pressed": String(here), tabindex: here ? 0 : -1, title: `${guess.readable} ${percent(guess.share)}`, "aria-label": `${guess.readable}, ${percent(guess.share)}`, onclick: () => choose(block, position) },
      word(guess.readable),
    );
    button.style.backgroundColor = shade(guess.share, 0.55);
    return h("td", {}, button);
  }

  function choose(block: number, position: number): void {
    chosen = { block: Math.max(0, Math.min(lens!.blocks.length - 1, block)), position: Math.max(0, Math.min(lens!.cells[0]!.length - 1, position)) };
    const buttons = table.querySelectorAll<HTMLButtonElement>("td button");
    const width = lens!.cells[0]!.length;
    buttons.forEach((button, i) => {
      const here = Math.floor(i / width) === chosen!.block && i % width === chosen!.position;
      button.setAttribute("aria-pressed", String(here));
      button.tabIndex = here ? 0 : -1;
      if (here) button.focus();
    });
    table.querySelectorAll("thead th").forEach((head, i) => head.classList.toggle("here", i - 1 === chosen!.position));
    void distribution();
  }

  async function distribution(): Promise<void> {
    const { opened } = page.get();
    if (!lens || !opened || !chosen) return;
    const { block, position } = chosen;
    const name = lens.blocks[block]!;
    const current = takeDetail();
    try {
      const { next } = await api.lensCell(opened.id, name, position);
      if (current()) tell(next, name, position);
    } catch (error) {
      if (current()) fill(detail, h("p", { class: "note" }, sentence(error)));
    }
  }

  function tell(next: Guess[], name: string, position: number): void {
    const { opened } = page.get();
    const last = word(opened?.tokens[position]?.readable ?? "");
    const bars = next.map((guess) => {
      const ink = h("span", { class: "ink" });
      ink.style.width = `${guess.share * 100}%`;
      return h("li", {}, spelt(guess.readable), h("span", { class: "track" }, ink), h("span", { class: "number" }, percent(guess.share)));
    });
    const numbers = name.includes("resid") ? name : `${name}.resid_post`;
    fill(
      detail,
      h("h3", {}, `${blockTitle(name)}, the model would go on from “${last}” with`),
      h("ol", { class: "plain-bars" }, ...bars),
      h("button", { class: "link", onclick: () => travel.go({ screen: "numbers", place: { table: numbers, sheet: 0, row: position, column: 0 } }) }, "See the numbers that this is read from"),
    );
  }

  table.addEventListener("keydown", (event) => {
    if (!chosen) return;
    const moves: Record<string, [number, number]> = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    const by = moves[event.key];
    if (!by) return;
    event.preventDefault();
    choose(chosen.block + by[0], chosen.position + by[1]);
  });
  page.on(["opened", "screen"], () => void refresh());
  return {
    element: h("div", { class: "lens-view" }, h("div", { class: "lens-scroll" }, table), detail),
    draw,
    picture: () => (lens && lensPicture(lens, page.get().opened?.tokens ?? [], blockTitle)),
  };
}

function blockTitle(name: string): string {
  const number = /blocks\.(\d+)/.exec(name)?.[1];
  if (number === undefined) return name === "embed" ? "At the start" : `At ${name}`;
  if (name.endsWith("resid_pre")) return number === "0" ? "At the start" : `Before block ${number}`;
  return `After block ${number}`;
}

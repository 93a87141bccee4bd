// What heads do: how much of its attention every head gives to each kind of place, and who looks at whom in the sentence.
import { api, LabError } from "./api";
import { cellsPicture, fillCells, walkCells, type Cell, type Cells } from "./cellmap";
import { fill, h, newest, word } from "./dom";
import { capital, percent, shortName } from "./format";
import { rovingTabs } from "./screens";
import { sentence } from "./session";
import type { Page } from "./state";
import type { Travel } from "./travel";
import type { Habits, Look } from "./types";

type Kind = Habits["kinds"][number];

export const patternOf = (block: number): string => `blocks.${block}.attn.pattern`;

export class HabitsView {
  readonly element: HTMLElement;
  private readonly measured = h("p", { class: "soft" });
  private readonly kindless = h("p", { class: "soft" });
  private readonly tabs = h("div", { class: "blocks", role: "tablist", "aria-label": "Kinds of heads" });
  private readonly maps = h("div", { class: "kinds" });
  private readonly looks = h("ol", { class: "looks" });
  private readonly take = newest();
  private asked: Promise<void> | null = null;
  private found: Habits | null = null;
  private key = "";
  /** The kind that is drawn; null before anything is. */
  private drawn: string | null = null;

  constructor(
    private readonly page: Page,
    private readonly travel: Travel,
    private readonly whenFound: () => void,
  ) {
    this.element = h(
      "div",
      { class: "habits" },
      h("h3", {}, "Who looks at whom in your sentence"),
      h("p", { class: "soft" }, "The strongest looks of all heads, but for those at the token itself and at the first one, where many heads rest. That a head looks somewhere does not mean that it matters for what comes next: knock the head out to see."),
      this.looks,
      h("h3", {}, "What each head is in the habit of doing"),
      this.kindless,
      this.tabs,
      this.maps,
      this.measured,
    );
    rovingTabs(this.tabs);
  }

  /** What a head was seen to do; null where that is not known (yet). */
  of(block: number, head: number): Habits["heads"][number][number] | null {
    return this.found?.heads[block]?.[head] ?? null;
  }

  /** Have it measured, once. */
  learn(): Promise<void> {
    this.asked ??= api.heads().then(
      (found) => {
        this.found = found;
        this.whenFound();
      },
      (error: unknown) => {
        if (!(error instanceof LabError && error.kind === "input")) this.asked = null;
        fill(this.measured, sentence(error));
      },
    );
    return this.asked;
  }

  /** Show it all. */
  async refresh(): Promise<void> {
    if (!this.found && !this.asked) fill(this.measured, "Measuring …");
    void this.learn();
    this.draw();
    const { opened } = this.page.get();
    if (!opened) return;
    const current = this.take();
    if (this.key === opened.id) return;
    try {
      const { looks } = await api.looks(opened.id, current.signal);
      if (!current()) return;
      this.key = opened.id;
      fill(this.looks, ...looks.map((look) => this.look(look)));
      if (looks.length === 0) fill(this.looks, h("li", { class: "soft" }, "No head looks anywhere else with 5% or more."));
    } catch (error) {
      if (!current()) return;
      this.key = "";
      fill(this.looks, h("li", { class: "note" }, sentence(error)));
    }
  }

  picture(): HTMLCanvasElement | null {
    const { found } = this;
    const kind = found && (this.chosen(found)[0] ?? null);
    return kind && cellsPicture(this.cells(kind));
  }

  private draw(): void {
    const { found } = this;
    const { kind } = this.page.get();
    if (!found || this.drawn === kind) return;
    this.drawn = kind;
    const none = found.heads.flat().every(({ kind }) => kind === null);
    const name = shortName(this.page.get().model.name);
    fill(this.measured, found.measured, " Numbers are percent; each leads to its head.");
    fill(this.kindless, none && `No head of ${name} gives half of its attention to one of these places, so none is called by a kind.`);
    const shown = this.chosen(found);
    const all = shown.length > 1;
    const tab = (value: string, said: string): HTMLElement => {
      const here = all ? value === "" : value === kind;
      return h("button", { role: "tab", "aria-selected": String(here), tabindex: here ? 0 : -1, onclick: () => this.travel.go({ kind: value }) }, said);
    };
    const focused = this.tabs.contains(document.activeElement);
    fill(this.tabs, tab("", "All kinds"), ...found.kinds.map((one) => tab(one.name, capital(one.name))));
    if (focused) this.tabs.querySelector<HTMLElement>("[aria-selected=true]")?.focus();
    this.maps.classList.toggle("alone", !all);
    fill(this.maps, ...shown.map((one) => this.section(one)));
  }

  private chosen(found: Habits): Kind[] {
    const one = found.kinds.filter(({ name }) => name === this.page.get().kind);
    return one.length ? one : found.kinds;
  }

  private section(kind: Kind): HTMLElement {
    const table = h("table", { class: "lens sweep" });
    fillCells(table, this.cells(kind), ({ block, column }) => this.travel.go({ block: patternOf(block), head: column }));
    walkCells(table, kind.scores[0]?.length ?? 1, strongest(kind));
    return h("section", { "aria-label": capital(kind.name) }, h("h4", {}, `${capital(kind.name)}: ${kind.looks}`), h("p", { class: "soft" }, kind.meaning), h("div", { class: "lens-scroll" }, table));
  }

  private cells({ name, looks, scores }: Kind): Cells {
    return {
      caption: `Share of attention of every head that ${looks}, in hundredths`,
      headings: [{ title: "Head", names: scores[0]?.map((_, head) => String(head)) ?? [] }],
      rows: scores.map((_, block) => `Block ${block}`),
      values: scores,
      largest: 1,
      said: ({ block, column }: Cell) => `Block ${block}, head ${column}: ${name} ${percent(scores[block]![column]!)}`,
    };
  }

  private look({ block, head, position, readable, looks_at }: Look): HTMLElement {
    const at = looks_at.map((seen) => `“${word(seen.readable)}” ${percent(seen.share)}`).join(", ");
    const said = `Block ${block}, head ${head}: “${word(readable)}” looks at ${at}`;
    return h("li", {}, h("button", { class: "link", onclick: () => this.travel.go({ block: patternOf(block), head, token: position }) }, said));
  }
}

/** The head with the highest score. */
function strongest({ scores }: Kind): Cell {
  let best: Cell = { block: 0, column: 0 };
  scores.forEach((row, block) => row.forEach((score, column) => score > scores[best.block]![best.column]! && (best = { block, column })));
  return best;
}

/** Which block a pattern is of; that of a side of an encoder and decoder is none of those that are measured. */
export function blockNumber(table: string): number {
  const number = Number(/^blocks\.(\d+)\./.exec(table)?.[1] ?? -1);
  return table === patternOf(number) ? number : -1;
}

// Features to choose from: those that fire at the chosen token, or all of them, to search.
import { api } from "./api";
import { fill, h, later, newest, word } from "./dom";
import { count, inText, percent } from "./format";
import { sentence } from "./session";
import type { Page } from "./state";
import { featureName } from "./steers";
import type { Feature, Found } from "./featuretypes";

const AT_ONCE = 60;
const FIRING = 24;
const LABELS = "Labels were made from the texts in which each feature fires most. “a” → “b” means: at “a”, where “b” comes next.";
const NO_STRENGTHS = "Not everything that fires here can be told: an edit made these numbers overflow, or no numbers at all.";

export class FeatureList {
  readonly element: HTMLElement;
  private readonly list = h("ul", { class: "feature-list" });
  private readonly status = h("p", { class: "soft", role: "status" });
  private readonly search = h("input", { type: "search", class: "field", placeholder: "Search all features", title: "By label, by words in the texts in which they fire, or by number", "aria-label": "Search all features" });
  private readonly here = h("button", { "aria-pressed": "true", onclick: () => this.choose("here") });
  private readonly all = h("button", { "aria-pressed": "false", onclick: () => this.choose("all") });
  private readonly take = newest();
  private mode: "here" | "all" = "here";
  private current = -1;
  /** Whether the newest question was not answered. */
  failed = false;

  constructor(
    private readonly page: Page,
    private readonly onChoose: (feature: number) => void,
  ) {
    const { features } = page.get().model;
    fill(this.all, `All ${count(features?.count ?? 0)}`);
    this.search.addEventListener("input", later(150, () => this.choose("all")));
    this.list.addEventListener("keydown", (event) => this.onKey(event));
    this.element = h(
      "section",
      { class: "features-left", "aria-label": "Features to choose from" },
      h("div", { class: "toggle", role: "group", "aria-label": "Which features" }, this.here, this.all),
      this.search,
      this.status,
      this.list,
    );
  }

  /** Ask again for what is shown, at this token; tells the strongest feature there. */
  async refresh(token: number): Promise<number | null> {
    const { opened } = this.page.get();
    if (!opened) return null;
    fill(this.here, `At “${word(opened.tokens[token]?.readable ?? "")}”`);
    if (this.mode === "all" && this.list.childElementCount && !this.failed) return null;
    if (this.mode === "all") return this.find(), null;
    const current = this.take();
    try {
      const { positions, fire } = await api.firing(opened.id, token, FIRING, current.signal);
      if (!current()) return null;
      const firing = positions[0] ?? [];
      const largest = firing[0]?.strength ?? 1;
      fill(this.status, fire[0] === null ? NO_STRENGTHS : firing.length ? `${fire[0]} fire at this token, the strongest first` : "No feature fires at this token.");
      this.show(firing.map((one) => this.entry(one, inText(one.strength), one.strength / largest)));
      return firing[0]?.feature ?? null;
    } catch (error) {
      if (current()) this.fail(error);
      return null;
    }
  }

  mark(feature: number): void {
    this.current = feature;
    const all = [...this.list.querySelectorAll<HTMLElement>("button[data-feature]")];
    const at = Math.max(0, all.findIndex((one) => Number(one.dataset.feature) === feature));
    all.forEach((one, i) => {
      if (Number(one.dataset.feature) === feature) one.setAttribute("aria-current", "true");
      else one.removeAttribute("aria-current");
      one.tabIndex = i === at ? 0 : -1;
    });
  }

  private choose(mode: "here" | "all"): void {
    this.mode = mode;
    this.here.setAttribute("aria-pressed", String(mode === "here"));
    this.all.setAttribute("aria-pressed", String(mode === "all"));
    if (mode === "all") return void this.find();
    const { opened, token } = this.page.get();
    void this.refresh(Math.min(token ?? Infinity, (opened?.n_pos ?? 1) - 1));
  }

  private async find(from = 0): Promise<void> {
    const current = this.take();
    try {
      const found = await api.features(this.search.value, from, AT_ONCE, current.signal);
      if (current()) this.tell(found, from);
    } catch (error) {
      if (current()) this.fail(error);
    }
  }

  private tell({ count: many, found }: Found, from: number): void {
    const often = (density: number | null): string => (density === null ? "" : percent(density));
    const entries = found.map((one) => this.entry(one, often(one.density), null));
    const rest = many - from - found.length;
    const more = rest > 0 ? h("li", {}, h("button", { class: "link", onclick: () => void this.find(from + found.length) }, `${count(Math.min(rest, AT_ONCE))} more`)) : null;
    fill(this.status, many ? `${count(many)} found; the share is how many tokens each fires at` : "None found: try another word, or a number.");
    const before = from ? [...this.list.children].filter((one) => one.querySelector("[data-feature]")) : [];
    this.show([...before, ...entries, ...(more ? [more] : [])]);
  }

  private fail(error: unknown): void {
    this.failed = true;
    fill(this.status, sentence(error));
  }

  private show(entries: Element[]): void {
    this.failed = false;
    const focused = this.list.contains(document.activeElement);
    fill(this.list, ...entries, this.page.get().model.features?.labelled ? h("li", { class: "soft fine" }, LABELS) : null);
    this.mark(this.current);
    if (focused) this.list.querySelector<HTMLElement>("[tabindex='0']")?.focus();
  }

  private entry(one: Feature, number: string, share: number | null): HTMLElement {
    const ink = h("span", { class: "ink" });
    ink.style.width = `${(share ?? 0) * 100}%`;
    return h(
      "li",
      {},
      h(
        "button",
        { "data-feature": one.feature, onclick: () => this.onChoose(one.feature) },
        h("span", { class: one.label === null ? "name alone" : "name" }, featureName(one)),
        one.label === null ? null : h("span", { class: "soft number" }, String(one.feature)),
        share === null ? null : h("span", { class: "track", "aria-hidden": "true" }, ink),
        h("span", { class: "number soft" }, number),
      ),
    );
  }

  private onKey(event: KeyboardEvent): void {
    const by = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    const all = [...this.list.querySelectorAll<HTMLElement>("button")];
    const next = all[all.indexOf(document.activeElement as HTMLElement) + by];
    if (!by || !next) return;
    event.preventDefault();
    next.focus();
  }
}

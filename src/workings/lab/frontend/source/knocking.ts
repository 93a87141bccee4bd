// Knocking out: which edits do so, how they are asked for, and the panel above the grid that makes them.
import { api, type Query } from "./api";
import { fill, h, newest, word } from "./dom";
import type { Grid } from "./grid";
import { knocksBy, type By } from "./knocks";
import { ask, otherSentence } from "./question";
import { sentence, type Session } from "./session";
import { isPosition } from "./sheet";
import { sameSentence, type Page } from "./state";
import type { Edit, Part } from "./types";

/** What takes the place of a part, as people say it. */
const BY: Record<By, string> = { zero: "zero: nothing at all", mean: "mean: its mean row over all positions", other: "another sentence: its numbers" };
const MEANING =
  "What is left is what the model says with that part replaced. It does not mean that the part does by itself what is lost, or does nothing where nothing is lost: others may stand in for it.";

/** Whether an edit sets all rows of just these cells to nothing, or to one row. */
function knocksOut(edit: Edit, table: string, index: Part[]): boolean {
  const sets = edit.value === 0 || edit.scale === 0 || Array.isArray(edit.value);
  return sets && edit.table === table && String(edit.index) === String(index);
}

const OTHERS = "These numbers are not its mean on this sentence: they are of another sentence, or were set by hand. Choose “by its mean” to take the mean of this one.";

const CHANGED = "The sentence changed before the part was knocked out, and nothing was. Knock it out again if you still want to.";

/** Make the edit that knocks a part out, if it still is `wanted` then and the sentence still is the same, or show why there is none. */
export async function knockOut(page: Page, session: Session, part: Query, wanted: () => boolean = () => true): Promise<void> {
  const { opened, shown } = page.get();
  try {
    const { edit } = await api.knockout({ view: opened!.id, ...part });
    if (!wanted()) return;
    if (!sameSentence(page.get(), shown)) return page.set({ trouble: CHANGED });
    page.set({ trouble: null });
    session.addEdit(edit);
  } catch (error) {
    page.set({ trouble: sentence(error) });
  }
}

interface Offer {
  said: string;
  part: Query;
}

/** The button above the grid, and the panel that it opens. */
export function knockPanel(page: Page, session: Session, grid: Grid): { element: HTMLElement; show: () => void } {
  const what = h("select", { "aria-label": "What is knocked out" });
  const by = h("select", { "aria-label": "By what" });
  const other = h("input", { class: "other-box", spellcheck: "false", autocomplete: "off", "aria-label": "The other sentence, of as many tokens" });
  const otherLine = h("label", {}, h("span", {}, "which is"), other);
  const otherNote = h("p", { class: "soft" }, "It needs as many tokens as yours, and is read with your edits. (Papers call it resampling.)");
  const panel = h(
    "form",
    { class: "knock-panel", "aria-label": "Knock out" },
    h("label", {}, h("span", {}, "Knock out"), what),
    h("label", {}, h("span", {}, "by"), by),
    otherLine,
    otherNote,
    h("p", { class: "soft" }, MEANING),
    h("button", { class: "primary", type: "submit" }, "Knock it out"),
  );
  const button = h("button", { class: "quiet bordered", type: "button", "aria-expanded": "false", onclick: () => (panel.hidden ? open() : close()) }, "Knock out …");
  const element = h("div", { class: "knock-out" }, button, panel);
  let offered: Offer[] = [];
  panel.hidden = true;

  function offers(): Offer[] {
    const { sheet } = grid;
    if (!sheet) return [];
    const { table, sheets } = sheet;
    const { row } = grid.cursor();
    const head: Query = sheets > 1 ? { head: sheet.sheet } : {};
    const named = sheets > 1 ? `head ${sheet.sheet}` : "the table";
    const at = `“${word(page.get().opened?.tokens[row]?.readable ?? "")}”, position ${row}`;
    const whole = { said: sheets > 1 ? `all ${sheets} heads, at every token` : "the whole table, at every token", part: { table } };
    const one = { said: `head ${sheet.sheet}, at every token`, part: { table, ...head } };
    return [...(sheets > 1 ? [one] : []), { said: `${named} at ${at} only`, part: { table, ...head, positions: row } }, whole];
  }

  function open(): void {
    offered = offers();
    fill(what, ...offered.map(({ said }, i) => h("option", { value: i }, said)));
    const pairs = isPosition(grid.sheet?.info.axes.at(-1) ?? "");
    fill(by, ...Object.entries(BY).map(([value, said]) => h("option", { value, disabled: pairs && value === "mean" }, said)));
    other.value = otherSentence(page);
    showOther();
    panel.hidden = false;
    button.setAttribute("aria-expanded", "true");
    what.focus();
  }
  function showOther(): void {
    otherLine.hidden = otherNote.hidden = by.value !== "other";
  }
  /** The other sentence is the one of “What matters”, which the address carries. */
  function takeOther(): void {
    if (other.value !== otherSentence(page)) ask(page, { other: other.value });
  }
  by.addEventListener("change", showOther);
  other.addEventListener("change", takeOther);
  function close(): void {
    if (panel.contains(document.activeElement)) button.focus();
    panel.hidden = true;
    button.setAttribute("aria-expanded", "false");
  }
  panel.addEventListener("submit", (event) => {
    event.preventDefault();
    const { part } = offered[Number(what.value)]!;
    if (by.value === "other") takeOther();
    close();
    void knockOut(page, session, { ...part, by: by.value, ...(by.value === "other" ? { other: other.value } : {}) });
  });
  element.addEventListener("keydown", (event) => {
    if (event.key === "Escape") close();
  });
  document.addEventListener("click", (event) => {
    if (!panel.hidden && !element.contains(event.target as Node)) close();
  });
  page.on(["place", "opened", "screen"], () => !panel.hidden && close());

  /** It is offered for tables that have a row for every token. */
  function show(): void {
    const info = grid.sheet?.info;
    element.hidden = !info || info.axes.length < 2 || !isPosition(info.axes.at(-2)!) || !page.get().model.tables.includes(info);
  }
  return { element, show };
}

/** The switch in the attention view that knocks out what one head found. */
export class HeadSwitch {
  private readonly box = h("input", { type: "checkbox", role: "switch" });
  private readonly by = h("select", { "aria-label": "By what this head is knocked out" }, h("option", { value: "zero" }, "by zero"), h("option", { value: "mean" }, "by its mean"));
  /** Offered only while it is so: a mean of another sentence, or numbers set by hand. */
  private readonly byOthers = h("option", { value: "other" }, "by other numbers");
  readonly element = h(
    "div",
    { class: "knock", title: "Replace what this head found, at every token, and see what the model says then: zero ablation or mean ablation" },
    h("label", {}, this.box, "Knock out this head"),
    this.by,
  );
  private readonly take = newest();
  private table = "";
  private head = 0;

  constructor(
    private readonly page: Page,
    private readonly session: Session,
  ) {
    this.box.addEventListener("change", () => void (this.box.checked ? this.out() : this.back()));
    this.by.addEventListener("change", () => this.box.checked && void this.out());
  }

  /** The head whose switch this is: where it puts what it found, and its number. */
  show(table: string, head: number): void {
    [this.table, this.head] = [table, head];
    const edit = this.knocked(head);
    const now = edit && knocksBy(edit);
    this.box.checked = edit !== null;
    if (now === "other") this.by.append(this.byOthers);
    else this.byOthers.remove();
    if (now) this.by.value = now;
    this.by.title = now === "other" ? OTHERS : "";
    this.element.hidden = !this.page.get().model.tables.some((one) => one.name === table);
  }

  /** The edit that knocks a head out now; null where it is not. */
  knocked(head: number): Edit | null {
    return this.page.get().edits.findLast((edit) => edit.on && knocksOut(edit, this.table, this.index(head))) ?? null;
  }

  private index(head: number): Part[] {
    return [head, ":", ":"];
  }

  private others(): Edit[] {
    return this.page.get().edits.filter((edit) => !knocksOut(edit, this.table, this.index(this.head)));
  }

  private back(): void {
    this.take(); // the edit that is on its way is not wanted any more
    void this.session.setEdits(this.others());
  }

  private async out(): Promise<void> {
    const { table, head } = this;
    const { head: chosen, block } = this.page.get();
    await knockOut(this.page, this.session, { table, head, by: this.by.value }, this.take());
    const now = this.page.get();
    if (now.head === chosen && now.block === block) this.page.set({ head }); // which stays in sight, whatever sentence comes next
    this.show(this.table, this.head);
  }
}

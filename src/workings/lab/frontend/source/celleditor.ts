// Typing into cells: a number sets a cell, `*2` scales it, `+=0.5` adds to it.
import { isSlope, isWeight } from "./address";
import { h } from "./dom";
import { exact, notTaken, typed } from "./format";
import { boxOf, type Grid } from "./grid";
import type { Session } from "./session";
import { idsAsked, type Page } from "./state";
import type { Edit, Part } from "./types";

/** What is being typed: into which cells, of which tokens, and what stood there before. */
interface Typing {
  input: HTMLInputElement;
  table: string;
  index: Part[];
  /** The token ids that were read; null where the table is the same for every sentence. */
  tokens: number[] | null;
  before: number | undefined;
  /** What the input held before anything was typed. */
  held: string;
}

export class CellEditor {
  private typing: Typing | null = null;
  /** What was typed for a cell that is not in view yet; null where nothing waits for one. */
  private begun: string | null = null;

  constructor(
    private readonly grid: Grid,
    private readonly page: Page,
    private readonly session: Session,
    private readonly around: HTMLElement,
  ) {
    page.on(["place", "screen"], () => {
      if (!this.typing) return;
      this.leave();
      grid.element.focus();
    });
    const wasDrawn = grid.onDrawn;
    grid.onDrawn = () => {
      wasDrawn();
      this.follow();
    };
  }

  /** Lay an input over the cell of the cursor, with what begins the number, or the number that stands there. */
  open(start?: string): void {
    const { grid, page } = this;
    const sheet = grid.sheet;
    if (!sheet) return;
    const trouble = refusal(grid);
    if (trouble) return page.set({ trouble });
    if (!grid.cursorCell() || this.begun !== null) return void this.openSoon(start);
    const { row, column } = grid.cursor();
    const before = grid.tiles.at(sheet, "tile", row, column);
    const held = start === undefined && before !== undefined ? exact(before) : "";
    const everywhere = isWeight(page.get().model, sheet.table) && sheet.table !== "ids";
    const tokens = everywhere ? null : page.get().opened!.ids;
    const input = h("input", { class: "editor", type: "text", inputmode: "decimal", spellcheck: "false", "aria-label": "New number" });
    input.value = start ?? held;
    this.typing = { input, table: sheet.table, index: partsOf(grid), tokens, before, held };
    input.addEventListener("keydown", (event) => this.onKey(event));
    input.addEventListener("blur", () => document.activeElement !== input && this.leave()); // else the whole window was left
    this.around.append(input);
    this.follow();
    input.focus();
    if (start === undefined) input.select();
  }

  /** Open as soon as the grid, which is being drawn or scrolled to the cursor, has the cell. */
  private async openSoon(start = ""): Promise<void> {
    const waiting = this.begun !== null;
    this.begun = (this.begun ?? "") + start;
    if (waiting) return;
    const { place } = this.page.get();
    await this.grid.settle().catch(() => undefined);
    const text = this.begun;
    this.begun = null;
    if (this.grid.cursorCell() && this.page.get().place === place && this.page.get().screen === "numbers") this.open(text || undefined);
  }

  /** Lie over the cell, wherever that was scrolled to. */
  private follow(): void {
    if (!this.typing) return;
    const { style } = this.typing.input;
    const cell = this.grid.cursorCell();
    style.opacity = cell ? "" : "0";
    if (!cell) return;
    const box = boxOf(cell, this.around);
    for (const [side, size] of Object.entries(box)) style.setProperty(side, `${size}px`);
    style.minWidth = `${box.width}px`;
  }

  private onKey(event: KeyboardEvent): void {
    event.stopPropagation();
    const { input, held } = this.typing!;
    const given = event.key === "Enter" || event.key === "Tab";
    if (given) event.preventDefault();
    else if (event.key !== "Escape") return;
    if (given && input.value !== held && !this.take()) return input.setAttribute("aria-invalid", "true");
    this.close();
    this.grid.element.focus();
  }

  /** The cell is left for another one, or for something else: what was typed holds, as it does in a spreadsheet. */
  private leave(): void {
    if (!this.typing) return;
    const { input, held } = this.typing;
    if (input.value.trim() && input.value !== held) this.take();
    this.close();
  }

  private close(): void {
    const { typing } = this;
    this.typing = null;
    typing?.input.remove();
  }

  /** Put what was typed where it was meant; false where it is no number, which is told. */
  private take(): boolean {
    const { input, table, index, before } = this.typing!;
    const change = amount(input.value);
    if (!change) {
      this.page.set({ trouble: notTaken(input.value) });
      return false;
    }
    const one = index.every((part) => typeof part === "number");
    if (one && change.value !== undefined && before !== undefined && Math.fround(change.value) === before) return true;
    if (!this.meant()) {
      this.page.set({ trouble: `The sentence changed before “${input.value}” was put into it, and nothing was. Type it again if you still want it.` });
      return true;
    }
    this.page.set({ trouble: null });
    this.session.addEdit({ table, index, on: true, ...change });
    return true;
  }

  /** Whether the numbers are still those of the tokens that were read, or of these and more. */
  private meant(): boolean {
    const { tokens } = this.typing!;
    const now = idsAsked(this.page.get());
    return !tokens || tokens.every((id, i) => now?.[i] === id);
  }
}

/** Why the numbers that are shown cannot be changed; null where they can. */
export const refusal = ({ sheet }: Grid): string | null =>
  sheet && isSlope(sheet.table) ? "A slope follows from the numbers and cannot be changed by itself. Press “Numbers” and change the number: the slopes follow." : null;

function amount(text: string): Pick<Edit, "add" | "scale"> & { value?: number } | null {
  const plain = text.trim();
  if (plain.startsWith("+=")) return kind("add", typed(plain.slice(2)));
  if (plain.startsWith("*")) return kind("scale", typed(plain.slice(1)));
  return kind("value", typed(plain));
}

function kind(name: "value" | "add" | "scale", number: number | null): { value?: number; add?: number; scale?: number } | null {
  return number === null ? null : { [name]: number };
}

/** The selection as an edit's index. */
export function partsOf(grid: Grid): Part[] {
  const sheet = grid.sheet!;
  const { top, bottom, left, right } = grid.selection();
  const stretch = (from: number, to: number, size: number): Part =>
    from === to ? from : from === 0 && to === size - 1 ? ":" : `${from}:${to + 1}`;
  const rows = stretch(top, bottom, sheet.rows);
  const columns = stretch(left, right, sheet.columns);
  const axes = sheet.info.axes.length;
  return axes === 1 ? [rows] : axes === 2 ? [rows, columns] : [sheet.sheet, rows, columns];
}

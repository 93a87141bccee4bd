// The grid: one real <table> that shows a rectangle of a sheet, with a selection that keys and mouse move.
import "regular-table";
import type { CellMetadata, DataResponse } from "regular-table/dist/esm/types";
import type { RegularTableElement } from "regular-table";
import { clamp } from "./dom";
import { refusal } from "./edits";
import { decimalsFor, inCell } from "./format";
import { type Look, markCells, markHeadings, nameParts } from "./marks";
import { hasWords, Labels, Ranges, sheetOf } from "./sheet";
import type { Page } from "./state";
import { sentence } from "./session";
import { Tiles } from "./tiles";

const WIDTHS = { short: 4.75, long: 7, all: 8.5 }; // rem a column
const HEADERS = [3, 6.5]; // rem: a row's number and its word
const ROW = 1.75; // rem

export type Current = NonNullable<ReturnType<typeof sheetOf>>;

/**
 * What regular-table keeps of its columns' widths, found by its look, since the name is shortened in its bundle. Filled in
 * beforehand it makes scrolling exact in columns that were never drawn; without it the table would guess, and still work.
 */
function widthsOf(table: object): { indices: number[] } | undefined {
  return Object.values(table).find((part) => part && typeof part === "object" && "indices" in part && "override" in part) as { indices: number[] } | undefined;
}

export class Grid {
  readonly element: RegularTableElement;
  readonly tiles = new Tiles();
  readonly labels = new Labels();
  readonly ranges = new Ranges();
  onDrawn: () => void = () => undefined;
  private current: Current | null = null;
  /** The selection's other corner, and for which place of the cursor it holds: once the cursor is elsewhere it selects one cell. */
  private anchored = { anchor: { row: 0, column: 0 }, cursor: "" };
  private compared = false;
  private rem = 16;

  constructor(private readonly page: Page) {
    this.element = document.createElement("regular-table");
    this.element.className = "grid";
    for (const [name, value] of Object.entries({ role: "grid", "aria-label": "Numbers", "aria-multiselectable": "true" }))
      this.element.setAttribute(name, value);
    this.element.setDataListener((x0, y0, x1, y1) => this.answer(x0, y0, x1, y1));
    this.element.addStyleListener(() => this.style());
    new ResizeObserver(() => {
      this.measure();
      void this.draw();
    }).observe(this.element);
  }

  get sheet(): Current | null {
    return this.current;
  }

  /** Show what the state now names; the old numbers stay until the new ones are here. */
  async refresh(): Promise<void> {
    const state = this.page.get();
    const next = sheetOf(state);
    if (!next) return;
    this.current = next;
    this.compared = state.edits.some((edit) => edit.on);
    this.measure();
    const { rem, columnWidth: width } = this;
    this.element.style.setProperty("--column", `${width}px`);
    const widths = widthsOf(this.element);
    if (widths) widths.indices = [...HEADERS.map((header) => Math.round(header * rem)), ...new Array<number>(next.columns).fill(width)];
    this.element.setAttribute("aria-rowcount", String(next.rows + 1));
    this.element.setAttribute("aria-colcount", String(next.columns + 2));
    this.element.setAttribute("aria-label", `Numbers of ${next.table}`);
    if (state.screen !== "numbers") return;
    try {
      await this.ranges.have(next);
    } catch (error) {
      this.page.set({ trouble: sentence(error) });
    }
    await this.draw();
    this.reveal();
  }

  async draw(): Promise<void> {
    if (this.current && this.element.isConnected && this.element.clientHeight > 0) await this.element.draw();
  }

  /** Show where the cursor now is, on the same sheet. */
  follow(): void {
    this.style();
    this.reveal();
  }

  /** Have the cursor drawn and in view. */
  async settle(): Promise<void> {
    this.reveal();
    await this.draw();
    await this.element.flush();
  }

  cursor(): { row: number; column: number } {
    const { place } = this.page.get();
    const sheet = this.current;
    if (!sheet) return { row: 0, column: 0 };
    return { row: clamp(place.row, 0, sheet.rows - 1), column: clamp(place.column, 0, sheet.columns - 1) };
  }

  /** Rows and columns of the selection, both ends included. */
  selection(): { top: number; bottom: number; left: number; right: number } {
    const { row, column } = this.cursor();
    const anchor = this.anchor();
    return {
      top: Math.min(row, anchor.row),
      bottom: Math.max(row, anchor.row),
      left: Math.min(column, anchor.column),
      right: Math.max(column, anchor.column),
    };
  }

  select(row: number, column: number, extend = false): void {
    const sheet = this.current;
    if (!sheet) return;
    const to = { row: clamp(row, 0, sheet.rows - 1), column: clamp(column, 0, sheet.columns - 1) };
    this.anchored = { anchor: extend ? this.anchor() : to, cursor: placeKey(sheet, to) };
    this.page.set({ place: { ...this.page.get().place, sheet: sheet.sheet, ...to } });
    this.follow();
  }

  selectAll(): void {
    const sheet = this.current;
    if (!sheet) return;
    this.select(0, 0);
    this.select(sheet.rows - 1, sheet.columns - 1, true);
  }

  private anchor(): { row: number; column: number } {
    const sheet = this.current;
    const cursor = this.cursor();
    return sheet && this.anchored.cursor === placeKey(sheet, cursor) ? this.anchored.anchor : cursor;
  }

  /** How many whole rows and columns are in view. */
  visible(): { rows: number; columns: number } {
    return {
      rows: Math.max(1, Math.floor(this.element.clientHeight / this.rowHeight) - this.headings),
      columns: Math.max(1, Math.floor((this.element.clientWidth - this.headers) / this.columnWidth)),
    };
  }

  /** The rendered cell of the cursor, if it is in view. */
  cursorCell(): HTMLTableCellElement | null {
    return this.element.querySelector<HTMLTableCellElement>("td.cursor");
  }

  at(cell: Element | null): { row: number; column: number } | null {
    const meta = cell instanceof HTMLElement ? (this.element.getMeta(cell) as CellMetadata | undefined) : undefined;
    return meta?.type === "body" ? { row: meta.y, column: meta.x } : null;
  }

  /** Read off what the style sheet says: seldom, since asking for a style has the browser work all styles out. */
  private measure(): void {
    this.rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
  }

  private get rowHeight(): number {
    return Math.round(ROW * this.rem);
  }

  private get columnWidth(): number {
    return Math.round(WIDTHS[this.page.get().digits] * this.rem);
  }

  /** Lines of column headings: numbers, and words where the columns have them. */
  private get headings(): number {
    const axis = this.current ? axesOf(this.current.info.axes)[1] : "";
    return hasWords(axis) ? 2 : 1;
  }

  private get headers(): number {
    return HEADERS.reduce((sum, header) => sum + Math.round(header * this.rem), 0);
  }

  /** Scroll as little as shows the cursor. */
  private reveal(): void {
    const { row, column } = this.cursor();
    const { element, rowHeight, columnWidth } = this;
    if (!this.current || element.clientHeight === 0) return;
    const height = element.clientHeight - this.headings * rowHeight;
    const width = element.clientWidth - this.headers;
    const top = clamp(element.scrollTop, (row + 1) * rowHeight - height, row * rowHeight);
    const left = clamp(element.scrollLeft, (column + 1) * columnWidth - width, column * columnWidth);
    if (top !== element.scrollTop) element.scrollTop = Math.ceil(top);
    if (left !== element.scrollLeft) element.scrollLeft = Math.ceil(left);
  }

  private async answer(x0: number, y0: number, x1: number, y1: number): Promise<DataResponse> {
    const sheet = this.current;
    const shape = { num_rows: sheet?.rows ?? 0, num_columns: sheet?.columns ?? 0, num_row_headers: 2, num_column_headers: this.headings };
    const base = { ...shape, row_height: this.rowHeight, merge_headers: "column" as const, column_header_merge_depth: 0 };
    if (!sheet || x1 <= x0 || y1 <= y0) return { ...base, data: [], row_headers: [], column_headers: [] };
    const state = this.page.get();
    const [right, bottom] = [Math.min(x1, sheet.columns), Math.min(y1, sheet.rows)];
    const [rowAxis, columnAxis] = axesOf(sheet.info.axes);
    try {
      await Promise.all([
        this.tiles.have(sheet, "tile", y0, bottom, x0, right),
        this.compared && this.tiles.have(sheet, "changed", y0, bottom, x0, right),
        this.labels.have(state, rowAxis, y0, bottom),
        this.labels.have(state, columnAxis, x0, right),
      ]);
    } catch (error) {
      this.page.set({ trouble: sentence(error) });
    }
    const decimals = decimalsFor(this.ranges.at(sheet)?.largest ?? 1);
    const spell = (row: number, column: number): string => {
      const value = this.tiles.at(sheet, "tile", row, column);
      return value === undefined ? "…" : inCell(value, state.digits, decimals);
    };
    const rows = span(y0, bottom);
    const columns = span(x0, right);
    const head = (i: number): string[] => (this.headings === 1 ? [String(i)] : [String(i), this.labels.at(state, columnAxis, i)]);
    return {
      ...base,
      row_headers: rows.map((row) => [String(row), this.labels.at(state, rowAxis, row)]),
      column_headers: columns.map(head),
      data: columns.map((column) => rows.map((row) => spell(row, column))),
    };
  }

  /** Colours, marks, the selection, and what a screen reader needs to know; runs after every draw. */
  style(): void {
    const sheet = this.current;
    if (!sheet) return;
    const state = this.page.get();
    const { element, tiles, compared } = this;
    const at = (cell: Element): CellMetadata | undefined => element.getMeta(cell as HTMLElement) as CellMetadata | undefined;
    const largest = this.ranges.at(sheet)?.largest ?? 0;
    const look: Look = {
      sheet,
      cursor: this.cursor(),
      selection: this.selection(),
      largest,
      strongest: state.colours ? largest : 0,
      edits: state.edits.filter((edit) => edit.on && edit.table === sheet.table && !refusal(state, edit)),
      value: (row, column) => tiles.at(sheet, "tile", row, column),
      before: (row, column) => (compared ? tiles.at(sheet, "changed", row, column) : undefined),
    };
    markCells(element, look, at);
    markHeadings(element, look.cursor, at);
    nameParts(element);
    this.onDrawn();
  }
}

function axesOf(axes: string[]): [string, string] {
  return axes.length === 1 ? [axes[0]!, ""] : [axes.at(-2)!, axes.at(-1)!];
}

const placeKey = (sheet: Current, { row, column }: { row: number; column: number }): string => `${sheet.table} ${sheet.sheet} ${row} ${column}`;

const span = (from: number, to: number): number[] => Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i);

/** Where a cell of the grid would be edited: the box in which an input is laid over it. */
export function boxOf(cell: HTMLElement, around: HTMLElement): { left: number; top: number; width: number; height: number } {
  const [a, b] = [cell.getBoundingClientRect(), around.getBoundingClientRect()];
  return { left: a.left - b.left, top: a.top - b.top, width: a.width, height: a.height };
}


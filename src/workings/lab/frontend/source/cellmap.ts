// A map of numbers with names along two sides, each cell a button: as a table, as a picture to be kept.
import { behind, palette } from "./colours";
import { arrow, clamp, fill, h } from "./dom";
import { minus, NO_NUMBER } from "./format";
import { tablePicture } from "./heatmap";

const NOTHING = 0.005; // what would be written as 0

export interface Cell {
  block: number;
  column: number;
}

export interface Cells {
  caption: string;
  /** Lines of names above the columns, some of them marked. */
  headings: { title: string; names: string[]; marked?: (column: number) => boolean }[];
  rows: string[];
  /** Null where there is no number. */
  values: (number | null)[][];
  /** What the strongest shade stands for. */
  largest: number;
  /** A cell in words. */
  said: (cell: Cell) => string;
}

const isNothing = (value: number | null): boolean => value !== null && Math.abs(value) < NOTHING;
const hundredths = (value: number | null): string => (value === null ? NO_NUMBER : isNothing(value) ? "·" : minus((value * 100).toFixed(0)));


export function fillCells(table: HTMLElement, cells: Cells, choose: (cell: Cell) => void): void {
  const { caption, headings, rows, values, largest } = cells;
  const heads = headings.map(({ title, names, marked }) =>
    h("tr", {}, h("th", { scope: "col" }, title), ...names.map((name, i) => h("th", { scope: "col", class: marked?.(i) ? "differs" : "" }, name))),
  );
  const cell = (place: Cell, value: number | null): HTMLElement => {
    const said = cells.said(place);
    const shade = value === null ? "no-number" : isNothing(value) ? "" : behind(value, largest);
    return h("td", {}, h("button", { class: shade, title: said, "aria-label": said, onclick: () => choose(place) }, hundredths(value)));
  };
  const lines = values.map((row, block) => h("tr", {}, h("th", { scope: "row" }, rows[block]!), ...row.map((value, column) => cell({ block, column }, value))));
  fill(table, h("caption", { class: "visually-hidden" }, caption), h("thead", {}, ...heads), h("tbody", {}, ...lines));
}

/** One cell alone is a stop for the Tab key, at first this one; arrow keys go from cell to cell. */
export function walkCells(table: HTMLElement, columns: number, first: Cell): void {
  const all = [...table.querySelectorAll<HTMLButtonElement>("td button")];
  const stop = (at: number): void => all.forEach((button, i) => (button.tabIndex = i === at ? 0 : -1));
  stop(first.block * columns + first.column);
  table.addEventListener("keydown", (event) => {
    const at = all.indexOf(event.target as HTMLButtonElement);
    const by = arrow(event);
    if (!by || at < 0) return;
    event.preventDefault();
    const row = clamp(Math.floor(at / columns) + by[0], 0, all.length / columns - 1);
    const to = row * columns + clamp((at % columns) + by[1], 0, columns - 1);
    stop(to);
    all[to]!.focus();
  });
}

/** The map as a picture. */
export function cellsPicture({ caption, headings, rows, values, largest }: Cells): HTMLCanvasElement {
  const { canvas, context, write, names, width, height } = tablePicture(headings[0]!.names.length, values.length + headings.length, 4.5);
  canvas.title = caption;
  headings.forEach((line, i) => {
    write(line.title, 0, i * height, names, "--soft");
    line.names.forEach((name, column) => write(name, names + column * width, i * height, width, line.marked?.(column) && i > 0 ? "--warm" : "--soft"));
  });
  values.forEach((row, block) => {
    const top = (block + headings.length) * height;
    write(rows[block]!, 0, top, names, "--soft");
    row.forEach((value, column) => {
      const ink = palette()[(value ?? 0) < 0 ? "negative" : "positive"];
      context.fillStyle = `rgb(${ink.join(" ")} / ${(Math.min(1, Math.abs(value ?? 0) / largest) * 0.5).toFixed(3)})`;
      context.fillRect(names + column * width, top, width - 1, height - 1);
      write(hundredths(value), names + column * width, top, width, value === null ? "--soft" : "--ink");
    });
  });
  return canvas;
}

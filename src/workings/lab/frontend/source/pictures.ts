// The grid's sheet and the lens as pictures, to be kept.
import { LabError } from "./api";
import { shade } from "./colours";
import { h, word } from "./dom";
import type { Grid } from "./grid";
import { image, sharpen, styled, tablePicture } from "./heatmap";
import type { Lens, Token } from "./types";

const MOST_PIXELS = 4_000_000;
const LARGEST_SIDE = 1600;
const LARGEST_CELL = 24;

/** The sheet as a heat map, enlarged where it is small. Throws where it has too many numbers. */
export async function sheetPicture(grid: Grid): Promise<HTMLCanvasElement | null> {
  const { sheet } = grid;
  if (!sheet) return null;
  const { rows, columns, sheets } = sheet;
  if (rows * columns > MOST_PIXELS)
    throw new LabError("limit", `${sheet.table} has more than ${MOST_PIXELS.toLocaleString("en-US")} numbers, too many for one picture.`);
  await grid.tiles.have(sheet, "tile", 0, rows, 0, columns);
  const numbers = Float32Array.from({ length: rows * columns }, (_, i) => grid.tiles.at(sheet, "tile", Math.floor(i / columns), i % columns) ?? 0);
  const small = image(numbers, rows, columns, (await grid.ranges.have(sheet)).largest);
  const times = Math.max(1, Math.min(LARGEST_CELL, Math.floor(LARGEST_SIDE / Math.max(rows, columns))));
  const large = h("canvas", { width: columns * times, height: rows * times, title: sheets > 1 ? `${sheet.table}, head ${sheet.sheet}` : sheet.table });
  const context = large.getContext("2d")!;
  context.imageSmoothingEnabled = false;
  context.drawImage(small, 0, 0, large.width, large.height);
  return large;
}

const [LEAST, LINE] = [34, 1.5]; // rem: how wide a picture to be kept is at least, and how high a line above it is

/** A picture with what it shows (its title), and of which sentence, above it, in as many lines as that takes. */
export function named(picture: HTMLCanvasElement, sentence: string): HTMLCanvasElement {
  const [rem, ratio] = [parseFloat(getComputedStyle(document.documentElement).fontSize), window.devicePixelRatio || 1];
  const [across, down] = [picture.width / ratio, picture.height / ratio];
  const width = Math.max(across, LEAST * rem);
  const canvas = h("canvas");
  const font = `${0.9 * rem}px ${styled("--sans")}`;
  const measure = canvas.getContext("2d")!;
  measure.font = font;
  const lines: string[] = [];
  for (const text of [picture.title, sentence].filter(Boolean)) {
    lines.push("");
    for (const piece of text.split(/(?<=\s)/)) {
      if (lines.at(-1) && measure.measureText(lines.at(-1) + piece).width > width - 2 * rem) lines.push("");
      lines[lines.length - 1] += piece;
    }
  }
  const above = lines.length ? (lines.length * LINE + 1) * rem : 0;
  const context = sharpen(canvas, width, above + down);
  context.fillStyle = styled("--paper");
  context.fillRect(0, 0, width, above + down);
  context.fillStyle = styled("--ink");
  context.font = font;
  context.textBaseline = "middle";
  lines.forEach((line, i) => context.fillText(line, rem, (0.5 + (i + 0.5) * LINE) * rem, width - 2 * rem));
  context.drawImage(picture, 0, above, across, down);
  return canvas;
}

/** A lens with what is written in its cells, each as strong as its share. */
export function lensPicture(lens: Lens, title: string, tokens: Token[], rowName: (stream: string) => string, written: (cell: Lens["cells"][0][0]) => string): HTMLCanvasElement {
  const { canvas, context, write, names: margin, width, height } = tablePicture(lens.cells[0]!.length, lens.blocks.length + 1, 5.5);
  canvas.title = title;
  tokens.slice(lens.first, lens.first + lens.cells[0]!.length).forEach((token, column) => write(word(token.readable), margin + column * width, 0, width, "--soft"));
  lens.blocks.forEach((stream, row) => {
    const top = (row + 1) * height;
    write(rowName(stream), 0, top, margin, "--soft");
    lens.cells[row]!.forEach((cell, column) => {
      context.fillStyle = shade(cell.share ?? 0, 0.55);
      context.fillRect(margin + column * width, top, width - 1, height - 1);
      write(written(cell), margin + column * width, top, width, "--ink");
    });
  });
  return canvas;
}

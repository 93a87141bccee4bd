// The grid's sheet and the lens as pictures, to be kept.
import { LabError } from "./api";
import { shade } from "./colours";
import { h, word } from "./dom";
import type { Grid } from "./grid";
import { image, tablePicture } from "./heatmap";
import type { Lens, Token } from "./types";

const MOST_PIXELS = 4_000_000;
const LARGEST_SIDE = 1600;
const LARGEST_CELL = 24;

/** The sheet as a heat map, enlarged where it is small. Throws where it has too many numbers. */
export async function sheetPicture(grid: Grid): Promise<HTMLCanvasElement | null> {
  const { sheet } = grid;
  if (!sheet) return null;
  const { rows, columns } = sheet;
  if (rows * columns > MOST_PIXELS)
    throw new LabError("limit", `${sheet.table} has more than ${MOST_PIXELS.toLocaleString("en-US")} numbers, too many for one picture.`);
  await grid.tiles.have(sheet, "tile", 0, rows, 0, columns);
  const numbers = Float32Array.from({ length: rows * columns }, (_, i) => grid.tiles.at(sheet, "tile", Math.floor(i / columns), i % columns) ?? 0);
  const small = image(numbers, rows, columns, (await grid.ranges.have(sheet)).largest);
  const times = Math.max(1, Math.min(LARGEST_CELL, Math.floor(LARGEST_SIDE / Math.max(rows, columns))));
  const large = h("canvas", { width: columns * times, height: rows * times });
  const context = large.getContext("2d")!;
  context.imageSmoothingEnabled = false;
  context.drawImage(small, 0, 0, large.width, large.height);
  return large;
}

/** A lens with what is written in its cells, each as strong as its share. */
export function lensPicture(lens: Lens, tokens: Token[], rowName: (stream: string) => string, written: (cell: Lens["cells"][0][0]) => string): HTMLCanvasElement {
  const { canvas, context, write, names: margin, width, height } = tablePicture(lens.cells[0]!.length, lens.blocks.length + 1, 5.5);
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

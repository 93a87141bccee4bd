// A map of patches as a picture, to be kept.
import { palette } from "./colours";
import { word } from "./dom";
import { sharpen, styled } from "./heatmap";
import type { Sweep } from "./types";

export function sweepPicture(sweep: Sweep, rowName: (block: number) => string, number: (value: number) => string): HTMLCanvasElement {
  const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
  const [names, width, height] = [8 * rem, 4.5 * rem, 1.8 * rem];
  const canvas = document.createElement("canvas");
  const heads = sweep.by_head ? [sweep.columns] : [sweep.clean, sweep.corrupted].map((side) => side.tokens.map((token) => word(token.readable)));
  const context = sharpen(canvas, names + width * sweep.columns.length, height * (sweep.values.length + heads.length));
  const write = (text: string, left: number, top: number, room: number, ink = "--ink"): void => {
    context.fillStyle = styled(ink);
    context.fillText(text, left + 0.4 * rem, top + height / 2, room - 0.8 * rem);
  };
  context.fillStyle = styled("--surface");
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.font = `${0.85 * rem}px ${styled("--sans")}`;
  context.textBaseline = "middle";
  heads.forEach((row, i) => row.forEach((name, column) => write(name, names + column * width, i * height, width, name === heads[0]![column] ? "--soft" : "--warm")));
  sweep.values.forEach((row, block) => {
    const top = (block + heads.length) * height;
    write(rowName(block), 0, top, names, "--soft");
    row.forEach((value, column) => {
      const ink = palette()[value < 0 ? "negative" : "positive"];
      context.fillStyle = `rgb(${ink.join(" ")} / ${(Math.min(1, Math.abs(value) / sweep.largest) * 0.5).toFixed(3)})`;
      context.fillRect(names + column * width, top, width - 1, height - 1);
      write(number(value), names + column * width, top, width);
    });
  });
  return canvas;
}

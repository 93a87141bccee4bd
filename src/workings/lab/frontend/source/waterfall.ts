// A waterfall as a picture, to be kept.
import { palette } from "./colours";
import { sharpen, styled } from "./heatmap";
import type { Attribution } from "./types";

/** Where a score comes from, its bars and its words. */
export function waterfallPicture(found: Attribution, number: (value: number) => string): HTMLCanvasElement {
  const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
  const rows = [
    ...found.parts,
    ...(found.rest ? [{ ...found.rest, said: `${found.rest.count} smaller ones together` }] : []),
    { said: "Together: the score", value: found.total, from: 0, to: found.total },
  ];
  const [names, room, height] = [13 * rem, 34 * rem, 1.6 * rem];
  const canvas = document.createElement("canvas");
  const context = sharpen(canvas, names + room + 6 * rem, height * (rows.length + 1));
  const write = (text: string, left: number, top: number, ink = "--ink"): void => {
    context.fillStyle = styled(ink);
    context.fillText(text, left, top + height / 2);
  };
  context.fillStyle = styled("--surface");
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.font = `${0.9 * rem}px ${styled("--sans")}`;
  context.textBaseline = "middle";
  canvas.title = `Where ${found.asked} comes from`;
  const at = (value: number): number => names + ((value - found.low) / (found.high - found.low || 1)) * room;
  const ink = palette();
  rows.forEach((row, i) => {
    const top = height * (i + 0.5);
    write(row.said, rem, top, "--soft");
    context.fillStyle = `rgb(${(row.to < row.from ? ink.negative : ink.positive).join(" ")})`;
    context.fillRect(at(Math.min(row.from, row.to)), top + 0.3 * rem, Math.max(1, Math.abs(at(row.to) - at(row.from))), height - 0.6 * rem);
    write(number(row.value), names + room + 0.8 * rem, top);
  });
  return canvas;
}

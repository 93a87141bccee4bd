// Heat maps on canvas: one pixel a number, drawn large without smoothing.
import { paint } from "./colours";

/** Numbers as an image of one pixel each. */
export function image(numbers: ArrayLike<number>, rows: number, columns: number, largest: number): HTMLCanvasElement {
  const small = document.createElement("canvas");
  [small.width, small.height] = [columns, rows];
  const context = small.getContext("2d")!;
  const pixels = context.createImageData(columns, rows);
  paint(pixels.data, numbers, largest);
  context.putImageData(pixels, 0, 0);
  return small;
}

/** Make a canvas as sharp as the screen; gives its context, scaled so that one unit is one CSS pixel. */
export function sharpen(canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D {
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const context = canvas.getContext("2d")!;
  context.scale(ratio, ratio);
  context.imageSmoothingEnabled = false;
  return context;
}

/** A colour or font of the style sheet, for drawing. */
export const styled = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

export interface MapLayout {
  left: number;
  top: number;
  cell: number;
}

/** The large map with its tokens along both sides; says where the cells lie. */
export function drawMap(
  canvas: HTMLCanvasElement,
  numbers: ArrayLike<number>,
  words: string[],
  room: { width: number; height: number },
  here: { row: number | null; column: number | null },
): MapLayout {
  const n = words.length;
  const text = parseFloat(getComputedStyle(document.documentElement).fontSize) * 0.8;
  const longest = Math.min(8, Math.max(2, ...words.map((word) => word.length)));
  const labelled = n <= 80;
  const margin = labelled ? Math.round(longest * text * 0.62 + 14) : 8;
  const least = n <= 40 ? 1.35 * text : 1;
  const cell = Math.max(least, Math.min(3 * text, (Math.min(room.width, room.height) - margin) / n));
  const size = margin + cell * n;
  const context = sharpen(canvas, size, size);
  context.fillStyle = styled("--surface"); // for whoever keeps the picture
  context.fillRect(0, 0, size, size);
  context.drawImage(image(numbers, n, n, 1), margin, margin, cell * n, cell * n);
  // What lies in a token's future cannot be looked at: no square there.
  context.fillStyle = styled("--paper");
  if (cell >= 3) for (let row = 0; row < n; row++) context.fillRect(margin + (row + 1) * cell, margin + row * cell, (n - row - 1) * cell, cell + 0.5);
  if (cell >= 8) {
    context.strokeStyle = styled("--line");
    context.lineWidth = 1;
    for (let row = 0; row < n; row++)
      for (let column = 0; column <= row; column++) context.strokeRect(margin + column * cell + 0.5, margin + row * cell + 0.5, cell, cell);
  }
  if (labelled && cell >= 6) label(context, words, margin, cell, Math.min(text, cell * 0.95), here);
  if (here.row !== null) {
    context.strokeStyle = styled("--accent");
    context.lineWidth = 2;
    context.strokeRect(margin + 1, margin + here.row * cell, (here.row + 1) * cell, cell);
    if (here.column !== null) context.strokeRect(margin + here.column * cell + 1, margin + here.row * cell, cell, cell);
  }
  return { left: margin, top: margin, cell };
}

function label(
  context: CanvasRenderingContext2D,
  words: string[],
  margin: number,
  cell: number,
  text: number,
  here: { row: number | null; column: number | null },
): void {
  context.textBaseline = "middle";
  words.forEach((word, i) => {
    const cut = word.length > 8 ? `${word.slice(0, 7)}…` : word;
    const middle = margin + (i + 0.5) * cell;
    context.fillStyle = styled(i === here.row ? "--accent" : "--soft");
    context.font = `${i === here.row ? 600 : 400} ${text}px ${styled("--sans")}`;
    context.textAlign = "right";
    context.fillText(cut, margin - 7, middle);
    context.fillStyle = styled(i === here.column ? "--accent" : "--soft");
    context.font = `${i === here.column ? 600 : 400} ${text}px ${styled("--sans")}`;
    context.save();
    context.translate(middle, margin - 7);
    context.rotate(-Math.PI / 2);
    context.textAlign = "left";
    context.fillText(cut, 0, 0);
    context.restore();
  });
}

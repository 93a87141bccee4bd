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

/** Numbers of a square in fewer squares: each is the largest of those that it stands for, so that nothing strong is lost. */
export function pooled(numbers: ArrayLike<number>, n: number, size: number): { numbers: ArrayLike<number>; n: number } {
  if (n <= size) return { numbers, n };
  const largest = new Float32Array(size * size);
  for (let row = 0; row < n; row++) {
    const from = Math.floor((row * size) / n) * size;
    for (let column = 0; column < n; column++) {
      const at = from + Math.floor((column * size) / n);
      const value = numbers[row * n + column]!;
      if (value > largest[at]!) largest[at] = value;
    }
  }
  return { numbers: largest, n: size };
}

const [NAMES, LINE] = [8, 1.8]; // rem: how wide the names of rows are, and how high a line is

/** A picture of a table whose columns are `wide` rem each: its canvas, its measures in pixels, and what writes into it. */
export function tablePicture(columns: number, lines: number, wide: number) {
  const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
  const [names, width, height] = [NAMES * rem, wide * rem, LINE * rem];
  const canvas = document.createElement("canvas");
  const context = sharpen(canvas, names + width * columns, height * lines);
  const write = (text: string, left: number, top: number, room: number, ink = "--ink"): void => {
    context.fillStyle = styled(ink);
    context.fillText(text, left + 0.4 * rem, top + height / 2, room - 0.8 * rem);
  };
  context.fillStyle = styled("--surface");
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.font = `${0.85 * rem}px ${styled("--sans")}`;
  context.textBaseline = "middle";
  return { canvas, context, write, names, width, height };
}

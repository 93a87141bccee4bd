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

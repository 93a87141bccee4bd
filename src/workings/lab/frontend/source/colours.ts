// From numbers to shades: blue above zero, orange below, stronger for larger. Colour never is the only sign: the number stands in the cell.
import { isMasked } from "./format";

export type RGB = readonly [number, number, number];

interface Palette {
  paper: RGB;
  positive: RGB;
  negative: RGB;
}

const LIGHT: Palette = { paper: [255, 255, 255], positive: [31, 95, 168], negative: [201, 98, 24] };
const DARK: Palette = { paper: [22, 28, 37], positive: [111, 172, 240], negative: [240, 150, 80] };

const dark = window.matchMedia("(prefers-color-scheme: dark)");

const palette = (): Palette => (dark.matches ? DARK : LIGHT);

export function onSchemeChange(run: () => void): void {
  dark.addEventListener("change", run);
}

/** How strong a number's shade is, 0 to 1; small numbers are lifted so that structure shows. */
function strength(value: number, largest: number): number {
  if (!(largest > 0) || isMasked(value) || !Number.isFinite(value)) return 0;
  return Math.min(1, Math.abs(value) / largest) ** 0.6;
}

const STEPS = 24;

/** Classes of a cell's background in the grid, light enough for text to stand on: cells that share a class share the working out of their style. */
const GRID: [string, "positive" | "negative"][] = [
  ["above", "positive"],
  ["below", "negative"],
];
const sheet = new CSSStyleSheet();
document.adoptedStyleSheets.push(sheet);

function writeShades(): void {
  const rules = GRID.flatMap(([name, ink]) =>
    Array.from({ length: STEPS }, (_, i) => `.${name}-${i + 1} { background-color: rgb(${palette()[ink].join(" ")} / ${((i + 1) / STEPS) * 0.5}) }`),
  );
  sheet.replaceSync(rules.join("\n"));
}
writeShades();
onSchemeChange(writeShades);

/** The class of a number's background in the grid; none for a number that is next to nothing beside the largest. */
export function behind(value: number, largest: number): string {
  const step = Math.round(strength(value, largest) * STEPS);
  return step === 0 ? "" : `${value < 0 ? "below" : "above"}-${step}`;
}

/** The background for a share of 0 to 1. */
export const shade = (share: number, most = 0.5): string => {
  const [r, g, b] = palette().positive;
  // On dark paper strong shades would come too close to the light text.
  return `rgb(${r} ${g} ${b} / ${(Math.max(0, share) * most * (dark.matches ? 0.75 : 1)).toFixed(3)})`;
};

/** Paint numbers, one pixel each. */
export function paint(pixels: Uint8ClampedArray, numbers: ArrayLike<number>, largest: number): void {
  const { paper, positive, negative } = palette();
  for (let i = 0; i < numbers.length; i++) {
    const value = numbers[i]!;
    const s = strength(value, largest);
    const ink = value < 0 ? negative : positive;
    for (let channel = 0; channel < 3; channel++)
      pixels[4 * i + channel] = paper[channel]! + (ink[channel]! - paper[channel]!) * s;
    pixels[4 * i + 3] = 255;
  }
}

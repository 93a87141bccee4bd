// How numbers are written. Nothing here changes a number; copies and edits use all of its digits.

export type Digits = "short" | "long" | "all";

const MASKED = -1e8;

/** In the place of an answer where scores or shares are no numbers. */
export const NO_NUMBERS = "No token is the likeliest here: an edit made these numbers overflow, or no numbers at all.";

/** What stands in a map where there is no number. */
export const NO_NUMBER = "no number";

export const isMasked = (value: number): boolean => value <= MASKED;

/** A float32 in the fewest decimals that still give exactly this number back. */
export function exact(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  for (let precision = 1; precision <= 9; precision++) {
    const text = value.toPrecision(precision);
    if (Math.fround(Number(text)) === Math.fround(value)) return String(Number(text));
  }
  return String(value);
}

/** Decimals that suit a sheet whose largest number is this, so that a column lines up. */
export function decimalsFor(largest: number): number {
  if (!(largest > 0)) return 3;
  return Math.max(1, Math.min(6, 3 - Math.floor(Math.log10(largest) + 1e-9)));
}

export const minus = (text: string): string => text.replaceAll("-", "−");

/** A number in a cell of the grid. */
export function inCell(value: number, digits: Digits, decimals: number): string {
  if (Number.isNaN(value)) return "not a number";
  if (isMasked(value) && digits !== "all") return "masked";
  if (digits === "all") return minus(exact(value));
  if (digits === "long") return minus(value === 0 ? "0" : value.toPrecision(7));
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size < 0.5 * 10 ** -decimals) return minus(size < 1e-3 ? value.toExponential(0) : value.toPrecision(1));
  if (size >= 1e6) return minus(value.toExponential(2));
  return minus(value.toFixed(decimals));
}

/** A number in running text: four meaningful digits. */
export function inText(value: number): string {
  if (isMasked(value)) return "masked";
  const size = Math.abs(value);
  if (value === 0) return "0";
  if (size < 1e-4 || size >= 1e6) return minus(value.toExponential(2));
  return minus(String(Number(value.toPrecision(4))));
}

/** A share as a percentage that never pretends to be all or nothing. */
export function percent(share: number): string {
  if (share > 0.9995 && share < 1) return "> 99.9%";
  if (share > 0 && share < 0.0005) return "< 0.1%";
  return `${(share * 100).toFixed(1)}%`;
}

export function count(number: number): string {
  return number.toLocaleString("en-US");
}

/** A number of parameters in short: 0.9 million. */
export function roughly(number: number): string {
  if (number >= 1e9) return `${(number / 1e9).toFixed(1)} billion`;
  if (number >= 1e6) return `${Math.round(number / 1e5) / 10} million`;
  return count(number);
}

const LARGEST = 3.4028234663852886e38; // of float32

function read(text: string): number {
  const plain = text.trim().replace("−", "-").replace(/^\+/, "");
  return /^-?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(plain) ? Number(plain) : NaN;
}

/** A number that a person typed, with either minus sign; null where it is none, or larger than the lab's numbers get. */
export function typed(text: string): number | null {
  const number = read(text);
  return Math.abs(number) <= LARGEST ? number : null;
}

/** Why what was typed into a cell cannot be taken. */
export function notTaken(text: string): string {
  return Number.isNaN(read(text.trim().replace(/^(\+=|\*)/, "")))
    ? `“${text}” is not a number. A number sets the cell, *2 doubles it, +=0.5 adds to it.`
    : `“${text}” is too large. The largest number here is 3.4e38, the smallest −3.4e38 (a 3 or −3, and 38 digits after it).`;
}

/** A model's name, without the folders that lead to it. */
export const shortName = (name: string): string => name.split(/[\\/]/).filter(Boolean).at(-1) ?? name;

export const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

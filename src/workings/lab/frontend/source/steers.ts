// Edits that push the model along a feature: which ones do, and how that is said.
import { inText } from "./format";
import type { Page } from "./state";
import type { Edit, Steers } from "./types";

const known = new Map<string, Steers | null>();
const MOST_KNOWN = 500;

const key = (edit: Edit): string => `${edit.table} ${edit.index} ${edit.add}`;

export function keepSteers(edit: Edit, steers: Steers | null): void {
  if (known.size > MOST_KNOWN) known.clear();
  known.set(key(edit), steers);
}

/** What the server found that an edit steers along; null for an edit that does not. */
export function steersOf(page: Page, edit: Edit): Steers | null {
  const { opened, shown } = page.get();
  const told = opened?.edits[shown?.edits.indexOf(edit) ?? -1];
  if (told && !known.has(key(edit))) keepSteers(edit, told.steers);
  return known.get(key(edit)) ?? null;
}

export const featureName = (feature: { feature: number; label: string | null }): string => feature.label ?? `feature ${feature.feature}`;

export const steersSaid = (steers: Steers): string => `steer: ${featureName(steers)} × ${inText(steers.strength)}`;

const WHEN: Record<string, string> = { resid_pre: "before", resid_mid: "after the attention of", resid_post: "after" };

/** What the table of features holds, in words: the residual stream somewhere, what heads found, or else its name. */
export function tableSaid(table: string): string {
  const [, block, last = ""] = /^blocks\.(\d+)\.(resid_\w+|attn\.z)$/.exec(table) ?? [];
  if (last === "attn.z") return `what the heads of block ${block} found (${table})`;
  return WHEN[last] ? `what the model carries along ${WHEN[last]} block ${block}` : table;
}

/** A part of an index as words: at every token, at “his”, from “his” on. */
export function placeSaid(page: Page, positions: string): string {
  const word = (at: number): string => `“${(page.get().opened?.tokens.at(at)?.readable ?? String(at)).replace(/^␣(?=.)/, "")}”`;
  if (positions === ":") return "at every token";
  const [first = "", last] = positions.split(":");
  if (last === undefined) return `at ${word(Number(first))} only`;
  if (Number(last) === Number(first) + 1) return `at ${word(Number(first))} only`;
  return last === "" ? `from ${word(Number(first))} on` : `at positions ${first || 0} to ${Number(last) - 1}`;
}

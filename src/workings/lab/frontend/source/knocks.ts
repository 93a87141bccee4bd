// Edits that knock a part out: which ones do, by what, and how that is said.
import { isPosition } from "./sheet";
import { placeSaid } from "./steers";
import type { Page } from "./state";
import type { Edit, Knocks, Part } from "./types";

/** Whether two edits are of the same cells: numbers for every position name those that there are, `0:14`, where others name all, `:`. */
export function sameCells(page: Page, one: Edit, other: Edit): boolean {
  const { model, opened } = page.get();
  const axes = model.tables.find(({ name }) => name === one.table)?.axes ?? [];
  const all = (part: Part, i: number): Part => (part === `0:${opened?.n_pos}` && axes[i] && isPosition(axes[i]) ? ":" : part);
  return one.table === other.table && String(one.index.map(all)) === String(other.index.map(all));
}

export type By = Knocks["by"];

/** What takes the place of a part, in the list of edits. */
const SAID: Record<By, string> = { zero: "by zero", mean: "by its mean", other: "by a row of other numbers" };

let told = new Map<string, Knocks | null>();

const key = (edit: Edit): string => JSON.stringify([edit.table, edit.index, edit.value, edit.scale, edit.add]);

/** Keep what every answer says of the edits that it was asked with; made before anything that shows them. */
export function keepKnocks(page: Page): void {
  page.on(["opened"], ({ edits, opened }) => {
    if (opened?.edits.length === edits.length) told = new Map(edits.map((edit, i) => [key(edit), opened.edits[i]!.knocks]));
  });
}

/** By what an edit knocks a part out of the sentence that is shown; null for one that does not, or is not known yet. */
export const knocksBy = (edit: Edit): By | null => told.get(key(edit))?.by ?? null;

/** "knocked out: block 2, head 0, by its mean" */
export function knocksSaid(page: Page, { table, index }: Edit, by: By): string {
  const axes = page.get().model.tables.find(({ name }) => name === table)?.axes.length ?? 2;
  const [head, positions = ":"] = axes > 2 ? index : [null, index[0]];
  const [, block = "", name = table] = /^blocks\.(\d+)\.(?:attn\.)?(.*)$/.exec(table) ?? [];
  const part = [block && `block ${block}`, typeof head === "number" && `head ${head}`, axes > 2 && typeof head !== "number" && "all heads", name !== "z" && name];
  const place = String(positions) === ":" ? "" : ` ${placeSaid(page, String(positions))}`;
  return `knocked out: ${part.filter(Boolean).join(", ")}${place}, ${SAID[by]}`;
}

// The state that the page's address carries, read; `toHash` in state.ts writes it.
import type { Digits } from "./format";
import { readIds } from "./ids";
import { questionFrom } from "./question";
import { edits, EVERY_HEAD, firstPlace, SCREENS, type State } from "./state";
import type { Model } from "./types";

const PATTERN = "attn.pattern";

/** The words of an address, and what of them makes no sense. */
class Words {
  readonly misread: string[] = [];
  private readonly words: URLSearchParams;

  constructor(hash: string) {
    this.words = new URLSearchParams(hash.replace(/^#/, ""));
  }

  /** A word; null where it is left out. */
  get(name: string): string | null {
    return this.words.get(name);
  }

  /** One of some words, of which the first is the usual one; `known` says which there are. */
  among<T extends string>(name: string, all: readonly T[], known = all.join(", ")): T {
    const given = (this.get(name) || all[0]!) as T;
    if (all.includes(given)) return given;
    this.wrong(name, known);
    this.words.delete(name);
    return all[0]!;
  }

  /** Whole numbers with commas between them; null where it is left out. */
  numbers(name: string): number[] | null {
    const text = this.get(name);
    if (!text) return null;
    const all = text.split(",");
    if (all.every((part) => /^-?\d{1,9}$/.test(part))) return all.map(Number);
    this.wrong(name, "whole numbers with commas between them");
    return null;
  }

  wrong(name: string, known: string): void {
    const given = this.get(name)!;
    this.misread.push(`${name}=${given.length > 40 ? `${given.slice(0, 40)}…` : given} (there are: ${known})`);
  }
}

/** The state that an address bar's hash carries; what makes no sense is left as it usually is, and named in `misread`. */
export function fromHash(hash: string, model: Model): Partial<State> {
  const words = new Words(hash);
  const found: Partial<State> = read(words, model);
  const at = words.numbers("at");
  const table = words.get("table");
  if (table || at) found.place = { ...firstPlace(model), ...(table && { table }) };
  if (at?.length === 3) found.place = { ...found.place!, sheet: at[0]!, row: at[1]!, column: at[2]! };
  else if (at) words.wrong("at", "three whole numbers: the sheet, the row and the column");
  if (words.get("show")) found.screen = words.among("show", SCREENS);
  found.lens = { kind: words.among("lens", ["logit", "tuned"]), after_attention: words.among("after_attention", ["no", "yes"]), token: words.get("word") ?? "" };
  const maps = model.tables.map(({ name }) => name).filter((name) => name.endsWith(PATTERN));
  found.block = words.among("block", ["", ...maps, EVERY_HEAD], `${maps[0]} to ${maps.at(-1)}, ${EVERY_HEAD}`);
  found.kind = words.get("kind") ?? "";
  for (const name of ["head", "token", "feature"] as const) found[name] = words.numbers(name)?.[0] ?? null;
  found.digits = words.among<Digits>("digits", ["short", "long", "all"]);
  found.colours = words.among("colours", ["on", "off"]) === "on";
  for (const [name, known] of [["direction", ["denoising", "noising"]], ["order", ["model", "size"]], ["over", ["resid_pre", ...Object.keys(model.over)]]] as const) words.among(name, known);
  found.question = questionFrom(words);
  const { misread } = words;
  return { ...found, misread: misreading(misread), fresh: misread };
}

/** What of an address was not understood, as a sentence; null where it was all of it. */
export const misreading = (wrong: string[]): string | null =>
  wrong.length ? `This page’s address was not understood in part, and the usual or the nearest is shown instead: ${wrong.join("; ")}.` : null;

/** What is read: the sentence or its token ids, and the edits; nothing where the address names none of them. */
function read(words: Words, model: Model): Partial<State> {
  const prompt = words.get("prompt");
  let ids = words.numbers("ids");
  if (!ids && prompt && !model.has_tokenizer) {
    const typed = readIds(prompt, model);
    if (typeof typed === "string") words.wrong("prompt", `token ids, 0 to ${Number(model.config.d_vocab) - 1}`);
    else ids = typed;
  }
  const list = words.get("edits");
  const changed = edits(list);
  const wrong = typeof changed === "string";
  if (wrong) words.misread.push(`edits (${changed})`);
  const found: Partial<State> = prompt === null && !ids && list === null ? {} : { edits: wrong ? [] : changed };
  if (model.has_tokenizer) return prompt === null && !ids ? found : { ...found, prompt: prompt ?? "", ids };
  return ids ? { ...found, prompt: "", ids } : found;
}

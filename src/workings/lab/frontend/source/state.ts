// The state of the page, and how the address bar carries all of it.
import type { Place } from "./address";
import type { Digits } from "./format";
import { NO_QUESTION, questionWords, type Question } from "./question";
import { makeStore, type Store } from "./store";
import type { Asked, Edit, LensAsked, Model, Opened } from "./types";

const FIRST_PROMPT = "Mike is a chef. Anna is a Jedi. She picked up her";

export const SCREENS = ["lens", "attention", "reasons", "patching", "features", "compare", "numbers"] as const;
export type Screen = (typeof SCREENS)[number];

/** Instead of a block: what the heads of all blocks do. */
export const EVERY_HEAD = "all";

export interface State extends Asked {
  model: Model;
  /** The server's answer to the newest prompt and edits; null until the first came. */
  opened: Opened | null;
  /** What `opened` is the answer to: while the next one is on its way, the state asks for something else already. */
  shown: Asked | null;
  screen: Screen;
  place: Place;
  /** What the lens is asked. */
  lens: LensAsked;
  /** Attention: which block's maps (or `EVERY_HEAD`), which head is large, and the token whose looking is shown. */
  block: string;
  /** Attention, what heads do: the kind that is shown; empty for all of them. */
  kind: string;
  head: number | null;
  token: number | null;
  /** What "Where it comes from" and "What matters" are asked. */
  question: Question;
  /** Features: which one is looked at; null is the strongest at the chosen token. */
  feature: number | null;
  digits: Digits;
  colours: boolean;
  busy: boolean;
  /** Whether what is shown is not what the sentence says, since that could not be read. */
  stale: boolean;
  writing: boolean;
  /** Why the model stopped writing before it wrote all that it was asked for. */
  ended: string | null;
  /** What went wrong, in plain words. */
  trouble: string | null;
  /** What was not understood of the page's address. */
  misread: string | null;
  /** The same, one by one, as long as the sentence that the address came with is not open; null from then on. */
  fresh: string[] | null;
  lost: boolean;
}

export type Page = Store<State>;

/** Whether two ask for the same sentence, with whatever edits. */
export const sameSentence = (one: Asked, other: Asked | null): boolean => one.prompt === other?.prompt && String(one.ids) === String(other.ids);

/** The token ids of what is asked for, edits of them left out; null where it was not split into tokens yet. */
export function idsAsked(state: State): number[] | null {
  const here = state.writing || sameSentence(state, state.shown);
  return here && state.opened ? state.opened.ids : state.ids;
}

/** Where one is unless somebody said so; the row is chosen once the sentence is open. */
export function firstPlace(model: Model): Place {
  const first = model.tables.find((table) => table.name === "probabilities") ?? model.tables.at(-1);
  return { table: first?.name ?? "", sheet: 0, row: -1, column: -1 };
}

function firstState(model: Model): State {
  return {
    model,
    prompt: model.has_tokenizer ? model.prompt || FIRST_PROMPT : "",
    ids: model.has_tokenizer ? null : [0],
    edits: [],
    opened: null,
    shown: null,
    screen: "lens",
    place: firstPlace(model),
    lens: { kind: "logit", after_attention: "no", token: "" },
    block: "",
    kind: "",
    head: null,
    token: null,
    question: NO_QUESTION,
    feature: null,
    digits: "short",
    colours: true,
    busy: true,
    stale: false,
    writing: false,
    ended: null,
    trouble: null,
    misread: null,
    fresh: null,
    lost: false,
  };
}

export const makePage = (model: Model): Page => makeStore(firstState(model));

/** Where the page is, without what it looks at: what Back and Forward move through. */
export type Whereabouts = Pick<State, "screen" | "place" | "block" | "kind" | "head" | "token" | "feature">;

export function toHash(state: State): string {
  const { place } = state;
  const words: Record<string, string | null> = {
    prompt: state.prompt,
    ids: state.ids && state.ids.join(","),
    edits: state.edits.length ? JSON.stringify(state.edits) : null,
    show: state.screen,
    table: place.table,
    at: `${place.sheet},${place.row},${place.column}`,
    lens: state.lens.kind === "logit" ? null : state.lens.kind,
    after_attention: state.lens.after_attention === "no" ? null : "yes",
    word: state.lens.token || null,
    block: state.block || null,
    kind: state.kind || null,
    head: state.head === null ? null : String(state.head),
    token: state.token === null ? null : String(state.token),
    feature: state.feature === null ? null : String(state.feature),
    digits: state.digits === "short" ? null : state.digits,
    colours: state.colours ? null : "off",
    ...questionWords(state.question),
  };
  const kept = Object.entries(words).filter((pair): pair is [string, string] => pair[1] !== null);
  return `#${new URLSearchParams(kept)}`;
}

/** Edits as they travel in an address; a text says what is wrong with them. */
export function edits(text: string | null): Edit[] | string {
  try {
    const all = JSON.parse(text ?? "[]") as unknown[];
    const wrong = all.findIndex((thing) => !isEdit(thing));
    return wrong < 0 ? (all as Edit[]).map((edit) => ({ ...edit, on: edit.on ?? true })) : `edit ${wrong + 1} is not one: it has a table, an index that is a list, and one of value, add, scale`;
  } catch {
    return "they are a list, as the lab writes it";
  }
}

function isEdit(thing: unknown): boolean {
  const { table, index, ...edit } = (thing ?? {}) as Partial<Edit>;
  return typeof table === "string" && Array.isArray(index) && ["value", "add", "scale"].some((kind) => kind in edit);
}

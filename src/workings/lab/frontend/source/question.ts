// What is asked about the next token: which word, against which other, and by what second sentence. Shared by two views.
import { fill, h, word } from "./dom";
import type { Page, State } from "./state";
import type { Guess } from "./types";

const CHEF_AND_JEDI = "Mike is a chef. Anna is a Jedi. She picked up her";
const CHEF_AND_JEDI_HIM = "Mike is a chef. Anna is a Jedi. He picked up his";

export type Direction = "denoising" | "noising";

export interface Question {
  /** As typed, or a token's number; empty for what the model says. */
  answer: string;
  against: string;
  /** The second sentence; null until one was typed. */
  other: string | null;
  /** What is patched: a word that the model's document explains. */
  over: string;
  /** Whom heads tell, where paths are patched, as the command line writes it: `2.0.q`; empty where whole parts are. */
  into: string;
  /** On paths, whether MLPs on the way answer. */
  mlps: boolean;
  direction: Direction;
  /** Whether the edits are left out. */
  plain: boolean;
  /** Estimated by slopes instead of tried. */
  quick: boolean;
  order: "model" | "size";
}

export const NO_QUESTION: Question = { answer: "", against: "", other: null, over: "resid_pre", into: "", mlps: false, direction: "denoising", plain: false, quick: false, order: "model" };

/** The sentence to hold another against: a fitting one where we know it, else the same, for one word of it to be changed. */
export const fitting = (prompt: string): string => (prompt === CHEF_AND_JEDI ? CHEF_AND_JEDI_HIM : prompt);

/** The second sentence, or its token ids: as typed, else one that fits what is shown. */
export function otherSentence(page: Page): string {
  const { question, shown, opened, model } = page.get();
  return question.other ?? (model.has_tokenizer ? fitting(shown?.prompt ?? "") : (opened?.tokens.map((token) => token.id).join(", ") ?? ""));
}

/** A question as words of the address bar. */
export function questionWords(question: Question): Record<string, string | null> {
  const { answer, against, other, over, into, mlps, direction, plain, quick, order } = question;
  return {
    answer: answer || null,
    against: against || null,
    other,
    over: over === NO_QUESTION.over ? null : over,
    into: into || null,
    mlps: mlps ? "yes" : null,
    direction: direction === NO_QUESTION.direction ? null : direction,
    plain: plain ? "yes" : null,
    quick: quick ? "yes" : null,
    order: order === NO_QUESTION.order ? null : order,
  };
}

export function questionFrom(words: { get(name: string): string | null }): Question {
  return {
    answer: words.get("answer") ?? "",
    against: words.get("against") ?? "",
    other: words.get("other"),
    over: words.get("over") || NO_QUESTION.over,
    into: words.get("into") ?? "",
    mlps: words.get("mlps") === "yes",
    direction: words.get("direction") === "noising" ? "noising" : "denoising",
    plain: words.get("plain") === "yes",
    quick: words.get("quick") === "yes",
    order: words.get("order") === "size" ? "size" : "model",
  };
}

export const ask = (page: Page, part: Partial<Question>): void => page.set({ question: { ...page.get().question, ...part } });

/** A field for a token, with the likeliest ones offered; empty means what `otherwise` says. */
export function wordField(page: Page, key: "answer" | "against", label: string, id: string): Field {
  return tokenField(page, "question", (state) => state.question[key], (text) => ask(page, { [key]: text }), label, id);
}

const TAKEN = "A word is taken with the blank before it, ␣a, where there is such a token; \"a\" in quotation marks without. A token’s number does, too.";

export interface Field {
  element: HTMLElement;
  otherwise: (text: string) => void;
}

/** The same for any part of the state: where the token lies in it, and how it is put there. */
export function tokenField(page: Page, key: keyof State, of: (state: State) => string, put: (text: string) => void, label: string, id: string): Field {
  const offered = h("datalist", { id });
  const input = h("input", { class: "word-field", list: id, "aria-label": label, title: page.get().model.has_tokenizer ? TAKEN : "A token’s number", spellcheck: "false", autocomplete: "off", size: 12 });
  input.addEventListener("change", () => put(input.value.trim()));
  let before = "";
  const show = (): void => {
    const kept = of(page.get());
    // What is being typed stays, unless another token was chosen elsewhere.
    if (document.activeElement !== input || before !== kept) input.value = kept;
    before = kept;
    fill(offered, ...(page.get().opened?.next ?? []).map((guess: Guess) => h("option", { value: word(guess.readable) })));
  };
  page.on([key, "opened"], show);
  show();
  return { element: h("span", { class: "word-asked" }, input, offered), otherwise: (text) => (input.placeholder = text) };
}

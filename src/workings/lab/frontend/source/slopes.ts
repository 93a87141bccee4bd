// Slopes: how far a score would move with each number, shown in place of the numbers themselves.
import { isSlope, plainName, slopeName } from "./address";
import type { Query } from "./api";
import { fill, h, word } from "./dom";
import { wordField } from "./question";
import type { Page, State } from "./state";
import type { Travel } from "./travel";

const ANY = "the likeliest word";

/** Which score the slopes of a table are asked for of, as "Where it comes from" asks for it; nothing for numbers. */
export function scoreOf(state: State, table: string): Query {
  const { opened, question } = state;
  return opened && isSlope(table) ? { token: question.answer, against: question.against, position: positionOf(state) } : {};
}

const positionOf = ({ opened, token }: State): number => Math.min(token ?? Infinity, opened!.n_pos - 1);

/** The switch between numbers and slopes, for tables that the score depends on, and the words that the score is of. */
export function slopeBar(page: Page, travel: Travel): { toggle: HTMLElement; asked: HTMLElement } {
  const go = (table: string | null): void => {
    const { place } = page.get();
    if (!table || table === place.table) return;
    page.set({ trouble: null });
    travel.go({ place: { ...place, table } });
  };
  const numbers = h("button", { onclick: () => go(plainName(page.get().place.table)) }, "Numbers");
  const slopes = h("button", { onclick: () => go(slopeName(page.get().model, page.get().place.table)) });
  const toggle = h("div", { class: "toggle", role: "group", "aria-label": "What is shown of each number" }, numbers, slopes);
  const token = wordField(page, "answer", "The word whose score the slopes are of", "slopes-words");
  const against = wordField(page, "against", "The word whose score is taken off", "slopes-others");
  const after = h("span", { class: "soft" });
  const asked = h("div", { class: "line slopes-of" }, "Score of", token.element, "less that of", against.element, after);
  against.otherwise("none");

  function show(): void {
    const state = page.get();
    const { model, opened, place, question } = state;
    if (!opened) return;
    const shown = place.table === slopeName(model, place.table);
    toggle.hidden = !slopeName(model, place.table);
    asked.hidden = !isSlope(place.table);
    numbers.setAttribute("aria-pressed", String(!shown));
    slopes.setAttribute("aria-pressed", String(shown));
    const at = positionOf(state);
    const likeliest = at === opened.n_pos - 1 ? word(opened.next[0]?.readable ?? "") : ANY;
    const of = question.answer || likeliest;
    const less = question.against && !shown ? ` less “${question.against}”` : ""; // once they are shown, the fields say it
    fill(slopes, `Slopes of ${of === ANY ? of : `“${of}”`}${less}`);
    fill(after, `after “${word(opened.tokens[at]?.readable ?? "")}” (position ${at})`);
    token.otherwise(likeliest);
  }
  page.on(["place", "opened", "question", "token"], show);
  return { toggle, asked };
}

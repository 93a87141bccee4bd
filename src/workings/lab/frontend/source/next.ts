// What the model would say next, as bars; with edits on, before and after.
import { fill, h, spelt, word } from "./dom";
import { NO_NUMBERS, percent } from "./format";
import type { Session } from "./session";
import { idsAsked, type Page } from "./state";
import type { Travel } from "./travel";
import type { Next } from "./types";

export function nextBars(page: Page, session: Session, travel: Travel): HTMLElement {
  const list = h("ol", { class: "next-bars" });
  const title = h("h2", {}, "Next token");
  const none = h("p", { class: "note", hidden: true }, NO_NUMBERS);
  const legend = h("p", { class: "legend soft" });

  function row(guess: Next): HTMLElement {
    const { opened, model } = page.get();
    const { before } = guess;
    const ink = h("span", { class: "ink" });
    ink.style.width = `${guess.share * 100}%`;
    const ghost = before === null ? null : h("span", { class: "ghost" });
    if (ghost) ghost.style.width = `${before! * 100}%`;
    const was = before === null ? "" : `, before ${percent(before)}`;
    const show = (): void => {
      const place = { table: "probabilities", sheet: 0, row: (opened?.n_pos ?? 1) - 1, column: guess.id };
      if (model.tables.some((table) => table.name === place.table)) travel.go({ place, screen: "numbers" });
    };
    const add = (): void => {
      const before = idsAsked(page.get());
      session.setPrompt(page.get().prompt + guess.text!, before && [...before, guess.id]);
    };
    return h(
      "li",
      {},
      h(
        "button",
        { class: "bar", title: "See how this share was made", "aria-label": `${guess.readable}, ${percent(guess.share)}${was}: see how this share was made`, onclick: show },
        spelt(guess.readable),
        h("span", { class: "track" }, ghost, ink),
        h("span", { class: "number" }, percent(guess.share)),
      ),
      h("button", { class: "add", title: "Write this token on", "aria-label": `Write ${guess.readable} on`, onclick: add }, "+"),
    );
  }

  page.on(["opened"], ({ opened }) => {
    if (!opened) return;
    const first = opened.before?.[0];
    fill(list, ...opened.next.map(row));
    fill(
      legend,
      first ? `Without your edits: ${word(first.readable)} ${percent(first.share)}` : "",
    );
    legend.hidden = !first;
    none.hidden = opened.next.length > 0;
  });
  return h("section", { class: "next", "aria-label": "Next token" }, h("header", {}, title, legend), none, list);
}

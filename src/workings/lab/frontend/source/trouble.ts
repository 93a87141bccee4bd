// The line that says what went wrong, and what to do.
import { find } from "./address";
import { fill, h, icon } from "./dom";
import { capital } from "./format";
import type { Page } from "./state";
import type { Model } from "./types";

const LOST = "The lab does not answer. If it was stopped, start it again with `workings lab`; this page goes on by itself once it answers.";

/** As a sentence begins; but names of tables stay as they are spelt. */
function begun(model: Model, text: string): string {
  const first = text.split(/[\s:[]/, 1)[0]!;
  return find(model, first) || /\w\.\w/.test(first) ? text : capital(text);
}

export function troubleLine(page: Page): HTMLElement {
  const line = h("div", { class: "trouble", role: "alert" });
  const show = (): void => {
    const { model, trouble, lost, misread } = page.get();
    const text = lost ? LOST : trouble ? begun(model, trouble) : misread;
    const dismiss = h("button", { class: "quiet", "aria-label": "Dismiss", onclick: () => page.set({ trouble: null, misread: null }) }, icon("×"));
    line.classList.toggle("shown", !!text);
    fill(line, text && h("p", {}, text), text && !lost && dismiss);
  };
  page.on(["trouble", "lost", "misread"], show);
  show();
  return line;
}

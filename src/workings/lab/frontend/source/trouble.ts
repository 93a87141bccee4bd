// The line that says what went wrong, and what to do.
import { fill, h, icon } from "./dom";
import { capital } from "./format";
import type { Page } from "./state";

const LOST = "The lab does not answer. If it was stopped, start it again with `workings lab`; this page goes on by itself once it answers.";

export function troubleLine(page: Page): HTMLElement {
  const line = h("div", { class: "trouble", role: "alert" });
  const show = (): void => {
    const { trouble, lost, misread } = page.get();
    const text = lost ? LOST : trouble ? capital(trouble) : misread;
    const dismiss = h("button", { class: "quiet", "aria-label": "Dismiss", onclick: () => page.set({ trouble: null, misread: null }) }, icon("×"));
    line.classList.toggle("shown", !!text);
    fill(line, text && h("p", {}, text), text && !lost && dismiss);
  };
  page.on(["trouble", "lost", "misread"], show);
  show();
  return line;
}

// The views in the middle: their names, what each is for in a sentence, and which one is shown.
import { isSlope } from "./address";
import { fill, h } from "./dom";
import { SCREENS, type Page, type Screen, type State } from "./state";
import type { Travel } from "./travel";

/** A view in the middle. To add one: its name in `SCREENS`, a line in `ABOUT`, and the view itself in `main.ts`. */
export interface View {
  element: HTMLElement;
  /** The view as a picture to be kept, with a title that says what it shows; null where there is nothing to be seen, or a view is no map. */
  picture: (() => Promise<HTMLCanvasElement | null> | HTMLCanvasElement | null) | null;
  /** Draw again, in the colours that now hold. */
  repaint: () => void;
  /** Whether it has a tab now; it always has one where this is left out. */
  offered?: () => boolean;
}

export type Views = Record<Screen, View>;

const ABOUT: Record<Screen, { title: string; hint: string }> = {
  lens: {
    title: "What it thinks",
    hint: "A lens (the logit lens, or a tuned one): each row is the model after one more block, and each cell the word it would say next: click one, or click a bar above to see how its number was made.",
  },
  attention: {
    title: "What it looks at",
    hint: "Attention: each square is how much the word of its row takes in from that of its column; click one for its number.",
  },
  reasons: {
    title: "Where it comes from",
    hint: "Direct logit attribution: what each part added to a word’s score; open a head or an MLP to see what it is made of.",
  },
  patching: {
    title: "What matters",
    hint: "Activation patching: numbers of one sentence are put into another: which of them carry the answer with them?",
  },
  features: {
    title: "Features",
    hint: "A feature is a direction in what the model carries along that fires for something one can often name. Choose a token to see which fire there, and push the model along one.",
  },
  compare: {
    title: "Before and after",
    hint: "What comes next, and what the model writes on, without your edits and with them.",
  },
  numbers: {
    title: "Every number",
    hint: "Click a number to see how it was made; double-click it, type another and press Enter, and watch the next token change.",
  },
};
const SLOPES = "Click a slope to see how it was made. It cannot be typed over: press “Numbers”, change the number, and the slopes follow.";
const CHANGED_SLOPES = "These slopes follow your edits; underlined ones changed because of them: point at one to see what it was.";
const CHANGED = "Framed numbers are your edits; underlined ones changed because of them: point at one to see what it was.";

/** All views, of which one is shown, below their tabs and a hint. */
export function screens(page: Page, travel: Travel, views: Views): HTMLElement {
  const hint = h("p", { class: "hint" });
  const holders = SCREENS.map((screen) => h("div", { class: "screen" }, views[screen].element));
  const show = (): void => {
    const { screen } = page.get();
    SCREENS.forEach((one, i) => (holders[i]!.hidden = one !== screen));
    fill(hint, screen === "numbers" ? ofNumbers(page.get()) : ABOUT[screen].hint);
  };
  page.on(["screen", "opened", "place"], show);
  show();
  return h("main", { class: "centre" }, h("div", { class: "centre-head" }, tabs(page, travel, views), hint), ...holders);
}

/** What one can do with the numbers that are shown, or with their slopes. */
function ofNumbers({ opened, place }: State): string {
  if (isSlope(place.table)) return opened?.before ? CHANGED_SLOPES : SLOPES;
  return opened?.before ? CHANGED : ABOUT.numbers.hint;
}

function tabs(page: Page, travel: Travel, views: Views): HTMLElement {
  const tab = (screen: Screen): HTMLElement => h("button", { role: "tab", "data-screen": screen, onclick: () => travel.go({ screen }) }, ABOUT[screen].title);
  const all = SCREENS.map(tab);
  const mark = (): void =>
    all.forEach((button, i) => {
      const here = SCREENS[i] === page.get().screen;
      button.setAttribute("aria-selected", String(here));
      button.tabIndex = here ? 0 : -1;
      button.hidden = !here && views[SCREENS[i]!].offered?.() === false;
    });
  page.on(["screen", "opened"], mark);
  mark();
  return rovingTabs(h("div", { class: "screens", role: "tablist", "aria-label": "Views" }, ...all));
}

/** Left and right go from tab to tab, and choose. */
export function rovingTabs(list: HTMLElement): HTMLElement {
  list.addEventListener("keydown", (event) => {
    const by = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    const all = [...list.children].filter((one) => !(one as HTMLElement).hidden);
    const at = all.indexOf(document.activeElement as HTMLElement);
    if (!by || at < 0) return;
    (all[at + by] as HTMLElement | undefined)?.click();
    // Choosing may have drawn the tabs anew.
    list.querySelector<HTMLElement>("[aria-selected=true]")?.focus();
  });
  return list;
}

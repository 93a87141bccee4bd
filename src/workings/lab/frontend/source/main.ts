// The page put together.
import { api } from "./api";
import { Attention } from "./attention";
import { onSchemeChange } from "./colours";
import { fill, h, icon } from "./dom";
import { editList } from "./edits";
import { exportMenu } from "./exporting";
import { capital, roughly, shortName } from "./format";
import { Grid } from "./grid";
import { gridBar } from "./gridbar";
import { listenToGrid } from "./gridkeys";
import { LensView } from "./lens";
import { architectureMap } from "./map";
import { nextBars } from "./next";
import { outline } from "./outline";
import { sheetPicture } from "./pictures";
import { promptBar } from "./prompt";
import { searchBox } from "./search";
import { sentence, Session } from "./session";
import { fromHash, makePage, SCREENS, type Page, type Screen, type State } from "./state";
import { Travel } from "./travel";
import { workings } from "./workings";

const TITLES: Record<Screen, string> = { lens: "What it thinks", attention: "What it looks at", numbers: "Every number" };
const HINTS: Record<Screen, string> = {
  lens: "The logit lens: each row is the model after one more block, and each cell the word it would say next: click one, or click a bar above to see how its number was made.",
  attention: "Attention: each square shows how much the word of its row takes in from the word of its column: point at one, and click it for its number.",
  numbers: "Click a number to see how it was made; double-click it, type another and press Enter, and watch the next token change.",
};

const CHANGED = "Framed numbers are your edits; underlined ones changed because of them: point at one to see what it was.";

async function begin(): Promise<void> {
  const root = document.getElementById("page")!;
  try {
    const page = makePage(await api.model());
    page.set(fromHash(location.hash));
    build(root, page);
  } catch (error) {
    const retry = h("button", { class: "primary", onclick: () => void begin() }, "Try again");
    fill(root, h("p", { class: "opening", role: "alert" }, sentence(error)), retry);
  }
}

function build(root: HTMLElement, page: Page): void {
  const session = new Session(page);
  const travel = new Travel(page, () => void session.open());
  const grid = new Grid(page);
  const prompt = promptBar(page, session);
  const lens = new LensView(page, travel);
  const attention = new Attention(page, travel, (shares, token) => prompt.shadeBy(page.get().screen === "attention" ? shares : null, token));
  const search = searchBox(page, travel);
  const gridHolder = h("div", { class: "grid-holder" }, grid.element);
  const panel = workings(page, travel, grid.labels, () => grid.element.focus());
  listenToGrid(grid, page, session, gridHolder, () => (panel.querySelector<HTMLElement>("button.link") ?? panel.querySelector<HTMLElement>(".workings-body"))?.focus());

  prompt.onChip = (token, chosen) => {
    const { screen, place } = page.get();
    if (chosen && token !== null) {
      page.set({ token });
      if (screen === "numbers") grid.select(token, place.column);
    } else if (screen === "attention") {
      const at = token ?? page.get().token ?? (page.get().opened?.n_pos ?? 1) - 1;
      const shares = attention.lookingOf(at);
      if (shares) prompt.shadeBy(shares, at);
    }
  };

  const screens: Record<Screen, HTMLElement> = {
    lens: h("div", { class: "screen" }, lens.element),
    attention: h("div", { class: "screen" }, attention.element),
    numbers: h("div", { class: "screen" }, gridBar(page, grid, travel), gridHolder),
  };
  const tabs = screenTabs(page, travel);
  const hint = h("p", { class: "hint" });
  const undo = h("button", { class: "quiet bordered", title: "Undo (Ctrl+Z)", "aria-label": "Undo", onclick: () => session.undo() }, icon("↶"));
  const redo = h("button", { class: "quiet bordered", title: "Redo (Ctrl+Y)", "aria-label": "Redo", onclick: () => session.redo() }, icon("↷"));
  const trouble = h("div", { class: "trouble", role: "alert" });
  const { model } = page.get();

  fill(
    root,
    h(
      "header",
      { class: "top" },
      h("h1", {}, "workings"),
      h("p", { class: "model" }, h("b", { title: model.name }, shortName(model.name)), ` · ${roughly(model.n_parameters)} numbers learnt`),
      search.button,
      h("span", { class: "spring" }),
      undo,
      redo,
      exportMenu(page, session, { lens: () => lens.picture(), attention: () => attention.canvas, numbers: () => sheetPicture(grid) }),
    ),
    trouble,
    h("div", { class: "asked" }, prompt.element, nextBars(page, session, travel)),
    h(
      "div",
      { class: "below" },
      h("aside", { class: "left", "aria-label": "Outline" }, outline(page, travel), architectureMap(page, travel)),
      h("main", { class: "centre" }, h("div", { class: "centre-head" }, tabs, hint), ...SCREENS.map((screen) => screens[screen])),
      h("aside", { class: "right", "aria-label": "Workings" }, editList(page, session, travel), panel),
    ),
    search.dialog,
  );

  const showHint = (): void => {
    const { screen, opened } = page.get();
    fill(hint, screen === "numbers" && opened?.before ? CHANGED : HINTS[screen]);
  };
  const showScreen = ({ screen }: State): void => {
    for (const one of SCREENS) screens[one].hidden = one !== screen;
    showHint();
    if (screen !== "attention") prompt.shadeBy(null);
    if (screen === "numbers") void grid.refresh();
  };
  let shown = page.get();
  const showPlace = (state: State): void => {
    const moved = state.opened !== shown.opened || state.digits !== shown.digits || state.place.table !== shown.place.table || state.place.sheet !== shown.place.sheet;
    shown = state;
    if (moved) void grid.refresh();
    else grid.follow();
  };
  page.on(["screen"], showScreen);
  page.on(["opened"], showHint);
  page.on(["stale"], ({ stale }) => root.classList.toggle("stale", stale));
  page.on(["opened"], followEnd(page));
  page.on(["opened", "place", "digits", "colours", "edits"], showPlace);
  page.on(["trouble", "lost"], (state) => showTrouble(trouble, state, page));
  page.on(["edits", "opened"], () => {
    undo.disabled = !session.canUndo;
    redo.disabled = !session.canRedo;
  });
  undo.disabled = redo.disabled = true;
  onSchemeChange(() => {
    grid.style();
    attention.repaint();
    lens.draw();
  });
  document.addEventListener("keydown", (event) => {
    const typing = event.target instanceof HTMLInputElement || event.target instanceof HTMLTextAreaElement;
    const control = event.ctrlKey || event.metaKey;
    if (control && event.key.toLowerCase() === "k") search.open();
    else if (control && !typing && event.key.toLowerCase() === "z" && !event.shiftKey) session.undo();
    else if (control && !typing && (event.key.toLowerCase() === "y" || event.key.toLowerCase() === "z")) session.redo();
    else return;
    event.preventDefault();
  });
  showScreen(page.get());
  void session.open();
}

/**
 * Begin at the likeliest next token. Where the last position was looked at, stay with the last as the sentence changes, and where the
 * likeliest token was, with the likeliest.
 */
function followEnd(page: Page): (state: State) => void {
  let last = -1;
  let best = -1;
  let read = "";
  return ({ opened, place }) => {
    if (!opened || opened.tokens.length !== opened.n_pos) return;
    const ids = opened.tokens.map((token) => token.id).join();
    if (ids === read) return;
    const begins = place.row < 0;
    const atEnd = begins || place.row === last;
    const atBest = begins || (atEnd && place.column === best && place.table === "probabilities");
    [read, last, best] = [ids, opened.n_pos - 1, opened.next[0]?.id ?? 0];
    const row = atEnd ? last : place.row;
    const column = atBest ? best : place.column;
    if (row !== place.row || column !== place.column) page.set({ place: { ...place, row, column } });
  };
}

function screenTabs(page: Page, travel: Travel): HTMLElement {
  const tab = (screen: Screen): HTMLElement => h("button", { role: "tab", "data-screen": screen, onclick: () => travel.go({ screen }) }, TITLES[screen]);
  const list = h("div", { class: "screens", role: "tablist", "aria-label": "Views" }, ...SCREENS.map(tab));
  const mark = ({ screen }: State): void => {
    for (const button of list.children) {
      const here = (button as HTMLElement).dataset.screen === screen;
      button.setAttribute("aria-selected", String(here));
      (button as HTMLElement).tabIndex = here ? 0 : -1;
    }
  };
  list.addEventListener("keydown", (event) => {
    const by = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    const next = list.children[SCREENS.indexOf(page.get().screen) + by] as HTMLElement | undefined;
    if (by && next) {
      next.click();
      next.focus();
    }
  });
  page.on(["screen"], mark);
  mark(page.get());
  return list;
}

function showTrouble(place: HTMLElement, state: State, page: Page): void {
  const text = state.lost
    ? "The lab does not answer. If it was stopped, start it again with `workings lab`; this page goes on by itself once it answers."
    : state.trouble;
  place.classList.toggle("shown", !!text);
  const dismiss = h("button", { class: "quiet", "aria-label": "Dismiss", onclick: () => page.set({ trouble: null }) }, icon("×"));
  fill(place, text ? h("p", {}, capital(text)) : null, text && !state.lost ? dismiss : null);
}

void begin();

// The page put together.
import { isSlope } from "./address";
import { api } from "./api";
import { Attention } from "./attention";
import { onSchemeChange } from "./colours";
import { fill, h, icon } from "./dom";
import { editList } from "./edits";
import { exportMenu } from "./exporting";
import { CompareView } from "./comparison";
import { FeaturesView } from "./features";
import { followEnd } from "./follow";
import { roughly, shortName } from "./format";
import { Grid } from "./grid";
import { gridBar } from "./gridbar";
import { listenToGrid } from "./gridkeys";
import { fromHash } from "./hash";
import { keepKnocks } from "./knocks";
import { LensView } from "./lens";
import { architectureMap } from "./map";
import { nextBars } from "./next";
import { outline } from "./outline";
import { sheetPicture } from "./pictures";
import { PatchingView } from "./patching";
import { promptBar, type PromptBar } from "./prompt";
import { ReasonsView } from "./reasons";
import { screens, type Views } from "./screens";
import { searchBox } from "./search";
import { sentence, Session } from "./session";
import { sheetOf } from "./sheet";
import { makePage, SCREENS, type Page } from "./state";
import { Travel } from "./travel";
import { troubleLine } from "./trouble";
import { workings } from "./workings";

async function begin(): Promise<void> {
  const root = document.getElementById("page")!;
  try {
    const page = makePage(await api.model());
    page.set(fromHash(location.hash, page.get().model));
    build(root, page);
  } catch (error) {
    const retry = h("button", { class: "primary", onclick: () => void begin() }, "Try again");
    fill(root, h("p", { class: "opening", role: "alert" }, sentence(error)), retry);
  }
}

function build(root: HTMLElement, page: Page): void {
  keepKnocks(page);
  const session = new Session(page);
  const travel = new Travel(page, () => session.restart());
  const grid = new Grid(page);
  const prompt = promptBar(page, session);
  const attention = new Attention(page, travel, session, (shares, token) => prompt.shadeBy(page.get().screen === "attention" ? shares : null, token));
  const gridHolder = h("div", { class: "grid-holder" }, grid.element);
  const panel = workings(page, travel, grid.labels, () => grid.element.focus());
  listenToGrid(grid, page, session, gridHolder, () => (panel.querySelector<HTMLElement>("button.link") ?? panel.querySelector<HTMLElement>(".workings-body"))?.focus());
  listenToChips(prompt, page, grid, attention);
  const views: Views = {
    lens: new LensView(page, travel),
    attention,
    reasons: new ReasonsView(page, travel),
    patching: new PatchingView(page, session, travel),
    features: new FeaturesView(page, session, travel),
    compare: new CompareView(page),
    numbers: { element: h("div", { class: "numbers" }, gridBar(page, session, grid, travel), gridHolder), picture: () => sheetPicture(grid), repaint: () => grid.style() },
  };
  const search = searchBox(page, travel);

  fill(
    root,
    h("header", { class: "top" }, ...title(page), search.button, h("span", { class: "spring" }), ...undoButtons(page, session), exportMenu(page, session, views)),
    troubleLine(page),
    h("div", { class: "asked" }, prompt.element, nextBars(page, session, travel)),
    h(
      "div",
      { class: "below" },
      h("aside", { class: "left", "aria-label": "Outline" }, outline(page, travel), architectureMap(page, travel)),
      screens(page, travel, views),
      h("aside", { class: "right", "aria-label": "Workings" }, editList(page, session, travel), panel),
    ),
    search.dialog,
  );

  page.on(["opened"], followEnd(page));
  page.on(["stale"], ({ stale }) => root.classList.toggle("stale", stale));
  page.on(["screen"], ({ screen }) => screen !== "attention" && prompt.shadeBy(null));
  keepGrid(page, grid);
  onSchemeChange(() => SCREENS.forEach((screen) => views[screen].repaint()));
  listenToKeys(session, search.open);
  void session.open();
}

function title(page: Page): HTMLElement[] {
  const { model } = page.get();
  const name = h("b", { title: model.name }, shortName(model.name));
  return [h("h1", {}, "workings"), h("p", { class: "model" }, name, ` · ${roughly(model.n_parameters)} numbers learnt`)];
}

function undoButtons(page: Page, session: Session): HTMLElement[] {
  const undo = h("button", { class: "quiet bordered", title: "Undo (Ctrl+Z)", "aria-label": "Undo", onclick: () => session.undo() }, icon("↶"));
  const redo = h("button", { class: "quiet bordered", title: "Redo (Ctrl+Y)", "aria-label": "Redo", onclick: () => session.redo() }, icon("↷"));
  const show = (): void => {
    undo.disabled = !session.canUndo;
    redo.disabled = !session.canRedo;
  };
  page.on(["edits", "opened"], show);
  show();
  return [undo, redo];
}

/** A token that is clicked is gone to; one that is pointed at shows what it looks at. */
function listenToChips(prompt: PromptBar, page: Page, grid: Grid, attention: Attention): void {
  prompt.onChip = (token, chosen) => {
    const { screen, place, opened, token: kept } = page.get();
    if (chosen && token !== null) {
      if (screen !== "numbers" || !isSlope(page.get().place.table)) page.set({ token }); // which is after what the score is asked about
      if (screen === "numbers") grid.select(token, place.column);
    } else if (screen === "attention") {
      const at = token ?? kept ?? (opened?.n_pos ?? 1) - 1;
      const shares = attention.lookingOf(at);
      if (shares) prompt.shadeBy(shares, at);
    }
  };
}

/** Draw the grid afresh when other numbers are looked at, and only move its cursor when they are the same. */
function keepGrid(page: Page, grid: Grid): void {
  let shown = page.get();
  page.on(["opened", "place", "digits", "colours", "edits", "question", "token"], (state) => {
    const others = state.opened !== shown.opened || state.digits !== shown.digits || state.place.table !== shown.place.table || state.place.sheet !== shown.place.sheet || sheetOf(state)?.scope !== grid.sheet?.scope;
    shown = state;
    if (others) void grid.refresh();
    else grid.follow();
  });
  page.on(["screen"], ({ screen }) => screen === "numbers" && void grid.refresh());
  if (page.get().screen === "numbers") void grid.refresh();
}

/** Fields that take no text, so that keys such as Ctrl-Z are not theirs. */
const NOT_TYPED = ["range", "checkbox", "radio", "file", "button"];

function listenToKeys(session: Session, search: () => void): void {
  document.addEventListener("keydown", (event) => {
    const typing = (event.target instanceof HTMLInputElement && !NOT_TYPED.includes(event.target.type)) || event.target instanceof HTMLTextAreaElement;
    const control = event.ctrlKey || event.metaKey;
    const key = event.key.toLowerCase();
    if (control && key === "k") search();
    else if (control && !typing && key === "z" && !event.shiftKey) session.undo();
    else if (control && !typing && (key === "y" || key === "z")) session.redo();
    else return;
    event.preventDefault();
  });
}

void begin();

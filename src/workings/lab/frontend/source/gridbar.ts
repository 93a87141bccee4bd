// Above the grid: the name box and the formula bar, tabs for heads, and how numbers are shown.
import { indexOf, placeOf, written } from "./address";
import { api } from "./api";
import { fill, h, newest } from "./dom";
import { rovingTabs } from "./screens";
import type { Digits } from "./format";
import type { Grid } from "./grid";
import { knockPanel } from "./knocking";
import { slopeBar } from "./slopes";
import { sentence, type Session } from "./session";
import { holds } from "./sheet";
import type { Page } from "./state";
import type { Travel } from "./travel";

export function gridBar(page: Page, session: Session, grid: Grid, travel: Travel): HTMLElement {
  const name = h("input", { class: "name-box mono", type: "text", spellcheck: "false", "aria-label": "Name box: type an address and press Enter" });
  const formula = h("output", { class: "formula-bar mono", tabindex: 0, "aria-label": "Formula of the selected number" });
  const said = h("p", { class: "sentence" });
  const tabs = h("div", { class: "heads", role: "tablist", "aria-label": "Heads" });
  const size = h("span", { class: "size" });
  const digits = h(
    "select",
    { "aria-label": "Digits", onchange: () => page.set({ digits: digits.value as Digits }) },
    h("option", { value: "short" }, "Short numbers"),
    h("option", { value: "long" }, "7 digits"),
    h("option", { value: "all" }, "All digits"),
  );
  const colours = h("input", { type: "checkbox", onchange: () => page.set({ colours: colours.checked }) });
  const take = newest();
  const typed = newest();
  const knock = knockPanel(page, session, grid);
  const slopes = slopeBar(page, travel);

  name.addEventListener("focus", () => name.select());
  name.addEventListener("blur", () => show());
  name.addEventListener("keydown", (event) => {
    if (event.key === "Escape") grid.element.focus();
    if (event.key !== "Enter") return;
    void go();
  });

  /** Go to what was typed, as the lab reads it. */
  async function go(): Promise<void> {
    const { opened, place } = page.get();
    if (!opened) return;
    const current = typed();
    try {
      const to = placeOf(await api.place(opened.id, name.value, place.table, current.signal));
      if (!current()) return;
      page.set({ trouble: null });
      travel.go({ place: to, screen: "numbers" });
      grid.element.focus();
    } catch (error) {
      if (!current()) return;
      name.setAttribute("aria-invalid", "true");
      page.set({ trouble: sentence(error) });
    }
  }

  function show(): void {
    const state = page.get();
    const { sheet } = grid;
    if (!sheet || !state.opened || state.screen !== "numbers") return;
    const index = indexOf(sheet.info, { sheet: sheet.sheet, ...grid.cursor() });
    const here = written(sheet.table, index);
    if (document.activeElement !== name) {
      // Not while somebody types another one.
      name.removeAttribute("aria-invalid");
      name.value = here;
    }
    digits.value = state.digits;
    colours.checked = state.colours;
    const asked = `${sheet.scope} ${here}`;
    if (asked === formula.dataset.asked) return;
    formula.dataset.asked = asked;
    const current = take();
    api.formula(state.opened.id, sheet.table, index, sheet.score, current.signal).then(
      (told) => {
        if (current()) fill(formula, (formula.title = told.formula));
      },
      () => {
        if (!current()) return;
        fill(formula, "");
        delete formula.dataset.asked;
      },
    );
  }

  let drawn: unknown = null;
  function showTable(): void {
    const { sheet } = grid;
    if (!sheet) return;
    const told = grid.ranges.at(sheet)?.slope_of ? page.get().model.slopes.meaning : holds(page.get(), sheet.table, sheet.info.sentence);
    if (said.textContent !== told) fill(said, told);
    if (sheet === drawn) return;
    drawn = sheet;
    knock.show();
    const axes = sheet.info.axes;
    const shape = sheet.info.shape.map((length, axis) => `${axes[axis]} ${length ?? page.get().opened?.tokens.length ?? ""}`);
    fill(size, shape.filter((part) => part !== "1 1").join(" × "));
    tabs.hidden = sheet.sheets < 2;
    const place = page.get().place;
    const tab = (i: number): HTMLElement =>
      h(
        "button",
        {
          role: "tab",
          "aria-selected": String(i === sheet.sheet),
          tabindex: i === sheet.sheet ? 0 : -1,
          onclick: () => page.set({ place: { ...page.get().place, sheet: i } }),
        },
        i === 0 ? `Head ${i}` : String(i),
      );
    if (tabs.childElementCount !== sheet.sheets || tabs.dataset.at !== `${place.table} ${sheet.sheet}`) {
      const focused = tabs.contains(document.activeElement);
      fill(tabs, ...Array.from({ length: sheet.sheets }, (_, i) => tab(i)));
      tabs.dataset.at = `${place.table} ${sheet.sheet}`;
      if (focused) tabs.querySelector<HTMLElement>("[aria-selected=true]")?.focus();
    }
  }

  rovingTabs(tabs);
  page.on(["place", "opened", "digits", "colours", "screen", "question", "token"], () => queueMicrotask(show));
  const wasDrawn = grid.onDrawn;
  grid.onDrawn = () => {
    wasDrawn();
    showTable();
  };
  return h(
    "div",
    { class: "grid-bar" },
    h("div", { class: "line" }, name, h("span", { class: "fx", "aria-hidden": "true" }, "ƒ"), formula),
    slopes.asked,
    h("div", { class: "line" }, said),
    h("div", { class: "line" }, slopes.toggle, tabs, knock.element, h("span", { class: "shown-as" }, size, digits, h("label", { class: "check" }, colours, "Colours"))),
  );
}

// The list of edits: on and off one by one, undo and redo, a file of them.
import { placeOf, written } from "./address";
import { fill, h, icon } from "./dom";
import { inText } from "./format";
import { knocksBy, knocksSaid } from "./knocks";
import { steersOf, steersSaid } from "./steers";
import type { Session } from "./session";
import type { Page, State } from "./state";
import type { Travel } from "./travel";
import type { Edit, Numbers } from "./types";

export function editList(page: Page, session: Session, travel: Travel): HTMLElement {
  const list = h("ul", { class: "edits" });
  const section = h(
    "section",
    { class: "edit-list", "aria-label": "Your edits" },
    h("header", {}, h("h2", {}, "Your edits"), h("button", { class: "quiet", onclick: () => travel.go({ screen: "compare" }) }, "Side by side"), h("button", { class: "quiet", onclick: () => void session.setEdits([]) }, "Take all out")),
    list,
  );

  function row(edit: Edit, i: number): HTMLElement {
    const steers = steersOf(page, edit);
    const by = knocksBy(edit);
    const inWords = steers ? steersSaid(steers) : by && knocksSaid(page, edit, by);
    const name = inWords ?? written(edit.table, edit.index);
    const refused = refusal(page.get(), edit);
    const change = (edits: (all: Edit[]) => Edit[]): void => void session.setEdits(edits([...page.get().edits]));
    const toggle = h("input", { type: "checkbox", role: "switch", "aria-label": `${name} in force`, onchange: () => change((all) => all.with(i, { ...edit, on: toggle.checked })) });
    toggle.checked = edit.on && !refused;
    toggle.disabled = refused !== null;
    const go = (): void => {
      if (steers) return travel.go({ screen: "features", feature: steers.feature });
      const index = edit.index.map((part) => (typeof part === "number" ? part : Number(part.split(":")[0] || 0)));
      travel.go({ screen: "numbers", place: placeOf({ table: edit.table, index }) });
    };
    return h(
      "li",
      { class: toggle.checked ? "" : "off" },
      toggle,
      h("span", { class: "what" }, h("button", { class: inWords ? "link" : "link mono", onclick: go }, name), h("span", { class: inWords ? "soft mono" : "number" }, inWords ? written(edit.table, edit.index) : said(edit))),
      h("button", { class: "quiet", "aria-label": `Take out the edit of ${name}`, title: "Take out", onclick: () => change((all) => all.toSpliced(i, 1)) }, icon("×")),
      refused ? h("p", { class: "note" }, `Not in force: ${refused}`) : null,
    );
  }

  page.on(["edits", "opened"], ({ edits }) => {
    section.hidden = edits.length === 0;
    fill(list, ...edits.map(row));
  });
  section.hidden = true;
  return section;
}

/** Why an edit that is on could not be made; null where it was, or is not known yet. */
export function refusal({ opened, shown }: Pick<State, "opened" | "shown">, edit: Edit): string | null {
  const told = opened?.edits[shown?.edits.indexOf(edit) ?? -1];
  return told && !told.ok ? told.error : null;
}

function said(edit: Edit): string {
  const amount = (number: Numbers): string => {
    if (!Array.isArray(number)) return inText(number);
    const numbers = `${number.flat(3).length} numbers`;
    return Array.isArray(number[0]) && number.length === 1 ? `one row of ${numbers}` : numbers;
  };
  if (edit.value !== undefined) return `= ${amount(edit.value)}`;
  if (edit.add !== undefined) return `+ ${amount(edit.add)}`;
  return `× ${amount(edit.scale ?? 1)}`;
}

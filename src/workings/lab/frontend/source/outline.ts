// The outline: every table by name, in order of working, under the headings that the server gives.
import { h } from "./dom";
import { find, plainName, slopeName } from "./address";
import type { Page } from "./state";
import type { Travel } from "./travel";
import type { Table } from "./types";

export const NO_FEATURES = "No features to look at: no sparse autoencoder comes with this model. “workings lab --sae FOLDER” opens one.";

export function outline(page: Page, travel: Travel): HTMLElement {
  const { model } = page.get();
  const buttons = new Map<string, HTMLElement>();
  const groups = new Map<string, HTMLDetailsElement>();
  const go = (name: string): void => {
    const { place } = page.get();
    const table = place.table === slopeName(model, place.table) ? (slopeName(model, name) ?? name) : name; // who looks at slopes goes on to slopes
    const info = find(model, table);
    const wasSimilar = find(model, place.table)?.axes.join() === info?.axes.join();
    const at = wasSimilar ? place : { sheet: 0, row: 0, column: 0 };
    travel.go({ place: { ...at, table }, screen: "numbers" });
  };

  function entry(table: Table, short: string): HTMLElement {
    const button = h("button", { class: "entry", title: `${table.name}: ${table.sentence}`, onclick: () => go(table.name) }, short);
    buttons.set(table.name, button);
    return h("li", {}, button);
  }

  function group(name: string, tables: Table[], open: boolean): HTMLElement {
    const details = h("details", { open }, h("summary", {}, name), h("ul", {}, ...tables.map((table) => entry(table, shortName(table.name, name)))));
    for (const table of tables) groups.set(table.name, details);
    return details;
  }

  const byGroup = (tables: Table[]): [string, Table[]][] => {
    const found = new Map<string, Table[]>();
    for (const table of tables) found.set(table.group, [...(found.get(table.group) ?? []), table]);
    return [...found];
  };
  const weights = h("details", { class: "weights" }, h("summary", {}, "Weights"), ...byGroup(model.weights).map(([name, tables]) => group(name, tables, false)));
  const tree = h("div", { class: "tree" }, ...byGroup(model.tables).map(([name, tables]) => group(name, tables, false)), weights, model.features ? null : h("p", { class: "soft none" }, NO_FEATURES));

  function mark({ place, screen }: { place: { table: string }; screen: string }): void {
    for (const [name, button] of buttons) {
      const here = name === plainName(place.table) && screen === "numbers";
      if (here) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    }
    if (screen !== "numbers") return;
    const home = groups.get(plainName(place.table));
    if (!home) return;
    home.open = true;
    if (weights.contains(home)) weights.open = true;
    buttons.get(plainName(place.table))?.scrollIntoView({ block: "nearest" });
  }
  page.on(["place", "screen"], mark);
  queueMicrotask(() => mark(page.get()));
  return h("nav", { class: "outline", "aria-label": "Tables of the model" }, tree);
}

/** A table's name without what it stands under: its block, or its lens. */
function shortName(name: string, group: string): string {
  if (group.endsWith(" lens")) return name.replace(/^(\w+\.)?blocks\./, "").replace(/\.\w*lens\./, ".");
  return name.replace(/^(?:\w+\.)?blocks\.\d+\./, "");
}


// Taking things along: the workbook, a report, the edits as a file, the current map as a picture.
import { api, type Query } from "./api";
import { isWeight } from "./address";
import { download, fill, h } from "./dom";
import { lensAsked } from "./lensbar";
import { sentence } from "./session";
import type { Session } from "./session";
import type { Views } from "./screens";
import { named } from "./pictures";
import { EVERY_HEAD, type Page } from "./state";

const LONGEST = 300; // letters of a sentence above a picture

export function exportMenu(page: Page, session: Session, views: Views): HTMLElement {
  const view = (): string => page.get().opened?.id ?? "";
  const file = h("input", { type: "file", accept: ".json,application/json", "aria-label": "A file of edits" });
  file.hidden = true;
  file.addEventListener("change", () => {
    const chosen = file.files?.[0];
    if (chosen) void session.load(chosen);
    file.value = "";
  });
  const item = (name: string, note: string, run: () => unknown): HTMLElement =>
    h("button", { role: "menuitem", tabindex: -1, onclick: (event: Event) => { if ((event.currentTarget as HTMLElement).ariaDisabled !== "true") { close(); run(); } } }, h("span", {}, name), h("span", { class: "soft" }, note));
  let underway = 0;
  const working = (change: 1 | -1): boolean => button.classList.toggle("working", (underway += change) > 0);
  const fromServer = (path: string, asked: () => Query = () => ({})) => async (): Promise<void> => {
    working(1);
    try {
      const { made, name } = await api.file(path, view(), asked());
      give(made, name);
    } catch (error) {
      page.set({ trouble: sentence(error) });
    } finally {
      working(-1);
    }
  };
  const [pictured, kind] = [item("Picture of this view", "", () => void picture()), (): string => (views[page.get().screen].picture ? "PNG" : "only of maps, bars and sheets")];
  const menu = h(
    "div",
    { class: "menu", role: "menu", "aria-label": "Export" },
    item("Excel workbook", "live formulas", fromServer("export.xlsx")),
    item("Report", "one HTML file for anyone", fromServer("report.html", () => ({ ...lensAsked(page) }))),
    pictured,
    item("Save edits", "also for Python", fromServer("edits.json")),
    item("Load edits …", "", () => file.click()),
  );
  menu.hidden = true;
  const button = h("button", { class: "quiet bordered", "aria-haspopup": "menu", "aria-expanded": "false", onclick: () => (menu.hidden ? open() : close()) }, "Export");

  function open(): void {
    pictured.setAttribute("aria-disabled", String(kind() !== "PNG"));
    fill(pictured.lastElementChild!, kind());
    menu.hidden = false;
    button.setAttribute("aria-expanded", "true");
    (menu.firstElementChild as HTMLElement).focus();
  }
  function close(): void {
    if (menu.contains(document.activeElement)) button.focus();
    menu.hidden = true;
    button.setAttribute("aria-expanded", "false");
  }
  menu.addEventListener("keydown", (event) => {
    const items = [...menu.children] as HTMLElement[];
    const at = items.indexOf(document.activeElement as HTMLElement);
    if (event.key === "Escape") close();
    else if (event.key === "ArrowDown") items[(at + 1) % items.length]?.focus();
    else if (event.key === "ArrowUp") items.at(at - 1)?.focus();
    else return;
    event.preventDefault();
  });
  document.addEventListener("click", (event) => {
    if (!menu.hidden && !holder.contains(event.target as Node)) close();
  });

  async function picture(): Promise<void> {
    try {
      const { screen, place, block, model, opened } = page.get();
      const canvas = await views[screen].picture?.();
      if (!canvas) return page.set({ trouble: "There is no picture of this view; the report and the workbook can be kept." });
      // What follows from the weights alone is of no sentence.
      const alone = screen === "numbers" ? isWeight(model, place.table) : screen === "attention" && block === EVERY_HEAD;
      const read = opened!.tokens.map(({ text }) => text).join(model.has_tokenizer ? "" : " ");
      named(canvas, alone ? "" : read.length > LONGEST ? `${read.slice(0, LONGEST)} …` : read).toBlob((blob) => blob && give(blob, `${screen === "numbers" ? place.table : screen}.png`));
    } catch (error) {
      page.set({ trouble: sentence(error) });
    }
  }

  const holder = h("div", { class: "export" }, button, menu, file);
  return holder;
}

function give(made: Blob, name: string): void {
  const address = URL.createObjectURL(made);
  download(address, name);
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

// Ctrl-K: any table or weight by any part of its name.
import { placeOf, written, type Place } from "./address";
import { api } from "./api";
import { fill, h, newest } from "./dom";
import type { Page } from "./state";
import type { Travel } from "./travel";

export function searchBox(page: Page, travel: Travel): { button: HTMLElement; dialog: HTMLElement; open: () => void } {
  const input = h("input", {
    type: "text",
    placeholder: "Find a table or weight: pattern, block 2 mlp, W_Q …",
    role: "combobox",
    "aria-label": "Find a table or weight",
    "aria-expanded": "true",
    "aria-controls": "found",
    "aria-autocomplete": "list",
    spellcheck: "false",
  });
  const list = h("ul", { id: "found", role: "listbox", "aria-label": "Found" });
  const dialog = h("dialog", { class: "search", "aria-label": "Search" }, input, list);
  const take = newest();
  let chosen = 0;
  let showing = Promise.resolve();

  function choose(next: number): void {
    const options = [...list.children];
    chosen = Math.max(0, Math.min(options.length - 1, next));
    options.forEach((option, i) => option.setAttribute("aria-selected", String(i === chosen)));
    options[chosen]?.scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", options[chosen]?.id ?? "");
  }

  function go(place: Place): void {
    dialog.close();
    travel.go({ place, screen: "numbers" });
  }

  async function show(): Promise<void> {
    const current = take();
    const text = input.value.trim();
    const { model, opened, place } = page.get();
    const address = text.includes("[") && opened ? await api.place(opened.id, text, place.table, current.signal).catch(() => null) : null;
    const found = text && !address ? await api.find(text, current.signal).then((told) => told.found, () => []) : [];
    if (!current()) return;
    const names = address ? [{ name: written(address.table, address.index), sentence: "Go to this number" }] : text ? found : model.tables;
    fill(
      list,
      ...names.slice(0, 40).map(({ name, sentence }, i) =>
        h(
          "li",
          {
            role: "option",
            id: `found-${i}`,
            "data-name": name,
            onmousemove: () => i !== chosen && choose(i),
            onclick: () => go(address ? placeOf(address) : { table: name, sheet: 0, row: 0, column: 0 }),
          },
          h("span", { class: "mono" }, name),
          h("span", { class: "soft" }, sentence),
        ),
      ),
    );
    if (names.length === 0) fill(list, h("li", { class: "soft", role: "option", "aria-disabled": "true" }, "Nothing is called that."));
    choose(0);
  }

  /** Follow what is chosen, once the list is that of what was typed; not if something else is typed meanwhile. */
  async function follow(): Promise<void> {
    const awaited = showing;
    await awaited;
    if (awaited === showing && dialog.open) (list.children[chosen] as HTMLElement | undefined)?.click();
  }

  input.addEventListener("input", () => (showing = show()));
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") choose(chosen + 1);
    else if (event.key === "ArrowUp") choose(chosen - 1);
    else if (event.key === "Enter") void follow();
    else return;
    event.preventDefault();
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });

  function open(): void {
    if (dialog.open) return;
    input.value = "";
    dialog.showModal();
    showing = show();
  }
  const button = h("button", { class: "search-button", onclick: open }, "Find any table", h("kbd", {}, "Ctrl K"));
  return { button, dialog, open };
}

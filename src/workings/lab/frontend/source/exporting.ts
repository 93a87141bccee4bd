// Taking things along: the workbook, a report, the edits as a file, the current map as a picture.
import { api } from "./api";
import { download, h } from "./dom";
import type { Grid } from "./grid";
import { image } from "./heatmap";
import { sentence } from "./session";
import type { Session } from "./session";
import type { Page } from "./state";

const MOST_PIXELS = 4_000_000;

export function exportMenu(page: Page, session: Session, grid: Grid, attentionMap: HTMLCanvasElement): HTMLElement {
  const view = (): string => page.get().opened?.id ?? "";
  const file = h("input", { type: "file", accept: ".json,application/json", "aria-label": "A file of edits" });
  file.hidden = true;
  file.addEventListener("change", () => {
    const chosen = file.files?.[0];
    if (chosen) void session.load(chosen);
    file.value = "";
  });
  const item = (name: string, note: string, run: () => unknown): HTMLElement =>
    h("button", { role: "menuitem", tabindex: -1, onclick: () => { close(); run(); } }, h("span", {}, name), h("span", { class: "soft" }, note));
  const fromServer = (path: string, query: () => Record<string, number> = () => ({})) => async (): Promise<void> => {
    button.classList.add("working");
    try {
      const made = await api.file(path, { view: view(), ...query() });
      give(made, path);
    } catch (error) {
      page.set({ trouble: sentence(error) });
    } finally {
      button.classList.remove("working");
    }
  };
  const menu = h(
    "div",
    { class: "menu", role: "menu", "aria-label": "Export" },
    item("Excel workbook", "live formulas", fromServer("export.xlsx", () => ({ max_tokens: Math.max(16, page.get().opened?.n_pos ?? 0) }))),
    item("Report", "one HTML file for anyone", fromServer("report.html")),
    item("Picture of this map", "PNG", () => void picture()),
    item("Save edits", "also for Python", fromServer("edits.json")),
    item("Load edits …", "", () => file.click()),
  );
  menu.hidden = true;
  const button = h("button", { class: "quiet bordered", "aria-haspopup": "menu", "aria-expanded": "false", onclick: () => (menu.hidden ? open() : close()) }, "Export");

  function open(): void {
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
      const canvas = page.get().screen === "attention" ? attentionMap : await sheetPicture();
      if (!canvas) return;
      canvas.toBlob((blob) => {
        if (!blob) return;
        give(blob, `${page.get().screen === "attention" ? "attention" : page.get().place.table}.png`);
      });
    } catch (error) {
      page.set({ trouble: sentence(error) });
    }
  }

  /** The sheet as a heat map, enlarged where it is small. */
  async function sheetPicture(): Promise<HTMLCanvasElement | null> {
    const { sheet } = grid;
    if (!sheet) return null;
    if (sheet.rows * sheet.columns > MOST_PIXELS) {
      page.set({ trouble: `${sheet.table} has more than ${MOST_PIXELS.toLocaleString("en-US")} numbers, too many for one picture.` });
      return null;
    }
    await grid.tiles.have(sheet, "tile", 0, sheet.rows, 0, sheet.columns);
    const numbers = new Float32Array(sheet.rows * sheet.columns);
    for (let row = 0; row < sheet.rows; row++)
      for (let column = 0; column < sheet.columns; column++) numbers[row * sheet.columns + column] = grid.tiles.at(sheet, "tile", row, column) ?? 0;
    const small = image(numbers, sheet.rows, sheet.columns, (await grid.ranges.have(sheet)).largest);
    const times = Math.max(1, Math.min(24, Math.floor(1600 / Math.max(sheet.rows, sheet.columns))));
    const large = h("canvas", { width: sheet.columns * times, height: sheet.rows * times });
    const context = large.getContext("2d")!;
    context.imageSmoothingEnabled = false;
    context.drawImage(small, 0, 0, large.width, large.height);
    return large;
  }

  const holder = h("div", { class: "export" }, button, menu, file);
  return holder;
}

function give(made: Blob, name: string): void {
  const address = URL.createObjectURL(made);
  download(address, name);
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

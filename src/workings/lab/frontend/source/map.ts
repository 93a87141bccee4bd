// The architecture's picture as a small map that shows where one is and takes one elsewhere.
import { plainName } from "./address";
import { h } from "./dom";
import type { Page } from "./state";
import type { Travel } from "./travel";

export function architectureMap(page: Page, travel: Travel): HTMLElement {
  const { model } = page.get();
  // The picture brings its colours as a style element, which the page's security policy forbids; the page's own style sheet has them.
  const drawn = model.diagram.replace(/<style>[^]*?<\/style>/, "");
  const picture = new DOMParser().parseFromString(drawn, "image/svg+xml").documentElement;
  picture.removeAttribute("width");
  picture.removeAttribute("height");
  const boxes = new Map<string, SVGGElement>();
  for (const box of picture.querySelectorAll<SVGGElement>("g")) {
    const names = (box.querySelector("title")?.textContent ?? "").split("\n").map((line) => line.split(":")[0]!.trim());
    for (const name of names) boxes.set(name, box);
    box.addEventListener("click", () => {
      if (names[0]) travel.go({ place: { table: names[0], sheet: 0, row: 0, column: 0 }, screen: "numbers" });
    });
  }

  const large = h("dialog", { class: "picture", "aria-label": "The architecture" });
  const holder = h("div", { class: "map-picture", tabindex: 0, role: "group", "aria-label": "The architecture, small" });
  const open = h("button", { class: "quiet", title: "See the whole picture", onclick: () => { large.append(picture); large.showModal(); } }, "Enlarge");
  large.addEventListener("click", () => large.close());
  large.addEventListener("close", () => holder.append(picture));
  holder.replaceChildren(picture);

  function mark({ place }: { place: { table: string } }): void {
    const table = plainName(place.table);
    const home = boxes.get(table) ?? boxes.get(table.replace(/blocks\.\d+/, "blocks.0")) ?? null;
    for (const box of new Set(boxes.values())) box.classList.toggle("here", box === home);
    if (!home || !holder.contains(picture)) return;
    const [inside, around] = [home.getBoundingClientRect(), holder.getBoundingClientRect()];
    if (inside.height && (inside.top < around.top || inside.bottom > around.bottom))
      holder.scrollTop += inside.top - around.top - around.height / 3;
  }
  page.on(["place", "screen"], mark);
  requestAnimationFrame(() => mark(page.get()));
  return h("section", { class: "map", "aria-label": "Map of the architecture" }, h("header", {}, h("h2", {}, "Where you are"), open), holder, large);
}

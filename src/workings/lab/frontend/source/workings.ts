// The workings: how the selected number was made, out of what, and what is made of it.
import { find, indexOf, isWeight, placeOf, sizes, written, type Place } from "./address";
import { api, LabError } from "./api";
import { clamp, fill, h, icon, word } from "./dom";
import { capital, exact, inText, minus } from "./format";
import { sentence } from "./session";
import type { Labels } from "./sheet";
import { scoreOf } from "./slopes";
import type { Page } from "./state";
import type { Travel } from "./travel";
import type { Address, Explanation, Rest, Term } from "./types";

const FIRST_SOURCES = 8;
const FEW = 3; // readings that stand open
const PATIENCE = 600; // milliseconds without a word

export function workings(page: Page, travel: Travel, labels: Labels, toGrid: () => void): HTMLElement {
  const body = h("div", { class: "workings-body", tabindex: -1 });
  const back = h("button", { class: "quiet", title: "Back (Alt+Left)", "aria-label": "Back", onclick: () => history.back() }, icon("←"));
  const forward = h("button", { class: "quiet", title: "Forward (Alt+Right)", "aria-label": "Forward", onclick: () => history.forward() }, icon("→"));
  let asking = false;
  let again = false;
  let shown = "";

  const arrows = (): void => {
    back.disabled = !travel.canGoBack;
    forward.disabled = !travel.canGoForward;
  };
  travel.onMove(arrows);
  arrows();

  /** Show something else here; who was in it with the keyboard stays. */
  function put(...content: (Node | null)[]): void {
    const inside = body.contains(document.activeElement);
    fill(body, ...content);
    if (inside) body.focus();
  }

  /** One question at a time; when the place has moved on meanwhile, the newest place is asked for next. */
  async function show(): Promise<void> {
    if (asking) {
      again = true;
      return;
    }
    const { opened, place, model } = page.get();
    const table = find(model, place.table);
    if (!opened || !table || place.row < 0) return;
    const size = sizes(table, opened.tokens.length);
    const index = indexOf(table, {
      sheet: clamp(place.sheet, 0, size.sheets - 1),
      row: clamp(place.row, 0, size.rows - 1),
      column: clamp(place.column, 0, size.columns - 1),
    });
    asking = true;
    const score = scoreOf(page.get(), place.table);
    const key = `${opened.id} ${written(place.table, index)} ${Object.values(score).join()}`;
    const waiting = key === shown ? 0 : window.setTimeout(() => put(h("h3", { class: "mono" }, written(place.table, index)), h("p", { class: "soft" }, "Working it out …")), PATIENCE);
    try {
      const explanation = key === shown ? null : await api.explain(opened.id, place.table, index, score);
      if (explanation) {
        draw(explanation);
        shown = key;
      }
    } catch (error) {
      if (!(error instanceof LabError && error.kind === "lost"))
        put(h("h3", { class: "mono" }, written(place.table, index)), h("p", { class: "note" }, sentence(error)));
      shown = "";
    } finally {
      clearTimeout(waiting);
      asking = false;
      if (again) {
        again = false;
        void show();
      }
    }
  }

  const go = (place: Place): void => travel.go({ place, screen: "numbers" });

  function link(address: Address, text = written(address.table, address.index)): HTMLElement {
    return h("button", { class: "link mono", title: `Go to ${written(address.table, address.index)}`, onclick: () => go(placeOf(address)) }, text);
  }

  /** Words for the places of an address, so that a reader need not count: "“her” looking, at “Jedi”". */
  function meanings(address: Address): string[] {
    const { model, opened } = page.get();
    const axes = find(model, address.table)?.axes ?? [];
    const token = (i: number): string => `“${word(opened?.tokens[i]?.readable ?? String(i))}”`;
    return axes.flatMap((axis, i) => {
      const at = address.index[i] ?? 0;
      if (axis === "head") return [`head ${at}`];
      if (axis === "query pos") return [`${token(at)} looking`];
      if (axis === "key pos") return [`at ${token(at)}`];
      if (axis === "d_vocab") return [`“${word(labels.at(page.get(), axis, at))}”, token ${at}`];
      if (axis === "d_sae") return [`feature ${at}`];
      return axis === "pos" ? [`at ${token(at)}`] : axis === "1" ? [] : [`${axis} ${at}`];
    });
  }

  /** The same, without what goes without saying beside another address. */
  const meaning = (address: Address, beside?: Address): string => {
    const known = beside ? meanings(beside) : [];
    return meanings(address)
      .filter((part) => !known.includes(part) || part.includes("token"))
      .join(", ");
  };

  /** The vocabulary's words for addresses that name tokens, once they have come. */
  async function nameTokens(): Promise<void> {
    const { model } = page.get();
    const waiting = [...body.querySelectorAll<HTMLElement>("[data-address]")].map((element) => {
      const [address, beside] = JSON.parse(element.dataset.address!) as [Address, Address?];
      const axis = find(model, address.table)?.axes.indexOf("d_vocab") ?? -1;
      const token = address.index[axis];
      return { element, address, beside, token };
    });
    const tokens = waiting.flatMap(({ token }) => (token === undefined ? [] : [token]));
    if (tokens.length === 0) return;
    await Promise.all(tokens.map((token) => labels.have(page.get(), "d_vocab", token, token + 1)));
    for (const { element, address, beside } of waiting) fill(element, meaning(address, beside));
  }

  const meant = (address: Address, beside?: Address): HTMLElement =>
    h("p", { class: "meaning", "data-address": JSON.stringify([address, beside]) }, meaning(address, beside));

  function draw(told: Explanation): void {
    const { address } = told;
    const state = page.get();
    const main = told.terms.length > 1 ? termBars("What it adds up from", told.terms, told.rest, address) : null;
    const parts = told.breakdowns.map((part) => termBars(`${capital(part.title)}: ${inText(part.value)}`, part.terms, part.rest, address));
    put(
      h("h3", { class: "mono address" }, written(address.table, address.index)),
      meant(address),
      h("p", { class: "value", title: "Every digit of this number" }, minus(exact(told.value))),
      ...told.edits.map((edit) => h("p", { class: "note" }, edit)),
      h("p", {}, told.sentence),
      told.slope_of ? h("p", { class: "soft" }, `What was asked about is ${told.slope_of}.`) : null,
      told.operation !== told.sentence ? h("p", { class: "soft" }, told.operation) : null,
      told.formula ? section(told.edits.length ? "How it would be made without your edit" : "How it was made", h("div", { class: "formula mono" }, told.formula), h("div", { class: "formula numbers mono" }, `= ${told.formula_with_numbers}`)) : null,
      main,
      ...parts,
      told.sources.length ? section("Made from", sources(told.sources)) : null,
      told.feeds.length ? section("Used by", readers(told.feeds, state.place)) : null,
      told.readings.length ? section("Also read by", folded(told.readings.length, readers(told.readings, state.place))) : null,
      !told.sources.length && !told.edits.length && isWeight(state.model, address.table)
        ? h("p", { class: "soft" }, "This number was learnt in training; nothing in the model makes it.")
        : null,
    );
    body.scrollTop = 0;
    nameTokens().catch(() => undefined);
  }

  function termBars(title: string, terms: Term[], rest: Rest | null, beside: Address): HTMLElement {
    const largest = Math.max(...terms.map((term) => Math.abs(term.value)), Math.abs(rest?.value ?? 0), 1e-30);
    const bar = (value: number): HTMLElement => {
      const ink = h("span", { class: value < 0 ? "ink negative" : "ink positive" });
      ink.style.width = `${(Math.abs(value) / largest) * 50}%`;
      return h("span", { class: "signed", "aria-hidden": "true" }, ink);
    };
    const row = (term: Term): HTMLElement => {
      const source = term.addresses[0];
      const label = source ? link(source, term.text) : h("span", { class: "mono" }, term.text);
      return h("li", {}, h("span", { class: "term" }, label, source ? meant(source, beside) : null), bar(term.value), h("span", { class: "number" }, inText(term.value)));
    };
    const remainder = rest && rest.count > 0;
    return section(
      title,
      h(
        "ul",
        { class: "terms" },
        ...terms.map(row),
        remainder
          ? h("li", { class: "soft" }, h("span", { class: "term" }, `${rest.count} smaller ones together`), bar(rest.value), h("span", { class: "number" }, inText(rest.value)))
          : null,
      ),
    );
  }

  function sources(all: Address[]): HTMLElement {
    const list = h("ul", { class: "links" }, ...all.slice(0, FIRST_SOURCES).map((address) => h("li", {}, link(address))));
    const more = all.length - FIRST_SOURCES;
    if (more > 0) {
      const button = h("button", { class: "quiet", onclick: () => list.replaceChildren(...all.map((address) => h("li", {}, link(address)))) }, `${more} more`);
      list.append(h("li", {}, button));
    }
    return list;
  }

  /** Tables that read this one; following one keeps the row, where both have such a row. */
  function readers(names: string[], from: Place): HTMLElement {
    const { model, opened } = page.get();
    const to = (name: string): void => {
      const table = find(model, name);
      if (!table) return;
      const size = sizes(table, opened?.tokens.length ?? 1);
      go({
        table: name,
        sheet: clamp(from.sheet, 0, size.sheets - 1),
        row: clamp(from.row, 0, size.rows - 1),
        column: clamp(from.column, 0, size.columns - 1),
      });
    };
    return h("ul", { class: "links" }, ...names.map((name) => h("li", {}, h("button", { class: "link mono", onclick: () => to(name) }, name))));
  }

  body.addEventListener("keydown", (event) => {
    if (event.key === "Escape") toGrid();
  });
  page.on(["place", "opened", "question", "token"], () => void show());
  return h(
    "section",
    { class: "workings", "aria-label": "Workings of the selected number" },
    h("header", {}, h("h2", {}, "How this number was made"), back, forward),
    body,
  );
}

/** Tables that only look on; many of them are one line until it is opened. */
function folded(count: number, list: HTMLElement): HTMLElement {
  return count <= FEW ? list : h("details", {}, h("summary", { class: "soft" }, `${count} tables of lenses or of the autoencoder`), list);
}

function section(title: string, ...content: (Node | null)[]): HTMLElement {
  return h("section", {}, h("h4", {}, title), ...content);
}

// What a lens is asked: which lens, whether between attention and MLP too, and of which word.
import { fill, h } from "./dom";
import { tokenField } from "./question";
import type { Page } from "./state";
import type { LensAsked, LensKind } from "./types";

const TITLES = { logit: "logit lens", tuned: "tuned lens" } as const;

export const lensTitle = (kind: LensKind["kind"]): string => TITLES[kind];

/** The lens that is read with: the one that was chosen, if this lab has it. */
export function lensOf(page: Page): LensKind {
  const { lens, model } = page.get();
  return model.lenses.find(({ kind }) => kind === lens.kind) ?? model.lenses[0]!;
}

/** What the lens is asked, as far as it can be. */
export function lensAsked(page: Page): LensAsked {
  const { lens } = page.get();
  const { kind, after_attention } = lensOf(page);
  return { ...lens, kind, after_attention: after_attention ? lens.after_attention : "no" };
}

export function lensBar(page: Page): HTMLElement {
  const put = (part: Partial<LensAsked>): void => page.set({ lens: { ...page.get().lens, ...part } });
  const { lenses } = page.get().model;
  const kind = h("select", {}, ...lenses.map((one) => h("option", { value: one.kind }, lensTitle(one.kind))));
  const between = h("input", { type: "checkbox" });
  const label = h("label", { class: "quick" }, between, "also between attention and MLP");
  const field = tokenField(page, "lens", (state) => state.lens.token, (token) => put({ token }), "A word: every cell then shows its share and its rank", "lens-words");
  const lacking = h("span", { class: "soft" });
  field.otherwise("the likeliest");
  kind.addEventListener("change", () => put({ kind: kind.value as LensKind["kind"] }));
  between.addEventListener("change", () => put({ after_attention: between.checked ? "yes" : "no" }));
  const show = (): void => {
    const asked = lensAsked(page);
    const able = lensOf(page).after_attention;
    kind.value = asked.kind;
    between.checked = asked.after_attention === "yes";
    between.disabled = !able;
    label.title = able ? "The stream in the middle of each block, too: what attention has written, before the MLP" : "This lens was not trained for the streams between attention and MLP";
    fill(lacking, page.get().lens.kind !== asked.kind && "The tuned lens was asked for, and this lab has none: this is the logit lens.");
  };
  page.on(["lens"], show);
  show();
  const choice = lenses.length > 1 && h("label", { class: "quick" }, "Read with", kind);
  return h("div", { class: "ask-line" }, choice, label, h("span", { class: "quick" }, "A word", field.element), lacking);
}

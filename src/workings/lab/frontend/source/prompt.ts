// The sentence, its tokens as chips, and writing on.
import { api } from "./api";
import { fill, h, later, newest, spelt } from "./dom";
import { capital } from "./format";
import { readIds } from "./ids";
import { shade } from "./colours";
import type { Session } from "./session";
import type { Page } from "./state";
import type { Token } from "./types";

const TYPING_PAUSE = 250;
const WRITTEN_ON = 40;

interface Piece {
  text: string;
}
interface Merges {
  words?: { text: string; start: Piece[]; merges: { left: Piece; right: Piece; joined: Piece; pieces: Piece[] }[] }[];
}

export interface PromptBar {
  element: HTMLElement;
  /** Shade the chips by shares, one a token, while something is pointed at; null takes the shades away. */
  shadeBy(shares: ArrayLike<number> | null, token?: number | null): void;
  onChip: (token: number | null, chosen: boolean) => void;
}

export function promptBar(page: Page, session: Session): PromptBar {
  const { model } = page.get();
  const input = h("textarea", { class: "sentence-box", rows: 1, spellcheck: "false", "aria-label": "The sentence that the model reads", maxlength: model.limits.prompt, placeholder: "Type a sentence …" });
  const chips = h("div", { class: "chips", role: "group", "aria-label": "Tokens" });
  const tip = h("div", { class: "tip", id: "token-tip", role: "tooltip" });
  tip.hidden = true;
  const takeTip = newest();
  const temperature = h("input", { type: "range", min: 0, max: 2, step: 0.1, value: 0, "aria-label": "Temperature: 0 always takes the likeliest token" });
  const degrees = h("output", { class: "number" }, "0.0");
  const write = h("button", { class: "primary", onclick: () => (page.get().writing ? session.stop() : writeOn()) }, "Write on");
  const ended = h("p", { class: "soft ended", role: "status" });
  const bar: PromptBar = { element: h("section", { class: "prompt", "aria-label": "Prompt" }), shadeBy, onChip: () => undefined };

  /** Whether something was typed that was not taken yet. */
  let typed = false;
  const settle = later(TYPING_PAUSE, () => typed && take());
  function take(): void {
    typed = false;
    if (!model.has_tokenizer) takeIds();
    else if (page.get().stale || input.value !== page.get().prompt) session.setPrompt(input.value);
  }
  function takeIds(): void {
    const found = readIds(input.value, model);
    if (typeof found === "string") session.refuse(found);
    else if (page.get().stale || String(found) !== String(page.get().ids)) session.setPrompt("", found);
  }
  function writeOn(): void {
    if (typed) take();
    session.write(Number(temperature.value), WRITTEN_ON);
  }
  input.addEventListener("input", () => {
    typed = true;
    void session.stop(); // else the next token would be written over what is typed
    fit();
    settle();
  });
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey) return;
    event.preventDefault();
    take();
  });
  input.addEventListener("change", () => typed && take());
  temperature.addEventListener("input", () => fill(degrees, Number(temperature.value).toFixed(1)));

  /** The box is as tall as what stands in it, up to four lines. */
  function fit(): void {
    input.style.height = "auto";
    input.style.height = `${input.scrollHeight + 2}px`;
  }

  function chip(token: Token, i: number): HTMLElement {
    const show = (event: Event): void => {
      explain(token, i, event.currentTarget as HTMLElement);
      bar.onChip(i, false);
    };
    const hide = (): void => {
      tip.hidden = true;
      bar.onChip(null, false);
    };
    return h(
      "button",
      { class: "chip", tabindex: i === page.get().token ? 0 : -1, "aria-describedby": "token-tip", onmouseenter: show, onfocus: show, onmouseleave: hide, onblur: hide, onclick: () => bar.onChip(i, true) },
      spelt(token.readable),
    );
  }

  /** A token's number and place, and how it was put together from letters. */
  function explain(token: Token, i: number, under: HTMLElement): void {
    const current = takeTip();
    fill(tip, h("p", {}, h("b", {}, token.readable), ` · token ${token.id} · position ${i}`));
    tip.hidden = false;
    const [box, frame] = [under.getBoundingClientRect(), bar.element.getBoundingClientRect()];
    tip.style.left = `${Math.min(box.left - frame.left, frame.width - 330)}px`;
    tip.style.top = `${box.bottom - frame.top + 6}px`;
    if (!model.has_tokenizer) return;
    merges(token.text).then(
      (told) => {
        if (tip.hidden || !current()) return;
        const word = told.words?.[0];
        if (!word || word.merges.length === 0) return;
        const steps = [word.start, ...word.merges.map((merge) => merge.pieces)];
        tip.append(
          h("p", { class: "soft" }, `Put together from letters in ${word.merges.length} ${word.merges.length === 1 ? "step" : "steps"}:`),
          h("ol", { class: "merges mono" }, ...steps.map((pieces) => h("li", {}, ...pieces.map((piece) => h("span", {}, piece.text.replace(/ /g, "␣")))))),
        );
      },
      () => undefined,
    );
  }

  const known = new Map<string, Promise<Merges>>();
  function merges(text: string): Promise<Merges> {
    const told = known.get(text) ?? (api.merges(text) as Promise<Merges>);
    known.set(text, told);
    told.catch(() => known.delete(text));
    return told;
  }

  function shadeBy(shares: ArrayLike<number> | null, token: number | null = null): void {
    [...chips.children].forEach((element, i) => {
      if (!(element instanceof HTMLElement)) return;
      element.style.backgroundColor = shares ? shade(shares[i] ?? 0, 0.6) : "";
      element.classList.toggle("asking", i === token);
    });
  }

  /** One stop for the Tab key; arrows go from chip to chip. */
  function oneStop(): void {
    const all = [...chips.querySelectorAll<HTMLElement>("button")];
    if (all.length > 0 && !all.some((one) => one.tabIndex === 0)) all.at(-1)!.tabIndex = 0;
  }
  chips.addEventListener("keydown", (event) => {
    const all = [...chips.querySelectorAll<HTMLElement>("button")];
    const by = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    const next = all[all.indexOf(document.activeElement as HTMLElement) + by];
    if (!by || !next) return;
    for (const one of all) one.tabIndex = one === next ? 0 : -1;
    next.focus();
    event.preventDefault();
  });

  page.on(["opened", "writing"], ({ opened, writing }) => {
    fill(write, writing ? "Stop" : "Write on");
    write.classList.toggle("stop", writing);
    const focused = [...chips.children].indexOf(document.activeElement as HTMLElement);
    tip.hidden = true; // its chip is gone
    fill(chips, ...(opened?.tokens ?? []).map(chip), writing ? h("span", { class: "caret", "aria-hidden": "true" }) : null);
    oneStop();
    if (focused >= 0) (chips.children[focused] as HTMLElement | undefined)?.focus();
  });
  function showAsked(): void {
    const { prompt, ids } = page.get();
    const same = model.has_tokenizer ? input.value === prompt : String(readIds(input.value, model)) === String(ids);
    if (!same) input.value = model.has_tokenizer ? prompt : (ids?.join(" ") ?? "");
    fit();
  }
  page.on(["prompt", "ids"], showAsked);
  page.on(["ended"], (state) => fill(ended, state.ended && `${capital(state.ended)}.`));
  page.on(["busy"], ({ busy }) => bar.element.classList.toggle("busy", busy));
  if (!model.has_tokenizer) {
    input.placeholder = "This model has no tokenizer: type token ids, such as 5 6 8";
    input.setAttribute("aria-label", "The token ids that the model reads");
  }
  showAsked();
  requestAnimationFrame(fit);
  bar.element.append(
    h("div", { class: "sentence-line" }, input, h("label", { class: "temperature", title: "0 always takes the likeliest token; more is more adventurous" }, h("span", {}, "Temperature"), temperature, degrees), h("div", { class: "write-on" }, write, ended)),
    chips,
    tip,
    h("p", { class: "visually-hidden" }, "Tokens are the pieces that the model reads."),
  );
  return bar;
}


// What a sweep of patches is asked: the second sentence, from which into which, what is taken over, and the words it goes by.
import { fill, h, later } from "./dom";
import { ask, NO_QUESTION, otherSentence, wordField, type Direction } from "./question";
import { receiverField } from "./receiver";
import type { Page } from "./state";
import type { Asked } from "./types";

const TYPING_PAUSE = 350;
const PATHS = "paths"; // beside what can be patched as a whole
const DIRECTIONS: Record<Direction, string> = {
  denoising: "Put yours into the second (what is enough)",
  noising: "Put the second’s into yours (what is needed)",
};

export class PatchQuestion {
  /** The fields, line by line. */
  readonly lines: HTMLElement[];
  readonly answer: ReturnType<typeof wordField>;
  readonly against: ReturnType<typeof wordField>;
  private readonly input = h("input", { class: "second-box", spellcheck: "false", autocomplete: "off", "aria-label": "The second sentence" });
  private readonly over: HTMLSelectElement;
  private readonly receiver: ReturnType<typeof receiverField>;
  private readonly direction = h("select", { "aria-label": "From which sentence into which", title: "Denoising and noising, as papers call them" }, ...Object.entries(DIRECTIONS).map(([value, said]) => h("option", { value }, said)));
  private readonly goal = { to: h("span"), from: h("span") };
  private readonly withEdits = h("input", { type: "checkbox", role: "switch" });
  private readonly editsSwitch = h("label", { class: "quick", title: "Off: both sentences are read as the model is by itself" }, this.withEdits, "with your edits, in both sentences");
  private readonly mlps = h("input", { type: "checkbox" });
  private readonly mlpsSwitch = h("label", { class: "quick", title: "Off: nothing but the residual stream carries the message. On: as Wang et al. do, only attention in between is kept as it is" }, this.mlps, "MLPs on the way may answer");
  private readonly quick = h("input", { type: "checkbox" });
  private readonly quickSwitch = h("label", { class: "quick", title: "Attribution patching: every patch by its slope, from one gradient; often wrong for the stream" }, this.quick, "estimate only (quick)");

  /** `start` is what begins the sweep, `bar` how far it is. */
  constructor(
    private readonly page: Page,
    private readonly start: HTMLButtonElement,
    bar: HTMLElement,
  ) {
    this.answer = wordField(page, "answer", "The answer: the word that your sentence makes likely", "patching-answers");
    this.against = wordField(page, "against", "The word that the second sentence makes likely", "patching-others");
    this.over = h("select", { "aria-label": "What is taken over" }, ...Object.entries({ ...page.get().model.over, [PATHS]: "what each head tells one reader, by head" }).map(([value, said]) => h("option", { value }, said)));
    this.receiver = receiverField(page.get().model, (into) => ask(page, { into }));
    this.lines = [
      h("label", { class: "second" }, h("span", {}, "Second sentence"), this.input),
      h("div", { class: "ask-line" }, this.direction, this.goal.to, this.answer.element, this.goal.from, this.against.element),
      h("div", { class: "ask-line" }, h("label", { class: "second" }, "by taking over", this.over), this.receiver.element, start, this.quickSwitch, this.mlpsSwitch, this.editsSwitch, bar),
    ];
    this.listen();
  }

  private listen(): void {
    let typed = false;
    const take = (): void => {
      if (typed) ask(this.page, { other: this.input.value });
      typed = false;
    };
    const settle = later(TYPING_PAUSE, take);
    this.input.addEventListener("input", () => {
      typed = true;
      settle();
    });
    this.input.addEventListener("change", take);
    this.over.addEventListener("change", () => ask(this.page, this.over.value === PATHS ? { over: NO_QUESTION.over, into: "logits" } : { over: this.over.value, into: "" }));
    this.direction.addEventListener("change", () => ask(this.page, { direction: this.direction.value as Direction }));
    this.withEdits.addEventListener("change", () => ask(this.page, { plain: !this.withEdits.checked }));
    this.mlps.addEventListener("change", () => ask(this.page, { mlps: this.mlps.checked }));
    this.quick.addEventListener("change", () => ask(this.page, { quick: this.quick.checked }));
  }

  get other(): string {
    return otherSentence(this.page);
  }

  /** The question as the server takes it. */
  get query(): Record<string, string | number> {
    const { opened, question } = this.page.get();
    const { answer, against, over, into, mlps, direction, plain, quick } = question;
    const what: Record<string, string> = into ? { into, through_mlps: mlps ? "yes" : "no" } : { over, method: quick ? "attribution" : "patching" };
    return { view: opened!.id, other: this.other, answer, against, ...what, direction, edits: plain ? "no" : "yes" };
  }

  /** The second sentence as a view. */
  get second(): Asked {
    const { model, question } = this.page.get();
    const edits = question.plain ? [] : this.page.get().edits;
    if (model.has_tokenizer) return { prompt: this.other, ids: null, edits };
    return { prompt: "", ids: this.other.split(/[\s,]+/).filter(Boolean).map(Number), edits };
  }

  /** The sentence into which numbers are put. */
  get patchedName(): string {
    return this.page.get().question.direction === "noising" ? "Your sentence" : "The second sentence";
  }

  show(): void {
    const { question, edits } = this.page.get();
    const { into, over, mlps, direction, plain, quick } = question;
    if (document.activeElement !== this.input) this.input.value = this.other;
    this.over.value = into ? PATHS : over;
    this.receiver.element.hidden = !into;
    if (into) this.receiver.show(into);
    this.direction.value = direction;
    fill(this.goal.to, direction === "noising" ? "to take from" : "to bring back");
    fill(this.goal.from, direction === "noising" ? "its lead over" : "instead of");
    this.quick.checked = quick;
    this.quickSwitch.hidden = into !== "";
    this.mlps.checked = mlps;
    this.mlpsSwitch.hidden = into === "";
    this.withEdits.checked = !plain;
    this.editsSwitch.hidden = !edits.some((edit) => edit.on);
  }

  allow(asking: boolean): void {
    for (const control of [this.input, this.over, this.direction, ...this.receiver.controls, this.quick, this.mlps, this.withEdits, this.start]) control.disabled = !asking;
  }
}

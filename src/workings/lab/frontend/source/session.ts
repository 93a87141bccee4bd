// What is being looked at: opening a sentence with its edits, undo and redo, writing on, and a lost connection.
import { api, LabError, url, whenTroubled } from "./api";
import { newest } from "./dom";
import type { Page } from "./state";
import { edits as readEdits } from "./state";
import type { Asked, Edit, Written } from "./types";

const RETRY_EVERY = 1500;

export class Session {
  private undone: Edit[][] = [];
  private done: Edit[][] = [];
  private stream: EventSource | null = null;
  private readonly take = newest();
  private retry = 0;

  constructor(private readonly page: Page) {
    whenTroubled({ reopen: () => api.open(this.asked()), lost: () => this.lose() });
  }

  private asked(): Asked {
    const { prompt, ids, edits } = this.page.get();
    return { prompt, ids, edits };
  }

  /** Open what the state now asks for; the newest of overlapping calls wins. */
  async open(): Promise<void> {
    const current = this.take();
    this.page.set({ busy: true });
    try {
      const opened = await api.open(this.asked());
      if (current()) this.page.set({ opened, busy: false, trouble: null });
    } catch (error) {
      if (current()) this.page.set({ busy: false, trouble: sentence(error) });
    }
  }

  setPrompt(prompt: string, ids: number[] | null = null): void {
    this.stop();
    this.page.set({ prompt, ids });
    void this.open();
  }

  setEdits(edits: Edit[]): void {
    this.done.push(this.page.get().edits);
    this.undone = [];
    this.show(edits);
  }

  addEdit(edit: Edit): void {
    const { edits, model } = this.page.get();
    const same = (other: Edit): boolean => other.table === edit.table && String(other.index) === String(edit.index);
    const others = "value" in edit ? edits.filter((other) => !("value" in other && same(other))) : edits;
    if (others.length >= model.limits.edits) {
      this.page.set({ trouble: `There can be ${model.limits.edits} edits at once. Take one out first.` });
      return;
    }
    this.setEdits([...others, edit]);
  }

  undo(): void {
    const before = this.done.pop();
    if (!before) return;
    this.undone.push(this.page.get().edits);
    this.show(before);
  }

  redo(): void {
    const after = this.undone.pop();
    if (!after) return;
    this.done.push(this.page.get().edits);
    this.show(after);
  }

  get canUndo(): boolean {
    return this.done.length > 0;
  }

  get canRedo(): boolean {
    return this.undone.length > 0;
  }

  private show(edits: Edit[]): void {
    this.stop();
    this.page.set({ edits });
    void this.open();
  }

  /** Take up a file of edits: a whole view, or a list of edits alone. */
  async load(file: File): Promise<void> {
    try {
      const told = JSON.parse(await file.text()) as { prompt?: unknown; ids?: unknown; edits?: unknown };
      const list = readEdits(JSON.stringify(Array.isArray(told) ? told : told.edits));
      if (list.length === 0 && typeof told.prompt !== "string") throw new LabError("input", `${file.name} holds no edits.`);
      if (typeof told.prompt === "string")
        this.page.set({ prompt: told.prompt, ids: Array.isArray(told.ids) ? (told.ids as number[]) : null });
      this.setEdits(list);
    } catch (error) {
      this.page.set({ trouble: error instanceof SyntaxError ? `${file.name} is not a file of edits.` : sentence(error) });
    }
  }

  /** Let the model write on, token by token, until it has written `most` or is stopped. */
  write(temperature: number, most: number): void {
    const { opened } = this.page.get();
    if (!opened) return;
    this.stop();
    const seed = Math.floor(Math.random() * 2 ** 31);
    const stream = new EventSource(url("write", { view: opened.id, temperature, seed, most }));
    this.stream = stream;
    this.page.set({ writing: true, trouble: null });
    stream.onmessage = (event: MessageEvent<string>) => {
      const written = JSON.parse(event.data) as Written;
      const state = this.page.get();
      const token = { id: written.id, text: written.text, readable: written.readable };
      this.page.set({
        prompt: state.prompt + written.text,
        ids: written.ids,
        opened: state.opened && { ...state.opened, tokens: [...state.opened.tokens, token] },
      });
    };
    stream.addEventListener("done", () => this.stop());
    stream.addEventListener("failed", (event) => {
      this.stop();
      this.page.set({ trouble: (JSON.parse((event as MessageEvent<string>).data) as { error: string }).error });
    });
    stream.onerror = () => {
      this.stop();
      void api.model().catch(() => undefined);
    };
  }

  /** Stop writing, if the model writes, and look at all that it wrote. */
  stop(): void {
    if (!this.stream) return;
    this.stream.close();
    this.stream = null;
    this.page.set({ writing: false });
    void this.open();
  }

  private lose(): void {
    if (this.retry) return;
    this.page.set({ lost: true });
    this.retry = window.setInterval(() => {
      void fetch("/api/model").then((answer) => {
        clearInterval(this.retry);
        this.retry = 0;
        this.page.set({ lost: false });
        if (answer.ok) void this.open().then(() => this.again());
        else this.page.set({ trouble: "The lab was started again. Open the address that it printed; this one is no longer good." });
      }, () => undefined);
    }, RETRY_EVERY);
  }

  /** Have everything drawn afresh, by handing out the same answer as a new one. */
  private again(): void {
    const { opened } = this.page.get();
    if (opened) this.page.set({ opened: { ...opened } });
  }
}

export function sentence(error: unknown): string {
  if (error instanceof LabError) return error.message;
  return `Something unforeseen happened on this page: ${String(error)}`;
}

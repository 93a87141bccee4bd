// What is being looked at: opening a sentence with its edits, undo and redo, writing on, and a lost connection.
import { api, LabError, whenTroubled } from "./api";
import { arrive } from "./arrival";
import { newest } from "./dom";
import { sameCells } from "./knocks";
import type { Page } from "./state";
import type { AskedOf, Edit, Opened, Written } from "./types";

const RETRY_EVERY = 1500;

/** What is changed, and undone, together: edits, and the sentence and the second one where those came with them. */
interface Step {
  edits: Edit[];
  prompt?: string;
  ids?: number[] | null;
  other?: string | null;
}

export class Session {
  private undone: Step[] = [];
  private done: Step[] = [];
  private stream: AbortController | null = null;
  private readonly take = newest();
  private retry = 0;
  /** The model that a file of edits names. */
  private madeIn: string | null = null;
  private opening = Promise.resolve();

  constructor(private readonly page: Page) {
    whenTroubled({ reopen: () => api.open(this.page.get().shown ?? this.asked()), lost: () => this.lose() });
  }

  private asked(): AskedOf {
    const { prompt, ids, edits } = this.page.get();
    return { prompt, ids, edits, model: this.madeIn };
  }

  /** Open what the state now asks for; the newest of overlapping calls wins. */
  open(): Promise<void> {
    this.opening = this.read();
    return this.opening;
  }

  /** Open what the state now asks for, whatever was being written. */
  restart(): void {
    void this.stop();
    void this.open();
  }

  private async read(): Promise<void> {
    const current = this.take();
    const { trouble } = this.page.get();
    this.page.set({ busy: true, ended: null });
    try {
      const opened = await this.opened(current.signal);
      const arrived = await arrive(this.page.get(), opened);
      if (!current()) return;
      this.madeIn = null; // said once, when a file is loaded
      this.page.set({ opened, shown: this.asked(), busy: false, stale: false, trouble: opened.doubt ?? this.since(trouble), ...arrived });
      this.spell(opened);
    } catch (error) {
      if (current()) this.page.set({ busy: false, stale: true, trouble: sentence(error) });
    }
  }

  /** What went wrong since `before` was the trouble: it stays when what was asked for then is there. */
  private since(before: string | null): string | null {
    const { trouble } = this.page.get();
    return trouble === before ? null : trouble;
  }

  /** What the state asks for; edits that came with tables in another spelling are taken up with the tables' names here. */
  private async opened(signal: AbortSignal): Promise<Opened> {
    const asked = this.asked();
    const opened = await api.open(asked, signal).catch((error: unknown) => this.plain(error, signal));
    const edits = asked.edits.map((edit, i) => ({ ...edit, table: opened.edits[i]?.table ?? edit.table }));
    if (signal.aborted || edits.every(({ table }, i) => table === asked.edits[i]!.table)) return opened;
    this.page.set({ edits });
    return api.open(this.asked(), signal);
  }

  /** Where edits of an address cannot be understood, it is opened without them, and they are told. */
  private plain(error: unknown, signal: AbortSignal): Promise<Opened> {
    const { fresh } = this.page.get();
    const wrong = error instanceof LabError && /^edit \d+: /.test(error.message);
    if (signal.aborted || !fresh || !wrong) throw error;
    this.page.set({ edits: [], fresh: [...fresh, `edits (${error.message})`] });
    return api.open(this.asked(), signal);
  }

  setPrompt(prompt: string, ids: number[] | null = null): void {
    void this.stop();
    this.page.set({ prompt: this.page.get().model.has_tokenizer ? prompt : "", ids, misread: null, fresh: null });
    void this.open();
  }

  /** What was typed cannot be read, for a reason: what is shown is of the sentence before. */
  refuse(trouble: string): void {
    void this.stop();
    this.take();
    this.page.set({ busy: false, stale: true, trouble });
  }

  /** Where ids came without their text, the sentence is what they spell. */
  private spell(opened: Opened): void {
    const { prompt, ids, model, shown } = this.page.get();
    if (!model.has_tokenizer || !ids || prompt) return;
    const spelt = opened.tokens.map((token) => token.text).join("");
    this.page.set({ prompt: spelt, shown: { ...shown!, prompt: spelt } });
  }

  /** Other edits; `joined` with the change before, they are undone together. */
  setEdits(edits: Edit[], joined = false): Promise<void> {
    return this.change({ edits }, joined);
  }

  /** Other edits with all that comes with them, in one step. */
  change(to: Step, joined = false): Promise<void> {
    if (!joined) this.done.push(this.before(to));
    this.undone = [];
    return this.show(to);
  }

  addEdit(edit: Edit): void {
    const { edits, model } = this.page.get();
    const others = "value" in edit ? edits.filter((other) => !(("value" in other || other.scale === 0) && sameCells(this.page, edit, other))) : edits;
    if (others.length >= model.limits.edits) {
      this.page.set({ trouble: `There can be ${model.limits.edits} edits at once. Take one out first.` });
      return;
    }
    void this.setEdits([...others, edit]);
  }

  undo(): void {
    this.retrace(this.done, this.undone);
  }

  redo(): void {
    this.retrace(this.undone, this.done);
  }

  private retrace(from: Step[], onto: Step[]): void {
    const step = from.pop();
    if (!step) return;
    onto.push(this.before(step));
    void this.show(step);
  }

  get canUndo(): boolean {
    return this.done.length > 0;
  }

  get canRedo(): boolean {
    return this.undone.length > 0;
  }

  /** The step that takes one back from where `to` leads. */
  private before(to: Step): Step {
    const { edits, prompt, ids, question } = this.page.get();
    return { edits, ...("prompt" in to && { prompt, ids }), ...("other" in to && { other: question.other }) };
  }

  private show({ other, ...asked }: Step): Promise<void> {
    void this.stop();
    this.page.set({ ...asked, ...(other !== undefined && { question: { ...this.page.get().question, other } }) });
    return this.open();
  }

  /** Take up a file of edits: a whole view, or a list of edits alone. What the lab does not understand all of is not taken up. */
  async load(file: File): Promise<void> {
    try {
      const held = JSON.parse(await file.text()) as Partial<AskedOf> | Edit[] | null;
      const told: Partial<AskedOf> = Array.isArray(held) ? { edits: held } : (held ?? {});
      if (!told.edits?.length && !told.prompt && !told.ids) throw new LabError("input", "it holds no edits.");
      const { prompt, ids } = this.page.get();
      const read = told.prompt || told.ids ? { prompt: told.prompt ?? "", ids: told.ids ?? null } : null;
      await api.open({ model: null, edits: [], ...(read ?? { prompt, ids }), ...told });
      this.madeIn = told.model ?? null;
      void this.change({ edits: (told.edits ?? []).map((edit) => ({ ...edit, on: edit.on ?? true })), ...read });
    } catch (error) {
      const why = error instanceof SyntaxError ? " is not a file of edits." : `: ${sentence(error)}`;
      this.page.set({ trouble: file.name + why });
    }
  }

  /** Let the model write on, token by token, until it has written `most` or is stopped. */
  write(temperature: number, most: number): void {
    if (!this.page.get().opened) return;
    void this.stop();
    const stream = new AbortController();
    this.stream = stream;
    this.page.set({ writing: true, ended: null, trouble: null });
    void this.listen(stream, temperature, most);
  }

  private async listen(stream: AbortController, temperature: number, most: number): Promise<void> {
    while (this.page.get().busy) await this.opening; // it goes on from what was asked for last
    if (this.stream !== stream) return;
    const { opened, stale } = this.page.get();
    if (!opened || stale) return this.stop();
    const view = opened.id;
    let trouble: string | null = null;
    let ended: string | null = null;
    let written = 0;
    try {
      for await (const { kind, data } of api.write({ view, temperature, most }, stream.signal)) {
        if (this.stream !== stream) return; // what came with the last piece is not written over what is typed
        if (kind === "message") this.takeUp(data as Written), (written += 1);
        else if (kind === "failed") trouble = (data as { error: string }).error;
        else if (written < most) ended = (data as { stopped: string }).stopped;
      }
    } catch (error) {
      if (stream.signal.aborted) return;
      trouble = sentence(error);
    }
    if (this.stream !== stream) return;
    const last = this.stop();
    await last;
    if (trouble) this.page.set({ trouble });
    else if (last === this.opening) this.page.set({ ended });
  }

  /** One more token: shown at once, while the numbers behind it wait until the writing ends. */
  private takeUp(written: Written): void {
    const { prompt, opened, model } = this.page.get();
    const token = { id: written.id, text: written.text, readable: written.readable };
    this.page.set({
      prompt: model.has_tokenizer ? prompt + written.text : prompt,
      ids: [...written.ids],
      opened: opened && { ...opened, ids: [...written.ids], tokens: [...opened.tokens, token] },
    });
  }

  /** Stop writing, if the model writes, and look at all that it wrote. */
  stop(): Promise<void> {
    if (!this.stream) return Promise.resolve();
    this.stream.abort();
    this.stream = null;
    this.page.set({ writing: false });
    return this.open();
  }

  private lose(): void {
    if (this.retry) return;
    this.page.set({ lost: true });
    let asking = false; // an answer that takes long is waited for
    this.retry = window.setInterval(() => {
      if (asking) return;
      asking = true;
      void fetch("/api/model").then((answer) => {
        if (answer.status >= 500) return;
        clearInterval(this.retry);
        this.retry = 0;
        this.page.set({ lost: false });
        if (answer.ok) void this.open().then(() => this.again());
        else this.page.set({ trouble: "The lab was started again. Open the address that it printed; this one is no longer good." });
      }, () => undefined).finally(() => (asking = false));
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

// Going places: the address bar always carries the state, and Back and Forward retrace where one has been.
import { find, nearest } from "./address";
import { later } from "./dom";
import { fromHash } from "./hash";
import type { Page, State, Whereabouts } from "./state";
import { toHash } from "./state";

/** Browsers refuse more than about twenty changes of the address bar a second. */
const QUIET = 120;

interface Step {
  step: number;
}

export class Travel {
  private step = 0;
  private furthest = 0;
  private written = "";
  private readonly listeners: (() => void)[] = [];

  constructor(
    private readonly page: Page,
    private readonly restored: () => void,
  ) {
    const before = history.state as Step | null;
    this.step = this.furthest = before?.step ?? 0;
    history.replaceState({ step: this.step }, "", location.hash || null);
    window.addEventListener("popstate", (event) => this.moved(event.state as Step | null));
    const keys: (keyof State)[] = ["prompt", "ids", "edits", "screen", "place", "lens", "block", "kind", "head", "token", "feature", "question", "digits", "colours"];
    page.on(keys, later(QUIET, () => this.note()));
  }

  private note(): void {
    // An address that somebody typed meanwhile is not written over: the browser is about to tell of it.
    if (location.hash !== this.written && this.written) return;
    history.replaceState({ step: this.step }, "", toHash(this.page.get()));
    this.written = location.hash;
  }

  /** Go somewhere new: what Back returns from. */
  go(to: Partial<Whereabouts>): void {
    this.note();
    this.step += 1;
    this.furthest = this.step;
    history.pushState({ step: this.step }, "", toHash({ ...this.page.get(), ...to }));
    this.written = location.hash;
    this.page.set(to);
    this.tell();
  }

  get canGoBack(): boolean {
    return this.step > 0;
  }

  get canGoForward(): boolean {
    return this.step < this.furthest;
  }

  onMove(listener: () => void): void {
    this.listeners.push(listener);
  }

  private moved(to: Step | null): void {
    this.written = location.hash;
    const found = fromHash(location.hash, this.page.get().model);
    if (to === null) {
      // An address that was typed or pasted: all of it counts.
      this.step = this.furthest = 0;
      this.page.set(found);
      this.restored();
    } else {
      // One of our own steps: go back to the place, and keep the sentence and the edits.
      this.step = to.step;
      const { model, opened } = this.page.get();
      const table = find(model, found.place?.table ?? "");
      if (found.place && table && opened) found.place = nearest(table, found.place, opened.tokens.length);
      const { screen, place, block, kind, head, token, feature } = found;
      const back = { screen, place, block, kind, head, token, feature };
      this.page.set(Object.fromEntries(Object.entries(back).filter(([, value]) => value !== undefined)));
    }
    this.note();
    this.tell();
  }

  private tell(): void {
    for (const listener of this.listeners) listener();
  }
}

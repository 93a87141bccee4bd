// Making elements, and small things that every part of the page needs.

type Props = Record<string, string | number | boolean | null | undefined | ((event: never) => void)>;
type Child = Node | string | null | undefined | false;

/** An element with attributes, listeners (`onclick: ...`) and children; null and false are left out. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props: Props = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value as EventListener);
    else if (value !== null && value !== undefined && value !== false)
      element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.filter((child): child is Node | string => child !== null && child !== undefined && child !== false));
  return element;
}

/** Put new children in place of all old ones. */
export function fill(element: Element, ...children: Child[]): void {
  element.replaceChildren(...children.filter((child): child is Node | string => !!child));
}

let count = 0;

/** Count one more thing as under way, or one less; the page's `data-underway` says that what is shown is not the last word. */
export function underway(change: 1 | -1): void {
  count += change;
  document.documentElement.toggleAttribute("data-underway", count > 0);
}

/** Run once things have been quiet for a while. */
export function later<A extends unknown[]>(milliseconds: number, run: (...args: A) => void): (...args: A) => void {
  let timer = 0;
  return (...args) => {
    if (timer) clearTimeout(timer);
    else underway(1);
    timer = window.setTimeout(() => {
      timer = 0;
      underway(-1);
      run(...args);
    }, milliseconds);
  };
}

/** Whether a question still is the newest of its kind; its signal stops it once it is not. */
export interface Newest {
  (): boolean;
  signal: AbortSignal;
}

/** Only the newest of overlapping questions counts: `take()` makes this one the newest, and the one before is given up. */
export function newest(): () => Newest {
  let asked = new AbortController();
  return () => {
    asked.abort();
    asked = new AbortController();
    const { signal } = asked;
    return Object.assign(() => !signal.aborted, { signal });
  };
}

const ARROWS: Record<string, [number, number]> = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

/** How many rows and columns an arrow key goes; undefined for any other key. */
export const arrow = (event: KeyboardEvent): [number, number] | undefined => ARROWS[event.key];

export function clamp(value: number, least: number, most: number): number {
  return Math.max(least, Math.min(most, value));
}

/** Give a file to the person, from a link that is followed at once. */
export function download(href: string, name: string): void {
  const link = h("a", { href, download: name });
  document.body.append(link);
  link.click();
  link.remove();
}

export const icon = (symbol: string): HTMLElement => h("span", { class: "icon", "aria-hidden": "true" }, symbol);

/** A token as a word: without the sign for the blank before it. */
export const word = (readable: string): string => readable.replace(/^␣(?=.)/, "");

/** A token exactly, the sign for the blank before it faint. */
export function spelt(readable: string): HTMLElement {
  const plain = word(readable);
  return h("span", { class: "word", title: readable }, plain === readable ? null : h("span", { class: "blank" }, "␣"), plain);
}

/** Redraw a list of tabs without losing the keyboard's place in it. */
export function keepFocus(list: HTMLElement, redraw: () => void): void {
  const focused = list.contains(document.activeElement);
  redraw();
  if (focused) list.querySelector<HTMLElement>("[aria-selected=true]")?.focus();
}

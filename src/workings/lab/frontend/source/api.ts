// Asking the server. Every number on the page comes through here.
import { underway } from "./dom";
import type { Card, Firing, Found, Smallest } from "./featuretypes";
import type { Address, Asked, Attribution, Edit, Explanation, Habits, Lens, LensAsked, LensCell, Look, Model, Opened, Part, PatchedCell, Range } from "./types";

export type Kind = "lost" | "unknown view" | "input" | "limit" | "forbidden" | "other";

/** Something that could not be done, in a sentence that can be shown. */
export class LabError extends Error {
  constructor(
    readonly kind: Kind,
    message: string,
  ) {
    super(message);
  }
}

let reopen: () => Promise<unknown> = () => Promise.resolve();
let lost: () => void = () => undefined;

/** What to do when the server has forgotten a view, and when it does not answer. */
export function whenTroubled(handlers: { reopen: () => Promise<unknown>; lost: () => void }): void {
  ({ reopen, lost } = handlers);
}

/** The connection is gone: the page is told, and whoever asked. */
function noAnswer(): LabError {
  lost();
  return new LabError("lost", "The lab does not answer.");
}

async function ask(path: string, init?: RequestInit, again = true): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(path, { credentials: "same-origin", ...init });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw noAnswer();
  }
  if (answer.ok) return answer;
  const told = (await answer.json().catch(() => ({}))) as { error?: string; kind?: Kind };
  if (answer.status === 410 && again) {
    await reopen();
    return ask(path, init, false);
  }
  throw new LabError(told.kind ?? "other", told.error ?? `The lab could not answer (status ${answer.status}).`);
}

export type Query = Record<string, string | number>;

function url(path: string, query: Query): string {
  const words = Object.entries(query).map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
  return `/api/${path}${words.length ? "?" : ""}${words.join("&")}`;
}

/** An answer, read to its end by `read`. */
async function whole<T>(path: string, init: RequestInit, read: (answer: Response) => Promise<T>): Promise<T> {
  underway(1);
  try {
    return await read(await ask(path, init));
  } finally {
    underway(-1);
  }
}

const json = <T>(path: string, query: Query = {}, signal?: AbortSignal): Promise<T> =>
  whole(url(path, query), { signal: signal ?? null }, (answer) => answer.json() as Promise<T>);

const floats = (path: string, query: Query, signal?: AbortSignal): Promise<Float32Array> =>
  whole(url(path, query), { signal: signal ?? null }, async (answer) => new Float32Array(await answer.arrayBuffer()));

export interface Told {
  kind: string;
  data: unknown;
}

/** What the server tells bit by bit, until it ends or `signal` stops it; one that breaks off is a lost connection. */
async function* listen(path: string, query: Query, signal: AbortSignal): AsyncGenerator<Told> {
  underway(1);
  try {
    yield* events(path, query, signal);
  } finally {
    underway(-1);
  }
}

async function* events(path: string, query: Query, signal: AbortSignal): AsyncGenerator<Told> {
  const answer = await ask(url(path, query), { signal });
  const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
  const read = (): ReturnType<typeof reader.read> =>
    reader.read().catch((error: unknown) => {
      throw signal.aborted ? error : noAnswer();
    });
  let waiting = "";
  let kind = "message"; // the last event has another name
  for (;;) {
    const { done, value } = await read();
    if (done && kind === "message" && !signal.aborted) throw noAnswer();
    if (done) return;
    const told = (waiting + value).split("\n\n");
    waiting = told.pop() ?? "";
    for (const event of told) {
      const lines = event.split("\n").map((line) => [line.slice(0, line.indexOf(": ")), line.slice(line.indexOf(": ") + 2)]);
      const of = (name: string): string | undefined => lines.find(([key]) => key === name)?.[1];
      kind = of("event") ?? "message";
      yield { kind, data: JSON.parse(of("data") ?? "null") as unknown };
    }
  }
}

export interface Rectangle {
  view: string;
  table: string;
  sheet: number;
  rows: string;
  columns: string;
}

export const api = {
  model: () => json<Model>("model"),
  open: (asked: Asked, signal?: AbortSignal): Promise<Opened> => {
    const init = { method: "POST", signal: signal ?? null, headers: { "content-type": "application/json" }, body: JSON.stringify(asked) };
    return whole("/api/view", init, (answer) => answer.json() as Promise<Opened>);
  },
  tile: (kind: "tile" | "changed", rectangle: Rectangle, score: Query) => floats(kind, { ...rectangle, ...score }),
  range: (view: string, table: string, sheet: number, score: Query) => json<Range>("range", { view, table, sheet, ...score }),
  explain: (view: string, table: string, index: number[], score: Query) => json<Explanation>("explain", { view, table, index: index.join(","), ...score }),
  formula: (view: string, table: string, index: number[], score: Query, signal?: AbortSignal) =>
    json<{ formula: string }>("formula", { view, table, index: index.join(","), ...score }, signal),
  labels: (axis: string, from: number, to: number) => json<{ labels: string[] }>("labels", { axis, from, to }),
  attention: (view: string, block: string, signal?: AbortSignal) => floats("attention", { view, block }, signal),
  lens: (view: string, from: number, to: number, asked: LensAsked, signal?: AbortSignal) => json<Lens>("lens", { view, positions: `${from}:${to}`, ...asked }, signal),
  lensCell: (view: string, block: string, position: number, asked: LensAsked, signal?: AbortSignal) =>
    json<LensCell>("lens/cell", { view, block, position, ...asked }, signal),
  heads: () => json<Habits>("heads"),
  looks: (view: string, signal?: AbortSignal) => json<{ looks: Look[] }>("looks", { view }, signal),
  knockout: (query: Query) => json<{ edit: Edit }>("knockout", query),
  attribution: (query: Query, signal?: AbortSignal) => json<Attribution>("attribution", query, signal),
  patching: (query: Query, signal: AbortSignal) => listen("patching", query, signal),
  patchedCell: (query: Query, signal?: AbortSignal) => json<PatchedCell>("patching/cell", query, signal),
  merges: (text: string) => json<unknown>("merges", { text }),
  write: (query: { view: string; temperature: number; most: number }, signal: AbortSignal) => listen("write", query, signal),
  /** A file to be kept, and what the server calls it. */
  file: (path: string, view: string, asked: Query = {}): Promise<{ made: Blob; name: string }> =>
    whole(url(path, { view, ...asked }), {}, async (answer) => {
      const name = /filename="([^"]+)"/.exec(answer.headers.get("content-disposition") ?? "")?.[1];
      return { made: await answer.blob(), name: name ?? path };
    }),
  features: (text: string, from: number, most: number, signal?: AbortSignal) => json<Found>("features", { text, from, most }, signal),
  card: (view: string, feature: number, signal?: AbortSignal) => json<Card>("features/card", { view, feature }, signal),
  firing: (view: string, position: number, most: number, signal?: AbortSignal) =>
    json<Firing>("features/firing", { view, positions: `${position}:${position + 1}`, most }, signal),
  strengths: (view: string, feature: number, signal?: AbortSignal) =>
    json<{ strengths: (number | null)[]; shares: (number | null)[] }>("features/strengths", { view, feature }, signal),
  steer: (view: string, feature: number, strength: number, positions: Part) => json<{ edit: Edit | null }>("steer", { view, feature, strength, positions }),
  smallest: (view: string, feature: number, positions: Part, signal?: AbortSignal) => json<Smallest>("steer/smallest", { view, feature, positions }, signal),
  continuations: (view: string, signal?: AbortSignal) => json<{ before: string | null; after: string | null }>("continuations", { view }, signal),
  /** The number that a typed address means; `here` is the table that one is in. */
  place: (view: string, text: string, here: string, signal?: AbortSignal) => json<Address>("place", { view, text, here }, signal),
  find: (text: string, signal?: AbortSignal) => json<{ found: { name: string; sentence: string }[] }>("find", { text }, signal),
};

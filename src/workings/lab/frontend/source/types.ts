// What travels between the page and the server, as the lab's README lays it down.

/** A part of an edit's index: one place, or a stretch such as "2:5" or ":". */
export type Part = number | string;

/** Numbers side by side; each may be a row in turn. */
export type Numbers = number | Numbers[];

export interface Edit {
  table: string;
  index: Part[];
  value?: number | Numbers[];
  add?: number | number[];
  scale?: number | number[];
  on: boolean;
}

export interface Asked {
  prompt: string;
  ids: number[] | null;
  edits: Edit[];
}

/** With the model that a file of edits names. */
export interface AskedOf extends Asked {
  model: string | null;
}

export interface Token {
  id: number;
  text: string;
  readable: string;
}

export interface Guess {
  id: number;
  readable: string;
  share: number;
  /** Of a next token: what it adds to the sentence, empty within a character. */
  text?: string;
}

/** With its share without the edits; null where no edit is in force, and where there were no numbers. */
export interface Next extends Guess {
  before: number | null;
}

export interface Opened {
  id: string;
  /** What to know where the edits were made in a model of another name. */
  doubt: string | null;
  tokens: Token[];
  /** The sentence's, where an edit sets others, which `tokens` are. */
  ids: number[];
  n_pos: number;
  next: Next[];
  before: Guess[] | null;
  /** The likeliest tokens of before and after; null where no edit is in force. */
  compared: Compared[] | null;
  edits: (({ ok: true } | { ok: false; error: string }) & { table: string; steers: Steers | null; knocks: Knocks | null })[];
}

export interface Compared {
  id: number;
  readable: string;
  /** Null where an edit left no numbers. */
  before: number | null;
  after: number | null;
}

/** By what an edit knocks out whole rows; "other" is one row for all positions that is not the mean of this very sentence. */
export interface Knocks {
  by: "zero" | "mean" | "other";
}

/** What an edit steers along: a feature, how hard, and where. */
export interface Steers {
  feature: number;
  label: string | null;
  strength: number;
  positions: Part;
}

export interface Table {
  name: string;
  sentence: string;
  axes: string[];
  /** One size an axis; null where the prompt decides. */
  shape: (number | null)[];
  group: string;
}

export interface Model {
  name: string;
  n_parameters: number;
  config: Record<string, unknown>;
  has_tokenizer: boolean;
  /** The sentence to begin with. */
  prompt: string;
  diagram: string;
  tables: Table[];
  weights: Table[];
  /** Null where the lab has no sparse autoencoder. */
  features: { table: string; acts: string; count: number; labelled: number } | null;
  /** Which tables have slopes, the tables that say what was asked about, and what a slope means. */
  slopes: { of: string[]; choices: Table[]; meaning: string };
  /** What can be patched, in words, by the name that a sweep is asked for with. */
  over: Record<string, string>;
  lenses: LensKind[];
  limits: { tile: number; prompt: number; edits: number };
}

export interface Address {
  table: string;
  index: number[];
}

export interface Term {
  text: string;
  value: number;
  addresses: Address[];
}

export interface Breakdown {
  title: string;
  value: number;
  terms: Term[];
  rest: Rest | null;
}

/** What the smaller terms come to together. */
export interface Rest {
  count: number;
  value: number;
}

export interface Explanation {
  address: Address;
  value: number;
  sentence: string;
  /** What is done, as a sentence. */
  operation: string;
  formula: string;
  formula_with_numbers: string;
  terms: Term[];
  rest: Rest | null;
  breakdowns: Breakdown[];
  sources: Address[];
  feeds: string[];
  /** Tables that read it beside the model: of a lens, of a sparse autoencoder. */
  readings: string[];
  /** Which score it is the slope of, in words; null for a number that is none. */
  slope_of: string | null;
  /** What was done to it by hand, as sentences. */
  edits: string[];
}

export interface Range {
  min: number;
  max: number;
  largest: number;
  slope_of: string | null;
}

/** A lens of the lab: what it means, and whether it reads between attention and MLP, too. */
export interface LensKind {
  kind: "logit" | "tuned";
  meaning: string;
  after_attention: boolean;
}

/** What is to be read with a lens: a word as typed, or a token's number; empty for the likeliest. */
export interface LensAsked {
  kind: LensKind["kind"];
  after_attention: "yes" | "no";
  token: string;
}

/** How a token stands: nulls where an edit left no numbers. */
export interface Standing {
  share: number | null;
  rank: number | null;
}

/** What a lens reads after every block, at the positions from the first on: the likeliest tokens, or how the chosen one stands. */
export interface Lens {
  blocks: string[];
  first: number;
  token: Token | null;
  cells: (Guess | Standing)[][];
}

export interface LensCell {
  next: Guess[];
  token: (Token & Standing) | null;
  /** The table of the scores. */
  scores: string;
}

/** One bar of a sum: where it begins and ends. */
export interface Bar {
  name: string;
  said: string;
  value: number;
  from: number;
  to: number;
  address: Address | null;
  /** How many parts it is made of in turn. */
  opens: number;
}

/** Where a score comes from. */
export interface Attribution {
  position: number;
  token: Token;
  against: Token | null;
  asked: string;
  meaning: string;
  label: string;
  total: number;
  low: number;
  high: number;
  parts: Bar[];
  rest: (Rest & { from: number; to: number }) | null;
}

interface Side {
  tokens: Token[];
  difference: number;
  says: Guess;
}

/** What each patch of a sweep restores: a row a block, a column a position or a head. */
export interface Sweep {
  over: string;
  /** Who is told, in words, where paths are patched. */
  into: string | null;
  through_mlps: boolean;
  method: string;
  direction: "denoising" | "noising";
  by_head: boolean;
  answer: Token;
  against: Token;
  clean: Side;
  corrupted: Side;
  tables: string[];
  columns: string[];
  /** What each brings back, or in noising takes away; 1 is all of it, null where a patch left no number. */
  effects: (number | null)[][];
  largest: number;
  /** The strongest; null where no patch has a number. */
  best: { block: number; column: number } | null;
  edits_in_force: number;
  edits_left_out: number;
  /** Why edits could not be made, one sentence each. */
  edits_refused: string[];
}

/** One patch, tried. */
export interface PatchedCell {
  said: string;
  value: number | null;
  table: string;
  index: number[];
  next: Guess[];
  before: Guess[];
  patched: Asked | null;
  /** The first number that the patch changes; null where it is no edit. */
  lands: number[] | null;
  why_not: string | null;
}

/** What every head is in the habit of doing: scores are shares of attention, a row a block, a column a head. */
export interface Habits {
  measured: string;
  kinds: { name: string; looks: string; meaning: string; scores: number[][] }[];
  heads: { kind: string | null; said: string }[][];
}

/** One strong look of a head at a token. */
export interface Look {
  block: number;
  head: number;
  position: number;
  readable: string;
  looks_at: { position: number; readable: string; share: number }[];
}

export interface Written {
  id: number;
  /** What the token adds to the text: empty where it ends within a character. */
  text: string;
  readable: string;
  ids: number[];
}

// What travels between the page and the server, as the lab's README lays it down.

/** A part of an edit's index: one place, or a stretch such as "2:5" or ":". */
export type Part = number | string;

export interface Edit {
  table: string;
  index: Part[];
  value?: number | number[];
  add?: number | number[];
  scale?: number | number[];
  on: boolean;
}

export interface Asked {
  prompt: string;
  ids: number[] | null;
  edits: Edit[];
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
}

export interface Opened {
  id: string;
  tokens: Token[];
  n_pos: number;
  next: Guess[];
  before: Guess[] | null;
  edits: ({ ok: true } | { ok: false; error: string })[];
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
  /** What was done to it by hand, as sentences. */
  edits: string[];
}

export interface Range {
  min: number;
  max: number;
  largest: number;
}

/** The likeliest token after every block, at the positions from the first on. */
export interface Lens {
  blocks: string[];
  first: number;
  cells: Guess[][];
}

export interface Written {
  id: number;
  /** What the token adds to the text: empty where it ends within a character. */
  text: string;
  readable: string;
  ids: number[];
}

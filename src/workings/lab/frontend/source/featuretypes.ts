// What the server tells of features, as the lab's README lays it down.

export interface Feature {
  feature: number;
  label: string | null;
}

/** How far a slider goes to both sides, and its steps. */
export interface Reach {
  most: number;
  step: number;
}

export interface Weighed {
  readable: string;
  weight: number;
  share: number;
}

export interface Card {
  number: number;
  label: string | null;
  density: number | null;
  largest: number | null;
  examples: { tokens: string[]; shares: number[]; strongest: number; peak: number }[];
  promotes: Weighed[];
  suppresses: Weighed[];
  reach: Reach;
}

export interface Firing {
  first: number;
  positions: (Feature & { strength: number })[][];
  /** Null where an edit left no numbers. */
  fire: (number | null)[];
}

export interface Found {
  count: number;
  found: (Feature & { density: number | null })[];
}

export interface Smallest {
  strength: number | null;
  sentence: string;
  reach: Reach | null;
}

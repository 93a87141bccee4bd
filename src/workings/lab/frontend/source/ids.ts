// Token ids, as people type them for a model that has no tokenizer.
import type { Model } from "./types";

/** Ids with blanks or commas between them, such as "5 6 8"; else what is wrong, as a sentence. */
export function readIds(text: string, model: Model): number[] | string {
  const parts = text.split(/[\s,]+/).filter(Boolean);
  const last = Number(model.config.d_vocab) - 1;
  const wrong = parts.find((part) => !/^\d+$/.test(part) || Number(part) > last);
  const what = `This model has no tokenizer, so it reads token ids, such as 5 6 8. Ids are whole numbers from 0 to ${last}`;
  if (parts.length === 0) return `${what}; none came.`;
  return wrong === undefined ? parts.map(Number) : `${what}; “${wrong}” came.`;
}

// Where the cursor goes when the sentence changes.
import type { Page, State } from "./state";

/**
 * Begin at the likeliest next token. Where the last position was looked at, stay with the last as the sentence changes, and where the
 * likeliest token was, with the likeliest.
 */
export function followEnd(page: Page): (state: State) => void {
  let last = -1;
  let best = -1;
  let read = "";
  return ({ opened, place }) => {
    if (!opened || opened.tokens.length !== opened.n_pos) return;
    const ids = opened.tokens.map((token) => token.id).join();
    if (ids === read) return;
    const begins = place.row < 0;
    const atEnd = begins || place.row === last;
    const atBest = begins || (atEnd && place.column === best && place.table === "probabilities");
    [read, last, best] = [ids, opened.n_pos - 1, opened.next[0]?.id ?? 0];
    const row = atEnd ? last : place.row;
    const column = atBest ? best : place.column;
    if (row !== place.row || column !== place.column) page.set({ place: { ...place, row, column } });
  };
}

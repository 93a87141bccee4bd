// Where the cursor goes when the sentence changes.
import { find, nearest } from "./address";
import type { Page, State } from "./state";

/**
 * Begin at the likeliest next token. Where the last position was looked at, or the last token chosen, stay with the last as the sentence
 * changes, and where the likeliest token was, with the likeliest.
 */
export function followEnd(page: Page): (state: State) => void {
  let last = -1;
  let best = -1;
  let read = "";
  return ({ model, opened, place, token }) => {
    if (!opened || opened.tokens.length !== opened.n_pos) return;
    const ids = opened.tokens.map((token) => token.id).join();
    if (ids === read) return;
    const atLast = token === last;
    const begins = place.row < 0;
    const typing = document.querySelector(".editor"); // which is for the cell where it is
    const atEnd = begins || (place.row === last && !typing);
    const atBest = begins || (atEnd && place.column === best && place.table === "probabilities");
    [read, last, best] = [ids, opened.n_pos - 1, opened.next[0]?.id ?? 0];
    const asked = { ...place, row: atEnd ? last : place.row, column: atBest ? best : place.column };
    const table = find(model, place.table);
    const to = table ? nearest(table, asked, opened.n_pos) : asked;
    if (String(Object.values(to)) !== String(Object.values(place))) page.set({ place: to });
    if (token !== null && (atLast || token > last)) page.set({ token: null });
  };
}

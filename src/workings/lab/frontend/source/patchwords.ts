// What a sweep of patches says in words: how its map is read, and what was done about the edits.
import { h, word } from "./dom";
import { NO_NUMBER, percent } from "./format";
import type { Sweep } from "./types";

/** What each of both sentences says, and whether the edits count. */
export function outcome(result: Sweep): string {
  const { clean, corrupted, edits_in_force, edits_left_out, edits_refused } = result;
  const says = (side: Sweep["clean"]): string => `${word(side.says.readable)} (${percent(side.says.share)})`;
  const edits = (count: number): string => (count === 1 ? "Your edit" : `Your ${count} edits`);
  const held = edits_in_force ? ` ${edits(edits_in_force)} ${edits_in_force === 1 ? "holds" : "hold"} in both sentences.` : "";
  const refused = edits_refused.length ? ` ${edits(edits_refused.length)} cannot be made here, and ${edits_refused.length === 1 ? "is" : "are"} left out of both: ${edits_refused.join("; ")}.` : "";
  const left = edits_left_out - edits_refused.length;
  return `Yours says ${says(clean)}, the second one ${says(corrupted)}.${held}${refused}${left ? ` ${edits(left)} ${left === 1 ? "is" : "are"} left out here.` : ""}`;
}

/** How the map is read. */
export function legend(result: Sweep): (HTMLElement | string | null)[] {
  const denoising = result.direction === "denoising";
  const lead = `the lead of “${result.answer.readable}” over “${result.against.readable}”`;
  const [from, to] = denoising ? ["your sentence", "the second"] : ["the second sentence", "yours"];
  const done = result.into
    ? `Path patching: each cell lets one head tell ${result.into} what it would say in ${from}, directly${result.through_mlps ? ", and MLPs on the way make of it what they do" : ""}; all other parts of ${to} stay as they are. `
    : `Each cell takes the numbers of one place from ${from} and puts them into ${to}. `;
  const scale = denoising
    ? `100: that alone is enough to bring ${lead} all the way back to what it is in your sentence; · : nothing changes; orange, below 0: it pushes the other way. `
    : `100: without your sentence’s numbers there, ${lead} is all lost, down to what it is in the second sentence: they are needed; · : it does as well without them; orange, below 0: the lead grows. `;
  const caution = denoising
    ? "A strong cell carries what tells the sentences apart; it need not be where that was worked out, and weak ones may still matter together."
    : "A weak cell need not be idle: what the model holds in two places can be missed in either.";
  const none = result.effects.flat().includes(null) ? `“${NO_NUMBER}”: with that patch the scores overflow, or are no numbers at all. ` : "";
  return [result.method === "attribution" ? h("b", {}, "Estimated by slopes, not tried. ") : null, done, scale, none, caution];
}

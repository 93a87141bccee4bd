// What an address asks for that can only be judged once its sentence is open: a table by any of its names, a place, a head.
import { find, nearest, sizes } from "./address";
import { api, LabError } from "./api";
import { misreading } from "./hash";
import { firstPlace, type State } from "./state";
import type { Opened } from "./types";

/** What of the state is otherwise than the address asked for, so that it fits what was opened; all of it is told in `misread`. */
export async function arrive(state: State, opened: Opened): Promise<Partial<State>> {
  const known = find(state.model, state.place.table);
  if (known && !state.fresh) return {};
  const wrong = [...(state.fresh ?? [])];
  const place = known ? state.place : await called(state, opened, wrong);
  const fitting = state.fresh ? { place: within(state, place, opened, wrong), ...chosen(state, opened, wrong) } : { place };
  return { ...fitting, fresh: null, misread: misreading(wrong) };
}

/** The place in a table that goes by another name here; the usual place where there is no such table. */
async function called({ model, place }: State, opened: Opened, wrong: string[]): Promise<State["place"]> {
  try {
    return { ...place, table: (await api.place(opened.id, place.table, "")).table };
  } catch (error) {
    if (!(error instanceof LabError && error.kind === "input")) throw error;
    wrong.push(error.message);
    return firstPlace(model);
  }
}

function within({ model }: State, place: State["place"], opened: Opened, wrong: string[]): State["place"] {
  if (place.row === -1 && place.column === -1) return place;
  const table = find(model, place.table)!;
  const { sheets, rows, columns } = sizes(table, opened.n_pos);
  const { sheet, row, column } = nearest(table, place, opened.n_pos);
  if (sheet !== place.sheet || row !== place.row || column !== place.column)
    wrong.push(`at=${place.sheet},${place.row},${place.column} (${place.table} goes from 0,0,0 to ${sheets - 1},${rows - 1},${columns - 1})`);
  return { ...place, sheet, row, column };
}

/** A head, a token and a feature of which there is none are none. */
function chosen(state: State, opened: Opened, wrong: string[]): Partial<State> {
  const { model } = state;
  const counts = { head: Number(model.config.n_heads), token: opened.n_pos, feature: model.features?.count ?? 0 };
  const found: Partial<State> = {};
  for (const name of ["head", "token", "feature"] as const) {
    const given = state[name];
    if (given === null || (given >= 0 && given < counts[name])) continue;
    wrong.push(`${name}=${given} (${counts[name] ? `there are: 0 to ${counts[name] - 1}` : "there are none"})`);
    found[name] = null;
  }
  return found;
}

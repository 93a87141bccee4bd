"""Knocking out in the lab: the edit that takes out a table, one head of it, or some of its rows, and which edits do so."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from workings.anatomy.cells import places
from workings.anatomy.knock_out import KINDS, knock_out, mean_row
from workings.engine.trace import Trace
from workings.errors import InputError, WorkingsError
from workings.lab.asked import Asker, Query
from workings.lab.patches import MOST_VALUES, other_prompt
from workings.lab.refusals import TooMuch
from workings.lab.replies import shortest
from workings.lab.views import View, Views
from workings.surgery.edit_list import EditList, SavedEdit, index_parts

Json = dict[str, Any]

OTHER = "other"
SAID = {"zero": "by zero", "mean": "by its mean", OTHER: "by these numbers of another sentence"}
SAME = 1e-5
"""How far a row may lie from the mean, beside its length, and still be it: what was worked out before in another order differs in its last digits."""


def knocked_out(views: Views, query: Query) -> Json:
    """The edit that does what `workings.knock_out` does with this view's trace: by zero, by the mean over positions, or by another prompt.

    The other prompt is read with the same edits. Raises `InputError` where it would change nothing, or where prompts have
    different lengths, `TooMuch` for numbers that are too many to travel.
    """
    view, table, by = views.view(query.text("view")), query.text("table"), query.choice("by", (*KINDS, OTHER))
    head = query.whole("head", most=10_000) if "head" in query.given else None
    positions = query.positions("positions", len(view.ids)) if "positions" in query.given else None
    where = (table, head, positions)
    with views.working(view, asker=query.asker) as (trace, _):
        found = trace.table(table)
        name, square = str(found.name), found.columns_are_positions
        index = index_parts(next(places(trace, *where))) or ()
    if by == "zero" and any(
        edit.on and (edit.table, edit.index) == (name, index) and _zero(edit) for edit in view.given.edits
    ):
        raise _already(name, head, index, SAID[by])
    # A mean is one of the numbers that stood there before they were set; so are those of another prompt.
    before = view if by == "zero" else _without(views, view, name, index, square)
    if by == OTHER:
        edit = _last(knock_out(views.afresh(before), *where, _other(views, query, before)))
    else:
        with views.working(before, asker=query.asker) as (trace, _):
            edit = _last(knock_out(trace, *where, by))
    told = {**edit.to_dict(), "value": _travelling(edit, by)}
    if SavedEdit.from_dict(told) in view.given.edits:
        raise _already(name, head, index, SAID[by])
    return {"edit": told}


def _other(views: Views, query: Query, view: View) -> Trace:
    """The other prompt of a request, read with the edits of a view; no view's lock is held, so that two never wait for each other."""
    given = other_prompt(views.model, query)
    prompt, ids = (given, None) if isinstance(given, str) else ("", given)
    other = views.open(replace(view.given, prompt=prompt, ids=ids))
    if len(other.ids) != len(view.ids):
        raise InputError(
            f"the other sentence has {len(other.ids)} tokens, and yours has {len(view.ids)}; both need as many, since each "
            "token takes over the numbers of the one that stands in its place"
        )
    return views.afresh(other)


def knocks(views: Views, view: View, asker: Asker | None = None) -> list[Json | None]:
    """Of every edit of a view by what it knocks out whole rows, `{"by": "zero" | "mean" | "other"}`; None for one that does not.

    A mean is that of this very prompt with the edits before it; one row for all positions that is not that is "other".
    """
    found: list[Json | None] = []
    for count, edit in enumerate(view.given.edits):
        by = "zero" if _zero(edit) else "other" if _one_row(edit) else None
        if by is not None:
            earlier = replace(view, given=replace(view.given, edits=view.given.edits[:count]))
            before = view if by == "zero" else earlier
            with views.working(before, asker=asker) as (trace, _):
                by = _checked(trace, edit, by)
        found.append({"by": by} if by else None)
    return found


def _checked(trace: Trace, edit: SavedEdit, by: str) -> str | None:
    """By what an edit knocks out, now that its table is at hand: not at all where it leaves some cells of a row."""
    try:
        axes = trace.table(edit.table).axes
        index = (*edit.index, *(":" for _ in range(len(axes) - len(edit.index))))
        place = next(places(trace, edit.table, index[0] if len(axes) > 2 and isinstance(index[0], int) else None))
        if len(index) != len(axes) or index[-1] != ":":
            return None
        if by == "zero":
            return by
        if not isinstance(index[-2], str) or trace.table(edit.table).columns_are_positions:
            return None
        mean = mean_row(trace[edit.table], place)
    except WorkingsError:
        return None
    row = np.asarray(edit.amount)
    same = row.shape == mean.shape and np.linalg.norm(row - mean) <= SAME * np.linalg.norm(mean)
    return "mean" if same else by


def _zero(edit: SavedEdit) -> bool:
    return edit.kind in ("value", "scale") and isinstance(edit.amount, int | float) and edit.amount == 0


def _one_row(edit: SavedEdit) -> bool:
    """Whether one row is to stand at all positions."""
    shape = np.shape(edit.amount) if edit.kind == "value" else ()
    return len(shape) > 1 and shape[-2] == 1


def _already(name: str, head: int | None, index: tuple[int | str, ...], how: str) -> InputError:
    part = f"the table {name}" if head is None else f"head {head} of {name}"
    rows = "" if index[-2] == ":" else f"the rows [{index[-2]}] of "
    return InputError(f"{rows}{part} is knocked out already, {how}; doing it again would change nothing")


def _without(views: Views, view: View, table: str, index: tuple[int | str, ...], square: bool) -> View:
    """The view without the edits that set these very cells; the columns of a `square` table are positions, too."""
    n_pos = len(view.ids)
    cells = _spread(index, n_pos, square)
    kept = tuple(
        e for e in view.given.edits if not (e.table == table and _spread(e.index, n_pos, square) == cells and _sets(e))
    )
    return view if len(kept) == len(view.given.edits) else views.open(replace(view.given, edits=kept))


def _spread(index: tuple[int | str, ...], n_pos: int, square: bool) -> tuple[int | str, ...]:
    """An index whose positions, if they are all that there are now, are written `:`; numbers for each of them have `0:14`."""
    if len(index) < 2:
        return index
    *heads, rows, columns = index
    everywhere = (f"0:{n_pos}", f":{n_pos}", "0:")
    rows = ":" if rows in everywhere else rows
    return (*heads, rows, ":" if square and columns in everywhere else columns)


def _sets(edit: SavedEdit) -> bool:
    """Whether an edit leaves nothing of what stood in its cells."""
    return edit.kind == "value" or (edit.kind == "scale" and edit.amount == 0)


def _last(trace: Trace) -> SavedEdit:
    return EditList.of(trace).edits[-1]


def _travelling(edit: SavedEdit, by: str) -> Any:
    numbers = np.asarray(edit.amount)
    if numbers.size > MOST_VALUES:
        what, less = ("this part", ", take one head or one row") if by == OTHER else ("the mean row", "")
        raise TooMuch(
            f"{what} of {edit.table} has {numbers.size:,} numbers, and an edit made here has up to "
            f"{MOST_VALUES:,}, since it travels in the page's address; knock it out by zero{less}, or use workings.knock_out in Python"
        )
    return shortest(numbers)

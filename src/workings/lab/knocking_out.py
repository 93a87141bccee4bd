"""Knocking out in the lab: the edit that takes out a table, one head of it, or some of its rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from workings.anatomy.cells import places
from workings.anatomy.knock_out import KINDS, knock_out
from workings.errors import InputError
from workings.lab.asked import Query
from workings.lab.patches import MOST_VALUES
from workings.lab.refusals import TooMuch
from workings.lab.replies import shortest
from workings.lab.views import View, Views
from workings.surgery.edit_list import EditList, SavedEdit, index_parts

Json = dict[str, Any]


def knocked_out(views: Views, query: Query) -> Json:
    """The edit that does what `workings.knock_out` does with this view's trace: by zero, or by the mean over positions.

    Raises `InputError` where it would change nothing, `TooMuch` for a row that is too long to travel.
    """
    view, table, by = views.view(query.text("view")), query.text("table"), query.given.get("by", KINDS[0])
    if by not in KINDS:
        raise InputError(f"by is {' or '.join(KINDS)}; {by[:40]!r} came")
    head = query.whole("head", most=10_000) if "head" in query.given else None
    positions = query.positions("positions", len(view.ids)) if "positions" in query.given else None
    where = (table, head, positions)
    with views.working(view, asker=query.asker) as (trace, _):
        name, index = trace.table(table).name, index_parts(next(places(trace, *where)))
    # A mean is one of the numbers that stood there before they were set.
    before = _without(views, view, name, index) if by == "mean" else view
    with views.working(before, asker=query.asker) as (trace, _):
        edit = EditList.of(knock_out(trace, *where, by)).edits[-1]
    told = {**edit.to_dict(), "value": _travelling(edit)}
    if SavedEdit.from_dict(told) in view.given.edits:
        raise InputError(
            f"knocking out these cells of {name} by their mean would change nothing: that is in force already"
        )
    return {"edit": told}


def _without(views: Views, view: View, table: str | None, index: tuple[int | str, ...] | None) -> View:
    """The view without the edits that set these very cells."""
    kept = tuple(edit for edit in view.given.edits if not (edit.table == table and edit.index == index and _sets(edit)))
    return view if len(kept) == len(view.given.edits) else views.open(replace(view.given, edits=kept))


def _sets(edit: SavedEdit) -> bool:
    """Whether an edit leaves nothing of what stood in its cells."""
    return edit.kind == "value" or (edit.kind == "scale" and edit.amount == 0)


def _travelling(edit: SavedEdit) -> Any:
    numbers = np.asarray(edit.amount)
    if numbers.size > MOST_VALUES:
        raise TooMuch(
            f"the mean row of {edit.table} has {numbers.size:,} numbers, and an edit made here has up to "
            f"{MOST_VALUES:,}, since it travels in the page's address; knock it out by zero, or use workings.knock_out in Python"
        )
    return shortest(numbers)

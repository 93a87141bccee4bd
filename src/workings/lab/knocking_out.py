"""Knocking out in the lab: the edit that takes out a table, one head of it, or some of its rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from workings.anatomy.cells import places
from workings.anatomy.knock_out import KINDS, knock_out
from workings.errors import InputError
from workings.lab.asked import Query
from workings.lab.refusals import TooMuch
from workings.lab.replies import shortest
from workings.lab.views import View, Views
from workings.surgery.edit_list import EditList, SavedEdit, index_parts

Json = dict[str, Any]

MOST_NUMBERS = 2_000
"""Numbers of an edit that the page makes, which travels in its address."""


def knocked_out(views: Views, query: Query) -> Json:
    """The edit that does what `workings.knock_out` does with this view's trace: by zero, or by the mean over positions.

    Raises `InputError` where it would change nothing, `TooMuch` for a row that is too long to travel.
    """
    view, table, by = views.view(query.text("view")), query.text("table"), query.given.get("by", KINDS[0])
    if by not in KINDS:
        raise InputError(f"by is {' or '.join(KINDS)}; {by[:40]!r} came")
    head = query.whole("head", most=10_000) if "head" in query.given else None
    positions = query.positions("positions", len(view.ids)) if "positions" in query.given else None
    with views.working(view, asker=query.asker) as (trace, _):
        new = trace if by == "mean" else knock_out(trace, table, head, positions, by)
        place = next(iter(places(trace, table, head, positions)))
        name = trace.table(table).name
    if by == "mean":
        before = _without(views, view, name, index_parts(place))
        with views.working(before, asker=query.asker) as (trace, _):
            new = knock_out(trace, table, head, positions, by)
    edit = EditList.of(new).edits[-1]
    told = {**edit.to_dict(), "value": _travelling(edit)}
    if SavedEdit.from_dict(told) in view.given.edits:
        raise InputError(f"these cells of {name} are knocked out by their mean already, so nothing would change")
    return {"edit": told}


def _without(views: Views, view: View, table: str | None, index: tuple[int | str, ...] | None) -> View:
    """The view without what sets these very cells: a mean is one of the numbers that stood there before."""
    kept = tuple(edit for edit in view.given.edits if not (edit.table == table and edit.index == index and _sets(edit)))
    return view if len(kept) == len(view.given.edits) else views.open(replace(view.given, edits=kept))


def _sets(edit: SavedEdit) -> bool:
    """Whether an edit leaves nothing of what stood in its cells."""
    return edit.kind == "value" or (edit.kind == "scale" and edit.amount == 0)


def _travelling(edit: SavedEdit) -> Any:
    numbers = np.asarray(edit.amount)
    if numbers.size > MOST_NUMBERS:
        raise TooMuch(
            f"the mean row of {edit.table} has {numbers.size:,} numbers, and an edit made here has up to "
            f"{MOST_NUMBERS:,}, since it travels in the page's address; knock it out by zero, or use workings.knock_out in Python"
        )
    if not np.isfinite(numbers).all():
        raise InputError(
            f"the mean row of {edit.table} has numbers that are infinite or none at all; knock it out by zero"
        )
    return shortest(numbers)

"""Random histories of a family of traces (ask, edit, append, fork again), each trace beside a third opinion on it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import strategies as st

from tiny import Change, Tiny, assert_close, model_of, third_opinion
from workings.engine.trace import Trace

Array = np.ndarray
TOLERANCE = {"float32": 1e-5, "float64": 1e-10}


def selected_shape(shape: tuple[int, ...], index: Any) -> tuple[int, ...]:
    return np.empty(shape)[index].shape


def limits_of(shape: tuple[int, ...], grows: tuple[bool, ...], index: Any, amount: Any) -> tuple[int | None, ...]:
    """Where an edit stops when the prompt grows: a slice open at its end, with an amount that repeats, takes new rows in."""
    parts = _full(index, len(shape))
    limits: list[int | None] = []
    for axis, part in enumerate(parts):
        is_open = isinstance(part, slice) and part.stop is None and (part.start or 0) >= 0 and part.step in (None, 1)
        limits.append(shape[axis] if grows[axis] and not (is_open and _repeats(shape, axis, index, amount)) else None)
    return tuple(limits)


def _full(index: Any, n_axes: int) -> tuple[Any, ...]:
    parts = index if isinstance(index, tuple) else (index,)
    if not any(part is Ellipsis for part in parts):
        parts = (*parts, ...)
    dots = next(i for i, part in enumerate(parts) if part is Ellipsis)
    return (*parts[:dots], *(slice(None),) * (n_axes - len(parts) + 1), *parts[dots + 1 :])


def _repeats(shape: tuple[int, ...], axis: int, index: Any, amount: Any) -> bool:
    longer = tuple(size + 3 * (place == axis) for place, size in enumerate(shape))
    now, then = selected_shape(shape, index), selected_shape(longer, index)
    try:
        np.broadcast_to(amount, then)
    except ValueError:
        return False
    return now != then


@dataclass
class Member:
    """One trace, what should be true of it, and every array that it ever gave (with a copy made at that time)."""

    trace: Trace
    ids: list[int]
    changes: list[Change] = field(default_factory=list)
    given: list[tuple[Array, Array]] = field(default_factory=list)


class Family:
    """Traces that stem from one, and share what they can."""

    def __init__(self, tiny: Tiny, ids: list[int], dtype: str) -> None:
        self.tiny, self.dtype, self.model = tiny, dtype, model_of(tiny)
        self.members = [Member(self.model.trace(ids, dtype=dtype), list(ids))]

    def ask(self, member: Member, name: str, start: int = 0, stop: int | None = None) -> Array:
        found = member.trace.rows(name, start, stop)
        member.given.append((found, found.copy()))
        return found

    def edit(self, member: Member, name: str, index: Any, kind: str, amount: Any) -> Member:
        trace = member.trace.edit(name, index, **{kind: amount})
        ids, changes = list(member.ids), list(member.changes)
        if name == "ids":
            numbers = np.array(ids)
            Change(name, index, kind, amount).apply(numbers)
            ids = numbers.tolist()
        else:
            table = member.trace.table(name)
            grows = tuple(axis.is_pos for axis in table.axes)
            changes.append(Change(name, index, kind, amount, limits_of(member.trace.shape(name), grows, index, amount)))
        return self._add(Member(trace, ids, changes))

    def append(self, member: Member, ids: list[int]) -> Member:
        return self._add(Member(member.trace.append(ids), member.ids + list(ids), list(member.changes)))

    def _add(self, member: Member) -> Member:
        self.members.append(member)
        return member

    def check(self) -> None:
        """Every table of every member is what it would be from scratch, and no array that was given has changed since."""
        for place, member in enumerate(self.members):
            expected = third_opinion(self.model, member.ids, member.changes)
            assert member.trace.ids.tolist() == member.ids
            for name in member.trace.names():
                assert_close(member.trace[name], expected[name], TOLERANCE[self.dtype], f"{name} of trace {place}")
        for place, member in enumerate(self.members):
            for now, then in member.given:
                assert np.array_equal(now, then, equal_nan=True), f"an array that trace {place} gave has changed"


def entries(size: int) -> st.SearchStrategy[Any]:
    """Something that selects at least one of `size` positions: a number, a slice, a list, true/false."""
    number = st.integers(-size, size - 1)
    slices = st.builds(
        slice, st.none() | number, st.none() | st.integers(-size, size), st.sampled_from([None, 1, 2, -1])
    ).filter(lambda part: len(range(size)[part]) > 0)
    listed = st.lists(st.integers(0, size - 1), min_size=1, max_size=4, unique=True)
    mask = st.lists(st.booleans(), min_size=size, max_size=size).filter(any)
    common = st.sampled_from([slice(None), slice(size - 1, None), slice(size // 2, None), size - 1, -1, 0])
    return common | number | slices | listed | mask


@st.composite
def indices(draw: Any, shape: tuple[int, ...]) -> Any:
    """An index of a table: all kinds of entries, with at most one list among them, so that NumPy's meaning is plain."""
    if draw(st.integers(0, 9)) == 0:
        return ...
    parts: list[Any] = []
    for size in shape[: draw(st.integers(1, len(shape)))]:
        part = draw(entries(size))
        if isinstance(part, list) and any(isinstance(other, list) for other in parts):
            part = slice(None)
        parts.append(part)
    if draw(st.booleans()) and len(parts) < len(shape):
        return (
            ...,
            *[draw(entries(size).filter(lambda part: not isinstance(part, list))) for size in shape[-len(parts) :]],
        )
    return tuple(parts) if len(parts) > 1 or draw(st.booleans()) else parts[0]


@st.composite
def amounts(draw: Any, selected: tuple[int, ...]) -> Any:
    """One number, or an array that fits the selected cells: whole, or repeated along some of its axes."""
    random = np.random.default_rng(draw(st.integers(0, 9)))
    way = draw(st.sampled_from(["number", "number", "whole", "last", "thin"]))
    if way == "number" or not selected:
        return draw(st.sampled_from([0.0, 0.5, -1.25, 2.0]))
    if way == "last":
        return random.normal(size=selected[-1:])
    if way == "thin":
        return random.normal(size=tuple(size if draw(st.booleans()) else 1 for size in selected))
    return random.normal(size=selected)


def act(family: Family, data: st.DataObject) -> None:
    """One random thing that a person might do to one of the traces."""
    member = data.draw(st.sampled_from(family.members), label="trace")
    n = len(member.ids)
    what = data.draw(st.sampled_from(["ask", "ask", "edit", "edit", "append", "ids", "weight"]), label="what")
    tables = member.trace.names()
    if what == "ask":
        start = data.draw(st.integers(0, n - 1))
        family.ask(
            member, data.draw(st.sampled_from(tables), label="table"), start, data.draw(st.integers(start + 1, n))
        )
    elif what == "append" and n < family.tiny.n_ctx - 2:
        family.append(member, data.draw(st.lists(st.integers(0, family.tiny.d_vocab - 1), min_size=1, max_size=2)))
    elif what == "ids":
        family.edit(member, "ids", data.draw(entries(n)), "value", data.draw(st.integers(0, family.tiny.d_vocab - 1)))
    else:
        name = data.draw(st.sampled_from(member.trace.weight_names() if what == "weight" else tables), label="edited")
        shape = member.trace.shape(name)
        index = data.draw(indices(shape), label="index")
        kind = data.draw(st.sampled_from(["value", "add", "scale"]), label="kind")
        amount = data.draw(amounts(selected_shape(shape, index)), label="amount")
        if name.endswith("scale"):  # what a layer norm divides by stays away from 0
            amount = np.abs(amount) + 0.5
        family.edit(member, name, index, kind, amount)

"""Edits: numbers that a person sets, adds to or scales, kept with the trace and put in force whenever rows are worked out."""

from __future__ import annotations

from dataclasses import dataclass
from types import EllipsisType
from typing import Any

import numpy as np

from workings.engine.rows import Rows
from workings.errors import InputError, OutsideTable

KINDS = ("value", "add", "scale")


@dataclass(frozen=True, eq=False)
class Edit:
    """One change of one table: which cells (a NumPy index), what kind, and by what amount.

    `index` has one entry an axis. A slice that is open at its end stays open: it takes in rows that generation adds.
    """

    name: str
    index: tuple[Any, ...]
    kind: str
    amount: np.ndarray

    def apply(self, array: np.ndarray) -> None:
        """Change the array in place."""
        if self.kind == "value":
            array[self.index] = self.amount
        elif self.kind == "add":
            array[self.index] += self.amount.astype(array.dtype, copy=False)
        else:
            array[self.index] *= self.amount.astype(array.dtype, copy=False)

    def rows(self, axis: int, n_pos: int) -> Rows:
        """The rows that the edit touches, `axis` being the row axis (counted from the end)."""
        return _touched(self.index[axis], n_pos)

    def backwards(self, name: str) -> Edit:
        """What it does to the slopes that go back through its table, kept in a table of this name: nothing passes a number
        that is set, and through a scaled one its factor does."""
        return Edit(name, self.index, "scale", np.zeros(()) if self.kind == "value" else self.amount)

    def looks_ahead(self, n_pos: int) -> bool:
        """Whether a cell right of the diagonal is touched, in a table of positions by positions."""
        queries, keys = _touched(self.index[-2], n_pos), _touched(self.index[-1], n_pos)
        return keys.stop - 1 > queries.first

    def replaces_rows(self) -> bool:
        """Whether what stood in the touched rows does not matter."""
        others = [part for axis, part in enumerate(self.index) if axis != len(self.index) - 2]
        return (
            self.kind == "value"
            and all(part == slice(None) for part in others if isinstance(part, slice))
            and all(isinstance(part, slice) for part in others)
        )


def _touched(part: Any, size: int) -> Rows:
    if isinstance(part, slice):
        return Rows.of(range(size)[part])
    return Rows.of(int(i) for i in np.ravel(part))


def make_edit(
    name: str, shape: tuple[int, ...], open_axes: tuple[bool, ...], index: Any, dtype: np.dtype, **change: Any
) -> Edit:
    """Check an edit against its table and fix what "the last row" meant when it was made.

    `shape` is the table's; `open_axes` says which axes grow while generating; `dtype` must be able to hold
    the amount. `change` holds exactly one of
    `value`, `add` and `scale`: a number, or an array that fits the indexed cells.

    Raises `InputError` (what was given) or `OutsideTable` (the index).
    """
    given = {kind: amount for kind, amount in change.items() if amount is not None}
    if len(given) != 1:
        listed = " and ".join(given) or "none of them"
        raise InputError(f"edit of {name}: give exactly one of value=, add= and scale=; {listed} came")
    (kind, amount), *_ = given.items()
    parts = _full_index(name, shape, index)
    numbers = _checked_amount(name, kind, amount, dtype)
    try:
        selected = _selected(shape, parts)
    except (IndexError, TypeError) as error:
        raise OutsideTable(
            f"index {spelled(index)} of {name}, which has shape {list(shape)}, cannot be used: {error}"
        ) from None
    if 0 in selected:
        raise InputError(
            f"edit of {name}: the index {spelled(index)} selects no cell of its {list(shape)}, so nothing would change"
        )
    try:
        np.broadcast_to(numbers, selected)
    except ValueError:
        raise InputError(
            f"edit of {name}: the index selects cells of shape {list(selected)}, "
            f"but {kind}= has shape {list(numbers.shape)}; give one number or an array that fits"
        ) from None
    return Edit(name, _frozen(parts, shape, open_axes, numbers), kind, numbers)


def spelled(index: Any) -> str:
    """An index as it is written between brackets, and as a file of edits spells its parts: `[2, 3:5, :]`."""
    parts = index if isinstance(index, tuple) else (index,)
    return f"[{', '.join(map(spelled_part, parts))}]"


def spelled_part(part: Any) -> str:
    """One part of an index, such as positions: `2:2` for a slice."""
    if part is Ellipsis:
        return "..."
    if not isinstance(part, slice):
        return f"{part!r:.80}"
    ends = [part.start, part.stop] if part.step is None else [part.start, part.stop, part.step]
    return ":".join("" if end is None else str(end) for end in ends)


def _selected(shape: tuple[int, ...], parts: tuple[Any, ...]) -> tuple[int, ...]:
    """The shape of the cells that an index selects."""
    return np.broadcast_to(np.int8(0), shape)[parts].shape


def _checked_amount(name: str, kind: str, amount: Any, dtype: np.dtype) -> np.ndarray:
    try:
        numbers = np.array(amount, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(
            f"edit of {name}: {kind}= takes a number or an array of numbers; {amount!r:.80} came"
        ) from None
    if not np.isfinite(numbers).all():
        raise InputError(f"edit of {name}: {kind}= holds NaN or infinity; every number must be finite")
    if (np.abs(numbers) > np.finfo(dtype).max).any():
        raise InputError(
            f"edit of {name}: {kind}= holds a number that is too large for {dtype}, "
            f"which ends at {np.finfo(dtype).max:.1e}; take a smaller one{larger_held(dtype)}"
        )
    return numbers


def larger_held(dtype: np.dtype) -> str:
    """What else is to be done about a number that is too large, which only Python can."""
    return "" if dtype == np.float64 else " (in Python, model.trace(prompt, dtype='float64') holds larger ones)"


def _full_index(name: str, shape: tuple[int, ...], index: Any) -> tuple[Any, ...]:
    """The index with one entry an axis, negative whole numbers counted from the front."""
    parts = index if isinstance(index, tuple) else (index,)
    if sum(part is Ellipsis for part in parts) > 1 or any(part is None for part in parts):
        raise OutsideTable(
            f"index {spelled(index)} of {name}: use numbers, slices, lists of numbers and at most one '...'"
        )
    dots = next((i for i, part in enumerate(parts) if isinstance(part, EllipsisType)), len(parts))
    n_missing = len(shape) - sum(part is not Ellipsis for part in parts)
    if n_missing < 0:
        raise OutsideTable(
            f"index {spelled(index)} of {name} has {len(parts)} entries; the table has {len(shape)} axes, {list(shape)}"
        )
    parts = (*parts[:dots], *(slice(None),) * n_missing, *parts[dots + 1 :])
    return tuple(_entry(name, axis, part, shape) for axis, part in enumerate(parts))


def _entry(name: str, axis: int, part: Any, shape: tuple[int, ...]) -> Any:
    if isinstance(part, slice):
        return part
    numbers = np.asarray(part)
    if numbers.dtype == bool:
        if numbers.shape != (shape[axis],):
            raise OutsideTable(
                f"{name}: a true/false index for axis {axis} needs {shape[axis]} entries, {list(numbers.shape)} came"
            )
        numbers = np.flatnonzero(numbers)
    if numbers.dtype.kind not in "iu":
        raise OutsideTable(f"{name}: an index is a whole number, a slice or a list of whole numbers; {part!r:.80} came")
    outside = numbers[(numbers < -shape[axis]) | (numbers >= shape[axis])]
    if outside.size:
        raise OutsideTable(
            f"{name} has shape {list(shape)}: index {int(outside.flat[0])} on axis {axis} is outside; "
            f"use 0 to {shape[axis] - 1}, or -1 for the last"
        )
    counted = np.where(numbers < 0, numbers + shape[axis], numbers)
    return int(counted) if counted.ndim == 0 else counted


def _frozen(
    parts: tuple[Any, ...], shape: tuple[int, ...], open_axes: tuple[bool, ...], amount: np.ndarray
) -> tuple[Any, ...]:
    """Close slices over growing axes, except those that plainly mean "from here on" and whose amount repeats."""
    out = []
    for axis, part in enumerate(parts):
        if isinstance(part, slice) and open_axes[axis]:
            stays_open = part.stop is None and (part.start is None or part.start >= 0) and part.step in (None, 1)
            if not (stays_open and _fits_longer(parts, shape, axis, amount)):
                start, stop, step = part.indices(shape[axis])
                part = slice(start, None if stop < 0 else stop, step)
        out.append(part)
    return tuple(out)


def _fits_longer(parts: tuple[Any, ...], shape: tuple[int, ...], axis: int, amount: np.ndarray) -> bool:
    """Whether the amount still fits when the table grows along an axis."""
    longer = (*shape[:axis], shape[axis] + 2, *shape[axis + 1 :])
    try:
        np.broadcast_to(amount, _selected(longer, parts))
    except ValueError:
        return False
    return True

"""Steering: adding a direction to the residual stream, so that the model goes on as if it had found more (or less) of it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from workings.engine.checks import is_number, is_whole
from workings.engine.edits import larger_held
from workings.errors import InputError, OutsideTable, TooLarge
from workings.language.tables import Table, axis_labels

if TYPE_CHECKING:
    from workings.engine.trace import Trace

Array = np.ndarray

ROOM = 1e3
"""How far the squares of a steered row must stay below the largest number, so that later blocks can add to it."""


class Direction(Protocol):
    """Something that a trace can be steered along, such as a feature of a sparse autoencoder."""

    @property
    def vector(self) -> Array:
        """The direction, one number a column."""
        ...

    @property
    def table(self) -> str:
        """The table that it is a direction of."""
        ...


Steerable = str | int | Direction | Array


def steered(trace: Trace, what: Steerable, strength: float, layer: int | None, positions: Any) -> Trace:
    """See `Trace.steer`."""
    vector, table = _direction(trace, what, layer)
    with np.errstate(over="ignore"):
        amount = _checked_strength(strength) * _checked_vector(vector, trace.table(table))
    if not (np.abs(amount) <= np.finfo(trace.dtype).max).all():
        raise _too_large(strength, table, trace)
    new = trace
    heads = trace.shape(table)[:-2]  # none, or how many
    for rows in _checked_positions(positions, len(trace)):
        one_row = (*heads, *(() if isinstance(rows, int) else (1,)) * len(heads), -1)
        new = new.edit(table, (..., rows, slice(None)), add=amount.reshape(one_row))
    _check_room(new, table, strength)
    return new


def _direction(trace: Trace, what: Steerable, layer: int | None) -> tuple[Any, str]:
    """The vector, and the table that it is added to."""
    if is_whole(what) or isinstance(what, str) or hasattr(what, "made_for"):
        what = trace.find_feature(what)
    if hasattr(what, "vector") and hasattr(what, "table"):
        own = trace.table(what.table)
        if layer is not None and len(own.axes) == 3:
            raise InputError(
                f"{own.name} holds what heads found, before it is written into the stream, so a direction of it is none of the "
                "stream; leave layer out"
            )
        return what.vector, own.name or "" if layer is None else _stream_after(trace, layer)
    if np.ndim(what) == 0:
        raise _no_direction(what)
    if layer is None:
        raise InputError(
            "a vector alone does not say where to add it; give layer=, the block whose resid_post it is for"
        )
    return what, _stream_after(trace, layer)


def _stream_after(trace: Trace, layer: int) -> str:
    n_layers = sum(f"blocks.{i}.resid_post" in trace for i in range(len(trace.names())))
    if not is_whole(layer):
        raise InputError(f"layer is the number of a block, 0 to {n_layers - 1}; {layer!r} came")
    if not 0 <= layer < n_layers:
        raise OutsideTable(f"there is no block {layer}: the model has the blocks 0 to {n_layers - 1}")
    return f"blocks.{layer}.resid_post"


def _checked_strength(strength: float) -> float:
    if not is_number(strength) or not math.isfinite(float(strength)):
        raise InputError(f"strength is a finite number, below 0 to take away; {strength!r} came")
    return float(strength)


def _checked_vector(vector: Any, table: Table) -> Array:
    """A direction of the rows of a table: [d], or of all heads side by side, [head*d_head]."""
    try:
        numbers = np.asarray(vector, np.float64)
    except (TypeError, ValueError):
        raise _no_direction(vector) from None
    if table.row_axis != -2 or table.columns_are_positions:
        raise InputError(
            f"{table.name} has the axes [{', '.join(axis_labels(table.axes))}]; only a table of one row a token, [pos, d] "
            "or [head, pos, d_head], can be steered"
        )
    width = math.prod(axis.size or 1 for axis in table.axes if not axis.is_pos)
    if numbers.shape != (width,):
        raise InputError(f"the direction has shape {list(numbers.shape)}; rows of {table.name} need [{width}]")
    if not np.isfinite(numbers).all():
        raise InputError("the direction holds NaN or infinity; every number must be finite")
    if not numbers.any():
        raise InputError("the direction is 0 everywhere, so steering along it would change nothing")
    return numbers


def _no_direction(given: Any) -> InputError:
    return InputError(f"a direction is a vector, a feature, or a feature's label or number; {given!r:.80} came")


def _checked_positions(positions: Any, n_pos: int) -> list[Any]:
    """The rows as indexes of one edit each, which a file of edits can hold; an open slice takes in rows to come."""
    if positions is None:
        return [slice(None)]
    if isinstance(positions, slice):
        rows_in = range(n_pos)[positions]
        if not rows_in:
            parts = (positions.start, positions.stop, *(() if positions.step is None else (positions.step,)))
            said = ":".join("" if part is None else str(part) for part in parts)
            raise OutsideTable(f"{said} holds no position: the prompt has the positions 0 to {n_pos - 1}")
        return [positions] if positions.step in (None, 1) else list(rows_in)
    rows = np.asarray(positions)
    if rows.ndim > 1 or rows.size == 0 or rows.dtype.kind not in "iu":
        raise InputError(
            f"positions is a whole number, a list of them, a slice, or None for all; {positions!r:.80} came"
        )
    for row in rows.ravel():
        if not -n_pos <= row < n_pos:
            raise OutsideTable(f"there is no position {row}: the prompt has the positions 0 to {n_pos - 1}")
    if len(np.unique(rows % n_pos)) < rows.size:
        raise InputError(f"positions names a position twice: {positions!r:.80}")
    return [int(row) for row in rows.ravel()]


def _check_room(trace: Trace, table: str, strength: float) -> None:
    """Norms square what they read: rows whose squares overflow would have no numbers."""
    with np.errstate(over="ignore"):
        squares = (trace[table].astype(np.longdouble) ** 2).sum(-1).max()
    if not squares < np.finfo(trace.dtype).max / ROOM:
        raise _too_large(strength, table, trace)


def _too_large(strength: float, table: str, trace: Trace) -> TooLarge:
    return TooLarge(
        f"strength {strength:g} is too large: the squares of {table} would overflow {trace.dtype}; take a smaller one{larger_held(trace.dtype)}"
    )

"""Which cells of a table are meant: a head of it, some token positions of it, and all columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from workings.engine.checks import is_whole
from workings.engine.edits import spelled_part
from workings.engine.rows import Rows
from workings.engine.trace import Trace
from workings.errors import InputError, OutsideTable

Positions = int | slice | Sequence[int] | None
Place = tuple[Any, ...]
WHOLE = slice(None)


def places(trace: Trace, name: str, head: int | None = None, positions: Positions = None) -> Iterator[Place]:
    """NumPy indices that together are the meant cells of a table, each a run of positions, so that edits can be saved.

    No `head` means all heads, no `positions` all of them, those of tokens to come too. Raises `UnknownTable`,
    `OutsideTable` for a head or position that there is none of, `InputError` for a table without rows of tokens.
    """
    table = trace.table(name)
    if table.row_axis is None or len(table.axes) < 2:
        raise InputError(f"{name} has no rows of tokens; change it with trace.edit")
    return ((*_sheet(name, trace.shape(name), head), run, WHOLE) for run in _runs(name, len(trace), positions))


def _sheet(name: str, shape: tuple[int, ...], head: int | None) -> Place:
    if len(shape) < 3:
        if head is not None:
            raise InputError(f"{name} has no heads; heads are in blocks.N.attn.q, k, v, z, scores and pattern")
        return ()
    if head is None:
        return (WHOLE,)
    if not is_whole(head) or not -shape[0] <= head < shape[0]:
        raise OutsideTable(f"{name} has the heads 0 to {shape[0] - 1}; {head!r} was asked for")
    return (int(head) % shape[0],)


def _runs(name: str, n_pos: int, positions: Positions) -> list[slice]:
    if positions is None:
        return [WHOLE]
    if isinstance(positions, slice):
        numbers: Sequence[int] = range(n_pos)[positions]
    elif is_whole(positions):
        numbers = [int(positions)]
    elif isinstance(positions, Sequence | np.ndarray):
        numbers = list(positions)
    else:
        raise InputError(f"positions are a whole number, a list of them, a slice or None; {positions!r} came")
    for number in numbers:
        if not is_whole(number) or not -n_pos <= number < n_pos:
            raise OutsideTable(f"{name} has the positions 0 to {n_pos - 1} in this prompt; {number!r} was asked for")
    if not numbers:
        raise InputError(f"positions {spelled_part(positions)} name no row of {name}, which has {n_pos} in this prompt")
    if isinstance(positions, slice) and positions.step in (None, 1):
        return [positions]  # as it is: one that is open at its end takes in tokens to come
    return [slice(*span) for span in Rows.of(int(number) % n_pos for number in numbers).spans]


__all__ = ["Place", "Positions", "places"]

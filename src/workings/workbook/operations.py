"""Edits of a trace as cells of a workbook: what its page Surgery begins with, and what its page Edits does to rows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from workings.errors import InputError

if TYPE_CHECKING:
    from workings.checkpoints.model import Model
    from workings.engine.edits import Edit
    from workings.engine.trace import Trace

Array = np.ndarray

_STREAM = re.compile(r"blocks\.(\d+)\.resid_post")
_PARTS = re.compile(r"blocks\.\d+\.(attn\.z|mlp_out)")


@dataclass(frozen=True)
class Pushed:
    """A vector [d_model] that is added after a block, at the positions `first` to `last`."""

    numbers: Array
    block: int
    first: int
    last: int


@dataclass(frozen=True, eq=False)
class Changed:
    """What becomes of rows of one sheet of a table: each number of a row times its number in `times`, plus that in `plus`."""

    name: str
    sheet: int
    positions: tuple[int, ...]
    times: Array  # [columns]
    plus: Array  # [columns]


@dataclass(frozen=True)
class Operations:
    """What a workbook begins with. `switches` say how loud a part is: (table, head), or (table, None) for an MLP."""

    pushed: Pushed | None = None
    switches: dict[tuple[str, int | None], float] = field(default_factory=dict)
    changed: tuple[Changed, ...] = ()
    """What the page Surgery has no place for."""
    edits: tuple[Edit, ...] = ()
    """All of it, as edits of the engine."""

    @classmethod
    def of(cls, trace: Trace, n_slots: int) -> Operations:
        """The edits of a trace that are no edits of weights or token ids, in a workbook of so many positions."""
        names = set(trace.names())
        edits = tuple(edit for edit in trace.edits if edit.name in names)
        pushed: Pushed | None = None
        switches: dict[tuple[str, int | None], float] = {}
        changed: list[Changed] = []
        for name in dict.fromkeys(edit.name for edit in edits):
            table, room = trace.table(name), max(n_slots, len(trace))
            times, plus = composed([edit for edit in edits if edit.name == name], table.shape(room))
            columns = n_slots if table.columns_are_positions else None
            times, plus = (_sheets(numbers)[:, :n_slots, :columns] for numbers in (times, plus))
            if pushed is None and (found := _STREAM.fullmatch(name)) and (fits := _pushed(int(found[1]), times, plus)):
                pushed = fits
                continue
            for sheet, (factors, terms) in enumerate(zip(times, plus, strict=True)):
                if _PARTS.fullmatch(name) and _is_switch(factors, terms):
                    if factors[0, 0] != 1:
                        switches[name, sheet if len(table.axes) == 3 else None] = float(factors[0, 0])
                else:
                    changed += _alike(name, sheet, factors, terms)
        return cls(pushed, switches, tuple(changed), edits)


def composed(edits: Sequence[Edit], shape: tuple[int, ...]) -> tuple[Array, Array]:
    """All edits of a table as one: by what every number is multiplied, and then what is added to it."""
    times, plus = np.ones(shape), np.zeros(shape)
    for edit in edits:
        edit.apply(plus)
        if edit.kind == "value":
            replace(edit, amount=np.zeros(())).apply(times)
        elif edit.kind == "scale":
            edit.apply(times)
    return times, plus + 0.0  # no -0.0


def check_edited(trace: Trace, model: Model) -> None:
    """Raise `InputError` for an edit of what the model does not have, which would be left out of its workbook."""
    for edit in trace.edits:
        if edit.name not in model.graph.named and edit.name not in model.weights:
            to_do = (
                "It is of a sparse autoencoder: give the model that reads on through it (edits.spliced(model), or model.with_sae(...))"
                if ".sae." in edit.name
                else "Give the model that the trace is of, or leave this edit out"
            )
            raise InputError(
                f"{edit.name} is edited, and the workbook would not show it: model {model.name!r} has no such table. {to_do}."
            )


def _sheets(numbers: Array) -> Array:
    return numbers if numbers.ndim == 3 else numbers[None]


def _pushed(block: int, times: Array, plus: Array) -> Pushed | None:
    """One vector added at neighbouring positions, if that is all."""
    rows = np.flatnonzero(plus[0].any(axis=1))
    if (times != 1).any() or not rows.size:
        return None
    first, last = int(rows[0]), int(rows[-1])
    if (plus[0, first : last + 1] != plus[0, first]).any():
        return None
    return Pushed(plus[0, first], block, first, last)


def _is_switch(times: Array, plus: Array) -> bool:
    return not plus.any() and bool((times == times[0, 0]).all())


def _alike(name: str, sheet: int, times: Array, plus: Array) -> Iterator[Changed]:
    """The rows that something is done to, those together to which the same is done."""
    found: dict[bytes, list[int]] = {}
    for position in np.flatnonzero((times != 1).any(axis=1) | plus.any(axis=1)).tolist():
        found.setdefault(times[position].tobytes() + plus[position].tobytes(), []).append(position)
    for positions in found.values():
        yield Changed(name, sheet, tuple(positions), times[positions[0]], plus[positions[0]])

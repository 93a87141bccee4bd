"""Edits of a trace as what the page "Surgery" begins with: a vector that is added, and parts that are turned down."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from workings.errors import InputError

if TYPE_CHECKING:
    from workings.engine.edits import Edit
    from workings.engine.trace import Trace

Array = np.ndarray

_STREAM = re.compile(r"blocks\.(\d+)\.resid_post")
_HEADS = re.compile(r"blocks\.\d+\.attn\.z")
_MLP = re.compile(r"blocks\.\d+\.mlp_out")

ABLE = (
    "its page Surgery adds one vector to one blocks.{i}.resid_post, at neighbouring positions, and turns whole heads "
    "(blocks.{i}.attn.z) and whole MLPs (blocks.{i}.mlp_out) down"
)


@dataclass(frozen=True)
class Pushed:
    """A vector [d_model] that is added after a block, at the positions `first` to `last`."""

    numbers: Array
    block: int
    first: int
    last: int


@dataclass(frozen=True)
class Operations:
    """What a workbook begins with. `switches` say how loud a part is: (table, head), or (table, None) for an MLP."""

    pushed: Pushed | None = None
    switches: dict[tuple[str, int | None], float] = field(default_factory=dict)
    edits: tuple[Edit, ...] = ()
    """The same as edits of the engine."""

    @classmethod
    def of(cls, trace: Trace, n_slots: int) -> Operations:
        """The edits of a trace that are no edits of weights or token ids.

        Raises `InputError` for one that the page has no place for, since tables are formulas in a workbook.
        """
        edits = tuple(edit for edit in trace.edits if edit.name in trace.names())
        pushed: Pushed | None = None
        switches: dict[tuple[str, int | None], float] = {}
        for name in dict.fromkeys(edit.name for edit in edits):
            own = [edit for edit in edits if edit.name == name]
            own = [edit for edit in own if not _changes_nothing(edit)]
            if not own:
                continue
            if (found := _STREAM.fullmatch(name)) and all(edit.kind == "add" for edit in own) and pushed is None:
                pushed = _pushed(int(found[1]), own, (n_slots, trace.shape(name)[-1]))
            elif _HEADS.fullmatch(name) or _MLP.fullmatch(name):
                switches |= _switched(name, own, (*trace.shape(name)[:-2], n_slots, trace.shape(name)[-1]))
            else:
                raise _no_place(name)
        return cls(pushed, switches, edits)


def _no_place(name: str) -> InputError:
    return InputError(
        f"{name} is edited, and it follows by a formula, so a workbook has no place for this edit: {ABLE}. Switch other edits off."
    )


def _changes_nothing(edit: Edit) -> bool:
    """Whether an edit adds 0 or multiplies by 1, as the first of a series of strengths does."""
    return (edit.kind == "add" and not edit.amount.any()) or (edit.kind == "scale" and bool((edit.amount == 1).all()))


def _pushed(block: int, edits: Sequence[Edit], shape: tuple[int, ...]) -> Pushed | None:
    added = np.zeros(shape)  # [pos, d_model]
    for edit in edits:
        edit.apply(added)
    rows = np.flatnonzero(added.any(axis=1))
    if not rows.size:  # what was added was taken away again
        return None
    first, last = int(rows[0]), int(rows[-1])
    if (added[first : last + 1] != added[first]).any():
        raise _no_place(edits[0].name)
    return Pushed(added[first], block, first, last)


def _switched(name: str, edits: Sequence[Edit], shape: tuple[int, ...]) -> dict[tuple[str, int | None], float]:
    """How loud each part of a table is that is only scaled, or set to 0, as a whole."""
    loud = np.ones(shape)
    for edit in edits:
        if edit.kind == "add" or (edit.kind == "value" and edit.amount.any()):
            raise _no_place(name)
        edit.apply(loud)
    sheets = loud if loud.ndim == 3 else loud[None]
    if (sheets != sheets[:, :1, :1]).any():
        raise _no_place(name)
    amounts = [float(sheet[0, 0]) for sheet in sheets]
    return {(name, head if loud.ndim == 3 else None): amount for head, amount in enumerate(amounts) if amount != 1}

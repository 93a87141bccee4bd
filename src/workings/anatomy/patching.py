"""Activation patching: which single part, taken over from another prompt, brings that prompt's answer with it.

Sources: Vig et al. 2020, Investigating Gender Bias in Language Models Using Causal Mediation Analysis; Meng et al. 2022,
Locating and Editing Factual Associations in GPT ("causal tracing"); Zhang and Nanda 2023, Towards Best Practices of
Activation Patching, whose difference of logits is measured here; Heimersheim and Nanda 2024, How to Use and Interpret
Activation Patching.

>>> import workings
>>> model = workings.load("storybook")
>>> sweep = workings.patching_sweep(model, "Mike is a Jedi. He picked up his", "Mike is a chef. He picked up his")
>>> sweep.best(1)[0][:2]  # before block 0, at the token that differs
(0, 3)
>>> sweep.trace_of(0, 3).top(1)[0][0]
' lightsaber'
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np

from workings.anatomy.cells import WHOLE, Place
from workings.anatomy.choice import Token
from workings.anatomy.contrast import Contrast, PatchingSweep, Progress, contrast
from workings.checkpoints.model import Model, Prompt
from workings.engine.trace import Trace
from workings.errors import InputError

OVER = {
    "resid_pre": "resid_pre",
    "resid_mid": "resid_mid",
    "resid_post": "resid_post",
    "attn_out": "attn_out",
    "mlp_out": "mlp_out",
    "heads": "attn.z",
    "queries": "attn.q",
    "keys": "attn.k",
    "values": "attn.v",
}
"""What can be swept over, and the table of each block that is patched: by position, or by head (`attn.`)."""

SAID = {
    "resid_pre": "the residual stream before {} block",
    "resid_mid": "the residual stream between {} block’s attention and its MLP",
    "resid_post": "the residual stream after {} block",
    "attn_out": "what {} block’s attention wrote",
    "mlp_out": "what {} block’s MLP wrote",
    "heads": "what {} head found",
    "queries": "{} head’s queries",
    "keys": "{} head’s keys",
    "values": "{} head’s values",
}
"""What is patched, in words, by `over`; which block or head it is comes in: `SAID["heads"].format("each")`."""


def patching_sweep(
    model: Model,
    clean: Prompt | Trace,
    corrupted: Prompt | Trace,
    answer: Token | None = None,
    against: Token | None = None,
    over: str = "resid_pre",
    position: int = -1,
    direction: str = "denoising",
    dtype: str = "float32",
    progress: Progress | None = None,
) -> PatchingSweep:
    """Patch one part after the other from one prompt into another, and see what each does to the answer.

    `clean` and `corrupted` have equally many tokens and differ in what matters; `answer` is the token that the clean one makes
    likely and `against` the one that the corrupted one does (what each would say unless given). Measured is the
    difference of their two logits after `position`. `over` is `resid_pre`, `resid_mid`, `resid_post`, `attn_out` or
    `mlp_out`, patched at one position of one block at a time; or `heads` (what a head found, its `z`), `queries`, `keys`
    or `values`, patched at all positions for one head at a time. In `denoising` the clean prompt's numbers go into
    the corrupted run: what is enough to restore the answer. In `noising` it is the other way about: what is needed.
    `progress` is called with how many patches are done and how many there are.

    Either prompt may be a trace of this model, such as `model.trace(...).edit(...)`: its edits stay in force, those of weights
    too, in every cell but for numbers that the patch itself sets. Mostly both want the same edits; what only one of them has is
    one more thing in which they differ. Both have one dtype, which is then the sweep's.

    What it means: the numbers of that cell carry, from there on, what tells the prompts apart. What it does not mean: that
    the part worked it out (it may only hand it on), nor that a cell near 0 plays no part (what two cells carry
    together, or twice, neither restores alone), nor that other prompts would show the same.

    Source: Zhang and Nanda 2023, Towards Best Practices of Activation Patching. Raises `InputError` as `contrast` does,
    `OutsideTable` for a position outside.
    """
    pair = contrast(model, clean, corrupted, answer, against, position, direction, dtype)
    tables, by_head = swept(pair.base, over)
    cells = cells_of(pair, tables)
    found = pair.sweep([cell for row in cells for cell in row], progress)
    differences = np.array(found).reshape(len(tables), -1)
    return PatchingSweep(over, "activation patching", pair, tables, by_head, differences, lambda b, c: cells[b][c]())


def swept(trace: Trace, over: str) -> tuple[tuple[str, ...], bool]:
    """The tables of a sweep, block by block, and whether it goes by heads. Raises `InputError`."""
    if over not in tuple(OVER):
        raise InputError(f"a sweep goes over {', '.join(OVER)}; {over!r} came")
    wanted = re.compile(rf"(?:decoder\.)?blocks\.\d+\.{re.escape(OVER[over])}")
    tables = tuple(known for known in trace.names() if wanted.fullmatch(known))
    if not tables:
        raise InputError(f"this model has no blocks with {OVER[over]} to sweep over")
    return tables, len(trace.shape(tables[0])) == 3


def cells_of(pair: Contrast, tables: Sequence[str]) -> list[list[Callable[[], Trace]]]:
    """What makes the patched trace of every cell: a row a table, a column a head or a position."""
    return [[partial(patched, pair, table, place) for place in places_of(pair.base, table)] for table in tables]


def places_of(trace: Trace, table: str) -> Iterator[Place]:
    """The places of one table that are patched in turn: every head, or every position."""
    shape = trace.shape(table)
    return ((n, *(WHOLE,) * (len(shape) - 1)) for n in range(shape[0]))


def patched(pair: Contrast, table: str, place: Place) -> Trace:
    """The base trace with the source's numbers at one place of a table; the base itself where they are the same."""
    numbers = pair.source[table][place]
    if np.array_equal(numbers, pair.base[table][place]):
        return pair.base
    return pair.base.edit(table, place, value=numbers)


__all__ = ["OVER", "SAID", "cells_of", "patched", "patching_sweep", "places_of", "swept"]

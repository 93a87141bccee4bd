"""Knocking out: what is left of a prediction when one part of the model says nothing, or what it says on other prompts.

Sources: zero ablation, Olsson et al. 2022, In-context Learning and Induction Heads; mean ablation, Wang et al. 2022,
Interpretability in the Wild, section 3.1; another prompt's value, Chan et al. 2022, Causal Scrubbing ("resampling").

>>> import workings
>>> trace = workings.load("storybook").trace("Mike is a chef. Anna is a Jedi. She picked up her")
>>> trace.top(1)[0][0]
' lightsaber'
>>> one = workings.knock_out(trace, "blocks.2.attn.z", head=0)
>>> one.top(1)[0][0]
' lightsaber'
>>> workings.knock_out(one, "blocks.3.attn.z", head=1).top(1)[0][0]  # which stood in for the other
' knife'
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from workings.anatomy.cells import WHOLE, Place, Positions, places
from workings.engine.trace import Trace
from workings.errors import InputError

Array = np.ndarray
KINDS = ("zero", "mean")
By = str | Trace | Sequence[Trace] | Array | float


def knock_out(trace: Trace, name: str, head: int | None = None, positions: Positions = None, by: By = "zero") -> Trace:
    """A new trace in which a part of a table is replaced by what says nothing about this prompt.

    `name` is any table with rows of tokens: `blocks.1.attn.z` with `head=3` is what that head found, `blocks.1.mlp_out`
    what an MLP wrote. `positions` are whole numbers or a slice; all unless given, those of tokens to come too. `by` is

    - `"zero"`: nothing at all. Simple, but a part that is 0 may be further from anything the model has met than no part.
    - `"mean"`: the mean row of this very table over all positions of this trace. Keeps the usual size and forgets which
      position it is; of few tokens it is a poor mean.
    - a list of traces: their mean, position by position, as Wang et al. do; all must have as many tokens as this one.
    - a trace of another prompt of as many tokens: its numbers ("resampling": usual numbers, but of another prompt).
    - an array that fits the cells, or a number, such as a mean that you have over a whole corpus.

    What it means: what the model makes of the prompt with that part replaced. What it does not mean: that the part does
    by itself what is lost, or does nothing where nothing is lost; others may stand in for it (McGrath et al. 2023,
    The Hydra Effect). It is an ordinary edit: saved, replayed and shown as all edits are.

    Sources: Olsson et al. 2022 (zero); Wang et al. 2022, section 3.1 (mean); Chan et al. 2022, Causal Scrubbing (other prompts).

    Raises `InputError` where nothing would change, since the cells hold these numbers already, or where prompts have
    different lengths; `UnknownTable`; `OutsideTable` for a head or position that there is none of.
    """
    if trace.table(name).columns_are_positions and isinstance(by, str) and by == "mean":
        raise InputError(
            f"{name} holds one number for each pair of tokens, which has no mean; take the numbers of another prompt, or knock out z"
        )
    numbers, new, changed = trace[name], trace, False
    for place in places(trace, name, head, positions):
        amount = _amount(name, numbers, place, by)
        new = new.edit(name, place, value=amount)
        changed = changed or bool((numbers[place] != np.asarray(amount, trace.dtype)).any())
    if not changed:
        raise InputError(
            f"knocking out these cells of {name} would change nothing: they hold these very numbers already"
        )
    return new


def _amount(name: str, numbers: Array, place: Place, by: By) -> Any:
    """What the cells at a place are replaced by; a row that is to stand at every position stays one row."""
    if isinstance(by, str):
        if by not in KINDS:
            raise InputError(
                f"by is {' or '.join(map(repr, KINDS))}, a trace, a list of traces or numbers; {by!r} came"
            )
        return 0.0 if by == "zero" else mean_row(numbers, place)
    if not isinstance(by, Trace | Sequence):
        return by
    others = [by] if isinstance(by, Trace) else [other for other in by if isinstance(other, Trace)]
    if not others or (isinstance(by, Sequence) and len(others) < len(by)):
        return by
    for other in others:
        if len(other) != numbers.shape[-2]:
            raise InputError(
                f"{name} of another prompt has {len(other)} rows ({'|'.join(other.tokens)}) and here there are {numbers.shape[-2]}; both prompts need "
                "as many tokens (or take the mean over all positions)"
            )
    return np.mean([other[name][place] for other in others], axis=0)


def mean_row(numbers: Array, place: Place) -> Array:
    """The mean row over all positions of a table's numbers [..., pos, columns], for the heads of a place [..., 1, columns]."""
    return np.asarray(numbers.mean(axis=-2, keepdims=True)[(*place[:-2], WHOLE, WHOLE)])


__all__ = ["knock_out"]

"""Steering: directions to push the residual stream in, and how hard one has to push.

Sources: Turner et al. 2023, Steering Language Models With Activation Engineering (a pair of prompts); Rimsky et al. 2024,
Steering Llama 2 via Contrastive Activation Addition, section 3 (the mean over many pairs); Templeton et al. 2024, Scaling
Monosemanticity (features of sparse autoencoders).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from workings.checkpoints.model import Model, Prompt
from workings.engine.checks import is_number, is_whole, position_in
from workings.engine.trace import Trace
from workings.errors import InputError, NotReached, OutsideTable, TooLarge
from workings.models.sae import row_width, rows_read

Array = np.ndarray

STEPS = 48
"""Strengths that are tried on the way up, before the first that works is narrowed down."""


@dataclass(frozen=True, eq=False)
class SteeringVector:
    """A direction in a table: `trace.steer` takes it as it takes a feature."""

    vector: Array = field(repr=False)
    """[d]; of a table of heads, [head*d_head]."""
    table: str
    n_pairs: int


def steering_vector(
    model: Model, pairs: Sequence[tuple[Prompt, Prompt]], table: str, position: int = -1
) -> SteeringVector:
    """The mean difference that an idea makes: over pairs (a prompt with it, a prompt without), in a table [pos, d] (or
    [head, pos, d_head], whose heads are taken side by side) at `position`.

    `table` is one such as `blocks.2.resid_post`. What it means: the prompts of the first kind lie there from those of the second,
    on average. What it does not mean: that the idea is all that they differ in. Source: Rimsky et al. 2024, section 3. Raises `InputError` for no pairs, a table of
    another shape, and where the two kinds do not differ at all; `UnknownTable`; `OutsideTable` for a position outside a prompt.
    """
    if isinstance(pairs, str) or not isinstance(pairs, Sequence):
        raise InputError(f'pairs is a list of two prompts each, such as [("a Jedi", "a chef")]; {pairs!r:.80} came')
    if not len(pairs):
        raise InputError("a steering vector needs at least one pair of prompts: one with the idea, one without")
    if any(isinstance(pair, str) or not isinstance(pair, Sequence) or len(pair) != 2 for pair in pairs):
        raise InputError('each pair is two prompts, one with the idea and one without: [("a Jedi", "a chef"), ...]')
    differences = [
        _row(model, have, table, position) - _row(model, have_not, table, position) for have, have_not in pairs
    ]
    vector = np.mean(differences, axis=0)
    if not vector.any():
        raise InputError(
            f"the prompts of all pairs are the same in {table} at position {position}, so there is no direction"
        )
    return SteeringVector(vector, table, len(pairs))


def _row(model: Model, prompt: Prompt, table: str, position: int) -> Array:
    trace = model.trace(prompt, "float64")
    if row_width(trace.table(table)) is None:
        raise InputError(
            f"{table} has shape {list(trace.shape(table))}; only a table of one row a token, [pos, d] or [head, pos, d_head], "
            "can be steered"
        )
    at = position_in(position, len(trace))
    return rows_read(trace.rows(table, at, at + 1))[0]


@dataclass(frozen=True)
class Flip:
    """The smallest strength found at which a token comes first."""

    strength: float
    trace: Trace
    """The steered trace."""
    before: tuple[str, float]
    """The likeliest token without steering, and its share."""
    after: tuple[str, float]


def smallest_strength(
    trace: Trace,
    what: Any,
    token: int | str | None = None,
    layer: int | None = None,
    positions: Any = None,
    most: float = 64.0,
    precision: float = 0.01,
    progress: Callable[[float], object] | None = None,
) -> Flip:
    """The smallest strength up to `most` at which `token` (any other than now, if not given) comes first after the prompt.

    `what`, `layer` and `positions` are those of `trace.steer`. Strengths are tried upwards in even steps of `most / 48`, and the
    first that works is narrowed down to `precision`; a narrow band of strengths that work below it can be missed.
    A negative `most` looks in the other direction. `progress` is told each strength before it is tried, and may raise to end the
    search. Strengths that make numbers overflow are left out. Raises `NotReached` where no strength works, with what came nearest, and where the token comes first as it is;
    `InputError` and `OutsideTable` as `trace.steer` does.
    """
    if not is_number(most) or not math.isfinite(most) or most == 0:
        raise InputError(f"most, the strength up to which to look, is a number other than 0; {most!r:.80} came")
    if not is_number(precision) or not precision > 0:
        raise InputError(f"precision is a number above 0; {precision!r:.80} came")
    d_vocab = trace.shape("logits")[-1]
    if token is not None and not isinstance(token, str) and not (is_whole(token) and 0 <= token < d_vocab):
        raise OutsideTable(f"there is no token {token!r:.80}: they run from 0 to {d_vocab - 1}")
    wanted = trace.token_id(token) if isinstance(token, str) else token
    first = trace.top_ids(1)[0][0]
    if wanted == first:
        raise NotReached(f"{trace.spell(first)!r} comes first already, so nothing has to be steered")

    def steered(strength: float) -> tuple[Trace, bool]:
        if progress:
            progress(strength)
        new = trace.steer(what, strength, layer, positions)
        winner = new.top_ids(1)[0][0]
        return new, winner != first if wanted is None else winner == wanted

    low, high = _bracket(steered, most, trace, wanted, precision)
    while abs(high - low) > precision and (middle := (low + high) / 2) not in (low, high):
        low, high = (low, middle) if steered(middle)[1] else (middle, high)
    flipped = steered(high)[0]
    return Flip(high, flipped, trace.top(1)[0], flipped.top(1)[0])


def _bracket(steered: Any, most: float, trace: Trace, wanted: int | None, precision: float) -> tuple[float, float]:
    """The last strength that does not work and the first that does."""
    nearest, last, end = (0.0, 0.0), most, ""
    for step in range(1, STEPS + 1):
        strength = most * step / STEPS
        try:
            new, works = steered(strength)
        except TooLarge:
            if step == 1 and abs(strength) > precision:  # whatever can be worked out lies below
                return _bracket(steered, strength, trace, wanted, precision)
            last, end = most * (step - 1) / STEPS, f" ({strength:g} is too large for {trace.dtype})"
            break
        if works:
            return most * (step - 1) / STEPS, strength
        if wanted is not None:
            nearest = max(nearest, (float(new.rows("probabilities", -1)[0, wanted]), strength))
    goal = "another token" if wanted is None else repr(trace.spell(wanted))
    came = "" if wanted is None else f"; its share was largest, {nearest[0]:.1%}, at {nearest[1]:g}"
    raise NotReached(f"no strength up to {last:g}{end} brings {goal} to the first place{came}")

"""Who looks at whom: the strongest looks of attention heads, each as a sentence."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np

from workings.anatomy.heads import KINDS, HeadScores
from workings.display.words import quoted, whole_percent
from workings.engine.checks import is_number, is_whole, position_in
from workings.engine.trace import Trace
from workings.errors import InputError, OutsideTable

Array = np.ndarray

ITSELF, FIRST = "itself", "the first token"
WEAKEST = 0.05
"""What is told has at least this share, unless asked for otherwise."""
MOST_TOLD = 3


@dataclass(frozen=True)
class Seen:
    """What is looked at: its position, its text, and its share of the attention."""

    position: int
    token: str
    share: float


@dataclass(frozen=True)
class Look:
    """A head, a token that looks, and what it looks at, the largest share first. `str()` is the sentence.

    `habit` is the head's kind, where head scores were given and it has one.
    """

    block: int
    head: int
    position: int
    token: str
    at: tuple[Seen, ...]
    habit: str | None = None

    @property
    def share(self) -> float:
        """The largest share."""
        return self.at[0].share

    @property
    def place(self) -> tuple[int, int]:
        """The head that looks: its block, and its number there."""
        return self.block, self.head

    def __str__(self) -> str:
        at = ", ".join(f"{quoted(seen.token)} ({whole_percent(seen.share)})" for seen in self.at)
        habit = f"; on random tokens this head mostly {KINDS[self.habit]}" if self.habit else ""
        return f"block {self.block}, head {self.head}: {quoted(self.token)} looks at {at}{habit}"

    def to_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        at = [{"position": seen.position, "token": seen.token, "share": seen.share} for seen in self.at]
        own = {"block": self.block, "head": self.head, "position": self.position, "token": self.token}
        return {**own, "looks_at": at, "habit": self.habit, "sentence": str(self)}


def looks(
    trace: Trace,
    k: int | None = 10,
    block: int | None = None,
    head: int | None = None,
    position: int | None = None,
    leave_out: Collection[str] = (ITSELF, FIRST),
    at_least: float = WEAKEST,
    scores: HeadScores | None = None,
) -> list[Look]:
    """The `k` strongest looks of a prompt (all of them for None), strongest first: which token looks at which, by which head.

    One look a head and token: what it looks at most, and up to two more places with 5% or more. Where a token looks at
    itself or at the first one, as many heads do that find nothing, is left out unless `leave_out` says otherwise.
    `block`, `head` and `position` (of the token that looks) limit the search, and so does the share `at_least`. With `scores` from `head_scores`, a head
    that mostly does one thing has it told.

    What it means: how the shares of attention are given out. What it does not mean: that what is found there matters
    for the prediction, or in which way; attribution and knocking out show that.

    Raises `OutsideTable` for a block, head or position that there is none of, `InputError` for other words in `leave_out`.
    """
    if isinstance(leave_out, str) or not isinstance(leave_out, Collection):
        raise InputError(f"leave_out is a list of words, such as ({ITSELF!r},); {leave_out!r:.80} came")
    if unknown := set(leave_out) - {ITSELF, FIRST}:
        raise InputError(f"what is left out is {ITSELF!r} or {FIRST!r}; {sorted(unknown)[0]!r} came")
    if k is not None and (not is_whole(k) or k < 0):
        raise InputError(f"looks takes a number of looks of at least 0, or None for all; {k!r} came")
    if not is_number(at_least):
        raise InputError(f"at_least is a share, 0 to 1; {at_least!r:.80} came")
    found = [
        look
        for here in (range(n_blocks(trace)) if block is None else [checked("block", block, n_blocks(trace))])
        for look in _in_block(trace, here, k, head, position, leave_out, scores)
        if look.share >= at_least
    ]
    return sorted(found, key=lambda look: -look.share)[: len(found) if k is None else k]


def n_blocks(trace: Trace) -> int:
    """How many blocks with attention a trace has. Raises `InputError` where there are none."""
    names = set(trace.names())
    count = next(i for i in range(len(names) + 1) if pattern_name(i) not in names)
    if not count:
        raise InputError("who looks at whom needs a model with blocks.{i}.attn.pattern; this one has none")
    return count


def pattern_name(block: int) -> str:
    """The table of the shares of attention [head, query pos, key pos]."""
    return f"blocks.{block}.attn.pattern"


def checked(what: str, number: int, count: int) -> int:
    """The number of a block or a head, or an `OutsideTable` that says how many there are."""
    if not is_whole(number) or not 0 <= number < count:
        raise OutsideTable(f"there is no {what} {number}: this model has {count}, numbered 0 to {count - 1}")
    return int(number)


def _in_block(
    trace: Trace,
    block: int,
    k: int | None,
    head: int | None,
    position: int | None,
    leave_out: Collection[str],
    scores: HeadScores | None,
) -> list[Look]:
    n_heads = trace.shape(pattern_name(block))[0]
    heads = range(n_heads) if head is None else [checked("head", head, n_heads)]
    first = 0 if position is None else position_in(position, len(trace))
    # The fork keeps what is worked out for this and no longer.
    rows = trace.fork().rows(pattern_name(block), first, None if position is None else first + 1)  # [head, query, key]
    shares = _told(np.array(rows[list(heads)]), first, leave_out)
    strongest = shares.max(axis=-1)  # [head, query]
    order = np.argsort(-strongest, axis=None, kind="stable")[: strongest.size if k is None else k]
    tokens = trace.tokens
    return [
        _look(block, heads[place], first + query, shares[place, query], tokens, scores)
        for place, query in zip(*np.unravel_index(order, strongest.shape), strict=True)
        if strongest[place, query] >= 0
    ]


def _told(shares: Array, first: int, leave_out: Collection[str]) -> Array:
    """The shares that may be told [head, query, key]; -1 for what is left out, comes later, or is not a number."""
    queries, keys = first + np.arange(shares.shape[1])[:, None], np.arange(shares.shape[2])
    hidden = (keys > queries) & (shares == 0)  # an edit may let a token look ahead
    if ITSELF in leave_out:
        hidden |= keys == queries
    if FIRST in leave_out:
        hidden |= keys == 0
    return np.where(hidden | np.isnan(shares), -1.0, shares)


def _look(block: int, head: int, position: int, shares: Array, tokens: list[str], scores: HeadScores | None) -> Look:
    order = np.argsort(-shares, kind="stable")[:MOST_TOLD]
    at = tuple(
        Seen(int(key), tokens[key], float(shares[key]))
        for rank, key in enumerate(order)
        if rank == 0 or shares[key] >= WEAKEST
    )
    habit = None if scores is None else scores.kind_of(block, head)
    return Look(block, int(head), int(position), tokens[position], at, habit)


__all__ = ["FIRST", "ITSELF", "Look", "Seen", "looks"]

"""Where scores overflowed or are no numbers at all, no token is the likeliest, and whoever asks for one is told so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workings.display.words import spoken
from workings.errors import InputError

if TYPE_CHECKING:
    from workings.engine.trace import Trace

Array = np.ndarray

NO_NUMBERS = "No token is the likeliest here: an edit made these numbers overflow, or no numbers at all."


def has_likeliest(row: Array) -> bool:
    """Whether one of a row's scores (or shares) is the largest: none of them is NaN or infinite; -inf is a share of 0."""
    return bool(np.isfinite(row.max()))


def numbers_at(trace: Trace, table: str, position: int) -> Array:
    """The scores (or shares) of all tokens after a position [d_vocab]. Raises `InputError` where they are no numbers."""
    row = trace.rows(table, position, position % len(trace) + 1)[0]
    if has_likeliest(row):
        return row
    position %= len(trace)
    largest = f"a number too large for {trace.dtype}, which ends at {np.finfo(trace.dtype).max:.1e}, or a division by 0"
    why = f"an edit made them so ({largest})" if trace.edits else "the model's weights make them so"
    raise InputError(
        f"no token is the likeliest after {spoken(trace.tokens[position])} (position {position}): the {table} there "
        f"overflowed or are no numbers at all (NaN); {why}"
    )

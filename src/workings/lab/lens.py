"""The logit lens of a whole prompt: the likeliest token after every block at every position."""

from __future__ import annotations

import re

import numpy as np

from workings.anatomy.logit_lens import STREAM, lens_name
from workings.engine.trace import Trace
from workings.errors import InputError, OutsideTable
from workings.language.operations import softmax

Array = np.ndarray
ROWS_AT_ONCE = 32


def lens_streams(trace: Trace) -> list[str]:
    """The residual streams that the lens reads, in order."""
    streams = [name for name in trace.names() if STREAM.fullmatch(name) and lens_name(name) in trace]
    if not streams:
        raise InputError("this model has no residual streams that a logit lens could read")
    return streams


def likeliest(trace: Trace, stream: str) -> tuple[Array, Array]:
    """The likeliest token's id at every position and its share, read off one residual stream.

    The scores of a whole vocabulary are not kept: give a trace that is a fork of the one that is.
    """
    ids, shares = [], []
    for start in range(0, len(trace), ROWS_AT_ONCE):
        scores = trace.rows(lens_name(stream), start, min(start + ROWS_AT_ONCE, len(trace)))  # [pos, d_vocab]
        best = scores.argmax(axis=-1)
        ids.append(best)
        shares.append(np.asarray(softmax(scores))[np.arange(len(best)), best])
    return np.concatenate(ids), np.concatenate(shares)


def lens_row(trace: Trace, block: str, position: int) -> Array:
    """The share of every token as the next one, read off after a block (its number, or its stream's name)."""
    streams = lens_streams(trace)
    if re.fullmatch(r"\d{1,6}", block) and int(block) < len(streams):
        block = streams[int(block)]
    if block not in streams:
        raise OutsideTable(
            f"there is no block {block[:60]!r} for the lens; its blocks are 0 to {len(streams) - 1}, by number or by name, such as {streams[0]}"
        )
    if position >= len(trace):
        raise OutsideTable(f"the prompt has the positions 0 to {len(trace) - 1}; {position} came")
    return np.asarray(softmax(trace.rows(lens_name(block), position, position + 1)))[0]

"""The logit lens at one place: the share of every token after a block at a position."""

from __future__ import annotations

import re

import numpy as np

from workings.anatomy.logit_lens import lens_name, streams_read
from workings.engine.trace import Trace
from workings.errors import OutsideTable
from workings.language.operations import softmax

Array = np.ndarray


def lens_row(trace: Trace, block: str, position: int) -> Array:
    """The share of every token as the next one, read off after a block (its number, or its stream's name)."""
    streams = streams_read(trace)
    if re.fullmatch(r"\d{1,6}", block) and int(block) < len(streams):
        block = streams[int(block)]
    if block not in streams:
        raise OutsideTable(
            f"there is no block {block[:60]!r} for the lens; its blocks are 0 to {len(streams) - 1}, by number or by name, such as {streams[0]}"
        )
    if position >= len(trace):
        raise OutsideTable(f"the prompt has the positions 0 to {len(trace) - 1}; {position} came")
    return np.asarray(softmax(trace.rows(lens_name(block), position, position + 1)))[0]

"""Positions as a person writes them: `-1`, `0,3`, `1:4`."""

from __future__ import annotations

import re

import numpy as np

from workings.anatomy.cells import Positions
from workings.errors import InputError

_EDGES = re.compile(r"(-?\d+)?(:)?(-?\d+)?")


def positions_in(text: str | None) -> Positions:
    """`-1`, `0,3`, or `1:4` (1, 2 and 3); None for all of them. Raises `InputError`."""
    if text is None:
        return None
    parts = [_EDGES.fullmatch(part.strip()) for part in text.split(",")]
    if all(part and (part[1] or part[2]) for part in parts):
        if len(parts) == 1 and parts[0] and parts[0][2]:
            return slice(*(int(edge) if edge else None for edge in (parts[0][1], parts[0][3])))
        if not any(part and part[2] for part in parts):
            return [int(part[1]) for part in parts if part]
    raise InputError(f'positions are written as "-1", "0,3" or "1:4", which ends before 4; {text!r} came')


def numbered(positions: Positions, n_pos: int) -> list[int] | None:
    """Which positions of a prompt of `n_pos` tokens these are, as whole numbers from 0; None for all of them."""
    return None if positions is None else list(map(int, np.atleast_1d(np.arange(n_pos)[positions])))


def at_positions(text: str) -> str:
    """Where that is, in words: `at position 3`, `at positions 1:4`, `at the last position`."""
    if text.strip() == "-1":
        return "at the last position"
    return f"at position{'' if text.strip().lstrip('-').isdigit() else 's'} {text}"

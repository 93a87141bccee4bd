"""The sort of every character: letter, digit, space, other, or one that a sheet cannot split exactly."""

from __future__ import annotations

from bisect import bisect
from functools import cache
from importlib.resources import files

SORTS = ("letter", "digit", "space", "other", "unusable")
"""In a sheet a sort is its place in this list, counted from 1."""


@cache
def sort_table() -> tuple[list[int], list[int]]:
    """The first code points of the stretches of one sort, and their sorts as places in `SORTS`, counted from 0."""
    text = files("workings.workbook.tokens").joinpath("character_sorts.txt").read_text("utf-8")
    lines = [line.split() for line in text.splitlines() if not line.startswith("#")]
    return [int(start, 16) for start, _ in lines], [SORTS.index(sort) for _, sort in lines]


def sort_of(code: int) -> str:
    """The sort of the character with this code point."""
    starts, sorts = sort_table()
    return SORTS[sorts[bisect(starts, code) - 1]]

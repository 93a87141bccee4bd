"""Addresses of numbers as people type them: `logits[-1, Wednesday]`."""

from __future__ import annotations

import re
from collections.abc import Sequence

_BRACKETS = re.compile(r"(?P<name>[^\[\]]+?)\s*\[(?P<index>.*)\]\s*", re.DOTALL)
_COMMA = re.compile(r',(?=(?:[^"]*"[^"]*")*[^"]*$)')
"""A comma that stands outside of quotation marks."""


def split_address(words: Sequence[str]) -> tuple[str, list[str]]:
    """The table and the places of `name[1, 2, 3]`, of `name 1 2 3`, and of `name 1,2,3`; no places of a name alone.

    Inside brackets a place may be in quotation marks, `logits[-1, ","]`, and one that is left out stays: it is empty.
    """
    if found := _BRACKETS.fullmatch(" ".join(words)):
        return found["name"].strip(), _places(found["index"])
    name, *rest = words
    # A shell may have taken "[2," "4," "0]" apart.
    parts = [part.strip() for word in rest for part in word.strip("[] ").split(",")]
    return name, [part for part in parts if part]


def _places(index: str) -> list[str]:
    if not index.strip():
        return []
    return [part.strip() for part in (_COMMA.split(index) if index.count('"') % 2 == 0 else index.split(","))]

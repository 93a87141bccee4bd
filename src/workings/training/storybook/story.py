"""What a story is: its text, its determined words, and the combinations of words that it is made of."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b

Combination = tuple[str, ...]  # such as ("role", "Anna", "Jedi")

END_OF_TEXT = "<|endoftext|>"

# The best-known prompts are always held out: whoever types them sees understanding and not memory.
ALWAYS_HELD_OUT = frozenset(
    {
        ("role", "Anna", "Jedi"),
        ("adjective", "Mike", "quick"),
        ("will", "Damian", "orb"),
        ("carries", "student", "picked up"),
    }
)
ONE_IN = 8  # one combination in eight is held out

_MARK = re.compile(r"\[(\w+):([^\]]+)\]")


@dataclass(frozen=True)
class Slot:
    """A word whose place allows no other: `text[start:end]`, where start is the space before the word."""

    start: int
    end: int
    mechanism: str


@dataclass(frozen=True)
class Story:
    """A text, its determined words, and the combinations it is made of."""

    text: str
    slots: tuple[Slot, ...]
    combinations: frozenset[Combination]

    @property
    def held_out(self) -> bool:
        """Whether any combination in it is kept away from training."""
        return any(is_held_out(combination) for combination in self.combinations)


def mark(mechanism: str, word: str) -> str:
    """Write a determined word: mark("thing", "knife") gives "[thing:knife]"."""
    return f"[{mechanism}:{word}]"


def read_marks(marked: str, combinations: set[Combination]) -> Story:
    """Turn "He picked up [who:his] [thing:knife]." into plain text and its slots."""
    plain: list[str] = []
    slots: list[Slot] = []
    length = read = 0
    for found in _MARK.finditer(marked):
        before, word = marked[read : found.start()], found[2]
        length += len(before)
        slots.append(Slot(length - 1, length + len(word), found[1]))
        plain += before, word
        length += len(word)
        read = found.end()
    plain.append(marked[read:])
    return Story("".join(plain), tuple(slots), frozenset(combinations))


@cache
def is_held_out(combination: Combination) -> bool:
    """Whether a combination is kept away from training: a fixed one in eight, the same on every machine."""
    if combination in ALWAYS_HELD_OUT:
        return True
    return blake2b("|".join(combination).encode(), digest_size=8).digest()[0] % ONE_IN == 0

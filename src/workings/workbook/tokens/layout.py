"""Where things stand on the Tokens page, and how its formulas call them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from workings.workbook.page import Page, Value
from workings.workbook.references import cell, letters, span

PAGE = "Tokens"
FIRST_SLOT = 6
"""The column of the first character, byte or piece."""

STEP_ROWS = 4
"""A merge step takes four rows: pieces, tokens, ranks, and an empty one."""

TITLES, LABELS = 1, 5
"""Columns of what is said about the tokens and steps, and about the rows of slots."""

LOWEST, AT, JOINED = 2, 3, 4
"""Columns of the merge that follows a step: its place in the list, the cell of its left piece, the token that it makes."""

TEXT, MESSAGE, SUMMARY = (3, TITLES), (4, TITLES), (5, TITLES)
PANEL = 7
BYTES = PANEL + 13


@dataclass(frozen=True)
class Row:
    """A row of slots; `row[0]` is how formulas call its first slot."""

    number: int

    def __getitem__(self, slot: int) -> str:
        return f"{letters(FIRST_SLOT + slot)}{self.number + 1}"

    def fixed(self, slot: int) -> str:
        """The slot, for formulas all over the page."""
        return cell(self.number, FIRST_SLOT + slot, "rc")

    def first(self, slots: int) -> str:
        """The first so many slots."""
        return span(self.number, FIRST_SLOT, 1, slots)

    def beside(self, column: int) -> str:
        """A cell at the left of the slots."""
        return cell(self.number, column, "rc")


PLACE, CUT_AT, CHARACTER, CODE, SORT, RUN, LENGTH, NEXT, SIZE, FIRST = map(Row, range(PANEL + 2, PANEL + 12))
OWNER, NTH, BYTE, TOKEN = map(Row, range(BYTES + 2, BYTES + 6))

COUNTS = ("length", "wide", "characters", "over", "needed", "trouble", "merges", "last", "found")


@dataclass(frozen=True)
class Layout:
    """The page for a number of tokens and of slots (`room`)."""

    max_tokens: int
    room: int

    first_token = PANEL + 3
    count_cell = cell(PANEL, 2, "rc")
    text = cell(*TEXT, "rc")
    message = cell(*MESSAGE, "rc")

    @property
    def steps_top(self) -> int:
        """The row of the steps' heading."""
        return max(TOKEN.number, self.first_token + self.max_tokens - 1) + 2

    @property
    def first_step(self) -> int:
        """The row of the pieces before any merge."""
        return self.steps_top + 3

    @property
    def counts_top(self) -> int:
        """The row of the counts' heading, below everything else."""
        return self.first_step + STEP_ROWS * self.room

    def step(self, number: int) -> tuple[Row, Row, Row]:
        """The rows of a step: pieces, tokens, ranks."""
        pieces = self.first_step + STEP_ROWS * number
        return Row(pieces), Row(pieces + 1), Row(pieces + 2)

    def count_row(self, name: str) -> int:
        """The row of one of the counts."""
        return self.counts_top + 1 + COUNTS.index(name)

    def count(self, name: str) -> str:
        """How formulas call one of the counts."""
        return cell(self.count_row(name), 2, "rc")

    def last_tokens(self, place: str) -> str:
        """How formulas call one of the tokens after the last merge, which may be an empty cell; all of them for 0."""
        return f"INDEX({self._all_steps},{self.count('last')},{place})"

    @cached_property
    def _all_steps(self) -> str:
        return span(self.first_step + 1, FIRST_SLOT, STEP_ROWS * (self.room - 1) + 1, self.room)


def heading(page: Page, row: int, column: int, title: str, sentence: str) -> None:
    """Begin a part of the page: its title, and below it what happens there."""
    page.write(row, column, title, style="heading")
    page.write(row + 1, column, sentence, style="note")


def value_at(values: Sequence[Value], slot: int) -> Value:
    """The value of a slot; empty text after the last."""
    return values[slot] if slot < len(values) else ""


def shown(values: object) -> list[Value]:
    """The values as cells show them: empty text for None."""
    return ["" if value is None else value for value in values]  # type: ignore[attr-defined]

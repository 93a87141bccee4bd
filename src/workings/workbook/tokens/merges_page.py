"""The page "Merges": what the formulas of the page "Tokens" look up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from workings.workbook.page import Area, Block, Page
from workings.workbook.references import on_page, span
from workings.workbook.tokens.sorts import SORTS, sort_table
from workings.workbook.tokens.vocabulary import NO_TOKEN, Vocabulary

PAGE = "Merges"
_TOP = 4  # the first row of all tables


@dataclass(frozen=True)
class Lookups:
    """How formulas call the tables: columns of one height each."""

    joined: str  # by rank: the token that a merge makes
    pairs: str  # left * step + right of every merge, ascending, after a first one that is no pair
    ranks: str  # of those
    texts: str  # by token
    byte_tokens: str  # by byte
    sort_starts: str  # code points at which another sort of characters begins, ascending
    sorts: str  # of those, counted from 1
    added: str  # tokens that stand for themselves; meaningless if there are none
    vocabulary: Area  # the texts again, to be linked to


def merges_page(vocabulary: Vocabulary) -> tuple[Page, Lookups]:
    """Write down the vocabulary, the merges and the sorts of characters."""
    page = Page(PAGE, frozen=(_TOP, 0))
    page.write(0, 0, "What the tokens are made with", style="title")
    page.write(
        1,
        0,
        f"The merges in the order in which they were learnt; again as numbers left * {vocabulary.step} + right, sorted, "
        "to be found quickly; every token's text; and what sort of character stands where in Unicode.",
        style="note",
    )
    by_number = sorted((vocabulary.pair(*pair), rank) for pair, rank in vocabulary.ranks.items())
    merges = [(rank, *merge) for rank, merge in enumerate(vocabulary.merges)]
    starts, sorts = sort_table()

    _table(page, 0, ("merge", "left", "right", "makes"), merges)
    _table(page, 5, ("left and right", "merge"), [(-1, -1), *by_number])
    _table(page, 8, ("token",), [(token,) for token in range(len(vocabulary.texts))])
    page.write(_TOP - 1, 9, "text", style="heading")
    for token, text in enumerate(vocabulary.texts):
        page.write(_TOP + token, 9, text, style="piece")
    _table(page, 11, ("byte", f"token ({NO_TOKEN}: none)"), list(enumerate(vocabulary.bytes)))
    _table(page, 14, ("from code", "sort"), [(start, sort + 1) for start, sort in zip(starts, sorts, strict=True)])
    page.write(_TOP - 1, 16, ", ".join(f"{place} {sort}" for place, sort in enumerate(SORTS, 1)), style="label")
    page.write(_TOP - 1, 18, "tokens written as text", style="heading")
    for place, added in enumerate(vocabulary.added):
        page.write(_TOP + place, 18, added, style="piece")
    page.dress.append(lambda workbook, sheet: sheet.ignore_errors({"number_stored_as_text": "J1:S1048576"}))
    page.widths.update({5: 14, 9: 16, 12: 16, 16: 50, 18: 22})

    def column(number: int, height: int) -> str:
        return on_page(PAGE, span(_TOP, number, max(height, 1), 1))

    return page, Lookups(
        joined=column(3, len(merges)),
        pairs=column(5, len(by_number) + 1),
        ranks=column(6, len(by_number) + 1),
        texts=column(9, len(vocabulary.texts)),
        byte_tokens=column(12, len(vocabulary.bytes)),
        sort_starts=column(14, len(starts)),
        sorts=column(15, len(starts)),
        added=column(18, len(vocabulary.added)),
        vocabulary=Area(PAGE, _TOP, 9, len(vocabulary.texts)),
    )


def _table(page: Page, column: int, headings: tuple[str, ...], rows: Sequence[tuple[int, ...]]) -> None:
    for place, heading in enumerate(headings):
        page.write(_TOP - 1, column + place, heading, style="heading")
    if rows:
        page.blocks.append(Block(_TOP, column, np.array(rows, np.float64)))  # [row, column]

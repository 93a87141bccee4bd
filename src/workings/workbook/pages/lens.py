"""The page "Logit lens": after every block, for every token, what the model would say if it stopped there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from workings.readings.formula import Place
from workings.workbook.page import Area, Page
from workings.workbook.pages.tables import SHARES
from workings.workbook.pages.vocabulary import VocabularyPage
from workings.workbook.references import everywhere
from workings.workbook.tokens_read import TokensRead

Array = np.ndarray

PAGE = "Logit lens"
_SWITCH = (3, 1)
_TOP = 6


def lens_switch(formula: str) -> str:
    """A formula of the lens's numbers, which is worked out only while the lens is on."""
    return f"IF(lens_on,{formula},0)"


def lens_page(
    lenses: Mapping[str, Place],
    numbers: Mapping[str, Array] | None,
    vocabulary: VocabularyPage,
    tokens: TokensRead,
    n_slots: int,
) -> Page:
    """The page. `lenses` maps each residual stream to where the logits lie that are read off it; `numbers` are those
    logits [used pos, d_vocab], or None where the lens is off at first."""
    page = Page(PAGE, frozen=(_TOP + 2, 1))
    page.widths |= {0: 24} | dict.fromkeys(range(1, n_slots + 1), 13)
    page.write(0, 0, "Logit lens", style="title")
    page.write(
        1,
        0,
        "After every block, for every token: the likeliest next token if the model stopped there, and its share.",
        style="note",
    )
    page.write(_SWITCH[0], 0, "lens on (1) or off (0)", style="label")
    page.write(*_SWITCH, int(numbers is not None), style="input whole")
    page.write(_SWITCH[0], 2, "for a large vocabulary it takes a while", style="note")
    page.name_area("lens_on", *_SWITCH)
    page.write(_TOP, 0, "token read", style="header")
    page.write(_TOP + 1, 0, "after", style="header")
    for position in range(n_slots):
        page.write(_TOP, 1 + position, *tokens.label(position), "header")
        page.write(_TOP + 1, 1 + position, position, style="number header")
    for number, (name, place) in enumerate(lenses.items()):
        row = _TOP + 2 + 2 * number
        page.write(row, 0, name, style="label")
        page.write(row + 1, 0, "share", style="note")
        for position in range(n_slots):
            _write_one(page, row, position, place, None if numbers is None else numbers[name], vocabulary)
    last = _TOP + 2 + 2 * len(lenses)

    def dress(_: Any, sheet: Any) -> None:
        for row in range(_TOP + 3, last, 2):
            sheet.conditional_format(row, 1, row, n_slots, SHARES)

    page.dress.append(dress)
    return page


def _write_one(
    page: Page, row: int, position: int, place: Place, logits: Array | None, vocabulary: VocabularyPage
) -> None:
    """The likeliest token after one block at one position, and below it its share."""
    scores = everywhere(Area(place.page, place.row, place.column + position, place.rows))
    on = f"AND(lens_on,token_count>{position})"
    token = f'IF({on},INDEX({everywhere(vocabulary.readable)},MATCH(MAX({scores}),{scores},0)),"")'
    share = f'IF({on},1/SUMPRODUCT(EXP({scores}-MAX({scores}))),"")'
    if logits is None or position >= len(logits):
        page.write(row, 1 + position, "", token, "label")
        page.write(row + 1, 1 + position, "", share, "share")
        return
    scored = logits[position].astype(np.float64)
    page.write(row, 1 + position, vocabulary.shown[int(scored.argmax())], token, "label")
    page.write(row + 1, 1 + position, float(1 / np.exp(scored - scored.max()).sum()), share, "share")

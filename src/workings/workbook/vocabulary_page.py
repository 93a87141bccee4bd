"""The page "Vocabulary": the text of every token, as it is and as a person reads it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from workings.workbook.page import Area, Block, Page

PAGE = "Vocabulary"
_TOP = 4


def vocabulary_page(texts: Sequence[str], shown: Sequence[str]) -> tuple[Page, Area, Area]:
    """The page, and where the texts stand on it: as they are, and readable."""
    page = Page(PAGE, frozen=(_TOP, 0))
    page.widths |= {0: 9, 1: 22, 2: 22}
    page.write(0, 0, "Vocabulary", style="title")
    page.write(
        1,
        0,
        "Every token that the model knows, by its number. Spaces are shown as ␣ in the first column of texts.",
        style="note",
    )
    for column, title in enumerate(("id", "readable", "as it is")):
        page.write(_TOP - 1, column, title, style="header")
    page.blocks.append(Block(_TOP, 0, np.arange(len(texts), dtype=np.float64)[:, None], style="ids"))
    for token_id, (text, readable) in enumerate(zip(texts, shown, strict=True)):
        page.write(_TOP + token_id, 1, readable, style="label")
        page.write(_TOP + token_id, 2, text, style="text")
    height = len(texts)
    return page, Area(PAGE, _TOP, 2, height), Area(PAGE, _TOP, 1, height)

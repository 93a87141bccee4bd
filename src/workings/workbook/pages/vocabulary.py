"""The page "Vocabulary": the text of every token, as it is and as a person reads it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from workings.display.words import visible
from workings.workbook.page import Area, Block, Page

if TYPE_CHECKING:
    from workings.checkpoints.model import Model

PAGE = "Vocabulary"
_TOP = 4


class VocabularyPage:
    """The texts of all tokens, the page that lists them, and where they stand on it.

    `texts` are the tokens as they are, `shown` with spaces to be seen; for a model without a tokenizer both are the
    token ids.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts, self.shown = texts, [visible(text) for text in texts]
        self.as_they_are = Area(PAGE, _TOP, 2, len(texts))
        self.readable = Area(PAGE, _TOP, 1, len(texts))

    @classmethod
    def of(cls, model: Model) -> VocabularyPage:
        """The vocabulary of a model."""
        size = model.config.d_vocab
        if model.tokenizer is None:
            return cls([str(number) for number in range(size)])
        known = min(model.tokenizer.n_tokens, size)
        unknown = [f"(token {number})" for number in range(known, size)]
        return cls([*model.tokenizer.token_strings(range(known)), *unknown])

    @cached_property
    def page(self) -> Page:
        """The page itself."""
        page = Page(PAGE, frozen=(_TOP, 0))
        page.widths |= {0: 9, 1: 22, 2: 22}
        page.write(0, 0, "Vocabulary", style="title")
        about = "Every token that the model knows, by its number. Where texts are readable, spaces are shown as ␣."
        page.write(1, 0, about, style="note")
        for column, title in enumerate(("id", "readable", "as it is")):
            page.write(_TOP - 1, column, title, style="header")
        page.blocks.append(Block(_TOP, 0, np.arange(len(self.texts), dtype=np.float64)[:, None], style="ids"))
        for token_id, (text, readable) in enumerate(zip(self.texts, self.shown, strict=True)):
            page.write(_TOP + token_id, 1, readable, style="label")
            page.write(_TOP + token_id, 2, text, style="text")
        return page

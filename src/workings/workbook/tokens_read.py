"""What the prompt became on the page of tokens, for all pages that name their rows by tokens."""

from __future__ import annotations

from workings.workbook.page import Area, Page, Value
from workings.workbook.references import everywhere
from workings.workbook.tokens import TokenPages


class TokensRead:
    """The tokens of the prompt: what they are now, and how formulas call them."""

    def __init__(self, pages: TokenPages) -> None:
        self.pages = pages
        used = range(int(_value(pages.tokens, pages.count)))
        self.ids = [int(_value(pages.tokens, pages.ids, row)) for row in used]
        self.texts = [str(_value(pages.tokens, pages.texts, row)) for row in used]
        self.message = str(_value(pages.tokens, pages.message))

    def label(self, position: int) -> tuple[str, str]:
        """A token's readable text, empty where there is none, and the formula for it."""
        text = self.texts[position] if position < len(self.texts) else ""
        return text, everywhere(self.pages.texts, position)

    def token_id(self, position: int) -> str:
        """How formulas call a token's id."""
        return everywhere(self.pages.ids, position)


def _value(page: Page, area: Area, row: int = 0) -> Value:
    return page.cells[area.row + row, area.column].value

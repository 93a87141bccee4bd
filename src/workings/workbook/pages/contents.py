"""The page "Contents": what this workbook is, how to read it, a picture of the model, and every page with a link."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from workings.workbook.page import Page, n_cells
from workings.workbook.references import cell, on_page

PAGE = "Contents"

HOW_TO_READ = (
    "Go to the page Prompt, type a text into the yellow cell, press Enter: the next token and everything on the way to it follow.",
    "Click any number: the bar above shows its formula. Each row of a table is one formula for one token of the prompt.",
    "The pages follow the text on its way: Tokens, Embeddings, one page for every block, Final norm, Next token.",
    "Numbers of what was learnt stand on the pages of weights. Change one, or any yellow cell, and see what becomes of it.",
    "Every table has the name that researchers use, which is a defined name of the workbook too (dots are underscores).",
)


def contents_page(title: str, about: str, pages: Sequence[tuple[Page, str]], stages: Sequence[tuple[str, str]]) -> Page:
    """The page. `pages` are all others, each with a sentence; `stages` the boxes of the picture, with their texts."""
    page = Page(PAGE)
    page.widths |= {0: 26, 1: 100, 2: 22}
    page.write(0, 0, title, style="title")
    page.write(1, 0, about, style="note")
    page.write(3, 0, "How to read it", style="heading")
    for row, sentence in enumerate(HOW_TO_READ, 4):
        page.write(row, 0, f"{row - 3}.", style="axis")
        page.write(row, 1, sentence, style="plain")
    top = 5 + len(HOW_TO_READ)
    for column, heading in enumerate(("Page", "What is there", "Cells")):
        page.write(top, column, heading, style="header")
    for row, (other, sentence) in enumerate(pages, top + 1):
        target = on_page(other.name, cell(0, 0))
        page.write(row, 0, other.name, f'HYPERLINK("#{target}","{other.name}")', "link")
        page.write(row, 1, sentence, style="plain")
        page.write(row, 2, n_cells(other), style="count")

    def dress(_: Any, sheet: Any) -> None:
        _draw(sheet, stages)

    page.dress.append(dress)
    return page


def _draw(sheet: Any, stages: Sequence[tuple[str, str]]) -> None:
    """The architecture: boxes from the prompt down to the next token."""
    height, gap, width = 58, 22, 330
    for number, (name, text) in enumerate(stages):
        top = number * (height + gap)
        sheet.insert_textbox(
            0,
            4,
            f"{name}\n{text}",
            {
                "x_offset": 20,
                "y_offset": 20 + top,
                "width": width,
                "height": height,
                "fill": {"color": "#EAF1F9"},
                "line": {"color": "#1F5FA8"},
                "align": {"vertical": "middle", "horizontal": "center"},
                "font": {"size": 10, "color": "#1F2933"},
                "url": f"internal:'{name}'!A1",
            },
        )
        if number + 1 < len(stages):
            sheet.insert_textbox(
                0,
                4,
                "↓",
                {
                    "x_offset": 20 + width // 2 - 12,
                    "y_offset": 20 + top + height - 2,
                    "width": 24,
                    "height": gap + 4,
                    "fill": {"none": True},
                    "line": {"none": True},
                    "align": {"vertical": "middle", "horizontal": "center"},
                    "font": {"size": 12, "color": "#1F5FA8"},
                },
            )

"""The pages of tables: every table of the model with its numbers, its formulas, its sentence and its links."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from workings.language.glossary import sentence
from workings.language.primitives import GIVEN
from workings.language.tables import Table, axis_labels
from workings.readings.formula import Formulas, Place
from workings.workbook.layout import LABELS, Layout, Sheet
from workings.workbook.page import Block, Page
from workings.workbook.references import cell, on_page, span
from workings.workbook.tokens_read import TokensRead

Array = np.ndarray
Adjust = Callable[[Table, int, int, str], str]
"""What surgery makes of a row's formula: given table, sheet, position and formula."""


def defined_name(name: str, sheet: int | None = None) -> str:
    """`blocks.0.attn.pattern` as a workbook's name, of one head or whole: `blocks_0_attn_pattern_head2`."""
    return name.replace(".", "_") + ("" if sheet is None else f"_head{sheet}")


class TableWriter:
    """Writes pages of tables, one after another."""

    def __init__(
        self,
        layout: Layout,
        numbers: Callable[[Table], Array],
        tokens: TokensRead,
        vocabulary: Sequence[str],
        adjust: Adjust,
    ) -> None:
        """`numbers` gives a table's numbers in the layout's size; `vocabulary` holds every token's readable text."""
        self.layout, self.numbers, self.tokens = layout, numbers, tokens
        self.vocabulary, self.adjust = vocabulary, adjust
        self.formulas = Formulas(layout.places, tokens.token_id, layout.n_slots)

    def page(self, sheet: Sheet) -> Page:
        """One page with all its tables."""
        page = Page(sheet.name, frozen=(0, LABELS))
        page.widths |= {0: 7, 1: 15} | dict.fromkeys(range(LABELS, LABELS + 64), 10)
        page.write(0, 0, sheet.name, style="title")
        page.write(1, 0, sheet.about, style="note")
        for table in sheet.tables:
            self._write(page, table)
        return page

    def _write(self, page: Page, table: Table) -> None:
        place = self.layout.places[table]
        numbers = self.numbers(table)
        self._write_head(page, table, place)
        self._label_rows(page, table, place)
        style = "score" if table.columns_are_positions else "number"
        lying = _as_it_lies(numbers, place)
        page.blocks.append(Block(place.row, place.column, lying, self._formulas_of(table, place), style))
        self._give_names(page, table, place)
        self._colour(page, table, place)

    # Around the numbers -------------------------------------------------------------------------------------------

    def _write_head(self, page: Page, table: Table, place: Place) -> None:
        assert table.name is not None
        top, left = place.row - 4, place.column if place.column > LABELS else 0
        page.write(top, left, table.name, style="heading")
        page.write(top + 1, left, sentence(table.name), style="note")
        self._write_sources(page, table, top + 1, left)
        labels = axis_labels(table.axes)
        across = labels[-2] if place.turned else labels[-1]
        for number in range(place.sheets):
            start = place.column + number * place.apart
            text = f"{labels[0]} {number}: {across}" if len(labels) > 2 else across
            if across != "1":
                page.write(top + 2, start, text, style="note")
            self._number_columns(page, table, place, top + 3, start)

    def _write_sources(self, page: Page, table: Table, row: int, left: int) -> None:
        """Links to the tables that this one follows from, right of its name."""
        for number, source in enumerate(sources_of(table)):
            place = self.layout.places.get(source)
            if place is not None and source.name is not None:
                target = on_page(place.page, cell(place.row - 4, 0 if place.column == LABELS else place.column))
                text = f"from {source.name}"
                page.write(row - 1, left + 4 + 3 * number, text, f'HYPERLINK("#{target}","{text}")', "link")

    def _number_columns(self, page: Page, table: Table, place: Place, row: int, start: int) -> None:
        axis = table.axes[-2] if place.turned else table.axes[-1]
        if axis.is_pos:
            for position in range(place.columns):
                page.write(row, start + position, *self.tokens.label(position), style="header")
        elif place.columns > 1:
            counted = np.arange(place.columns, dtype=np.float32)[None]
            page.blocks.append(Block(row, start, counted, style="ids"))

    def _label_rows(self, page: Page, table: Table, place: Place) -> None:
        """Numbers and words in front of the rows, unless a table to the left has put them there."""
        if place.column > LABELS or place.rows == 1:
            return
        axis = table.axes[-1] if place.turned else table.axes[-2]
        counted = np.arange(place.rows, dtype=np.float32)[:, None]
        page.blocks.append(Block(place.row, 0, counted, style="ids"))
        if axis.is_pos:
            for position in range(place.rows):
                page.write(place.row + position, 1, *self.tokens.label(position), style="label")
        elif axis.label == "d_vocab":
            for token_id in range(place.rows):
                page.write(place.row + token_id, 1, self.vocabulary[token_id], style="piece")

    # Names, colours, formulas -------------------------------------------------------------------------------------

    def _give_names(self, page: Page, table: Table, place: Place) -> None:
        assert table.name is not None
        if len(table.axes) < 3:
            page.name_area(defined_name(table.name), place.row, place.column, place.rows, place.columns)
            return
        for head in range(place.sheets):
            column = place.column + head * place.apart
            page.name_area(defined_name(table.name, head), place.row, column, place.rows, place.columns)

    def _colour(self, page: Page, table: Table, place: Place) -> None:
        """Blue for negative, white for 0, red for positive; shares from white to blue. Rows without a token are pale."""
        if table.primitive is GIVEN and place.rows * place.columns > 1 << 20:
            return  # colours of millions of numbers would slow every scroll
        last_word = (table.name or "").rsplit(".", 1)[-1]

        def dress(book: Any, sheet: Any) -> None:
            pale = book.add_format({"font_color": "#D5DCE4"})
            for number in range(place.sheets):
                column = place.column + number * place.apart
                first, last = (place.row, column), (place.row + place.rows - 1, column + place.columns - 1)
                if table.primitive is not GIVEN:
                    here = f"COLUMN()-{column}" if place.turned else f"ROW()-{place.row}"
                    unused = {
                        "type": "formula",
                        "criteria": f"={here}>token_count",
                        "format": pale,
                        "stop_if_true": True,
                    }
                    sheet.conditional_format(*first, *last, unused)
                area = span(place.row, column, place.rows, place.columns)
                scale = dict(SHARES if last_word in OF_SHARES else _signed(area, last_word))
                if table.columns_are_positions:  # what is masked gets no colour
                    rows = range(min(place.rows, place.columns))
                    scale["multi_range"] = " ".join(span(place.row + r, column, 1, r + 1, "") for r in rows)
                sheet.conditional_format(*first, *last, scale)

        page.dress.append(dress)

    def _formulas_of(self, table: Table, place: Place) -> dict[tuple[int, int], tuple[str, int, int]]:
        if table.primitive is GIVEN:
            return {}

        def refer(there: Place) -> str:
            text = span(there.row, there.column, there.rows, there.columns)
            return text if there.page in (place.page, "") else on_page(there.page, text)

        made = {}
        for number in range(place.sheets):
            for position in range(self.layout.n_slots):
                formula = self.formulas.row(table, number, position, refer)
                formula = self.adjust(table, number, position, formula)
                text = f"IF(token_count>{position},{formula},0)"
                where = (0, position) if place.turned else (position, number * place.apart)
                made[where] = (text, place.rows, 1) if place.turned else (text, 1, place.columns)
        return made


OF_SHARES = ("pattern", "probabilities")
BLUE, WHITE, RED = "#6BA3D6", "#FFFFFF", "#E58B6B"

SHARES: Mapping[str, Any] = {
    "type": "2_color_scale",
    "min_color": WHITE,
    "max_color": BLUE,
    "min_type": "num",
    "min_value": 0,
    "max_type": "num",
    "max_value": 1,
}


def _signed(area: str, last_word: str) -> Mapping[str, Any]:
    """A colour scale around 0, as wide as the largest number; masked scores do not count."""
    widest = "8" if last_word == "scores" else f"MAX(MAX({area}),-MIN({area}),0.000000001)"
    return {
        "type": "3_color_scale",
        "min_color": BLUE,
        "mid_color": WHITE,
        "max_color": RED,
        "min_type": "formula",
        "min_value": f"=-{widest}",
        "mid_type": "num",
        "mid_value": 0,
        "max_type": "formula",
        "max_value": f"={widest}",
    }


def sources_of(table: Table) -> list[Table]:
    """The named tables and weights that a table's formula reads, each once, in the order of reading."""
    found: list[Table] = []
    todo = list(reversed(table.inputs))
    while todo:
        before = todo.pop()
        if before.name is not None:
            if before not in found:
                found.append(before)
        else:
            todo.extend(reversed(before.inputs))
    return found


def _as_it_lies(numbers: Array, place: Place) -> Array:
    """A table's numbers as one rectangle: sheets side by side, turned where its place is."""
    if place.turned:
        numbers = numbers.swapaxes(-1, -2)
    if numbers.ndim == 2:
        return numbers
    sheets, rows, columns = numbers.shape
    return numbers.transpose(1, 0, 2).reshape(rows, sheets * columns)

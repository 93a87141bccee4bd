"""The page "Edits": what was changed in tables number by number, and how that gets into their formulas."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np

from workings.engine.edits import Edit, spelled
from workings.errors import WorkbookError
from workings.language.glossary import sentence
from workings.language.tables import Table, axis_labels
from workings.readings.formula import Place
from workings.workbook.layout import is_scored_tokens
from workings.workbook.operations import Changed
from workings.workbook.page import MOST_COLUMNS, MOST_ROWS, Block, Page
from workings.workbook.references import cell, on_page, span
from workings.workbook.tokens_read import TokensRead

Array = np.ndarray

PAGE = "Edits"
LABELS = 2
"""Columns in front of the numbers, no more than in front of a table's: so whatever row fits there fits here."""
LISTED = 20
ELSEWHERE = "One vector added after one block, and whole heads and MLPs turned down, stand on the page Surgery; all others below."
NEUTRAL = {"times": 1.0, "plus": 0.0}
HOW = (
    "Every row named here follows by its formula, then each of its numbers is multiplied by the one in the line “times”,",
    "and the one in the line “plus” is added. Where times is 1 and plus is 0 the formula stands as it is; times 0 and plus 14",
    "set a number to 14, whatever the formula gives. Yellow cells are yours; what differs from 1 and 0 is bold.",
)


class EditsPage:
    """Writes the page and knows its cells.

    A row that is edited has two lines, “times” and “plus”, each as long as the row; rows with the same edit share them. Of a
    table that lies turned they are columns. `next_token` is what the prompt leads to at first, with its share.
    """

    def __init__(
        self,
        tables: Mapping[Table, Place],
        changed: Sequence[Changed],
        edits: Iterable[Edit],
        tokens: TokensRead,
        vocabulary: Sequence[str],
        next_token: tuple[str, float],
    ) -> None:
        self.tables = {table.name or "": (table, place) for table, place in tables.items()}
        self.tokens, self.vocabulary = tokens, vocabulary
        self.lines: dict[tuple[str, int, int], tuple[str, str]] = {}
        self.written = 0
        self.page = Page(PAGE, frozen=(0, LABELS))
        self.page.widths |= {0: 44, 1: 12} | dict.fromkeys(range(LABELS, LABELS + 64), 10)
        top = self._write_head(list(edits), next_token)
        for name, alike in groupby(changed, lambda one: one.name):
            top = self._write_table(top, *self.tables[name], list(alike))

    # In the formulas ----------------------------------------------------------------------------------------------

    def adjust(self, table: Table, sheet: int, position: int, formula: str) -> str:
        """A row's formula with what this page does to it."""
        lines = self.lines.get((table.name or "", sheet, position))
        if lines is None:
            return formula
        times, plus = lines
        if table.columns_are_positions:  # what no token uses stays as it is
            used = f"COLUMN({span(0, 0, 1, self.tables[table.name or ''][1].columns)})<=token_count"
            times, plus = f"IF({used},{times},1)", f"IF({used},{plus},0)"
        return f"({formula}*{times}+{plus})"

    # On the page --------------------------------------------------------------------------------------------------

    def _write_head(self, edits: Sequence[Edit], next_token: tuple[str, float]) -> int:
        """What the page is, the outcome, and the edits in words. Gives the row where tables may begin."""
        page = self.page
        page.write(0, 0, "Edits", style="title")
        page.write(1, 0, "What was changed in tables, number by number. Change it further, or undo it.", style="note")
        page.write(3, 0, "next token", style="label")
        page.write(3, 1, next_token[0], "next_token", style="answer")
        page.write(3, 2, next_token[1], "next_token_share", style="share")
        page.write(5, 0, "How it works", style="heading")
        for row, text in enumerate(HOW, 6):
            page.write(row, 0, text)
        top = 7 + len(HOW)
        page.write(top, 0, "What was changed", style="heading")
        page.write(top, 2, ELSEWHERE, style="note")
        said = [in_words(edit) for edit in edits[:LISTED]]
        if len(edits) > LISTED:
            said.append(f"and {len(edits) - LISTED:,} more")
        for row, text in enumerate(said, top + 1):
            page.write(row, 0, text)
        return top + len(said) + 2

    def _write_table(self, top: int, table: Table, place: Place, changed: Sequence[Changed]) -> int:
        """The lines of one table. Gives the row where the next may begin."""
        assert table.name is not None
        self._check(table, place, top, len(changed))
        self.page.write(top, 0, table.name, style="heading")
        self.page.write(top + 1, 0, sentence(table.name), style="note")
        if place.turned:
            self._write_row_labels(top + 5, table, place)
        else:
            self._write_column_labels(top + 2, table, place)
        for number, one in enumerate(changed):
            self.written += 1
            at = (top + 5, LABELS + 2 * number) if place.turned else (top + 3 + 2 * number, LABELS)
            self._write_lines(at, table, place, one)
        return top + 6 + place.rows if place.turned else top + 4 + 2 * len(changed)

    def _check(self, table: Table, place: Place, top: int, count: int) -> None:
        wide, high = (2 * count, place.rows) if place.turned else (place.columns, 2 * count)
        for needed, limit, what in (
            (top + 6 + high, MOST_ROWS, "rows"),
            (LABELS + wide, MOST_COLUMNS, "columns"),
        ):
            if needed > limit:
                raise WorkbookError(
                    f"the edits of {table.name} need {needed:,} {what} of the page {PAGE}, and a sheet has {limit:,}. "
                    "Edit fewer rows, or several in the same way, which share their lines."
                )

    def _write_column_labels(self, row: int, table: Table, place: Place) -> None:
        if table.columns_are_positions:
            for position in range(place.columns):
                self.page.write(row, LABELS + position, *self.tokens.label(position), style="header")
        elif place.columns > 1:
            self.page.blocks.append(Block(row, LABELS, np.arange(place.columns, dtype=np.float32)[None], style="ids"))

    def _write_row_labels(self, row: int, table: Table, place: Place) -> None:
        self.page.blocks.append(Block(row, 0, np.arange(place.rows, dtype=np.float32)[:, None], style="ids"))
        if is_scored_tokens(table):
            for number in range(place.rows):
                self.page.write(row + number, 1, self.vocabulary[number], style="piece")

    def _write_lines(self, at: tuple[int, int], table: Table, place: Place, one: Changed) -> None:
        """The two lines of one edit, their labels, and a link to the first number that is changed."""
        (row, column), turned = at, place.turned
        label = (row - 3, column) if turned else (row, 0)
        self.page.write(*label, *self._label(table, one), style="label")
        first = int(np.flatnonzero((one.times != 1) | (one.plus != 0))[0])
        target = on_page(PAGE, cell(row + first, column) if turned else cell(row, column + first))
        where = "" if len(one.times) == 1 else f"first changed: {first}"
        if where:
            self.page.write(label[0] + 1, label[1], where, f'HYPERLINK("#{target}","{where}")', "link")
        references = []
        for number, (word, neutral) in enumerate(NEUTRAL.items()):
            numbers = getattr(one, word)
            top, left = (row, column + number) if turned else (row + number, column)
            lying = numbers[:, None] if turned else numbers[None]
            self.page.write(*((row - 1, left) if turned else (top, 1)), word, style="number header")
            self.page.blocks.append(Block(top, left, lying, style="input number"))
            self.page.name_area(f"edits_{self.written}_{word}", top, left, *lying.shape)
            self._make_bold(top, left, lying.shape, neutral)
            references.append(on_page(PAGE, span(top, left, *lying.shape)))
        for position in one.positions:
            self.lines[one.name, one.sheet, position] = references[0], references[1]

    def _label(self, table: Table, one: Changed) -> tuple[str, str | None]:
        """Which rows these are; of a single one with its token."""
        head = f"{axis_labels(table.axes)[0]} {one.sheet}, " if len(table.axes) > 2 else ""
        if len(one.positions) > 1:
            return f"{head}positions {_runs(one.positions)}", None
        said = f"{head}position {one.positions[0]}  "
        text, formula = self.tokens.label(one.positions[0])
        return said + text, f'"{said}"&{formula}'

    def _make_bold(self, row: int, column: int, shape: tuple[int, ...], neutral: float) -> None:
        last = row + shape[0] - 1, column + shape[1] - 1

        def dress(book: Any, sheet: Any) -> None:
            bold = book.add_format({"bold": True, "bg_color": "#FFD98A"})
            sheet.conditional_format(
                row, column, *last, {"type": "cell", "criteria": "!=", "value": neutral, "format": bold}
            )

        self.page.dress.append(dress)


def in_words(edit: Edit) -> str:
    """An edit as a sentence: `blocks.2.attn.pattern[0, 13, 8] is set to 0`."""
    size = edit.amount.size
    amount = f"{edit.amount.item():.6g}" if size == 1 else f"{size:,} numbers"
    done = {"value": f"is set to {amount}", "add": f"has {amount} added", "scale": f"is multiplied by {amount}"}
    return f"{edit.name}{spelled(tuple(map(_plain, edit.index)))} {done[edit.kind]}"


def _plain(part: Any) -> Any:
    """A part of an index without NumPy's arrays and needless steps."""
    if isinstance(part, slice) and part.step == 1:
        return slice(part.start, part.stop)
    return part.tolist() if isinstance(part, np.ndarray) else part


def _runs(positions: Sequence[int]) -> str:
    """Positions in words: `0 to 3, 7`."""
    runs: list[list[int]] = []
    for position in positions:
        if runs and runs[-1][-1] == position - 1:
            runs[-1].append(position)
        else:
            runs.append([position])
    return ", ".join(f"{run[0]} to {run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in runs)

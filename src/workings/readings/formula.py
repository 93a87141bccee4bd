"""The `formula` reading: a table of the model as spreadsheet formulas, one array formula for each of its rows.

A row of a table is one formula, because that is how a language model works, token by token, and because rows that no
token uses then cost nothing. A table whose rows are longer than a sheet is wide lies *turned*: its rows run down.

The formulas use what Excel 2007 and LibreOffice 7 both know: MMULT, TRANSPOSE, SUM, MAX, LARGE, AVERAGE, EXP, TANH,
SQRT, NORMSDIST, INDEX, COLUMN, IF. Nothing spills: whoever writes them gives each the size of its row.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from workings.language.primitives import GIVEN, MASK, NUMBER
from workings.language.tables import Table


@dataclass(frozen=True)
class Place:
    """Where a table lies: the top left cell of its first sheet, and a sheet's size in cells as it lies.

    Sheets of a stack (heads) lie side by side, `apart` columns from one to the next. A `turned` table has its rows
    running down and its columns running across, so `rows` and `columns` count cells and not the table's own rows.
    """

    page: str
    row: int
    column: int
    rows: int
    columns: int
    turned: bool = False
    apart: int = 0
    sheets: int = 1

    def sheet(self, number: int) -> Place:
        """The place of one sheet of a stack."""
        return replace(self, column=self.column + number * self.apart, sheets=1) if self.sheets > 1 else self

    def side_by_side(self) -> Place:
        """All sheets as one rectangle; they must touch."""
        assert self.sheets == 1 or self.apart == self.columns, "sheets that do not touch are no rectangle"
        return replace(self, columns=self.sheets * self.columns, sheets=1)

    def part(self, row: int, column: int, rows: int, columns: int) -> Place:
        """A smaller rectangle, counted in the table's own rows and columns."""
        if self.turned:
            row, column, rows, columns = column, row, columns, rows
        return replace(self, row=self.row + row, column=self.column + column, rows=rows, columns=columns, sheets=1)


Refer = Callable[[Place], str]
"""How a place is written in a formula on the page where the formula will stand."""

WHOLE = None
"""Instead of a row number: the whole table."""


@dataclass(frozen=True)
class Formulas:
    """Writes the formulas of a graph whose named tables have places.

    `token_id` gives the reference of the cell that holds the token id of a position.
    """

    places: Mapping[Table, Place]
    token_id: Callable[[int], str]
    n_pos: int

    def row(self, table: Table, sheet: int, position: int, refer: Refer) -> str:
        """The formula of one row of one sheet of a table, lying as its place says, without the "=" in front."""
        return _Writer(self, refer, sheet).made(table, position, self.places[table].turned)


class NoFormula(Exception):
    """A step that has no formula unless the table it reads has a place of its own."""

    def __init__(self, table: Table) -> None:
        super().__init__(f"{table} needs a place of its own before it can be read by a formula")
        self.table = table


SIGNS = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/"}
ALONG_ROW = {"row_sum": "SUM", "row_max": "MAX", "row_mean": "AVERAGE"}
BY_NUMBER = {"exp": "EXP", "tanh": "TANH", "sqrt": "SQRT"}


class _Writer:
    """Writes the formula of one row: it knows from which page and for which sheet."""

    def __init__(self, formulas: Formulas, refer: Refer, sheet: int) -> None:
        self.formulas, self.refer, self.sheet = formulas, refer, sheet

    def read(self, table: Table, row: int | None, turned: bool) -> str:
        """A row of a table (or the whole), from its place if it has one."""
        if table.primitive is NUMBER:
            value = table.options["value"]
            return repr(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)
        place = self.formulas.places.get(table)
        if place is None:
            return self.made(table, row, turned)
        place = place.sheet(self.sheet if len(table.axes) > 2 else 0)
        if row is not WHOLE and len(table.axes) > 1:
            row = 0 if table.axes[-2].size == 1 else row
            place = place.part(row, 0, 1, place.rows if place.turned else place.columns)
        return self._laid(place, turned)

    def _laid(self, place: Place, turned: bool) -> str:
        text = self.refer(place)
        return text if place.turned == turned or place.rows == place.columns == 1 else f"TRANSPOSE({text})"

    def made(self, table: Table, row: int | None, turned: bool) -> str:
        """A row of a table (or the whole), from what it follows from."""
        kind = table.primitive.name
        if kind in SIGNS:
            a, b = (self.read(t, row, turned) for t in table.inputs)
            return f"({a}{SIGNS[kind]}{_signed(b)})"
        if kind in BY_NUMBER:
            return f"{BY_NUMBER[kind]}({self.read(table.inputs[0], row, turned)})"
        if kind in ALONG_ROW:
            if row is WHOLE:
                raise NoFormula(table)
            return f"{ALONG_ROW[kind]}({self.read(table.inputs[0], row, turned)})"
        write = getattr(self, f"_{kind}", None)
        assert write is not None, f"the formula reading does not know the primitive {kind}"
        return write(table, row, turned)

    def _erf(self, table: Table, row: int | None, turned: bool) -> str:
        """By the bell curve's area, since Excel's own ERF takes no arrays."""
        return f"(2*NORMSDIST({math.sqrt(2)!r}*{self.read(table.inputs[0], row, turned)})-1)"

    def _maximum(self, table: Table, row: int | None, turned: bool) -> str:
        a, b = (self.read(t, row, turned) for t in table.inputs)
        return f"IF({a}>{_signed(b)},{a},{b})"

    def _greater(self, table: Table, row: int | None, turned: bool) -> str:
        a, b = (self.read(t, row, turned) for t in table.inputs)
        return f"IF({a}>{_signed(b)},1,0)"

    def _largest(self, table: Table, row: int | None, turned: bool) -> str:
        if row is WHOLE:
            raise NoFormula(table)
        x = self.read(table.inputs[0], row, turned)
        return f"(IF({x}=MAX({x}),1,0)/SUM(IF({x}=MAX({x}),1,0)))"

    def _kth_largest(self, table: Table, row: int | None, turned: bool) -> str:
        if row is WHOLE:
            raise NoFormula(table)
        return f"LARGE({self.read(table.inputs[0], row, turned)},{table.options['k']})"

    def _matmul(self, table: Table, row: int | None, turned: bool) -> str:
        a, b = table.inputs
        if turned:  # the product of turned tables, in turned order, is the turned product
            return f"MMULT({self.read(b, WHOLE, True)},{self._turned(a, row)})"
        return f"MMULT({self.read(a, row, False)},{self.read(b, WHOLE, False)})"

    def _turned(self, table: Table, row: int | None) -> str:
        """Turned as a whole, and not number by number."""
        if table in self.formulas.places:
            return self.read(table, row, True)
        return f"TRANSPOSE({self.read(table, row, False)})"

    def _transpose(self, table: Table, row: int | None, turned: bool) -> str:
        if row is WHOLE:
            return self.read(table.inputs[0], WHOLE, not turned)
        place = self.formulas.places.get(table.inputs[0])
        if place is None:
            raise NoFormula(table.inputs[0])
        place = place.sheet(self.sheet if len(table.axes) > 2 else 0)
        return self._laid(place.part(0, row, place.columns if place.turned else place.rows, 1), not turned)

    def _columns(self, table: Table, row: int | None, turned: bool) -> str:
        (x,) = table.inputs
        start, stop = table.options.get("start", 0), table.options.get("stop")
        if start == 0 and stop is None:
            return self.read(x, row, turned)
        place = self.formulas.places.get(x)
        if place is None:
            raise NoFormula(x)
        place = place.sheet(self.sheet if len(x.axes) > 2 else 0)
        wide, high = (place.rows, place.columns) if place.turned else (place.columns, place.rows)
        first, last, _ = slice(start, stop).indices(wide)
        part = place.part(row or 0, first, high if row is WHOLE else 1, last - first)
        return self._laid(part, turned)

    def _join(self, table: Table, row: int | None, turned: bool) -> str:
        place = self.formulas.places.get(table.inputs[0])
        if len(table.inputs) > 1 or place is None or place.turned:
            raise NoFormula(table.inputs[0])
        place = place.side_by_side()
        return self._laid(place if row is WHOLE else place.part(row, 0, 1, place.columns), turned)

    def _split(self, table: Table, row: int | None, turned: bool) -> str:
        place = self.formulas.places.get(table.inputs[0])
        if place is None:
            raise NoFormula(table.inputs[0])
        width = table.axes[-1].size or 0
        high = place.columns if place.turned else place.rows
        part = place.part(row or 0, self.sheet * width, high if row is WHOLE else 1, width)
        return self._laid(part, turned)

    def _rows_of(self, table: Table, row: int | None, turned: bool) -> str:
        rows, which = table.inputs
        place = self.formulas.places.get(rows)
        if row is WHOLE or place is None:
            raise NoFormula(table if row is WHOLE else rows)
        width = place.rows if place.turned else place.columns
        if which.primitive.name == "positions":
            return self._laid(place.part(row, 0, 1, width), turned)
        if which.primitive is not GIVEN:
            raise NoFormula(which)
        number = f"{self.formulas.token_id(row)}+1"
        text = f"INDEX({self.refer(place)},{f'0,{number}' if place.turned else f'{number},0'})"
        return text if place.turned == turned else f"TRANSPOSE({text})"

    def _keep_past(self, table: Table, row: int | None, turned: bool) -> str:
        if row is WHOLE or turned:
            raise NoFormula(table)
        counted = f"COLUMN({self.refer(Place('', 0, 0, 1, self.formulas.n_pos))})"
        return f"IF({counted}<={row + 1},{self.read(table.inputs[0], row, turned)},{MASK:.0f})"


def _signed(text: str) -> str:
    """A negative number after a sign wants brackets."""
    return f"({text})" if text.startswith("-") else text

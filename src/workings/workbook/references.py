"""How cells are called in formulas: `B5`, `$B$5:$D$9`, `'Block 0'!$B$5`."""

from __future__ import annotations

from functools import cache

from workings.workbook.page import Area


@cache
def letters(column: int) -> str:
    """The letters of a column: A for 0, Z for 25, AA for 26."""
    before, last = divmod(column, 26)
    return (letters(before - 1) if before else "") + chr(ord("A") + last)


def cell(row: int, column: int, fixed: str = "") -> str:
    """One cell; `fixed` holds "r" and "c" for the row and column that get a `$`."""
    return f"{'$' * ('c' in fixed)}{letters(column)}{'$' * ('r' in fixed)}{row + 1}"


def span(row: int, column: int, rows: int, columns: int, fixed: str = "rc") -> str:
    """A rectangle of cells; one cell if it is no more."""
    first = cell(row, column, fixed)
    return first if rows == columns == 1 else f"{first}:{cell(row + rows - 1, column + columns - 1, fixed)}"


def on_page(page: str, reference: str) -> str:
    """The reference as another page writes it."""
    return "'" + page.replace("'", "''") + "'!" + reference


def everywhere(area: Area, row: int | None = None) -> str:
    """An area, or one row of it, as formulas on any page write it."""
    first, rows = (area.row, area.rows) if row is None else (area.row + row, 1)
    return on_page(area.page, span(first, area.column, rows, area.columns))

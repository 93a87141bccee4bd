"""What no spreadsheet could open is refused before anything is written, with the page, the place, the limit and what came.

Source: Microsoft, "Excel specifications and limits"; "Names in formulas". LibreOffice has the same limits or wider ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from workings.errors import WorkbookError
from workings.workbook.package.cells import NOT_IN_XML
from workings.workbook.package.styles import STYLES
from workings.workbook.page import MOST_CHARACTERS, MOST_COLUMNS, MOST_ROWS, Area, Block, Cell, Page
from workings.workbook.references import cell as reference

LONGEST_PAGE_NAME, LONGEST_NAME, LONGEST_TEXT, LONGEST_TEXT_IN_FORMULA = 31, 255, 32_767, 255
LARGEST_INTEGER = 1 << 53
"""Spreadsheets hold every number as a float64, which counts no further without gaps."""

_NOT_IN_PAGE_NAMES = re.compile(rf"[\[\]:*?/\\]|{NOT_IN_XML}")
_NAME = re.compile(r"[^\W\d][\w.]*")
_LIKE_A_CELL = re.compile(r"[A-Z]{1,3}\d+|R\d*(C\d*)?|C\d*", re.IGNORECASE | re.ASCII)
_TEXT_IN_FORMULA = re.compile(r'"((?:[^"]|"")*)"')
_NOT_IN_FORMULAS = re.compile(NOT_IN_XML)


def check(pages: Sequence[Page], names: Mapping[str, Area]) -> None:
    """Raise `WorkbookError` if a spreadsheet could not open these pages."""
    if not pages:
        raise WorkbookError("A workbook needs at least one page; none was given.")
    _check_page_names([page.name for page in pages])
    for page in pages:
        for (row, column), cell in page.cells.items():
            _check_cell(page, row, column, cell)
        for block in page.blocks:
            _check_block(page, block)
        _check_arrays(page)
    for name, area in all_names(pages, names).items():
        _check_name(name, area, {page.name for page in pages})


def all_names(pages: Sequence[Page], names: Mapping[str, Area]) -> dict[str, Area]:
    """The defined names of all pages and those beside them; each may stand once, whatever its case."""
    together: dict[str, Area] = {}
    seen: dict[str, str] = {}
    for source in [*(page.names for page in pages), names]:
        for name, area in source.items():
            if name.lower() in seen:
                raise WorkbookError(
                    f"The name {name!r} is defined twice (also as {seen[name.lower()]!r}); names in a workbook are unique, "
                    "whatever their case. Rename one."
                )
            seen[name.lower()], together[name] = name, area
    return together


def _units(text: str) -> int:
    """Characters as spreadsheets count them: those beyond U+FFFF twice."""
    return len(text) + sum(character > "\uffff" for character in text) if not text.isascii() else len(text)


def _check_page_names(names: Sequence[str]) -> None:
    seen: set[str] = set()
    for name in names:
        told = f"A page is named {name!r}, but a page's name"
        if not 1 <= _units(name) <= LONGEST_PAGE_NAME:
            raise WorkbookError(f"{told} has 1 to {LONGEST_PAGE_NAME} characters; this has {_units(name)}.")
        if found := _NOT_IN_PAGE_NAMES.search(name):
            raise WorkbookError(f"{told} may not hold []:*?/\\ or control characters; this holds {found[0]!r}.")
        if name.startswith("'") or name.endswith("'"):
            raise WorkbookError(f"{told} may not begin or end with an apostrophe.")
        if name.lower() == "history":
            raise WorkbookError(f"{told} may not be History, which Excel keeps for itself.")
        if name.lower() in seen:
            raise WorkbookError(f"{told} may stand only once in a workbook, whatever its case. Rename one.")
        seen.add(name.lower())


def _check_name(name: str, area: Area, pages: set[str]) -> None:
    told = f"The name {name!r} cannot be defined:"
    if area.page not in pages:
        raise WorkbookError(f"{told} it is for page {area.page!r}, which the workbook does not have.")
    _check_rectangle(f"{told} its area", area.row, area.column, area.rows, area.columns)
    if _units(name) > LONGEST_NAME:
        raise WorkbookError(f"{told} a name has at most {LONGEST_NAME} characters; this has {_units(name)}.")
    if not _NAME.fullmatch(name):
        raise WorkbookError(f"{told} a name is a letter or _, then letters, digits, _ and full stops.")
    if _LIKE_A_CELL.fullmatch(name) or name.lower() in ("true", "false"):
        raise WorkbookError(f"{told} spreadsheets would take it for a cell or a value. Put an underscore behind it.")


def _check_rectangle(told: str, row: int, column: int, rows: int, columns: int) -> None:
    if min(row, column) < 0 or min(rows, columns) < 1 or row + rows > MOST_ROWS or column + columns > MOST_COLUMNS:
        raise WorkbookError(
            f"{told} begins at row {row}, column {column} (counted from 0) with {rows:,} rows and {columns:,} columns, but "
            f"a page has {MOST_ROWS:,} rows and {MOST_COLUMNS:,} columns."
        )


def _check_style(told: str, style: str) -> None:
    if style not in STYLES:
        raise WorkbookError(f"{told} has the style {style!r}. Styles are: {', '.join(STYLES)}.")


def _check_cell(page: Page, row: int, column: int, cell: Cell) -> None:
    if not (0 <= row < MOST_ROWS and 0 <= column < MOST_COLUMNS):
        _check_rectangle(f"A cell of page {page.name!r}", row, column, 1, 1)
    told = f"Cell {reference(row, column)} of page {page.name!r}"
    _check_style(told, cell.style)
    _check_value(told, cell.value)
    if cell.formula is not None:
        _check_formula(told, cell.formula)
    if cell.array is not None:
        if cell.formula is None:
            raise WorkbookError(f"{told} has the size of an array formula, {cell.array}, but no formula.")
        _check_rectangle(f"{told}: its array formula", row, column, *cell.array)


def _check_value(told: str, value: object) -> None:
    if isinstance(value, str):
        if _units(value) > LONGEST_TEXT:
            raise WorkbookError(f"{told} holds {_units(value):,} characters; a cell holds at most {LONGEST_TEXT:,}.")
    elif isinstance(value, (int, np.integer)):
        if abs(int(value)) > LARGEST_INTEGER:
            raise WorkbookError(f"{told} holds {value}; spreadsheets count exactly only up to {LARGEST_INTEGER:,}.")
    elif isinstance(value, (float, np.floating)):
        if not np.isfinite(value):
            raise WorkbookError(f"{told} holds {value}; a spreadsheet has no such number. Use a very large one.")
    elif not isinstance(value, np.bool_):
        raise WorkbookError(f"{told} holds a {type(value).__name__}; a cell holds text, a number, or True or False.")


def _check_formula(told: str, formula: str) -> None:
    if not formula or formula.startswith("="):
        raise WorkbookError(f"{told} has the formula {formula!r}; one is given without the = in front, and not empty.")
    if _units(formula) > MOST_CHARACTERS:
        raise WorkbookError(
            f"{told} has a formula of {_units(formula):,} characters; a formula has at most {MOST_CHARACTERS:,}. "
            f"It begins {formula[:60]!r}."
        )
    if found := _NOT_IN_FORMULAS.search(formula):
        raise WorkbookError(f"{told} has {found[0]!r} in its formula, which no file can hold. Use CHAR.")
    if len(formula) > LONGEST_TEXT_IN_FORMULA:
        for text in _TEXT_IN_FORMULA.findall(formula):
            if _units(text.replace('""', '"')) > LONGEST_TEXT_IN_FORMULA:
                raise WorkbookError(
                    f"{told} has a text of {_units(text):,} characters in its formula; a text there has at most "
                    f"{LONGEST_TEXT_IN_FORMULA}. Join shorter ones with &, or put it in a cell. It begins {text[:60]!r}."
                )


def _check_block(page: Page, block: Block) -> None:
    values, place = block.values, f"of page {page.name!r}"
    if values.ndim != 2 or values.dtype.kind not in "fiu" or values.dtype.itemsize > 8:
        raise WorkbookError(
            f"A block {place} has shape {values.shape} and type {values.dtype}; it needs rows and columns of ordinary numbers."
        )
    if not values.size:
        return
    _check_rectangle(f"A block {place}", block.row, block.column, *values.shape)
    told = f"The block at {reference(block.row, block.column)} {place}"
    _check_style(told, block.style)
    for row, column in _unholdable(values):
        at = reference(block.row + row, block.column + column)
        raise WorkbookError(f"Cell {at} {place} holds {values[row, column]}, which a spreadsheet cannot hold exactly.")
    for (row, column), (formula, rows, columns) in block.formulas.items():
        told = f"Cell {reference(block.row + row, block.column + column)} {place}"
        _check_formula(told, formula)
        inside = row >= 0 and column >= 0 and row + rows <= len(values) and column + columns <= values.shape[1]
        if not inside or min(rows, columns) < 1:
            raise WorkbookError(
                f"{told} has an array formula of {rows} rows and {columns} columns, which reaches outside its block of "
                f"{values.shape[0]:,} rows and {values.shape[1]:,} columns."
            )


def _unholdable(values: np.ndarray) -> Iterator[tuple[int, int]]:
    """The first place of a number that a float64 or a file cannot hold, if there is one."""
    if values.dtype.kind == "f":
        with np.errstate(all="ignore"):
            total = values.sum()  # finite numbers unless it is not, and at the speed of memory
        if np.isfinite(total):
            return
        wrong = ~np.isfinite(values)
    else:
        wrong = (values > LARGEST_INTEGER) | (values < -LARGEST_INTEGER)
    for row, column in np.argwhere(wrong)[:1]:
        yield int(row), int(column)


def _check_arrays(page: Page) -> None:
    """Refuse array formulas that share a cell, and formulas inside an array formula: Excel would call the file damaged."""
    for block in page.blocks:
        taken = np.zeros(block.values.shape if block.formulas else (0, 0), bool)
        for (row, column), (_, rows, columns) in block.formulas.items():
            if taken[row : row + rows, column : column + columns].any():
                _refuse_shared(page, block.row + row, block.column + column)
            taken[row : row + rows, column : column + columns] = True
    covered: set[tuple[int, int]] = set()
    for (row, column), cell in page.cells.items():
        if cell.array:
            rows, columns = cell.array
            mine = {(row + r, column + c) for r in range(rows) for c in range(columns)}
            if not covered.isdisjoint(mine):
                _refuse_shared(page, row, column)
            covered |= mine - {(row, column)}
    for row, column in covered:
        if (row, column) in page.cells and page.cells[row, column].formula is not None:
            _refuse_shared(page, row, column)


def _refuse_shared(page: Page, row: int, column: int) -> None:
    raise WorkbookError(
        f"The formula at {reference(row, column)} of page {page.name!r} shares cells with an array formula. Keep them apart."
    )

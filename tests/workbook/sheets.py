"""Pages written as plainly as can be, and held against what LibreOffice makes of them."""

from __future__ import annotations

import os
from collections.abc import Iterable

import pytest
import xlsxwriter

from workings.errors import MissingExtra
from workings.workbook.office import CellValue, Office
from workings.workbook.page import Page


def start_office() -> Office:
    """Give LibreOffice; without it tests are skipped, but where all must run (CI) they fail."""
    try:
        return Office()
    except MissingExtra as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))


def write_pages(path: str | os.PathLike[str], pages: Iterable[Page], prompt: str) -> None:
    """Write pages to a file, with the prompt in the first cell of a page "Prompt"."""
    with xlsxwriter.Workbook(path) as book:
        book.add_worksheet("Prompt").write_string(0, 0, prompt)
        for page in pages:
            sheet = book.add_worksheet(page.name)
            for (row, column), cell in page.cells.items():
                if cell.formula is not None:
                    sheet.write_formula(row, column, "=" + cell.formula, None, cell.value)
                elif isinstance(cell.value, str):
                    sheet.write_string(row, column, cell.value)
                else:
                    sheet.write_number(row, column, cell.value)
            for block in page.blocks:
                for place, numbers in enumerate(block.values.tolist()):
                    sheet.write_row(block.row + place, block.column, numbers)
            for name, area in page.names.items():
                rows = f"${xlsxwriter.utility.xl_col_to_name(area.column)}${area.row + 1}"
                book.define_name(name, f"='{area.page}'!{rows}")
            for dress in page.dress:
                dress(book, sheet)


def differences(office: Office, page: Page) -> list[tuple[int, int, object, CellValue]]:
    """The cells whose value in the file is not what LibreOffice works out: row, column, the one and the other."""
    rows, columns = (max(place) + 1 for place in zip(*page.cells, strict=True))
    found = office.values(page.name, 0, 0, rows, columns)
    return [
        (row, column, cell.value, found[row][column])
        for (row, column), cell in sorted(page.cells.items())
        if found[row][column] != cell.value or type(found[row][column]) is bool
    ]

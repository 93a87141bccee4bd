"""Everything of the package but cells, made by XlsxWriter around sheets that are almost empty."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any
from zipfile import ZipFile

from workings.errors import WorkbookError
from workings.workbook.package.sheet import Sheet
from workings.workbook.package.styles import PLAIN, STYLES
from workings.workbook.page import MOST_COLUMNS, Area
from workings.workbook.references import cell as reference
from workings.workbook.references import on_page, span

ENGINE_OF_EXCEL = 191029
"""The number of the calculation engine of every Excel since 2019, which the file names as its own.

Excel works out a whole workbook when it opens one that asks for it (`fullCalcOnLoad`, which XlsxWriter sets) or that names an
older engine. Values are already right here, and working out a whole model takes minutes; so neither. What a person then
changes is worked out on, as in any workbook.
"""

MOST_COLUMNS_ON_PAPER = 40
"""Up to this many columns are printed side by side on one sheet of paper."""

_ROWS = re.compile(rb"<sheetData(?:/>|>(.*?)</sheetData>)", re.DOTALL)
_ROW = re.compile(rb'<row r="(\d+)"(?: spans="[^"]*")?([^>]*?)/?>')
_CELL = re.compile(rb'<c r="([A-Z]+\d+)"(?: s="(\d+)")?[^>]*?(/?)>')
_DIMENSION = re.compile(rb'<dimension ref="[^"]*"/>')
_CALCULATION = re.compile(rb"<calcPr[^>]*/>")


@dataclass(frozen=True)
class FramedSheet:
    """A sheet, what stands before and after its rows, and the attributes of rows that have some (a height, say)."""

    sheet: Sheet
    before: bytes
    after: bytes
    looks: dict[int, bytes]


@dataclass(frozen=True)
class Frame:
    """The parts of the package in their order, and the number of each style."""

    parts: dict[str, bytes | FramedSheet]
    styles: dict[str, int]


def make_frame(sheets: Sequence[Sheet], names: Mapping[str, Area]) -> Frame:
    """Have XlsxWriter write a workbook with these pages, but without their cells."""
    import xlsxwriter

    file = BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True, "default_format_properties": dict(PLAIN)}) as workbook:
        worksheets = [workbook.add_worksheet(sheet.page.name) for sheet in sheets]
        for style, column in _probes().items():
            worksheets[0].write_blank(0, column, None, workbook.add_format(PLAIN | STYLES[style]))
        for sheet, worksheet in zip(sheets, worksheets, strict=True):
            _furnish(workbook, worksheet, sheet)
        for name, area in names.items():
            rectangle = span(area.row, area.column, area.rows, area.columns)
            refused = workbook.define_name(name, "=" + on_page(area.page, rectangle)) == -1
            assert not refused, f"XlsxWriter refuses the name {name}"
    with ZipFile(file) as package:
        parts = {info.filename: package.read(info) for info in package.infolist()}
    return _taken_apart(parts, sheets)


def _probes() -> dict[str, int]:
    """A column at the far right for a cell in each style, from which its number can be read."""
    return {style: MOST_COLUMNS - 1 - index for index, style in enumerate(STYLES) if STYLES[style]}


def _furnish(workbook: Any, worksheet: Any, sheet: Sheet) -> None:
    for column, width in sheet.page.widths.items():
        worksheet.set_column(column, column, width)
    if any(sheet.page.frozen):
        worksheet.freeze_panes(*sheet.page.frozen)
    worksheet.set_landscape()
    if sheet.corners[3] < MOST_COLUMNS_ON_PAPER:
        worksheet.fit_to_pages(1, 0)
    everything = {"number_stored_as_text": sheet.dimension, "formula_differs": sheet.dimension}
    worksheet.ignore_errors(everything)  # no green corners at tokens such as "42"
    for dress in sheet.page.dress:
        dress(workbook, worksheet)


def _taken_apart(parts: dict[str, bytes], sheets: Sequence[Sheet]) -> Frame:
    framed: dict[str, bytes | FramedSheet] = dict(parts)
    styles = dict.fromkeys(STYLES, 0)
    for index, sheet in enumerate(sheets):
        name = f"xl/worksheets/sheet{index + 1}.xml"
        found = _ROWS.search(parts[name])
        assert found, f"XlsxWriter has left the rows out of {name}"
        rows = found[1] or b""
        if index == 0:
            numbers = {place.decode(): int(number) for place, number, _ in _CELL.findall(rows) if number}
            styles |= {style: numbers[reference(0, column)] for style, column in _probes().items()}
        _refuse_strays(sheet, rows)
        before, after = parts[name][: found.start()], parts[name][found.end() :]
        before = _DIMENSION.sub(b'<dimension ref="%b"/>' % sheet.dimension.encode(), before) + b"<sheetData>"
        looks = {int(number) - 1: look for number, look in _ROW.findall(rows) if look}
        framed[name] = FramedSheet(sheet, before, b"</sheetData>" + after, looks)
    calculation = b'<calcPr calcId="%d"/>' % ENGINE_OF_EXCEL
    framed["xl/workbook.xml"] = _CALCULATION.sub(calculation, parts["xl/workbook.xml"])
    return Frame(framed, styles)


def _refuse_strays(sheet: Sheet, rows: bytes) -> None:
    """XlsxWriter's links and tables write a cell too. The page's own takes its place, so there must be one."""
    for place, _, empty in _CELL.findall(rows):
        if not empty and not sheet.holds(*_position(place.decode())):
            raise WorkbookError(
                f"Dressing page {sheet.page.name!r} wrote the cell {place.decode()}, which the page does not have. "
                "Cells are written by `page.write`; write one there first."
            )


def _position(place: str) -> tuple[int, int]:
    letters = place.rstrip("0123456789")
    column = 0
    for letter in letters:
        column = 26 * column + ord(letter) - ord("A") + 1
    return int(place[len(letters) :]) - 1, column - 1

"""LibreOffice opens what is written, shows the same, and works the formulas out by itself."""

from pathlib import Path

import numpy as np
import openpyxl
import pytest

from spreadsheets import worked_out_by_libreoffice
from workings.workbook.package import archive, write_package
from workings.workbook.package.sheet import Sheet
from workings.workbook.page import Block, Page
from workings.workbook.references import letters

TEXTS = [
    "<a> & \"b\" 'c'",
    "_x0041_",
    "carriage\rreturn",
    "line\nfeed",
    "\x01",
    "😀",
    "  lead",
    "trail ",
    "Ġthe",
    "=1",
    "007",
]


pytestmark = pytest.mark.usefixtures("both_ways_of_references")


def test_libreoffice_shows_the_same_values(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    single, double = rng.standard_normal((300, 40)).astype(np.float32), rng.standard_normal((20, 3)) * 1e-8
    page = Page("It's <one> & all", blocks=[Block(12, 3, single), Block(15, 50, double)])
    for row, text in enumerate(TEXTS):
        page.write(row, 0, text)
        page.write(row, 1, "wrong until worked out", f'A{row + 1}&""')
    page.write(20, 0, True)
    page.write(21, 0, False, "1=1")
    write_package(tmp_path / "a.xlsx", [page])
    sheet = openpyxl.load_workbook(worked_out_by_libreoffice(tmp_path / "a.xlsx", tmp_path), data_only=True)[page.name]
    shown = np.array([[cell.value for cell in row] for row in sheet.iter_rows(13, 312, 4, 43)])
    assert np.array_equal(shown.astype(np.float32), single)
    shown = np.array([[cell.value for cell in row] for row in sheet.iter_rows(16, 35, 51, 53)])
    assert np.allclose(shown, double, rtol=1e-14, atol=0)
    for row, text in enumerate(TEXTS):
        for column in (1, 2):
            assert sheet.cell(row + 1, column).value.replace("_x005F_", "_") in (text, text.replace("\x01", "_x0001_"))
    assert sheet["A21"].value is True and sheet["A22"].value is True


def test_libreoffice_works_out_formulas_array_formulas_and_names(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    given, weights = rng.standard_normal((6, 8)), rng.standard_normal((8, 5))
    wrong = np.full((6, 5), 123.0)
    page, other = Page("Given"), Page("Worked out")
    page.blocks = [Block(0, 0, given), Block(10, 2, weights)]
    page.name_area("given.x", 0, 0, 6, 8)
    page.name_area("W_1", 10, 2, 8, 5)
    other.blocks = [
        Block(2, 1, wrong, {(0, 0): ("MMULT(given.x,W_1)", 6, 5)}),
        Block(20, 1, wrong, {(row, 0): (f"MMULT('Given'!A{row + 1}:H{row + 1},W_1)", 1, 5) for row in range(6)}),
        Block(30, 1, wrong, {(r, c): (f"2*{letters(c + 1)}{r + 3}", 1, 1) for r in range(6) for c in range(5)}),
    ]
    other.write(0, 0, 0.0, "SUM(B3:F8)")
    write_package(tmp_path / "a.xlsx", [page, other])
    path = worked_out_by_libreoffice(tmp_path / "a.xlsx", tmp_path)
    sheet = openpyxl.load_workbook(path, data_only=True)["Worked out"]
    for first_row, times in ((3, 1), (21, 1), (31, 2)):
        shown = np.array([[cell.value for cell in row] for row in sheet.iter_rows(first_row, first_row + 5, 2, 6)])
        assert np.allclose(shown, times * given @ weights, rtol=1e-12, atol=1e-12)
    assert np.isclose(sheet["A1"].value, (given @ weights).sum())
    formulas = openpyxl.load_workbook(path)["Worked out"]
    assert formulas["B3"].value.ref == "B3:F8" and "MMULT" in formulas["B3"].value.text
    assert set(openpyxl.load_workbook(path).defined_names) == {"given.x", "W_1"}


def test_libreoffice_reads_a_sheet_that_was_given_room_for_64_bit_sizes(tmp_path: Path, monkeypatch) -> None:
    page = Page("A", blocks=[Block(0, 0, np.full((500, 100), 7.0))])
    monkeypatch.setattr(archive, "WIDE_FROM", Sheet(page).most_bytes)  # it might have grown so large, but has not
    write_package(tmp_path / "a.xlsx", [page])
    sheet = openpyxl.load_workbook(worked_out_by_libreoffice(tmp_path / "a.xlsx", tmp_path))["A"]
    assert sheet["CV500"].value == 7

"""LibreOffice in the background: what it is asked, what it answers, and what happens without it."""

import pytest
import xlsxwriter
from sheets import start_office

from workings.errors import MissingExtra
from workings.workbook import office as office_module
from workings.workbook.office import CellError, OfficeError


@pytest.fixture
def book(tmp_path):
    """Give a file whose cached values are all wrong."""
    path = tmp_path / "a book & more.xlsx"
    with xlsxwriter.Workbook(path) as workbook:
        sheet = workbook.add_worksheet("A page")
        sheet.write_row(0, 0, [3, "three"])
        for column, formula in enumerate(("=A1*2", '=B1&"!"', "=1/0", "=A1>2", '=Z99&""', "=_xlfn.UNICODE(B1)")):
            sheet.write_formula(1, column, formula, None, "wrong")
        workbook.define_name("six", "='A page'!$A$2")
    return path


def test_opening_works_every_formula_out_whatever_the_file_says(office, book):
    office.open(book)
    assert office.values("A page", 0, 0, 2, 6) == [
        [3, "three", "", "", "", ""],
        [6, "three!", "#DIV/0!", 1, "", ord("t")],
    ]
    assert type(office.value("A page", 1, 2)) is CellError
    assert type(office.value("A page", 1, 1)) is str
    assert office.names() == {"six": "$'A page'.$A$2"}


def test_a_cell_that_is_set_changes_those_that_follow_from_it(office, book):
    office.open(book)
    office.set("A page", 0, 0, 1.5)
    office.set("A page", 0, 1, "=é🙂")
    assert office.values("A page", 1, 0, 1, 2) == [[3, "=é🙂!"]]
    office.set_formula("A page", 0, 0, "=2+2")
    assert office.value("A page", 1, 0) == 8


def test_what_cannot_be_done_is_an_error_and_the_next_question_is_answered(office, book, tmp_path):
    office.open(book)
    with pytest.raises(OfficeError, match="LibreOffice"):
        office.value("No such page", 0, 0)
    with pytest.raises(OfficeError, match="LibreOffice"):
        office.open(tmp_path / "missing.xlsx")
    office.open(book)
    assert office.value("A page", 1, 0) == 6


def test_without_libreoffice_tests_are_skipped_but_fail_where_all_must_run(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    office_module.find_office.cache_clear()
    try:
        with pytest.raises(MissingExtra, match="LibreOffice is not installed"):
            office_module.find_office()
        monkeypatch.delenv("CI", raising=False)
        with pytest.raises(pytest.skip.Exception, match="LibreOffice is not installed"):
            start_office()
        monkeypatch.setenv("CI", "true")
        with pytest.raises(MissingExtra):
            start_office()
    finally:
        office_module.find_office.cache_clear()

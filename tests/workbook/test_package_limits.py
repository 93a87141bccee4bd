"""What no spreadsheet could open is refused before anything is written, and the error says where and why."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from workings.errors import WorkbookError
from workings.workbook.package import write_package
from workings.workbook.page import Area, Block, Page


def with_cell(*cell, **more) -> Callable[[], list[Page]]:
    def make() -> list[Page]:
        page = Page("Page 1")
        page.write(*cell, **more)
        return [page]

    return make


def with_block(*block, **more) -> Callable[[], list[Page]]:
    return lambda: [Page("Page 1", blocks=[Block(*block, **more)])]


def named(*names: str) -> Callable[[], list[Page]]:
    return lambda: [Page(name) for name in names]


def with_names(**names: Area) -> Callable[[], list[Page]]:
    return lambda: [Page("Page 1", names=names)]


HERE = Area("Page 1", 0, 0)
ONES = np.ones((3, 4), np.float32)


def ones_but(value: float, dtype=np.float32) -> np.ndarray:
    values = np.ones((3, 4), dtype)
    values[1, 2] = value
    return values


REFUSED = {
    "no pages": (list, "at least one page"),
    "row": (with_cell(1_048_576, 0, 1), "Page 1.*row 1048576.*1,048,576 rows"),
    "column": (with_cell(0, 16_384, 1), "Page 1.*column 16384.*16,384 columns"),
    "negative row": (with_cell(-1, 0, 1), "row -1"),
    "block too tall": (with_block(1_048_575, 0, ONES), "Page 1.*row 1048575.*3 rows.*1,048,576"),
    "block too wide": (with_block(0, 16_383, ONES), "Page 1.*4 columns.*16,384"),
    "formula": (with_cell(4, 1, 1, "1+" * 4096 + "1"), "B5.*Page 1.*8,193 characters.*8,192"),
    "formula in block": (
        with_block(1, 1, ONES, {(2, 3): ("1+" * 4096 + "1", 1, 1)}),
        "E4.*Page 1.*8,193 characters.*8,192",
    ),
    "formula with =": (with_cell(0, 0, 1, "=1"), "A1.*without the ="),
    "empty formula": (with_cell(0, 0, 1, ""), "A1.*not empty"),
    "control character in formula": (with_cell(0, 0, 1, '"\x01"'), r"A1.*'\\x01'.*CHAR"),
    "text in formula": (with_cell(0, 0, 1, f'1&"{"x" * 256}"'), "A1.*256 characters.*255"),
    "text": (with_cell(4, 1, "x" * 32_768), "B5.*Page 1.*32,768 characters.*32,767"),
    "text beyond U+FFFF counts twice": (with_cell(4, 1, "😀" * 16_384), "32,768 characters.*32,767"),
    "NaN": (with_cell(4, 1, float("nan")), "B5.*Page 1.*nan"),
    "infinity in float32": (with_cell(4, 1, np.float32("inf")), "B5.*Page 1.*inf"),
    "integer": (with_cell(4, 1, 2**53 + 1), "B5.*9007199254740993.*9,007,199,254,740,992"),
    "another kind of value": (with_cell(4, 1, None), "B5.*NoneType"),
    "style": (with_cell(4, 1, 1, style="loud"), "B5.*'loud'.*plain, "),
    "style of a block": (with_block(4, 1, ONES, style="loud"), "B5.*'loud'.*plain, "),
    "NaN in block": (with_block(4, 1, ones_but(np.nan)), "D6.*Page 1.*nan"),
    "infinity in block": (with_block(4, 1, ones_but(-np.inf, np.float64)), "D6.*Page 1.*-inf"),
    "integer in block": (with_block(4, 1, ones_but(2**53 + 1, np.uint64)), "D6.*Page 1.*9007199254740993"),
    "kind of block": (with_block(0, 0, np.array([["a"]])), "Page 1.*type"),
    "shape of block": (with_block(0, 0, np.ones(3)), r"Page 1.*shape \(3,\)"),
    "array outside its block": (
        with_block(0, 0, ONES, {(2, 0): ("A1", 2, 1)}),
        "A3.*2 rows and 1 columns.*outside its block of 3 rows",
    ),
    "array outside the page": (with_cell(0, 16_383, 1, "A1:B1", array=(1, 2)), "XFD1.*array formula.*16,384"),
    "array without formula": (with_cell(0, 0, 1, array=(1, 2)), "A1.*no formula"),
    "arrays that share cells": (
        with_block(0, 0, ONES, {(0, 0): ("A1", 2, 2), (1, 1): ("A1", 2, 2)}),
        "B2.*Page 1.*shares",
    ),
    "page name too long": (named("x" * 32), "'x+'.*1 to 31.*has 32"),
    "page name empty": (named(""), "1 to 31"),
    "page name with :": (named("a:b"), "'a:b'.*':'"),
    "page name with an apostrophe": (named("'a"), "apostrophe"),
    "History": (named("hisTory"), "Excel keeps"),
    "page names alike": (named("Block", "bLOCK"), "only once"),
    "name like a cell": (with_names(ln1=HERE), "'ln1'.*underscore"),
    "name like R1C1": (with_names(r1c1=HERE), "'r1c1'.*underscore"),
    "name like a row": (with_names(R=HERE), "'R'.*underscore"),
    "name like a value": (with_names(true=HERE), "'true'.*underscore"),
    "name with a space": (lambda: [Page("Page 1", names={"a b": HERE})], "'a b'.*letter"),
    "name that begins with a digit": (lambda: [Page("Page 1", names={"1a": HERE})], "'1a'.*letter"),
    "name too long": (with_names(**{"x" * 256: HERE}), "at most 255.*256"),
    "name of no page": (with_names(W=Area("Nowhere", 0, 0)), "'W'.*Nowhere"),
    "name outside the page": (with_names(W=Area("Page 1", 1_048_575, 0, 2, 1)), "'W'.*1,048,576"),
    "names alike": (with_names(W_E=HERE, w_e=HERE), "'w_e'.*twice.*'W_E'"),
    "blocks that overlap": (
        lambda: [Page("Page 1", blocks=[Block(0, 0, ONES), Block(2, 3, ONES)])],
        "Two blocks of page 'Page 1' overlap at D3",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_it_is_refused_with_its_place_and_the_limit(case: str, tmp_path: Path) -> None:
    make, told = REFUSED[case]
    with pytest.raises(WorkbookError, match=told):
        write_package(tmp_path / "a.xlsx", make())
    assert list(tmp_path.iterdir()) == []


def test_a_cell_in_a_block_is_refused(tmp_path: Path) -> None:
    page = Page("Page 1", blocks=[Block(0, 0, ONES)])
    page.write(2, 3, 1)
    with pytest.raises(WorkbookError, match=r"Page 1.*D3"):
        write_package(tmp_path / "a.xlsx", [page])


def test_a_formula_inside_an_array_formula_is_refused(tmp_path: Path) -> None:
    page = Page("Page 1")
    page.write(0, 0, 1, "A5:B5", array=(1, 2))
    page.write(0, 1, 1, "1")
    with pytest.raises(WorkbookError, match=r"B1.*shares"):
        write_package(tmp_path / "a.xlsx", [page])


def test_a_cell_that_only_dressing_wrote_is_refused(tmp_path: Path) -> None:
    page = Page("Page 1", dress=[lambda _, sheet: sheet.write_url(3, 1, "https://example.org")])
    with pytest.raises(WorkbookError, match=r"Page 1.*B4"):
        write_package(tmp_path / "a.xlsx", [page])


def test_what_is_just_within_the_limits_is_written(tmp_path: Path) -> None:
    page = Page("x" * 31, blocks=[Block(1_048_573, 16_380, np.full((3, 4), 3e38, np.float32))])  # its sum is infinite
    page.write(0, 0, "x" * 32_767)
    page.write(1, 0, 1, "1+" * 4095 + "1")
    page.write(2, 0, f'{"x" * 255}"', f'"{"x" * 255}"&""""')
    page.write(3, 0, 2**53)
    page.names = {"W_E": Area("x" * 31, 0, 0, 1_048_576, 16_384), "blocks.0.ln1": Area("x" * 31, 0, 0)}
    write_package(tmp_path / "a.xlsx", [page])
    assert (tmp_path / "a.xlsx").exists()

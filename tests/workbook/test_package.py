"""Pages come back from the file as they were, whoever reads it."""

import re
import subprocess
import sys
import tracemalloc
from io import BytesIO
from pathlib import Path
from xml.etree import ElementTree
from zipfile import ZipFile

import numpy as np
import openpyxl
import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spreadsheets import part, unescaped
from workings.workbook.package import write, write_package
from workings.workbook.package.styles import STYLES
from workings.workbook.page import Area, Block, Cell, Page

FLOATS = st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.text(st.characters(exclude_categories=()), max_size=12)  # control characters and lone surrogates too
VALUES = st.one_of(TEXTS, st.booleans(), st.integers(-(2**53), 2**53), FLOATS)
FORMULAS = st.text(st.sampled_from("AB1<>&\"'+ é😀"), min_size=1, max_size=10)


pytestmark = pytest.mark.usefixtures("both_ways_of_references")


@st.composite
def pages(draw) -> Page:
    """A page with a few blocks and cells anywhere between them."""
    page, taken = Page("Any page"), set()
    for _ in range(draw(st.integers(0, 3))):
        row, column, rows, columns = (draw(st.integers(low, high)) for low, high in ((0, 12), (0, 8), (1, 5), (1, 6)))
        covered = {(row + r, column + c) for r in range(rows) for c in range(columns)}
        if covered.isdisjoint(taken):
            taken |= covered
            precision = draw(st.sampled_from([np.float32, np.float64]))
            numbers = st.floats(width=32 if precision is np.float32 else 64, allow_nan=False, allow_infinity=False)
            values = draw(st.lists(numbers, min_size=rows * columns, max_size=rows * columns))
            places = draw(st.sets(st.tuples(st.integers(0, rows - 1), st.integers(0, columns - 1)), max_size=4))
            formulas = {place: (draw(FORMULAS), 1, 1) for place in places}
            style = draw(st.sampled_from(["number", "plain", "share"]))
            page.blocks.append(Block(row, column, np.array(values, precision).reshape(rows, columns), formulas, style))
    for place in draw(st.sets(st.tuples(st.integers(0, 20), st.integers(0, 30)), max_size=10)) - taken:
        formula = draw(st.none() | FORMULAS)
        page.write(*place, draw(VALUES), formula, draw(st.sampled_from(list(STYLES))))
    return page


def expected(page: Page) -> dict:
    cells = {(row + 1, column + 1): cell for (row, column), cell in page.cells.items()}
    for block in page.blocks:
        for (row, column), value in np.ndenumerate(block.values):
            formula = block.formulas.get((row, column), (None,))[0]
            place = (block.row + row + 1, block.column + column + 1)
            cells[place] = Cell(value, formula, array=(1, 1) if formula else None)
    return cells


@settings(max_examples=60)
@given(page=pages())
def test_values_and_formulas_of_any_page_come_back(page: Page, tmp_path_factory) -> None:
    path = tmp_path_factory.mktemp("any") / "any.xlsx"
    write_package(path, [page])
    values, formulas = (openpyxl.load_workbook(path, data_only=only)[page.name] for only in (True, False))
    for place, cell in expected(page).items():
        value, formula = values.cell(*place).value, formulas.cell(*place)
        if isinstance(cell.value, str):
            assert unescaped(value) == cell.value
        else:
            assert type(cell.value)(value) == cell.value
            assert (cell.value is True or cell.value is False) == isinstance(value, bool)
        if cell.formula is not None:
            text = formula.value.text if cell.array else formula.value
            assert text == "=" + cell.formula
    places = {cell.coordinate for row in values for cell in row if cell.value not in (None, "")}
    assert len(places) <= len(expected(page)), "nothing else is there"


@given(numbers=st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=50))
def test_float32_comes_back_exactly_from_the_fewest_digits(numbers: list[float], tmp_path_factory) -> None:
    path = tmp_path_factory.mktemp("numbers") / "numbers.xlsx"
    values = np.array([numbers], np.float32)
    write_package(path, [Page("Numbers", blocks=[Block(0, 0, values)])])
    written = re.findall("<v>(.*?)</v>", part(path, "xl/worksheets/sheet1.xml"))
    assert np.array_equal(np.array(written, np.float32), values[0])
    for text, value in zip(written, values[0], strict=True):
        assert len(re.sub(r"e.*|^-?0\.0*|[-.]", "", text).rstrip("0")) <= 9, f"{value!r} needs no more than 9 digits"


@pytest.mark.parametrize(
    "values",
    [
        np.array([[0.1, -1.5e-300, 1.7976931348623157e308]]),
        np.arange(12, dtype=np.int64).reshape(3, 4),
        np.arange(12, dtype=np.uint8).reshape(3, 4),
        np.arange(12, dtype=">f4").reshape(3, 4),
        np.arange(12, dtype=np.float16).reshape(3, 4),
        np.arange(12, dtype=np.float32).reshape(3, 4).T,
        np.broadcast_to(np.float32([1, 2, 3]), (4, 3)),
        np.zeros((3, 0), np.float32),
    ],
    ids=lambda values: f"{values.dtype.str} {values.shape}",
)
def test_blocks_may_be_any_ordinary_numbers_laid_out_anyhow(values: np.ndarray, tmp_path: Path) -> None:
    write_package(tmp_path / "a.xlsx", [Page("Numbers", blocks=[Block(2, 1, values)])])
    sheet = openpyxl.load_workbook(tmp_path / "a.xlsx")["Numbers"]
    for (row, column), value in np.ndenumerate(values):
        assert sheet.cell(row + 3, column + 2).value == value


def test_a_block_may_be_a_view_of_a_file(tmp_path: Path) -> None:
    values = np.arange(12, dtype=np.float32).reshape(3, 4)
    (tmp_path / "weights").write_bytes(values.tobytes())
    mapped = np.memmap(tmp_path / "weights", np.float32, "r").reshape(3, 4)
    write_package(tmp_path / "a.xlsx", [Page("Numbers", blocks=[Block(0, 0, mapped)])])
    rows = openpyxl.load_workbook(tmp_path / "a.xlsx")["Numbers"].iter_rows(values_only=True)
    assert np.array_equal(list(rows), values)


def test_array_formulas_keep_their_size_and_the_values_that_they_cover(tmp_path: Path) -> None:
    values = np.arange(20, dtype=np.float32).reshape(4, 5)
    page = Page("A", blocks=[Block(1, 2, values, {(1, 1): ("MMULT(A1:B2,C1:D2)", 2, 3), (0, 0): ("1<2", 1, 1)})])
    page.write(10, 0, 1.0, "TRANSPOSE(C2:D2)", array=(2, 1))
    page.write(11, 0, 2.0)
    write_package(tmp_path / "a.xlsx", [page])
    sheet = openpyxl.load_workbook(tmp_path / "a.xlsx")["A"]
    arrays = {place: sheet[place].value for place in ("D3", "C2", "A11")}
    assert {place: (array.ref, array.text) for place, array in arrays.items()} == {
        "D3": ("D3:F4", "=MMULT(A1:B2,C1:D2)"),
        "C2": ("C2", "=1<2"),
        "A11": ("A11:A12", "=TRANSPOSE(C2:D2)"),
    }
    shown = openpyxl.load_workbook(tmp_path / "a.xlsx", data_only=True)["A"]
    assert [[shown.cell(2 + r, 3 + c).value for c in range(5)] for r in range(4)] == values.tolist()


def test_cells_stand_between_blocks_side_by_side(tmp_path: Path) -> None:
    left, right = np.ones((3, 2), np.float32), np.full((5, 2), 2, np.float32)
    page = Page("A", blocks=[Block(2, 5, right), Block(0, 1, left)])
    page.write(2, 0, "before")
    page.write(2, 3, "between")
    page.write(2, 9, "after")
    page.write(9, 9, "below")
    write_package(tmp_path / "a.xlsx", [page])
    rows = list(openpyxl.load_workbook(tmp_path / "a.xlsx")["A"].iter_rows(values_only=True))
    assert rows[2] == ("before", 1, 1, "between", None, 2, 2, None, None, "after")
    assert rows[3] == (None, None, None, None, None, 2, 2, None, None, None)
    assert rows[9][9] == "below" and len(rows) == 10


def test_pandas_reads_the_values_without_working_anything_out(tmp_path: Path) -> None:
    values = np.random.default_rng(0).standard_normal((30, 7)).astype(np.float32)
    page = Page("Numbers", blocks=[Block(0, 0, values, {(0, 0): ("1+1", 30, 7)})])
    write_package(tmp_path / "a.xlsx", [page])
    assert np.array_equal(pandas.read_excel(tmp_path / "a.xlsx", header=None).to_numpy(np.float32), values)


def test_the_dimension_tells_readers_that_go_by_it_where_cells_are(tmp_path: Path) -> None:
    page = Page("A", blocks=[Block(3, 2, np.ones((2, 5), np.float32))])
    page.write(1, 4, "x")
    write_package(tmp_path / "a.xlsx", [page, Page("Empty")])
    book = openpyxl.load_workbook(tmp_path / "a.xlsx", read_only=True)
    assert [sheet.calculate_dimension() for sheet in book] == ["C2:G5", "A1:A1"]
    book.close()


def test_every_style_is_found_again_at_its_cells_and_blocks(tmp_path: Path) -> None:
    page = Page("A")
    for row, style in enumerate(STYLES):
        page.write(row, 0, style, style=style)
        page.blocks.append(Block(row, 2, np.ones((1, 2), np.float32), style=style))
    write_package(tmp_path / "a.xlsx", [page])
    sheet = openpyxl.load_workbook(tmp_path / "a.xlsx")["A"]
    for row, (style, look) in enumerate(STYLES.items()):
        for column in (1, 3, 4):
            cell = sheet.cell(row + 1, column)
            assert cell.font.bold == look.get("bold", False), style
            assert cell.number_format == look.get("num_format", "General"), style
            assert cell.font.sz == look.get("font_size", 11), style
            assert cell.fill.fgColor.rgb[2:] == look.get("bg_color", "#000000")[1:], style
            assert cell.protection.locked == look.get("locked", True), style


def test_pages_are_furnished(tmp_path: Path) -> None:
    page = Page("It's 'one'!", widths={0: 30, 3: 5}, frozen=(2, 1))
    page.write(4, 0, "to two", style="link")
    page.name_area("here", 3, 2, 2, 5)
    other = Page("Two", dress=[lambda _, sheet: sheet.set_row(6, 30)])
    page.dress.append(lambda _, sheet: sheet.write_url(4, 0, "internal:Two!A1"))
    write_package(tmp_path / "a.xlsx", [page, other], names={"there": Area("Two", 0, 0)})
    book = openpyxl.load_workbook(tmp_path / "a.xlsx")
    sheet = book[page.name]
    assert {name: defined.attr_text for name, defined in book.defined_names.items()} == {
        "here": "'It''s ''one''!'!$C$4:$G$5",
        "there": "'Two'!$A$1",
    }
    assert 30 < sheet.column_dimensions["A"].width < 31 and sheet.freeze_panes == "B3"
    assert sheet["A5"].hyperlink.location == "Two!A1" and sheet["A5"].value == "to two"
    assert book["Two"].row_dimensions[7].height == 30


def test_every_part_has_a_type_and_every_relationship_a_target(tmp_path: Path) -> None:
    def dress(workbook, sheet) -> None:
        chart = workbook.add_chart({"type": "line"})
        chart.add_series({"values": "='A'!$A$1:$C$1"})
        sheet.insert_chart(5, 0, chart)
        sheet.insert_image(25, 0, "dot.png", {"image_data": BytesIO(PICTURE)})
        sheet.write_comment(0, 0, "a comment")
        sheet.conditional_format(0, 0, 1, 2, {"type": "2_color_scale"})
        sheet.write_url(0, 0, "https://example.org")
        sheet.data_validation(0, 0, 0, 0, {"validate": "decimal", "criteria": ">", "value": 0})

    page = Page("A", blocks=[Block(0, 0, np.ones((2, 3), np.float32))], dress=[dress])
    write_package(tmp_path / "a.xlsx", [page, Page("B")])
    with ZipFile(tmp_path / "a.xlsx") as package:
        assert package.testzip() is None
        names = set(package.namelist())
        content = {name: package.read(name) for name in names}
    assert len(names) == len(content) and any("drawing" in name for name in names)
    types = ElementTree.fromstring(content["[Content_Types].xml"])
    endings = {element.get("Extension") for element in types if element.tag.endswith("Default")}
    overrides = {element.get("PartName") for element in types if element.tag.endswith("Override")}
    for name in names - {"[Content_Types].xml"}:
        assert f"/{name}" in overrides or name.rpartition(".")[2] in endings, name
    for name in names:
        if name.endswith(".rels"):
            folder = Path(name).parent.parent
            for relationship in ElementTree.fromstring(content[name]):
                if relationship.get("TargetMode") != "External":
                    target = relationship.get("Target")
                    assert (target.lstrip("/") if target.startswith("/") else _joined(folder, target)) in names
        if name.endswith((".xml", ".rels", ".vml")):
            ElementTree.fromstring(content[name])


def _joined(folder: Path, target: str) -> str:
    parts = list(folder.parts)
    for step in target.split("/"):
        parts = parts[:-1] if step == ".." else [*parts, step]
    return "/".join(parts)


PICTURE = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c4944415408d763f8cfc000000301010018dd8db0"
    "0000000049454e44ae426082"
)


def test_opening_the_file_does_not_work_everything_out(tmp_path: Path) -> None:
    write_package(tmp_path / "a.xlsx", [Page("A")])
    assert '<calcPr calcId="191029"/>' in part(tmp_path / "a.xlsx", "xl/workbook.xml")


def test_pieces_are_never_all_in_memory(tmp_path: Path) -> None:
    row = np.random.default_rng(0).standard_normal(1000).astype(np.float32)
    page = Page("Large", blocks=[Block(0, 0, np.broadcast_to(row, (3000, 1000)))])
    write_package(tmp_path / "warm.xlsx", [Page("Warm")])
    tracemalloc.start()
    write_package(tmp_path / "a.xlsx", [page])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    with ZipFile(tmp_path / "a.xlsx") as package:
        unpacked = package.getinfo("xl/worksheets/sheet1.xml").file_size
    assert peak < 30e6 < unpacked / 2


def test_progress_is_told_until_all_cells_are_written(tmp_path: Path) -> None:
    page = Page("Large", blocks=[Block(0, 0, np.ones((2000, 100), np.float32))])
    page.write(0, 200, "x")
    told: list[tuple[int, int]] = []
    write_package(tmp_path / "a.xlsx", [page, Page("B")], progress=lambda *done: told.append(done))
    assert told == sorted(told) and len(told) > 2 and told[-1] == (200_001, 200_001)


def test_a_million_cells_are_a_small_file(tmp_path: Path) -> None:
    values = (np.random.default_rng(0).standard_normal((1000, 1000)) * 0.02).astype(np.float32)
    write_package(tmp_path / "a.xlsx", [Page("Weights", blocks=[Block(0, 0, values)])])
    assert (tmp_path / "a.xlsx").stat().st_size < (9e6 if write.REFERENCED_UP_TO else 6e6)


def test_importing_the_writer_does_not_import_what_only_writing_needs() -> None:
    code = "import workings.workbook.package, sys; print(sorted({'xlsxwriter', 'isal'} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"

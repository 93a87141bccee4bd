"""The zip is one that every reader takes, small or large."""

import shutil
import subprocess
import zlib
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from isal import isal_zlib

from workings.workbook.package import archive, write_package
from workings.workbook.package.archive import Archive
from workings.workbook.package.packing import Piece, pack, packed_in_order
from workings.workbook.page import Block, Page


@given(parts=st.lists(st.lists(st.tuples(st.binary(max_size=300), st.booleans()), min_size=1), min_size=1, max_size=4))
def test_any_pieces_come_back_in_order(parts: list[list[tuple[bytes, bool]]], tmp_path_factory) -> None:
    path = tmp_path_factory.mktemp("zip") / "a.zip"
    pieces = [
        (f"part{index}", Piece(content, only_numbers=only_numbers))
        for index, part in enumerate(parts)
        for content, only_numbers in part
    ]
    with path.open("wb") as file:
        package, name, checksum = Archive(file), "", 0
        for part, piece, packed in packed_in_order(iter(pieces)):
            if part != name:
                package.begin(part, 10_000)
                name, checksum = part, 0
            checksum = zlib.crc32(piece.content, checksum)
            package.write(packed, len(piece.content), checksum)
        package.close()
    with ZipFile(path) as package:
        assert package.testzip() is None
        for index, part in enumerate(parts):
            assert package.read(f"part{index}") == b"".join(content for content, _ in part)


@pytest.mark.parametrize("wide_from", [0, 500, 5_000, 100_000])
def test_the_64_bit_fields_are_read_by_everybody(wide_from: int, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(archive, "WIDE_FROM", wide_from)
    values = np.random.default_rng(0).standard_normal((100, 30))
    page = Page("A", blocks=[Block(0, 0, values)])
    write_package(tmp_path / "a.xlsx", [page, Page("B")])
    with ZipFile(tmp_path / "a.xlsx") as package:
        assert package.testzip() is None
    if unzip := shutil.which("unzip"):
        subprocess.run([unzip, "-t", tmp_path / "a.xlsx"], check=True, capture_output=True)
    rows = openpyxl.load_workbook(tmp_path / "a.xlsx")["A"].iter_rows(values_only=True)
    assert np.array_equal(np.array(list(rows)), values)


def test_a_part_may_be_larger_than_four_gigabytes(tmp_path: Path) -> None:
    piece = Piece(bytes(1 << 26))
    packed, pieces, checksum = pack(piece), 65, 0
    with (tmp_path / "a.zip").open("wb") as file:
        package = Archive(file)
        package.begin("large", pieces << 26)
        for _ in range(pieces):
            checksum = isal_zlib.crc32(piece.content, checksum)
            package.write(packed, len(piece.content), checksum)
        package.begin("small", 5)
        package.write(pack(Piece(b"after")), 5, zlib.crc32(b"after"))
        package.close()
    with ZipFile(tmp_path / "a.zip") as package:
        assert package.getinfo("large").file_size == pieces << 26 > 1 << 32
        assert package.open("large").read(5) == bytes(5)
        assert package.read("small") == b"after"


def test_a_part_larger_than_foretold_is_our_own_mistake(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(archive, "WIDE_FROM", 100)
    with (tmp_path / "a.zip").open("wb") as file:
        package = Archive(file)
        package.begin("part", 10)
        package.write(b"", 200, 0)
        with pytest.raises(AssertionError, match="larger than foretold"):
            package.close()

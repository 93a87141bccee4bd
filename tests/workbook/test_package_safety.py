"""A file appears whole or not at all, whatever happens while it is written."""

import errno
from pathlib import Path

import numpy as np
import pytest

from workings.errors import WorkbookError
from workings.workbook.package import write_package
from workings.workbook.package.archive import Archive
from workings.workbook.page import Block, Page


def large_page() -> Page:
    return Page("Large", blocks=[Block(0, 0, np.ones((2000, 100), np.float32))])


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, RuntimeError])
@pytest.mark.parametrize("before", [None, b"an older workbook"])
def test_nothing_is_left_of_an_interrupted_file(interruption: type, before: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    if before:
        path.write_bytes(before)

    def interrupt(done: int, _all: int) -> None:
        raise interruption

    with pytest.raises(interruption):
        write_package(path, [large_page()], replace=True, progress=interrupt)
    assert [file.read_bytes() for file in tmp_path.iterdir()] == ([before] if before else [])


@pytest.mark.parametrize("at_once", [True, False])
def test_a_full_disk_is_told_with_what_was_needed(at_once: bool, tmp_path: Path, monkeypatch) -> None:
    write = Archive.write

    def write_until_full(self: Archive, *piece) -> None:
        if at_once or (len(self.parts) > 1 and self.parts[-1].packed_size > 10_000):
            raise OSError(errno.ENOSPC, "No space left on device")
        write(self, *piece)

    monkeypatch.setattr(Archive, "write", write_until_full)
    with pytest.raises(WorkbookError, match=r"a\.xlsx.*disk is full.*needs about \d+ MB.*MB free") as told:
        write_package(tmp_path / "a.xlsx", [large_page()])
    assert isinstance(told.value.__cause__, OSError)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_may_not_be_written_is_told(tmp_path: Path, monkeypatch) -> None:
    def refuse(*_args, **_kwargs) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(WorkbookError, match=r"a\.xlsx.*Permission denied.*May you write"):
        write_package(tmp_path / "a.xlsx", [large_page()])
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_there_is_replaced_only_when_asked(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(b"precious")
    with pytest.raises(WorkbookError, match=r"there already.*--force"):
        write_package(path, [Page("A")])
    assert path.read_bytes() == b"precious"
    write_package(path, [Page("A")], replace=True)
    assert path.read_bytes().startswith(b"PK")


@pytest.mark.parametrize(
    ("name", "told"),
    [("a.csv", "should end in .xlsx"), ("nowhere/a.xlsx", "no folder"), ("folder.xlsx", "is a folder")],
)
def test_a_place_where_no_workbook_can_be_is_refused(name: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "folder.xlsx").mkdir()
    with pytest.raises(WorkbookError, match=told):
        write_package(tmp_path / name, [Page("A")])

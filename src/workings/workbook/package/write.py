"""The whole way from pages to a file."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from workings.checkpoints.files import replace_file
from workings.errors import WorkbookError
from workings.workbook.package.archive import Archive
from workings.workbook.package.frame import Frame, make_frame
from workings.workbook.package.limits import all_names, check
from workings.workbook.package.packing import Piece, packed_in_order
from workings.workbook.package.sheet import Sheet
from workings.workbook.page import Area, Page, n_cells

BYTES_OF_A_CELL = 6.5
"""About what a number takes in the file."""

REFERENCED_UP_TO = 4_000_000
"""Workbooks of up to so many cells are written with every cell's reference, for readers that want it."""

Progress = Callable[[int, int], None]


def write_package(
    path: str | Path,
    pages: Iterable[Page],
    names: Mapping[str, Area] | None = None,
    replace: bool = False,
    progress: Progress | None = None,
) -> None:
    """Write pages as an `.xlsx` file that appears whole or not at all.

    `names` are defined names beside those of the pages. `progress(done, all)` is called as cells are written. A file that
    is there already is replaced only if `replace`. Values are not worked out here: a formula's cell shows the value that
    it was given until something it depends on is changed.

    Raises `WorkbookError` before anything is written if a page is beyond what spreadsheets can open, and with nothing
    left behind if the file cannot be written.
    """
    path, pages = Path(path), list(pages)
    _refuse_place(path, replace)
    check(pages, names or {})
    few = sum(n_cells(page) for page in pages) <= REFERENCED_UP_TO
    sheets = [Sheet(page, referenced=few) for page in pages]
    frame = make_frame(sheets, all_names(pages, names or {}))
    done = Done(sum(sheet.cells for sheet in sheets))
    with _clear_errors(path, done):
        replace_file(path, lambda part: _write(part, frame, done, progress))


@dataclass
class Done:
    """How much has been written so far."""

    all_cells: int
    cells: int = 0
    bytes: int = 0

    def needed(self) -> float:
        """About how many bytes the file will have."""
        return self.bytes / self.cells * self.all_cells if self.cells else self.all_cells * BYTES_OF_A_CELL


def _write(path: Path, frame: Frame, done: Done, progress: Progress | None) -> None:
    from isal import isal_zlib

    with path.open("wb") as file, closing(packed_in_order(_pieces(frame))) as all_packed:
        archive = Archive(file)
        name, checksum = "", 0
        for part, piece, packed in all_packed:
            if part.name != name:
                archive.begin(part.name, part.most_bytes)
                name, checksum = part.name, 0
            checksum = isal_zlib.crc32(piece.content, checksum)
            archive.write(packed, len(piece.content), checksum)
            done.cells, done.bytes = done.cells + piece.cells, file.tell()
            if progress and piece.cells:
                progress(done.cells, done.all_cells)
        archive.close()


@dataclass(frozen=True, slots=True)
class _Part:
    name: str
    most_bytes: int


def _pieces(frame: Frame) -> Iterator[tuple[_Part, Piece]]:
    """Every part of the package, piece by piece."""
    for name, content in frame.parts.items():
        if isinstance(content, bytes):
            yield _Part(name, len(content)), Piece(content)
            continue
        part = _Part(name, content.sheet.most_bytes + len(content.before) + len(content.after))
        yield part, Piece(content.before)
        for piece in content.sheet.pieces(frame.styles, content.looks):
            yield part, piece
        yield part, Piece(content.after)


def _refuse_place(path: Path, replace: bool) -> None:
    if path.suffix.lower() != ".xlsx":
        raise WorkbookError(f"{path} should end in .xlsx: spreadsheet programs go by the ending.")
    if path.is_dir():
        raise WorkbookError(f"{path} is a folder. Name a file.")
    if not path.parent.is_dir():
        raise WorkbookError(f"{path} cannot be written: there is no folder {path.parent}. Make it first.")
    if path.exists() and not replace:
        raise WorkbookError(f"{path} is there already. Use --force (in Python replace=True) to replace it.")


@contextmanager
def _clear_errors(path: Path, done: Done) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            free = shutil.disk_usage(path.parent).free
            raise WorkbookError(
                f"{path} cannot be written: the disk is full ({error.strerror}). The workbook needs about "
                f"{done.needed() / 1e6:,.0f} MB; {path.parent} has {free / 1e6:,.0f} MB free. Nothing was left behind."
            ) from error
        raise WorkbookError(
            f"{path} cannot be written: {error.strerror or error}. May you write to {path.parent}, and is the file not open "
            "in a spreadsheet program? Nothing was left behind."
        ) from error

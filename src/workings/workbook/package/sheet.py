"""A page in the order of its file: from the top row to the bottom row, from left to right.

Blocks are taken in bands: runs of rows in which the same blocks stand side by side. Of a band a few rows at a time
become text, so that neither memory nor Python's overhead grows with the block.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from operator import itemgetter
from typing import NamedTuple

import numpy as np
import orjson

from workings.errors import WorkbookError
from workings.workbook.package.cells import cell_xml, formula_xml, referenced_numbers, row_of_numbers
from workings.workbook.package.packing import PIECE, Piece
from workings.workbook.page import MOST_ROWS, Block, Cell, Page, n_cells
from workings.workbook.references import cell as reference
from workings.workbook.references import span

NUMBERS_AT_ONCE = 1 << 15
"""As many numbers of a band are fetched together, so that columns that lie far apart are read in runs."""

OTHERS_AMONG_NUMBERS = 16
"""Numbers are packed as numbers if no more than one cell in so many is something else."""

MOST_BYTES_OF_A_NUMBER, MOST_BYTES_OF_A_CELL, MOST_BYTES_OF_A_ROW = 80, 160, 128
"""Upper bounds of their XML, without text and formulas."""


class Strip(NamedTuple):
    """One row of a block: its numbers with commas between them, and where in it formulas stand, with their XML."""

    columns: int
    numbers: bytes
    formulas: list[tuple[int, bytes]]
    style: str


class Placed:
    """A block as it stands on the page, with its formulas by row. `bottom` and `right` are just beyond it."""

    def __init__(self, block: Block) -> None:
        self.block, self.top, self.left = block, block.row, block.column
        self.bottom, self.right = block.row + block.values.shape[0], block.column + block.values.shape[1]
        self.formulas: dict[int, list[tuple[int, str, tuple[int, int]]]] = {}
        for (row, place), (formula, rows, columns) in sorted(block.formulas.items()):
            self.formulas.setdefault(self.top + row, []).append((place, formula, (rows, columns)))

    def covers(self, column: int) -> bool:
        """Whether it stands in this column."""
        return self.left <= column < self.right

    def strips(self, first: int, stop: int) -> Iterator[Strip]:
        """What it has in the page's rows from `first` to before `stop`."""
        values, columns, style = self.block.values, self.right - self.left, self.block.style
        native = np.ascontiguousarray(values[first - self.top : stop - self.top], values.dtype.newbyteorder("="))
        for row, numbers in enumerate(native, first):
            text = orjson.dumps(numbers, option=orjson.OPT_SERIALIZE_NUMPY)[1:-1]
            yield Strip(columns, text, self._formulas_of(row) if row in self.formulas else [], style)

    def _formulas_of(self, row: int) -> list[tuple[int, bytes]]:
        return [
            (place, formula_xml(row, self.left + place, formula, array).encode())
            for place, formula, array in self.formulas[row]
        ]


@dataclass(frozen=True)
class Band:
    """Rows from `first` to before `stop`, with the blocks that stand there, from left to right."""

    first: int
    stop: int
    blocks: list[Placed]


class Sheet:
    """A page whose cells and blocks are sorted into rows and do not overlap.

    `referenced` says whether every cell is written with its reference.
    """

    def __init__(self, page: Page, referenced: bool = False) -> None:
        self.page, self.referenced = page, referenced
        self.rows: dict[int, list[tuple[int, Cell]]] = {}
        for row, column in sorted(page.cells):
            self.rows.setdefault(row, []).append((column, page.cells[row, column]))
        self.bands = list(_bands([Placed(block) for block in page.blocks if block.values.size]))
        self._refuse_overlaps()
        self.cells = n_cells(page)

    @cached_property
    def corners(self) -> tuple[int, int, int, int]:
        """The top row, left column, bottom row and right column that have cells."""
        corners = [(row, column, row, column) for row, column in self.page.cells]
        for band in self.bands:
            for block in band.blocks:
                corners.append((band.first, block.left, band.stop - 1, block.right - 1))
        tops, lefts, bottoms, rights = zip(*(corners or [(0, 0, 0, 0)]), strict=True)
        return min(tops), min(lefts), max(bottoms), max(rights)

    @property
    def dimension(self) -> str:
        """The rectangle that holds all cells."""
        top, left, bottom, right = self.corners
        return span(top, left, bottom - top + 1, right - left + 1, fixed="")

    @cached_property
    def most_bytes(self) -> int:
        """No XML of these rows is longer."""
        heights = sum(block.values.shape[0] for block in self.page.blocks) + len(self.rows)
        numbers = sum(block.values.size for block in self.page.blocks)
        text = sum(
            7 * len(cell.formula or "") + (7 * len(cell.value) if isinstance(cell.value, str) else 0)
            for cell in self.page.cells.values()
        )
        formulas = sum(
            len(formula) * 7 + MOST_BYTES_OF_A_CELL
            for block in self.page.blocks
            for formula, _, _ in block.formulas.values()
        )
        cells = MOST_BYTES_OF_A_CELL * len(self.page.cells)
        return numbers * MOST_BYTES_OF_A_NUMBER + heights * MOST_BYTES_OF_A_ROW + cells + text + formulas

    def holds(self, row: int, column: int) -> bool:
        """Whether a cell or a block stands here."""
        if (row, column) in self.page.cells:
            return True
        index = bisect_right(self.bands, row, key=lambda band: band.first) - 1
        return index >= 0 and row < self.bands[index].stop and any(b.covers(column) for b in self.bands[index].blocks)

    def _refuse_overlaps(self) -> None:
        for band in self.bands:
            for left, right in pairwise(band.blocks):
                if left.covers(right.left):
                    place = reference(max(left.top, right.top), right.left)
                    raise WorkbookError(f"Two blocks of page {self.page.name!r} overlap at {place}. Move one of them.")
            for row in self._loose_rows(band.first, band.stop):
                for column, _ in self.rows[row]:
                    if any(block.covers(column) for block in band.blocks):
                        place = reference(row, column)
                        raise WorkbookError(
                            f"Page {self.page.name!r} has both a cell and a block at {place}. Move one of them."
                        )

    @cached_property
    def _rows_with_cells(self) -> list[int]:
        return list(self.rows)

    def _loose_rows(self, first: int, stop: int) -> list[int]:
        rows = self._rows_with_cells
        return rows[bisect_left(rows, first) : bisect_left(rows, stop)]

    def pieces(self, styles: Mapping[str, int], looks: Mapping[int, bytes]) -> Iterator[Piece]:
        """The XML of all rows. `styles` gives every style its number, `looks` the attributes of rows that have some."""
        content: list[bytes] = []
        length = numbers = others = cells = 0
        for row in self._in_order(styles, sorted({*self.rows, *looks})):
            content += [b'<row r="%d"%b>' % (row.number + 1, looks.get(row.number, b"")), *row.xml, b"</row>"]
            length += sum(map(len, row.xml))
            numbers, others, cells = numbers + row.numbers, others + row.others, cells + row.cells
            if length >= PIECE:
                yield Piece(b"".join(content), cells, only_numbers=numbers > OTHERS_AMONG_NUMBERS * others)
                content, length, numbers, others, cells = [], 0, 0, 0, 0
        if content:
            yield Piece(b"".join(content), cells, only_numbers=numbers > OTHERS_AMONG_NUMBERS * others)

    def _in_order(self, styles: Mapping[str, int], loose: list[int]) -> Iterator[_Row]:
        """All rows; `loose` are those that have something besides blocks."""
        done = 0
        for band in [*self.bands, Band(MOST_ROWS, MOST_ROWS, [])]:
            for number in loose[bisect_left(loose, done) : bisect_left(loose, band.first)]:
                yield self._row(styles, number, [])
            for number, strips in _strips(band):
                yield self._row(styles, number, strips)
            done = band.stop

    def _row(self, styles: Mapping[str, int], number: int, strips: list[tuple[int, Cell | Strip]]) -> _Row:
        """One row: its cells and the strips of blocks, from left to right."""
        cells = self.rows.get(number, [])
        row = _Row(number, [], others=len(cells), cells=len(cells))
        after = 0
        for column, what in sorted([*cells, *strips], key=itemgetter(0)) if cells else strips:
            follows = column == after and not self.referenced
            if isinstance(what, Cell):
                row.xml.append(cell_xml(number, column, what, styles[what.style], follows))
                after = column + 1
            else:
                strip = (number, column, what.numbers, what.formulas, styles[what.style])
                row.xml += referenced_numbers(*strip) if self.referenced else row_of_numbers(*strip, follows)
                row.numbers, row.others = row.numbers + what.columns, row.others + len(what.formulas)
                row.cells += what.columns
                after = column + what.columns
        return row


@dataclass(slots=True)
class _Row:
    number: int
    xml: list[bytes]
    numbers: int = 0
    others: int = 0  # cells that are not in a block, and formulas
    cells: int = 0


def _bands(blocks: list[Placed]) -> Iterator[Band]:
    waiting = sorted(blocks, key=lambda block: -block.top)
    cuts = sorted({edge for block in blocks for edge in (block.top, block.bottom)})
    standing: list[Placed] = []
    for first, stop in pairwise(cuts):
        standing = [block for block in standing if block.bottom > first]
        while waiting and waiting[-1].top == first:
            standing.append(waiting.pop())
        if standing:
            standing.sort(key=lambda block: block.left)
            yield Band(first, stop, list(standing))


def _strips(band: Band) -> Iterator[tuple[int, list[tuple[int, Cell | Strip]]]]:
    """Every row of a band with the strips that stand there, each with its left column."""
    if not band.blocks:
        return
    lefts = [block.left for block in band.blocks]
    at_once = max(1, NUMBERS_AT_ONCE // sum(block.right - block.left for block in band.blocks))
    for first in range(band.first, band.stop, at_once):
        stop = min(first + at_once, band.stop)
        for row, strips in enumerate(zip(*(block.strips(first, stop) for block in band.blocks), strict=True), first):
            yield row, list(zip(lefts, strips, strict=True))

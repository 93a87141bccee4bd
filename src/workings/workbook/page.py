"""A page of the workbook, before it is written: cells with what they show and the formula behind it, and large blocks.

Rows and columns count from 0. A cell's value is what its formula gives, so that whoever reads the file without working
it out (a preview, pandas) sees right numbers. Formulas are written as Excel's file format has them: in English, with
commas, without the "=" in front, newer functions with their `_xlfn.` prefix.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

MOST_ROWS, MOST_COLUMNS, MOST_CHARACTERS = 1_048_576, 16_384, 8_192
"""Limits of a sheet and of a formula. Source: Microsoft, Excel specifications and limits."""

Value = float | int | str | bool


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell. `array` (rows, columns) makes its formula an array formula over that many cells, this one top left;
    the others are cells of their own, with their value and no formula."""

    value: Value
    formula: str | None = None
    style: str = "plain"
    array: tuple[int, int] | None = None


@dataclass(frozen=True)
class Block:
    """A rectangle of numbers, too many to be cells of their own, with its top left corner and its array formulas.

    `formulas` maps the place of a formula's top left cell (counted inside the block) to its text and its size in rows
    and columns; numbers that no formula covers are given.
    """

    row: int
    column: int
    values: np.ndarray  # [rows, columns], float32 or float64, a view of a memory-mapped file if need be
    formulas: dict[tuple[int, int], tuple[str, int, int]] = field(default_factory=dict)
    style: str = "number"


@dataclass(frozen=True)
class Area:
    """A rectangle on a page, to be given a name or a link."""

    page: str
    row: int
    column: int
    rows: int = 1
    columns: int = 1


Check = Callable[[], object]
"""What long work calls now and then; an error that it raises ends the work."""


def go_on() -> None:
    """The check that never ends anything."""


@dataclass
class Page:
    """One sheet. `dress` are called with XlsxWriter's workbook and worksheet, for charts, pictures and colour scales."""

    name: str
    cells: dict[tuple[int, int], Cell] = field(default_factory=dict)
    blocks: list[Block] = field(default_factory=list)
    names: dict[str, Area] = field(default_factory=dict)
    widths: dict[int, float] = field(default_factory=dict)  # column -> width in characters
    frozen: tuple[int, int] = (0, 0)  # rows above and columns left that stay in sight
    dress: list[Callable[[Any, Any], None]] = field(default_factory=list)

    def write(
        self,
        row: int,
        column: int,
        value: Value,
        formula: str | None = None,
        style: str = "plain",
        array: tuple[int, int] | None = None,
    ) -> None:
        """Put a cell where none is yet."""
        assert (row, column) not in self.cells, f"cell {row}, {column} of {self.name} is written twice"
        self.cells[row, column] = Cell(value, formula, style, array)

    def name_area(self, name: str, row: int, column: int, rows: int = 1, columns: int = 1) -> None:
        """Give a rectangle of this page a defined name."""
        self.names[name] = Area(self.name, row, column, rows, columns)


def n_cells(page: Page) -> int:
    """How many cells of a page hold something."""
    return len(page.cells) + sum(block.values.size for block in page.blocks)

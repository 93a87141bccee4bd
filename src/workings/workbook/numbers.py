"""The numbers that stand in the file: what every formula comes to for the prompt that it is written with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set

import numpy as np

from workings.engine.edits import Edit
from workings.engine.evaluation import Evaluation
from workings.engine.program import Program
from workings.errors import InputError
from workings.language.primitives import GIVEN
from workings.language.tables import Table
from workings.workbook.layout import Layout

Array = np.ndarray

TEN_DIGITS_UP_TO = 4_000_000
"""Models of up to so many weights get ten digits of each; larger ones as many as tell float32 numbers apart (6 to 9)."""


class Numbers:
    """The numbers of every table, float32 and in the size that the layout gives it.

    Rows that no token uses are 0, and so are all tables in `off`. `edits` are in force.
    """

    def __init__(
        self,
        program: Program,
        weights: Mapping[str, Array],
        layout: Layout,
        ids: Sequence[int],
        off: Set[Table],
        edits: tuple[Edit, ...] = (),
    ) -> None:
        self.program, self.weights, self.layout, self.off = program, weights, layout, off
        self.used = len(ids)
        self.evaluation = Evaluation(program, np.array(ids), np.dtype("float32"), edits)
        self.ten_digits = sum(array.size for array in weights.values()) <= TEN_DIGITS_UP_TO

    def __call__(self, table: Table) -> Array:
        """The numbers of a table or weight."""
        if table.primitive is GIVEN:
            assert table.name is not None
            weight = self.weights[table.name]
            return ten_digits(weight) if self.ten_digits else weight
        shape = self.layout.size(table)
        if table in self.off or self.used == 0:
            return np.broadcast_to(np.float32(0), shape)
        numbers = np.zeros(shape, np.float32)
        rows = numbers[..., : self.used, :]
        if table.columns_are_positions:
            rows[...] = self.program.book.fill(table)  # what stands right of the diagonal
            rows = rows[..., : self.used]
        rows[...] = self.evaluation.read(table, 0, self.used)
        return numbers

    def check(self) -> None:
        """Raise `InputError` where the edits left no numbers, which a cell cannot hold."""
        with np.errstate(all="ignore"):
            for table in self.program.graph.named.values():
                rows = None if table in self.off else self.evaluation.read(table, 0, self.used)
                if rows is not None and not np.isfinite(rows.sum()) and not np.isfinite(rows).all():
                    raise InputError(
                        f"the edits leave no numbers in {table.name}: on the way something became too large for float32, which ends at "
                        f"{np.finfo(np.float32).max:.1e}, or was divided by 0. A cell cannot hold that: take smaller edits, or switch some off"
                    )

    def used_rows(self, table: Table) -> Array:
        """The rows of a table that the prompt's tokens use."""
        return self(table)[..., : self.used, :]


def ten_digits(numbers: Array) -> Array:
    """Float32 numbers to ten significant digits, as float64.

    The shortest digits that tell float32 numbers apart are up to 6e-8 of a number away from it; ten are within 5e-11.
    """
    exact = numbers.astype(np.float64)
    size = np.floor(np.log10(np.abs(np.where(exact == 0, 1, exact))))
    scale = 10.0 ** (9 - size)
    return np.rint(exact * scale) / scale

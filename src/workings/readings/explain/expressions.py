"""One number as an expression over other numbers: named cells, fixed numbers, and arithmetic in between."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from workings.language.primitives import GIVEN, MASK, NUMBER
from workings.language.tables import Table

Array = np.ndarray
Index = tuple[Any, ...]
"""Whole numbers, or a letter where an expression speaks of "every j"."""


class Numbers(Protocol):
    """Where an explanation takes numbers from: a trace."""

    def rows(self, name: str, start: int = 0, stop: int | None = None) -> Array:
        """Rows of a named table."""
        ...

    def __len__(self) -> int: ...


@dataclass(frozen=True)
class Address:
    """A named cell, which can be explained in turn."""

    name: str
    index: Index

    def __str__(self) -> str:
        return f"{self.name}[{', '.join(map(str, self.index))}]"


@dataclass(frozen=True)
class Cell:
    """A number of a named table."""

    address: Address
    value: float


@dataclass(frozen=True)
class Fixed:
    """A number that stands in the formula itself."""

    value: float
    note: str = ""


@dataclass(frozen=True)
class Apply:
    """Arithmetic on one or two numbers."""

    kind: str
    parts: tuple[Expression, ...]
    value: float


@dataclass(frozen=True)
class Fold:
    """A sum, mean or maximum over a row: `values` are what is folded, `item(j)` is the j-th as an expression."""

    kind: str
    values: Array = field(repr=False)
    item: Callable[[Any], Expression] = field(repr=False)
    value: float
    label: str
    letter: str


Expression = Cell | Fixed | Apply | Fold


def largest_first(values: Array) -> Array:
    """The places of a sum's terms, largest first, without those that are exactly 0, as all that is masked is; where all are 0, one of them."""
    order = np.argsort(-np.abs(values), kind="stable")
    adding = order[values[order] != 0]
    return adding if len(adding) else order[:1]


def is_choice(made: Expression) -> bool:
    """Whether this is 1 less the answer of a comparison: 1 where it does not hold, else 0."""
    if not isinstance(made, Apply) or made.kind != "subtract":
        return False
    one, compared = made.parts
    return isinstance(one, Fixed) and one.value == 1 and isinstance(compared, Apply) and compared.kind == "greater"


class Reader:
    """Turns cells of a trace's tables into expressions, down to the nearest named tables."""

    def __init__(self, numbers: Numbers) -> None:
        self.numbers = numbers
        self._rows: dict[tuple[Table, int, int], Array] = {}
        self._sheets: dict[tuple[Table, int], Array] = {}
        self._letters = iter("jklmnabc")

    def definition(self, table: Table, index: Index) -> Expression:
        """How the cell follows from the named tables before its own."""
        return self._made(table, index)

    def cell(self, table: Table, index: Index) -> Expression:
        """The cell as an expression: itself where its table has a name."""
        index = _fitted(table, index)
        if table.primitive is NUMBER:
            return Fixed(table.options["value"])
        if table.name is not None:
            return Cell(Address(table.name, index), self._number(table, index))
        return self._made(table, index)

    def _number(self, table: Table, index: Index) -> float:
        if any(isinstance(part, str) for part in index):
            return float("nan")  # speaks of every j: no number of its own
        if len(index) == 1:
            return float(self._all(table)[index[0]])
        *sheet, row, column = index
        return float(self.row(table, sheet[0] if sheet else 0, row)[column])

    def _made(self, table: Table, index: Index) -> Expression:
        kind, inputs = table.primitive.name, table.inputs
        if kind in ("row_sum", "row_mean", "row_max"):
            return self._fold_row(kind.removeprefix("row_"), inputs[0], index)
        if kind == "matmul":
            return self._product(inputs[0], inputs[1], index)
        if kind == "rows_of":
            return self._looked_up(inputs[0], inputs[1], index)
        if kind == "positions":
            return Fixed(index[0])
        if kind == "transpose":
            return self.cell(inputs[0], (*index[:-2], index[-1], index[-2]))
        if kind == "columns":
            start = table.options.get("start", 0)
            return self.cell(inputs[0], (*index[:-1], index[-1] + start if start else index[-1]))
        if kind == "join":
            return self._joined(inputs, index)
        if kind == "split":
            return self._cut(table, index)
        if kind == "largest":
            return self._share_of_largest(table, index)
        if kind == "kth_largest":
            return self._kth(inputs[0], index, table.options["k"])
        if kind == "keep_past":
            return self._kept(inputs[0], index)
        parts = tuple(self.cell(t, index) for t in inputs)
        value = table.primitive.compute(*(np.float64(part.value) for part in parts))
        return Apply(kind, parts, float(value))

    def _kth(self, table: Table, index: Index, k: int) -> Expression:
        """The one cell of the row that is the k-th largest."""
        *sheet, row, _ = index
        values = self.row(table, sheet[0] if sheet else 0, row)
        place = int(np.argsort(-values, kind="stable")[k - 1]) if len(values) >= k else 0
        found = self.cell(table, (*sheet, row, place))
        return Apply("kth_largest", (found, Fixed(float(k))), found.value)

    def _kept(self, scores: Table, index: Index) -> Expression:
        row, column = index[-2:]
        if isinstance(row, int) and isinstance(column, int) and column > row:
            return Fixed(MASK, f"masked: token {column} comes after token {row}")
        return self.cell(scores, index)

    def _looked_up(self, table: Table, rows: Table, index: Index) -> Expression:
        number = self.cell(rows, index[:1])
        found = self.cell(table, (int(number.value), index[1]))
        return Apply("look_up", (found, number), found.value)

    def _joined(self, inputs: tuple[Table, ...], index: Index) -> Expression:
        *sheet, row, column = index
        if len(inputs) == 1:
            width = inputs[0].axes[-1].size or 1
            if isinstance(column, str):
                return self.cell(inputs[0], (":", row, ":"))
            return self.cell(inputs[0], (column // width, row, column % width))
        if isinstance(column, str):
            return Fixed(float("nan"), f"tables side by side[{column}]")
        for part in inputs:
            width = part.axes[-1].size or 0
            if column < width:
                return self.cell(part, (*sheet, row, column))
            column -= width
        raise AssertionError("a column beyond the joined tables")

    def _cut(self, table: Table, index: Index) -> Expression:
        sheet, row, column = index
        if isinstance(sheet, str) or isinstance(column, str):
            return self.cell(table.inputs[0], (row, ":"))
        return self.cell(table.inputs[0], (row, sheet * (table.axes[-1].size or 1) + column))

    def _share_of_largest(self, table: Table, index: Index) -> Expression:
        *sheet, row, column = index
        shares = table.primitive.compute(self.row(table.inputs[0], sheet[0] if sheet else 0, row))
        value = float(shares[column]) if isinstance(column, int) and isinstance(row, int) else float("nan")
        return Apply("largest", (self.cell(table.inputs[0], index),), value)

    def _fold_row(self, kind: str, table: Table, index: Index) -> Expression:
        *sheet, row, _ = index
        letter = next(self._letters, "j")
        values = self.row(table, sheet[0] if sheet else 0, row)
        folded = getattr(values, kind)()
        return Fold(
            kind, values, lambda j: self.cell(table, (*index[:-1], j)), float(folded), _label(table, -1), letter
        )

    def _product(self, a: Table, b: Table, index: Index) -> Expression:
        *sheet, row, column = index
        letter = next(self._letters, "j")
        number = sheet[0] if sheet else 0
        left = self.row(a, number, row)
        values = left * (self._sheet(b, number)[:, column] if isinstance(column, int) else np.nan)

        def item(j: Any) -> Expression:
            parts = (self.cell(a, (*sheet, row, j)), self.cell(b, (*sheet, j, column)))
            return Apply("multiply", parts, parts[0].value * parts[1].value)

        return Fold("sum", values, item, float(values.sum()), _label(a, -1), letter)

    # Whole rows and sheets, in float64 ----------------------------------------------------------------------------

    def _all(self, table: Table) -> Array:
        assert table.name is not None
        return np.asarray(self.numbers.rows(table.name), np.float64)

    def row(self, table: Table, sheet: int, row: Any) -> Array:
        """Row `row` of sheet `sheet`, float64."""
        if not isinstance(row, int):
            return np.full(1, np.nan)
        key = (table, sheet, row)
        if key not in self._rows:
            self._rows[key] = self._make_row(table, sheet, row)
        return self._rows[key]

    def _make_row(self, table: Table, sheet: int, row: int) -> Array:
        sheet, row = (0 if len(table.axes) < 3 or table.axes[0].size == 1 else sheet), _one(table, row)
        if table.primitive is NUMBER:
            return np.full(1, table.options["value"])
        if table.name is not None:
            return self._named_row(table, sheet, row)
        kind, inputs = table.primitive.name, table.inputs
        if kind in ("row_sum", "row_mean", "row_max", "matmul", "rows_of", "join", "split", "transpose", "columns"):
            return self._sheet(table, sheet)[row]
        rows = [self.row(t, sheet, row) for t in inputs]
        if kind == "keep_past":
            return np.where(np.arange(len(rows[0])) > row, MASK, rows[0])
        return np.asarray(table.primitive.compute(*rows, **table.options), np.float64)

    def worked_out(self, table: Table, row: int, sheet: int = 0) -> Array:
        """Row `row` of a table as its formula gives it from the tables before it, whatever was set in it by hand."""
        rows = [self.row(before, sheet, row) for before in table.inputs]
        if table.primitive.name == "matmul":
            return rows[0] @ self._sheet(table.inputs[1], sheet)
        return np.asarray(table.primitive.compute(*rows, **table.options), np.float64)

    def _named_row(self, table: Table, sheet: int, row: int) -> Array:
        assert table.name is not None
        if table.primitive is GIVEN:
            array = self.numbers.rows(table.name)
            return np.asarray(array[sheet, row] if array.ndim == 3 else array[row], np.float64)
        array = self.numbers.rows(table.name, row, row + 1)
        return np.asarray(array[sheet, 0] if array.ndim == 3 else array[0], np.float64)

    def _sheet(self, table: Table, sheet: int) -> Array:
        """A whole sheet, float64: needed where a formula runs down a column."""
        key = (table, 0 if len(table.axes) < 3 else sheet)
        if key not in self._sheets:
            self._sheets[key] = self._make_sheet(table, sheet)
        return self._sheets[key]

    def _make_sheet(self, table: Table, sheet: int) -> Array:
        if table.primitive is NUMBER:
            return np.full((1, 1), table.options["value"])
        if table.name is not None:
            array = np.asarray(self.numbers.rows(table.name))
            return array[sheet if array.shape[0] > 1 else 0] if array.ndim == 3 else array
        if table.primitive.name == "join" and len(table.inputs) == 1:
            heads = range(table.inputs[0].axes[0].size or 1)
            return np.concatenate([self._sheet(table.inputs[0], head) for head in heads], axis=-1)
        if table.primitive.name == "split":
            width = table.axes[-1].size or 1
            return self._sheet(table.inputs[0], 0)[:, sheet * width : (sheet + 1) * width]
        return np.asarray(table.primitive.compute(*(self._sheet(t, sheet) for t in table.inputs), **table.options))


def _fitted(table: Table, index: Index) -> Index:
    """The index as this table has it: fewer axes, and single rows and columns that are repeated."""
    own = index[len(index) - len(table.axes) :] if len(table.axes) <= len(index) else index
    return tuple(0 if axis.size == 1 else part for axis, part in zip(table.axes, own, strict=False))


def _one(table: Table, row: int) -> int:
    return 0 if len(table.axes) > 1 and table.axes[-2].size == 1 else row


def _label(table: Table, axis: int) -> str:
    return "key pos" if table.axes[axis].is_pos else table.axes[axis].label

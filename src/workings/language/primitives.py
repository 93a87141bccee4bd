"""The primitives: the few things that a reading must know how to do.

Each is an ordinary function on arrays whose body is its definition in NumPy. Called with a `Table` among its inputs it
computes nothing and adds a table to the graph instead. "Row" always means along the last axis; in a stack of sheets
(`[head, pos, d_head]`) every sheet is treated alike.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from workings.language.tables import ONE, POS, SIGNS, Axes, Axis, Graph, Primitive, Table

MASK = -1e9
"""What a masked attention score is: so low that its share is exactly 0, yet finite, so that a spreadsheet can hold it."""

PRIMITIVES: dict[str, Primitive] = {}


def primitive(axes: Callable[..., Axes]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make a function on arrays a primitive of the language; `axes` says which axes come out."""

    def decorate(compute: Callable[..., Any]) -> Callable[..., Any]:
        made = PRIMITIVES[compute.__name__] = Primitive(compute.__name__, compute, axes)

        @wraps(compute)
        def either(*inputs: Any, **options: Any) -> Any:
            graph = next((x.graph for x in inputs if isinstance(x, Table)), None)
            if graph is None:
                return compute(*(_array(x) for x in inputs), **options)
            tables = tuple(x if isinstance(x, Table) else number(graph, x) for x in inputs)
            return Table(graph, made, tables, options, axes(*(t.axes for t in tables), **options))

        return either

    return decorate


def _array(value: Any) -> Any:
    """Lists become arrays; whole numbers in them become real ones only where arithmetic needs it."""
    return value if isinstance(value, int | float | np.ndarray | np.generic) else np.asarray(value)


# Sources ----------------------------------------------------------------------------------------------------------


def _given_body() -> None:
    """A number that is given: a weight that was learnt, or a token of the prompt."""


def _number_body(value: float) -> float:
    """A fixed number in a formula."""
    return value


GIVEN = PRIMITIVES["given"] = Primitive("given", _given_body, lambda axes: axes)
NUMBER = PRIMITIVES["number"] = Primitive("number", _number_body, lambda: ())


def given(graph: Graph, name: str, axes: Axes) -> Table:
    """A table that does not follow from others: a weight, or the token ids."""
    table = Table(graph, GIVEN, (), {}, axes)
    table.name = name
    graph.weights[name] = table
    return table


def number(graph: Graph, value: float) -> Table:
    """A fixed number, such as the 2 in `x / 2`."""
    return Table(graph, NUMBER, (), {"value": float(value)}, ())


# Arithmetic, number by number -------------------------------------------------------------------------------------


def _side_by_side(*inputs: Axes, **_: Any) -> Axes:
    """Axes of number-by-number arithmetic: single rows, columns and numbers are repeated as often as needed."""
    out: list[Axis] = []
    for place in range(1, max(map(len, inputs)) + 1):
        found = [axes[-place] for axes in inputs if len(axes) >= place]
        longer = [axis for axis in found if axis.size != 1] or found
        sizes = {axis.size for axis in longer}
        if len(sizes) > 1:
            raise ValueError(f"tables of axes {' and '.join(str(list(axes)) for axes in inputs)} do not fit together")
        out.insert(0, longer[0])
    return tuple(out)


@primitive(_side_by_side)
def add(a: Any, b: Any) -> Any:
    """Add, number by number."""
    return a + b


@primitive(_side_by_side)
def subtract(a: Any, b: Any) -> Any:
    """Subtract the second from the first, number by number."""
    return a - b


@primitive(_side_by_side)
def multiply(a: Any, b: Any) -> Any:
    """Multiply, number by number."""
    return a * b


@primitive(_side_by_side)
def divide(a: Any, b: Any) -> Any:
    """Divide the first by the second, number by number."""
    return a / b


@primitive(_side_by_side)
def maximum(a: Any, b: Any) -> Any:
    """Take the larger of the two, number by number."""
    return np.maximum(a, b)


@primitive(_side_by_side)
def greater(a: Any, b: Any) -> Any:
    """1 where the first is greater than the second, else 0, number by number."""
    a, b = np.asarray(a), np.asarray(b)
    kinds = [x.dtype for x in (a, b) if x.ndim and x.dtype.kind == "f"] or [np.dtype(np.float64)]
    return (a > b).astype(np.result_type(*kinds))


@primitive(_side_by_side)
def exp(x: Any) -> Any:
    """Raise e = 2.71828... to the power of each number."""
    return np.exp(x)


@primitive(_side_by_side)
def tanh(x: Any) -> Any:
    """The hyperbolic tangent of each number: an S-shaped curve from -1 to 1."""
    return np.tanh(x)


@primitive(_side_by_side)
def erf(x: Any) -> Any:
    """The error function of each number: an S-shaped curve from -1 to 1, from the bell curve's area."""
    x = np.asarray(x)
    kind = x.dtype if x.dtype.kind == "f" else np.float64
    return np.array([math.erf(v) for v in x.ravel().tolist()], dtype=kind).reshape(x.shape)


@primitive(_side_by_side)
def sqrt(x: Any) -> Any:
    """The square root of each number. One that overflowed has none: a row divided by it would come out as 0, and wrong."""
    root = np.sqrt(x)
    return np.where(np.isinf(root), np.nan, root)[()]


# Along a row ------------------------------------------------------------------------------------------------------


def _one_column(x: Axes) -> Axes:
    return (*x[:-1], ONE)


@primitive(_one_column)
def row_sum(x: Any) -> Any:
    """Add up each row."""
    return x.sum(axis=-1, keepdims=True)


@primitive(_one_column)
def row_max(x: Any) -> Any:
    """The largest number of each row."""
    return x.max(axis=-1, keepdims=True)


@primitive(lambda x: x)
def largest(x: Any) -> Any:
    """1 for the largest number of each row and 0 for all others; where several are equally large, each has its share of the 1."""
    hit = (x == x.max(axis=-1, keepdims=True)).astype(x.dtype)
    return hit / hit.sum(axis=-1, keepdims=True)


def _kth_axes(x: Axes, k: int) -> Axes:
    if (
        x[-1].size is None or not 1 <= k <= x[-1].size
    ):  # of a row that grows with the prompt, only some columns may be at hand
        raise ValueError(f"a row of {list(x)} has no number {k} by size")
    return _one_column(x)


@primitive(_kth_axes)
def kth_largest(x: Any, k: int) -> Any:
    """The k-th largest number of each row, the largest being the first; equal numbers count as often as they stand there."""
    place = x.shape[-1] - k
    return np.partition(x, place, axis=-1)[..., place : place + 1]


@primitive(_one_column)
def row_mean(x: Any) -> Any:
    """The mean of each row."""
    return x.mean(axis=-1, keepdims=True)


# Whole tables -----------------------------------------------------------------------------------------------------


def _matmul_axes(a: Axes, b: Axes) -> Axes:
    if a[-1].size != b[-2].size:
        raise ValueError(f"cannot multiply a table {list(a)} by a table {list(b)}: the inner lengths differ")
    return (*_side_by_side(a[:-2], b[:-2]), a[-2], b[-1]) if len(a) > 2 or len(b) > 2 else (a[-2], b[-1])


@primitive(_matmul_axes)
def matmul(a: Any, b: Any) -> Any:
    """Matrix product: multiply a row of the first with a column of the second, number by number, and add up."""
    return np.matmul(a, b)


@primitive(lambda x: (*x[:-2], x[-1], x[-2]))
def transpose(x: Any) -> Any:
    """Turn rows into columns."""
    return np.swapaxes(x, -1, -2)


@primitive(lambda table, rows: (rows[0], table[-1]))
def rows_of(table: Any, rows: Any) -> Any:
    """Look rows up by their number: row 5 of the table where `rows` says 5."""
    return np.asarray(table)[np.asarray(rows).astype(np.intp)]


@primitive(lambda rows: (rows[0],))
def positions(rows: Any, first_row: int = 0) -> Any:
    """Count the rows: 0, 1, 2, ..."""
    return np.arange(first_row, first_row + len(rows))


def _columns_axes(x: Axes, start: int = 0, stop: int | None = None) -> Axes:
    if start == 0 and stop is None:
        return x
    size = x[-1].size
    assert size is not None, "columns that are positions are not cut"
    return (*x[:-1], Axis(x[-1].label, len(range(size)[start:stop])))


@primitive(_columns_axes)
def columns(x: Any, start: int = 0, stop: int | None = None) -> Any:
    """Cut out columns `start` up to, not including, `stop`; without limits, the same numbers again."""
    return x[..., start:stop]


def _join_axes(*parts: Axes) -> Axes:
    if len(parts) == 1:
        heads, rows, width = parts[0]
        return (rows, Axis(f"{heads.label}*{width.label}", (heads.size or 0) * (width.size or 0)))
    return (*parts[0][:-1], Axis(parts[0][-1].label, sum(part[-1].size or 0 for part in parts)))


@primitive(_join_axes)
def join(*parts: Any) -> Any:
    """Put tables side by side: the given ones, or the sheets of one stack from first to last."""
    return np.concatenate(parts if len(parts) > 1 else list(parts[0]), axis=-1)


def _split_axes(x: Axes, sheets: int) -> Axes:
    rows, wide = x
    label, _, inner = wide.label.rpartition("*")
    return (Axis(label or "sheet", sheets), rows, Axis(inner, (wide.size or 0) // sheets))


@primitive(_split_axes)
def split(x: Any, sheets: int) -> Any:
    """Cut a table into a stack of equally wide sheets, from left to right: `join` of one stack, undone."""
    parts = x.reshape(*x.shape[:-1], sheets, -1)
    return np.moveaxis(parts, -2, 0)


@primitive(lambda scores: scores)
def keep_past(scores: Any, first_row: int = 0) -> Any:
    """Keep what stands at or before the row's own position; everything later becomes -1000000000 (the causal mask)."""
    rows, width = np.shape(scores)[-2:]
    later = np.arange(width) > np.arange(first_row, first_row + rows)[:, None]
    return np.where(later, np.asarray(scores).dtype.type(MASK), scores)


SIGNS |= {"add": add, "subtract": subtract, "multiply": multiply, "divide": divide, "matmul": matmul}

__all__ = [
    "MASK",
    "POS",
    "PRIMITIVES",
    "Primitive",
    "add",
    "columns",
    "divide",
    "erf",
    "exp",
    "given",
    "greater",
    "join",
    "keep_past",
    "kth_largest",
    "largest",
    "matmul",
    "maximum",
    "multiply",
    "number",
    "positions",
    "row_max",
    "row_mean",
    "row_sum",
    "rows_of",
    "split",
    "sqrt",
    "subtract",
    "tanh",
    "transpose",
]

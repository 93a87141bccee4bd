"""Products that are quicker together: queries, keys and values are one matrix in memory, and then one product; and without rows of zeros."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from workings.language.tables import Graph, Table

Array = np.ndarray

LARGE = 1 << 16
"""Numbers from which on a matrix is worth a look at what it is multiplied with."""


def products_of_one_table(graph: Graph) -> dict[Table, tuple[Table, ...]]:
    """Named tables that are `linear` of the same input, each with all its like in order of working."""
    groups: dict[Table, list[Table]] = {}
    for call in graph.calls:
        made = call.output
        if (
            call.name == "linear"
            and made is not None
            and made.name is not None
            and isinstance(call.arguments[0], Table)
        ):
            groups.setdefault(call.arguments[0], []).append(made)
    return {table: tuple(group) for group in groups.values() if len(group) > 1 for table in group}


def weight_names(table: Table) -> tuple[str, str]:
    """The names of the weight and the bias of a table that is `linear` of another."""
    call = table.graph.calls_giving(table)[-1]
    _, weight, bias = call.arguments
    return weight.name, bias.name


def side_by_side(stack: Array) -> Array | None:
    """A stack `[head, rows, columns]` that is one matrix `[rows, head * columns]` in memory, as that matrix; else None."""
    sheets, rows, width = stack.shape
    if stack.strides[2] != stack.itemsize or (sheets > 1 and stack.strides[0] != width * stack.itemsize):
        return None
    shape, strides = (rows, sheets * width), (stack.strides[1], stack.itemsize)
    return np.lib.stride_tricks.as_strided(stack, shape, strides, writeable=False)


def joined(arrays: Sequence[Array]) -> Array | None:
    """Stacks `[head, rows, columns]` that follow one another in memory, as one matrix `[rows, all columns]`; else None."""
    first, width = arrays[0], arrays[0].shape[0] * arrays[0].shape[2]
    for place, array in enumerate(arrays):
        expected = first.__array_interface__["data"][0] + place * width * first.itemsize
        alike = (array.shape, array.strides, array.dtype) == (first.shape, first.strides, first.dtype)
        if not alike or array.__array_interface__["data"][0] != expected:
            return None
    flat = side_by_side(first)
    if flat is None or (len(flat) > 1 and flat.strides[0] < len(arrays) * width * first.itemsize):
        return None
    shape = (len(flat), len(arrays) * width)
    return np.lib.stride_tricks.as_strided(flat, shape, flat.strides, writeable=False)


def matmul(a: Array, b: Array) -> Array:
    """`a @ b`, without a's rows of zeros where they are many: the score's slopes of the last tables are 0 but in its own row."""
    if a.ndim == b.ndim == 2 and len(a) > 1 and b.size > LARGE:
        rows = np.flatnonzero(a.any(axis=1))
        if 2 * len(rows) <= len(a):
            out = np.zeros((len(a), b.shape[1]), a.dtype)
            out[rows] = np.matmul(a[rows], b)
            return out
    return np.matmul(a, b)

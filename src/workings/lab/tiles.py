"""Rectangles of numbers: cut out of any table or weight, as the bytes that a page reads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workings.engine.trace import Trace
from workings.errors import OutsideTable
from workings.lab.asked import Query
from workings.lab.refusals import TooMuch
from workings.language.primitives import GIVEN, MASK

Array = np.ndarray

MOST_CELLS = 1 << 18
MOST_ATTENTION = 1 << 24
MOST_RANGED = 1_000_000


@dataclass(frozen=True)
class Sheet:
    """One sheet of a table: a head of a stack, or the only one there is. Token ids are a sheet of one column."""

    trace: Trace
    name: str
    number: int
    rows: int
    columns: int

    @classmethod
    def asked(cls, trace: Trace, query: Query) -> Sheet:
        """The sheet that a request names. Raises `UnknownTable` and `OutsideTable`."""
        table = trace.table(query.text("table"))
        assert table.name is not None
        *sheets, rows, columns = (1, *table.shape(len(trace))) if len(table.axes) > 1 else (*table.shape(len(trace)), 1)
        count = sheets[-1] if sheets else 1
        number = query.whole("sheet", 0)
        if number >= count:
            raise OutsideTable(f"{table.name} has {count} sheets, numbered from 0; {number} came")
        return cls(trace, table.name, number, rows, columns)

    def read(self, rows: tuple[int, int], columns: tuple[int, int]) -> Array:
        """A rectangle, float32; only rows that are asked for are worked out."""
        table = self.trace.table(self.name)
        if table.primitive is GIVEN:
            array = self.trace.rows(self.name) if len(table.axes) > 1 else self.trace.ids[:, None]
            first = 0
        else:
            array, first = self.trace.rows(self.name, *rows), rows[0]
        sheet = array[self.number] if array.ndim == 3 else array
        return np.ascontiguousarray(sheet[rows[0] - first : rows[1] - first, slice(*columns)], "<f4")


def tile(trace: Trace, query: Query) -> Array:
    """The rectangle that a request asks for, `[rows, columns]`. Raises `TooMuch` for more than `MOST_CELLS`."""
    sheet = Sheet.asked(trace, query)
    rows, columns = query.span("rows", sheet.rows), query.span("columns", sheet.columns)
    if (count := (rows[1] - rows[0]) * (columns[1] - columns[0])) > MOST_CELLS:
        raise TooMuch(f"a tile has at most {MOST_CELLS:,} numbers; {count:,} were asked for")
    return sheet.read(rows, columns)


def value_range(trace: Trace, query: Query) -> dict[str, float]:
    """The smallest, the largest and the farthest from 0 of a sheet's first million numbers, masked scores left out."""
    sheet = Sheet.asked(trace, query)
    rows = max(1, min(sheet.rows, MOST_RANGED // sheet.columns))
    numbers = sheet.read((0, rows), (0, min(sheet.columns, MOST_RANGED)))
    numbers = numbers[np.isfinite(numbers) & (numbers > MASK / 2)]
    low, high = (float(numbers.min()), float(numbers.max())) if numbers.size else (0.0, 0.0)
    return {"min": low, "max": high, "largest": max(abs(low), abs(high))}


def attention(trace: Trace, block: int) -> Array:
    """The pattern of all heads of a block, `[head, query pos, key pos]`."""
    name = next((n for n in trace.names() if n.endswith(f"blocks.{block}.attn.pattern")), None)
    if name is None:
        raise OutsideTable(f"there is no block {block} with attention in this model")
    if (count := int(np.prod(trace.shape(name)))) > MOST_ATTENTION:
        raise TooMuch(
            f"this pattern has {count:,} numbers, and at most {MOST_ATTENTION:,} are sent at once; read it tile by tile"
        )
    return np.ascontiguousarray(trace[name], "<f4")

"""Where the rows of one table are kept: in buffers that traces share, each row in force in exactly one of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock

import numpy as np

from workings.engine.edits import Edit
from workings.engine.rows import NO_ROWS, Rows

Array = np.ndarray


@dataclass
class Buffer:
    """An array with room for rows to come. `used` rows are taken; None for an array that is not ours to write on."""

    array: Array
    used: int | None


_CLAIMING = Lock()


def _claimed(buffer: Buffer, start: int, stop: int) -> bool:
    """Take the rows after the last one, if nobody else has; traces that share the buffer may be worked on by several threads."""
    with _CLAIMING:
        if buffer.used != start:
            return False
        buffer.used = stop
        return True


@dataclass
class Store:
    """The rows of one table that are worked out. Several stores may read one buffer; only rows nobody has are written.

    `n_pos` is the number of rows of the whole table, `before_rows` the shape in front of the row axis (`(head,)` or
    `()`), `after_rows` the shape behind it, `fill` what a row holds where nothing is written.
    """

    n_pos: int
    before_rows: tuple[int, ...]
    after_rows: tuple[int, ...]
    dtype: np.dtype
    fill: float | None = None
    parts: list[tuple[Buffer, Rows]] = field(default_factory=list)
    rows: Rows = NO_ROWS
    """All rows that are worked out."""
    own: Buffer | None = None

    def fork(self, stale: Rows, n_pos: int) -> Store:
        """A store for another trace that shares every row but the stale ones."""
        parts = [(buffer, rows - stale) for buffer, rows in self.parts]
        parts = [(buffer, rows) for buffer, rows in parts if rows]
        return Store(n_pos, self.before_rows, self.after_rows, self.dtype, self.fill, parts, self.rows - stale)

    def grow(self, n_pos: int) -> None:
        """Make place for a longer prompt."""
        self.n_pos = n_pos
        if self.own is not None and self.own.array.shape[len(self.before_rows)] < n_pos:
            self.own = None

    def read(self, start: int, stop: int) -> Array:
        """A view of worked-out rows; rows from several buffers are brought together first."""
        for buffer, rows in self.parts:
            if rows.covers(start, stop):
                return self._view(buffer.array, start, stop)
        own = self._own_buffer()
        for buffer, rows in self.parts:
            if buffer is not own:
                for a, b in rows.spans:
                    self._view(own.array, a, b)[...] = self._view(buffer.array, a, b)
        self.parts = [(own, self.rows)]
        return self._view(own.array, start, stop)

    def put(self, start: int, values: Array, keep_array: bool, growing: bool) -> None:
        """Keep newly worked-out rows. `keep_array` allows the array itself to become the buffer; a `growing` prompt
        gets buffers with room for more rows."""
        stop = start + values.shape[len(self.before_rows)]
        if keep_array and start == 0 and stop == self.n_pos and not self.parts and self._fits(values):
            self.rows = Rows.run(0, stop)
            self.parts = [(Buffer(values, None), self.rows)]
            return
        buffer = self._extend(start, stop) or self._own_buffer(growing)
        target = self._view(buffer.array, start, stop)
        if values.shape[-1] == target.shape[-1]:
            target[...] = values
        else:  # what is not worked out lies right of the diagonal, and holds the fill
            target[..., : values.shape[-1]] = values
        self._claim(buffer, Rows.run(start, stop))

    def change(self, rows: Rows, edits: Sequence[Edit]) -> None:
        """Put edits in force on `rows`, which become this store's own.

        What the edits do to other rows is thrown away: they may be in force there already, and must not be again.
        """
        own = self._own_buffer()
        table = np.zeros((*self.before_rows, self.n_pos, *self.after_rows), self.dtype)
        for buffer, there in [*self.parts, (own, rows - self.rows)]:
            for a, b in (there & rows).spans:
                self._view(table, a, b)[...] = self._view(buffer.array, a, b)
        for edit in edits:
            edit.apply(table)
        for a, b in rows.spans:
            self._view(own.array, a, b)[...] = self._view(table, a, b)
        self.parts = [(buffer, there if buffer is own else there - rows) for buffer, there in self.parts]
        self._claim(own, rows)

    def _fits(self, values: Array) -> bool:
        return values.dtype == self.dtype and values.shape == (*self.before_rows, self.n_pos, *self.after_rows)

    def _view(self, array: Array, start: int, stop: int) -> Array:
        return array[:, start:stop] if self.before_rows else array[start:stop]

    def _claim(self, buffer: Buffer, rows: Rows) -> None:
        self.rows = self.rows | rows
        for place, (other, there) in enumerate(self.parts):
            if other is buffer:
                self.parts[place] = (buffer, there | rows)
                return
        self.parts.append((buffer, rows))

    def _extend(self, start: int, stop: int) -> Buffer | None:
        """The shared buffer that ends right before `start` and has room: how a prompt grows without copying."""
        for buffer, rows in self.parts:
            room = buffer.array.shape[len(self.before_rows)]
            if rows.stop == start and stop <= room and _claimed(buffer, start, stop):
                return buffer
        return None

    def _own_buffer(self, growing: bool = False) -> Buffer:
        if self.own is None:
            room = self.n_pos + (self.n_pos // 2 + 16 if growing else 0)
            shape = (*self.before_rows, room, *self.after_rows)
            array = np.empty(shape, self.dtype) if self.fill is None else np.full(shape, self.fill, self.dtype)
            self.own = Buffer(array, self.n_pos)
        return self.own

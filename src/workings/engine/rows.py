"""Sets of rows, kept as few disjoint runs, since rows are nearly always wanted in runs; and which part of them a row needs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import IntEnum

Span = tuple[int, int]


class Rows:
    """A set of row numbers as sorted, disjoint, non-touching runs `(start, stop)`. Never changed once made."""

    __slots__ = ("spans",)

    def __init__(self, spans: tuple[Span, ...] = ()) -> None:
        self.spans = spans

    def __repr__(self) -> str:
        return f"Rows({self.spans})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Rows) and self.spans == other.spans

    def __hash__(self) -> int:
        return hash(self.spans)

    @staticmethod
    def run(start: int, stop: int) -> Rows:
        """The rows from `start` up to, not including, `stop`."""
        return Rows(((start, stop),)) if stop > start else NO_ROWS

    @staticmethod
    def of(numbers: Iterable[int]) -> Rows:
        """The given row numbers, in any order."""
        return _merged((number, number + 1) for number in sorted(set(numbers)))

    def __bool__(self) -> bool:
        return bool(self.spans)

    def __iter__(self) -> Iterator[int]:
        return (row for start, stop in self.spans for row in range(start, stop))

    def __len__(self) -> int:
        return sum(stop - start for start, stop in self.spans)

    @property
    def first(self) -> int:
        """The lowest row number."""
        return self.spans[0][0]

    @property
    def stop(self) -> int:
        """One more than the highest row number; 0 for no rows."""
        return self.spans[-1][1] if self.spans else 0

    def __or__(self, other: Rows) -> Rows:
        if not self.spans or self.spans == other.spans:
            return other
        if not other.spans:
            return self
        if len(self.spans) == 1 and len(other.spans) == 1:
            (a, b), (c, d) = self.spans[0], other.spans[0]
            if a <= d and c <= b:
                return Rows(((a if a < c else c, b if b > d else d),))
        return _merged(sorted(self.spans + other.spans))

    def __sub__(self, other: Rows) -> Rows:
        if not self.spans or not other.spans:
            return self
        if self.spans[0][0] >= other.spans[-1][1] or self.spans[-1][1] <= other.spans[0][0]:
            return self
        left = list(self.spans)
        for start, stop in other.spans:
            left = [piece for a, b in left for piece in ((a, min(b, start)), (max(a, stop), b)) if piece[1] > piece[0]]
        return Rows(tuple(left))

    def __and__(self, other: Rows) -> Rows:
        return self - (self - other)

    def covers(self, start: int, stop: int) -> bool:
        """Whether all rows of the run are in the set."""
        for a, b in self.spans:  # plain loops: this is asked many times a token
            if a <= start and stop <= b:
                return True
        return False


def _merged(spans: Iterable[Span]) -> Rows:
    out: list[Span] = []
    for start, stop in spans:
        if out and start <= out[-1][1]:
            out[-1] = (out[-1][0], max(out[-1][1], stop))
        else:
            out.append((start, stop))
    return Rows(tuple(out))


NO_ROWS = Rows()


class Part(IntEnum):
    """Which part of a position axis is needed for the rows [start, stop): the same, all up to them, all from them on, or the whole."""

    SAME = 1
    PAST = 2
    LATER = 3
    WHOLE = 4

    def span(self, start: int, stop: int, n_pos: int, end: int) -> tuple[int, int]:
        """The positions that the part stands for; what is asked of later rows (slopes) is asked of those before `end`."""
        if self is Part.SAME:
            return start, stop
        if self is Part.LATER:
            return start, end
        return 0, stop if self is Part.PAST else n_pos

    def wider(self, other: Part) -> Part:
        """The part that takes both in."""
        return Part.WHOLE if {self, other} == {Part.PAST, Part.LATER} else max(self, other)

    @property
    def looks_ahead(self) -> bool:
        """Whether rows after a row are needed for it."""
        return self in (Part.LATER, Part.WHOLE)

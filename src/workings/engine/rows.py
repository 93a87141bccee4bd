"""Sets of rows, kept as few disjoint runs, since rows are nearly always wanted in runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Rows:
    """A set of row numbers as sorted, disjoint, non-touching runs `(start, stop)`."""

    spans: tuple[Span, ...] = ()

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
        return _merged(sorted(self.spans + other.spans))

    def __sub__(self, other: Rows) -> Rows:
        if not self.spans or not other.spans:
            return self
        left = list(self.spans)
        for start, stop in other.spans:
            left = [piece for a, b in left for piece in ((a, min(b, start)), (max(a, stop), b)) if piece[1] > piece[0]]
        return Rows(tuple(left))

    def __and__(self, other: Rows) -> Rows:
        return self - (self - other)

    def covers(self, start: int, stop: int) -> bool:
        """Whether all rows of the run are in the set."""
        return any(a <= start and stop <= b for a, b in self.spans)


def _merged(spans: Iterable[Span]) -> Rows:
    out: list[Span] = []
    for start, stop in spans:
        if out and start <= out[-1][1]:
            out[-1] = (out[-1][0], max(out[-1][1], stop))
        else:
            out.append((start, stop))
    return Rows(tuple(out))


NO_ROWS = Rows()

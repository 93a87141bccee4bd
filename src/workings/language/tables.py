"""Tables, and the graph that a model function draws with them.

A model function that is called with tables computes nothing. Each primitive that it calls adds one `Table` to the
`Graph` being drawn, and remembers which operation it belongs to. Readings then walk the graph.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Axis(NamedTuple):
    """One axis of a table: its word (defined in this folder's README) and its length, None where the prompt decides."""

    label: str
    size: int | None

    @property
    def is_pos(self) -> bool:
        """Whether this axis has one entry for each token of the prompt."""
        return self.size is None


POS = Axis("pos", None)
ONE = Axis("1", 1)


Axes = tuple[Axis, ...]


@dataclass(frozen=True, eq=False)
class Primitive:
    """One primitive: its name, its body on arrays, and how the axes of its output follow from those of its inputs.

    A body with the option `first_row` cares which rows of the whole table it is given.
    """

    name: str
    compute: Callable[..., Any]
    axes: Callable[..., Axes]


SIGNS: dict[str, Callable[[Any, Any], Any]] = {}
"""What the signs + - * / @ between tables mean: filled in by the primitives of these names."""


class Table:
    """One table of numbers, known by how it follows from other tables.

    `axes` are the last two (row, column), or three with a stack of sheets in front (`[head, pos, d_head]`);
    token ids have one. `name` is None for a step inside a formula that nobody gave a name.
    """

    __slots__ = ("axes", "call", "graph", "inputs", "name", "number", "options", "primitive")
    __array_ufunc__ = None  # so that `array + table` asks the table, not NumPy

    def __init__(
        self,
        graph: Graph,
        primitive: Primitive,
        inputs: tuple[Table, ...],
        options: dict[str, Any],
        axes: tuple[Axis, ...],
    ) -> None:
        self.graph = graph
        self.primitive = primitive
        self.inputs = inputs
        self.options = options
        self.axes = axes
        self.name: str | None = None
        self.call: Call | None = graph.open_call
        self.number = len(graph.tables)
        graph.tables.append(self)

    def __repr__(self) -> str:
        return f"<table {self.name or self.primitive.name} [{', '.join(axis_labels(self.axes))}]>"

    @property
    def row_axis(self) -> int | None:
        """Which axis holds the token positions as rows (counted from the end), or None for a table without rows of tokens."""
        if len(self.axes) == 1:
            return -1 if self.axes[0].is_pos else None
        return -2 if len(self.axes) > 1 and self.axes[-2].is_pos else None

    @property
    def columns_are_positions(self) -> bool:
        """Whether the columns too run over token positions, as in attention scores."""
        return len(self.axes) > 1 and self.axes[-1].is_pos

    def shape(self, n_pos: int) -> tuple[int, ...]:
        """The table's shape for a prompt of `n_pos` tokens."""
        return tuple(n_pos if axis.size is None else axis.size for axis in self.axes)

    # Arithmetic is written with the ordinary signs; the primitives fill these in .
    def __add__(self, other: Any) -> Any:
        return SIGNS["add"](self, other)

    def __radd__(self, other: Any) -> Any:
        return SIGNS["add"](other, self)

    def __sub__(self, other: Any) -> Any:
        return SIGNS["subtract"](self, other)

    def __rsub__(self, other: Any) -> Any:
        return SIGNS["subtract"](other, self)

    def __mul__(self, other: Any) -> Any:
        return SIGNS["multiply"](self, other)

    def __rmul__(self, other: Any) -> Any:
        return SIGNS["multiply"](other, self)

    def __truediv__(self, other: Any) -> Any:
        return SIGNS["divide"](self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return SIGNS["divide"](other, self)

    def __matmul__(self, other: Any) -> Any:
        return SIGNS["matmul"](self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return SIGNS["matmul"](other, self)


def axis_labels(axes: Sequence[Axis]) -> list[str]:
    """The axis words of a table; two position axes in one table are the query's and the key's."""
    labels = [axis.label for axis in axes]
    if len(axes) > 1 and axes[-1].is_pos and axes[-2].is_pos:
        labels[-2:] = ["query pos", "key pos"]
    return labels


@dataclass(eq=False)
class Call:
    """One use of an operation in a model: what it was called with, and the table that came out."""

    operation: Callable[..., Any]
    arguments: tuple[Any, ...]
    outer: Call | None
    output: Table | None = None
    members: list[Table] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The operation's name."""
        return self.operation.__name__


class Graph:
    """All tables of one model, in the order in which they are worked out."""

    def __init__(self) -> None:
        self.tables: list[Table] = []
        self.named: dict[str, Table] = {}
        self.weights: dict[str, Table] = {}
        self.calls: list[Call] = []
        self.open_call: Call | None = None
        self._calls_by_output: dict[Table, list[Call]] | None = None

    def calls_giving(self, table: Table) -> list[Call]:
        """The uses of operations whose output is this table, the outermost first."""
        if self._calls_by_output is None or self.open_call is not None:
            found: dict[Table, list[Call]] = {}
            for call in self.calls:  # outer calls are noted before inner ones
                if call.output is not None:
                    found.setdefault(call.output, []).append(call)
            self._calls_by_output = found  # at once, because other threads may be asking
        return self._calls_by_output.get(table, [])

    def add_name(self, full_name: str, table: Table) -> None:
        """Give a table its name; a name is given once."""
        assert full_name not in {*self.named, *self.weights}, f"two tables named {full_name}"
        table.name = full_name
        self.named[full_name] = table

"""The gradient reading: how far one chosen number moves for each unit that any other number is moved, as more tables.

Given a graph, a table of it (the output) and a seed of the output's shape that says what is chosen (1 in the cell that is
asked about and 0 elsewhere; or 1 and -1 for the difference of two), it draws `gradient.{name}` for the named tables that
the choice depends on, of their shape, in the language's own primitives. So a gradient is worked out when asked for,
explained, edited and exported like any other table. Source: Rumelhart, Hinton and Williams 1986, Learning representations
by back-propagating errors; reverse accumulation.

One rule a primitive says what the output's gradient gives to each input. What a rule leaves open:

- Where several numbers of a row are its largest, `row_max` shares its gradient evenly among them: no order among equals,
  and for two of them what central differences give. `kth_largest` does the same among equals. `maximum` gives to its second input where both are equal, so that
  `relu` has slope 0 at 0, as is usual.
- `greater`, `largest`, `positions` and row numbers have steps and no slopes: nothing goes through them.
- Edits in force change the numbers that the rules read; the rules themselves are those of the formulas. So a table that is
  edited has to be told of: its rule then reads what its formula gives, and what it gives to the tables before it is a table,
  `passed_name`, which is scaled where it is set (by 0) or scaled. `drawn_for` says which edits have to be told of.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Protocol

from workings.errors import InputError
from workings.language.names import name
from workings.language.primitives import (
    columns,
    exp,
    greater,
    join,
    keep_past,
    kth_largest,
    largest,
    row_sum,
    split,
    transpose,
)
from workings.language.tables import Graph, Table, axis_labels


class Change(Protocol):
    """What the reading needs of an edit."""

    @property
    def name(self) -> str:
        """The edited table's name."""
        ...

    @property
    def kind(self) -> str:
        """`value`, `add` or `scale`."""
        ...


def gradient_name(table_name: str) -> str:
    """The name of a table's gradient: `gradient.blocks.0.resid_mid` for `blocks.0.resid_mid`."""
    return f"gradient.{table_name}"


def is_gradient(table_name: str) -> bool:
    """Whether a table of this name is a gradient, or what one hands on."""
    return table_name.startswith(gradient_name(""))


def passed_name(table_name: str) -> str:
    """The name of what a table's gradient gives to the tables before it: itself, until somebody edits this table."""
    return f"{gradient_name(table_name)}.passed"


def drawn_for(graph: Graph, edits: Iterable[Change]) -> frozenset[str]:
    """The tables whose edits `draw_gradient` has to be told of: those that are set or scaled, and those whose rule reads its own result.

    What is added to any other table moves numbers and no slope that is drawn.
    """
    named = graph.named
    return frozenset(
        edit.name
        for edit in edits
        if edit.name in named and (edit.kind != "add" or named[edit.name].primitive.name in READ_THEMSELVES)
    )


def names_with_slopes(graph: Graph, output: str) -> list[str]:
    """The named tables that `draw_gradient` draws a gradient of the output for, in order of working; nothing is drawn."""
    return [table.name for table in reversed(_reached(graph.named[output])) if table.name in graph.named]


def draw_gradient(
    graph: Graph, output: str, seed: Table, names: Sequence[str] | None = None, edited: Collection[str] = ()
) -> list[str]:
    """Add gradients to a graph: of the sum of `seed * output`, with respect to every table in `names`.

    `seed` is a table of the output's axes. `names` are tables that the output depends on, all of them unless given; those that are
    `edited` have `passed_name` tables too.
    Gives the names of the new tables, in order of working: from the output backwards. Raises `InputError` for a name
    that is unknown, on which the output does not depend, or whose gradient is there already; and where the way leads
    through `rows_of` of a table that is itself worked out.
    """
    target = graph.named.get(output)
    if target is None:
        raise InputError(f"there is no worked-out table named {output} to take a gradient of")
    if [axis.size for axis in seed.axes] != [axis.size for axis in target.axes]:
        raise InputError(
            f"the seed has the axes {axis_labels(seed.axes)} and {output} has {axis_labels(target.axes)}; they must be the same"
        )
    reached = _reached(target)
    wanted = _wanted(graph, reached, output, names)
    return _Backwards(wanted, _carriers(reached, wanted), edited).draw(target, seed)


def _reached(target: Table) -> list[Table]:
    """The tables whose slopes count for the target, the latest first."""
    found, todo = {target}, [target]
    while todo:
        table = todo.pop()
        for place, before in enumerate(table.inputs):
            if _has_slope(table, place) and before not in found:
                found.add(before)
                todo.append(before)
    return sorted(found, key=lambda table: -table.number)


def _wanted(graph: Graph, reached: Iterable[Table], output: str, names: Sequence[str] | None) -> set[Table]:
    able = {table.name: table for table in reached if table.name in graph.named}
    for asked in names or ():
        if asked not in able:
            known = (
                f"{output} does not depend on it"
                if asked in graph.named
                else "there is no worked-out table of this name"
            )
            raise InputError(f"no gradient of {output} with respect to {asked}: {known}")
    wanted = {table for known, table in able.items() if names is None or known in names}
    for table in wanted:
        assert table.name is not None
        if gradient_name(table.name) in graph.named:
            raise InputError(
                f"{gradient_name(table.name)} is drawn already; draw other gradients in a graph of their own"
            )
    return wanted


def _carriers(reached: Sequence[Table], wanted: Collection[Table]) -> set[Table]:
    """The tables on the ways from the wanted ones to the target: only they need a gradient."""
    carriers: set[Table] = set()
    for table in reversed(reached):
        ways = (before for place, before in enumerate(table.inputs) if _has_slope(table, place))
        if table in wanted or any(before in carriers for before in ways):
            carriers.add(table)
    return carriers


class _Backwards:
    """Walks from the target back to the wanted tables and gathers what every use of a table gives to its gradient."""

    def __init__(self, wanted: Collection[Table], carriers: Collection[Table], edited: Collection[str]) -> None:
        self.wanted, self.carriers, self.edited = wanted, carriers, edited
        self.given: dict[Table, list[tuple[Table, bool]]] = {}

    def draw(self, target: Table, seed: Table) -> list[str]:
        names = []
        self.given[target] = [(seed, False)]
        for table in sorted(self.carriers, key=lambda table: -table.number):
            gradient = _full(_added_up(self.given.pop(table)), table)
            if table in self.wanted:
                assert table.name is not None
                gradient = name(gradient_name(table.name), gradient)
                names.append(gradient_name(table.name))
                if table.name in self.edited:
                    gradient = name(passed_name(table.name), gradient * 1.0)
            self._give(table, gradient)
        return names

    def _give(self, table: Table, gradient: Table) -> None:
        kind = table.primitive.name
        by_formula = _once_more(table) if table.name in self.edited and kind in READ_THEMSELVES else table
        for place, before in enumerate(table.inputs):
            if before in self.carriers and _has_slope(table, place):
                part = _fitted(RULES[kind](by_formula, gradient, place), before)
                self.given.setdefault(before, []).append((part, (kind, place) in TAKEN_OFF))


def _once_more(table: Table) -> Table:
    """What the table's formula gives, whatever is edited in the table itself."""
    return Table(table.graph, table.primitive, table.inputs, table.options, table.axes)


def _added_up(parts: Sequence[tuple[Table, bool]]) -> Table:
    """What several uses give, added up; what is taken off comes last."""
    added = [part for part, taken_off in parts if not taken_off]
    total = added[0] if added else 0.0
    for part in added[1:]:
        total = total + part
    for part, taken_off in parts:
        total = total - part if taken_off else total
    return total  # type: ignore[return-value]


def _full(gradient: Table, table: Table) -> Table:
    """A gradient repeated to the table's own shape, where it is the same along a row or a column."""
    if [axis.size for axis in gradient.axes] == [axis.size for axis in table.axes]:
        return gradient
    return gradient + 0.0 * table


def _fitted(gradient: Table, table: Table) -> Table:
    """A gradient summed up over whatever the table was repeated along."""
    if len(gradient.axes) > len(table.axes) or (len(table.axes) > 2 and _repeated(gradient, table, -3)):
        gradient = _sheets_added_up(gradient, len(table.axes) > 2)
    if len(table.axes) > 0 and _repeated(gradient, table, -1):
        gradient = row_sum(gradient)
    if len(table.axes) > 1 and _repeated(gradient, table, -2):
        gradient = transpose(row_sum(transpose(gradient)))
    return gradient


def _repeated(gradient: Table, table: Table, axis: int) -> bool:
    return table.axes[axis].size == 1 and len(gradient.axes) >= -axis and gradient.axes[axis].size != 1


def _sheets_added_up(stack: Table, stays_a_stack: bool) -> Table:
    heads, width = stack.axes[0].size or 1, stack.axes[-1].size
    if width is None:
        raise InputError(f"no gradient through {stack}: a table of positions by positions was repeated for every head")
    wide = join(stack)
    total = columns(wide, start=0, stop=width)
    for head in range(1, heads):
        total = total + columns(wide, start=head * width, stop=(head + 1) * width)
    return split(total, sheets=1) if stays_a_stack else total


def _turned(table: Table) -> Table:
    """Rows as columns; what is turned already is turned back."""
    return table.inputs[0] if table.primitive.name == "transpose" and table.name is None else transpose(table)


# The rules: what the gradient `g` of a table gives to its input at `place` --------------------------------------------


def _all_of_it(out: Table, g: Table, place: int) -> Table:
    return g


def _multiply(out: Table, g: Table, place: int) -> Table:
    return g * out.inputs[1 - place]


def _divide(out: Table, g: Table, place: int) -> Table:
    return (g if place == 0 else g * out) / out.inputs[1]


def _maximum(out: Table, g: Table, place: int) -> Table:
    first = greater(*out.inputs)
    return g * first if place == 0 else g * (1.0 - first)


def _exp(out: Table, g: Table, place: int) -> Table:
    return g * out


def _tanh(out: Table, g: Table, place: int) -> Table:
    return g * (1.0 - out * out)


def _erf(out: Table, g: Table, place: int) -> Table:
    (x,) = out.inputs
    return g * (2 / math.sqrt(math.pi) * exp(0.0 - x * x))


def _sqrt(out: Table, g: Table, place: int) -> Table:
    return g / (2.0 * out)


def _row_mean(out: Table, g: Table, place: int) -> Table:
    (x,) = out.inputs
    return g / (row_sum(0.0 * x + 1.0) if x.axes[-1].size is None else float(x.axes[-1].size))


def _row_max(out: Table, g: Table, place: int) -> Table:
    return g * largest(out.inputs[0])


def _kth_largest(out: Table, g: Table, place: int) -> Table:
    (x,) = out.inputs
    kth = kth_largest(x, **out.options)  # once more, from the very numbers that it is compared with
    hit = (1.0 - greater(kth, x)) * (1.0 - greater(x, kth))
    return g * hit / row_sum(hit)


def _matmul(out: Table, g: Table, place: int) -> Table:
    a, b = out.inputs
    if place == 0 and len(a.axes) < len(g.axes):  # one table for all heads: their gradients side by side
        return join(g) @ _turned(join(b))
    if place == 0:
        return g @ _turned(b)
    return _turned(_turned(g) @ a) if b.primitive.name == "transpose" else _turned(a) @ g


def _transpose(out: Table, g: Table, place: int) -> Table:
    return _turned(g)


def _columns(out: Table, g: Table, place: int) -> Table:
    (x,) = out.inputs
    if x.axes[-1].size is None or g.axes[-1].size == x.axes[-1].size:
        return g
    start, stop, _ = slice(out.options.get("start", 0), out.options.get("stop")).indices(x.axes[-1].size)
    left = [0.0 * columns(x, start=0, stop=start)] if start else []
    right = [0.0 * columns(x, start=stop)] if stop < x.axes[-1].size else []
    return join(*left, g, *right)


def _join(out: Table, g: Table, place: int) -> Table:
    if len(out.inputs) == 1:
        return split(g, sheets=out.inputs[0].axes[0].size)
    start = sum(part.axes[-1].size or 0 for part in out.inputs[:place])
    return columns(g, start=start, stop=start + (out.inputs[place].axes[-1].size or 0))


def _split(out: Table, g: Table, place: int) -> Table:
    return join(g)


def _keep_past(out: Table, g: Table, place: int) -> Table:
    return exp(keep_past(0.0 * g)) * g  # 1 up to the row's own position, 0 after it


def _rows_of(out: Table, g: Table, place: int) -> Table:
    raise InputError(f"no gradient through {out}: it looks rows up in {out.inputs[0]}, which is itself worked out")


RULES: dict[str, Callable[[Table, Table, int], Table]] = {
    "add": _all_of_it,
    "subtract": _all_of_it,
    "multiply": _multiply,
    "divide": _divide,
    "maximum": _maximum,
    "exp": _exp,
    "tanh": _tanh,
    "erf": _erf,
    "sqrt": _sqrt,
    "row_sum": _all_of_it,
    "row_mean": _row_mean,
    "row_max": _row_max,
    "kth_largest": _kth_largest,
    "matmul": _matmul,
    "transpose": _transpose,
    "columns": _columns,
    "join": _join,
    "split": _split,
    "keep_past": _keep_past,
    "rows_of": _rows_of,
}
READ_THEMSELVES = {"divide", "exp", "tanh", "sqrt"}
"""Primitives whose rule reads what they gave."""
TAKEN_OFF = {("subtract", 1), ("divide", 1)}
"""Inputs whose gradient is taken off and not added."""
STEPS = {("greater", 0), ("greater", 1), ("largest", 0), ("positions", 0), ("rows_of", 1)}
"""Inputs that only count or compare: nothing goes back to them."""


def _has_slope(table: Table, place: int) -> bool:
    return (table.primitive.name, place) not in STEPS

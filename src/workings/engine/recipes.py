"""Recipes: how one named table is worked out from other named tables, and which part of each it needs.

The rule of the whole engine is read off the primitives here: to work out a run of rows of a table, which rows (and,
for tables whose columns are positions too, which columns) of each input are needed? Most primitives need the same
rows; attention needs the same and earlier rows, because masked scores get a share of exactly 0; without a mask all rows
are needed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Set
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any

from workings.engine.past import of_the_past
from workings.engine.rows import Part
from workings.engine.together import products_of_one_table
from workings.language.names import Weights
from workings.language.primitives import GIVEN, MASK, NUMBER
from workings.language.tables import Call, Graph, Table


@dataclass(frozen=True)
class Source:
    """A table that a recipe reads: which of its rows, and which of its columns if those are positions."""

    table: Table
    rows: Part
    columns: Part


@dataclass
class Step:
    """One piece of work: a kernel or a primitive, the slots that it reads, and the slot that it fills."""

    run: Callable[..., Any]
    arguments: list[Any]
    options: dict[str, Any]
    out: int
    first_row: Part | None = None
    cut: Part | None = None
    """Instead of running anything: which columns are cut out of the one argument."""
    done: tuple[int, ...] = ()
    """Slots that nothing reads after this step."""


@dataclass(frozen=True)
class Slot:
    """A place where a recipe keeps a value while it runs."""

    number: int


@dataclass(frozen=True)
class Group:
    """A group of weights handed to a kernel whole."""

    slots: dict[str, Slot]


@dataclass
class Recipe:
    """How to work out a run of rows of one table: what to fetch, what to do, where the result is."""

    table: Table
    sources: dict[Source, Slot] = field(default_factory=dict)
    weights: dict[str, Slot] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    n_slots: int = 0
    result: Slot = field(default_factory=lambda: Slot(-1))
    columns: Part = Part.WHOLE

    @cached_property
    def reach(self) -> dict[Table, Part]:
        """For every source the widest part of its rows that is read."""
        widest: dict[Table, Part] = {}
        for source in self.sources:
            widest[source.table] = source.rows.wider(widest.get(source.table, Part.SAME))
        return widest


@dataclass(frozen=True)
class Kernel:
    """Fast code for one operation, called like the operation with arrays in the tables' places.

    `causal` says that it leaves out what the causal mask hides (so it is not used where an edit lets a token look
    ahead), and takes the keyword `first_row`, the position of the first row it is given. `unless_edited` says that it is
    quicker than going on from tables inside the operation that are there already, so that only an edit of one stops it.
    """

    run: Callable[..., Any]
    causal: bool = False
    unless_edited: bool = False


class RecipeBook:
    """The recipes of one graph, with kernels for operations and `bodies` that replace a primitive's own; both may be empty."""

    def __init__(self, graph: Graph, kernels: dict[str, Kernel], bodies: dict[str, Callable[..., Any]]) -> None:
        self.graph = graph
        self.kernels = kernels
        self.bodies = bodies
        self.inner_names = {
            call: frozenset(t.name for t in call.members if t.name and t is not call.output) for call in graph.calls
        }
        self.shortcuts = {
            table: call
            for call in graph.calls
            if call.name in kernels and kernels[call.name].unless_edited
            for table in call.members
            if table.name is not None and table is not call.output
        }
        self._fills: dict[Table, float | None] = {}
        self._recipes: dict[tuple[Table, bool, frozenset[str]], Recipe] = {}
        self.kept: frozenset[Table] = frozenset()
        self._every_step: dict[tuple[Table, bool], Recipe] = {}
        self.together = products_of_one_table(graph) if "linear" in kernels else {}
        self.kept = self._worth_keeping() | self._read_twice_inside() | frozenset(self.together)
        self.passed = {table: self._passed_names(table) for table in graph.named.values()}

    def recipe(self, table: Table, read: frozenset[str] = frozenset(), causal: bool = True) -> Recipe:
        """The recipe for a named table that reads tables that are worth keeping, and passes through the others.

        `read` names tables among `passed[table]` that it must read all the same.
        """
        key = (table, causal, read)
        found = self._recipes.get(key)
        if found is None:
            found = self._recipes[key] = self._write(table, read, causal, self._is_passed)
        return found

    def step_by_step(self, table: Table, causal: bool) -> Recipe:
        """The recipe that reads the nearest named tables and passes through none: what follows directly from what."""
        key = (table, causal)
        if key not in self._every_step:
            self._every_step[key] = self._write(table, frozenset(self.graph.named), causal, lambda _: False)
        return self._every_step[key]

    @cache  # noqa: B019 - a book lives as long as its model
    def looks_ahead(self, causal: bool) -> bool:
        """Whether a row of some table needs rows after it."""
        recipes = (self.step_by_step(table, causal) for table in self.graph.named.values())
        return any(part.looks_ahead for recipe in recipes for part in recipe.reach.values())

    @cached_property
    def around_attention(self) -> frozenset[str]:
        """Names of the last tables before rows look at each other, and of the first ones after it: `q` and `z`."""
        products = [table for table in self.graph.tables if table.primitive.name == "matmul"]
        before = {table.inputs[0].name for table in products if table.columns_are_positions}
        after = {table.name for table in products if table.inputs[0].columns_are_positions}
        return frozenset(known for known in before | after if known is not None)

    def _write(self, table: Table, shown: Set[str], causal: bool, passes: Callable[[Table], bool]) -> Recipe:
        inside = self._calls_inside(table) if shown else ()  # a walk, which nothing shown makes needless
        blocked = frozenset(call for call in inside if not self.inner_names[call].isdisjoint(shown))
        return _Writer(self, table, causal, blocked, lambda t: passes(t) and t.name not in shown).recipe

    def _is_passed(self, table: Table) -> bool:
        return table not in self.kept

    def _worth_keeping(self) -> frozenset[Table]:
        """Tables that several tables read, or that later rows look back at; the others are worked out in passing.

        Counted backwards from the tables that nothing follows from, so that tables inside kernels, which nobody works out, do not count.
        """
        tables = list(self.graph.named.values())
        inner = {before for table in self.graph.tables for before in table.inputs}
        readers: dict[Table, int] = {table: 0 for table in tables if table not in inner}
        kept = set()
        for table in reversed(tables):
            if table in readers:
                for source, part in self._write(table, frozenset(), True, lambda _: False).reach.items():
                    readers[source] = readers.get(source, 0) + 1
                    if part is not Part.SAME or readers[source] > 1:
                        kept.add(source)
        return frozenset(kept)

    def _read_twice_inside(self) -> frozenset[Table]:
        """Tables inside a shortcut that several others there read: where it cannot be taken, these must read the same numbers,
        rounded alike, since whether a feature fires may hang on the last digit."""
        readers: dict[Table, int] = {}
        for table in self.shortcuts:
            for source in self._write(table, frozenset(self.graph.named), True, lambda _: False).reach:
                readers[source] = readers.get(source, 0) + 1
        return frozenset(table for table, count in readers.items() if count > 1 and table in self.shortcuts)

    def _passed_names(self, table: Table) -> frozenset[str]:
        """The named tables that the recipe may pass through, inside kernels or between them."""
        way = self._way_back(table, self.kept - self.shortcuts.keys())
        return frozenset(before.name for before in way if before.name is not None and before is not table)

    def _calls_inside(self, table: Table) -> list[Call]:
        """Calls with a kernel and named tables inside, on the way from the table to tables that are kept."""
        way = self._way_back(table, self.kept)
        return [call for here in way for call in self._kernels_giving(here) if self.inner_names[call]]

    def _way_back(self, table: Table, stops: Set[Table]) -> list[Table]:
        """The table and those before it up to the stops, but for the stops that a kernel on the way passes over."""
        way, todo, passed_over = [table], [table], set[Table]()
        seen = {table}
        while todo:
            here = todo.pop()
            passed_over.update(member for call in self._kernels_giving(here) for member in call.members)
            for before in here.inputs:
                stop = before.primitive is GIVEN or (before in stops and before not in passed_over)
                if before not in seen and not stop:
                    seen.add(before)
                    way.append(before)
                    todo.append(before)
        return way

    def _kernels_giving(self, table: Table) -> list[Call]:
        return [call for call in self.graph.calls_giving(table) if call.name in self.kernels]

    def fill(self, table: Table) -> float | None:
        """What stands right of the diagonal in a table of positions by positions: 0, the mask, or None for anything."""
        if table not in self._fills:
            self._fills[table] = self._fill(table)
        return self._fills[table]

    def _fill(self, table: Table) -> float | None:
        kind = table.primitive.name
        if kind == "keep_past":
            return MASK
        if not table.columns_are_positions or kind == "transpose":
            return None
        fills = [self.fill(t) for t in table.inputs]
        if kind == "largest" and fills[0] is not None and fills[0] <= MASK / 2:
            return 0.0
        if kind == "exp" and fills[0] is not None and fills[0] <= MASK / 2:
            return 0.0
        if kind in ("add", "subtract") and fills == [0.0, 0.0]:
            return 0.0
        if kind == "multiply" and 0.0 in fills:
            return 0.0
        if kind in ("add", "subtract") and fills[0] == MASK and not table.inputs[1].columns_are_positions:
            return -float("inf")  # about the mask: far below every score, but not one exact number
        if kind in ("divide", "columns"):
            return fills[0] if fills[0] == 0.0 or kind == "columns" else None
        return None

    def kernel_call(self, table: Table, causal: bool, blocked: Collection[Call]) -> Call | None:
        """The outermost call with a usable kernel that gives this table."""
        for call in self.graph.calls_giving(table):
            kernel = self.kernels.get(call.name)
            if kernel and call not in blocked and (causal or not kernel.causal):
                return call
        return None


class _Writer:
    """Writes one recipe, from the table backwards to its sources."""

    def __init__(
        self, book: RecipeBook, table: Table, causal: bool, blocked: frozenset[Call], passes: Callable[[Table], bool]
    ) -> None:
        self.book, self.causal, self.blocked, self.passes = book, causal, blocked, passes
        self.recipe = Recipe(table)
        self.slots: dict[tuple[Table, Part, Part], Slot] = {}
        exact = self._fill(table) in (0.0, MASK)
        self.recipe.columns = Part.PAST if table.columns_are_positions and exact else Part.WHOLE
        self.recipe.result = self._make(table, Part.SAME, self.recipe.columns)
        self._let_go()

    def _let_go(self) -> None:
        """Note after which step each slot is of no more use, so that memory is free again early."""
        seen = {self.recipe.result.number}
        for step in reversed(self.recipe.steps):
            read = {argument.number for argument in step.arguments if isinstance(argument, Slot)}
            step.done = tuple(read - seen)
            seen |= read

    def _fill(self, table: Table) -> float | None:
        return self.book.fill(table) if self.causal else None

    def _new(self) -> Slot:
        self.recipe.n_slots += 1
        return Slot(self.recipe.n_slots - 1)

    def _want(self, table: Table, rows: Part, columns: Part) -> Any:
        """The slot (or plain number) that holds this part of a table."""
        if table.primitive is NUMBER:
            return table.options["value"]
        if table.primitive is GIVEN and table.row_axis is None:
            assert table.name is not None
            return self._weight(table.name)
        if table.name is not None and not (table.primitive is not GIVEN and self.passes(table)):
            source = Source(table, rows, columns if table.columns_are_positions else Part.WHOLE)
            if source not in self.recipe.sources:
                self.recipe.sources[source] = self._new()
            return self.recipe.sources[source]
        key = (table, rows, columns)
        if key not in self.slots:
            cut = self._is_cut(table, columns)
            self.slots[key] = self._cut(table, rows, columns) if cut else self._make(table, rows, columns)
        return self.slots[key]

    def _is_cut(self, table: Table, columns: Part) -> bool:
        """Whether columns can only be had from whole rows: a row's own (the mask counts from the first), or those of
        `largest`, where the largest number may lie outside them."""
        if columns is Part.WHOLE or not table.columns_are_positions:
            return False
        return columns is Part.SAME or (table.primitive.name == "largest" and self._fill(table) is None)

    def _cut(self, table: Table, rows: Part, columns: Part) -> Slot:
        whole, out = self._want(table, rows, Part.WHOLE), self._new()
        self.recipe.steps.append(Step(table.primitive.compute, [whole], {}, out.number, cut=columns))
        return out

    def _weight(self, name: str) -> Slot:
        if name not in self.recipe.weights:
            self.recipe.weights[name] = self._new()
        return self.recipe.weights[name]

    def _make(self, table: Table, rows: Part, columns: Part) -> Slot:
        call = self.book.kernel_call(table, self.causal, self.blocked)
        if call is not None:
            kernel = self.book.kernels[call.name]
            arguments = self._call_arguments(call, rows, columns)
            step = Step(kernel.run, arguments, {}, -1, rows if kernel.causal else None)
        else:
            inputs = [self._want(t, r, c) for t, r, c in self._needs(table, rows, columns)]
            kind, fills = table.primitive.name, [self._fill(t) for t in (table, *table.inputs[:1])]
            body, counts = of_the_past(kind, self.book.bodies.get(kind, table.primitive.compute), *fills)
            step = Step(body, inputs, table.options, -1, rows if counts else None)
        out = self._new()
        step.out = out.number
        self.recipe.steps.append(step)
        return out

    def _needs(self, table: Table, rows: Part, columns: Part) -> list[tuple[Table, Part, Part]]:
        """Which part of each input a part of the output needs: the rule of every primitive."""
        kind, inputs = table.primitive.name, table.inputs
        if kind == "matmul":
            a, b = inputs
            if a.columns_are_positions or b.row_axis is not None:
                between = (
                    Part.LATER if self._turned_past(a) and rows in (Part.SAME, Part.LATER) else self._between(a, rows)
                )
            else:
                between = Part.WHOLE
            return [(a, rows, between), (b, between, columns)]
        if kind == "transpose":
            return [(inputs[0], columns, rows)]
        if kind in ("row_sum", "row_max", "row_mean", "kth_largest"):
            return [(inputs[0], rows, self._between(inputs[0], rows))]
        if kind == "rows_of":
            return [(inputs[0], Part.WHOLE, Part.WHOLE), (inputs[1], rows, Part.WHOLE)]
        return [(t, rows, columns) for t in inputs]

    def _between(self, table: Table, rows: Part) -> Part:
        """How many columns of a row matter: only those up to the row itself where the rest is masked or 0."""
        masked = self._fill(table) is not None and not rows.looks_ahead
        return Part.PAST if masked else Part.WHOLE

    def _turned_past(self, table: Table) -> bool:
        """Whether rows are columns of what is 0 right of the diagonal: all before the row itself is 0 then."""
        return table.name is None and table.primitive.name == "transpose" and self._fill(table.inputs[0]) == 0.0

    def _call_arguments(self, call: Call, rows: Part, columns: Part) -> list[Any]:
        parts = self._parts_inside(call, rows, columns)
        arguments: list[Any] = []
        for argument in call.arguments:
            if isinstance(argument, Table):
                arguments.append(self._want(argument, *parts.get(argument, (Part.WHOLE, Part.WHOLE))))
            elif isinstance(argument, Weights):
                names = [n for n in self.book.graph.weights if n.startswith(f"{argument._path}.")]
                arguments.append(Group({n.removeprefix(f"{argument._path}."): self._weight(n) for n in names}))
            else:
                arguments.append(argument)
        return arguments

    def _parts_inside(self, call: Call, rows: Part, columns: Part) -> dict[Table, tuple[Part, Part]]:
        """Follow the call's own formula to see which part of each argument its output needs."""
        inside = set(call.members)
        parts: dict[Table, tuple[Part, Part]] = {}
        assert call.output is not None
        todo = [(call.output, rows, columns)]
        while todo:
            table, r, c = todo.pop()
            if table in inside:
                todo.extend(self._needs(table, r, c))
            else:
                old = parts.get(table, (r, c))
                assert old == (r, c), f"{call.name} reads two different parts of {table}: it cannot have a kernel"
                parts[table] = (r, c)
        return parts


__all__ = ["Group", "Kernel", "Recipe", "RecipeBook", "Slot", "Source", "Step"]

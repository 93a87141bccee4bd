"""Evaluation: which rows of which tables are missing, working them out, and forks that share all the others."""

from __future__ import annotations

from typing import Any

import numpy as np

from workings.engine.edits import Edit
from workings.engine.program import Program
from workings.engine.recipes import Group, Part, Recipe, Slot, Source
from workings.engine.rows import NO_ROWS, Rows
from workings.engine.store import Store
from workings.language.primitives import GIVEN
from workings.language.tables import Table

Array = np.ndarray


class Evaluation:
    """The lazy, row-wise evaluation behind `Trace`: stores, recipes and edits, knowing nothing of text or tokens."""

    def __init__(
        self,
        program: Program,
        ids: Array,
        dtype: np.dtype,
        edits: tuple[Edit, ...] = (),
        weights: dict[str, Array] | None = None,
    ) -> None:
        self.program = program
        self.ids = ids
        self.dtype = dtype
        self.edits = edits
        self.stores: dict[Table, Store] = {}
        self.weights = weights or {}  # edited weights only
        self.asked: frozenset[str] = frozenset()
        self.grown = False
        graph = program.graph
        self.edits_of: dict[Table, list[Edit]] = {}
        for edit in self.edits:
            if edit.name in graph.named:
                self.edits_of.setdefault(graph.named[edit.name], []).append(edit)
        self.causal = not any(
            table.columns_are_positions and any(edit.looks_ahead(len(ids)) for edit in edits_here)
            for table, edits_here in self.edits_of.items()
        )

    @property
    def n_pos(self) -> int:
        """How many tokens the prompt has."""
        return len(self.ids)

    @property
    def shown(self) -> frozenset[str]:
        """Tables that kernels must not skip: somebody looked at or edited them."""
        return self.asked | {edit.name for edit in self.edits}

    # Reading ------------------------------------------------------------------------------------------------------

    def rows(self, table: Table, wanted: Rows) -> Store:
        """The store of a table, with at least the wanted rows worked out."""
        assert table.name is not None
        if table.name not in self.asked:
            self.asked = self.asked | {table.name}
        self._work_out({table: wanted})
        return self.stores[table]

    def weight(self, name: str) -> Array:
        """A weight, with the edits that are in force."""
        edited = self.weights.get(name)
        return self.program.weight(name, self.dtype) if edited is None else edited

    def _work_out(self, wanted: dict[Table, Rows]) -> None:
        """Find backwards which rows of which tables are missing, then work them out forwards."""
        recipes = self.program.recipes(self.shown, self.causal)
        todo: list[tuple[Table, Rows]] = []
        needs = dict(wanted)
        for table in reversed(self.program.order):
            need = needs.get(table, NO_ROWS)
            if not need:
                continue
            missing = self._missing(table, need)
            if not missing:
                continue
            todo.append((table, missing))
            computed = missing - self._replaced(table)
            for source, part in recipes[table].reach.items():
                for start, stop in computed.spans:
                    needs[source] = needs.get(source, NO_ROWS) | Rows.run(*part.span(start, stop, self.n_pos))
        last_reader = {source: table for table, _ in reversed(todo) for source in recipes[table].reach}
        for table, missing in reversed(todo):
            self._fill_in(table, missing, recipes[table])
            for source in recipes[table].reach:
                if last_reader[source] is table and not self._keeps(source):
                    self.stores.pop(source, None)

    def _keeps(self, table: Table) -> bool:
        return table in self.program.kept or table.name in self.asked or table in self.edits_of

    def _missing(self, table: Table, need: Rows) -> Rows:
        if table.primitive is GIVEN:
            return NO_ROWS
        store = self.stores.get(table)
        have = store.rows if store else NO_ROWS
        missing = need - have
        for edit in self.edits_of.get(table, ()):  # an edit's rows are put in force together
            touched = edit.rows(table.row_axis or 0, self.n_pos)
            if touched & missing:
                missing = missing | (touched - have)
        return missing

    def _replaced(self, table: Table) -> Rows:
        """Rows whose worked-out numbers would be overwritten anyway."""
        edits = self.edits_of.get(table)
        if not edits or not edits[0].replaces_rows():
            return NO_ROWS
        return edits[0].rows(table.row_axis or 0, self.n_pos)

    def _fill_in(self, table: Table, missing: Rows, recipe: Recipe) -> None:
        store = self.stores.get(table)
        if store is None:
            store = self.stores[table] = self._new_store(table)
        edits = self.edits_of.get(table, ())
        for start, stop in (missing - self._replaced(table)).spans:
            store.put(start, self._run(recipe, start, stop), keep_array=not edits, growing=self.grown)
        if edits:
            touched = NO_ROWS
            for edit in edits:
                touched = touched | edit.rows(table.row_axis or 0, self.n_pos)
            touched = touched & missing
            if touched:
                array = store.writable(touched)
                for edit in edits:
                    edit.apply(array)

    def _new_store(self, table: Table) -> Store:
        shape = table.shape(self.n_pos)
        axis = len(shape) + (table.row_axis or 0)
        fill = self.program.book.fill(table) if self.causal else None
        return Store(self.n_pos, shape[:axis], shape[axis + 1 :], self.dtype, fill)

    def _run(self, recipe: Recipe, start: int, stop: int) -> Array:
        """Work out the rows `start` to `stop` of a recipe's table."""
        values: list[Any] = [None] * recipe.n_slots
        for source, slot in recipe.sources.items():
            values[slot.number] = self._fetch(source, start, stop)
        for name, slot in recipe.weights.items():
            values[slot.number] = self.weight(name)
        for step in recipe.steps:
            arguments = [_value(argument, values) for argument in step.arguments]
            if step.first_row is None:
                values[step.out] = step.run(*arguments, **step.options)
            else:
                first = step.first_row.span(start, stop, self.n_pos)[0]
                values[step.out] = step.run(*arguments, **step.options, first_row=first)
        return values[recipe.result.number]

    def _fetch(self, source: Source, start: int, stop: int) -> Array:
        low, high = source.rows.span(start, stop, self.n_pos)
        if source.table.primitive is GIVEN:
            return self.ids[low:high]
        part = self.stores[source.table].read(low, high)
        if source.columns is Part.WHOLE:
            return part
        first, last = source.columns.span(start, stop, self.n_pos)
        return part[..., first:last]

    # Forks --------------------------------------------------------------------------------------------------------

    def fork(
        self, edits: tuple[Edit, ...], ids: Array, stale: dict[Table, Rows], weights: dict[str, Array]
    ) -> Evaluation:
        """An evaluation with other edits, ids or weights, which shares every row that is not stale."""
        child = Evaluation(self.program, ids, self.dtype, edits, weights)
        grew = len(ids) != len(self.ids)
        child.grown = grew
        child.asked = self.asked
        for table, store in self.stores.items():
            if grew and table.columns_are_positions:
                continue
            copy = store.fork(stale.get(table, NO_ROWS), len(ids))
            if copy.parts:
                child.stores[table] = copy
        child.asked = frozenset(name for name in self.asked if self.program.graph.named[name] in child.stores)
        return child

    def stale_after(self, changed: dict[Table, Rows], causal: bool) -> dict[Table, Rows]:
        """Every row of every table that may differ once the changed rows differ."""
        stale = dict(changed)
        recipes = self.program.recipes(frozenset(self.program.graph.named), causal)
        for table in self.program.order:
            for source, part in recipes[table].reach.items():
                rows = stale.get(source)
                if rows:
                    stale[table] = stale.get(table, NO_ROWS) | _downstream(rows, part, self.n_pos)
            for name in recipes[table].weights if self._weight_changed(changed) else ():
                if self.program.graph.weights[name] in changed:
                    stale[table] = Rows.run(0, self.n_pos)
        return stale

    def _weight_changed(self, changed: dict[Table, Rows]) -> bool:
        return any(table.row_axis is None for table in changed)


def _value(argument: Any, values: list[Any]) -> Any:
    if type(argument) is Slot:
        return values[argument.number]
    if type(argument) is Group:
        return _Namespace({name: values[slot.number] for name, slot in argument.slots.items()})
    return argument


class _Namespace:
    """The weights of a group as attributes, for kernels."""

    def __init__(self, values: dict[str, Array]) -> None:
        self.__dict__.update(values)


def _downstream(rows: Rows, part: Part, n_pos: int) -> Rows:
    if part is Part.SAME:
        return rows
    return Rows.run(rows.first if part is Part.PAST else 0, n_pos)

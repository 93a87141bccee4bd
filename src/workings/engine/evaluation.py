"""Evaluation: which rows of which tables are missing, working them out, and forks that share all the others."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from workings.engine.edits import Edit
from workings.engine.kernels import linear_together
from workings.engine.program import Program
from workings.engine.recipes import Group, Recipe, Slot
from workings.engine.rows import NO_ROWS, Part, Rows
from workings.engine.store import Store
from workings.engine.together import weight_names
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
        self.n_pos = len(ids)
        self.dtype = dtype
        self.edits = edits
        self.weights = weights or {}  # edited weights only
        self.stores: dict[Table, Store] = {}
        self.grown = False
        self.ids_edits: tuple[tuple[Edit, Array], ...] = ()  # in force in `ids` already; each with the ids before it
        self.edits_of: dict[Table, list[Edit]] = {}
        in_force = (*program.following(edits), *edits)
        for edit in in_force:
            if edit.name in program.graph.named:
                self.edits_of.setdefault(program.graph.named[edit.name], []).append(edit)
        self.shown = {edit.name for edit in in_force}  # tables that somebody looked at or edited
        self.causal = not any(
            table.columns_are_positions and any(edit.looks_ahead(len(ids)) for edit in edits_here)
            for table, edits_here in self.edits_of.items()
        )
        self.end = self._end()

    def _end(self) -> int:
        """From which row on all slopes are 0: nothing after the last position that is asked about moves the score."""
        chosen, slopes = self.weights.get(self.program.asked_at), self.program.slopes
        if (
            chosen is None
            or not self.causal
            or any(self.program.graph.named.get(edit.name) in slopes for edit in self.edits)
        ):
            return self.n_pos
        return min(int(np.flatnonzero(chosen).max(initial=-1)) + 1, self.n_pos)

    # Reading ------------------------------------------------------------------------------------------------------

    def read(self, table: Table, start: int, stop: int) -> Array:
        """The rows `start` to `stop` of a named table, worked out if need be."""
        assert table.name is not None
        self.shown.add(table.name)
        store = self.stores.get(table)
        if store is None or not store.rows.covers(start, stop):
            self._work_out(table, Rows.run(start, stop))
            store = self.stores[table]
        return store.read(start, stop)

    def weight(self, name: str) -> Array:
        """A weight, with the edits that are in force."""
        edited = self.weights.get(name)
        return self.program.weight(name, self.dtype) if edited is None else edited

    def _work_out(self, table: Table, wanted: Rows) -> None:
        plan = self.plan(table, wanted)
        waiting_for = {here: missing for here, missing, _ in plan}
        with np.errstate(all="ignore"):
            for here, missing, recipe in plan:
                if here in waiting_for and not self._fill_in_together(here, waiting_for):
                    self.fill_in(here, missing, recipe)

    def plan(self, table: Table, wanted: Rows, stops: frozenset[str] = frozenset()) -> list[tuple[Table, Rows, Recipe]]:
        """Which rows of which tables are missing for the wanted rows of one, and by which recipe, in order of working.

        `stops` names tables that are to be worked out by themselves, where they would be passed through.
        """
        book, stores, n_pos = self.program.book, self.stores, self.n_pos
        todo: list[tuple[Table, Rows, Recipe]] = []
        needs = {table: wanted}
        waiting = [-table.number]  # tables are numbered in order of working
        while waiting:
            here = self.program.graph.tables[-heapq.heappop(waiting)]
            store = stores.get(here)
            missing = needs[here] if store is None else needs[here] - store.rows
            if not missing.spans:
                continue
            computed = missing
            if here in self.edits_of:
                missing = self._with_edited_rows(here, missing)
                computed = missing - self._replaced(here)
            if self.end < n_pos and here in self.program.slopes:
                missing = computed = self._without_zeros(here, missing)
                if not missing.spans:
                    continue
            read = self._not_passed(here, computed)
            recipe = book.recipe(here, read | (book.passed[here] & stops) if stops else read, self.causal)
            todo.append((here, missing, recipe))
            for source, part in recipe.reach.items():
                if source.primitive is GIVEN:
                    continue
                before = needs.get(source)
                if before is None:
                    heapq.heappush(waiting, -source.number)
                    before = NO_ROWS
                for start, stop in computed.spans:
                    before = before | Rows.run(*part.span(start, stop, n_pos, self.end))
                needs[source] = before
        return todo[::-1]

    def _without_zeros(self, table: Table, missing: Rows) -> Rows:
        """The missing rows of slopes that are not 0 anyway; the others are written at once."""
        zeros = missing - Rows.run(0, self.end)
        for start, stop in zeros.spans:
            shape = list(table.shape(self.n_pos))
            shape[table.row_axis or 0] = stop - start
            self._store(table).put(start, np.zeros(shape, self.dtype), False, self.grown)
        return missing - zeros

    def _not_passed(self, table: Table, rows: Rows) -> frozenset[str]:
        """Tables on the way that must be read: edited ones, and those whose rows are there already."""
        on_the_way = self.program.book.passed[table] & self.shown
        if not on_the_way:
            return on_the_way
        named, read = self.program.graph.named, []
        for name in on_the_way:
            before = named[name]
            store = self.stores.get(before)
            there = store is not None and not (rows - store.rows)
            if before in self.edits_of or (there and not self._passed_by(before, table)):
                read.append(name)
        return frozenset(read)

    def _passed_by(self, before: Table, table: Table) -> bool:
        """Whether a kernel on the way to a table is quicker than going on from a table inside it."""
        call = self.program.book.shortcuts.get(before)
        if call is None or (table in call.members and table is not call.output):
            return False
        return not any(inside in self.edits_of for inside in call.members)

    def _with_edited_rows(self, table: Table, missing: Rows) -> Rows:
        """The missing rows, and all rows of edits among them, since an edit's rows are put in force together."""
        store = self.stores.get(table)
        for edit in self.edits_of[table]:
            touched = edit.rows(table.row_axis or 0, self.n_pos)
            if touched & missing:
                missing = missing | (touched - store.rows if store else touched)
        return missing

    def _replaced(self, table: Table) -> Rows:
        """Rows whose worked-out numbers would be overwritten anyway."""
        edit = self.edits_of[table][0]
        return edit.rows(table.row_axis or 0, self.n_pos) if edit.replaces_rows() else NO_ROWS

    def fill_in(self, table: Table, missing: Rows, recipe: Recipe) -> None:
        """Work out the missing rows of one table, of which all that they need is there."""
        store = self._store(table)
        edits = self.edits_of.get(table)
        if edits is None:
            for start, stop in missing.spans:
                store.put(start, self._run(recipe, start, stop), True, self.grown)
            return
        for start, stop in (missing - self._replaced(table)).spans:
            store.put(start, self._run(recipe, start, stop), False, self.grown)
        touched = NO_ROWS
        for edit in edits:
            touched = touched | edit.rows(table.row_axis or 0, self.n_pos)
        if touched & missing:
            store.change(touched & missing, edits)

    def _fill_in_together(self, table: Table, waiting_for: dict[Table, Rows]) -> bool:
        """Work out a table and others that are products of the same input in one go, if they lack the same rows.

        Whoever asks for the queries alone gets keys and values too: they are nearly always asked for next.
        """
        group = self.program.book.together.get(table)
        if group is None:
            return False
        missing = waiting_for[table]
        alike = tuple(t for t in group if self._lacks(t, waiting_for.get(t, missing), missing))
        if (
            table not in alike
            or len(alike) < 2
            or not self.weights.keys().isdisjoint(name for t in alike for name in weight_names(t))
        ):
            return False
        joined = self.program.joined_weights(alike, self.dtype)
        (source,) = self.program.book.recipe(table).reach
        if joined is None or source not in self.stores:
            return False
        for start, stop in missing.spans:
            heads = table.axes[0].size or 1
            parts = linear_together(self.stores[source].read(start, stop), *joined, len(alike), heads)
            for one, values in zip(alike, parts, strict=True):
                self._store(one).put(start, values, True, self.grown)
        for one in alike:
            waiting_for.pop(one, None)
        return True

    def _lacks(self, table: Table, waited_for: Rows, missing: Rows) -> bool:
        """Whether a table may be worked out together with another that misses these rows: it has none of them, and
        nobody waits for others of its rows."""
        store = self.stores.get(table)
        return table not in self.edits_of and waited_for == missing and not (store and store.rows & missing)

    def _store(self, table: Table) -> Store:
        store = self.stores.get(table)
        if store is None:
            store = self.stores[table] = self._new_store(table)
        return store

    def _new_store(self, table: Table) -> Store:
        shape = table.shape(self.n_pos)
        axis = len(shape) + (table.row_axis or 0)
        fill = self.program.book.fill(table) if self.causal else None
        return Store(self.n_pos, shape[:axis], shape[axis + 1 :], self.dtype, fill)

    def _run(self, recipe: Recipe, start: int, stop: int) -> Array:
        """Work out the rows `start` to `stop` of a recipe's table."""
        values: list[Any] = [None] * recipe.n_slots
        for source, slot in recipe.sources.items():
            low, high = source.rows.span(start, stop, self.n_pos, self.end)
            if source.table.primitive is GIVEN:
                values[slot.number] = self.ids[low:high]
                continue
            part = self.stores[source.table].read(low, high)
            if source.columns is not Part.WHOLE:
                first, last = source.columns.span(start, stop, self.n_pos, self.end)
                part = part[..., first:last]
            values[slot.number] = part
        for name, slot in recipe.weights.items():
            values[slot.number] = self.weight(name)
        return self._follow(recipe, values, start, stop)

    def _follow(self, recipe: Recipe, values: list[Any], start: int, stop: int) -> Array:
        """Do a recipe's steps, its sources being in their slots."""
        for step in recipe.steps:
            arguments = [_value(argument, values) for argument in step.arguments]
            if step.cut is not None:
                first, last = step.cut.span(start, stop, self.n_pos, self.end)
                values[step.out] = arguments[0][..., first:last]
            elif step.first_row is None:
                values[step.out] = step.run(*arguments, **step.options)
            else:
                first = step.first_row.span(start, stop, self.n_pos, self.end)[0]
                values[step.out] = step.run(*arguments, **step.options, first_row=first)
            for number in step.done:
                values[number] = None
        return values[recipe.result.number]

    def fill_in_rows_of_all(self, table: Table, recipe: Recipe, lacking: Sequence[tuple[Evaluation, Rows]]) -> None:
        """Work out missing rows of one table for several evaluations in one go: rows that do not look at each other.

        They must agree with this one in every weight that the recipe reads.
        """
        values: list[Any] = [None] * recipe.n_slots
        for source, slot in recipe.sources.items():
            axis = source.table.row_axis or 0
            values[slot.number] = np.concatenate(
                [one._source(source.table, *span) for one, rows in lacking for span in rows.spans], axis
            )
        for name, slot in recipe.weights.items():
            values[slot.number] = self.weight(name)
        made, done = self._follow(recipe, values, 0, 0), 0
        for one, rows in lacking:
            for start, stop in rows.spans:
                place = (..., slice(done, done + stop - start)) + (slice(None),) * (-1 - (table.row_axis or 0))
                one._store(table).put(start, made[place], False, one.grown)
                done += stop - start

    def _source(self, table: Table, start: int, stop: int) -> Array:
        return self.ids[start:stop] if table.primitive is GIVEN else self.stores[table].read(start, stop)

    def before_edits(self, table: Table) -> Array:
        """A weight, or the token ids, as they were before any edit."""
        if table.row_axis is None:
            return self.program.weight(str(table.name), self.dtype)
        before = self.ids_edits[0][1] if self.ids_edits else self.ids
        return np.concatenate([before, self.ids[len(before) :]])

    # Forks --------------------------------------------------------------------------------------------------------

    def fork(
        self, edits: tuple[Edit, ...], ids: Array, stale: dict[Table, Rows], weights: dict[str, Array]
    ) -> Evaluation:
        """An evaluation with other edits, ids or weights, which shares every row that is not stale."""
        child = Evaluation(self.program, ids, self.dtype, edits, weights)
        child.ids_edits = self.ids_edits
        grew = len(ids) != len(self.ids)
        child.grown = grew or self.grown
        for table, store in self.stores.items():
            if not (grew and table.columns_are_positions):
                copy = store.fork(stale.get(table, NO_ROWS), len(ids))
                if copy.parts:
                    child.stores[table] = copy
        child.shown |= self.shown & {table.name for table in child.stores}
        return child

    def with_ids(self, ids: Array, edit: Edit, stale: dict[Table, Rows]) -> Evaluation:
        """A fork in which an edit has made these of the token ids."""
        child = self.fork(self.edits, ids, stale, self.weights)
        touched = replace(edit, index=(np.arange(len(ids))[edit.index],))  # what is appended later is not edited
        child.ids_edits = (*self.ids_edits, (touched, self.ids))
        return child

    def anew(self, program: Program, ids: Array, edits: tuple[Edit, ...]) -> Evaluation:
        """The same with another program, ids or edits, which shares no row."""
        child = Evaluation(program, ids, self.dtype, edits, self.weights)
        child.ids_edits = self.ids_edits
        return child

    def in_program(self, program: Program, edits: tuple[Edit, ...], weights: dict[str, Array]) -> Evaluation:
        """An evaluation of the same prompt in another program of the model, which shares all rows of the model's own tables.

        In these tables and their weights the edits must be those that are in force here.
        """
        child = Evaluation(program, self.ids, self.dtype, edits, weights)
        child.grown, child.ids_edits = self.grown, self.ids_edits
        own = len(program.root.graph.tables) if program.root is self.program.root else 0
        for table, store in self.stores.items():
            if table.number < own:
                child.stores[program.graph.tables[table.number]] = store.fork(NO_ROWS, self.n_pos)
        child.shown |= self.shown & {table.name for table in child.stores}
        return child

    def grow(self, ids: Array) -> None:
        """Take in more token ids at the end, in place: for whoever made this evaluation and alone holds it."""
        self.ids = np.concatenate([self.ids, ids])
        self.n_pos = len(self.ids)
        self.grown = True
        self.stores = {table: store for table, store in self.stores.items() if not table.columns_are_positions}
        for store in self.stores.values():
            store.grow(self.n_pos)

    def looks_ahead(self) -> bool:
        """Whether rows may depend on later rows, so that a longer prompt changes all of them."""
        return self.program.book.looks_ahead(self.causal)

    def stale_after(self, changed: dict[Table, Rows], causal: bool) -> dict[Table, Rows]:
        """Every row of every table that may differ once the changed rows (or weights) differ."""
        stale = dict(changed)
        weights = {table.name for table in changed if table.row_axis is None}
        for table in self.program.graph.named.values():
            recipe = self.program.book.step_by_step(table, causal)
            for source, part in recipe.reach.items():
                rows = stale.get(source)
                if rows:
                    stale[table] = stale.get(table, NO_ROWS) | _downstream(rows, part, self.n_pos)
            if weights and not weights.isdisjoint(recipe.weights):
                stale[table] = Rows.run(0, self.n_pos)
        return stale


def _value(argument: Any, values: list[Any]) -> Any:
    kind = type(argument)
    if kind is Slot:
        return values[argument.number]
    if kind is Group:
        return _Namespace({name: values[slot.number] for name, slot in argument.slots.items()})
    return argument


class _Namespace:
    """The weights of a group as attributes, for kernels."""

    def __init__(self, values: dict[str, Array]) -> None:
        self.__dict__ = values


def _downstream(rows: Rows, part: Part, n_pos: int) -> Rows:
    if part is Part.SAME:
        return rows
    return Rows.run(rows.first if part is Part.PAST else 0, rows.stop if part is Part.LATER else n_pos)

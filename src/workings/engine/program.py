"""A program: what is known of a model before any prompt, shared by all its traces."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from workings.engine.edits import Edit
from workings.engine.kernels import KERNELS, PRIMITIVE_KERNELS
from workings.engine.memory import keep_freed_memory
from workings.engine.recipes import RecipeBook
from workings.engine.together import joined, weight_names
from workings.language.names import Weights
from workings.language.primitives import POS, given
from workings.language.tables import Axis, Graph, Table
from workings.readings.gradient import is_gradient, passed_name

Array = np.ndarray


def draw(model: Callable[..., Any], axes: Mapping[str, tuple[Axis, ...]], config: Any) -> Graph:
    """Run a model function on tables and give the graph that it draws."""
    graph = Graph()
    ids = given(graph, "ids", (POS,))
    weights = {name: given(graph, name, weight_axes) for name, weight_axes in axes.items()}
    model(ids, Weights(dict(weights)), config)
    return graph


class Program:
    """A graph with its weights' arrays and its recipes.

    `weights` maps every weight's name to a float32 array of the graph's shape; arrays may be views of a memory-mapped
    file, and are never written to. `redraw` gives the program for other edits where tables are drawn otherwise for them, else None.
    What `base`, a program of the same model, has made of the weights is shared with it. `asked_at` names a weight
    [n_ctx, 1] that is 0 but for the positions whose score the slopes are of, if there are some.
    """

    def __init__(
        self,
        graph: Graph,
        weights: Mapping[str, Array],
        kernels: bool = True,
        redraw: Callable[[Sequence[Edit]], Program | None] | None = None,
        base: Program | None = None,
        asked_at: str = "",
    ) -> None:
        self.graph = graph
        self._redraw, self._base = redraw, base
        self.asked_at = asked_at
        self.slopes = (
            frozenset(table for name, table in graph.named.items() if is_gradient(name)) if asked_at else frozenset()
        )
        self.book = RecipeBook(graph, KERNELS if kernels else {}, PRIMITIVE_KERNELS if kernels else {})
        self._weights = dict(weights)
        self._cast: dict[tuple[str, np.dtype], Array] = {}
        self._joined: dict[tuple[tuple[Table, ...], np.dtype], tuple[Array, Array] | None] = {}
        keep_freed_memory()

    @property
    def root(self) -> Program:
        """The program of the model alone, whose tables, all of them, are the first of this one."""
        return self._base or self

    def for_edits(self, edits: Sequence[Edit]) -> Program:
        """The program in which these edits are in force: this one, unless its tables follow from which tables are edited."""
        return (self._redraw and self._redraw(edits)) or self

    def following(self, edits: Iterable[Edit]) -> list[Edit]:
        """What edits of tables do to the slopes that go back through them."""
        passed = [(edit, passed_name(edit.name)) for edit in edits if edit.kind != "add"]
        return [edit.backwards(name) for edit, name in passed if name in self.graph.named]

    @cached_property
    def readers(self) -> dict[str, list[str]]:
        """For every table and weight the named tables that are worked out directly from it, in order of working."""
        readers: dict[str, list[str]] = {}
        for name, table in self.graph.named.items():
            recipe = self.book.step_by_step(table, True)
            for source in (*(one.name for one in recipe.reach), *recipe.weights):
                readers.setdefault(source or "", []).append(name)
        return readers

    def used_by(self, name: str, readings: bool = True) -> list[str]:
        """The tables that the model goes on with from a table or weight, then those that only read it off, as a lens does.

        From a table that a sparse autoencoder is spliced in behind, the model goes on with what reads the autoencoder's.
        """
        behind, own = [name], set()
        for source in behind:
            for reader in self.readers.get(source, ()):
                if not self._beside(reader, name):
                    own.add(reader)
                elif reader.startswith(f"{name}.") and reader not in behind:
                    behind.append(reader)
        first = [one for one in self.graph.named if one in own]
        return [*first, *(one for one in self.readers.get(name, ()) if one not in own)] if readings else first

    def _beside(self, reader: str, name: str) -> bool:
        """Whether a table is drawn beside the model: behind a table whose name its own begins with, or as a slope of numbers."""
        words = reader.split(".")
        behind = any(".".join(words[:stop]) in self.graph.named for stop in range(1, len(words)))
        return behind or (is_gradient(reader) and not is_gradient(name))

    def weight(self, name: str, dtype: np.dtype) -> Array:
        """A weight as the wanted type; other types than the stored one are made once and shared by all traces."""
        array = self._weights[name]
        if array.dtype == dtype:
            return array
        if self._base is not None and self._base._weights.get(name) is array:
            return self._base.weight(name, dtype)
        key = (name, dtype)
        if key not in self._cast:
            self._cast[key] = array.astype(dtype)
        return self._cast[key]

    def has_weights(self, weights: Mapping[str, Array]) -> bool:
        """Whether all of these are weights of the program: the same arrays, or equal ones (a model that was opened twice)."""
        own = self._weights
        return weights.keys() <= own.keys() and all(
            own[name] is array or np.array_equal(own[name], array) for name, array in weights.items()
        )

    def joined_weights(self, tables: tuple[Table, ...], dtype: np.dtype) -> tuple[Array, Array] | None:
        """The weights and biases of tables that are `linear` of one input, each as one matrix, where they lie so in memory."""
        key = (tables, dtype)
        if key not in self._joined:
            names = [weight_names(table) for table in tables]
            weight = joined([self.weight(name, dtype) for name, _ in names])
            bias = joined([self.weight(name, dtype) for _, name in names])
            self._joined[key] = None if weight is None or bias is None else (weight, bias)
        return self._joined[key]

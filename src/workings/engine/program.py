"""A program: what is known of a model before any prompt, shared by all its traces."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import numpy as np

from workings.engine.kernels import KERNELS, PRIMITIVE_KERNELS
from workings.engine.recipes import Part, Recipe, RecipeBook
from workings.language.names import Weights
from workings.language.primitives import POS, given
from workings.language.tables import Axis, Graph, Table

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
    file, and are never written to.
    """

    def __init__(self, graph: Graph, weights: Mapping[str, Array], kernels: bool = True) -> None:
        self.graph = graph
        self.book = RecipeBook(graph, KERNELS if kernels else {}, PRIMITIVE_KERNELS if kernels else {})
        self.order = list(graph.named.values())
        self._weights = dict(weights)
        self._cast: dict[tuple[str, np.dtype], Array] = {}
        self._recipes: dict[tuple[frozenset[str], bool], dict[Table, Recipe]] = {}

    def weight(self, name: str, dtype: np.dtype) -> Array:
        """A weight as the wanted type; other types than the stored one are made once and shared by all traces."""
        array = self._weights[name]
        if array.dtype == dtype:
            return array
        key = (name, dtype)
        if key not in self._cast:
            self._cast[key] = array.astype(dtype)
        return self._cast[key]

    def recipes(self, shown: frozenset[str], causal: bool) -> dict[Table, Recipe]:
        """The recipe of every named table, for traces in which the `shown` tables are looked at or edited."""
        key = (shown, causal)
        if key not in self._recipes:
            if len(self._recipes) > 64:
                self._recipes.clear()
            self._recipes[key] = {table: self.book.recipe(table, shown, causal) for table in self.order}
        return self._recipes[key]

    @cached_property
    def kept(self) -> frozenset[Table]:
        """Tables worth keeping once worked out: those that several tables read, or that later rows look back at."""
        readers: dict[Table, int] = {}
        kept = set()
        for table in self.order:
            for source, part in self.book.recipe(table, ()).reach.items():
                readers[source] = readers.get(source, 0) + 1
                if part is not Part.SAME or readers[source] > 1:
                    kept.add(source)
        return frozenset(kept)

"""A program: what is known of a model before any prompt, shared by all its traces."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from workings.engine.kernels import KERNELS, PRIMITIVE_KERNELS
from workings.engine.recipes import RecipeBook
from workings.language.names import Weights
from workings.language.primitives import POS, given
from workings.language.tables import Axis, Graph

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
        self._weights = dict(weights)
        self._cast: dict[tuple[str, np.dtype], Array] = {}

    def weight(self, name: str, dtype: np.dtype) -> Array:
        """A weight as the wanted type; other types than the stored one are made once and shared by all traces."""
        array = self._weights[name]
        if array.dtype == dtype:
            return array
        key = (name, dtype)
        if key not in self._cast:
            self._cast[key] = array.astype(dtype)
        return self._cast[key]

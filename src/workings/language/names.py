"""Names: how a table gets the one that everybody calls it by, and how weights are found by theirs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any

from workings.language.primitives import columns
from workings.language.tables import Table

_scope: ContextVar[str] = ContextVar("scope", default="")
_splices: ContextVar[Mapping[str, Callable[[Table], Table]]] = ContextVar("splices", default=MappingProxyType({}))

UNEDITED = "unedited"
"""A word in a name: tables behind it stay as their formulas give them, so that others can be compared with them."""


def join_name(scope: str, short: str) -> str:
    """`blocks.0` and `resid_pre` give `blocks.0.resid_pre`."""
    return f"{scope}.{short}" if scope else short


@contextmanager
def at(where: Any) -> Iterator[None]:
    """Give everything named inside this block a prefix.

    `where` is a word that is added to the prefix in force (`at("blocks.0")`), or a group of weights, whose own
    place in the model becomes the prefix (inside `layer_norm(x, w.ln1)` names begin with `blocks.0.ln1`).
    Anything else, such as plain arrays in a notebook, changes nothing.
    """
    if isinstance(where, str):
        token = _scope.set(join_name(_scope.get(), where))
    elif isinstance(where, Weights):
        token = _scope.set(where._path or "")
    else:
        token = _scope.set(_scope.get())
    try:
        yield
    finally:
        _scope.reset(token)


@contextmanager
def spliced(splices: Mapping[str, Callable[[Table], Table]]) -> Iterator[None]:
    """Let whoever names a table of one of these full names go on with what the splice makes of it.

    A splice is called with the table that has just been named, and draws its own tables behind it. The model function
    that is drawn inside this block knows nothing of it.
    """
    token = _splices.set(splices)
    try:
        yield
    finally:
        _splices.reset(token)


def name(short: str, table: Any) -> Any:
    """Name a table, so that it can be looked at, edited and explained; arrays pass through unchanged.

    A table that already has a name is carried over into a new table with the same numbers, so that both names can
    be edited on their own (`blocks.1.resid_pre` is `blocks.0.resid_post`, one step later).
    """
    if not isinstance(table, Table):
        return table
    if table.name is not None:
        table = columns(table)
    full = join_name(_scope.get(), short)
    table.graph.add_name(full, table)
    splice = _splices.get().get(full)
    return table if splice is None else splice(table)


class Weights:
    """The weights of a model by name: `w.W_E`, or a group, `w.ln1`, whose place follows from the enclosing `at`.

    Holds tables while a graph is drawn, and arrays when a model function is run as plain NumPy.
    """

    def __init__(self, values: dict[str, Any], path: str | None = None) -> None:
        self._values = values
        self._path = path

    def __getattr__(self, short: str) -> Any:
        full = join_name(_scope.get() if self._path is None else self._path, short)
        values = self.__dict__["_values"]
        if full in values:
            return values[full]
        if any(known.startswith(full + ".") for known in values):
            return Weights(values, full)
        raise AttributeError(f"the model has no weights named {full}")

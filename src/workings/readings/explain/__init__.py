"""The explain reading: how one number came about.

The cell's formula is followed from its primitives back to the nearest named tables, weights and token ids. Its terms
are the addends of the formula after multiplying out, so that they always add up to the number.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from workings.display.words import number
from workings.errors import OutsideTable
from workings.language.glossary import CHOICES, sentence
from workings.language.primitives import GIVEN
from workings.language.tables import Call, Table, axis_labels
from workings.readings.explain.bar import in_one_line
from workings.readings.explain.explanation import Breakdown, Explanation, Term
from workings.readings.explain.expressions import Address, Array, Reader
from workings.readings.explain.terms import breakdowns_of, sources_of, terms_of
from workings.readings.explain.writing import Writer


class Explainable(Protocol):
    """What the reading needs of a trace."""

    def edits_of(self, name: str) -> Sequence[Any]:
        """Edits in force in one table, weight, or the token ids, oldest first."""
        ...

    def before_edits(self, name: str) -> Array:
        """A weight, or the token ids, as they were before any edit."""
        ...

    def spell(self, token_id: int) -> str:
        """What a person reads for one token id."""
        ...

    @property
    def tokens(self) -> list[str]:
        """The prompt's token strings."""
        ...

    def __len__(self) -> int: ...

    def table(self, name: str) -> Table:
        """A table of the graph by name."""
        ...

    def rows(self, name: str, start: int = 0, stop: int | None = None) -> Array:
        """Rows of a named table."""
        ...


def explain(trace: Explainable, name: str, index: Sequence[int]) -> Explanation:
    """How one number of a trace came about; `index` is that of the array, negative numbers count from the end.

    Raises `UnknownTable` for the name and `OutsideTable` for the index.
    """
    table = trace.table(name)
    assert table.name is not None
    cell = _checked(table, index, len(trace))
    address = Address(table.name, cell)
    reader, writer = Reader(trace), Writer(table.name)
    shown = reader.cell(table, cell).value
    axes = tuple(axis_labels(table.axes))
    if table.primitive is GIVEN:
        return _given(trace, table, address, shown, axes)
    made = reader.definition(table, cell)
    terms, changes = _edited(trace, table, address, terms_of(made, writer), made.value)
    unedited = made.value if changes else None
    breakdowns = tuple(breakdowns_of(made, writer))
    return Explanation(
        address, shown, _about(table.name, shown), _operation(table), writer.symbols(made), writer.numbers(made),
        terms, breakdowns, sources_of(made, terms, breakdowns), changes, axes, unedited,
    )  # fmt: skip


NO_NUMBER = "It is no number (NaN): on the way something became too large for its type, or was divided by 0."


def _about(name: str, value: float) -> str:
    return f"{sentence(name)} {NO_NUMBER}" if np.isnan(value) else sentence(name)


def formula_bar(trace: Explainable, name: str, index: Sequence[int]) -> str:
    """A number's formula as one line, as in a spreadsheet's formula bar; what was typed over it stands in it too.

    Raises as `explain` does.
    """
    table = trace.table(name)
    assert table.name is not None
    cell = _checked(table, index, len(trace))
    changes = _amounts(trace, table, Address(table.name, cell))
    if table.primitive is GIVEN:
        line = number(_given_value(trace, table.name, cell)).replace("−", "-")
    else:
        line = in_one_line(Reader(trace).definition(table, cell), table.name)
    for kind, amount in changes:
        typed = number(amount).replace("−", "-")
        line = {"value": typed, "add": f"{line} + {typed}", "scale": f"({line}) * {typed}"}[kind]
    return line if table.primitive is GIVEN and not changes else f"={line}"


def _checked(table: Table, index: Sequence[int], n_pos: int) -> tuple[int, ...]:
    shape = table.shape(n_pos)
    words = ", ".join(axis_labels(table.axes))
    if len(index) == 1 and isinstance(index[0], tuple | list):
        index = index[0]
    if len(index) != len(shape) or not all(isinstance(i, int | np.integer) for i in index):
        raise OutsideTable(
            f"{table.name} has the axes [{words}], {list(shape)}: give {len(shape)} whole numbers; {list(index)} came"
        )
    for place, (i, size) in enumerate(zip(index, shape, strict=True)):
        if not -size <= i < size:
            raise OutsideTable(
                f"{table.name}[{', '.join(map(str, index))}]: {i} is outside axis {axis_labels(table.axes)[place]!r}, "
                f"which runs from 0 to {size - 1}"
            )
    return tuple(int(i) % size for i, size in zip(index, shape, strict=True))


def _given(trace: Explainable, table: Table, address: Address, value: float, axes: tuple[str, ...]) -> Explanation:
    name, first = address.name, _given_value(trace, address.name, address.index)
    if table.row_axis is not None:
        said = f"The token at position {address.index[0]} is {trace.tokens[address.index[0]]!r}, number {int(value)} of the vocabulary."
        made = "Read from the prompt."
    else:
        said, made = sentence(name), "A weight: learnt in training, it follows from nothing else here."
        if name in CHOICES:
            made = "Chosen by whoever asked: it follows from nothing else here."
    text = "read from the prompt" if table.row_axis is not None else "chosen" if name in CHOICES else "learnt"
    terms, changes = _edited(trace, table, address, (Term(first, text, number(first)),), first)
    return Explanation(
        address, value, said, made, text, number(first), terms,
        edits=changes, axes=axes, unedited=first if changes else None,
    )  # fmt: skip


def _given_value(trace: Explainable, name: str, cell: tuple[int, ...]) -> float:
    """A number of a weight, or a token id, before any edit."""
    return float((trace.before_edits if trace.edits_of(name) else trace.rows)(name)[cell])


def _operation(table: Table) -> str:
    """The sentence of the outermost operation (or else the primitive) that gave the table; of what a splice drew behind a
    table, that of the splice."""
    calls = [call for call in table.graph.calls_giving(table) if not _draws_before(call, table)]
    body = calls[0].operation if calls else table.primitive.compute
    return " ".join((body.__doc__ or "").strip().split("\n\n")[0].split())


def _draws_before(call: Call, table: Table) -> bool:
    """Whether the operation named the very table that this one was drawn behind: `z` of `z.sae.out`."""
    return any(f"{table.name}".startswith(f"{inner.name}.") for inner in call.members)


def _edited(
    trace: Explainable, table: Table, address: Address, terms: tuple[Term, ...], worked_out: float
) -> tuple[tuple[Term, ...], tuple[str, ...]]:
    """Terms and plain words for the edits that touch the cell."""
    changes, current = [], worked_out
    for kind, amount in _amounts(trace, table, address):
        was = _spelled(trace, table, current)
        if kind == "value":
            terms = (Term(amount, "set by hand", number(amount)),)
            text = f"set to {_spelled(trace, table, amount)} (it was {was})"
            current = amount
        elif kind == "add":
            terms = (*terms, Term(amount, "added by hand", number(amount)))
            text = f"{number(amount)} added to {was}"
            current += amount
        else:
            terms = tuple(Term(t.value * amount, f"{t.text} × {number(amount)} (by hand)", f"{t.numbers} × {number(amount)}", t.sources, t.count)
                          for t in terms)  # fmt: skip
            text = f"{was} multiplied by {number(amount)}"
            current *= amount
        changes.append(text)
    return terms, tuple(changes)


def _spelled(trace: Explainable, table: Table, value: float) -> str:
    """A number in words; a token id with its token, where the model has a tokenizer."""
    if table.primitive is not GIVEN or table.row_axis is None:
        return number(value)
    token = trace.spell(int(value))
    return number(value) if token == number(value) else f"{number(value)}, {token!r}"


def _amounts(trace: Explainable, table: Table, address: Address) -> list[tuple[str, float]]:
    """The kind and amount of every edit that touches the cell, oldest first."""
    shape = table.shape(len(trace))
    found = [(edit.kind, _amount_at(edit, shape, address.index)) for edit in trace.edits_of(address.name)]
    return [(kind, amount) for kind, amount in found if amount is not None]


def _amount_at(edit: Any, shape: tuple[int, ...], cell: tuple[int, ...]) -> float | None:
    """The amount with which an edit changes one cell, or None where it does not touch it."""
    hit: Any = True
    selected: tuple[int, ...] = ()
    for axis, size in enumerate(shape):
        counted = np.arange(size).reshape([-1 if place == axis else 1 for place in range(len(shape))])
        here = np.broadcast_to(counted, shape)[edit.index]
        selected = here.shape
        hit = hit & (here == cell[axis])
    places = np.flatnonzero(hit)
    if not places.size:
        return None
    return float(np.broadcast_to(edit.amount, selected).flat[places[-1]])


__all__ = ["Address", "Breakdown", "Explanation", "Term", "explain", "formula_bar"]

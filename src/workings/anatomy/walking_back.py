"""Walking back from a score through everything that only adds and weighs up, to the parts of a model that wrote it."""

from __future__ import annotations

import heapq
import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from workings.engine.trace import Trace
from workings.language.primitives import GIVEN, NUMBER
from workings.language.tables import Table
from workings.readings.explain.expressions import Address, Reader

Array = np.ndarray

SAE_OUT = ".sae.out"


@dataclass(frozen=True)
class Part:
    """What one part of the model adds to the logit, and what that is made of in turn.

    `name` is TransformerLens's: `embed`, `pos_embed`, `L1H3` (block 1, head 3), `1_mlp_out`, `L1N12` (block 1, neuron 12),
    `L1F12` (block 1, feature 12 of a sparse autoencoder of `resid_post`; `L1F12 of attn_out` of another table),
    a bias by its weight's name, what was added by hand `edit of blocks.0.resid_post`; the source positions of a head
    are `L1H3 <- 4`, and what edits of what it found have set or added `edit of blocks.1.attn.z`. `address` is the row or
    cell in the trace.
    """

    name: str
    address: Address
    value: float
    parts: tuple[Part, ...] = field(default=(), repr=False)


class Walk:
    """Walks back from a table whose numbers are weighed up, to the tables that are no weighed sums of others.

    Every table on the way has the weights by which its row counts for the result: [columns], or [head, columns].
    """

    def __init__(self, trace: Trace, position: int, features: bool = True) -> None:
        self.trace, self.position, self.features = trace, position, features
        self.reader = Reader(trace)
        self.weights: dict[Table, Array] = {}
        self.waiting: list[int] = []
        self.constants: dict[Table, Any] = {}
        self.owners: dict[Table, str] = {}

    def parts(self, table: Table, weights: Array) -> list[Part]:
        """What a table's row at the position is the sum of, weighed by `weights`, in the order in which the model works."""
        found: list[tuple[int, list[Part]]] = []
        self._count(table, weights, "")
        while self.waiting:
            here = table.graph.tables[-heapq.heappop(self.waiting)]
            counted, owner = self.weights.pop(here), here.name or self.owners[here]
            if not self.features and owner.endswith(SAE_OUT):
                found.append((here.number, self._passed_by(here, counted, owner)))
            elif self._is_constant(here):
                found.append((here.number, [self._bias(here, counted, owner)]))
            elif self._passed_on(here, counted, owner):
                found.append((here.number, self._by_hand(here, counted)))
            else:
                found.append((here.number, self._written(here, counted, owner)))
        order = _Order(table)
        found.sort(key=lambda pair: order.first_use(table.graph.tables[pair[0]]))
        return [part for _, parts in found for part in parts]

    def _passed_by(self, out: Table, weights: Array, owner: str) -> list[Part]:
        """Go on before an autoencoder, as if it were not there; a part for what edits inside it have changed."""
        before = self.trace.table(owner.removesuffix(SAE_OUT))
        self._count(before, weights, owner)
        inside = owner.removesuffix("out")
        if not any(edit.name.startswith(inside) for edit in self.trace.edits):
            return []
        change = self._numbers(out) - self._numbers(before)
        value = float((weights * change).sum())
        return [Part(f"edit of {inside.removesuffix('.')}", Address(owner, (self.position,)), value)]

    def _count(self, table: Table, weights: Array, owner: str) -> None:
        """Let a table count with these weights, besides what it counts by other ways."""
        shape = tuple(axis.size or 1 for axis in table.axes if not axis.is_pos)
        shape = shape[:-2] + shape[-1:] if len(shape) > 1 and not any(axis.is_pos for axis in table.axes) else shape
        weights = _summed_to(weights, shape)
        if table in self.weights:
            self.weights[table] = self.weights[table] + weights
        else:
            self.weights[table] = weights
            self.owners[table] = owner
            heapq.heappush(self.waiting, -table.number)

    def _passed_on(self, table: Table, weights: Array, owner: str) -> bool:
        """Hand the weights of a weighed sum on to what it is made of; False where the table is none."""
        rule = None if _is_missed(table) else getattr(self, f"_{table.primitive.name}", None)
        inputs = rule(table, weights) if rule else None
        for before, counted in inputs or ():
            self._count(before, counted, owner)
        return inputs is not None

    # What a table's weights mean for its inputs, or None where it is no weighed sum of them

    def _add(self, table: Table, weights: Array) -> list[tuple[Table, Array]]:
        return [(before, weights) for before in table.inputs]

    def _subtract(self, table: Table, weights: Array) -> list[tuple[Table, Array]]:
        return [(table.inputs[0], weights), (table.inputs[1], -weights)]

    def _multiply(self, table: Table, weights: Array) -> list[tuple[Table, Array]] | None:
        a, b = table.inputs
        if self._is_constant(a):
            return [(b, weights * self._numbers(a))]
        if self._is_constant(b) or (_one_a_row(b) and not _one_a_row(a)):
            return [(a, weights * self._numbers(b))]
        # Of two that are both one number a row (an MLP of one neuron) neither is the other's scale.
        return [(b, weights * self._numbers(a))] if _one_a_row(a) and not _one_a_row(b) else None

    def _divide(self, table: Table, weights: Array) -> list[tuple[Table, Array]] | None:
        a, b = table.inputs
        # Of two that are both one number a row, as in `_multiply`, the divisor is no scale: in x / (1 + exp(-x)) it hangs on x.
        scales = self._is_constant(b) or (_one_a_row(b) and not _one_a_row(a))
        return [(a, weights / self._numbers(b))] if scales else None

    def _matmul(self, table: Table, weights: Array) -> list[tuple[Table, Array]] | None:
        a, b = table.inputs
        if not self._is_constant(b) or a.row_axis is None:
            return None
        matrix = self._constant(b)
        if weights.ndim == 1:  # of 50,257 tokens one or two count
            counting = np.flatnonzero(weights)
            return [(a, matrix[:, counting].astype(np.float64) @ weights[counting])]
        counted = np.einsum("hj,hij->hi" if matrix.ndim == 3 else "hj,ij->hi", weights, matrix.astype(np.float64))
        return [(a, counted if len(a.axes) == 3 else counted.sum(0))]

    def _row_sum(self, table: Table, weights: Array) -> list[tuple[Table, Array]] | None:
        (x,) = table.inputs
        return None if x.axes[-1].size is None else [(x, np.repeat(weights, x.axes[-1].size, axis=-1))]

    def _row_mean(self, table: Table, weights: Array) -> list[tuple[Table, Array]] | None:
        size = table.inputs[0].axes[-1].size
        return None if size is None else self._row_sum(table, weights / size)

    def _columns(self, table: Table, weights: Array) -> list[tuple[Table, Array]] | None:
        (x,) = table.inputs
        if x.axes[-1].size is None:
            return None
        counted = np.zeros((*weights.shape[:-1], x.axes[-1].size))
        counted[..., table.options.get("start", 0) : table.options.get("stop")] = weights
        return [(x, counted)]

    def _join(self, table: Table, weights: Array) -> list[tuple[Table, Array]]:
        if len(table.inputs) == 1:
            return [(table.inputs[0], weights.reshape(table.inputs[0].axes[0].size or 1, -1))]
        ends = np.cumsum([part.axes[-1].size or 0 for part in table.inputs])
        return list(zip(table.inputs, np.split(weights, ends[:-1], axis=-1), strict=True))

    def _split(self, table: Table, weights: Array) -> list[tuple[Table, Array]]:
        return [(table.inputs[0], weights.reshape(-1))]

    # Numbers

    def _is_constant(self, table: Table) -> bool:
        """Whether a table follows from weights and fixed numbers alone."""
        if table not in self.constants:
            if table.primitive is GIVEN:
                fixed = table.row_axis is None
            else:
                fixed = table.primitive is NUMBER or all(self._is_constant(before) for before in table.inputs)
            self.constants[table] = fixed
        return self.constants[table]

    def _constant(self, table: Table) -> Any:
        if table.primitive is GIVEN:
            return self.trace.weight(table)
        return table.primitive.compute(*(self._constant(before) for before in table.inputs), **table.options)

    def _numbers(self, table: Table) -> Array:
        """The numbers of a constant table, or else of the row at the position; [columns] or [head, columns]."""
        if self._is_constant(table):
            numbers = np.asarray(self._constant(table), np.float64)
            return numbers[..., 0, :] if numbers.ndim > 1 else numbers
        if len(table.axes) < 3:
            return self.reader.row(table, 0, self.position)
        return np.stack([self.reader.row(table, head, self.position) for head in range(table.axes[0].size or 1)])

    # Parts

    def _bias(self, table: Table, weights: Array, owner: str) -> Part:
        name = table.name or f"fixed number in {owner}"
        return Part(name, Address(table.name or owner, (0,)), float((weights * self._numbers(table)).sum()))

    def _by_hand(self, table: Table, weights: Array) -> list[Part]:
        """What edits of a sum added to it: the numbers as they are, less those that its formula gives."""
        if not any(edit.name == table.name for edit in self.trace.edits):
            return []
        assert table.name is not None
        heads = range(table.axes[0].size or 1) if len(table.axes) == 3 else range(1)
        by_formula = [self.reader.worked_out(table, self.position, head) for head in heads]
        change = self._numbers(table) - (np.stack(by_formula) if len(table.axes) == 3 else by_formula[0])
        address = Address(table.name, (self.position,))
        return [Part(f"edit of {table.name}", address, float((weights * change).sum()))] if change.any() else []

    def _written(self, table: Table, weights: Array, owner: str) -> list[Part]:
        """What a table of heads, of neurons, or any other, adds."""
        values = weights * self._numbers(table)
        if len(table.axes) == 3:
            return [
                self._head(table, owner, head, weights[head], float(values[head].sum())) for head in range(len(values))
            ]
        address = Address(owner, (self.position,))
        if table.primitive.name == "rows_of" or _is_missed(table):
            return [Part(owner, address, float(values.sum()))]
        neurons = tuple(
            Part(_neuron_name(owner, place), Address(owner, (self.position, place)), float(value))
            for place, value in enumerate(values)
        )
        return [Part(_layer_name(owner), address, float(values.sum()), neurons)]

    def _head(self, table: Table, owner: str, head: int, weights: Array, value: float) -> Part:
        name = _head_name(owner, head)
        return Part(
            name, Address(owner, (head, self.position)), value, tuple(self._sources(table, name, head, weights))
        )

    def _sources(self, table: Table, name: str, head: int, weights: Array) -> list[Part]:
        """What a head brings from each position, where it mixes rows by shares, and what edits put into its row themselves.

        Positions with no share are left out, and all of them where edits have replaced the whole row.
        """
        if table.primitive.name != "matmul" or not table.inputs[0].columns_are_positions:
            return []
        pattern, v = table.inputs
        shares = self.reader.row(pattern, head, self.position)
        kept, put = self._edited_row(table, head)
        found = []
        for source in np.flatnonzero(shares) if kept.any() else ():
            brought = float(shares[source] * (self.reader.row(v, head, int(source)) @ (weights * kept)))
            address = Address(pattern.name or table.name or "", (head, self.position, int(source)))
            found.append(Part(f"{name} <- {source}", address, brought))
        if put.any() or not kept.all():
            address = Address(table.name or "", (head, self.position))
            found.append(Part(f"edit of {table.name}", address, float(put @ weights)))
        return found

    def _edited_row(self, table: Table, head: int) -> tuple[Array, Array]:
        """What edits make of a head's row: by how much they multiply what its formula gives, and what they put beside it."""
        shape = table.shape(len(self.trace))
        kept, put = np.ones(shape), np.zeros(shape)
        for edit in self.trace.edits_of(table.name) if table.name else ():
            edit.apply(put)
            if edit.kind != "add":
                edit.backwards(edit.name).apply(kept)
        return kept[head, self.position], put[head, self.position]


class _Order:
    """Parts in the order in which a model works: by the first table on the way to the result that reads them."""

    def __init__(self, result: Table) -> None:
        self.readers: dict[Table, int] = {}
        for table in result.graph.tables[: result.number + 1]:
            for before in table.inputs:
                self.readers.setdefault(before, table.number)

    def first_use(self, table: Table) -> tuple[int, int]:
        used = self.readers.get(table, table.number) if table.primitive in (GIVEN, NUMBER) else table.number
        return (used, table.number)


def _summed_to(weights: Array, shape: tuple[int, ...]) -> Array:
    """Weights summed up over what a table of this shape was repeated along."""
    while weights.ndim > max(len(shape), 1):
        weights = weights.sum(0)
    for axis in range(1, len(shape) + 1):
        if shape[-axis] == 1 and weights.shape[-axis] != 1:
            weights = weights.sum(-axis, keepdims=True)
    return weights if shape else weights.sum(keepdims=True)


def _is_missed(table: Table) -> bool:
    """Whether this is what a sparse autoencoder misses: a part of its own, though it is a difference of others."""
    return (table.name or "").endswith(".sae.error")


def _one_a_row(table: Table) -> bool:
    return table.axes[-1].size == 1 if table.axes else False


_BLOCK = re.compile(r"(?:(\w+)\.)?blocks\.(\d+)\.")


def _head_name(owner: str, head: int) -> str:
    found = _BLOCK.match(owner)
    return f"{_side(found)}L{found[2]}H{head}" if found else f"{owner}[{head}]"


def _neuron_name(owner: str, place: int) -> str:
    found = _BLOCK.match(owner)
    if found and ".sae." in owner:
        table = owner[found.end() :].partition(".sae.")[0]
        return f"{_side(found)}L{found[2]}F{place}{'' if table == 'resid_post' else f' of {table}'}"
    return f"{_side(found)}L{found[2]}N{place}" if found else f"{owner}[{place}]"


def _layer_name(owner: str) -> str:
    found = _BLOCK.match(owner)
    return f"{_side(found)}{found[2]}_mlp_out" if found and ".mlp." in owner and ".sae." not in owner else owner


def _side(found: re.Match[str]) -> str:
    """`decoder ` where a model has two sides."""
    return f"{found[1]} " if found[1] else ""


__all__ = ["Part", "Walk"]

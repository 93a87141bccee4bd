"""The last steps of a model in PyTorch, from its last residual stream to its logits, read off its graph.

So a loss on the logits can be followed back into the stream, for whatever family the model is of.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from workings.anatomy.logit_lens import lens_streams
from workings.checkpoints.model import Model
from workings.errors import InputError
from workings.language.primitives import GIVEN, NUMBER
from workings.language.tables import Table

IN_TORCH: dict[str, Callable[..., Any]] = {
    "add": torch.add,
    "subtract": torch.sub,
    "multiply": torch.mul,
    "divide": torch.div,
    "maximum": torch.maximum,
    "exp": torch.exp,
    "tanh": torch.tanh,
    "erf": torch.erf,
    "sqrt": torch.sqrt,
    "matmul": torch.matmul,
    "transpose": lambda x: x.transpose(-1, -2),
    "row_sum": lambda x: x.sum(-1, keepdim=True),
    "row_mean": lambda x: x.mean(-1, keepdim=True),
    "row_max": lambda x: x.amax(-1, keepdim=True),
    "columns": lambda x, start=0, stop=None: x[..., start:stop],
}
"""Primitives that work on each row by itself; others cannot stand between the last stream and the logits."""


def last_steps(model: Model) -> Callable[[torch.Tensor], torch.Tensor]:
    """A function from rows of the last residual stream [row, d_model] to their logits [row, d_vocab].

    Raises `InputError` for a model whose rows depend on each other there.
    """
    last = model.graph.named[lens_streams(model.graph)[-1]]
    order = _between(model.graph.named["logits"], last)
    fixed: dict[Table, Any] = {}
    for table in order:
        if table.primitive is GIVEN:
            fixed[table] = torch.tensor(model.weights[table.name or ""], dtype=torch.float32)
        elif table.primitive is NUMBER:
            fixed[table] = torch.tensor(table.options["value"], dtype=torch.float32)
        elif table.primitive.name not in IN_TORCH:
            raise InputError(
                f"{model.name} works its logits out by {table.primitive.name}, which a lens cannot be trained through"
            )

    def run(rows: torch.Tensor) -> torch.Tensor:
        values = {**fixed, last: rows}
        for table in order:
            if table not in values:
                inputs = (values[before] for before in table.inputs)
                values[table] = IN_TORCH[table.primitive.name](*inputs, **table.options)
        return values[order[-1]]

    return run


def _between(result: Table, start: Table) -> list[Table]:
    """The tables that a result needs, in order of working, but for `start` and what lies before it."""
    needed, todo = set(), [result]
    while todo:
        table = todo.pop()
        if table is not start and table not in needed:
            needed.add(table)
            todo.extend(table.inputs)
    return sorted(needed, key=lambda table: table.number)

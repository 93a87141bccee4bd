"""The logit lens: what the model would say if it stopped after a block, as tables beside all others.

The last steps of the model, from the last residual stream to the logits, are drawn once more for every earlier residual
stream. Source: nostalgebraist 2020, "interpreting GPT: the logit lens".
"""

from __future__ import annotations

import re

from workings.errors import InputError
from workings.language.names import name
from workings.language.tables import Graph, Table

STREAM = re.compile(r"(?:decoder\.)?blocks\.\d+\.resid_post")


def lens_name(stream: str) -> str:
    """The name of the logits that are read off a residual stream: `blocks.0.resid_post.lens.logits` [pos, d_vocab]."""
    return f"{stream}.lens.logits"


def draw_logit_lens(graph: Graph) -> list[str]:
    """Add the logits after every block to a graph, and give their names.

    After the last block they are the model's own logits again. Raises `InputError` for a model without residual streams
    or logits.
    """
    streams = [known for known in graph.named if STREAM.fullmatch(known)]
    if not streams or "logits" not in graph.named:
        raise InputError("a logit lens needs a model with blocks.{i}.resid_post and logits; this one has none")
    last, names = graph.named[streams[-1]], []
    for stream in streams:
        again = {last: graph.named[stream]}
        drawn = _draw_again(graph.named["logits"], again)
        name(lens_name(stream), drawn)
        names.append(lens_name(stream))
    return names


def _draw_again(table: Table, again: dict[Table, Table]) -> Table:
    """A table worked out as before, but from other tables where `again` says so; what does not change is shared."""
    if table not in again:
        inputs = tuple(_draw_again(before, again) for before in table.inputs)
        again[table] = table
        if inputs != table.inputs:
            again[table] = Table(table.graph, table.primitive, inputs, table.options, table.axes)
    return again[table]

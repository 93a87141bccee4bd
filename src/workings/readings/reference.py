"""The reference reading: every number in float64, primitive by primitive, whole tables, no shortcut.

Slow and plain on purpose: it is what every other reading and every kernel is held against.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from workings.language.primitives import GIVEN
from workings.language.tables import Graph, Table

Array = np.ndarray


def reference(graph: Graph, weights: Mapping[str, Array], ids: Sequence[int]) -> dict[str, Array]:
    """Every named table of a prompt, by name, in order of working.

    `weights` are arrays of the graph's shapes, of any float type; `ids` are the prompt's token ids [pos].
    """
    values: dict[Table, Any] = {}
    for table in graph.tables:
        if table.primitive is GIVEN:
            assert table.name is not None
            values[table] = (
                np.asarray(ids) if table.row_axis is not None else np.asarray(weights[table.name], np.float64)
            )
        else:
            values[table] = table.primitive.compute(*(values[t] for t in table.inputs), **table.options)
    return {name: values[table] for name, table in graph.named.items()}

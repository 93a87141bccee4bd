"""A model with edits made part of it: what was changed in its weights for one trace, changed for good."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workings.checkpoints.model import Model
    from workings.engine.trace import Trace


def with_edited_weights(model: Model, trace: Trace) -> Model:
    """A model whose weights are those of the trace, edits included; the model itself stays as it is.

    Edits of other tables, which follow by a formula, are not part of a model: whoever calls this sees to them.
    """
    edited = {edit.name for edit in trace.edits} & model.weights.keys()
    return model.with_weights({name: trace[name] for name in sorted(edited)})

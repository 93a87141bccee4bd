"""A model with edits made part of it: what was changed in its weights for one trace, changed for good."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workings.errors import InputError

if TYPE_CHECKING:
    from workings.checkpoints.model import Model
    from workings.engine.trace import Trace


def with_edited_weights(model: Model, trace: Trace) -> Model:
    """A model whose weights are those of the trace, edits included; the model itself stays as it is.

    Raises `InputError` where other tables are edited: what follows by a formula cannot be part of a model.
    """
    edited = {edit.name for edit in trace.edits}
    if tables := sorted(edited - model.weights.keys()):
        raise InputError(
            f"{tables[0]} is edited, and it follows by a formula, so the edit cannot be part of the model; "
            "switch such edits off, or use the page Surgery of a workbook"
        )
    return model.with_weights({name: trace[name] for name in edited})

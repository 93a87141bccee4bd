"""workings: a language model that shows its workings.

>>> import workings
>>> model = workings.load("storybook")
>>> trace = model.trace("If today is Tuesday, tomorrow is")
>>> trace.top(1)[0][0]
' Wednesday'
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workings.anatomy.attention import attention as attention
    from workings.anatomy.attribution import attribution as attribution
    from workings.anatomy.attribution_patching import attribution_patching as attribution_patching
    from workings.anatomy.gradients import trace_gradient as trace_gradient
    from workings.anatomy.heads import head_scores as head_scores
    from workings.anatomy.knock_out import knock_out as knock_out
    from workings.anatomy.logit_lens import logit_lens as logit_lens
    from workings.anatomy.looks import looks as looks
    from workings.anatomy.patching import patching_sweep as patching_sweep
    from workings.anatomy.path_patching import path_patch as path_patch
    from workings.anatomy.path_patching import path_patching_sweep as path_patching_sweep
    from workings.anatomy.tuned_lens import TunedLens as TunedLens
    from workings.anatomy.tuned_lens import tuned_lens as tuned_lens
    from workings.checkpoints.load import load as load
    from workings.checkpoints.load_sae import load_sae as load_sae
    from workings.checkpoints.model import Model as Model
    from workings.checkpoints.sparse_autoencoder import SparseAutoencoder as SparseAutoencoder
    from workings.checkpoints.tokenizer import Tokenizer as Tokenizer
    from workings.engine.trace import Trace as Trace
    from workings.errors import WorkingsError as WorkingsError
    from workings.surgery.edit_list import EditList as EditList
    from workings.surgery.edit_list import load_edits as load_edits
    from workings.workbook.write import write_workbook as write_workbook

__version__ = "0.1.0"

_HOMES = {
    "attention": "workings.anatomy.attention",
    "attribution": "workings.anatomy.attribution",
    "attribution_patching": "workings.anatomy.attribution_patching",
    "head_scores": "workings.anatomy.heads",
    "knock_out": "workings.anatomy.knock_out",
    "logit_lens": "workings.anatomy.logit_lens",
    "looks": "workings.anatomy.looks",
    "patching_sweep": "workings.anatomy.patching",
    "path_patch": "workings.anatomy.path_patching",
    "path_patching_sweep": "workings.anatomy.path_patching",
    "trace_gradient": "workings.anatomy.gradients",
    "tuned_lens": "workings.anatomy.tuned_lens",
    "EditList": "workings.surgery.edit_list",
    "load": "workings.checkpoints.load",
    "load_edits": "workings.surgery.edit_list",
    "load_sae": "workings.checkpoints.load_sae",
    "Model": "workings.checkpoints.model",
    "SparseAutoencoder": "workings.checkpoints.sparse_autoencoder",
    "Tokenizer": "workings.checkpoints.tokenizer",
    "Trace": "workings.engine.trace",
    "TunedLens": "workings.anatomy.tuned_lens",
    "WorkingsError": "workings.errors",
    "write_workbook": "workings.workbook.write",
}

__all__ = [
    "EditList",
    "Model",
    "SparseAutoencoder",
    "Tokenizer",
    "Trace",
    "TunedLens",
    "WorkingsError",
    "__version__",
    "attention",
    "attribution",
    "attribution_patching",
    "head_scores",
    "knock_out",
    "load",
    "load_edits",
    "load_sae",
    "logit_lens",
    "looks",
    "patching_sweep",
    "path_patch",
    "path_patching_sweep",
    "trace_gradient",
    "tuned_lens",
    "write_workbook",
]


def __getattr__(name: str) -> Any:
    """Import public names when they are first used, so that `import workings` costs next to nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'workings' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)

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
    from workings.anatomy.feature_cards import FeatureCard as FeatureCard
    from workings.anatomy.feature_cards import feature_card as feature_card
    from workings.anatomy.feature_cards import feature_cards as feature_cards
    from workings.anatomy.feature_page import write_feature_page as write_feature_page
    from workings.anatomy.features import feature_examples as feature_examples
    from workings.anatomy.features import find_features as find_features
    from workings.anatomy.features import logit_weights as logit_weights
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
    from workings.surgery.steering import smallest_strength as smallest_strength
    from workings.surgery.steering import steering_vector as steering_vector
    from workings.workbook.write import write_workbook as write_workbook

__version__ = "0.1.0"

_HOMES = {
    "attention": "workings.anatomy.attention",
    "attribution": "workings.anatomy.attribution",
    "attribution_patching": "workings.anatomy.attribution_patching",
    "EditList": "workings.surgery.edit_list",
    "feature_card": "workings.anatomy.feature_cards",
    "feature_cards": "workings.anatomy.feature_cards",
    "feature_examples": "workings.anatomy.features",
    "FeatureCard": "workings.anatomy.feature_cards",
    "find_features": "workings.anatomy.features",
    "head_scores": "workings.anatomy.heads",
    "knock_out": "workings.anatomy.knock_out",
    "load": "workings.checkpoints.load",
    "load_edits": "workings.surgery.edit_list",
    "load_sae": "workings.checkpoints.load_sae",
    "logit_lens": "workings.anatomy.logit_lens",
    "logit_weights": "workings.anatomy.features",
    "looks": "workings.anatomy.looks",
    "Model": "workings.checkpoints.model",
    "patching_sweep": "workings.anatomy.patching",
    "path_patch": "workings.anatomy.path_patching",
    "path_patching_sweep": "workings.anatomy.path_patching",
    "smallest_strength": "workings.surgery.steering",
    "SparseAutoencoder": "workings.checkpoints.sparse_autoencoder",
    "steering_vector": "workings.surgery.steering",
    "Tokenizer": "workings.checkpoints.tokenizer",
    "Trace": "workings.engine.trace",
    "trace_gradient": "workings.anatomy.gradients",
    "tuned_lens": "workings.anatomy.tuned_lens",
    "TunedLens": "workings.anatomy.tuned_lens",
    "WorkingsError": "workings.errors",
    "write_feature_page": "workings.anatomy.feature_page",
    "write_workbook": "workings.workbook.write",
}

__all__ = [
    "EditList",
    "FeatureCard",
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
    "feature_card",
    "feature_cards",
    "feature_examples",
    "find_features",
    "head_scores",
    "knock_out",
    "load",
    "load_edits",
    "load_sae",
    "logit_lens",
    "logit_weights",
    "looks",
    "patching_sweep",
    "path_patch",
    "path_patching_sweep",
    "smallest_strength",
    "steering_vector",
    "trace_gradient",
    "tuned_lens",
    "write_feature_page",
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

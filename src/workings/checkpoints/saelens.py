"""Sparse autoencoders on disk, in the layout of SAELens: `cfg.json` and `sae_weights.safetensors`.

The config is the nested one of SAELens 6, or the flat one of before. Labels and what they rest on are ours, and lie
beside them in `features.json`, which SAELens passes over.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from workings.checkpoints.files import make_folder, read_json, write_whole
from workings.checkpoints.hook_names import hook_of, table_of
from workings.checkpoints.safetensors_file import read_safetensors, write_safetensors
from workings.checkpoints.sparse_autoencoder import SparseAutoencoder, checked_weights
from workings.errors import CheckpointError, InputError
from workings.models.sae import ARCHITECTURES, SAEConfig, of_stream

Array = np.ndarray

CONFIG, WEIGHTS, FEATURES, SCALER = "cfg.json", "sae_weights.safetensors", "features.json", "activation_scaler.json"
OF_HEADS = ".attn.z"
LAYOUT = "6.0.0"
"""The version of SAELens whose layout is written: the first with nested metadata."""

HEADS_IN_A_ROW = "hook_z"
"""SAELens's word for reading what all heads found side by side, as `attn.z` always is here."""
_NOT_HERE: dict[str, tuple[Any, ...]] = {
    "hook_name_out": (None,),
    "hook_point_out": (None,),
    "hook_layer_out": (None,),
    "hook_point_layer_out": (None,),
    "d_out": (None,),
    "is_transcoder": (None, False),
    "hook_head_index": (None,),
    "hook_head_index_out": (None,),
    "hook_point_head_index": (None,),
    "finetuning_scaling_factor": (None, False),
    "use_error_term": (None, False),
    "reshape_activations": (None, "none", HEADS_IN_A_ROW),
}
"""Settings that change the numbers and are not supported, and the values at which they change nothing."""
MODEL_SETTINGS, CENTERED = "model_from_pretrained_kwargs", "center_writing_weights"
_REWRITTEN: dict[str, tuple[tuple[str, ...], str]] = {
    "fold_value_biases": (
        ("v", "z"),
        "it lacks the value biases. Take the setting out and add b_V of all heads, side by side, to b_dec (where "
        "apply_b_dec_to_input is false, take b_V @ W_enc off b_enc too)",
    ),
    "fold_ln": (("normalized",), "it lacks the learnt stretch and shift"),
    "refactor_factored_attn_matrices": (("q", "k", "v", "z"), "heads write it in other directions"),
}
"""How TransformerLens rewrites weights without changing what a model says, the tables that are others then, and why."""
_FLAT = ("model_name", "hook_layer", "hook_point_layer", "context_size", "dataset_path", "prepend_bos", "neuronpedia_id",
         "model_from_pretrained_kwargs", "sae_lens_training_version")  # fmt: skip
"""What flat configs say of where an autoencoder comes from; nested ones have it in `metadata`."""


def read_sae_folder(folder: Path, scaling_factor: float | None = None) -> SparseAutoencoder:
    """The sparse autoencoder in a folder. `scaling_factor` is asked for where the config says that inputs are scaled by one.

    Raises `CheckpointError`, naming the file and the tensor or setting, for anything missing, damaged or not supported.
    """
    path = folder / CONFIG
    if not path.is_file():
        raise CheckpointError(f"{folder} has no {CONFIG}; a sparse autoencoder in SAELens layout needs one")
    stored = read_json(path)
    metadata = _metadata(path, stored)
    try:
        config = _config(path, stored, metadata, _scaling(folder, stored, scaling_factor))
        labels, evidence = _features(folder)
        weights = checked_weights(config, _tensors(folder), str(folder / WEIGHTS))
        return SparseAutoencoder(config, weights, labels, evidence, metadata)
    except CheckpointError:
        raise
    except InputError as error:
        said = str(error)
        raise CheckpointError(said if said.startswith(str(folder)) else f"{path}: {said}") from None


def write_sae_folder(folder: Path, sae: SparseAutoencoder) -> None:
    """Write a sparse autoencoder; what is in the folder already is replaced only when everything is written."""
    make_folder(folder)
    named = bool(sae.labels or sae.evidence)
    with TemporaryDirectory(dir=folder, prefix=".saving-") as temporary:
        part = Path(temporary)
        write_safetensors(part / WEIGHTS, {name: _stored(array) for name, array in sae.weights.items()})
        write_whole(part / CONFIG, _as_json(_stored_config(sae)))
        if named:
            write_whole(part / FEATURES, _as_json({"labels": sae.labels, "evidence": sae.evidence}, indent=None))
        for path in sorted(part.iterdir()):
            path.replace(folder / path.name)
    if not named:
        (folder / FEATURES).unlink(missing_ok=True)  # the labels of what lay here before


def _stored(array: Array) -> Array:
    return array[0] if array.shape[0] == 1 else array


def _as_json(content: Mapping[str, Any], indent: int | None = 1) -> bytes:
    close = (",", ":") if indent is None else None
    try:
        return (
            json.dumps(content, indent=indent, separators=close, ensure_ascii=False, allow_nan=False) + "\n"
        ).encode()
    except (TypeError, ValueError) as error:
        raise InputError(f"labels, evidence and metadata are what JSON can hold; {error}") from None


def _stored_config(sae: SparseAutoencoder) -> dict[str, Any]:
    c = sae.config
    stored: dict[str, Any] = {
        "architecture": c.architecture,
        "d_in": c.d_in,
        "d_sae": c.d_sae,
        "dtype": "float32",
        "device": "cpu",
        "apply_b_dec_to_input": c.apply_b_dec_to_input,
        "normalize_activations": c.normalize_activations,
        "reshape_activations": HEADS_IN_A_ROW if c.table.endswith(OF_HEADS) else "none",
    }
    if c.architecture == "topk":
        stored |= {"k": c.k, "rescale_acts_by_decoder_norm": c.rescale_acts_by_decoder_norm}
    metadata = {"sae_lens_version": LAYOUT, **sae.metadata, "hook_name": hook_of(c.table)}
    if c.centered_input and not _is_centered(metadata):
        metadata[MODEL_SETTINGS] = {**(metadata.get(MODEL_SETTINGS) or {}), CENTERED: True}
    return {**stored, "metadata": metadata}


# Reading ----------------------------------------------------------------------------------------------------------


def _metadata(path: Path, stored: Mapping[str, Any]) -> dict[str, Any]:
    nested = stored.get("metadata")
    if nested is None:
        return {key: stored[key] for key in _FLAT if stored.get(key) is not None}
    if not isinstance(nested, dict):
        raise CheckpointError(f"{path}: metadata should be a JSON object, but is {nested!r:.80}")
    return nested


def _config(path: Path, stored: Mapping[str, Any], metadata: Mapping[str, Any], factor: float) -> SAEConfig:
    table = _table(path, stored, metadata)
    for key, harmless in _NOT_HERE.items():
        for place in (stored, metadata):
            if place.get(key) not in harmless:
                raise CheckpointError(
                    f"{path}: {key} is {place[key]!r:.80}, which is not supported; expected {harmless[1 if len(harmless) > 1 else 0]!r}"
                )
    if stored.get("reshape_activations") == HEADS_IN_A_ROW and not table.endswith(OF_HEADS):
        raise CheckpointError(
            f"{path}: reshape_activations is {HEADS_IN_A_ROW!r}, which is for rows of all heads (blocks.N.attn.hook_z); "
            f"this one reads {table}"
        )
    _check_model_settings(path, metadata, table)
    for key in ("d_in", "d_sae"):
        if key not in stored:
            raise CheckpointError(f"{path} does not say {key}")
    architecture, k = _architecture(path, stored)
    return SAEConfig(
        d_in=stored["d_in"],
        d_sae=stored["d_sae"],
        table=table,
        architecture=architecture,
        k=k,
        apply_b_dec_to_input=_yes_or_no(path, stored, "apply_b_dec_to_input", True),
        normalize_activations=_normalization(stored),
        scaling_factor=factor,
        rescale_acts_by_decoder_norm=_yes_or_no(path, stored, "rescale_acts_by_decoder_norm", False),
        centered_input=_is_centered(metadata) and of_stream(table),
    )


def _is_centered(metadata: Mapping[str, Any]) -> bool:
    """Whether it was trained on a model whose weights write no mean into the stream."""
    made = metadata.get(MODEL_SETTINGS)
    return isinstance(made, dict) and bool(made.get(CENTERED))


def _check_model_settings(path: Path, metadata: Mapping[str, Any], table: str) -> None:
    """Raise `CheckpointError` where it was trained on a model whose weights were rewritten so that this table is another."""
    made = metadata.get(MODEL_SETTINGS) or {}
    if not isinstance(made, dict):
        raise CheckpointError(f"{path}: {MODEL_SETTINGS} should be a JSON object, but is {made!r:.80}")
    for setting, (words, why) in _REWRITTEN.items():
        if made.get(setting) and table.rpartition(".")[2] in words:
            raise CheckpointError(f"{path}: {MODEL_SETTINGS} has {setting}, with which {table} is another table: {why}")


def _architecture(path: Path, stored: Mapping[str, Any]) -> tuple[str, int | None]:
    """The architecture, and k; flat configs call topk an activation of the standard one."""
    architecture = stored.get("architecture") or "standard"
    activation = _one_of(path, stored.get("activation_fn_str"), stored.get("activation_fn"), "activation") or "relu"
    more = stored.get("activation_fn_kwargs") or {}
    if architecture not in tuple(ARCHITECTURES):
        raise CheckpointError(f"{path}: architecture {architecture!r} is not supported; {', '.join(ARCHITECTURES)} are")
    if activation not in ("relu", "topk") or (activation == "topk" and architecture not in ("standard", "topk")):
        raise CheckpointError(f"{path}: activation {activation!r} of a {architecture} autoencoder is not supported")
    if not isinstance(more, dict) or set(more) - {"k"}:
        raise CheckpointError(f"{path}: activation_fn_kwargs {more!r:.80} are not supported; only 'k' is")
    if activation == "topk":
        architecture = "topk"
    return architecture, _one_of(path, stored.get("k"), more.get("k"), "k") if architecture == "topk" else None


def _one_of(path: Path, first: Any, second: Any, what: str) -> Any:
    """What one of two places says. Raises `CheckpointError` where they say different things."""
    if first is not None and second is not None and first != second:
        raise CheckpointError(f"{path} says two things about {what}: {first!r:.80} and {second!r:.80}")
    return second if first is None else first


def _table(path: Path, stored: Mapping[str, Any], metadata: Mapping[str, Any]) -> str:
    hook = metadata.get("hook_name") or stored.get("hook_name") or stored.get("hook_point")
    if not isinstance(hook, str):
        raise CheckpointError(f"{path} does not say which table it reads: hook_name is {hook!r}")
    return table_of(hook)


def _normalization(stored: Mapping[str, Any]) -> Any:
    kind = stored.get("normalize_activations")
    if kind is None or isinstance(kind, bool):  # of flat configs
        return "expected_average_only_in" if kind else "none"
    return kind


def _scaling(folder: Path, stored: Mapping[str, Any], given: float | None) -> float:
    """What inputs are multiplied with: as given, or as SAELens keeps it beside a run's checkpoints."""
    if _normalization(stored) != "expected_average_only_in":
        if given is not None:
            raise CheckpointError(f"{folder / CONFIG} does not scale its inputs, so there is no scaling_factor to give")
        return 1.0
    beside = folder / SCALER
    if given is None and beside.is_file():
        given = read_json(beside).get("scaling_factor")
    if given is None:
        raise CheckpointError(
            f"{folder / CONFIG} scales its inputs to an expected length and does not say by how much; "
            f"give scaling_factor=..., 1 if it is worked into the weights already"
        )
    return given


def _yes_or_no(path: Path, stored: Mapping[str, Any], key: str, unless_said: bool) -> bool:
    value = stored.get(key, unless_said)
    if not isinstance(value, bool):
        raise CheckpointError(f"{path}: {key} should be true or false, but is {value!r:.80}")
    return value


def _tensors(folder: Path) -> dict[str, Array]:
    path = folder / WEIGHTS
    if not path.is_file():
        pickled = sorted(
            found.name for found in folder.iterdir() if found.suffix in (".pt", ".pth", ".bin", ".ckpt", ".pkl")
        )
        if pickled:
            raise CheckpointError(
                f"{folder} holds only pickled weights ({pickled[0]}), which can run any code when opened and are refused; "
                "open them once with SAELens and write them with its save_model"
            )
        raise CheckpointError(f"{folder} has no {WEIGHTS}")
    tensors = read_safetensors(path, lambda name: False)
    if "scaling_factor" in tensors and (tensors["scaling_factor"] == 1).all():
        del tensors["scaling_factor"]  # of older files, where it changes nothing
    if "scaling_factor" in tensors:
        raise CheckpointError(f"{path}: tensor scaling_factor (finetuned strengths of features) is not supported")
    if "log_threshold" in tensors and "threshold" not in tensors:  # of older jumprelu runs
        tensors["threshold"] = np.exp(tensors.pop("log_threshold"))
    return tensors


def _features(folder: Path) -> tuple[dict[int, str], dict[int, Any]]:
    path = folder / FEATURES
    if not path.is_file():
        return {}, {}
    stored = read_json(path)
    found = [stored.get(key, {}) for key in ("labels", "evidence")]
    if not all(isinstance(part, dict) and all(number.isdecimal() for number in part) for part in found) or not all(
        isinstance(label, str) for label in found[0].values()
    ):
        raise CheckpointError(
            f"{path}: labels and evidence should map feature numbers to texts and to what they rest on"
        )
    labels, evidence = ({int(number): kept for number, kept in part.items()} for part in found)
    return labels, evidence

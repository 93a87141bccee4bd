"""Folders in Hugging Face layout, checked from config to the last tensor before anything is made of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from workings.checkpoints import gpt2 as stored_gpt2
from workings.checkpoints.files import make_folder, read_json, write_whole
from workings.checkpoints.safetensors_file import read_safetensors, write_safetensors
from workings.engine.threads import share
from workings.errors import CheckpointError
from workings.models.gpt2 import GPT2Config

Array = np.ndarray

_PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt")


def read_folder(folder: Path) -> tuple[GPT2Config, dict[str, Array]]:
    """Config and weights of a folder with `config.json` and `model.safetensors` (or its shards and their index).

    Raises `CheckpointError`, naming the file and the tensor, for anything missing, misshapen, damaged, not finite or
    not supported.
    """
    config = stored_gpt2.read_config(_read_config(folder), str(folder / "config.json"))
    tensors = _plain_names(folder, _read_tensors(folder))
    _check_tensors(folder, tensors, config)
    return config, stored_gpt2.read_weights(tensors, config)


def write_folder(folder: Path, config: GPT2Config, weights: Mapping[str, Array]) -> None:
    """Write `config.json` and `model.safetensors`, each whole or not at all."""
    make_folder(folder)
    tensors = {stored_gpt2.full_name(n): array for n, array in stored_gpt2.write_weights(weights, config).items()}
    write_safetensors(folder / "model.safetensors", tensors)
    text = json.dumps(stored_gpt2.write_config(config), indent=2) + "\n"
    write_whole(folder / "config.json", text.encode())


def _read_config(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    if not path.is_file():
        raise CheckpointError(f"{folder} has no config.json; a model folder in Hugging Face layout needs one")
    stored = read_json(path)
    family = stored.get("model_type")
    if family != "gpt2":
        kind = family or stored.get("architectures") or "not given"
        raise CheckpointError(f"{path}: model_type is {kind!r}; supported is 'gpt2'")
    return stored


def _read_tensors(folder: Path) -> dict[str, Array]:
    single, index = folder / "model.safetensors", folder / "model.safetensors.index.json"
    if single.is_file():
        return read_safetensors(single, stored_gpt2.is_mask)
    if index.is_file():
        return _read_shards(folder, index)
    pickled = sorted(path.name for pattern in _PICKLED for path in folder.glob(pattern))
    if pickled:
        raise CheckpointError(
            f"{folder} holds only pickled weights ({pickled[0]}), which can run any code when opened and are refused; "
            f"convert them once with transformers: AutoModelForCausalLM.from_pretrained({str(folder)!r})"
            f".save_pretrained(FOLDER, safe_serialization=True)"
        )
    raise CheckpointError(
        f"{folder} has no weights: expected model.safetensors, or model.safetensors.index.json and its shards"
    )


def _read_shards(folder: Path, index: Path) -> dict[str, Array]:
    places = read_json(index).get("weight_map")
    if not isinstance(places, dict) or not all(isinstance(name, str) for name in places.values()):
        raise CheckpointError(f"{index} has no weight_map from tensor names to file names")
    tensors: dict[str, Array] = {}
    for name in sorted(set(places.values())):
        path = folder / name
        if Path(name).name != name or not path.is_file():
            raise CheckpointError(f"{index} names the shard {name!r}, which is not in {folder}; copy or download it")
        tensors |= read_safetensors(path, stored_gpt2.is_mask)
    missing = sorted(name for name in places if name not in tensors and not stored_gpt2.is_mask(name))
    if missing:
        raise CheckpointError(
            f"{folder}: the shards lack {missing[0]} and {len(missing) - 1} more tensors of {index.name}"
        )
    return tensors


def _plain_names(folder: Path, tensors: Mapping[str, Array]) -> dict[str, Array]:
    plain: dict[str, Array] = {}
    for name, array in tensors.items():
        short = stored_gpt2.plain_name(name)
        if short in plain:
            raise CheckpointError(f"{folder} holds the tensor {short} twice, once as {name}")
        plain[short] = array
    return plain


def _check_tensors(folder: Path, tensors: dict[str, Array], config: GPT2Config) -> None:
    shapes = stored_gpt2.stored_shapes(config)
    if config.tied_embeddings:
        tensors.pop("lm_head.weight", None)  # some files store the token embeddings a second time
    missing = sorted(set(shapes) - set(tensors))
    if missing:
        raise CheckpointError(
            f"{folder}: tensor {missing[0]} is missing{_and_more(missing)}; the config asks for {len(shapes)}"
        )
    unknown = sorted(set(tensors) - set(shapes))
    if unknown:
        raise CheckpointError(
            f"{folder}: tensor {unknown[0]} is not part of this GPT-2{_and_more(unknown)}; does the config fit?"
        )
    for name, shape in shapes.items():
        if tensors[name].shape != shape:
            raise CheckpointError(
                f"{folder}: tensor {name} has shape {list(tensors[name].shape)}, the config asks for {list(shape)}"
            )
    for name in shapes:
        _check_finite(folder, name, tensors[name])


def _and_more(names: list[str]) -> str:
    return f" ({len(names) - 1} more like it)" if len(names) > 1 else ""


def _check_finite(folder: Path, name: str, array: Array) -> None:
    """Sums are finite where all numbers are, and quick; only a sum that is not calls for a closer look."""
    flat = array.reshape(-1)
    sums: list[float] = []
    with np.errstate(over="ignore", invalid="ignore"):
        share(lambda start, stop: sums.append(float(flat[start:stop].sum())), len(flat), len(flat))
    if all(np.isfinite(sums)):
        return
    bad = np.flatnonzero(~np.isfinite(flat))
    if bad.size:
        place = [int(i) for i in np.unravel_index(bad[0], array.shape)]
        raise CheckpointError(
            f"{folder}: tensor {name} holds {flat[bad[0]]} at {place} ({bad.size} such numbers); every weight must be finite"
        )

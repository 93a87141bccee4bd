"""`workings.load_sae`: the sparse autoencoder that comes with a bundled model, or one in a folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from workings.checkpoints.load import BUNDLED
from workings.checkpoints.saelens import read_sae_folder
from workings.checkpoints.sparse_autoencoder import SparseAutoencoder
from workings.errors import CheckpointError


def load_sae(
    name: str | Path = "storybook", scaling_factor: float | None = None, centered_input: bool | None = None
) -> SparseAutoencoder:
    """Open a sparse autoencoder: the one bundled with a model ("storybook"), or a folder in SAELens layout.

    `scaling_factor` is what inputs are multiplied with, asked for where the config says that they are scaled and not by
    how much. `centered_input` says whether it was trained on a model whose weights write no mean into the stream (TransformerLens's
    `center_writing_weights`), where the config does not. Raises `CheckpointError`, which says which file, setting or tensor is wrong and what to do.
    """
    if isinstance(name, str) and (bundled := bundled_sae(name)):
        return _read(bundled, scaling_factor, centered_input)
    folder = Path(name).expanduser()
    if folder.is_dir():
        return _read(folder, scaling_factor, centered_input)
    if folder.exists():
        raise CheckpointError(f"{name} is a file; give the folder that holds cfg.json and sae_weights.safetensors")
    known = sorted(path.name for path in BUNDLED.iterdir() if bundled_sae(path.name))
    with_one = f"models with a bundled one: {', '.join(known)}" if known else "no bundled model has one"
    raise CheckpointError(f"there is no sparse autoencoder {str(name)!r}: no folder of this name, and {with_one}")


def _read(folder: Path, scaling_factor: float | None, centered_input: bool | None) -> SparseAutoencoder:
    sae = read_sae_folder(folder, scaling_factor)
    if centered_input is not None:
        sae.config = replace(sae.config, centered_input=centered_input)
    return sae


def bundled_sae(model_name: str) -> Path | None:
    """The folder of the sparse autoencoder that comes with a model; None where there is none."""
    if Path(model_name).name != model_name:
        return None
    folder = BUNDLED / model_name / "sae"
    return folder if (folder / "cfg.json").is_file() else None

"""`workings.load_sae`: the sparse autoencoder that comes with a bundled model, or one in a folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from workings.checkpoints.companions import Companion
from workings.checkpoints.saelens import read_sae_folder
from workings.checkpoints.sparse_autoencoder import SparseAutoencoder

SAE = Companion(
    "sparse autoencoder", "sae", ("cfg.json", "sae_weights.safetensors"), "`workings train sae --out FOLDER` trains one"
)


def load_sae(
    name: str | Path = "storybook", scaling_factor: float | None = None, centered_input: bool | None = None
) -> SparseAutoencoder:
    """Open a sparse autoencoder: the one bundled with a model ("storybook"), or a folder in SAELens layout.

    `scaling_factor` is what inputs are multiplied with, asked for where the config says that they are scaled and not by
    how much. `centered_input` says whether it was trained on a model whose weights write no mean into the stream (TransformerLens's
    `center_writing_weights`), where the config does not. Raises `CheckpointError`, which says which file, setting or tensor is wrong and what to do.
    """
    sae = read_sae_folder(SAE.find(name), scaling_factor)
    if centered_input is not None:
        sae.config = replace(sae.config, centered_input=centered_input)
    return sae


def bundled_sae(model_name: str) -> Path | None:
    """The folder of the sparse autoencoder that comes with a model; None where there is none."""
    return SAE.bundled(model_name)

"""How good a sparse autoencoder is: how much it explains, with how few features, and what the model makes of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from workings.checkpoints.model import Model, Prompt
from workings.checkpoints.sparse_autoencoder import SparseAutoencoder
from workings.engine.trace import Trace
from workings.errors import InputError
from workings.models.sae import rows_read

Array = np.ndarray


def explained_variance(x: Array, recons: Array) -> float:
    """The share of the variance of `x` [row, d_in] that `recons` explains: 1 is all, 0 is what the mean alone explains.

    1 - (squared distances from the reconstructions, added up) / (squared distances from the mean, added up).
    Raises `InputError` where all rows of `x` are the same: then there is nothing to explain.
    """
    x, recons = np.asarray(x, np.float64), np.asarray(recons, np.float64)
    spread = float(((x - x.mean(axis=0)) ** 2).sum())
    if spread == 0:
        raise InputError("all activations are the same, so there is no variance to explain")
    return 1 - float(((x - recons) ** 2).sum()) / spread


@dataclass(frozen=True)
class Measures:
    """What `measure` found. Losses are in nats a token."""

    n_activations: int
    explained_variance: float
    l0: float
    """Features that fire for a token, on average."""
    dead: int
    """Features that fired for none of these activations."""
    loss: float
    """The model's own cross-entropy for the next token."""
    loss_with_sae: float
    """The same where the model goes on with the reconstruction and the error is left out."""
    loss_with_zeros: float
    """The same where it goes on with zeros."""

    @property
    def loss_recovered(self) -> float:
        """1 where the reconstruction serves the model as well as the real thing, 0 where it serves as little as zeros."""
        return (self.loss_with_zeros - self.loss_with_sae) / (self.loss_with_zeros - self.loss)

    def to_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        return {**asdict(self), "loss_recovered": self.loss_recovered}


def measure(model: Model, sae: SparseAutoencoder, prompts: Iterable[Prompt]) -> Measures:
    """Measure a sparse autoencoder on prompts, best on ones that it was not trained on.

    `loss_recovered` follows Bricken et al. 2023 with zeros as the worst case; its size depends on how bad zeros are at
    that place, so that figures of different tables do not compare. Raises `InputError` for no prompt of two tokens.
    """
    table = sae.config.table
    spliced = model.with_sae(sae)
    x, recons, acts, losses = [], [], [], []
    for prompt in prompts:
        trace = spliced.trace(prompt)
        x.append(rows_read(trace[f"{table}.sae.unedited.centered" if sae.config.centered_input else table]))
        recons.append(trace[f"{table}.sae.recons"])
        acts.append(trace[f"{table}.sae.acts"])
        if len(trace) > 1:
            ways = (trace, trace.edit(f"{table}.sae.error", scale=0.0), trace.edit(f"{table}.sae.out", value=0.0))
            losses.append([_losses(way) for way in ways])
    if not losses:
        raise InputError("a loss needs prompts of at least two tokens; none came")
    rows, rebuilt, fired = np.concatenate(x), np.concatenate(recons), np.concatenate(acts)
    mean = np.concatenate(losses, axis=1).mean(axis=1)
    return Measures(
        n_activations=len(rows),
        explained_variance=explained_variance(rows, rebuilt),
        l0=float((fired > 0).sum(axis=1).mean()),
        dead=int((~(fired > 0).any(axis=0)).sum()),
        loss=float(mean[0]),
        loss_with_sae=float(mean[1]),
        loss_with_zeros=float(mean[2]),
    )


def _losses(trace: Trace) -> Array:
    """How unlikely each next token was [pos - 1]."""
    logits = trace.rows("logits", 0, -1).astype(np.float64)
    logits = logits - logits.max(axis=-1, keepdims=True)
    log_shares = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    return -np.take_along_axis(log_shares, trace.ids[1:, None], axis=-1)[:, 0]

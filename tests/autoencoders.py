"""Random sparse autoencoders, and what they work out by the papers' formulas in PyTorch: an opinion of its own."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from workings.checkpoints.sparse_autoencoder import SparseAutoencoder
from workings.models.sae import ARCHITECTURES, SAEConfig, sae_weight_axes

OPTIONS: list[dict[str, Any]] = [
    {},
    {"apply_b_dec_to_input": False},
    {"normalize_activations": "expected_average_only_in", "scaling_factor": 0.4},
    {"normalize_activations": "constant_norm_rescale"},
    {"normalize_activations": "layer_norm"},
    {"rescale_acts_by_decoder_norm": True},
]
"""What every architecture is tried with; decoder norms are a matter of topk alone."""


def config_of(
    architecture: str, d_in: int, d_sae: int, table: str = "blocks.1.resid_post", **options: Any
) -> SAEConfig:
    """A config; of topk, a third of the features fire unless `k` says otherwise."""
    if architecture == "topk":
        options.setdefault("k", max(1, d_sae // 3))
    else:
        options.pop("rescale_acts_by_decoder_norm", None)
    return SAEConfig(d_in, d_sae, table, architecture, **options)


def autoencoder(config: SAEConfig, seed: int = 0, **more: Any) -> SparseAutoencoder:
    """Random weights, none of them round, of a size that lets some features fire."""
    random = np.random.default_rng(seed)
    sizes = {name: [axis.size or 1 for axis in axes] for name, axes in sae_weight_axes(config).items()}
    weights = {
        name: random.normal(size=size) * (size[0] ** -0.5 if size[0] > 1 else 0.3) for name, size in sizes.items()
    }
    if "threshold" in weights:
        weights["threshold"] = np.abs(weights["threshold"]) * np.where(random.random(config.d_sae) < 0.1, -1, 1)
    return SparseAutoencoder(config, weights, **more)


def in_torch(x: torch.Tensor, w: dict[str, torch.Tensor], config: SAEConfig) -> tuple[torch.Tensor, torch.Tensor]:
    """Features and rebuilt rows, plainly."""
    kind = config.normalize_activations
    shift, scale = torch.zeros(len(x), 1), torch.ones(len(x), 1)
    if kind == "layer_norm":
        shift = x.mean(-1, keepdim=True)
        scale = (x - shift).std(-1, keepdim=True)
        rows = (x - shift) / (scale + 1e-5)
    elif kind == "constant_norm_rescale":
        scale = x.norm(dim=-1, keepdim=True) / config.d_in**0.5
        rows = x / scale
    else:
        scale = torch.tensor(1 / config.scaling_factor, dtype=x.dtype)
        rows = x / scale
    if config.apply_b_dec_to_input:
        rows = rows - w["b_dec"]
    norm = w["W_dec"].norm(dim=-1) if config.rescale_acts_by_decoder_norm else torch.ones(config.d_sae, dtype=x.dtype)
    acts = _fire(rows, w, config, norm)
    return acts, (acts / norm @ w["W_dec"] + w["b_dec"]) * scale + shift


def _fire(rows: torch.Tensor, w: dict[str, torch.Tensor], config: SAEConfig, norm: torch.Tensor) -> torch.Tensor:
    if config.architecture == "gated":
        gate = rows @ w["W_enc"] + w["b_gate"] > 0
        return gate * torch.relu(rows @ (w["W_enc"] * w["r_mag"].exp()) + w["b_mag"])
    pre = (rows @ w["W_enc"] + w["b_enc"]) * norm
    if config.architecture == "jumprelu":
        return torch.where(pre > w["threshold"].clamp(min=0), pre, 0.0)
    if config.architecture == "topk":
        largest = pre.topk(config.k or 1, dim=-1)
        return torch.zeros_like(pre).scatter(-1, largest.indices, largest.values.relu())
    return pre.relu()


__all__ = ["ARCHITECTURES", "OPTIONS", "autoencoder", "config_of", "in_torch"]

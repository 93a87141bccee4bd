"""A sparse autoencoder while it is trained: its parameters in PyTorch, what it does, and what is held against it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from workings.training.sae.recipe import Recipe

FIRST_THRESHOLD, BANDWIDTH = 0.5, 0.5
"""Of `jumprelu`, where activations have the mean length sqrt(d_in)."""
AUXILIARY_WEIGHT, AUXILIARY_FEATURES = 1 / 32, 64
"""What dead features are asked to explain of what is left over, and how many of them at a time. Gao et al. 2024, section 2.4."""
THRESHOLD_MEMORY = 0.99
"""How slowly the threshold of `batchtopk` follows what is seen."""


@dataclass(frozen=True)
class Outcome:
    """What came out for a batch: `acts` [row, d_sae], `recons` [row, d_in], and the loss, a number."""

    acts: Tensor
    recons: Tensor
    loss: Tensor


class Network(nn.Module):
    """Encoder and decoder, for activations whose mean length is sqrt(d_in).

    The loss is the squared distance of a reconstruction, added up over `d_in` and averaged over rows, plus what the
    architecture adds for sparsity. Sources: at `Recipe`.
    """

    since_fired: Tensor
    running_threshold: Tensor

    def __init__(self, recipe: Recipe, mean: Tensor) -> None:
        super().__init__()
        self.recipe = recipe
        directions = nn.functional.normalize(torch.randn(recipe.d_sae, len(mean)), dim=1)
        self.W_dec = nn.Parameter(directions)
        self.W_enc = nn.Parameter(directions.T.clone())
        self.b_enc = nn.Parameter(torch.zeros(recipe.d_sae))
        self.b_dec = nn.Parameter(mean.clone())
        if recipe.architecture == "jumprelu":
            self.log_threshold = nn.Parameter(torch.full((recipe.d_sae,), FIRST_THRESHOLD).log())
        self.register_buffer("since_fired", torch.zeros(recipe.d_sae))
        self.register_buffer("running_threshold", torch.tensor(-1.0))

    def forward(self, x: Tensor, penalty: float = 1.0) -> Outcome:
        """Encode, decode and judge; `penalty`, 0 to 1, is how much of the sparsity's weight is in force."""
        pre = (x - self.b_dec) @ self.W_enc + self.b_enc  # [row, d_sae]
        acts = getattr(self, f"_{self.recipe.architecture}")(pre)
        recons = acts @ self.W_dec + self.b_dec  # [row, d_in]
        left = x - recons
        loss = left.pow(2).sum(dim=1).mean() + penalty * self._held_against(pre, acts)
        with torch.no_grad():
            self.since_fired += len(x)
            self.since_fired[(acts > 0).any(dim=0)] = 0
        return Outcome(acts, recons, loss + self._revival(pre, left.detach()))

    # One activation an architecture ---------------------------------------------------------------------------------

    def _standard(self, pre: Tensor) -> Tensor:
        return pre.relu()

    def _topk(self, pre: Tensor) -> Tensor:
        values, places = pre.topk(self.recipe.k, dim=1)
        return torch.zeros_like(pre).scatter(1, places, values.relu())

    def _batchtopk(self, pre: Tensor) -> Tensor:
        flat = pre.relu().flatten()
        values, places = flat.topk(self.recipe.k * len(pre))
        with torch.no_grad():
            least = values[values > 0].min() if (values > 0).any() else values.new_zeros(())
            first = bool(self.running_threshold < 0)
            memory = 0.0 if first else THRESHOLD_MEMORY
            self.running_threshold.mul_(memory).add_((1 - memory) * least)
        return torch.zeros_like(flat).scatter(0, places, values).reshape(pre.shape)

    def _jumprelu(self, pre: Tensor) -> Tensor:
        return _Jump.apply(pre, self.log_threshold.exp())

    def _held_against(self, pre: Tensor, acts: Tensor) -> Tensor:
        """What the architecture's sparsity costs, averaged over rows."""
        if self.recipe.architecture == "standard":
            return self.recipe.sparsity * (acts * self.W_dec.norm(dim=1)).sum(dim=1).mean()
        if self.recipe.architecture == "jumprelu":
            return self.recipe.sparsity * _Step.apply(pre, self.log_threshold.exp()).sum(dim=1).mean()
        return pre.new_zeros(())

    def _revival(self, pre: Tensor, left: Tensor) -> Tensor:
        """Dead features are asked to explain what the others leave over, so that they come back to life."""
        dead = self.dead
        if not self.recipe.architecture.endswith("topk") or not (n_dead := int(dead.sum())):
            return pre.new_zeros(())
        values, places = pre.masked_fill(~dead, -torch.inf).topk(min(AUXILIARY_FEATURES, n_dead), dim=1)
        explained = torch.zeros_like(pre).scatter(1, places, values.relu()) @ self.W_dec
        return AUXILIARY_WEIGHT * (left - explained).pow(2).sum(dim=1).mean()

    @property
    def dead(self) -> Tensor:
        """Which features did not fire for long [d_sae]."""
        return self.since_fired > self.recipe.dead_after

    @torch.no_grad()
    def after_step(self) -> None:
        """Decoder rows of length 1: else a feature could fire less by writing more. `standard` pays for their length instead."""
        if self.recipe.architecture != "standard":
            self.W_dec /= self.W_dec.norm(dim=1, keepdim=True).clamp(min=1e-8)


class _Jump(torch.autograd.Function):
    """What is above its threshold, unchanged. Rajamanoharan et al. 2024, Jumping Ahead, equations 10 and 11."""

    @staticmethod
    def forward(ctx: Any, pre: Tensor, threshold: Tensor) -> Tensor:
        ctx.save_for_backward(pre, threshold)
        return pre * (pre > threshold)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        pre, threshold = ctx.saved_tensors
        (gradient,) = gradients
        near = (pre - threshold).abs() < BANDWIDTH / 2
        return gradient * (pre > threshold), -(gradient * near * threshold / BANDWIDTH).sum(dim=0)


class _Step(torch.autograd.Function):
    """1 for what is above its threshold, else 0. Rajamanoharan et al. 2024, Jumping Ahead, equation 12."""

    @staticmethod
    def forward(ctx: Any, pre: Tensor, threshold: Tensor) -> Tensor:
        ctx.save_for_backward(pre, threshold)
        return (pre > threshold).to(pre.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, Tensor]:
        pre, threshold = ctx.saved_tensors
        (gradient,) = gradients
        near = (pre - threshold).abs() < BANDWIDTH / 2
        return None, -(gradient * near / BANDWIDTH).sum(dim=0)

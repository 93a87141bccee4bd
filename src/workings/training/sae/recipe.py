"""What a sparse autoencoder is trained with: everything that decides the result, checked at once."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import Any

from workings.engine.checks import whole
from workings.errors import InputError

ARCHITECTURES = ("topk", "batchtopk", "jumprelu", "standard")


@dataclass(frozen=True)
class Recipe:
    """What a sparse autoencoder is trained with; the same recipe on the same machine gives the same numbers.

    The architectures: `topk` (Gao et al. 2024, Scaling and evaluating sparse autoencoders) keeps the `k` largest features
    of every token; `batchtopk` (Bussmann et al. 2024) keeps `k` a token on average over a batch, and is saved as a `jumprelu`
    with one threshold for all features; `jumprelu` (Rajamanoharan et al. 2024) learns a threshold for each feature, and
    `sparsity` weighs how many fire; `standard` (Bricken et al. 2023) is a ReLU, and `sparsity` weighs the sum of the activations.
    """

    table: str
    """The table that is read, such as `blocks.2.resid_post` [pos, d_in]; of `attn.z`, all heads side by side."""
    d_sae: int
    """Number of features."""
    architecture: str = "topk"
    """One of `ARCHITECTURES`."""
    k: int = 8
    """Features that fire for a token: `topk` and `batchtopk`."""
    sparsity: float = 1.0
    """Weight of the penalty: `standard` and `jumprelu`."""
    steps: int = 5000
    """Batches to train on."""
    batch_size: int = 1024
    """Activations (token positions) in a batch."""
    learning_rate: float = 2e-3
    """Adam's, after warming up; it falls in a straight line to 0 over the last fifth of the steps."""
    warm_up: int = 100
    """Steps over which the learning rate, and for `jumprelu` and `standard` ten times as many over which the penalty, rises."""
    buffer_size: int = 65_536
    """Activations that are mixed with each other."""
    first_position: int = 0
    """Positions before this one are left out: in GPT-2 the first token's stream is unlike all others."""
    dead_after: int = 100_000
    """A feature that did not fire for so many activations counts as dead."""
    seed: int = 0
    """Decides the first weights and the order of the activations."""

    def __post_init__(self) -> None:
        if self.architecture not in ARCHITECTURES:
            raise InputError(f"architecture is one of {', '.join(ARCHITECTURES)}; {self.architecture!r} came")
        for field in fields(self):
            if field.type == "int":
                whole(field.name, getattr(self, field.name), least=0 if field.name in MAY_BE_ZERO else 1)
        _check_positive("learning_rate", self.learning_rate)
        _check_positive("sparsity", self.sparsity)
        if self.k > self.d_sae:
            raise InputError(f"k is at most d_sae, {self.d_sae}; {self.k} came")
        if self.buffer_size < 2 * self.batch_size:
            raise InputError(
                f"buffer_size is at least twice batch_size, {2 * self.batch_size}, or nothing is mixed; {self.buffer_size} came"
            )

    def to_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        return asdict(self)


MAY_BE_ZERO = ("seed", "first_position", "warm_up")


def _check_positive(name: str, value: Any) -> None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < math.inf:
        raise InputError(f"{name} is a number greater than 0; {value!r} came")

"""Heads found by what they do: a score each for looking at the token before, at the same token, for induction, at the first.

Measured on random tokens that come twice, so that nothing but the repetition can be gone by. Source: Olsson et al. 2022,
In-context Learning and Induction Heads, "prefix matching"; Elhage et al. 2021 for the kinds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workings.checkpoints.model import Model
from workings.errors import InputError

Array = np.ndarray

KINDS = {
    "previous token": "looks at the token before",
    "same token": "looks at where the same token stood before",
    "induction": "looks at what came after the same token before",
    "first token": "looks at the very first token",
}
"""What a head may do, in words."""


@dataclass(frozen=True)
class HeadScores:
    """How much of its attention every head gives to each kind of place, on average: `scores[kind]` [block, head], 0 to 1.

    Measured on `n_prompts` prompts of `length` random tokens that come twice, at the tokens of the second time.
    """

    scores: dict[str, Array]
    length: int
    n_prompts: int

    def best(self, kind: str, k: int = 5) -> list[tuple[int, int, float]]:
        """The `k` heads with the highest score of a kind, as (block, head, score). Raises `InputError`."""
        if kind not in self.scores:
            raise InputError(f"a kind of head is one of {', '.join(KINDS)}; {kind!r} came")
        table = self.scores[kind]
        order = np.argsort(-table, axis=None, kind="stable")[:k]
        return [
            (int(b), int(h), float(table[b, h])) for b, h in zip(*np.unravel_index(order, table.shape), strict=True)
        ]


def head_scores(model: Model, length: int | None = None, n_prompts: int = 4, seed: int = 0) -> HeadScores:
    """Score every head of a model by what it does on random tokens that come twice.

    `length` tokens (25, or fewer in a model that reads fewer than 50) are drawn without repetition and stand twice in
    every prompt. A score is the mean share of attention that goes to the place in question, over the second time but
    for its first token, so that no two of the four places are the same.

    What it means: where a head looks on such prompts. What it does not mean: that the head does the same on
    text, or that what it finds there is used; attribution and knocking out show that.

    Raises `InputError` for a length that the model or its vocabulary has no room for.
    """
    n_ctx, d_vocab = model.config.n_ctx, model.config.d_vocab
    longest = min(n_ctx // 2, d_vocab)
    length = min(25, longest) if length is None else length
    if not 3 <= length <= longest:
        raise InputError(f"repeated tokens number from 3 to {longest} in this model, twice; {length!r} came")
    if n_prompts < 1:
        raise InputError(f"at least one prompt is needed; {n_prompts!r} came")
    random = np.random.default_rng(seed)
    scores = {kind: np.zeros((model.config.n_layers, model.config.n_heads)) for kind in KINDS}
    for _ in range(n_prompts):
        once = random.choice(d_vocab, length, replace=False)
        trace = model.trace(np.concatenate([once, once]))
        for block in range(model.config.n_layers):
            pattern = trace[f"blocks.{block}.attn.pattern"]  # [head, query pos, key pos]
            for kind, shares in _shares(pattern, length).items():
                scores[kind][block] += shares / n_prompts
    return HeadScores(scores, length, n_prompts)


def _shares(pattern: Array, length: int) -> dict[str, Array]:
    """The mean share of attention to each kind of place [head]; queries are the second time but for its first token."""
    queries = np.arange(length + 1, 2 * length)  # from here on no two of the four places are the same
    places = {
        "previous token": queries - 1,
        "same token": queries - length,
        "induction": queries - length + 1,
        "first token": np.zeros_like(queries),
    }
    return {kind: pattern[:, queries, keys].mean(axis=-1) for kind, keys in places.items()}

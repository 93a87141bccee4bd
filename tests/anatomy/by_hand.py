"""Models written by hand, of which one knows what every part does."""

from __future__ import annotations

import numpy as np

import workings
from workings.models.gpt2 import GPT2Config, weight_axes

D_VOCAB, N_CTX = 12, 16


def by_hand() -> workings.Model:
    """Two blocks of two heads, written by hand: block 0 looks at the previous token and at the same token; block 1 has the
    induction head, which reads what the previous-token head wrote, and a head that looks at the first token.

    The stream is [token one-hot | position one-hot | token before, one-hot | token to be said, one-hot], and its norm
    only scales it. Only the previous-token head and the induction head write; what the latter found is what is said. All
    heads are as wide as the vocabulary and the positions need.
    """
    width = 3 * D_VOCAB + N_CTX
    d_model = 2 * width  # the second half mirrors the first, so that every row has mean 0
    config = GPT2Config(
        n_layers=2, n_heads=2, d_model=d_model, d_mlp=1, d_vocab=D_VOCAB, n_ctx=N_CTX, tied_embeddings=False
    )
    w = _without_parts(config)
    token, place, before, said = 0, D_VOCAB, D_VOCAB + N_CTX, 2 * D_VOCAB + N_CTX

    def written(rows, at, size):
        rows[:size, at : at + size] = np.eye(size)
        rows[:size, width + at : width + at + size] = -np.eye(size)

    written(w["W_E"], token, D_VOCAB)
    written(w["W_pos"], place, N_CTX)
    strong = 60.0
    d_head = config.d_head

    def reads(matrix, at, size, by=1.0):
        matrix[at : at + size, :size] = by * np.eye(size)

    q, k, v, out = (w[f"blocks.0.attn.W_{letter}"] for letter in "QKVO")
    q[0, place + 1 : place + N_CTX, : N_CTX - 1] = strong * np.eye(N_CTX - 1)  # head 0: position p asks for p - 1
    reads(k[0], place, N_CTX)
    reads(v[0], token, D_VOCAB)
    written(out, before, D_VOCAB)
    reads(q[1], token, D_VOCAB, strong)  # head 1: the same token, but not itself
    reads(k[1], token, D_VOCAB)
    q[1, place : place + N_CTX, D_VOCAB : D_VOCAB + N_CTX] = -strong * np.eye(N_CTX)
    reads(k[1][:, D_VOCAB:], place, N_CTX)
    q, k, v, out = (w[f"blocks.1.attn.W_{letter}"] for letter in "QKVO")
    reads(q[0], token, D_VOCAB, strong)  # head 0: this token among the tokens before
    reads(k[0], before, D_VOCAB)
    reads(v[0], token, D_VOCAB)
    written(out, said, D_VOCAB)
    w["blocks.1.attn.b_Q"][1, 0, 0] = strong  # head 1: position 0, whoever asks
    k[1, place, 0] = 1.0
    reads(w["W_U"], said, D_VOCAB)
    assert d_head >= D_VOCAB + N_CTX
    return workings.Model("by hand", config, w)


def additive(seed: int = 0) -> workings.Model:
    """Three blocks of two heads in which every logit is a weighted sum of what each part writes, and no more.

    No query, so that every head looks at all tokens alike; no MLP; and norms that divide by the same number always,
    since their epsilon drowns what they measure. All else is random.
    """
    config = GPT2Config(
        n_layers=3, n_heads=2, d_model=8, d_mlp=4, d_vocab=11, n_ctx=10, tied_embeddings=False, layer_norm_epsilon=1e12
    )
    random = np.random.default_rng(seed)
    w = _without_parts(config)
    for known, numbers in w.items():
        if known.endswith(("W_E", "W_pos", "W_K", "W_V", "W_O", "W_U", "b_V", "b_O", "b_out")):
            numbers[:] = random.normal(0, 0.7, numbers.shape)
        elif known.endswith(".w"):
            numbers[:] = 1e6
    return workings.Model("additive", config, w)


def _without_parts(config: GPT2Config) -> dict[str, np.ndarray]:
    """Weights of 0, and norms that stretch nothing."""
    axes_of = weight_axes(config)
    return {
        known: np.full([axis.size for axis in axes], 1.0 if known.endswith(".w") else 0.0, np.float32)
        for known, axes in axes_of.items()
    }

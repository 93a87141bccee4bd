"""A model written by hand, whose heads do one thing each."""

import numpy as np

import workings
from workings.models.gpt2 import GPT2Config, weight_axes

D_VOCAB, N_CTX = 12, 16


def by_hand():
    """Two blocks of two heads, written by hand: block 0 looks at the previous token and at the same token; block 1 has the
    induction head, which reads what the previous-token head wrote, and a head that looks at the first token.

    The stream is [token one-hot | position one-hot | token before, one-hot | filler], and its norm only scales it. All
    heads are as wide as the vocabulary and the positions need.
    """
    width = 2 * D_VOCAB + N_CTX
    d_model = 2 * width  # the second half mirrors the first, so that every row has mean 0
    config = GPT2Config(
        n_layers=2, n_heads=2, d_model=d_model, d_mlp=1, d_vocab=D_VOCAB, n_ctx=N_CTX, tied_embeddings=False
    )
    w = {known: np.zeros([axis.size for axis in axes], np.float32) for known, axes in weight_axes(config).items()}
    for known in w:
        if known.endswith(".w"):
            w[known][:] = 1.0
    token, place, before = 0, D_VOCAB, D_VOCAB + N_CTX

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
    out[:D_VOCAB, before : before + D_VOCAB] = np.eye(D_VOCAB)
    out[:D_VOCAB, width + before : width + before + D_VOCAB] = -np.eye(D_VOCAB)
    reads(q[1], token, D_VOCAB, strong)  # head 1: the same token, but not itself
    reads(k[1], token, D_VOCAB)
    q[1, place : place + N_CTX, D_VOCAB : D_VOCAB + N_CTX] = -strong * np.eye(N_CTX)
    reads(k[1][:, D_VOCAB:], place, N_CTX)
    q, k = (w[f"blocks.1.attn.W_{letter}"] for letter in "QK")
    reads(q[0], token, D_VOCAB, strong)  # head 0: this token among the tokens before
    reads(k[0], before, D_VOCAB)
    w["blocks.1.attn.b_Q"][1, 0, 0] = strong  # head 1: position 0, whoever asks
    k[1, place, 0] = 1.0
    assert d_head >= D_VOCAB + N_CTX
    return workings.Model("by hand", config, w)

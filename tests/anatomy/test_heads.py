"""Heads are found by what they do: a model written by hand, whose heads do one thing each, has scores of 1 for just those."""

import numpy as np
import pytest
from tests.tiny import Tiny, model_of

import workings
from workings.anatomy.heads import KINDS, head_scores
from workings.errors import InputError
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


def test_heads_written_by_hand_have_a_score_of_1_for_what_they_do_and_near_0_for_all_else():
    found = head_scores(by_hand(), n_prompts=3)
    homes = {"previous token": (0, 0), "same token": (0, 1), "induction": (1, 0), "first token": (1, 1)}
    assert set(homes) == set(KINDS) == set(found.scores)
    for kind, home in homes.items():
        table = found.scores[kind].copy()
        assert table[home] > 0.98, kind
        table[home] = 0
        assert table.max() < 0.02, kind
        assert found.best(kind, 1)[0][:2] == home


def test_scores_are_shares_and_the_same_for_the_same_seed():
    model = model_of(Tiny(layers=2, heads=3))
    one, same, other = (head_scores(model, seed=seed) for seed in (1, 1, 2))
    for kind in KINDS:
        assert one.scores[kind].shape == (2, 3)
        assert ((one.scores[kind] >= 0) & (one.scores[kind] <= 1)).all()
        assert np.array_equal(one.scores[kind], same.scores[kind])
        assert not np.array_equal(one.scores[kind], other.scores[kind])
    assert (sum(one.scores.values()) <= 1 + 1e-6).all()
    assert len(one.best("induction", 4)) == 4


@pytest.mark.parametrize("options", [{"length": 2}, {"length": 13}, {"n_prompts": 0}])
def test_what_there_is_no_room_for_is_refused(options):
    with pytest.raises(InputError, match=r"3 to 12|at least one"):
        head_scores(model_of(Tiny(n_ctx=24)), **options)


def test_an_unknown_kind_is_refused_with_those_there_are():
    with pytest.raises(InputError, match="previous token"):
        head_scores(model_of(Tiny())).best("nonsense")

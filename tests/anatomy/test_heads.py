"""Heads are found by what they do: a model written by hand, whose heads do one thing each, has scores of 1 for just those."""

import numpy as np
import pytest
from by_hand import by_hand
from tests.tiny import Tiny, model_of

from workings.anatomy.heads import KINDS, head_scores
from workings.errors import InputError


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
    with pytest.raises(InputError, match=r"3 to 12|at least 1"):
        head_scores(model_of(Tiny(n_ctx=24)), **options)


def test_an_unknown_kind_is_refused_with_those_there_are():
    with pytest.raises(InputError, match="previous token"):
        head_scores(model_of(Tiny())).best("nonsense")

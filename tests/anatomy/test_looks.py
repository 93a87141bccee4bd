"""Who looks at whom: in a model written by hand one knows."""

import numpy as np
import pytest
from by_hand import by_hand
from tests.tiny import Tiny, model_of

import workings
from workings.anatomy.heads import KINDS
from workings.anatomy.looks import FIRST, ITSELF
from workings.errors import InputError, OutsideTable

IDS = [4, 7, 2, 9, 4, 7, 2]


@pytest.fixture(scope="module")
def model():
    return by_hand()


@pytest.fixture(scope="module")
def trace(model):
    return model.trace(IDS)


def test_heads_written_by_hand_look_where_they_were_told_to(trace):
    before = {look.position: look.at[0].position for look in workings.looks(trace, None, 0, 0)}
    assert before == {2: 1, 3: 2, 4: 3, 5: 4, 6: 5}  # 1 looks at the first token, which is left out
    same = {look.position: look.at[0].position for look in workings.looks(trace, None, 0, 1, at_least=0.9)}
    assert same == {5: 1, 6: 2}  # 4 looks at 0, the first token
    after = {look.position: look.at[0].position for look in workings.looks(trace, None, 1, 0, at_least=0.9)}
    assert after == {5: 2, 6: 3}  # 4 finds its token "before" position 0 too, which has nothing before it
    assert workings.looks(trace, None, 1, 1) == []  # at the first token only


def test_a_look_is_a_sentence(trace):
    (look,) = workings.looks(trace, block=0, head=0, position=-1)
    assert str(look) == 'block 0, head 0: "2" looks at "7" (100%)'
    assert look.to_dict()["looks_at"] == [{"position": 5, "token": "7", "share": pytest.approx(1.0, abs=1e-4)}]


def test_a_head_of_a_known_kind_has_it_told(model, trace):
    scores = workings.head_scores(model)
    (look,) = workings.looks(trace, block=1, head=0, position=-1, scores=scores)
    assert look.habit == "induction"
    assert str(look).endswith("this head mostly looks at what came after the same token before")
    assert scores.sentence(1, 0).endswith("a head of the kind “induction”.")
    assert [scores.kind_of(b, h) for b in (0, 1) for h in (0, 1)] == list(KINDS)


def test_looks_are_those_of_the_table_strongest_first():
    tiny = Tiny(layers=2, heads=3)
    trace = model_of(tiny).trace([1, 2, 3, 4, 5, 6])
    found = workings.looks(trace, None, at_least=0)
    expected = []
    for block in range(2):
        pattern = np.array(trace[f"blocks.{block}.attn.pattern"])
        pattern[:, range(6), range(6)] = 0
        pattern[:, :, 0] = 0
        for head, query in np.argwhere(pattern.max(-1) > 0):
            key = pattern[head, query].argmax()
            expected.append((pattern[head, query, key], block, head, query, key))
    expected.sort(key=lambda one: -one[0])
    assert [(look.share, look.block, look.head, look.position, look.at[0].position) for look in found] == expected
    assert workings.looks(trace, 4, at_least=0) == found[:4]
    assert all(look.share >= 0.05 for look in workings.looks(trace, None))
    assert all(seen.share >= 0.05 for look in found for seen in look.at[1:])
    assert workings.looks(trace, None, 1, at_least=0) == [look for look in found if look.block == 1]
    everywhere = workings.looks(trace, None, leave_out=(), at_least=0)
    assert len(everywhere) == 2 * 3 * 6
    assert workings.looks(trace, 1, 0, 0, 0, leave_out=())[0].at[0].position == 0


def test_what_is_looked_at_for_sentences_is_not_kept(model):
    trace = model.trace(IDS)
    before = sum(array.size for array in trace.arrays())
    workings.looks(trace)
    assert sum(array.size for array in trace.arrays()) == before


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"block": 2}, OutsideTable, "no block 2: this model has 2"),
        ({"head": 2}, OutsideTable, "no head 2"),
        ({"position": 7}, OutsideTable, "positions 0 to 6"),
        ({"leave_out": ["me"]}, InputError, "'itself' or 'the first token'"),
        ({"k": -1}, InputError, "at least 0"),
    ],
)
def test_what_is_not_there_is_refused(trace, options, error, said):
    with pytest.raises(error, match=said):
        workings.looks(trace, **options)


def test_attention_maps_are_views_of_the_traces_tables(trace):
    maps = workings.attention(trace, 1)
    assert maps.pattern.shape == (2, 7, 7) and not maps.pattern.flags.writeable
    assert np.shares_memory(maps.pattern, trace["blocks.1.attn.pattern"])
    one = workings.attention(trace, 1, 0)
    assert np.array_equal(one.pattern, maps.pattern[:1]) and one.heads == (0,)
    assert one.sentences(2) == [str(look) for look in workings.looks(trace, 2, 1, 0)]
    for block, head in ((2, None), (-1, None), (0, 2), (0, -1), ("0", None)):
        with pytest.raises(OutsideTable, match="this model has 2"):
            workings.attention(trace, block, head)


def test_the_words_for_what_is_left_out_are_those_of_the_documentation():
    assert {ITSELF, FIRST} == {"itself", "the first token"}


@pytest.mark.filterwarnings("ignore")
def test_a_share_of_nothing_is_told_only_where_all_are_asked_for_and_what_is_no_number_never(trace):
    name = "blocks.0.attn.scores"
    alone = trace.edit(name, (0, 6, 6), value=1e4)  # all earlier shares underflow to 0
    (look,) = workings.looks(alone, None, 0, 0, 6, at_least=0)
    assert look.share == 0
    assert workings.looks(alone, None, 0, 0, 6) == []
    tiny = model_of(Tiny()).trace([1, 2, 3, 4])
    broken = tiny.edit("blocks.0.resid_post", (2, slice(None)), value=3e38 * np.sin(np.arange(15)))
    assert np.isnan(broken["blocks.1.attn.pattern"][0, 2, 1])
    assert workings.looks(broken, None, 1, 0, 2, at_least=0) == []


def test_an_edit_that_lets_a_token_look_ahead_is_told(trace):
    ahead = trace.edit("blocks.0.attn.pattern", (0, 1, 4), value=0.7)
    (look,) = workings.looks(ahead, 1, 0, 0, 1)
    assert look.at[0].position == 4 and look.share == pytest.approx(0.7)

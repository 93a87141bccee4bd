"""Knocking out: the part is gone, in the model written by hand what depends on it is gone, and no silence where nothing changes."""

import numpy as np
import pytest
from by_hand import by_hand

import workings
from tiny import Change, Tiny, assert_close, model_of, third_opinion
from workings.errors import InputError, OutsideTable, UnknownTable

IDS = [7, 3, 5, 1, 2, 3]


def test_without_the_induction_head_or_the_head_before_it_the_model_forgets_what_came_next():
    trace = by_hand().trace(IDS)
    assert trace.top_ids(1)[0][0] == 5
    for block, head in ((1, 0), (0, 0)):
        gone = workings.knock_out(trace, f"blocks.{block}.attn.z", head=head)
        assert gone.rows("probabilities", -1)[0, 5] < 0.1 < trace.rows("probabilities", -1)[0, 5], (block, head)
    for position in range(5):
        kept = workings.knock_out(trace, "blocks.1.attn.z", head=0, positions=position)
        assert kept.rows("logits", -1) == pytest.approx(trace.rows("logits", -1), abs=1e-5)
    with pytest.raises(InputError, match="would change nothing"):
        workings.knock_out(trace, "blocks.1.mlp_out")


@pytest.mark.parametrize("positions", [None, 2, -1, [0, 2, 3], slice(1, 4)])
@pytest.mark.parametrize(
    ("name", "head"), [("blocks.1.attn.z", 2), ("blocks.0.attn.v", None), ("blocks.0.mlp_out", None)]
)
@pytest.mark.parametrize("by", ["zero", "mean", "other", "several", 0.5])
def test_it_is_the_edit_that_one_would_write_by_hand(name, head, positions, by):
    model = model_of(Tiny())
    trace, other, third = (
        model.trace(ids, dtype="float64") for ids in ([3, 1, 4, 1, 5], [2, 7, 1, 8, 2], [9, 9, 8, 7, 6])
    )
    numbers = third_opinion(model, trace.ids)[name]
    filled = {
        "zero": np.zeros_like(numbers),
        "mean": np.broadcast_to(numbers.mean(axis=-2, keepdims=True), numbers.shape),
        "other": other[name],
        "several": (other[name] + third[name]) / 2,
        0.5: np.full_like(numbers, 0.5),
    }[by]
    given = {"other": other, "several": [other, third]}.get(by, by)
    changed = workings.knock_out(trace, name, head=head, positions=positions, by=given)
    rows = slice(None) if positions is None else positions
    index = (slice(None) if head is None else head, rows) if numbers.ndim == 3 else (rows,)
    expected = third_opinion(model, trace.ids, [Change(name, index, "value", filled[index])])
    for table in (name, "logits"):
        assert_close(changed[table], expected[table], 1e-10, table)


def test_a_knocked_out_part_stays_so_while_writing_on_and_is_saved():
    model = model_of(Tiny())
    trace = workings.knock_out(model.trace([3, 1, 4]), "blocks.0.attn.z", head=1)
    assert (trace.append([2])["blocks.0.attn.z"][1] == 0).all()
    later = workings.knock_out(model.trace([3, 1, 4]), "blocks.0.mlp_out", positions=slice(2, None)).append([2])
    assert [bool(row.any()) for row in later["blocks.0.mlp_out"]] == [True, True, False, False]
    parts = workings.knock_out(model.trace([3, 1, 4]), "blocks.0.attn.z", head=1, positions=[0, 2], by="mean")
    again = workings.EditList.of(parts).trace(model)
    assert again["logits"] == pytest.approx(parts["logits"], abs=1e-5)


def test_a_head_may_look_where_it_looks_in_another_prompt():
    model = model_of(Tiny())
    trace, other = model.trace([3, 1, 4]), model.trace([1, 5, 4])
    taken = workings.knock_out(trace, "blocks.0.attn.pattern", head=1, by=other)
    pattern = trace["blocks.0.attn.pattern"].copy()
    pattern[1] = other["blocks.0.attn.pattern"][1]
    assert taken["blocks.0.attn.pattern"] == pytest.approx(pattern, abs=1e-6)
    assert taken["blocks.0.attn.z"] == pytest.approx(pattern @ trace["blocks.0.attn.v"], abs=1e-6)
    assert len(taken.append([2])["logits"]) == 4


@pytest.mark.parametrize(
    ("words", "error", "said"),
    [
        ({"name": "blocks.0.attn.z", "head": 3}, OutsideTable, "heads 0 to 2; 3"),
        ({"name": "blocks.0.mlp_out", "head": 1}, InputError, "no heads"),
        ({"name": "blocks.0.attn.z", "positions": 3}, OutsideTable, "positions 0 to 2"),
        ({"name": "blocks.0.attn.z", "positions": slice(2, 2)}, InputError, "name no row"),
        ({"name": "blocks.0.attn.z", "positions": 1.5}, InputError, "a whole number, a list"),
        ({"name": "blocks.0.attn.z", "positions": [0, 1.5]}, OutsideTable, "1.5 was asked for"),
        ({"name": "blocks.0.attn.w"}, UnknownTable, "blocks.0.attn"),
        ({"name": "W_E"}, InputError, "no rows of tokens"),
        ({"name": "blocks.0.attn.z", "by": "median"}, InputError, "'zero' or 'mean'"),
        ({"name": "blocks.0.attn.pattern", "by": "mean"}, InputError, "knock out z"),
        ({"name": "blocks.0.mlp_out", "by": "short"}, InputError, "has 2 rows .* and here there are 3"),
        ({"name": "blocks.0.mlp_out", "by": np.zeros(4)}, InputError, "array that fits"),
        ({"name": "blocks.0.mlp_out", "by": "itself"}, InputError, "change nothing"),
    ],
)
def test_what_cannot_be_knocked_out_is_refused(words, error, said):
    model = model_of(Tiny())
    trace = model.trace([3, 1, 4])
    by = {"short": model.trace([3, 1]), "itself": trace}
    if isinstance(words.get("by"), str):
        words = {**words, "by": by.get(words["by"], words["by"])}
    with pytest.raises(error, match=said):
        workings.knock_out(trace, **words)

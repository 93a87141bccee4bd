"""Sweeps of edited traces: every edit stays in force in every cell, and each cell is what the same forks, made by hand, give."""

import numpy as np
import pytest
from by_hand import additive

import workings
from tiny import Change, Tiny, assert_close, model_of, third_opinion
from workings.anatomy.contrast import contrast
from workings.errors import InputError, UnknownTable

TINY = Tiny(layers=3, heads=2, d_head=4)
CLEAN, CORRUPTED = [1, 2, 3, 4, 5], [1, 2, 9, 4, 5]
ALL = slice(None)
SILENT = {"name": "blocks.1.attn.z", "index": (1, ALL, ALL), "scale": 0.0}
EDITS = {
    "a head knocked out": SILENT,
    "steered": {"name": "blocks.0.resid_post", "index": (ALL, ALL), "add": np.linspace(-1, 1, 8)},
    "a number set": {"name": "blocks.1.resid_pre", "index": (2, 3), "value": 2.0},
    "a weight": {"name": "blocks.0.attn.W_V", "index": (0,), "scale": 0.5},
    "a token": {"name": "ids", "index": (1,), "value": 7},
}


def model():
    return model_of(TINY)


def edited(prompt, *edits, dtype="float64"):
    trace = model().trace(prompt, dtype)
    for edit in edits:
        edit = dict(edit)
        trace = trace.edit(edit.pop("name"), edit.pop("index"), **edit)
    return trace


def difference(trace):
    return float(trace["logits"][-1, 3] - trace["logits"][-1, 6])


@pytest.mark.parametrize("over", ["resid_pre", "attn_out", "heads", "keys"])
@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
@pytest.mark.parametrize("direction", ["denoising", "noising"])
def test_every_cell_is_the_fork_that_one_makes_by_hand(over, edit, direction):
    pair = edited(CLEAN, edit), edited(CORRUPTED, edit)
    found = workings.patching_sweep(model(), *pair, 3, 6, over, direction=direction)
    source, base = pair if direction == "denoising" else pair[::-1]
    for (block, column), value in np.ndenumerate(found.differences):
        name = found.tables[block]
        by_hand = base.edit(name, (column,), value=source[name][column])
        assert value == pytest.approx(difference(by_hand), abs=1e-10), (name, column)
    assert found.corrupted == pytest.approx(difference(pair[1]), abs=1e-10)
    assert {one.name for one in found.trace_of(1, 1).edits} >= {one.name for one in base.edits}


def test_a_knocked_out_head_stays_out_and_the_others_are_what_a_plain_implementation_finds():
    found = workings.patching_sweep(model(), edited(CLEAN, SILENT), edited(CORRUPTED, SILENT), 3, 6, "heads")
    silent = Change("blocks.1.attn.z", (1,), "value", np.zeros((5, 4)))
    theirs, before = (third_opinion(model(), ids, [silent]) for ids in (CLEAN, CORRUPTED))
    for (block, head), value in np.ndenumerate(found.differences):
        name = f"blocks.{block}.attn.z"
        change = Change(name, (head,), "value", theirs[name][head])
        logits = third_opinion(model(), CORRUPTED, [silent, change])["logits"][-1]
        assert_close(np.array(value), logits[3] - logits[6], 1e-10, f"{name} {head}")
    assert found.differences[1, 1] == pytest.approx(before["logits"][-1, 3] - before["logits"][-1, 6], abs=1e-10)


def test_what_only_one_of_the_two_has_is_a_difference_that_a_patch_brings_over():
    clean, silenced = edited(CLEAN), edited(CLEAN, SILENT)
    found = workings.patching_sweep(model(), clean, silenced, 3, 6, "heads")
    assert found.values[1, 1] == pytest.approx(1, abs=1e-9)
    assert np.abs(found.values[2]).max() < 1 and (found.values[0] == 0).all()


@pytest.mark.parametrize("receiver", [("blocks.2.attn.q", 0), ("blocks.2.attn.v", 1), "blocks.1.mlp.pre", "logits"])
@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_a_path_between_edited_traces_is_the_path_that_one_makes_by_hand(receiver, edit):
    clean, corrupted = edited(CLEAN, edit), edited(CORRUPTED, edit)
    sender, head = "blocks.0.attn.z", 1
    found = workings.path_patch(model(), clean, corrupted, (sender, head), receiver, 3, 6)
    name, place = (receiver, ...) if isinstance(receiver, str) else (receiver[0], (receiver[1],))
    sent, last = corrupted, int(name.split(".")[1]) if name != "logits" else 3
    for block in range(last + 1):
        for kind in ("attn_out", "mlp_out") if block < last else ("attn_out",) if "mlp" in name else ():
            if (block, kind) != (0, "attn_out"):
                sent = sent.edit(f"blocks.{block}.{kind}", value=corrupted[f"blocks.{block}.{kind}"])
    sent = sent.edit(sender, (head,), value=clean[sender][head])
    received = corrupted.edit(name, place, value=sent[name][place])
    assert found.difference == pytest.approx(difference(received), abs=1e-10)
    swept = workings.path_patching_sweep(model(), clean, corrupted, receiver, 3, 6)
    assert swept.differences[0, head] == pytest.approx(found.difference, abs=1e-10)


@pytest.mark.parametrize("direction", ["denoising", "noising"])
@pytest.mark.parametrize("over", ["resid_pre", "heads", "values"])
def test_estimates_of_edited_traces_are_exact_where_the_edited_model_only_adds(over, direction):
    pair = []
    for ids in ([1, 2, 3, 4, 5], [1, 6, 3, 7, 5]):
        trace = additive().trace(ids, "float64").edit("blocks.1.attn.z", (1,), scale=0.0)
        trace = trace.edit("blocks.0.resid_post", (1,), scale=0.5).edit(
            "blocks.1.resid_pre", (3, slice(0, 4)), value=0.3
        )
        pair.append(trace.edit("blocks.0.attn.W_V", (0,), scale=2.0).edit("blocks.2.resid_pre", add=0.1))
    asked = (additive(), *pair, 8, 9, over, -1, direction)
    estimated, true = workings.attribution_patching(*asked), workings.patching_sweep(*asked)
    assert np.abs(true.values).max() > 0.1
    np.testing.assert_allclose(estimated.values, true.values, atol=1e-9)


def test_a_trace_brings_its_dtype_and_a_prompt_beside_it_follows():
    found = contrast(model(), edited(CLEAN, SILENT), CORRUPTED, 3, 6)
    assert {trace.dtype.name for trace in (found.clean, found.corrupted)} == {"float64"}
    assert found.clean.edits and not found.corrupted.edits
    with pytest.raises(InputError, match="one dtype; the clean one is float64 and the corrupted one float32"):
        contrast(model(), edited(CLEAN), edited(CORRUPTED, dtype="float32"), 3, 6)


def test_a_trace_with_more_tables_is_taken_and_an_edit_of_a_table_that_the_model_lacks_is_told():
    lens = workings.logit_lens(model(), edited(CLEAN, SILENT)).trace
    want = contrast(model(), edited(CLEAN, SILENT), edited(CORRUPTED, SILENT), 3, 6)
    found = contrast(model(), lens, edited(CORRUPTED, SILENT), 3, 6)
    assert found.difference(found.clean) == pytest.approx(want.difference(want.clean), abs=1e-12)
    with pytest.raises(InputError, match=r"edit of blocks\.0\.resid_post\.lens\.logits"):
        contrast(model(), lens.edit("blocks.0.resid_post.lens.logits", value=0.0), CORRUPTED, 3, 6)


def test_a_trace_of_another_model_is_refused_and_one_of_the_same_model_opened_again_is_not(tmp_path):
    other = model_of(Tiny(layers=3, heads=2, d_head=4, seed=5)).trace(CLEAN)
    for refuses in (
        lambda: contrast(model(), other, CORRUPTED),
        lambda: contrast(model(), CORRUPTED, other),
        lambda: workings.logit_lens(model(), other),
        lambda: model().generate(other),
    ):
        with pytest.raises(InputError, match="a trace of another model"):
            refuses()
    model().save(tmp_path)
    again = workings.load(tmp_path)
    assert contrast(again, edited(CLEAN), edited(CORRUPTED), 3, 6).clean.edits == ()


def test_a_receiver_after_the_logits_is_refused_and_so_is_one_that_there_is_none_of():
    with pytest.raises(InputError, match="comes after the logits"):
        workings.path_patching_sweep(model(), CLEAN, CORRUPTED, "probabilities", 3, 6)
    with pytest.raises(InputError, match="heads 0 to 1"):
        workings.path_patching_sweep(model(), CLEAN, CORRUPTED, ("blocks.2.attn.q", 2), 3, 6)
    with pytest.raises(UnknownTable):
        workings.path_patching_sweep(model(), CLEAN, CORRUPTED, "blocks.7.mlp.pre", 3, 6)


def test_two_prompts_that_go_on_alike_are_refused_with_what_to_do():
    says_5 = {"name": "logits", "index": (4, 5), "value": 90.0}
    says = model().trace(CLEAN).top_ids(1)[0][0]
    others = ([first, *CLEAN[1:]] for first in range(2, 20))
    alike = next(other for other in others if model().trace(other).top_ids(1)[0][0] == says)
    with pytest.raises(
        InputError, match=r"both sentences go on with the same word, .*; leave the edits out, change one of"
    ):
        contrast(model(), edited(CLEAN, says_5), edited(CORRUPTED, says_5))
    with pytest.raises(InputError, match=r"both sentences go on with the same word, .*; change one of the two prompts"):
        contrast(model(), CLEAN, alike)

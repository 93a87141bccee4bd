"""Edits of a trace that has slopes: the slopes become those of the edited model, whatever was edited and in which order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.tiny import Tiny, model_of

import workings
from workings.anatomy.gradients import is_slope
from workings.engine.trace import Trace
from workings.surgery.edit_list import EditList

IDS = [1, 2, 3, 4, 5]
TOKEN, AGAINST = 3, 6
Edits = list[tuple[str, Any, dict[str, Any]]]

ROW = np.linspace(-1, 1, 8)
EDITS: dict[str, Edits] = {
    "a row set": [("blocks.1.resid_pre", (2,), {"value": 0.5})],
    "a row scaled": [("blocks.1.resid_mid", (slice(None), slice(0, 3)), {"scale": [0.5, -2.0, 3.0]})],
    "a row added to": [("blocks.0.resid_post", (slice(None),), {"add": ROW})],
    "set, then added to": [
        ("blocks.0.resid_post", (slice(1, 3), 4), {"value": [0.1, -2.0]}),
        ("blocks.0.resid_post", (2,), {"add": ROW}),
    ],
    "added to, then set": [
        ("blocks.0.resid_post", (2,), {"add": ROW}),
        ("blocks.0.resid_post", (slice(1, 3), 4), {"value": [0.1, -2.0]}),
    ],
    "two tables, the later one first": [
        ("blocks.1.mlp.post", (slice(None), slice(0, 9)), {"value": 0.3}),
        ("blocks.0.attn.z", (1,), {"scale": 0.5}),
    ],
    "a pattern and a norm": [
        ("blocks.1.attn.pattern", (0, 3, slice(0, 3)), {"add": 0.4}),
        ("blocks.1.ln1.scale", (3,), {"add": 1.3}),
        ("blocks.1.attn.scores", (1, 4, 2), {"value": 0.2}),
    ],
    "a look ahead": [("blocks.1.attn.pattern", (0, 1, 3), {"value": 0.7})],
    "a weight, a token and a row": [
        ("blocks.0.attn.W_V", (0,), {"scale": 0.5}),
        ("ids", (1,), {"value": 7}),
        ("blocks.1.resid_pre", (-1,), {"value": 0.1}),
    ],
}


@pytest.fixture(scope="module")
def model():
    return model_of(Tiny(layers=3, heads=2, d_head=4))


def edited(trace: Trace, edits: Edits) -> Trace:
    for name, index, change in edits:
        trace = trace.edit(name, index, **change)
    return trace


def slopes_of(model, prompt, **asked: Any) -> Trace:
    return workings.trace_gradient(model, prompt, TOKEN, AGAINST, dtype="float64", **asked)


def assert_the_same(one: Trace, other: Trace) -> None:
    assert one.names() == other.names()
    for name in one.names():
        np.testing.assert_array_equal(one[name], other[name], name)


@pytest.mark.parametrize("edits", EDITS.values(), ids=EDITS)
def test_edit_then_gradient_and_gradient_then_edit_are_the_same_numbers(model, edits):
    before = slopes_of(model, edited(model.trace(IDS, "float64"), edits))
    assert_the_same(edited(slopes_of(model, IDS), edits), before)


@pytest.mark.parametrize("edits", EDITS.values(), ids=EDITS)
def test_what_was_read_before_the_edit_changes_no_slope_after_it(model, edits):
    read = slopes_of(model, IDS)
    for name in read.names():
        read.rows(name)
    now, fresh = edited(read, edits), slopes_of(model, edited(model.trace(IDS, "float64"), edits))
    for name in now.names():
        np.testing.assert_allclose(now[name], fresh[name], rtol=1e-9, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("edits", EDITS.values(), ids=EDITS)
def test_slopes_before_and_after_an_edited_table_are_what_small_steps_do(model, edits):
    plain, slopes = edited(model.trace(IDS, "float64"), edits), edited(slopes_of(model, IDS), edits)
    random = np.random.default_rng(1)

    def moved(name: str, step: Any) -> float:
        logits = plain.edit(name, add=step)["logits"][-1]
        return logits[TOKEN] - logits[AGAINST]

    own = [name for name, _, _ in edits if name in plain.names()]
    for name in ["embed", "blocks.0.mlp.pre", "blocks.1.attn.k", "blocks.2.attn.v", "blocks.2.resid_mid", *own]:
        for _ in range(2):
            step = 1e-6 * random.standard_normal(plain.shape(name))
            if name.endswith(("scores", "pattern")):
                step = step * np.tri(*step.shape[-2:])
            wanted = (moved(name, step) - moved(name, -step)) / 2e-6
            assert float((slopes[f"gradient.{name}"] * step).sum()) / 1e-6 == pytest.approx(wanted, rel=1e-5, abs=1e-7)


def test_the_trace_that_was_edited_keeps_its_own_slopes(model):
    slopes = slopes_of(model, IDS)
    before = slopes["gradient.embed"].copy()
    after = slopes.edit("blocks.1.resid_pre", value=0.5)
    assert not after["gradient.embed"].any()
    np.testing.assert_array_equal(slopes["gradient.embed"], before)
    np.testing.assert_array_equal(slopes.fork()["gradient.embed"], before)


def test_edits_of_slopes_are_kept_when_a_table_is_edited_after_them(model):
    slopes = slopes_of(model, IDS).edit("gradient.blocks.1.resid_mid", (slice(0, 3),), value=0.25)
    now = slopes.edit("blocks.0.resid_post", (2,), value=0.5)
    other = slopes_of(model, IDS).edit("blocks.0.resid_post", (2,), value=0.5)
    assert_the_same(now, other.edit("gradient.blocks.1.resid_mid", (slice(0, 3),), value=0.25))
    assert (now["gradient.blocks.1.resid_mid"][:3] == 0.25).all()
    assert not np.allclose(now["gradient.embed"], other["gradient.embed"])


def test_only_what_a_person_edited_is_listed_and_kept_in_a_file(model, tmp_path):
    edits = EDITS["two tables, the later one first"]
    slopes = edited(slopes_of(model, IDS), edits)
    assert [edit.name for edit in slopes.edits] == [name for name, _, _ in edits]
    EditList.of(slopes).save(tmp_path / "edits.json")
    again = workings.load_edits(tmp_path / "edits.json").trace(model, "float64")
    assert_the_same(slopes_of(model, again), slopes)


def test_an_edit_that_is_off_changes_no_slope(model):
    listed = EditList.of(edited(slopes_of(model, IDS), EDITS["a row set"])).to_dict()
    listed["edits"][0]["on"] = False
    assert_the_same(EditList.from_dict(listed).apply(slopes_of(model, IDS)), slopes_of(model, IDS))


def test_what_slopes_hand_on_is_explained_with_the_edit_it_follows_from(model):
    slopes = slopes_of(model, IDS).edit("blocks.1.resid_pre", (2,), value=0.5)
    told = slopes.explain("gradient.blocks.1.resid_pre.passed", 2, 3)
    assert told.value == 0
    assert "multiplied by 0" in told.edits[0]
    assert slopes.explain("gradient.blocks.1.resid_pre.passed", 1, 3).edits == ()
    assert slopes.explain("gradient.blocks.1.resid_pre", 2, 3).edits == ()


def test_a_prompt_that_grows_takes_edits_and_slopes_along(model):
    index = (slice(1, None), slice(0, 4))
    slopes = slopes_of(model, IDS).edit("blocks.1.resid_pre", index, scale=0.5).append([9])
    fresh = model.trace(IDS, "float64").edit("blocks.1.resid_pre", index, scale=0.5).append([9])
    expected = slopes_of(model, fresh, position=len(IDS) - 1)  # the score stays where it was
    for name in slopes.names():
        np.testing.assert_allclose(slopes[name], expected[name], rtol=1e-9, atol=1e-12, err_msg=name)


def test_asking_a_trace_with_slopes_for_those_of_another_token_gives_those(model):
    chosen = slopes_of(model, IDS).edit("choice.token", (0, 9), value=4.0).edit("choice.logits", (0,), value=1.0)
    edits = EDITS["a row set"]
    asked = workings.trace_gradient(model, edited(chosen, edits), 11)
    expected = workings.trace_gradient(model, edited(model.trace(IDS, "float64"), edits), 11)
    assert_the_same(asked, expected)


def test_tables_are_drawn_anew_only_where_the_edits_ask_for_it(model):
    slopes = slopes_of(model, IDS)
    assert workings.trace_gradient(model, IDS, 1, dtype="float64").drawn_with(slopes)
    assert slopes.steer(ROW, 2.0, layer=0).drawn_with(slopes)
    one = slopes.edit("blocks.1.resid_pre", (2,), value=0.5)
    assert not one.drawn_with(slopes)
    assert one.edit("blocks.1.resid_pre", (3,), scale=0.1).drawn_with(one)


def test_traces_with_slopes_are_patched_as_those_without(model):
    other = [7, *IDS[1:]]
    wanted = workings.patching_sweep(model, IDS, other, TOKEN, AGAINST, dtype="float64")
    found = workings.patching_sweep(model, slopes_of(model, IDS), slopes_of(model, other), TOKEN, AGAINST)
    np.testing.assert_allclose(found.differences, wanted.differences, rtol=1e-12)
    assert not any(is_slope(name) for name in found.trace_of(0, 0).names())


def test_the_lens_reads_a_trace_with_slopes_that_was_edited(model):
    edits = EDITS["a row set"]
    lens = workings.logit_lens(model, edited(slopes_of(model, IDS), edits))
    expected = workings.logit_lens(model, edited(model.trace(IDS, "float64"), edits))
    np.testing.assert_array_equal(lens.trace["logits"], expected.trace["logits"])


@pytest.mark.parametrize("read", ["numbers", "slopes"])
def test_what_is_read_already_is_shared_with_the_slopes_of_it(model, read):
    prompt = edited(model.trace(IDS, "float64"), EDITS["two tables, the later one first"])
    fresh = slopes_of(model, prompt)
    before = workings.trace_gradient(model, prompt, 9) if read == "slopes" else prompt
    for name in before.names():
        before.rows(name)
    slopes = slopes_of(model, before)
    for name in [name for name in prompt.names() if before[name].size > 1]:
        assert np.shares_memory(slopes[name], before[name]), name
    for name in slopes.names():
        np.testing.assert_allclose(slopes[name], fresh[name], rtol=1e-9, atol=1e-12, err_msg=name)

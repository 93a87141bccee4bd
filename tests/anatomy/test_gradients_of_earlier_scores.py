"""Slopes of a score that does not stand last: nothing after it counts, not even where an edit left no numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.tiny import Tiny, model_of, random_ids

import workings
from workings.engine.trace import Trace

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

TINY = Tiny(layers=3, tied=False)
IDS = random_ids(TINY, 12)
SCORE, AT = 3, 6
HUGE, OVERFLOWS = {"value": 1e308}, {"scale": -1e6}
SPOILT: dict[str, tuple[str, Any]] = {
    "stream": ("blocks.1.resid_pre", (AT,)),
    "norm": ("blocks.1.ln1.scale", (AT, 0)),
    "queries": ("blocks.1.attn.q", (0, AT, 3)),
    "keys": ("blocks.1.attn.k", (0, AT, 3)),
    "values": ("blocks.1.attn.v", (1, AT, 2)),
    "neuron": ("blocks.1.mlp.pre", (AT, 3)),
    "last norm": ("ln_final.scale", (AT, 0)),
}


@pytest.fixture(scope="module")
def model():
    return model_of(TINY)


def spoilt(trace: Trace, what: str) -> Trace:
    name, index = SPOILT[what]
    if what.endswith("norm"):
        return trace.edit(name, index, value=0.0)  # one divides by it
    return trace.edit(name, index, **HUGE).edit(name, index, **OVERFLOWS)


def seen(trace: Trace, name: str) -> np.ndarray:
    """A gradient's rows up to the score, without cells that are masked."""
    table, array = trace.table(name), trace[name]
    rows = array[..., : SCORE + 1, :]
    return np.tril(rows[..., : SCORE + 1]) if table.columns_are_positions else rows


def gradients(trace: Trace) -> list[str]:
    return [name for name in trace.names() if name.startswith("gradient.") and not name.endswith(".passed")]


@pytest.mark.parametrize("first", ["edit", "gradient"])
@pytest.mark.parametrize("what", SPOILT)
def test_what_is_no_number_later_changes_no_slope_of_an_earlier_score(model, what, first):
    cut = workings.trace_gradient(model, IDS[: SCORE + 1], 5, 7, dtype="float64")
    trace = spoilt(model.trace(IDS, "float64"), what)
    bad = np.flatnonzero(~np.isfinite(trace["logits"]).all(axis=-1))
    assert bad.size and bad[0] >= AT
    assert not np.isfinite(workings.trace_gradient(model, trace, 5, 7, int(bad[-1]))["gradient.embed"]).all()
    if first == "edit":
        slopes = workings.trace_gradient(model, trace, 5, 7, SCORE)
    else:
        slopes = spoilt(workings.trace_gradient(model, IDS, 5, 7, SCORE, "float64"), what)
    for name in gradients(slopes):
        np.testing.assert_allclose(seen(slopes, name), seen(cut, name), rtol=1e-9, atol=1e-12, err_msg=name)
        assert not slopes[name][..., SCORE + 1 :, :].any(), name


def test_slopes_read_row_by_row_are_those_read_whole(model):
    whole, by_rows = (workings.trace_gradient(model, IDS, 5, 7, SCORE, "float64") for _ in range(2))
    for name in gradients(whole):
        rows = [by_rows.rows(name, i, i + 1) for i in reversed(range(len(IDS)))][::-1]
        np.testing.assert_allclose(np.concatenate(rows, axis=-2), whole[name], rtol=1e-9, atol=1e-13, err_msg=name)


def test_slopes_follow_the_choice_when_it_is_moved_or_stands_in_two_places(model):
    asked = {"dtype": "float64", "against": 7}
    early, late = (workings.trace_gradient(model, IDS, 5, position=at, **asked) for at in (SCORE, 9))
    for name in gradients(early):
        early.rows(name)
    both = early.edit("choice.position", (9, 0), value=1.0)
    moved = both.edit("choice.position", (SCORE, 0), value=0.0)
    for name in gradients(early):
        np.testing.assert_allclose(both[name], early[name] + late[name], rtol=1e-9, atol=1e-12, err_msg=name)
        np.testing.assert_allclose(moved[name], late[name], rtol=1e-9, atol=1e-12, err_msg=name)


def test_a_slope_that_is_set_by_hand_after_the_score_counts_for_what_comes_before_it(model):
    slopes = workings.trace_gradient(model, IDS, 5, 7, SCORE, "float64")
    moved = slopes.edit("gradient.blocks.1.attn.z", (slice(None), AT), value=1.0)
    assert not slopes["gradient.blocks.1.attn.v"][:, AT].any()
    pattern = slopes["blocks.1.attn.pattern"][:, AT]  # [head, key pos]
    added = moved["gradient.blocks.1.attn.v"] - slopes["gradient.blocks.1.attn.v"]
    np.testing.assert_allclose(added, np.repeat(pattern[..., None], TINY.d_head, axis=-1), atol=1e-12)

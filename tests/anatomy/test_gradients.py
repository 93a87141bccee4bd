"""What is read off a trace of slopes: the steepest ones, and how strongly a score hangs on the stream."""

from __future__ import annotations

import numpy as np
import pytest
from tests.tiny import Tiny, model_of

import workings
from workings.anatomy.gradients import is_slope, sloped_tables, steepest_slopes, stream_slopes
from workings.errors import InputError, UnknownTable

IDS = [3, 1, 4, 1, 5]


@pytest.fixture(scope="module")
def model():
    return model_of(Tiny())


@pytest.fixture(scope="module")
def trace(model):
    return workings.trace_gradient(model, IDS, 2, 7, dtype="float64")


def test_the_steepest_slopes_of_all_blocks_are_those_that_numpy_finds(model, trace):
    names = [f"blocks.{i}.mlp.post" for i in range(model.config.n_layers)]
    whole = np.concatenate([trace[f"gradient.{name}"].ravel() for name in names])
    found = steepest_slopes(trace, "mlp.post", 6)
    assert [abs(one.slope) for one in found] == pytest.approx(np.sort(np.abs(whole))[::-1][:6])
    for one in found:
        assert trace[f"gradient.{one.address.name}"][one.address.index] == one.slope
        assert trace[one.address.name][one.address.index] == one.number


def test_a_small_step_of_the_steepest_number_moves_the_score_by_its_slope(model, trace):
    best = steepest_slopes(trace, "mlp.post", 1)[0]
    moved = model.trace(IDS, "float64").edit(best.address.name, best.address.index, add=1e-5)["logits"][-1]
    before = trace["logits"][-1]
    assert ((moved[2] - moved[7]) - (before[2] - before[7])) / 1e-5 == pytest.approx(best.slope, rel=1e-4)


def test_a_hundredth_of_a_step_along_the_slopes_moves_the_score_by_what_the_map_says(model, trace):
    names, moves = stream_slopes(trace)
    assert names == [f"blocks.{i}.resid_pre" for i in range(model.config.n_layers)]
    assert moves.shape == (len(names), len(IDS))
    tiny, position = 1e-4, 2
    slopes, stream = (trace[kind + names[1]][position] for kind in ("gradient.", ""))
    step = slopes / np.linalg.norm(slopes) * np.linalg.norm(stream) / 100 * tiny
    moved = model.trace(IDS, "float64").edit(names[1], (position, slice(None)), add=step)["logits"][-1]
    before = trace["logits"][-1]
    assert ((moved[2] - moved[7]) - (before[2] - before[7])) / tiny == pytest.approx(moves[1, position], rel=1e-3)


def test_masked_shares_and_slopes_of_0_are_not_among_the_steepest(model, trace):
    found = steepest_slopes(trace, "attn.pattern", 1000)
    assert found
    assert all(key <= query for _, query, key in (one.address.index for one in found))
    later = workings.trace_gradient(model, IDS, 2, position=1)
    assert all(one.address.index[0] <= 1 and one.slope for one in steepest_slopes(later, "mlp.post", 10_000))


@pytest.mark.parametrize("name", ["blocks.1.mlp.post", "gradient.blocks.1.mlp.post", "blocks.1.mlp.hook_post"])
def test_one_table_is_named_as_everywhere(trace, name):
    assert sloped_tables(trace, name) == ["blocks.1.mlp.post"]


@pytest.mark.parametrize(
    ("table", "kind", "said"),
    [
        ("mlp.pots", UnknownTable, "no table named"),
        ("probabilities", InputError, "does not depend on probabilities"),
        ("W_E", InputError, "or it is a weight"),
    ],
)
def test_a_table_without_slopes_is_refused_with_the_reason(trace, table, kind, said):
    with pytest.raises(kind, match=said):
        steepest_slopes(trace, table)


def test_slopes_are_used_by_slopes_and_numbers_by_numbers(trace):
    assert trace.used_by("gradient.blocks.1.mlp.post") == ["gradient.blocks.1.mlp.pre"]
    assert trace.used_by("choice.logits") == ["gradient.logits"]
    assert trace.used_by("gradient.embed") == []
    assert "blocks.1.mlp_out" in trace.used_by("blocks.1.mlp.post")
    with pytest.raises(UnknownTable):
        trace.used_by("gradient.nothing")


def test_fewer_than_one_slope_is_refused(trace):
    with pytest.raises(InputError, match="at least 1"):
        steepest_slopes(trace, n=0)


def test_only_what_the_slopes_draw_is_called_a_slope(model, trace):
    plain = set(model.trace(IDS).names()) | set(model.trace(IDS).weight_names())
    everything = {*trace.names(), *trace.weight_names()}
    assert {name for name in everything if is_slope(name)} == everything - plain

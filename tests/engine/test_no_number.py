"""Numbers that overflowed, or are none at all, stay where they are: nothing leaks backwards in time."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import workings
from tiny import Tiny, model_of, random_ids, trace_without_kernels
from workings.engine.kernels import KERNELS
from workings.engine.side_by_side import rows_of_all
from workings.engine.trace import Trace
from workings.errors import InputError
from workings.language.operations import layer_norm

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")

STUDENT = "The student picked up his"
TINY = Tiny(layers=3, tied=False, n_ctx=160)
AT = 6
EDITS: dict[str, tuple[str, Any, float]] = {
    "NaN": ("blocks.1.ln1.scale", (AT, 0), 0.0),
    "infinity": ("blocks.1.attn.v", (1, AT, 2), 3e38),
}


def traced(n: int = 12, kernels: bool = True, dtype: str = "float32") -> Trace:
    ids = random_ids(TINY, n)
    return model_of(TINY).trace(ids, dtype=dtype) if kernels else trace_without_kernels(model_of(TINY), ids, dtype)


def spoilt(trace: Trace, what: str) -> Trace:
    name, index, value = EDITS[what]
    changed = trace.edit(name, index, value=value)
    return changed.edit(name, index, scale=1e6) if what == "infinity" else changed


@pytest.mark.parametrize("what", EDITS)
@pytest.mark.parametrize("kernels", [True, False])
@pytest.mark.parametrize("also_read", [None, "blocks.1.attn.pattern", "blocks.2.attn.scores"])
def test_a_later_token_changes_no_earlier_one_whatever_was_read_before(what, kernels, also_read) -> None:
    plain = traced(kernels=kernels)
    before = plain["logits"]
    fresh, whole, by_rows = (spoilt(traced(kernels=kernels), what) for _ in range(3))
    if also_read:
        assert np.isfinite(fresh[also_read][..., :AT, :]).all()
    rows = np.concatenate([by_rows.rows("logits", i, i + 1) for i in range(12)])
    for found in (fresh["logits"], whole["logits"], spoilt(plain, what)["logits"], fresh.fork()["logits"], rows):
        np.testing.assert_allclose(found[:AT], before[:AT], rtol=2e-4, atol=2e-5)
        assert np.isnan(found[AT]).all()
        np.testing.assert_array_equal(np.isnan(found), np.isnan(rows))


def test_a_pattern_is_0_right_of_the_diagonal_even_in_a_row_without_numbers() -> None:
    for kernels in (True, False):
        pattern = spoilt(traced(kernels=kernels), "NaN")["blocks.1.attn.pattern"]
        assert np.isnan(pattern[:, AT, : AT + 1]).all()
        assert (pattern[:, AT, AT + 1 :] == 0).all()
        assert np.isfinite(pattern[:, :AT]).all()


def test_edited_patterns_mix_no_later_values() -> None:
    half = traced().edit("blocks.1.attn.pattern", (0, 3, slice(0, 4)), scale=0.5)
    expected = half["blocks.1.attn.z"][:, :AT]
    found = spoilt(half.fork(), "NaN")["blocks.1.attn.z"]
    np.testing.assert_allclose(found[:, :AT], expected, rtol=1e-5, atol=1e-7)


def test_long_prompts_too_of_several_blocks_of_rows() -> None:
    trace = traced(150)
    found = trace.edit("blocks.1.ln1.scale", (140, 0), value=0.0)["logits"]
    np.testing.assert_allclose(found[:140], trace["logits"][:140], rtol=2e-4, atol=2e-5)
    assert np.isnan(found[140:]).all()


def test_infinite_values_of_the_past_stay_infinite() -> None:
    value = spoilt(traced(), "infinity")["blocks.1.attn.z"]
    assert np.isinf(value[1, AT, 2])
    assert np.isfinite(np.delete(value, 2, axis=-1)).all()


def test_asking_for_the_likeliest_token_says_where_there_are_no_numbers() -> None:
    model = model_of(TINY)
    trace = spoilt(model.trace(random_ids(TINY, AT + 1)), "NaN")
    said = rf"position {AT}\).* no numbers at all \(NaN\); an edit made them so"
    asks = [lambda: trace.top(2), lambda: trace.top_ids(1), lambda: list(model.stream(trace, 2))]
    for ask in [*asks, lambda: model.generate(trace, 2), lambda: list(model.stream(trace, 2, temperature=1.0))]:
        with pytest.raises(InputError, match=said):
            ask()
    assert "made these numbers overflow" in trace._repr_html_()


def test_scores_and_patches_of_no_numbers_are_refused() -> None:
    model, ids = model_of(TINY), random_ids(TINY, AT + 1)
    trace = spoilt(model.trace(ids), "NaN")
    other = model.trace([*ids[:-1], (ids[-1] + 1) % 23])
    for ask in (
        lambda: workings.attribution(trace),
        lambda: workings.patching_sweep(model, trace, other),
        lambda: workings.patching_sweep(model, trace, other, 1, 2),
        lambda: workings.patching_sweep(model, other, trace, 1, 2),
    ):
        with pytest.raises(InputError, match="no token is the likeliest"):
            ask()


@pytest.mark.parametrize("kernels", [True, False])
@pytest.mark.parametrize("kind", ["add", "value", "scale"])
def test_however_large_an_edit_the_numbers_are_those_of_float64_or_none_at_all(kind, kernels) -> None:
    for power in (3, 15, 18, 19, 20, 25, 37):
        edit = {kind: 10.0**power}
        exact = traced(dtype="float64").edit("blocks.1.resid_post", (AT, 3), **edit)["probabilities"]
        found = traced(kernels=kernels).edit("blocks.1.resid_post", (AT, 3), **edit)["probabilities"]
        assert np.isfinite(found[:AT]).all()
        assert np.isnan(found[AT]).all() if power > 19 else np.isfinite(found).all()
        np.testing.assert_allclose(found[np.isfinite(found)], exact[np.isfinite(found)], rtol=2e-3, atol=2e-5)


def test_a_norm_read_by_itself_or_inside_its_table_has_no_number_where_its_squares_overflow() -> None:
    for read_first in ("blocks.2.ln1.scale", "blocks.2.ln1.normalized", "blocks.2.attn.q"):
        trace = traced().edit("blocks.1.resid_post", (AT, 3), add=1e20)
        assert np.isnan(trace[read_first][..., AT, :]).all()
        for name in ("blocks.2.ln1.scale", "blocks.2.ln1.normalized", "logits"):
            assert np.isnan(trace[name][AT]).all()
            assert np.isfinite(trace[name][:AT]).all()


@pytest.mark.parametrize("kernel", [KERNELS["layer_norm"].run, layer_norm])
def test_a_layer_norm_of_a_row_whose_squares_overflow_is_no_number(kernel) -> None:
    w = SimpleNamespace(w=np.ones((1, 4), np.float32), b=np.full((1, 4), 0.5, np.float32))
    rows = np.array([[1, 2, 3, 4], [1e20, 0, 0, 0], [3e38, 3e38, -3e38, 0]], np.float32)
    with np.errstate(all="ignore"):
        made = kernel(rows, w, 1e-5)
    assert made.dtype == np.float32
    assert np.isfinite(made[0]).all()
    assert np.isnan(made[1:]).all()


def test_shares_of_scores_far_below_the_largest_are_0_all_the_same() -> None:
    trace = traced().edit("blocks.1.attn.scores", (0, AT, 2), value=-3e38)
    trace = trace.edit("blocks.1.attn.scores", (0, AT, 2), scale=10.0)
    assert trace["blocks.1.attn.pattern"][0, AT, 2] == 0
    assert np.isfinite(trace["logits"]).all()


def test_an_edit_too_large_for_float32_is_said_by_all_who_read_it(tmp_path) -> None:
    model = workings.load("storybook")
    plain = model.trace(STUDENT)
    trace = plain.edit("blocks.2.resid_post", (4, 3), add=1e20)
    exact = model.trace(STUDENT, "float64").edit("blocks.2.resid_post", (4, 3), add=1e20)
    assert exact.top(1) == [(" went", pytest.approx(0.1393252, abs=1e-6))]
    with pytest.raises(InputError, match=r"made them so \(a number too large for float32, which ends at 3.4e\+38"):
        trace.top(1)
    said = str(trace.explain("blocks.3.ln1.scale", 4, 0))
    assert "no number (NaN)" in said and "too large for its type" in said
    assert "no number" not in str(plain.explain("blocks.3.ln1.scale", 4, 0))
    with pytest.raises(InputError, match=r"no numbers in blocks\.3\.ln1\.scale: .* take smaller edits"):
        workings.write_workbook(model, tmp_path / "x.xlsx", trace)
    assert not list(tmp_path.iterdir())
    lens = workings.logit_lens(model, trace)
    assert "no number" in lens._repr_html_()
    lens.plot()
    trace.plot()
    with pytest.raises(InputError, match="no token is the likeliest"):
        workings.trace_gradient(model, trace)


def test_patching_side_by_side_is_silent_and_says_where_there_are_no_numbers() -> None:
    model = workings.load("storybook")
    trace = model.trace(STUDENT).edit("blocks.2.resid_post", (4, 3), add=1e20)
    one, other = rows_of_all([trace, trace.fork()], "logits", 4)
    assert np.isnan(one).all() and np.isnan(other).all()

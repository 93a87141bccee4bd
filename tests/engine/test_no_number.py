"""Numbers that overflowed, or are none at all, stay where they are: nothing leaks backwards in time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import workings
from tiny import Tiny, model_of, random_ids, trace_without_kernels
from workings.engine.trace import Trace
from workings.errors import InputError

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

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

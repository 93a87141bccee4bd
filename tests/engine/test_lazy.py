"""Only what is asked for is worked out, weights stay where they are, and nothing that comes out can be written on."""

import mmap
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tiny import Tiny, model_of, random_ids
from workings.engine.rows import Rows
from workings.engine.trace import Trace
from workings.errors import OutsideTable, UnknownTable

TINY = Tiny(layers=3, tied=False)
IDS = random_ids(TINY, 9)
LAST = ((8, 9),)


def held(trace: Trace) -> dict[str, tuple]:
    """The rows of every table that are worked out and kept."""
    return {str(table.name): store.rows.spans for table, store in trace._evaluation.stores.items() if store.rows}


def test_nothing_is_worked_out_before_it_is_asked_for() -> None:
    trace = model_of(TINY).trace(IDS)
    assert trace.shape("logits") == (9, 23)
    assert trace.names()
    assert trace.edit("logits", 0, value=0.0).names()
    assert held(trace) == {}


def test_asking_for_the_last_logits_works_out_no_other_logits() -> None:
    trace = model_of(TINY).trace(IDS)
    trace.rows("logits", -1)
    rows = held(trace)
    assert rows["logits"] == LAST
    assert all(
        rows.get(f"blocks.2.{late}", LAST) == LAST
        for late in ("attn.q", "attn.z", "resid_mid", "mlp.pre", "resid_post")
    )
    assert rows["blocks.2.attn.k"] == ((0, 9),)
    assert "probabilities" not in rows


def test_asking_for_a_row_of_the_middle_works_out_nothing_after_it() -> None:
    trace = model_of(TINY).trace(IDS)
    trace.rows("logits", 4, 5)
    assert all(spans[-1][1] <= 5 for spans in held(trace).values())


def test_asking_for_a_pattern_works_out_nothing_after_it() -> None:
    trace = model_of(TINY).trace(IDS)
    assert trace["blocks.1.attn.pattern"].shape == (3, 9, 9)
    order = trace.names()
    late = order[order.index("blocks.1.attn.pattern") + 1 :]
    assert held(trace)
    assert not set(held(trace)) & set(late)


def test_what_was_asked_for_is_not_worked_out_again(monkeypatch: pytest.MonkeyPatch) -> None:
    trace = model_of(TINY).trace(IDS)
    before = {name: trace[name] for name in trace.names()}

    def fail(*_: Any) -> None:
        raise AssertionError("worked out again")

    monkeypatch.setattr(type(trace._evaluation), "_run", fail)
    assert all(np.shares_memory(before[name], trace[name]) for name in trace.names())


def test_a_fork_works_out_only_rows_that_the_edit_can_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    trace = model_of(TINY).trace(IDS)
    for name in trace.names():
        assert trace[name].size
    evaluation = type(trace._evaluation)
    run, worked = evaluation._run, []
    monkeypatch.setattr(
        evaluation,
        "_run",
        lambda self, recipe, a, b: worked.append((recipe.table.name, a, b)) or run(self, recipe, a, b),
    )
    edited = trace.edit("blocks.1.resid_mid", 6, add=1.0)
    assert edited.rows("logits", -1).shape == (1, 23)
    assert all(start >= 6 for _, start, _ in worked)
    assert not any(name.startswith("blocks.0") or (".ln1" in name and "blocks.1" in name) for name, _, _ in worked)
    assert ("blocks.1.resid_mid", 6, 7) in worked


def test_weights_are_views_of_the_file_and_shared_by_all_traces() -> None:
    model = model_of(TINY)
    first, second = model.trace(IDS), model.trace(IDS[:3]).edit("embed", 0, value=1.0)
    for name in first.weight_names():
        weight = first[name]
        assert weight.shape == first.shape(name)
        assert not weight.flags.writeable
        assert np.shares_memory(weight, model.weights[name])
        assert np.shares_memory(weight, second[name])
        root: Any = weight
        while isinstance(root, np.ndarray):
            root = root.base
        assert isinstance(root.obj if isinstance(root, memoryview) else root, mmap.mmap), f"{name} was copied"


def test_weights_of_another_type_are_made_once() -> None:
    model = model_of(TINY)
    first, second = (model.trace(IDS, dtype="float64") for _ in range(2))
    assert first["W_E"].dtype == np.float64
    assert np.shares_memory(first["W_E"], second["W_E"])


def test_an_edited_weight_leaves_the_others_shared() -> None:
    model = model_of(TINY)
    trace = model.trace(IDS)
    edited = trace.edit("blocks.0.attn.W_Q", 0, scale=0.0)
    assert not np.shares_memory(edited["blocks.0.attn.W_Q"], trace["blocks.0.attn.W_Q"])
    assert np.shares_memory(edited["blocks.0.attn.W_K"], trace["blocks.0.attn.W_K"])


def test_arrays_that_come_out_cannot_be_written_on() -> None:
    trace = model_of(TINY).trace(IDS)
    edited = trace.edit("blocks.0.resid_mid", 2, add=1.0).append([1])
    for some in (trace, edited):
        for name in [*some.names(), *some.weight_names(), "ids"]:
            array = some[name]
            with pytest.raises(ValueError, match="read-only"):
                array[...] = 0
        with pytest.raises(ValueError, match="read-only"):
            some.ids[0] = 0


def test_rows_are_counted_as_in_slices() -> None:
    trace = model_of(TINY).trace(IDS)
    for name in ("logits", "blocks.0.attn.pattern", "blocks.1.attn.q"):
        whole = trace[name]
        assert np.array_equal(trace.rows(name, -1), whole[..., -1:, :])
        assert np.array_equal(trace.rows(name, 2, 5), whole[..., 2:5, :])
        assert np.array_equal(trace.rows(name, -3, -1), whole[..., -3:-1, :])
    assert trace.rows("ids", 2, 4).tolist() == IDS[2:4]


def test_rows_outside_the_table_are_refused() -> None:
    trace = model_of(TINY).trace(IDS)
    for start, stop in [(9, None), (4, 4), (5, 2), (0, 100), (-10, None), (3, -20)]:
        with pytest.raises(OutsideTable, match="logits has rows 0 to 8"):
            trace.rows("logits", start, stop)


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("blocks.0.attn.hook_pattern", "blocks.0.attn.pattern"),
        ("blocks.1.hook_resid_pre", "blocks.1.resid_pre"),
        ("blocks.1.attn.hook_attn_scores", "blocks.1.attn.scores"),
        ("blocks.2.ln2.hook_normalized", "blocks.2.ln2.normalized"),
        ("hook_embed", "embed"),
        ("hook_pos_embed", "pos_embed"),
        ("ln_final.hook_scale", "ln_final.scale"),
        ("embed.W_E", "W_E"),
        ("unembed.W_U", "W_U"),
    ],
)
def test_a_table_is_found_by_the_name_that_other_libraries_use(name: str, ours: str) -> None:
    trace = model_of(TINY).trace(IDS)
    assert np.array_equal(trace[name], trace[ours])
    assert ours in trace


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("blocks.0.attn.patern", "did you mean blocks.0.attn.pattern"),
        ("blocks.3.resid_post", "blocks.2.resid_post"),
        ("logit", "did you mean logits"),
        ("W_EE", "W_E"),
        ("the moon", r"trace\.names\(\) lists them all"),
        ("", r"trace\.names\(\) lists them all"),
        (7, r"trace\.names\(\) lists them all"),
    ],
)
def test_an_unknown_table_is_an_error_that_offers_the_nearest_names(name: Any, hint: str) -> None:
    trace = model_of(TINY).trace(IDS)
    with pytest.raises(UnknownTable, match=hint) as caught:
        trace[name]
    assert isinstance(caught.value, KeyError)
    assert repr(name) in str(caught.value)


def test_the_likeliest_tokens_come_first() -> None:
    trace = model_of(TINY).trace(IDS)
    shares = trace["probabilities"][-1]
    top = trace.top_ids(4)
    assert [i for i, _ in top] == np.argsort(-shares)[:4].tolist()
    assert trace.top(1) == [(str(top[0][0]), top[0][1])]
    for k in (0, 24, 1.5):
        with pytest.raises(ValueError, match="from 1 to 23"):
            trace.top(k)


row_sets = st.sets(st.integers(0, 20))


@given(row_sets, row_sets, st.integers(0, 20), st.integers(0, 20))
def test_sets_of_rows_behave_as_sets(a: set[int], b: set[int], start: int, length: int) -> None:
    rows, others = Rows.of(a), Rows.of(b)
    for found, expected in [(rows | others, a | b), (rows - others, a - b), (rows & others, a & b)]:
        assert list(found) == sorted(expected)
        assert len(found) == len(expected)
        assert bool(found) == bool(expected)
        assert found == Rows.of(expected), "one set has one form"
    assert list(Rows.run(start, start + length)) == list(range(start, start + length))
    if length:
        assert rows.covers(start, start + length) == set(range(start, start + length)).issubset(a)
    if a:
        assert (rows.first, rows.stop) == (min(a), max(a) + 1)

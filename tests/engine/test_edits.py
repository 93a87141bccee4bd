"""Edits: a fork is what the same edits give from scratch, the parent stays as it is, and nothing before the edit moves."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import numpy as np
import pytest
from histories import Family, act
from hypothesis import given, settings
from hypothesis import strategies as st

from tiny import Change, Tiny, assert_close, model_of, random_ids, third_opinion, tinies, trace_without_kernels
from workings.engine.trace import Trace
from workings.errors import InputError, OutsideTable, UnknownTable

# An epsilon larger than usual keeps layer norm from blowing rounding up where an edit makes a whole row equal.
TINY = Tiny(layers=2, heads=2, d_head=3, d_mlp=7, d_vocab=13, epsilon=0.01, seed=3)
IDS = [3, 1, 4, 1, 5, 9]
NAMES = model_of(TINY).trace(IDS).names()


def worked_out(dtype: str = "float64") -> Family:
    """A family of one trace with every table worked out."""
    family = Family(TINY, IDS, dtype)
    for name in NAMES:
        family.ask(family.members[0], name)
    return family


@pytest.mark.parametrize("name", NAMES)
def test_every_table_can_be_edited_in_every_way(name: str) -> None:
    for dtype in ("float32", "float64"):
        family = worked_out(dtype)
        first = family.members[0]
        mask = [row in (1, 4) for row in range(len(IDS))]
        rows: list[Any] = [
            2,
            -1,
            slice(None),
            slice(1, 3),
            slice(2, None),
            slice(None, None, 2),
            slice(4, 1, -1),
            [0, 3],
            mask,
            ...,
        ]
        for place, row in enumerate(rows):
            kind = ("value", "add", "scale")[place % 3]
            family.edit(first, name, ... if row is ... else (..., row, slice(None)), kind, 0.75)
            family.edit(first, name, 0 if row is ... else (..., row, 0), kind, 1.5)
        family.check()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_fork_is_what_the_same_edits_give_from_scratch_without_kernels(dtype: str) -> None:
    model = model_of(TINY)
    trace = model.trace(IDS, dtype=dtype)
    for name in NAMES:
        assert trace[name] is not None
    for name in NAMES:
        for change in ({"value": 0.5}, {"add": -1.0}, {"scale": 2.0}):
            forked = trace.edit(name, (..., 2, slice(None)), **change)
            scratch = trace_without_kernels(model, IDS, dtype).edit(name, (..., 2, slice(None)), **change)
            for other in NAMES:
                assert_close(
                    forked[other],
                    scratch[other],
                    1e-5 if dtype == "float32" else 1e-10,
                    f"{other} after {change} of {name}",
                )


@pytest.mark.parametrize("name", NAMES)
def test_an_edit_changes_only_rows_after_it(name: str) -> None:
    trace = worked_out("float32").members[0].trace
    forked = trace.edit(name, (..., 3, 0), add=2.0)
    order = NAMES.index(name)
    for place, other in enumerate(NAMES):
        before, after = trace[other], forked[other]
        assert np.array_equal(before[..., :3, :], after[..., :3, :]), f"{other}: a row before the edit has changed"
        if place < order:
            assert np.array_equal(before, after), f"{other} comes before {name} and has changed"
    assert not np.array_equal(trace[name][..., 3, :], forked[name][..., 3, :])


@pytest.mark.parametrize("name", NAMES)
def test_the_parent_of_an_edit_stays_as_it_is(name: str) -> None:
    family = worked_out("float32")
    first = family.members[0]
    kept = {other: first.trace[other].copy() for other in NAMES}
    forked = family.edit(first, name, ..., "scale", 0.5)
    for other in NAMES:
        family.ask(forked, other)
    assert all(np.array_equal(first.trace[other], kept[other]) for other in NAMES)
    assert first.trace.edits == ()
    assert len(forked.trace.edits) == 1
    family.check()


def test_what_an_edit_leaves_alone_is_shared_and_not_copied() -> None:
    trace = worked_out("float32").members[0].trace
    forked = trace.edit("blocks.1.attn.z", (0, 4, 0), add=1.0)
    for name in NAMES[: NAMES.index("blocks.1.attn.z")]:
        assert np.shares_memory(trace[name], forked[name]), name


@pytest.mark.parametrize("kind", ["value", "add", "scale"])
@pytest.mark.parametrize("name", ["blocks.0.attn.pattern", "blocks.1.attn.pattern", "blocks.0.attn.scores"])
def test_an_edit_may_let_a_token_look_ahead(name: str, kind: str) -> None:
    for dtype in ("float32", "float64"):
        family = worked_out(dtype)
        first = family.members[0]
        ahead = family.edit(first, name, (1, 2, 4), kind, 0.5)
        family.edit(first, name, (0, slice(None), 3), kind, 0.5)
        family.edit(first, name, (slice(None), 1), kind, np.linspace(0, 1, len(IDS)))
        for other in NAMES:
            family.ask(ahead, other)
        again = family.edit(ahead, "blocks.0.resid_pre", 4, "add", 1.0)
        family.ask(again, "logits", 2, 3)
        family.append(again, [7, 8])
        family.append(ahead, [7])
        family.check()


def test_a_token_that_looks_ahead_feels_changes_of_later_rows() -> None:
    trace = model_of(TINY).trace(IDS).edit("blocks.0.attn.pattern", (0, 1, 4), value=0.9)
    assert trace["logits"].shape == (6, 13)
    later = trace.edit("blocks.0.attn.v", (0, 4, 0), add=3.0)
    assert np.array_equal(trace["logits"][0], later["logits"][0])
    assert not np.array_equal(trace["logits"][1], later["logits"][1])


def test_several_edits_are_in_force_at_once_and_in_their_order() -> None:
    family = worked_out()
    member = family.members[0]
    for name, index, kind, amount in [
        ("blocks.1.resid_post", (4, slice(None)), "add", np.arange(6.0)),
        ("blocks.0.attn.pattern", (0, slice(2, None), 0), "value", 0.5),
        ("blocks.1.resid_post", (slice(3, 5), slice(None)), "scale", 0.5),
        ("embed", (2, slice(None)), "value", 1.0),
        ("blocks.1.resid_post", (slice(None), 1), "add", 2.0),
        ("blocks.0.mlp.post", ([1, 3], slice(None)), "value", 0.0),
        ("blocks.1.resid_post", 4, "value", 0.25),
    ]:
        member = family.edit(member, name, index, kind, amount)
        family.ask(member, "logits", -1)
    family.check()


def test_edits_whose_rows_overlap_are_put_in_force_once_each() -> None:
    family = worked_out()
    first = family.edit(family.members[0], "blocks.0.resid_mid", slice(2, 4), "add", 1.0)
    family.ask(first, "blocks.0.resid_mid")
    second = family.edit(first, "blocks.0.resid_mid", slice(1, 3), "add", 10.0)
    family.ask(second, "blocks.0.resid_mid", 3, 5)
    family.ask(second, "blocks.0.resid_mid", 0, 1)
    family.ask(second, "blocks.0.resid_mid", 1, 2)
    upstream = family.edit(second, "blocks.0.attn.z", (0, 3, 0), "add", 1.0)
    family.ask(upstream, "blocks.0.resid_mid", 2, 6)
    family.ask(upstream, "blocks.0.resid_mid", 3, 4)
    family.check()


def test_an_edit_is_not_put_in_force_again_on_rows_that_were_gathered_from_several_traces() -> None:
    family = Family(TINY, IDS, "float64")
    first = family.edit(family.members[0], "blocks.0.resid_mid", slice(2, 4), "add", 1.0)
    family.ask(first, "blocks.0.resid_mid", 2, 5)
    second = family.edit(first, "blocks.0.resid_mid", slice(1, 3), "add", 10.0)
    family.ask(second, "blocks.0.resid_mid", 3, 6)  # rows 3 and 4 are the first trace's, row 5 is new
    family.ask(second, "blocks.0.resid_mid", 1, 2)
    family.check()


def test_nothing_is_worked_out_twice_in_an_edited_table() -> None:
    trace = model_of(TINY).trace(IDS).edit("blocks.0.resid_mid", 2, add=1.0)
    whole = trace["blocks.0.resid_mid"]
    assert trace._evaluation.stores[trace.table("blocks.0.resid_mid")].rows.covers(0, len(IDS))
    assert np.shares_memory(whole, trace["blocks.0.resid_mid"])


@pytest.mark.parametrize("name", [n for n in model_of(TINY).trace(IDS).weight_names() if "blocks.1" not in n])
def test_every_weight_can_be_edited(name: str) -> None:
    family = worked_out()
    first = family.members[0]
    kept = first.trace[name].copy()
    edited = family.edit(first, name, (..., 0), "add", 1.5)
    family.edit(edited, name, ..., "scale", 0.5)
    assert np.array_equal(first.trace[name], kept)
    assert np.array_equal(edited.trace[name][..., 0], kept[..., 0] + 1.5)
    assert np.array_equal(model_of(TINY).weights[name], kept)
    family.append(edited, [1, 2])
    family.check()


def test_token_ids_can_be_edited() -> None:
    family = worked_out()
    first = family.members[0]
    family.edit(first, "ids", 2, "value", 7)
    family.edit(first, "ids", slice(1, 3), "value", [5, 6])
    family.edit(first, "ids", -1, "add", 1)
    moved = family.edit(
        family.edit(first, "blocks.0.resid_post", 4, "add", 1.0), "ids", [True, *[False] * 5], "value", 12
    )
    family.append(moved, [0])
    family.check()
    assert first.trace.ids.tolist() == IDS


@pytest.mark.parametrize(
    "change", [{"value": 13}, {"value": -1}, {"add": 12}, {"value": 2.5}, {"add": 0.5}, {"scale": 1.5}]
)
def test_an_edit_to_token_ids_that_are_not_in_the_vocabulary_is_refused(change: dict[str, float]) -> None:
    with pytest.raises(InputError, match=r"vocabulary.*0 to 12|whole number"):
        model_of(TINY).trace([3, 1, 4]).edit("ids", 1, **change)


@pytest.mark.parametrize(
    ("name", "index", "expected"),
    [
        ("blocks.0.attn.pattern", (slice(None), slice(None, None, -1), slice(None, None, -1)), (2, 6, 6)),
        ("blocks.0.attn.q", ([0, 1], slice(None, None, -1)), (2, 6, 3)),
        ("blocks.0.attn.q", ([0, 1], slice(None), [0, 2]), (2, 6)),
        ("blocks.0.resid_pre", np.ix_([0, 2, 5], [1, 3]), (3, 2)),
        ("blocks.0.resid_pre", ([0, 2], [1, 3]), (2,)),
        ("blocks.0.resid_pre", (slice(None), [1, 3]), (6, 2)),
        ("blocks.0.resid_pre", (slice(None), [1, 3]), (6, 1)),
        ("blocks.0.resid_pre", (slice(None), [1, 3]), (2,)),
        ("blocks.0.attn.pattern", (0, slice(None), slice(None)), (6, 6)),
        ("blocks.0.attn.pattern", (0, slice(None), slice(None)), (6, 1)),
        ("blocks.0.attn.pattern", (0, slice(None), slice(None)), (6,)),
    ],
)
def test_an_index_means_what_it_means_in_numpy_also_when_the_prompt_grows(
    name: str, index: Any, expected: tuple[int, ...]
) -> None:
    family = worked_out()
    amount = np.random.default_rng(0).normal(size=expected)
    for kind in ("value", "add"):
        member = family.edit(family.members[0], name, index, kind, amount)
        family.append(member, [2, 6])
    family.check()


@settings(max_examples=150)
@given(st.data(), st.lists(st.integers(0, 12), min_size=1, max_size=6), st.sampled_from(["float32", "float64"]))
def test_any_history_of_asking_editing_and_appending_ends_as_from_scratch(
    data: st.DataObject, ids: list[int], dtype: str
) -> None:
    family = Family(TINY, ids, dtype)
    for _ in range(data.draw(st.integers(2, 10), label="actions")):
        act(family, data)
    family.check()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_edits_of_a_prompt_longer_than_a_block_of_queries_end_as_from_scratch(dtype: str) -> None:
    tiny = Tiny(layers=2, heads=2, d_head=3, d_vocab=13, n_ctx=320, epsilon=0.01)
    family = Family(tiny, random_ids(tiny, 300), dtype)
    first = family.members[0]
    family.ask(first, "logits", -1)
    edited = family.edit(first, "blocks.0.resid_mid", 150, "add", 1.0)
    family.ask(edited, "blocks.1.attn.pattern", 140, 290)
    again = family.edit(edited, "blocks.1.attn.z", (1, slice(120, None)), "scale", 0.5)
    family.ask(family.append(again, [3, 1, 4]), "logits", -1)
    ahead = family.edit(edited, "blocks.0.attn.pattern", (0, 100, 290), "value", 0.5)
    family.ask(ahead, "logits", 100, 101)
    family.check()


@settings(max_examples=30)
@given(st.data(), tinies(epsilon=0.01), st.integers(1, 8))
def test_any_tiny_model_can_be_edited_in_any_place(data: st.DataObject, tiny: Tiny, n_tokens: int) -> None:
    family = Family(tiny, random_ids(tiny, n_tokens), "float64")
    for _ in range(4):
        act(family, data)
    family.check()


@pytest.mark.parametrize("late_name", ["logits", "blocks.1.attn.pattern", "blocks.0.resid_mid"])
def test_rows_asked_bit_by_bit_after_an_edit_are_those_of_the_whole_table(late_name: str) -> None:
    model = model_of(TINY)
    trace = model.trace(IDS, dtype="float64").edit("blocks.0.resid_mid", slice(1, 5), add=0.5)
    forked = trace.edit("blocks.0.resid_mid", (slice(2, None), 0), scale=3.0)
    for row in (4, 1, 5, 2, 0, 3):
        whole = model.trace(IDS, dtype="float64").edit("blocks.0.resid_mid", slice(1, 5), add=0.5)
        whole = whole.edit("blocks.0.resid_mid", (slice(2, None), 0), scale=3.0)
        assert_close(forked.rows(late_name, row, row + 1), whole[late_name][..., row : row + 1, :], 1e-10, f"row {row}")


@pytest.mark.parametrize(
    ("index", "change", "words"),
    [
        (0, {}, "exactly one of value=, add= and scale=; none"),
        (0, {"value": 1.0, "add": 2.0}, "value and add came"),
        (0, {"value": "high"}, "number"),
        (0, {"value": float("nan")}, "finite"),
        (0, {"value": 1e300}, "too large for float32"),
        (0, {"value": [1.0, 2.0]}, r"cells of shape \[6\].*shape \[2\]"),
        (slice(3, 3), {"value": 1.0}, r"the index \[3:3\] selects no cell"),
        ((slice(None, None, 2), slice(1, 1)), {"value": 1.0}, r"the index \[::2, 1:1\] selects no cell"),
        ([False] * 6, {"value": 1.0}, "selects no cell"),
    ],
)
def test_an_amount_that_cannot_be_used_is_refused(index: Any, change: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        model_of(TINY).trace(IDS).edit("blocks.0.resid_mid", index, **change)
    assert "blocks.0.resid_mid" in str(caught.value)


@pytest.mark.parametrize(
    ("index", "words"),
    [
        (6, r"\[6, 6\].*index 6 on axis 0 is outside; use 0 to 5"),
        (-7, "index -7 on axis 0"),
        ((0, 6), "axis 1"),
        ((0, 0, 0), "3 entries.*2 axes"),
        (([0, 9], 0), "index 9"),
        ([True, False], "needs 6 entries"),
        (1.5, "whole number"),
        (None, "slices"),
        ((..., ...), "at most one"),
        (([0, 1, 2], [0, 1]), r"\[3\].*\[2\]|broadcast|fit"),
        (slice(0.5, None), "integers"),
    ],
)
def test_an_index_outside_its_table_is_refused(index: Any, words: str) -> None:
    with pytest.raises(OutsideTable, match=words) as caught:
        model_of(TINY).trace(IDS).edit("blocks.0.resid_mid", index, value=0.0)
    assert "blocks.0.resid_mid" in str(caught.value)


def test_an_edit_of_an_unknown_table_offers_the_nearest_names() -> None:
    with pytest.raises(UnknownTable, match=r"blocks\.0\.resid_mid"):
        model_of(TINY).trace(IDS).edit("blocks.0.resid_midd", 0, value=1.0)


def test_an_edit_by_another_librarys_name_is_the_same_edit() -> None:
    trace = model_of(TINY).trace(IDS)
    ours, theirs = (
        trace.edit(name, 2, add=1.0)["logits"] for name in ("blocks.0.resid_mid", "blocks.0.hook_resid_mid")
    )
    assert np.array_equal(ours, theirs)


def test_edits_of_a_third_opinion_agree_with_a_hand_made_case() -> None:
    """The third opinion itself: scaling the last normalized row by 0 leaves logits of 0."""
    tables = third_opinion(model_of(TINY), IDS, [Change("ln_final.normalized", -1, "scale", 0.0)])
    assert (tables["logits"][-1] == 0).all()
    assert (tables["logits"][0] != 0).any()


def test_forks_may_be_worked_on_by_several_threads_at_once() -> None:
    """All grow from one trace, into the same buffers, each with tokens of its own."""
    tiny = Tiny()
    model, ids = model_of(tiny), random_ids(tiny, 6)
    for _ in range(20):
        parent = model.trace(ids[:4]).append(ids[4:])
        parent["logits"]
        start = Barrier(8)

        def grown(token: int, parent: Trace = parent, start: Barrier = start) -> Trace:
            child = parent.append([token])
            start.wait()
            child["logits"]
            return child

        with ThreadPoolExecutor(8) as pool:
            children = list(pool.map(grown, range(8)))
        for token, child in enumerate(children):
            expected = model.trace([*ids, token])
            for name in child.names():
                assert_close(child[name], expected[name], 1e-5, f"{name} of thread {token}")


def test_a_number_that_is_too_large_is_refused_in_words_that_are_true_wherever_they_are_read() -> None:
    trace = model_of(Tiny()).trace([1, 2, 3])
    said = r"too large for float32, which ends at 3\.4e\+38; take a smaller one \(in Python, model\.trace\(prompt, dtype='float64'\)"
    with pytest.raises(InputError, match=said):
        trace.edit("blocks.0.resid_post", 0, value=1e39)
    with pytest.raises(
        InputError, match=r"take a smaller one \(in Python, model\.trace\(prompt, dtype='float64'\) holds larger"
    ):
        trace.steer(np.ones(15), 1e25, layer=0)
    double = model_of(Tiny()).trace([1, 2, 3], dtype="float64")
    with pytest.raises(InputError, match=r"take a smaller one$"):
        double.steer(np.ones(15), 1e200, layer=0)
    assert double.edit("blocks.0.resid_post", 0, value=1e39)["blocks.0.resid_post"][0, 0] == 1e39

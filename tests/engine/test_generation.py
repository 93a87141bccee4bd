"""Generation is appending rows: the same numbers as all at once, the same tokens as `transformers`, edits staying in force."""

import math
from itertools import accumulate
from typing import Any

import numpy as np
import pytest
import torch
from histories import Family
from hypothesis import given, settings
from hypothesis import strategies as st

from tiny import Tiny, assert_close, model_of, pair, random_ids, tinies, trace_without_kernels
from workings.engine.generation import Sampling
from workings.errors import InputError

TINY = Tiny(layers=2, heads=2, d_head=3, d_mlp=7, d_vocab=13, n_ctx=20, epsilon=0.01, seed=5)
IDS = [3, 1, 4, 1, 5]


@settings(max_examples=40)
@given(tinies(epsilon=0.01), st.data(), st.sampled_from(["float32", "float64"]))
def test_rows_appended_bit_by_bit_are_the_rows_of_all_at_once(tiny: Tiny, data: st.DataObject, dtype: str) -> None:
    model, ids = model_of(tiny), random_ids(tiny, 12, tiny.seed)
    whole = model.trace(ids, dtype=dtype)
    length = data.draw(st.integers(1, 6), label="first")
    trace = model.trace(ids[:length], dtype=dtype)
    while length < len(ids):
        for name in data.draw(st.lists(st.sampled_from([*trace.names(), "logits"]), max_size=4), label="asked"):
            assert trace.rows(name, -1).shape[-2] == 1
        step = data.draw(st.integers(1, min(3, len(ids) - length)), label="appended")
        trace = trace.append(ids[length : length + step])
        length += step
    for name in whole.names():
        assert_close(trace[name], whole[name], 1e-5 if dtype == "float32" else 1e-10, name)


@settings(max_examples=30)
@given(tinies(layers=2), st.integers(1, 5))
def test_greedy_generation_takes_the_tokens_that_transformers_takes(tiny: Tiny, n_tokens: int) -> None:
    theirs, model = pair(tiny)
    ids = random_ids(tiny, n_tokens, tiny.seed)
    with torch.no_grad():
        expected = theirs.generate(
            torch.tensor([ids]),
            attention_mask=torch.ones(1, len(ids), dtype=torch.long),
            max_new_tokens=7,
            do_sample=False,
            pad_token_id=0,
        )
    assert model.generate(ids, max_new_tokens=7) == expected[0].tolist()


def test_a_trace_that_generates_stays_as_it_is() -> None:
    model = model_of(TINY)
    trace = model.trace(IDS)
    asked = trace["logits"]
    before = asked.copy()
    first, second = (model.generate(trace, max_new_tokens=6) for _ in range(2))
    assert first == second
    assert np.array_equal(asked, before)
    assert trace.ids.tolist() == IDS


def test_two_generations_from_one_trace_do_not_disturb_each_other() -> None:
    model = model_of(TINY)
    trace = model.trace(IDS)
    alone = [list(model.stream(model.trace(IDS), 8, temperature=1.5, seed=seed)) for seed in (1, 2, 3)]
    streams = [model.stream(trace, 8, temperature=1.5, seed=seed) for seed in (1, 2, 3)]
    together: list[list[Any]] = [[], [], []]
    for _ in range(8):
        for place, stream in enumerate(streams):
            together[place].append(next(stream))
            trace.append([place])["logits"]
    assert together == alone
    assert alone[0] != alone[1] or alone[1] != alone[2]


def test_two_traces_appended_to_one_parent_do_not_write_on_each_other() -> None:
    family = Family(TINY, IDS, "float64")
    first = family.append(family.members[0], [2])  # rows after the first append have room to grow in
    for name in first.trace.names():
        family.ask(first, name)
    for new in (7, 8, 9):
        grown = family.append(first, [new])
        for name in grown.trace.names():
            family.ask(grown, name, -1)
        family.append(grown, [new, new])
    family.check()


def test_the_same_seed_draws_the_same_tokens() -> None:
    model = model_of(TINY)

    def draw(seed: int) -> Any:
        return model.generate(IDS, max_new_tokens=12, temperature=2.0, seed=seed)

    assert draw(7) == draw(7)
    assert len({tuple(draw(seed)) for seed in range(5)}) > 1


def test_streaming_gives_the_tokens_of_generating() -> None:
    model = model_of(TINY)
    for options in ({}, {"temperature": 1.5, "seed": 3}, {"temperature": 0.7, "top_k": 4, "top_p": 0.8, "seed": 3}):
        assert [*IDS, *model.stream(IDS, max_new_tokens=9, **options)] == model.generate(
            IDS, max_new_tokens=9, **options
        )


def test_generation_stops_at_the_longest_prompt_that_the_model_can_read() -> None:
    model = model_of(TINY)
    assert len(model.generate(IDS, max_new_tokens=1000)) == TINY.n_ctx
    full = random_ids(TINY, TINY.n_ctx)
    assert model.generate(full, max_new_tokens=3) == full
    assert list(model.stream(full)) == []


def test_generating_no_token_gives_the_prompt() -> None:
    assert model_of(TINY).generate(IDS, max_new_tokens=0) == IDS
    assert list(model_of(TINY).stream(IDS, max_new_tokens=0)) == []


def shares_by_hand(logits: list[float], temperature: float, top_k: int | None, top_p: float | None) -> list[float]:
    """Probability of every token, one plain step after the other."""
    ranked = sorted(range(len(logits)), key=lambda i: -logits[i])[:top_k]
    raised = {i: math.exp((logits[i] - max(logits)) / temperature) for i in ranked}
    shares = {i: x / sum(raised.values()) for i, x in raised.items()}
    if top_p is not None:
        ends = accumulate(shares[i] for i in ranked)
        enough = next((n for n, total in enumerate(ends, 1) if total >= top_p - 1e-12), len(ranked))
        shares = {i: shares[i] for i in ranked[:enough]}
        shares = {i: x / sum(shares.values()) for i, x in shares.items()}
    return [shares.get(i, 0.0) for i in range(len(logits))]


@given(
    logits=st.lists(st.integers(-400, 400), min_size=1, max_size=30, unique=True).map(lambda xs: [x / 50 for x in xs]),
    temperature=st.sampled_from([0.1, 0.7, 1.0, 3.0]),
    top_k=st.none() | st.integers(1, 40),
    top_p=st.none() | st.sampled_from([0.05, 0.31, 0.5, 0.913, 1.0]),
)
def test_shares_are_those_of_a_plain_computation(
    logits: list[float], temperature: float, top_k: int | None, top_p: float | None
) -> None:
    found = Sampling(temperature, top_k, top_p).shares(np.array(logits))
    np.testing.assert_allclose(found, shares_by_hand(logits, temperature, top_k, top_p), rtol=0, atol=1e-12)
    assert abs(found.sum() - 1) < 1e-12


@pytest.mark.parametrize("temperature", [1e-320, 1e-9, 1e300])
def test_shares_at_an_extreme_temperature_still_add_up_to_1(temperature: float) -> None:
    shares = Sampling(temperature, top_k=3).shares(np.array([80.0, -90.0, 79.0, 3.0], np.float32))
    expected = [1, 0, 0, 0] if temperature < 1 else [1 / 3, 0, 1 / 3, 1 / 3]
    np.testing.assert_allclose(shares, expected, rtol=0, atol=1e-12)


def test_tokens_are_drawn_as_often_as_their_shares_say() -> None:
    sampling, random = Sampling(temperature=1.0, top_k=3), np.random.default_rng(0)
    logits = np.log(np.array([0.5, 0.1, 0.3, 0.05, 0.05]))
    drawn = np.bincount([sampling.choose(logits, random) for _ in range(4000)], minlength=5) / 4000
    np.testing.assert_allclose(drawn, [5 / 9, 1 / 9, 3 / 9, 0, 0], atol=0.03)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"temperature": -1.0}, "temperature is a number of at least 0; -1.0"),
        ({"temperature": float("nan")}, "temperature"),
        ({"temperature": "hot"}, "temperature"),
        ({"top_k": 0}, "top_k is a whole number of at least 1"),
        ({"top_k": 2.5}, "top_k"),
        ({"top_p": 0.0}, "top_p is a share above 0"),
        ({"top_p": 1.5}, "top_p"),
        ({"seed": -1}, "seed"),
        ({"max_new_tokens": -1}, "max_new_tokens is a whole number of at least 0; -1"),
        ({"max_new_tokens": 2.5}, "max_new_tokens"),
    ],
)
def test_an_option_that_cannot_be_used_is_refused_before_anything_is_drawn(options: dict[str, Any], words: str) -> None:
    for start in (model_of(TINY).generate, model_of(TINY).stream):
        with pytest.raises(InputError, match=words):
            start(IDS, **options)


LASTING_EDITS = [
    (1, "blocks.1.resid_pre", slice(None), "add", np.linspace(-1, 1, 6)),
    (3, "blocks.0.resid_mid", (slice(2, None), 1), "value", 3.0),
    (1, "blocks.0.mlp.post", ..., "scale", 0.5),
    (1, "blocks.0.attn.z", (1, slice(None), slice(None)), "value", 0.0),
    (1, "blocks.0.attn.pattern", (1, slice(None), 0), "value", 0.7),
    (1, "blocks.1.attn.pattern", (0, slice(None), slice(None)), "scale", 0.3),
    (3, "blocks.1.attn.pattern", (0, 2, slice(None)), "value", 0.1),  # looks ahead once there is a fourth token
    (1, "blocks.1.attn.pattern", ..., "value", 0.1),
    (2, "blocks.0.attn.scores", (slice(None), 1, slice(1, None)), "value", 0.5),
    (4, "blocks.1.attn.k", (..., [1, 3], slice(None)), "add", 1.0),
    (1, "logits", (slice(None), 3), "add", 50.0),
    (1, "logits", (-1, 3), "add", 50.0),
    (1, "blocks.0.ln1.scale", slice(None), "scale", 2.0),
]
"""Edits that go on while the prompt grows, or must not: the tokens that each needs to begin with, and the edit."""


@pytest.mark.parametrize(
    ("n_tokens", "edit"), [(n, edit) for least, *edit in LASTING_EDITS for n in (1, 2, 3, 5) if n >= least]
)
def test_an_edit_stays_in_force_while_tokens_are_appended(n_tokens: int, edit: list[Any]) -> None:
    family = Family(TINY, random_ids(TINY, n_tokens), "float64")
    member = family.edit(family.members[0], *edit)
    for table in member.trace.names():
        family.ask(member, table)
    for new in ([2], [7], [1, 8]):
        member = family.append(member, new)
        family.ask(member, "logits", -1)
    family.check()


@pytest.mark.parametrize("edit", [edit for _, *edit in LASTING_EDITS])
def test_generation_with_an_edit_takes_the_tokens_of_working_everything_out_anew(edit: list[Any]) -> None:
    family = Family(TINY, IDS, "float64")
    member = family.edit(family.members[0], *edit)
    edited = member.trace
    expected = list(IDS)
    for _ in range(6):
        expected.append(int(member.trace.rows("logits", -1)[0].argmax()))
        member = family.append(member, expected[-1:])
    family.check()
    assert family.model.generate(edited, max_new_tokens=6) == expected


def test_generating_from_the_first_token_with_an_open_edit_is_working_the_edit_out_at_full_length() -> None:
    model = model_of(TINY)
    edited = model.trace([4]).edit("blocks.0.resid_post", slice(None), add=np.ones(6))
    ids = model.generate(edited, max_new_tokens=8)
    whole = trace_without_kernels(model, ids, "float32").edit("blocks.0.resid_post", slice(None), add=np.ones(6))
    assert [int(row.argmax()) for row in whole["logits"][:-1]] == ids[1:]


def test_appending_past_the_longest_prompt_or_outside_the_vocabulary_is_refused() -> None:
    trace = model_of(TINY).trace(IDS)
    for ids, words in [
        ([13], "0 to 12"),
        ([], "at least one"),
        ([1] * 16, "21 tokens.*at most 20"),
        (["a"], "whole numbers"),
    ]:
        with pytest.raises(InputError, match=words):
            trace.append(ids)

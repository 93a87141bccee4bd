"""The logit lens: after every block, the logits that the model's own last steps make of its residual stream."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from little import needs_storybook
from tests.tiny import Tiny, assert_close, model_of, pair, tinies

import workings
from workings.anatomy.logit_lens import draw_logit_lens, lens_name, logit_lens
from workings.engine.evaluation import Evaluation
from workings.errors import InputError, UnknownTable
from workings.language.primitives import POS
from workings.language.primitives import given as given_table
from workings.language.tables import Graph


def lens_of(model, ids, dtype="float64"):
    program = model.program_with(draw_logit_lens)
    evaluation = Evaluation(program, np.array(ids), np.dtype(dtype))
    named = program.graph.named
    return {name: evaluation.read(named[name], 0, len(ids)) for name in named if ".lens." in name}, evaluation


@settings(max_examples=15, deadline=None)
@given(tiny=tinies(), data=st.data())
def test_each_block_has_the_logits_that_transformers_makes_of_its_stream(tiny, data):
    import torch

    theirs, model = pair(tiny)
    ids = data.draw(st.lists(st.integers(0, tiny.d_vocab - 1), min_size=1, max_size=tiny.n_ctx))
    lens, _ = lens_of(model, ids)
    theirs = theirs.double()
    trace = model.trace(ids, dtype="float64")
    with torch.no_grad():
        for block in range(tiny.layers):
            stream = torch.from_numpy(np.array(trace[f"blocks.{block}.resid_post"]))
            expected = theirs.lm_head(theirs.transformer.ln_f(stream)).numpy()
            assert lens[lens_name(f"blocks.{block}.resid_post")] == pytest.approx(expected, abs=1e-10)
    theirs.float()


@settings(max_examples=5, deadline=None)
@given(tiny=tinies())
def test_after_the_last_block_it_is_the_models_own_logits_and_the_model_is_as_before(tiny):
    model = model_of(tiny)
    before = len(model.graph.tables)
    lens, _ = lens_of(model, [1, 2, 3], "float32")
    last = lens[lens_name(f"blocks.{tiny.layers - 1}.resid_post")]
    assert np.array_equal(last, model.trace([1, 2, 3])["logits"])
    assert len(model.graph.tables) == before
    assert len(lens) == tiny.layers


def test_a_model_without_residual_streams_has_no_lens():
    graph = Graph()
    given_table(graph, "ids", (POS,))
    with pytest.raises(InputError, match="resid_post"):
        draw_logit_lens(graph)


@settings(max_examples=8, deadline=None)
@given(tiny=tinies(), data=st.data())
def test_likeliest_tokens_shares_and_ranks_are_those_of_the_logits(tiny, data):
    ids = data.draw(st.lists(st.integers(0, tiny.d_vocab - 1), min_size=1, max_size=tiny.n_ctx))
    token = data.draw(st.integers(0, tiny.d_vocab - 1))
    model = model_of(tiny)
    lens = logit_lens(model, ids, after_attention=True, dtype="float64")
    kinds = ("resid_mid", "resid_post")
    assert lens.streams == tuple(f"blocks.{block}.{kind}" for block in range(tiny.layers) for kind in kinds)
    top_ids, top_shares = lens.top(3)
    shares, ranks = lens.token(token)
    for place, stream in enumerate(lens.streams):
        logits = lens.logits(stream)
        assert np.array_equal(top_ids[place][:, 0], logits.argmax(-1))
        wanted = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
        assert lens.probabilities(stream) == pytest.approx(wanted, abs=1e-12)
        assert top_shares[place] == pytest.approx(-np.sort(-wanted)[:, :3], abs=1e-12)
        assert shares[place] == pytest.approx(wanted[:, token], abs=1e-12)
        assert np.array_equal(ranks[place], [1 + sum(row > row[token]) for row in logits])
    assert lens.probabilities(lens.streams[-1]) == pytest.approx(lens.trace["probabilities"], abs=1e-12)


def test_the_lens_after_attention_is_the_last_steps_on_resid_mid_and_can_be_explained():
    model = model_of(Tiny())
    lens = logit_lens(model, [1, 2, 3], after_attention=True, dtype="float64")
    swapped = model.trace([1, 2, 3], dtype="float64").edit(
        "blocks.1.resid_post", value=np.array(lens.trace["blocks.0.resid_mid"])
    )
    assert lens.logits("blocks.0.resid_mid") == pytest.approx(swapped["logits"], abs=1e-10)
    explanation = lens.trace.explain(lens_name("blocks.0.resid_mid"), 2, 5)
    assert sum(term.value for term in explanation.terms) == pytest.approx(explanation.value, abs=1e-10)


def test_a_lens_refuses_what_is_not_there():
    lens = logit_lens(model_of(Tiny()), [1, 2, 3])
    assert lens.streams == ("blocks.0.resid_post", "blocks.1.resid_post")
    with pytest.raises(InputError, match="1 to 23"):
        lens.top(24)
    with pytest.raises(InputError, match="vocabulary"):
        lens.token(23)
    with pytest.raises(UnknownTable):
        lens.logits("blocks.0.resid_mid")


@needs_storybook
def test_the_lens_of_a_steered_trace_reads_what_the_steered_model_says():
    model = workings.load("storybook")
    plain = model.trace("The student picked up his")
    steered = plain.steer("jedi", 14)
    lens = workings.logit_lens(model, steered)
    assert_close(lens.logits("blocks.3.resid_post"), steered["logits"], 1e-5, "after the last block")
    assert_close(lens.logits("blocks.1.resid_post"), workings.logit_lens(model, plain.ids).logits("blocks.1.resid_post"), 1e-5, "before it")  # fmt: skip
    assert lens.trace.top_ids(1) == steered.top_ids(1)
    tuned = workings.tuned_lens(model, steered, workings.TunedLens.identity(model))
    assert_close(
        tuned.logits("blocks.2.resid_post"), lens.logits("blocks.2.resid_post"), 1e-5, "a lens that maps nothing"
    )


@needs_storybook
def test_edits_of_a_weight_stay_in_force_and_those_of_another_model_are_no_silence():
    model = workings.load("storybook")
    changed = model.trace("Mike is").edit("blocks.0.mlp.W_out", (0, 0), add=3.0)
    assert_close(workings.logit_lens(model, changed).logits("blocks.3.resid_post"), changed["logits"], 1e-5, "logits")
    sae = workings.load_sae("storybook")
    spliced = model.with_sae(sae).trace("Mike is").edit(f"{sae.config.table}.sae.acts", value=0.0)
    with pytest.raises(InputError, match=r"sae\.acts, which this model does not have"):
        workings.logit_lens(model, spliced)

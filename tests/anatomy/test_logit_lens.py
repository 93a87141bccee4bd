"""The logit lens: after every block, the logits that the model's own last steps make of its residual stream."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.tiny import model_of, pair, tinies

from workings.anatomy.logit_lens import draw_logit_lens, lens_name
from workings.engine.evaluation import Evaluation
from workings.errors import InputError
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

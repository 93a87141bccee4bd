"""What a table is used by: first what the model goes on with, then what only reads it off."""

import pytest

from autoencoders import autoencoder, config_of
from tiny import Tiny, model_of
from workings.anatomy.logit_lens import draw_logit_lens
from workings.engine.evaluation import Evaluation
from workings.engine.trace import Trace

PROMPT = [3, 1, 4]


@pytest.fixture(scope="module")
def model():
    return model_of(Tiny())


@pytest.fixture(scope="module")
def lensed(model):
    plain = model.trace(PROMPT)
    return Trace(Evaluation(model.program_with(draw_logit_lens), plain.ids, plain.dtype), 24)


def test_the_models_own_tables_are_those_that_are_worked_out_next(model):
    trace = model.trace(PROMPT)
    assert trace.used_by("blocks.0.resid_post") == ["blocks.1.resid_pre"]
    assert trace.used_by("blocks.0.attn.W_Q") == ["blocks.0.attn.q"]
    assert trace.used_by("probabilities") == []


def test_a_lens_comes_after_what_the_model_goes_on_with(lensed):
    assert lensed.used_by("blocks.0.resid_post", readings=False) == ["blocks.1.resid_pre"]
    assert lensed.used_by("blocks.0.resid_post") == ["blocks.1.resid_pre", "blocks.0.resid_post.lens.logits"]
    weight = lensed.used_by("ln_final.w")
    assert weight[0] == "ln_final.normalized" and all(name.endswith(".lens.logits") for name in weight[1:])


def test_past_a_spliced_autoencoder_the_model_goes_on_with_what_reads_it(model):
    spliced = model.with_sae(autoencoder(config_of("standard", 15, 20, "blocks.0.resid_post"))).trace(PROMPT)
    table = "blocks.0.resid_post"
    assert spliced.used_by(table, readings=False) == ["blocks.1.resid_pre"]
    readings = spliced.used_by(table)[1:]
    assert readings and all(name.startswith(f"{table}.sae.") for name in readings)
    assert spliced.used_by(f"{table}.sae.out") == ["blocks.1.resid_pre"]
    assert spliced.used_by(f"{table}.sae.acts", readings=False) == []
    changed = spliced.edit(table, (1, 3), add=1.0)
    assert (changed["blocks.1.resid_pre"] != spliced["blocks.1.resid_pre"]).any(), "it does follow"

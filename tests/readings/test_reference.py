"""The reference reading is the oracle: plain, float64, and the same as running the model function on arrays."""

import numpy as np

from tiny import Tiny, model_of
from workings.language.names import Weights
from workings.models.gpt2 import gpt2
from workings.readings.reference import reference

PROMPT = [3, 1, 4, 1, 5]


def test_the_reference_gives_every_named_table_in_order():
    model = model_of(Tiny())
    tables = reference(model.graph, model.weights, PROMPT)
    assert list(tables) == model.trace(PROMPT).names()
    assert all(table.dtype == np.float64 for table in tables.values())


def test_a_model_function_run_on_arrays_gives_the_same_logits_as_its_graph():
    model = model_of(Tiny(activation="gelu"))
    wide = {name: np.asarray(array, np.float64) for name, array in model.weights.items()}
    logits = gpt2(PROMPT, Weights(wide), model.config)
    assert np.array_equal(logits, reference(model.graph, model.weights, PROMPT)["logits"])


def test_the_engine_agrees_with_the_reference_on_every_table():
    model = model_of(Tiny(layers=3, activation="relu"))
    trace = model.trace(PROMPT, dtype="float64")
    for name, table in reference(model.graph, model.weights, PROMPT).items():
        assert np.allclose(trace[name], table, rtol=1e-12, atol=1e-12), name

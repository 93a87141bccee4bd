"""Steering: a direction is added where it is said, stays in force, and never fails without a word."""

from types import SimpleNamespace

import numpy as np
import pytest

import workings
from autoencoders import autoencoder, config_of
from tiny import Tiny, assert_close, model_of, random_ids
from workings.errors import InputError, OutsideTable, UnknownTable
from workings.surgery.edit_list import EditList, load_edits

TINY = Tiny(layers=3)
IDS = random_ids(TINY, 6)
VECTOR = np.random.default_rng(1).normal(size=15)
TABLE = "blocks.1.resid_post"


def sae(table=TABLE, **labels):
    named = {number: label for label, number in labels.items()} or {3: "jedi", 4: "chef"}
    return autoencoder(config_of("topk", 15, 12, table), labels=named)


@pytest.fixture
def trace():
    return model_of(TINY).trace(IDS, dtype="float64")


@pytest.mark.parametrize(("positions", "rows"), [
    (None, range(6)), (2, [2]), (-1, [5]), ([1, -2], [1, 4]), (slice(3, None), [3, 4, 5]), (slice(0, 4, 2), [0, 2]),
    (np.array([0, 5]), [0, 5]),
])  # fmt: skip
def test_strength_times_the_vector_is_added_at_the_positions_and_nowhere_else(trace, positions, rows):
    new = trace.steer(VECTOR, -2.5, layer=1, positions=positions)
    expected = np.zeros((6, 15))
    expected[list(rows)] = -2.5 * VECTOR
    assert_close(new[TABLE] - trace[TABLE], expected, 1e-12, "what was added")
    first = min(rows)
    np.testing.assert_array_equal(new["logits"][:first], trace["logits"][:first])
    assert np.abs(new["logits"][first] - trace["logits"][first]).max() > 1e-3
    assert not trace.edits


def test_a_feature_brings_its_vector_and_its_table(trace):
    feature = sae().feature("jedi")
    expected = trace.edit(TABLE, add=4 * feature.vector)["logits"]
    np.testing.assert_array_equal(trace.steer(feature, 4)["logits"], expected)
    np.testing.assert_array_equal(
        trace.steer(SimpleNamespace(vector=feature.vector, table=TABLE), 4)["logits"], expected
    )
    elsewhere = trace.steer(feature, 4, layer=0)
    assert [edit.name for edit in elsewhere.edits] == ["blocks.0.resid_post"]
    written = trace.steer(SimpleNamespace(vector=VECTOR, table="blocks.2.hook_attn_out"))
    assert [edit.name for edit in written.edits] == ["blocks.2.attn_out"]


def test_a_label_is_found_in_the_model_s_autoencoders(trace):
    through = model_of(TINY).with_sae(sae(), sae("blocks.2.resid_post", pilot=1, jedi=2))
    read = through.trace(IDS, dtype="float64")
    steered = read.steer("chef", 3)
    assert_close(steered["logits"], trace.steer(sae().feature("chef"), 3)["logits"], 1e-9, "logits")
    assert [edit.name for edit in read.steer("Pilot").edits] == ["blocks.2.resid_post"]
    assert [edit.name for edit in steered.append([3]).steer("pilot").edits] == [TABLE, "blocks.2.resid_post"]
    with pytest.raises(InputError, match="several features are labelled 'jedi'"):
        read.steer("jedi")
    with pytest.raises(InputError, match="nearest are 'chef'"):
        read.steer("cheff")
    with pytest.raises(InputError, match="no sparse autoencoder"):
        trace.steer("jedi")
    for other in (workings.trace_gradient(through, IDS, 3), read.fork()):
        assert other.steer("pilot").edits


@pytest.mark.parametrize("number", [5, np.int64(5), "5", " 5 "])
def test_a_feature_is_given_by_its_number_wherever_a_label_is(trace, number):
    found = sae(jedi=3).feature(5)
    through = model_of(TINY).with_sae(sae(jedi=3)).trace(IDS, dtype="float64")
    assert sae(jedi=3).feature(number).number == 5
    for layer in (None, 2):
        np.testing.assert_array_equal(
            through.steer(number, 4, layer)["logits"], through.steer(found, 4, layer)["logits"]
        )
    named = sae(**{"5": 2})  # a label goes before a number
    assert named.feature(number).number == (2 if isinstance(number, str) else 5)
    with pytest.raises(InputError, match="no sparse autoencoder"):
        trace.steer(number)
    with pytest.raises(InputError, match="2 sparse autoencoders has its own feature"):
        model_of(TINY).with_sae(sae(), sae("blocks.2.resid_post")).trace(IDS).steer(number)


@pytest.mark.parametrize("layer", [None, 1])
def test_what_is_neither_a_feature_nor_a_vector_is_said(trace, layer):
    through = model_of(TINY).with_sae(sae(jedi=3)).trace(IDS)
    for given in (True, None, 1.5, np.array(5.0)):
        with pytest.raises(InputError, match="a direction is a vector, a feature, or a feature's label or number"):
            through.steer(given, 4, layer)
    for outside in (12, -1, "12"):
        with pytest.raises(OutsideTable, match="run from 0 to 11"):
            through.steer(outside, 4, layer)


def test_a_label_is_found_in_the_autoencoder_that_comes_with_a_bundled_model(tmp_path, monkeypatch):
    storybook = workings.load("storybook")
    config = config_of("standard", storybook.config.d_model, 8, "blocks.2.resid_post")
    autoencoder(config, labels={5: "jedi"}, metadata={"model_name": "storybook"}).save(tmp_path / "storybook" / "sae")
    monkeypatch.setattr("workings.checkpoints.companions.BUNDLED", tmp_path)
    model = workings.load("storybook")
    steered = model.trace("Mike is quick. He").steer("Jedi", 2.0)
    feature = workings.load_sae("storybook").feature(5)
    assert_close(steered.edits[0].amount, 2.0 * feature.vector, 1e-6, "what is added")
    assert model.with_sae(workings.load_sae("storybook")).saes


def test_steering_stays_in_force_while_writing(trace):
    model = model_of(TINY)
    steered = model.trace(IDS[:3]).steer(VECTOR, 3, layer=1)
    written = model.generate(steered, max_new_tokens=5)
    whole = model.trace(written[:-1]).steer(VECTOR, 3, layer=1)
    assert whole["logits"].argmax(-1)[2:].tolist() == written[3:]
    only_there = model.trace(IDS[:3]).steer(VECTOR, 3, layer=1, positions=2).append(IDS[3:])
    at_two = model.trace(IDS).steer(VECTOR, 3, layer=1, positions=2)
    assert_close(only_there["logits"], at_two["logits"], 1e-5, "logits")


def test_strengths_add_up_and_0_changes_nothing(trace):
    assert_close(
        trace.steer(VECTOR, 1, 1).steer(VECTOR, 2, 1)["logits"], trace.steer(VECTOR, 3, 1)["logits"], 1e-10, "sum"
    )
    np.testing.assert_array_equal(trace.steer(VECTOR, 0, layer=1)["logits"], trace["logits"])


@pytest.mark.parametrize("positions", [None, 2, [0, 3], slice(1, 6, 2)])
def test_a_steered_trace_is_kept_in_a_file_and_replayed(trace, tmp_path, positions):
    steered = trace.steer(VECTOR, 3, layer=1, positions=positions)
    EditList.of(steered).save(tmp_path / "edits.json")
    replayed = load_edits(tmp_path / "edits.json").trace(model_of(TINY), dtype="float64")
    np.testing.assert_array_equal(replayed["logits"], steered["logits"])


@pytest.mark.parametrize(("asked", "kind", "said"), [
    ({"what": VECTOR}, InputError, "give layer="),
    ({"what": VECTOR, "layer": 3}, OutsideTable, "blocks 0 to 2"),
    ({"what": VECTOR, "layer": -1}, OutsideTable, "blocks 0 to 2"),
    ({"what": VECTOR, "layer": True}, InputError, "number of a block"),
    ({"what": VECTOR, "layer": 1.0}, InputError, "number of a block"),
    ({"what": VECTOR[:7], "layer": 1}, InputError, r"shape \[7\]; rows of blocks.1.resid_post need \[15\]"),
    ({"what": VECTOR[None], "layer": 1}, InputError, r"shape \[1, 15\]"),
    ({"what": VECTOR * np.nan, "layer": 1}, InputError, "NaN"),
    ({"what": VECTOR * 0, "layer": 1}, InputError, "change nothing"),
    ({"what": None, "layer": 1}, InputError, "a direction is"),
    ({"what": object(), "layer": 1}, InputError, "a direction is"),
    ({"what": SimpleNamespace(vector=VECTOR, table="blocks.9.resid_post")}, UnknownTable, "blocks.9"),
    ({"what": SimpleNamespace(vector=VECTOR, table="blocks.1.attn.pattern")}, InputError, "one row a token"),
    ({"what": VECTOR, "layer": 1, "strength": np.inf}, InputError, "finite"),
    ({"what": VECTOR, "layer": 1, "strength": "2"}, InputError, "finite"),
    ({"what": VECTOR, "layer": 1, "strength": True}, InputError, "finite"),
    ({"what": VECTOR, "layer": 1, "strength": 1e200}, InputError, "too large"),
    ({"what": VECTOR, "layer": 1, "positions": 6}, OutsideTable, "positions 0 to 5"),
    ({"what": VECTOR, "layer": 1, "positions": [0, -7]}, OutsideTable, "positions 0 to 5"),
    ({"what": VECTOR, "layer": 1, "positions": []}, InputError, "positions"),
    ({"what": VECTOR, "layer": 1, "positions": slice(6, None)}, OutsideTable, "^6: holds no position: .*positions 0 to 5"),
    ({"what": VECTOR, "layer": 1, "positions": slice(9, 12, 2)}, OutsideTable, "^9:12:2 holds no position"),
    ({"what": VECTOR, "layer": 1, "positions": [1, -5]}, InputError, "twice"),
    ({"what": VECTOR, "layer": 1, "positions": 1.5}, InputError, "positions"),
    ({"what": VECTOR, "layer": 1, "positions": [True, False]}, InputError, "positions"),
])  # fmt: skip
def test_what_cannot_be_steered_says_why(trace, asked, kind, said):
    with pytest.raises(kind, match=said):
        trace.steer(**asked)


@pytest.mark.parametrize(
    ("dtype", "fits", "too_large"), [("float32", 1e15, 1e19), ("float32", 1e15, 1e37), ("float64", 1e19, 1e155)]
)
def test_a_strength_at_which_norms_would_overflow_is_refused_and_one_below_gives_numbers(dtype, fits, too_large):
    trace = model_of(TINY).trace(IDS, dtype=dtype)
    assert np.isfinite(trace.steer(VECTOR, fits, layer=1)["probabilities"]).all()
    with pytest.raises(InputError, match="too large"):
        trace.steer(VECTOR, too_large, layer=1)


def test_a_feature_of_another_model_is_refused_wherever_it_is_used():
    model, sae = workings.load("storybook"), workings.load_sae("storybook")
    trace = model.trace("The student picked up his")
    other = workings.SparseAutoencoder(sae.config, sae.weights, sae.labels, metadata={"model_name": "gpt2-xl"})
    with pytest.raises(InputError, match="gpt2-xl"):
        trace.steer(other.feature("jedi"), 14)
    assert trace.steer(sae.feature("jedi"), 14).top(1)[0][0] == " lightsaber"
    unknown = workings.SparseAutoencoder(sae.config, sae.weights, sae.labels)
    assert trace.steer(unknown.feature("jedi"), 14).top(1)[0][0] == " lightsaber"

"""Whatever is given in whatever place of a public function: what cannot be used is an error in words, never another exception."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

import workings
from workings.anatomy.gradients import steepest_slopes
from workings.anatomy.tuned_lens import lens_divergence
from workings.errors import InputError, WorkingsError

ODD = (None, -1, 0, 1.5, True, "", "nonsense", [], float("nan"), 10**9)
GIVEN = ("model", "trace", "sae", "lens", "found", "scores", "progress")
"""Objects of ours and a callback: what is asked, not what is asked of it."""
TOO_LONG = [("n_prompts", 10**9)]
CLEAN, CORRUPTED = "Mike is quick. He", "Mike is slow. He"
HEAD, STREAM = "blocks.1.attn.z", "blocks.2.resid_post"

Call = tuple[Callable[..., Any], dict[str, Any]]


@cache
def calls() -> dict[str, Call]:
    """Every public function, and every method of what they give that takes something, with arguments that work."""
    model, sae, lens = workings.load("storybook"), workings.load_sae("storybook"), workings.TunedLens.load("storybook")
    trace = model.trace(CLEAN)
    found = workings.feature_examples(model, sae, [CLEAN], 1)
    read, scores = workings.logit_lens(model, trace), workings.head_scores(model, 3, 1)
    sweep = workings.patching_sweep(model, CLEAN, CORRUPTED, "He", "is", "heads")
    asked = {"token": " He", "against": " is", "position": -1}
    pair = {"clean": CLEAN, "corrupted": CORRUPTED, "answer": " He", "against": " is", "position": -1}
    kinds = {"direction": "noising", "dtype": "float32"}
    return {
        "attention": (workings.attention, {"trace": trace, "block": 1, "head": 0}),
        "attention.looks": (workings.attention(trace, 0).looks, {"k": 2, "scores": scores}),
        "attention.sentences": (workings.attention(trace, 0).sentences, {"k": 2}),
        "attribution": (workings.attribution, {"trace": trace, **asked, "features": True}),
        "attribution[]": (workings.attribution(trace).__getitem__, {"name": "L0H0"}),
        "attribution_patching": (
            workings.attribution_patching,
            {"model": model, **pair, "over": "heads", **kinds},
        ),
        "feature_card": (workings.feature_card, {"found": found, "which": 577}),
        "feature_examples": (
            workings.feature_examples,
            {"model": model, "sae": sae, "prompts": [CLEAN], "n_examples": 2},
        ),
        "examples.of": (found.of, {"number": 5}),
        "find_features": (
            workings.find_features,
            {"model": model, "sae": sae, "present": [CLEAN], "absent": [CORRUPTED], "position": -1},
        ),
        "head_scores": (workings.head_scores, {"model": model, "length": 3, "n_prompts": 1, "seed": 1}),
        "head_scores.best": (scores.best, {"kind": "induction", "k": 2}),
        "head_scores.kind_of": (scores.kind_of, {"block": 0, "head": 0}),
        "head_scores.sentence": (scores.sentence, {"block": 0, "head": 0}),
        "knock_out": (workings.knock_out, {"trace": trace, "name": HEAD, "head": 0, "positions": 1, "by": "zero"}),
        "lens_divergence": (lens_divergence, {"model": model, "prompts": [CLEAN], "lens": lens}),
        "load": (workings.load, {"name": "storybook"}),
        "load_edits": (workings.load_edits, {"path": "nowhere.json"}),
        "load_sae": (workings.load_sae, {"name": "storybook", "scaling_factor": None}),
        "logit_lens": (
            workings.logit_lens,
            {"model": model, "prompt": CLEAN, "after_attention": False, "dtype": "float32"},
        ),
        "lens.logits": (read.logits, {"stream": STREAM}),
        "lens.probabilities": (read.probabilities, {"stream": STREAM}),
        "lens.token": (read.token, {"token": " He"}),
        "lens.top": (read.top, {"k": 1, "start": 0}),
        "logit_weights": (workings.logit_weights, {"model": model, "sae": sae, "number": 5}),
        "looks": (
            workings.looks,
            {
                "trace": trace, "k": 3, "block": 0, "head": 0, "position": 2, "leave_out": (), "at_least": 0.1,
                "scores": scores,
            },
        ),
        "patching_sweep": (workings.patching_sweep, {"model": model, **pair, "over": "heads", **kinds}),
        "sweep.best": (sweep.best, {"k": 2}),
        "sweep.trace_of": (sweep.trace_of, {"block": 0, "column": 0}),
        "path_patch": (
            workings.path_patch,
            {
                "model": model, **pair, "sender": (HEAD, 0), "receiver": ("blocks.2.attn.q", 0), "sender_positions": None,
                "receiver_positions": 1, **kinds, "through_mlps": False,
            },
        ),
        "path_patching_sweep": (
            workings.path_patching_sweep,
            {"model": model, **pair, "receiver": (HEAD, 0), "receiver_positions": None, **kinds, "through_mlps": False},
        ),
        "sae.feature": (sae.feature, {"which": 577}),
        "sae.features": (sae.features, {"text": "jedi"}),
        "smallest_strength": (
            workings.smallest_strength,
            {
                "trace": trace, "what": "jedi", "token": None, "layer": 2, "positions": -1, "most": 64.0,
                "precision": 8.0, "progress": None,
            },
        ),
        "steepest_slopes": (
            steepest_slopes,
            {"trace": workings.trace_gradient(model, trace), "table": "blocks.1.mlp.post", "n": 2},
        ),
        "steering_vector": (
            workings.steering_vector,
            {"model": model, "pairs": [(CLEAN, CORRUPTED)], "table": STREAM, "position": 2},
        ),
        "trace.steer": (trace.steer, {"what": "jedi", "strength": 1.0, "layer": 2, "positions": 0}),
        "trace_gradient": (workings.trace_gradient, {"model": model, "prompt": CLEAN, **asked, "dtype": "float32"}),
        "tuned_lens": (workings.tuned_lens, {"model": model, "prompt": CLEAN, "lens": lens, "dtype": "float32"}),
        "TunedLens.load": (workings.TunedLens.load, {"name": "storybook"}),
    }  # fmt: skip


NAMES = """attention attention.looks attention.sentences attribution attribution[] attribution_patching feature_card feature_examples
examples.of find_features head_scores head_scores.best head_scores.kind_of head_scores.sentence knock_out lens_divergence load
load_edits load_sae logit_lens lens.logits lens.probabilities lens.token lens.top logit_weights looks patching_sweep
sweep.best sweep.trace_of path_patch path_patching_sweep sae.feature sae.features smallest_strength steepest_slopes
steering_vector trace.steer trace_gradient tuned_lens TunedLens.load""".split()


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """A name that is none of ours would be looked up on the hub."""

    def refuse(name: str) -> None:
        raise workings.errors.CheckpointError(f"{name} would be fetched")

    monkeypatch.setattr("workings.checkpoints.load._download", refuse)


def test_every_call_is_tried():
    assert sorted(calls()) == sorted(NAMES)
    public = {name.partition(".")[0] for name in NAMES}
    anatomy = {name for name, home in workings._HOMES.items() if "anatomy" in home or "surgery" in home}
    left_out = {"FeatureCard", "feature_cards", "write_feature_page", "EditList"}
    assert anatomy - public <= left_out


@pytest.mark.parametrize("name", NAMES)
def test_what_cannot_be_used_is_an_error_in_words(name):
    function, usual = calls()[name]
    if name != "load_edits":
        function(**usual)
    wrong = []
    for place, odd in ((place, odd) for place in usual if place not in GIVEN for odd in ODD):
        if (place, odd) not in TOO_LONG:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    function(**{**usual, place: odd})
                except WorkingsError as error:
                    if not str(error).strip():
                        wrong.append(f"{place}={odd!r}: no words")
                except Exception as error:
                    wrong.append(f"{place}={odd!r}: {type(error).__name__}: {error}")
    assert not wrong, "\n".join(wrong)


def test_a_place_that_cannot_be_written_to_is_said_as_it_was_given(tmp_path):
    sae, lens = workings.load_sae("storybook"), workings.TunedLens.load("storybook")
    card = workings.feature_card(calls()["feature_card"][1]["found"], 577)
    (tmp_path / "file").write_text("")
    for folder, said in (("nowhere", f"there is no folder {tmp_path / 'nowhere'}"), ("file", "Not a directory")):
        path = tmp_path / folder / "page.html"
        with pytest.raises(InputError) as raised:
            workings.write_feature_page(sae, [card], path)
        assert str(path) in str(raised.value) and said in str(raised.value) and ".part" not in str(raised.value)
    for save in (sae.save, lens.save, workings.load("storybook").save):
        with pytest.raises(InputError, match="cannot be written: Not a directory"):
            save(tmp_path / "file" / "inside")


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("smallest_strength", {"token": -1}, "no token -1: they run from 0 to"),
        ("smallest_strength", {"token": True}, "no token True"),
        ("smallest_strength", {"most": 0}, "the strength up to which to look, is a number other than 0; 0 came"),
        ("feature_examples", {"n_examples": 0}, "n_examples is a whole number from 1"),
        (
            "feature_examples",
            {"prompts": "Mike is"},
            "prompts is a list of prompts, such as ['Mike is']; 'Mike is' came",
        ),
        ("find_features", {"absent": "Mike is"}, "absent is a list of prompts"),
        ("find_features", {"position": 9}, "no position 9: the prompt has the positions 0 to 4"),
        ("lens_divergence", {"prompts": "Mike is"}, "prompts is a list of prompts"),
        ("head_scores", {"seed": -1}, "seed is a whole number of at least 0; -1 came"),
        ("head_scores", {"n_prompts": 1.5}, "n_prompts is a whole number of at least 1; 1.5 came"),
        ("sweep.best", {"k": -1}, "k is a whole number of at least 0; -1 came"),
        ("lens.top", {"k": None}, "the number of tokens, is a whole number from 1 to 1024; None came"),
        ("steering_vector", {"position": 1}, None),
        ("steering_vector", {"position": 9}, "no position 9"),
        ("steering_vector", {"pairs": None}, "pairs is a list of two prompts each"),
        ("knock_out", {"positions": slice(2, 2)}, "positions 2:2 name no row"),
        ("knock_out", {"positions": []}, "positions [] name no row"),
        ("path_patch", {"sender": None}, "a sender or receiver is a table's name, or a head of one"),
        ("load", {"name": None}, "a model is given as text; None came"),
        ("load_sae", {"name": 5}, "a sparse autoencoder is given as text"),
    ],
)
def test_the_words_say_what_was_expected_and_what_came(name, given, said):
    function, usual = calls()[name]
    with pytest.raises(WorkingsError) as raised:
        function(**{**usual, **given})
    assert said is None or said in str(raised.value)

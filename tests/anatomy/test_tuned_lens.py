"""The tuned lens: the logit lens where its maps change nothing, and what training must find where it is known."""

import re
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.tiny import Tiny, model_of, tinies

import workings
from workings.anatomy.tuned_lens import TunedLens, lens_divergence, weight_name
from workings.errors import CheckpointError, InputError
from workings.language import glossary
from workings.models.gpt2 import GPT2Config, weight_axes
from workings.training.last_steps import last_steps
from workings.training.tuned_lens import train_tuned_lens

D_MODEL, D_VOCAB, SEEN = 8, 60, 30


@lru_cache
def turned():
    """Two blocks, one token a prompt: the stream leaves block 0 as an embedding x and block 1 as x turned by `rotation`.

    All rows have mean 0 and one length, and the rotation keeps both, so that block 1's norm only scales x; its head,
    which has only the token itself to look at, adds the rest.
    """
    random = np.random.default_rng(5)
    flat = np.linalg.qr(np.column_stack([np.ones(D_MODEL), random.normal(size=(D_MODEL, D_MODEL - 1))]))[0][:, 1:]
    inside = np.linalg.qr(random.normal(size=(D_MODEL - 1, D_MODEL - 1)))[0]
    rotation = flat @ inside @ flat.T + np.full((D_MODEL, D_MODEL), 1 / D_MODEL)
    rows = random.normal(size=(D_VOCAB, D_MODEL - 1))
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True) * D_MODEL**0.5 @ flat.T  # a standard deviation of 1
    config = GPT2Config(
        n_layers=2, n_heads=1, d_model=D_MODEL, d_mlp=1, d_vocab=D_VOCAB, n_ctx=4, tied_embeddings=False
    )
    w = {known: np.zeros([axis.size for axis in axes], np.float32) for known, axes in weight_axes(config).items()}
    for known in w:
        if known.endswith(".w"):
            w[known][:] = 1.0
    w["W_E"][:] = rows
    w["W_U"][:] = random.normal(size=w["W_U"].shape)
    w["blocks.1.attn.W_V"][0] = np.eye(D_MODEL)
    w["blocks.1.attn.W_O"][:] = rotation - np.eye(D_MODEL)
    return workings.Model("turned", config, w), rotation


def prompts(first, last):
    return [[token] for token in range(first, last)]


def test_training_finds_a_rotation_that_the_logit_lens_does_not_see():
    model, rotation = turned()
    trace = model.trace([3], dtype="float64")
    turned_row = trace["blocks.0.resid_post"] @ rotation
    assert trace["blocks.1.resid_post"] == pytest.approx(turned_row, abs=1e-4)
    lens = train_tuned_lens(model, prompts(0, SEEN), steps=150, tokens_per_step=SEEN, rate=0.3)
    unseen = prompts(SEEN, D_VOCAB)
    stream = "blocks.0.resid_post"
    assert lens_divergence(model, unseen)[stream] > 5
    assert lens_divergence(model, unseen, lens)[stream] < 0.05
    found = trace[stream] @ lens.weights[weight_name(stream, "W")] + lens.weights[weight_name(stream, "b")]
    assert np.corrcoef(found[0], turned_row[0])[0, 1] > 0.99


@settings(max_examples=10, deadline=None)
@given(tiny=tinies(layers=3), data=st.data(), after_attention=st.booleans())
def test_maps_that_change_nothing_are_the_logit_lens_to_the_last_digit(tiny, data, after_attention):
    model = model_of(tiny)
    ids = data.draw(st.lists(st.integers(0, tiny.d_vocab - 1), min_size=1, max_size=tiny.n_ctx))
    plain = workings.logit_lens(model, ids, after_attention)
    tuned = workings.tuned_lens(model, ids, TunedLens.identity(model, after_attention))
    assert tuned.streams == plain.streams
    for stream in plain.streams:
        assert np.array_equal(tuned.logits(stream), plain.logits(stream))
    assert np.array_equal(tuned.top(2)[0], plain.top(2)[0])
    assert np.array_equal(tuned.token(1)[1], plain.token(1)[1])


def random_lens(model, seed=0):
    random = np.random.default_rng(seed)
    plain = TunedLens.identity(model)
    return replace(plain, weights={name: (w + 0.3 * random.normal(size=w.shape)).astype(np.float32) for name, w in plain.weights.items()})  # fmt: skip


def test_a_tuned_lens_is_tables_that_can_be_explained_and_edited():
    model = model_of(Tiny())
    lens = random_lens(model)
    read = workings.tuned_lens(model, [1, 2, 3], lens, dtype="float64")
    W, b = (lens.weights[weight_name("blocks.0.resid_post", letter)].astype(np.float64) for letter in "Wb")
    stream = "blocks.0.resid_post"
    swapped = model.trace([1, 2, 3], dtype="float64").edit(
        "blocks.1.resid_post", value=np.array(read.trace[stream] @ W + b)
    )
    assert read.logits(stream) == pytest.approx(swapped["logits"], abs=1e-9)
    explanation = read.trace.explain(f"{stream}.tuned_lens.translated", 1, 2)
    assert sum(term.value for term in explanation.terms) == pytest.approx(explanation.value, abs=1e-9)
    sources = [str(source) for source in explanation.sources]
    assert any(source.startswith(f"{stream}[1, ") for source in sources)
    assert any(re.fullmatch(rf"tuned_lens\.{stream}\.W\[\d+, 2\]", source) for source in sources)
    for name in [*lens.weights, f"{stream}.tuned_lens.translated", f"{stream}.tuned_lens.logits"]:
        assert glossary.sentence(name)
    edited = read.trace.edit(weight_name(stream, "b"), value=0.0)
    assert not np.array_equal(edited[f"{stream}.tuned_lens.logits"], read.logits(stream))
    assert "tuned lens" in read._repr_html_()


@settings(max_examples=8, deadline=None)
@given(tiny=tinies())
def test_the_last_steps_in_torch_are_the_models_own(tiny):
    import torch

    model = model_of(tiny)
    trace = model.trace([1, 2, 3, 4])
    last = torch.from_numpy(np.array(trace[f"blocks.{tiny.layers - 1}.resid_post"]))
    assert last_steps(model)(last).numpy() == pytest.approx(np.array(trace["logits"]), abs=2e-4)


def test_the_measure_is_the_divergence_that_torch_works_out():
    import torch

    model = model_of(Tiny())
    lens, texts = random_lens(model), [[1, 2, 3], [4, 5]]
    found = lens_divergence(model, texts, lens)
    assert list(found) == ["blocks.0.resid_post", "blocks.1.resid_post"]
    assert found["blocks.1.resid_post"] == 0.0
    own, said = [], []
    for text in texts:
        read = workings.tuned_lens(model, text, lens)
        own.append(torch.from_numpy(np.array(read.trace["logits"])).double())
        said.append(torch.from_numpy(np.array(read.logits("blocks.0.resid_post"))).double())
    own, said = (torch.log_softmax(torch.cat(rows), -1) for rows in (own, said))
    expected = torch.nn.functional.kl_div(said, own, reduction="batchmean", log_target=True)
    assert found["blocks.0.resid_post"] == pytest.approx(float(expected), rel=1e-9)


def test_the_same_seed_gives_the_same_file_and_another_seed_another(tmp_path):
    model = model_of(Tiny())
    texts = [[place % 23, (3 * place) % 23, 5] for place in range(40)]
    told = []
    for name, seed in (("one", 1), ("same", 1), ("other", 2)):
        lens = train_tuned_lens(model, texts, steps=5, tokens_per_step=20, seed=seed, source="lists",
                                progress=lambda step, losses: told.append((step, dict(losses))))  # fmt: skip
        lens.save(tmp_path / name)
    one, same, other = ((tmp_path / name / "tuned_lens.safetensors").read_bytes() for name in ("one", "same", "other"))
    assert one == same != other
    assert [step for step, _ in told[:5]] == [1, 2, 3, 4, 5] and set(told[0][1]) == {"blocks.0.resid_post"}
    loaded = TunedLens.load(tmp_path / "one")
    assert loaded.trained_on["source"] == "lists" and loaded.trained_on["seed"] == 1
    assert loaded.streams == ("blocks.0.resid_post",) and loaded.d_model == 15
    assert all(np.array_equal(loaded.weights[known], array) for known, array in lens_weights(tmp_path / "same"))


def test_a_lens_in_half_precision_is_half_as_large_and_rounded_to_three_digits(tmp_path):
    lens = random_lens(model_of(Tiny()))
    lens.save(tmp_path / "whole")
    lens.save(tmp_path / "half", "float16")
    whole, half = ((tmp_path / name / "tuned_lens.safetensors").stat().st_size for name in ("whole", "half"))
    n_numbers = sum(array.size for array in lens.weights.values())
    assert whole - half == pytest.approx(2 * n_numbers, abs=16)
    for known, array in lens_weights(tmp_path / "half"):
        assert array.dtype == np.float32 and array == pytest.approx(lens.weights[known], rel=1e-3)
    with pytest.raises(InputError, match="float32 or float16; 'int8' came"):
        lens.save(tmp_path, "int8")
    name = next(iter(lens.weights))
    with pytest.raises(InputError, match="float16 cannot hold"):
        replace(lens, weights={**lens.weights, name: lens.weights[name] + 1e6}).save(tmp_path, "float16")


def test_a_lens_is_taken_by_a_bundled_models_name_or_from_a_folder(tmp_path, monkeypatch):
    from workings.checkpoints import companions

    lens = replace(random_lens(model_of(Tiny())), model="fairy")
    monkeypatch.setattr(companions, "BUNDLED", tmp_path / "bundled")
    (tmp_path / "bundled" / "plain").mkdir(parents=True)
    with pytest.raises(
        CheckpointError, match=r"no tuned lens 'fairy': .* no bundled model has one; `workings train lens"
    ):
        TunedLens.load("fairy")
    lens.save(tmp_path / "bundled" / "fairy" / "tuned_lens")
    assert TunedLens.load("fairy").model == "fairy"
    for name in ("plain", "../fairy", "elsewhere", ""):
        with pytest.raises(CheckpointError, match=r"models with a bundled one: fairy|holds no tuned lens"):
            TunedLens.load(name)
    lens.save(tmp_path / "mine")
    assert TunedLens.load(tmp_path / "mine").weights.keys() == lens.weights.keys()
    with pytest.raises(CheckpointError, match=r"is a file; give the folder that holds tuned_lens\.json and"):
        TunedLens.load(tmp_path / "mine" / "tuned_lens.json")


def test_storybooks_lens_reads_held_out_stories_much_better_than_the_logit_lens():
    from workings.training.storybook.lens import measure

    model, lens = workings.load("storybook"), TunedLens.load()
    lens.check(model)
    kept = lens.trained_on["measured_on_held_out_stories"]
    measured = measure(model, lens, 20)
    for stream in lens.streams:
        assert measured["tuned_lens"][stream] < 0.2 * measured["logit_lens"][stream]
        assert kept["tuned_lens"][stream] < 0.2 * kept["logit_lens"][stream]
        assert measured["tuned_lens"][stream] == pytest.approx(kept["tuned_lens"][stream], rel=0.3)


def test_the_script_that_makes_storybooks_lens_gives_the_same_file_again(tmp_path):
    from workings.training.storybook.lens import make

    model = workings.load("storybook")
    made = [make(model, tmp_path / name, steps=2, count=2) for name in ("one", "again")]
    assert made[0] == made[1]
    for name in ("tuned_lens.safetensors", "tuned_lens.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()
    lens = TunedLens.load(tmp_path / "one")
    assert lens.trained_on["measured_on_held_out_stories"] == {"stories": 2, **made[0]}
    assert lens.streams == TunedLens.load().streams


def lens_weights(folder):
    return TunedLens.load(folder).weights.items()


def test_a_lens_of_another_model_is_refused():
    lens = TunedLens.identity(model_of(Tiny()))
    with pytest.raises(InputError, match=r"rows have 15 numbers; those of .* have 10"):
        workings.tuned_lens(model_of(Tiny(heads=2)), [1], lens)
    with pytest.raises(InputError, match="made for another, and this is"):
        workings.tuned_lens(model_of(Tiny()), [1], replace(lens, model="another"))
    deeper = replace(TunedLens.identity(model_of(Tiny(layers=3))), model=model_of(Tiny()).name)
    with pytest.raises(InputError, match=r"blocks\.2|blocks\.1"):
        workings.tuned_lens(replace_layers(model_of(Tiny()), 1), [1], replace(deeper, model="one block"))


def replace_layers(model, n_layers):
    config = replace(model.config, n_layers=n_layers)
    weights = {known: array for known, array in model.weights.items() if known in weight_axes(config)}
    return workings.Model("one block", config, weights)


@pytest.mark.parametrize("damage", ["no weights", "cut", "shape", "not finite", "missing", "config"])
def test_a_damaged_lens_is_refused_with_what_is_wrong(tmp_path, damage):
    from workings.checkpoints.safetensors_file import write_safetensors

    lens = TunedLens.identity(model_of(Tiny()))
    lens.save(tmp_path)
    path, weights = tmp_path / "tuned_lens.safetensors", dict(lens.weights)
    first = next(iter(weights))
    if damage == "no weights":
        path.unlink()
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:-10])
    elif damage == "shape":
        write_safetensors(path, {**weights, first: np.eye(3, dtype=np.float32)})
    elif damage == "not finite":
        write_safetensors(path, {**weights, first: weights[first] * np.nan})
    elif damage == "missing":
        write_safetensors(path, {known: array for known, array in weights.items() if known != first})
    else:
        (tmp_path / "tuned_lens.json").write_text('{"model": 3}')
    said = {"no weights": "no tuned lens", "cut": "not a whole", "shape": "was expected", "not finite": "finite",
            "missing": "is missing", "config": "should say model"}[damage]  # fmt: skip
    with pytest.raises(CheckpointError, match=said):
        TunedLens.load(tmp_path)


def test_training_refuses_what_cannot_be_trained_on():
    model = model_of(Tiny())
    with pytest.raises(InputError, match="came to an end"):
        train_tuned_lens(model, iter([[1, 2]]), steps=2, tokens_per_step=2)
    with pytest.raises(InputError, match="came to an end"):
        train_tuned_lens(model, [], steps=1)
    with pytest.raises(InputError, match="above 0"):
        train_tuned_lens(model, [[1]], steps=0)
    with pytest.raises(InputError, match="texts is a list of prompts"):
        train_tuned_lens(model, "Mike is", steps=1)
    with pytest.raises(InputError, match="one block"):
        train_tuned_lens(replace_layers(model, 1), [[1]])

"""Sparse autoencoders learn planted features, go on after an interruption, and are measured rightly."""

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
from planted import D_MODEL, N_FEATURES, TABLE, planted, prompts
from tests.autoencoders import autoencoder, config_of
from tests.tiny import Tiny, model_of

import workings
from workings.checkpoints.sparse_autoencoder import SparseAutoencoder
from workings.errors import InputError
from workings.models.sae import SAEConfig, row_width
from workings.training.sae import unfinished
from workings.training.sae.activations import ShufflingBuffer, texts_again_and_again
from workings.training.sae.metrics import explained_variance, measure
from workings.training.sae.recipe import ARCHITECTURES, Recipe
from workings.training.sae.train import train_sae

PLAIN = Recipe(
    TABLE,
    d_sae=32,
    k=2,
    steps=1500,
    batch_size=256,
    learning_rate=5e-3,
    buffer_size=4096,
    dead_after=10_000,
    warm_up=50,
)


@pytest.fixture(scope="module")
def model_and_directions():
    return planted()


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_planted_features_are_found(model_and_directions, architecture):
    model, directions = model_and_directions
    reports = []
    sae = train_sae(model, replace(PLAIN, architecture=architecture), prompts, progress=reports.append)
    rows = sae.weights["W_dec"]
    found = np.abs(directions @ (rows / np.linalg.norm(rows, axis=1, keepdims=True)).T).max(axis=1)
    assert (found > 0.95).mean() > 0.9, f"{architecture} found {(found > 0.95).sum()} of {N_FEATURES}"
    assert reports[-1].step == PLAIN.steps
    assert reports[-1].explained_variance > 0.9 > reports[0].explained_variance
    assert reports[-1].l0 < 5


def test_topk_keeps_k_features_and_rebuilds_what_it_read(model_and_directions):
    model, _ = model_and_directions
    sae = train_sae(model, PLAIN, prompts)
    rows = model.weights["W_E"]  # what stands at a token's position
    acts = sae.encode(rows)
    assert ((acts > 0).sum(axis=1) <= PLAIN.k).all()
    assert explained_variance(rows, sae.decode(acts)) > 0.95


def test_batchtopk_is_saved_as_jumprelu_with_one_threshold(model_and_directions, tmp_path):
    model, _ = model_and_directions
    sae = train_sae(model, replace(PLAIN, architecture="batchtopk", steps=300), prompts)
    assert sae.config.architecture == "jumprelu" and len(np.unique(sae.weights["threshold"])) == 1
    sae.save(tmp_path)
    again = workings.load_sae(tmp_path)
    rows = model.weights["W_E"]
    np.testing.assert_array_equal(again.encode(rows), sae.encode(rows))
    assert (sae.encode(rows) > 0).sum(axis=1).mean() == pytest.approx(PLAIN.k, rel=0.5)


class Interrupted(Exception):
    """Somebody pulled the plug."""


def stop_at(step):
    def watch(report):
        if report.step == step:
            raise Interrupted

    return watch


@pytest.mark.parametrize("architecture", ["batchtopk", "jumprelu"])
def test_an_interrupted_training_goes_on_to_the_same_numbers(model_and_directions, architecture, tmp_path):
    model, _ = model_and_directions
    recipe = replace(PLAIN, architecture=architecture, steps=120)
    whole = train_sae(model, recipe, prompts)
    for step in (50, 95):
        with pytest.raises(Interrupted):
            train_sae(model, recipe, prompts, keep=tmp_path, every=20, progress=stop_at(step))
    steps = []
    again = train_sae(model, recipe, prompts, keep=tmp_path, every=20, progress=lambda r: steps.append(r.step))
    assert steps[0] == 81  # what was kept after step 80
    for name, array in whole.weights.items():
        np.testing.assert_array_equal(again.weights[name], array, err_msg=name)


def test_going_on_with_other_settings_another_model_or_a_damaged_file_is_refused(model_and_directions, tmp_path):
    model, _ = model_and_directions
    recipe = replace(PLAIN, steps=40)
    train_sae(model, recipe, prompts, keep=tmp_path, every=20)
    with pytest.raises(InputError, match="k 2, not 3"):
        train_sae(model, replace(recipe, k=3), prompts, keep=tmp_path)
    with pytest.raises(InputError, match="weights"):
        train_sae(planted(seed=5)[0], recipe, prompts, keep=tmp_path)
    path = tmp_path / unfinished.FILE
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match="damaged"):
        train_sae(model, recipe, prompts, keep=tmp_path)
    unfinished.remove(tmp_path)
    train_sae(model, replace(recipe, steps=2), prompts, keep=tmp_path)


def test_going_on_with_other_texts_is_refused(model_and_directions, tmp_path):
    model, _ = model_and_directions
    recipe = replace(PLAIN, steps=40)
    texts = list(islice(prompts(), 40))  # all of them read by then
    with pytest.raises(Interrupted):
        train_sae(model, recipe, texts_again_and_again(texts), keep=tmp_path, every=20, progress=stop_at(30))
    others = [*texts[:-1], [*texts[-1][:-1], (texts[-1][-1] + 1) % model.config.d_vocab]]
    for given in (others, texts[::-1], texts[:-1]):
        with pytest.raises(InputError, match="texts were others than those that came now"):
            train_sae(model, recipe, texts_again_and_again(given), keep=tmp_path)
    train_sae(model, recipe, texts_again_and_again(texts), keep=tmp_path)


def test_an_unfinished_training_that_does_not_say_its_texts_goes_on(model_and_directions):
    model, _ = model_and_directions
    one, two = (ShufflingBuffer(model, TABLE, prompts, 256, 0) for _ in range(2))
    rows, state = one.state()
    two.restore(rows, {name: value for name, value in state.items() if name != "texts"})
    np.testing.assert_array_equal(one.take(300), two.take(300))
    assert one.state()[1] == two.state()[1]


def test_the_buffer_gives_every_row_once_and_mixed(model_and_directions):
    model, _ = model_and_directions
    numbered = [[token] * 8 for token in range(64)]
    buffer = ShufflingBuffer(model, TABLE, texts_again_and_again(numbered), size=512, seed=3)
    rows = np.concatenate([buffer.take(64) for _ in range(8)])
    expected = np.repeat(model.weights["W_E"][:64], 8, axis=0)
    key = lambda array: sorted(map(tuple, array.tolist()))  # noqa: E731
    assert len(rows) == 512
    assert sum(row in set(key(expected)) for row in key(rows)) == 512
    assert (rows[1:] == rows[:-1]).all(axis=1).mean() < 0.2  # neighbours in a text are all alike


def test_positions_before_the_first_one_are_left_out(model_and_directions):
    model, _ = model_and_directions
    buffer = ShufflingBuffer(model, TABLE, texts_again_and_again([[0, 1, 2, 3]]), size=64, seed=0, first_position=3)
    assert (buffer.take(32) == model.weights["W_E"][3]).all()
    with pytest.raises(InputError, match="first_position"):
        ShufflingBuffer(model, TABLE, texts_again_and_again([[0, 1]]), size=64, seed=0, first_position=3).take(1)


def test_of_heads_the_rows_are_all_heads_side_by_side_and_one_is_trained_and_measured_on_them(model_and_directions):
    model, _ = model_and_directions
    table, texts = "blocks.0.attn.z", list(islice(prompts(), 30))
    z = [model.trace(ids)[table] for ids in texts]
    rows = np.concatenate([np.hstack(heads) for heads in z])  # [row, head*d_head]
    buffer = ShufflingBuffer(model, table, texts_again_and_again(texts), len(rows), seed=3)
    np.testing.assert_array_equal(np.unique(buffer.peek(), axis=0), np.unique(rows, axis=0))
    recipe = replace(PLAIN, table=table, steps=200, d_sae=48, k=8)
    sae = train_sae(model, recipe, texts_again_and_again(texts))
    assert (sae.config.table, sae.config.d_in) == (table, D_MODEL)
    measured = measure(model, sae, texts)
    assert measured.explained_variance == pytest.approx(
        explained_variance(rows, sae.decode(sae.encode(rows))), abs=1e-5
    )
    assert measured.explained_variance > 0.8
    silent = model.trace(texts[0]).edit(table, ..., value=0.0)["logits"]
    through = model.with_sae(sae).trace(texts[0])
    assert np.abs(through.edit(f"{table}.sae.out", ..., value=0.0)["logits"] - silent).max() < 1e-5
    with pytest.raises(InputError, match=r"\[head, pos, d_head\]"):
        train_sae(model, replace(recipe, table="blocks.0.attn.pattern"), texts_again_and_again(texts))


def test_explained_variance_by_its_closed_forms():
    x = np.random.default_rng(0).standard_normal((50, 7)) + 3
    assert explained_variance(x, x) == 1
    assert explained_variance(x, np.broadcast_to(x.mean(axis=0), x.shape)) == pytest.approx(0, abs=1e-12)
    assert explained_variance(x, x.mean(axis=0) + 0.5 * (x - x.mean(axis=0))) == pytest.approx(0.75)
    with pytest.raises(InputError, match="no variance"):
        explained_variance(np.ones((3, 2)), np.ones((3, 2)))


def identity(model) -> SparseAutoencoder:
    """Two features for every number, one for each sign: nothing is lost."""
    eye = np.eye(D_MODEL, dtype=np.float32)
    weights = {
        "W_enc": np.concatenate([eye, -eye], axis=1),
        "b_enc": np.zeros(2 * D_MODEL),
        "W_dec": np.concatenate([eye, -eye]),
        "b_dec": np.zeros(D_MODEL),
    }
    return SparseAutoencoder(SAEConfig(D_MODEL, 2 * D_MODEL, "blocks.0.resid_post"), weights)


def test_a_perfect_autoencoder_recovers_the_whole_loss_and_an_empty_one_none(model_and_directions):
    model, _ = model_and_directions
    texts = list(islice(prompts(1), 3))
    perfect = identity(model)
    best = measure(model, perfect, texts)
    assert best.explained_variance == pytest.approx(1) and best.loss_recovered == pytest.approx(1, abs=1e-4)
    assert best.l0 == pytest.approx(D_MODEL) and best.dead == 0
    nothing = SparseAutoencoder(perfect.config, {**perfect.weights, "W_dec": np.zeros((2 * D_MODEL, D_MODEL))})
    worst = measure(model, nothing, texts)
    assert worst.loss_with_sae == pytest.approx(worst.loss_with_zeros)
    assert worst.loss_recovered == pytest.approx(0, abs=1e-6)
    assert worst.loss == pytest.approx(best.loss)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"architecture": "gru"}, "architecture is one of"),
        ({"k": 33}, "k is at most d_sae"),
        ({"k": 0}, "k is a whole number of at least 1"),
        ({"steps": 1.5}, "steps is a whole number"),
        ({"sparsity": float("nan")}, "sparsity"),
        ({"buffer_size": 300}, "at least twice batch_size"),
    ],
)
def test_a_recipe_that_cannot_be_is_refused(change, words):
    with pytest.raises(InputError, match=words):
        replace(PLAIN, **change)


@pytest.mark.parametrize("table", ["logits", "probabilities"])
def test_a_table_that_nothing_reads_on_from_is_refused_before_anything_is_read(table):
    def never():
        raise AssertionError("texts were read")

    with pytest.raises(InputError, match=f"nothing reads on from {table}"):
        train_sae(model_of(Tiny()), replace(PLAIN, table=table), never)


def test_a_table_of_another_autoencoder_is_refused():
    model = model_of(Tiny())
    spliced = model.with_sae(autoencoder(config_of("standard", 15, 20)))
    with pytest.raises(InputError, match="a table of the model itself"):
        train_sae(spliced, replace(PLAIN, table="blocks.1.resid_post.sae.acts"), prompts)


def test_whatever_can_be_trained_on_can_be_opened_again_and_put_into_the_model(tmp_path):
    model = model_of(Tiny())
    recipe = Recipe(TABLE, d_sae=4, k=2, steps=1, batch_size=8, buffer_size=32)
    able = [name for name, table in model.graph.named.items() if row_width(table)]
    able = [name for name in able if name not in ("logits", "probabilities")]
    assert len(able) > 30
    for name in able:
        train_sae(model, replace(recipe, table=name), [[1, 2, 3, 4], [3, 2, 1]]).save(tmp_path / name)
        again = workings.load_sae(tmp_path / name)
        assert np.isfinite(model.with_sae(again).trace([1, 2, 3])["logits"]).all() and again.config.table == name


@pytest.mark.parametrize("table", ["blocks.7.resid_post", "blocks.0.attn.pattern", "W_E"])
def test_a_table_that_no_autoencoder_reads_is_refused(model_and_directions, table):
    with pytest.raises(InputError, match=r"blocks\.0\.resid_post"):
        train_sae(model_and_directions[0], replace(PLAIN, table=table), prompts)


def test_a_list_of_texts_is_gone_through_again_and_again(model_and_directions):
    model, _ = model_and_directions
    texts, recipe = [[1, 2, 3], [4, 5], [6]] * 9, replace(PLAIN, steps=3, seed=5)
    ours, given = train_sae(model, recipe, texts), train_sae(model, recipe, texts_again_and_again(texts, seed=5))
    for name, weight in given.weights.items():
        np.testing.assert_array_equal(ours.weights[name], weight)


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        ("Mike is", "texts is a list of prompts"),
        (7, "texts is a list of prompts"),
        (iter([[1]]), "an iterator came"),
        ([], "no texts"),
    ],
)
def test_texts_that_cannot_be_gone_through_are_refused(model_and_directions, texts, said):
    with pytest.raises(InputError, match=said):
        train_sae(model_and_directions[0], PLAIN, texts)

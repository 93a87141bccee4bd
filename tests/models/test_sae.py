"""Sparse autoencoders: the papers' formulas in every option, alone and read on through inside a model."""

from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import workings
from autoencoders import ARCHITECTURES, OPTIONS, autoencoder, config_of, in_torch
from tiny import Tiny, assert_close, model_of, random_ids, trace_without_kernels
from workings.engine import kernels
from workings.errors import InputError
from workings.models.sae import SAEConfig, decode, encode, sae_weight_axes

TOLERANCE = {"float32": 1e-5, "float64": 1e-10}
TABLE = "blocks.1.resid_post"
TINY = Tiny(layers=3)
IDS = random_ids(TINY, 7)
KINDS = [
    ("standard", {}),
    ("topk", {}),
    ("topk", {"rescale_acts_by_decoder_norm": True}),
    ("jumprelu", {"normalize_activations": "layer_norm"}),
    ("gated", {"normalize_activations": "constant_norm_rescale"}),
    (
        "topk",
        {"normalize_activations": "expected_average_only_in", "scaling_factor": 0.3, "apply_b_dec_to_input": False},
    ),
]


def spliced(kind="topk", table=TABLE, **options):
    model = model_of(TINY)
    width = model.graph.named[table].axes[-1].size
    return model, model.with_sae(autoencoder(config_of(kind, width, 40, table, **options)))


@settings(max_examples=30)
@given(
    case=st.sampled_from(list(product(ARCHITECTURES, OPTIONS))),
    rows=st.integers(1, 6),
    d_in=st.integers(2, 9),
    d_sae=st.integers(1, 30),
    seed=st.integers(0, 99),
)
def test_features_and_rebuilt_rows_are_those_of_the_published_formulas(case, rows, d_in, d_sae, seed):
    architecture, options = case
    sae = autoencoder(config_of(architecture, d_in, d_sae, **options), seed)
    x = np.random.default_rng(seed + 1).normal(size=(rows, d_in)) * 3 + 1
    w = {name: torch.from_numpy(array.astype(np.float64)) for name, array in sae.weights.items()}
    expected_acts, expected = in_torch(torch.from_numpy(x), w, sae.config)
    for dtype in ("float64", "float32"):
        acts = sae.encode(x.astype(dtype))
        assert acts.dtype == dtype and acts.shape == (rows, d_sae)
        if dtype == "float64":
            assert_close(acts, expected_acts.numpy(), 1e-10, "acts")
            assert_close(sae.decode(acts, x), expected.numpy(), 1e-10, "rebuilt rows")


def test_top_k_lets_as_many_features_of_a_row_fire_as_it_says_and_they_are_the_largest():
    sae = autoencoder(config_of("topk", 6, 20, k=4))
    x = np.random.default_rng(0).normal(size=(50, 6)) * 5
    pre, acts = encode(x, SimpleNamespace(**sae.weights), sae.config)
    assert ((acts > 0).sum(1) <= 4).all() and ((acts > 0).sum(1) == 4).any()
    for row, fired in zip(pre, acts, strict=True):
        assert row[fired > 0].min() >= np.sort(row)[-4]


def test_features_that_are_equally_the_k_th_largest_all_fire():
    config = SAEConfig(2, 3, TABLE, "topk", k=1, apply_b_dec_to_input=False)
    weights = {
        "W_enc": np.array([[1, 1, 0], [0, 0, 1]]),
        "b_enc": np.zeros(3),
        "W_dec": np.zeros((3, 2)),
        "b_dec": np.zeros(2),
    }
    sae = workings.SparseAutoencoder(config, weights)
    assert sae.encode([2.0, 1.0]).tolist() == [2.0, 2.0, 0.0]


@pytest.mark.parametrize("wrong", [
    {"architecture": "topk"}, {"architecture": "topk", "k": 0}, {"architecture": "topk", "k": 9}, {"k": 3}, {"d_in": 0},
    {"architecture": "transcoder"}, {"normalize_activations": "batch"}, {"rescale_acts_by_decoder_norm": True}, {"d_sae": 2.0},
    {"scaling_factor": 2.0}, {"normalize_activations": "expected_average_only_in", "scaling_factor": 0.0}, {"table": ""},
])  # fmt: skip
def test_a_config_that_makes_no_autoencoder_is_refused(wrong):
    with pytest.raises(InputError):
        SAEConfig(**{"d_in": 4, "d_sae": 8, "table": TABLE, **wrong})


def test_rows_of_a_common_size_are_not_undone_by_guess():
    config = config_of("standard", 4, 6, normalize_activations="layer_norm")
    with pytest.raises(InputError, match="give the rows"):
        decode(np.zeros((1, 6)), SimpleNamespace(), config)


# Inside a model ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("kind", "options"), KINDS)
def test_every_table_of_a_model_stays_as_it_is_when_it_reads_on_through_an_autoencoder(kind, options, dtype):
    model, through = spliced(kind, **options)
    plain = model.trace(IDS, dtype=dtype)
    looked_at = through.trace(IDS, dtype=dtype)
    assert np.any(looked_at[f"{TABLE}.sae.acts"] > 0) and np.abs(looked_at[f"{TABLE}.sae.error"]).max() > 0.1
    for trace in (through.trace(IDS, dtype=dtype), looked_at):
        for name in plain.names():
            assert_close(trace[name], plain[name], TOLERANCE[dtype], name)
        assert_close(trace[f"{TABLE}.sae.out"], plain[TABLE], TOLERANCE[dtype], "out")


@pytest.mark.parametrize(("kind", "options"), KINDS)
def test_the_tables_of_an_autoencoder_are_what_it_gives_alone(kind, options):
    _, through = spliced(kind, **options)
    trace = through.trace(IDS, dtype="float64")
    x = trace[TABLE]
    sae = autoencoder(config_of(kind, x.shape[1], 40, TABLE, **options))
    acts = sae.encode(x)
    assert_close(trace[f"{TABLE}.sae.acts"], acts, 1e-6, "acts")  # folded weights are rounded to float32
    assert_close(trace[f"{TABLE}.sae.recons"], sae.decode(acts, x), 1e-6, "recons")
    assert_close(trace[f"{TABLE}.sae.error"], x - sae.decode(acts, x), 1e-6, "error")


@pytest.mark.parametrize(
    "table", ["blocks.0.resid_pre", "blocks.1.resid_mid", "blocks.0.attn_out", "blocks.2.mlp_out", "blocks.1.mlp.post", "blocks.0.ln1.normalized", "blocks.2.resid_post"]
)  # fmt: skip
def test_any_table_of_one_row_a_token_has_room_for_an_autoencoder(table):
    model, through = spliced("jumprelu", table)
    plain, trace = model.trace(IDS, dtype="float64"), through.trace(IDS, dtype="float64")
    assert_close(trace["logits"], plain["logits"], 1e-10, table)
    changed = trace.edit(f"{table}.sae.acts", (2, 5), value=9.0)
    assert np.abs(changed["logits"][2:] - plain["logits"][2:]).max() > 1e-3
    np.testing.assert_array_equal(changed["logits"][:2], trace["logits"][:2])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_an_edit_of_a_feature_adds_its_decoder_row_and_nothing_makes_it_good(dtype):
    _, through = spliced("topk")
    trace = through.trace(IDS, dtype=dtype)
    before, out = trace[f"{TABLE}.sae.acts"][3, 11], trace[f"{TABLE}.sae.out"]
    changed = trace.edit(f"{TABLE}.sae.acts", (3, 11), value=5.0)
    moved = changed[f"{TABLE}.sae.out"] - out
    assert_close(moved[3], (5.0 - before) * through.weights[f"{TABLE}.sae.W_dec"][11], 10 * TOLERANCE[dtype], "out")
    assert not moved[:3].any() and not moved[4:].any()
    np.testing.assert_array_equal(changed[f"{TABLE}.sae.error"], trace[f"{TABLE}.sae.error"])
    same = through.without_saes().trace(IDS, dtype=dtype).edit(TABLE, (3, slice(None)), add=moved[3])
    assert_close(changed["logits"], same["logits"], 10 * TOLERANCE[dtype], "logits")


@pytest.mark.parametrize("part", ["pre", "recons"])
def test_edits_of_what_is_addressed_and_of_what_is_rebuilt_show_too(part):
    _, through = spliced("standard")
    trace = through.trace(IDS, dtype="float64")
    changed = trace.edit(f"{TABLE}.sae.{part}", (3, 2), add=40.0)
    assert np.abs(changed["logits"][3] - trace["logits"][3]).max() > 1e-3


@pytest.mark.parametrize(("kind", "options"), KINDS)
def test_an_edit_of_any_table_of_an_autoencoder_takes_effect_or_is_refused(kind, options):
    _, through = spliced(kind, **options)
    trace = through.trace(IDS, dtype="float64")
    before = trace[f"{TABLE}.sae.out"]
    strongest = int(trace[f"{TABLE}.sae.acts"][3].argmax())
    for name in trace.names():
        if ".sae." in name:
            column = strongest if trace.shape(name)[1] == 40 else 0
            if ".unedited." in name:
                with pytest.raises(InputError, match=f"edit {name.replace('unedited.', '')}"):
                    trace.edit(name, (3, column), scale=-3.0)
                continue
            changed = trace.edit(name, (3, column), scale=-3.0)
            assert np.abs(changed[f"{TABLE}.sae.out"][3] - before[3]).max() > 1e-6, name


def test_features_that_nobody_edited_fire_alike_to_the_last_bit_whichever_rows_are_worked_out_together():
    _, through = spliced("topk")
    read = through.trace(IDS[:3]).edit(f"{TABLE}.sae.acts", (0, 3), value=2.0)
    for token in IDS[3:]:
        read.top(1)
        read = read.append([token])
    read.rows("logits", 4)
    read.rows(f"{TABLE}.sae.acts", 5)
    for part in ("pre", "acts"):
        found, unedited = (read[f"{TABLE}.sae.{where}{part}"][1:] for where in ("", "unedited."))
        np.testing.assert_array_equal(found, unedited)


@pytest.mark.parametrize(("kind", "options"), KINDS)
def test_kernels_give_what_the_definition_gives_edited_or_not(kind, options):
    _, through = spliced(kind, **options)
    for change in (lambda trace: trace, lambda trace: trace.edit(f"{TABLE}.sae.acts", (2, 3), add=2.0)):
        quick, plain = change(through.trace(IDS, dtype="float64")), change(trace_without_kernels(through, IDS))
        for name in quick.names():
            assert_close(quick[name], plain[name], 1e-10, name)


def test_row_by_row_is_all_at_once_with_a_feature_held():
    _, through = spliced("topk")
    edit = (slice(1, None), 7)
    growing = through.trace(IDS[:2], dtype="float64").edit(f"{TABLE}.sae.acts", edit, value=4.0)
    for token in IDS[2:]:
        growing["logits"]
        growing = growing.append([token])
    whole = through.trace(IDS, dtype="float64").edit(f"{TABLE}.sae.acts", edit, value=4.0)
    for name in whole.names():
        assert_close(growing[name], whole[name], 1e-10, name)


@pytest.mark.parametrize("looked_at", [None, "acts", "recons", "unedited.pre"])
def test_reading_on_past_features_that_nobody_edited_never_works_them_out(monkeypatch, looked_at):
    _, through = spliced("topk")
    trace = through.trace(IDS)
    if looked_at:
        trace[f"{TABLE}.sae.{looked_at}"]
    products, product = [], kernels.product
    monkeypatch.setattr(kernels, "product", lambda x, weight: products.append(weight.shape) or product(x, weight))
    trace[f"{TABLE}.sae.out"], trace["logits"], trace.top(3)
    encoder, decoder = (15, 40), (40, 15)
    assert products and {encoder, decoder}.isdisjoint(products)
    products.clear()
    trace.edit(f"{TABLE}.sae.acts", (2, 3), value=2.0).top(3)
    assert decoder in products and products.count(encoder) <= 1, "rows are encoded once, edited or not"


@pytest.mark.parametrize(("kind", "options"), KINDS)
def test_the_gradient_of_a_feature_is_what_central_differences_give(kind, options):
    model, through = spliced(kind, **options)
    token, step = 3, 1e-5
    found = workings.trace_gradient(through, IDS, token, dtype="float64")
    acts = found[f"{TABLE}.sae.acts"]
    fired = int(acts[2].argmax())
    for name, column in ((f"{TABLE}.sae.acts", fired), (f"{TABLE}.sae.pre", fired), (f"{TABLE}.sae.recons", 4)):
        trace = through.trace(IDS, dtype="float64")
        ends = [trace.edit(name, (2, column), add=by)["logits"][-1, token] for by in (step, -step)]
        assert found[f"gradient.{name}"][2, column] == pytest.approx(
            (ends[0] - ends[1]) / (2 * step), abs=1e-7, rel=1e-5
        ), name
    plain = workings.trace_gradient(model, IDS, token, dtype="float64")
    assert_close(found[f"gradient.{TABLE}"], plain[f"gradient.{TABLE}"], 1e-8, "through the autoencoder")


def test_attribution_can_pass_an_autoencoder_by():
    plain, through = spliced("topk")
    expected = workings.attribution(plain.trace(IDS, "float64"), token=5)
    trace = through.trace(IDS, "float64")
    found = workings.attribution(trace, token=5, features=False)
    assert [part.name for part in found.parts] == [part.name for part in expected.parts]
    assert [part.value for part in found.parts] == pytest.approx([part.value for part in expected.parts], abs=1e-9)
    edited = trace.edit(f"{TABLE}.sae.acts", (-1, 3), value=5.0)
    found = workings.attribution(edited, token=5, features=False)
    assert sum(part.value for part in found.parts) == pytest.approx(found.total, abs=1e-9)
    assert found[f"edit of {TABLE}.sae"].value != 0


def test_attribution_counts_features_and_what_they_miss_and_still_adds_up():
    _, through = spliced("topk")
    trace = through.trace(IDS, dtype="float64").edit(f"{TABLE}.sae.acts", (-1, 9), value=3.0)
    found = workings.attribution(trace, token=5)
    assert sum(part.value for part in found.parts) == pytest.approx(found.total, abs=1e-9)
    features = found[f"{TABLE}.sae.acts"]
    assert sum(part.value for part in features.parts) == pytest.approx(features.value, abs=1e-9)
    assert found["L1F9"].value != 0 and str(found["L1F9"].address) == f"{TABLE}.sae.acts[6, 9]"
    assert not found[f"{TABLE}.sae.error"].parts
    assert "embed" not in {part.name for part in found.parts}


def test_the_explanation_of_a_feature_says_what_it_had_to_exceed():
    _, through = spliced("topk")
    trace = through.trace(IDS)
    off = int(np.where(trace[f"{TABLE}.sae.acts"][2] == 0, trace[f"{TABLE}.sae.pre"][2], -99).argmax())
    told = str(trace.explain(f"{TABLE}.sae.acts", 2, off))
    assert "The features: how strongly each fires" in told and "largest of its row" in told
    assert len(trace.explain(f"{TABLE}.sae.acts", 2, off).sources) == 2
    missed = trace.explain(f"{TABLE}.sae.error", 2, 4)
    assert {str(source) for source in missed.sources} == {f"{TABLE}[2, 4]", f"{TABLE}.sae.unedited.recons[2, 4]"}


def test_several_autoencoders_work_in_one_model_and_leave_it_again():
    model = model_of(TINY)
    first = autoencoder(config_of("topk", 15, 30, "blocks.0.resid_post"))
    second = autoencoder(config_of("gated", 15, 20, "blocks.2.mlp_out"))
    both = model.with_sae(first).with_sae(second)
    assert [sae.config.table for sae in both.saes] == ["blocks.0.resid_post", "blocks.2.mlp_out"]
    assert_close(both.trace(IDS)["logits"], model.trace(IDS)["logits"], 1e-5, "logits")
    assert both.weights["W_E"] is model.weights["W_E"]
    assert both.without_saes().trace(IDS).names() == model.trace(IDS).names()
    assert both.n_parameters == model.n_parameters + sum(
        a.size for sae in (first, second) for a in sae.weights.values()
    )


def test_an_edited_weight_of_an_autoencoder_becomes_part_of_the_model():
    from workings.surgery.weights import with_edited_weights

    _, through = spliced("topk")
    name = f"{TABLE}.sae.W_dec"
    trace = through.trace(IDS).edit(name, (3, slice(None)), value=0.5)
    edited = with_edited_weights(through, trace)
    assert (edited.saes[0].weights["W_dec"][3] == 0.5).all()
    assert_close(edited.trace(IDS)[f"{TABLE}.sae.recons"], trace[f"{TABLE}.sae.recons"], 1e-5, "recons")


def test_a_model_with_an_autoencoder_is_not_saved_without_a_word(tmp_path):
    _, through = spliced()
    with pytest.raises(InputError, match="without_saes"):
        through.save(tmp_path)


@pytest.mark.parametrize(("table", "width", "said"), [
    ("blocks.7.resid_post", 15, "blocks 0 to 2"),
    ("blocks.1.resid_post", 16, r"rows of 16 numbers .* has 15"),
    ("blocks.1.attn.pattern", 5, "one row a token"),
    ("W_E", 15, "not worked out"),
    ("logits", 23, "nothing reads on"),
])  # fmt: skip
def test_an_autoencoder_that_does_not_fit_the_model_is_refused(table, width, said):
    with pytest.raises(InputError, match=said):
        model_of(TINY).with_sae(autoencoder(config_of("standard", width, 8, table)))


def test_two_autoencoders_of_one_table_and_one_of_another_model_are_refused():
    model, sae = model_of(TINY), autoencoder(config_of("standard", 15, 8, TABLE))
    with pytest.raises(InputError, match="room for one"):
        model.with_sae(sae).with_sae(sae)
    other = workings.SparseAutoencoder(sae.config, sae.weights, metadata={"model_name": "gpt2-small"})
    storybook = workings.load("storybook")
    with pytest.raises(InputError, match="trained on 'gpt2-small'"):
        storybook.with_sae(workings.SparseAutoencoder(**_for(storybook, other)))


def _for(model, sae):
    config = config_of("standard", model.config.d_model, 8, TABLE)
    return {"config": config, "weights": autoencoder(config).weights, "metadata": sae.metadata}


def test_every_table_and_weight_of_an_autoencoder_is_in_the_glossary_and_the_diagram():
    from workings.language.glossary import AXES, sentence
    from workings.language.tables import axis_labels

    for kind, options in KINDS:
        _, through = spliced(kind, **options)
        for name, table in {**through.graph.named, **through.graph.weights}.items():
            assert sentence(name) and set(axis_labels(table.axes)) <= set(AXES), name
        plain = {name: axis_labels(table.axes) for name, table in model_of(TINY).graph.named.items()}
        assert plain == {name: axis_labels(through.graph.named[name].axes) for name in plain}, "words of axes stay"
        assert "resid_post.sae" in through.diagram()
        assert set(sae_weight_axes(through.saes[0].config)) == set(through.saes[0].weights)


@pytest.mark.parametrize("block", [1, 2])
def test_the_logit_lens_reads_what_comes_out_of_an_autoencoder(block):
    from workings.anatomy.logit_lens import lens_name, logit_lens

    table = f"blocks.{block}.resid_post"
    model, through = spliced("topk", table)
    plain, read = logit_lens(model, IDS, dtype="float64"), logit_lens(through, IDS, dtype="float64")
    assert plain.streams == read.streams
    for stream in plain.streams:
        assert_close(read.logits(stream), plain.logits(stream), 1e-10, stream)
    changed = read.trace.edit(f"{table}.sae.acts", (3, 5), value=9.0)
    assert np.abs(changed[lens_name(table)][3] - read.logits(table)[3]).max() > 1e-3
    assert_close(changed[lens_name("blocks.2.resid_post")], changed["logits"], 1e-10, "the last stream")


def without_means(model):
    """The same model, but that no weight writes a mean into the stream: TransformerLens's `center_writing_weights`."""
    centered = {}
    for name, array in model.weights.items():
        if name.rsplit(".", 1)[-1] in ("W_E", "W_pos", "W_O", "b_O", "W_out", "b_out"):
            centered[name] = array - array.mean(axis=-1, keepdims=True)
    return model.with_weights(centered)


@pytest.mark.parametrize("architecture", ["standard", "topk"])
def test_an_autoencoder_of_a_centered_model_has_the_same_features_in_the_model_as_it_is(architecture, tmp_path):
    plain = model_of(Tiny(layers=3, tied=False))
    sae = autoencoder(config_of(architecture, plain.config.d_model, 40, TABLE, centered_input=True))
    sae.save(tmp_path)
    sae = workings.load_sae(tmp_path)
    assert sae.config.centered_input
    expected = sae.encode(without_means(plain).trace(IDS)[TABLE])
    through = plain.with_sae(sae).trace(IDS)
    assert_close(through[f"{TABLE}.sae.acts"], expected, 1e-5, "acts")
    assert_close(sae.read(plain.trace(IDS)), expected, 1e-5, "acts, read")
    assert_close(through["logits"], plain.trace(IDS)["logits"], 1e-5, "logits")
    assert not np.allclose(sae.encode(plain.trace(IDS)[TABLE]), expected, atol=1e-3)

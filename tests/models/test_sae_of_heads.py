"""A sparse autoencoder of `attn.z` reads what all heads found, head after head as one row, and what it gives is cut back to heads."""

import numpy as np
import pytest

import workings
from autoencoders import autoencoder, config_of
from tiny import Tiny, assert_close, model_of, random_ids, trace_without_kernels
from workings.errors import InputError
from workings.surgery.edit_list import EditList, load_edits

TINY = Tiny(layers=3, heads=3, d_head=5)
IDS = random_ids(TINY, 7)
TABLE = "blocks.1.attn.z"
KINDS = [
    ("standard", {}),
    ("topk", {"rescale_acts_by_decoder_norm": True}),
    ("jumprelu", {"normalize_activations": "layer_norm"}),
    ("gated", {"normalize_activations": "constant_norm_rescale"}),
]


def sae_of_heads(kind="topk", **options):
    return autoencoder(config_of(kind, 15, 40, TABLE, **options), labels={3: "jedi"})


def side_by_side(z):
    """Column h*d_head + j of a token's row is column j of head h."""
    heads, n_pos, width = z.shape
    rows = np.empty((n_pos, heads * width), z.dtype)
    for head in range(heads):
        rows[:, head * width : (head + 1) * width] = z[head]
    return rows


@pytest.fixture(scope="module")
def model():
    return model_of(TINY)


@pytest.mark.parametrize(("kind", "options"), KINDS)
def test_features_are_those_of_the_heads_side_by_side_and_the_model_stays_as_it_is(model, kind, options):
    sae, plain = sae_of_heads(kind, **options), model.trace(IDS, dtype="float64")
    trace = model.with_sae(sae).trace(IDS, dtype="float64")
    rows = side_by_side(plain[TABLE])
    assert_close(trace[f"{TABLE}.sae.recons"], sae.decode(sae.encode(rows), rows), 1e-6, "recons")
    assert_close(trace[f"{TABLE}.sae.acts"], sae.encode(rows), 1e-6, "acts")
    assert_close(sae.read(plain, 2, 5), sae.encode(rows)[2:5], 1e-10, "acts, read")
    assert_close(
        trace[f"{TABLE}.sae.error"] + trace[f"{TABLE}.sae.recons"], rows, 1e-10, "what is missed and what is rebuilt"
    )
    for name in plain.names():
        assert_close(trace[name], plain[name], 1e-10, name)
    assert trace.shape(f"{TABLE}.sae.out") == trace.shape(TABLE) == (3, 7, 5)
    assert (trace[f"{TABLE}.sae.acts"] > 0).any()


def test_features_are_the_published_formula_s_worked_out_with_numpy_alone(model):
    sae, z = sae_of_heads("standard"), model.trace(IDS, dtype="float64")[TABLE]
    w = {name: array.astype(np.float64) for name, array in sae.weights.items()}
    rows = np.einsum("hpd->phd", z).reshape(7, 15)
    acts = np.maximum((rows - w["b_dec"]) @ w["W_enc"] + w["b_enc"], 0)
    trace = model.with_sae(sae).trace(IDS, dtype="float64")
    assert_close(trace[f"{TABLE}.sae.acts"], acts, 1e-10, "acts")
    assert_close(trace[f"{TABLE}.sae.recons"], acts @ w["W_dec"] + w["b_dec"], 1e-10, "recons")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_an_edit_of_a_feature_moves_every_head_by_its_own_part_of_the_decoder_row(model, dtype):
    through = model.with_sae(sae := sae_of_heads())
    trace = through.trace(IDS, dtype=dtype)
    before, out, written = trace[f"{TABLE}.sae.acts"][3, 11], trace[f"{TABLE}.sae.out"], trace["blocks.1.attn_out"]
    changed = trace.edit(f"{TABLE}.sae.acts", (3, 11), value=5.0)
    moved = (5.0 - before) * sae.weights["W_dec"][11]
    tolerance = 1e-4 if dtype == "float32" else 1e-10
    for head in range(3):
        part = moved[5 * head : 5 * head + 5]
        assert_close((changed[f"{TABLE}.sae.out"] - out)[head, 3], part, tolerance, f"head {head}")
    assert_close(
        (changed["blocks.1.attn_out"] - written)[3], moved @ model.weights["blocks.1.attn.W_O"], tolerance, "attn_out"
    )
    np.testing.assert_array_equal(changed["logits"][:3], trace["logits"][:3])
    assert np.abs(changed["logits"][3:] - trace["logits"][3:]).max() > 1e-3
    by_hand = model.trace(IDS, dtype=dtype).edit(TABLE, (slice(None), 3), add=moved.reshape(3, 5))
    assert_close(changed["logits"], by_hand["logits"], tolerance, "logits")


@pytest.mark.parametrize(
    "change", [None, (f"{TABLE}.sae.acts", (2, 3)), (f"{TABLE}.sae.out", (1, 2, 3)), (TABLE, (0, 2))]
)
def test_kernels_give_what_the_definition_gives_edited_or_not(model, change):
    through = model.with_sae(sae_of_heads("gated", normalize_activations="constant_norm_rescale"))
    quick, plain = through.trace(IDS, dtype="float64"), trace_without_kernels(through, IDS)
    if change:
        quick, plain = (trace.edit(*change, add=2.0) for trace in (quick, plain))
    for name in quick.names():
        assert_close(quick[name], plain[name], 1e-10, name)


def test_row_by_row_is_all_at_once_with_a_feature_held(model):
    through, held = model.with_sae(sae_of_heads()), (f"{TABLE}.sae.acts", (slice(1, None), 7))
    growing = through.trace(IDS[:2], dtype="float64").edit(*held, value=4.0)
    for token in IDS[2:]:
        growing["logits"]
        growing = growing.append([token])
    whole = through.trace(IDS, dtype="float64").edit(*held, value=4.0)
    for name in whole.names():
        assert_close(growing[name], whole[name], 1e-10, name)


def test_explanations_lead_from_the_rows_of_features_back_to_the_cells_of_heads(model):
    trace = model.with_sae(sae_of_heads()).trace(IDS, dtype="float64")
    missed = trace.explain(f"{TABLE}.sae.error", 3, 12)
    assert {str(source) for source in missed.sources} == {f"{TABLE}[2, 3, 2]", f"{TABLE}.sae.unedited.recons[3, 12]"}
    out = trace.explain(f"{TABLE}.sae.out", 2, 3, 2)
    assert {str(source) for source in out.sources} == {f"{TABLE}.sae.error[3, 12]", f"{TABLE}.sae.recons[3, 12]"}
    assert "Take each row apart into features" in str(out)
    addressed = trace.explain(f"{TABLE}.sae.unedited.pre", 3, 8)
    assert f"{TABLE}[0, 3, 1]" in {str(source) for source in addressed.sources}
    for told in (missed, out, addressed):
        assert sum(term.value for term in told.terms) == pytest.approx(told.value, abs=1e-9)


def test_the_gradient_of_a_feature_is_what_central_differences_give(model):
    through, step = model.with_sae(sae_of_heads("standard")), 1e-5
    found = workings.trace_gradient(through, IDS, 3, dtype="float64")
    fired = int(found[f"{TABLE}.sae.acts"][2].argmax())
    for name, cell in ((f"{TABLE}.sae.acts", (2, fired)), (f"{TABLE}.sae.out", (1, 2, 3)), (TABLE, (2, 4, 1))):
        trace = through.trace(IDS, dtype="float64")
        ends = [trace.edit(name, cell, add=by)["logits"][-1, 3] for by in (step, -step)]
        assert found[f"gradient.{name}"][cell] == pytest.approx((ends[0] - ends[1]) / (2 * step), abs=1e-7, rel=1e-5)


@pytest.mark.parametrize("edited", [None, (f"{TABLE}.sae.acts", (-1, 9)), (f"{TABLE}.sae.out", (1, -1))])
def test_attribution_counts_features_or_heads_and_adds_up(model, edited):
    trace = model.with_sae(sae_of_heads()).trace(IDS, dtype="float64")
    trace = trace.edit(*edited, value=3.0) if edited else trace
    found = workings.attribution(trace, token=5)
    assert sum(part.value for part in found.parts) == pytest.approx(found.total, abs=1e-9)
    features = found[f"{TABLE}.sae.acts"]
    assert features.parts and sum(part.value for part in features.parts) == pytest.approx(features.value, abs=1e-9)
    assert any(part.name.endswith(" of attn.z") for part in features.parts)
    passed_by = workings.attribution(trace, token=5, features=False)
    assert sum(part.value for part in passed_by.parts) == pytest.approx(passed_by.total, abs=1e-9)
    assert passed_by["L1H2"].parts


@pytest.mark.parametrize("positions", [None, 4, [1, 5], slice(2, None)])
def test_steering_adds_every_head_its_part_and_is_kept_in_a_file(model, tmp_path, positions):
    feature, trace = sae_of_heads().feature("jedi"), model.trace(IDS, dtype="float64")
    steered = trace.steer(feature, -2.5, positions=positions)
    rows = np.arange(7)[slice(None) if positions is None else positions]
    expected = np.zeros((7, 15))
    expected[rows] = -2.5 * feature.vector
    assert_close(side_by_side(steered[TABLE] - trace[TABLE]), expected, 1e-6, "what was added")
    EditList.of(steered).save(tmp_path / "edits.json")
    replayed = load_edits(tmp_path / "edits.json").trace(model, dtype="float64")
    np.testing.assert_array_equal(replayed["logits"], steered["logits"])
    longer = trace.steer(feature, 2.0).append([3])[TABLE] - trace.append([3])[TABLE]
    assert_close(side_by_side(longer)[-1], 2.0 * feature.vector, 1e-6, "what was added to a later token")


def test_a_direction_of_heads_is_none_of_the_stream(model):
    sae, trace = sae_of_heads(), model.trace(IDS)
    with pytest.raises(InputError, match="leave layer out"):
        trace.steer(sae.feature("jedi"), 2.0, layer=1)
    w = {name: array.astype(np.float64) for name, array in model.weights.items()}
    written = sae.weights["W_dec"][3].astype(np.float64) @ w["blocks.1.attn.W_O"]
    scores = ((written - written.mean()) * w["ln_final.w"][0]) @ w["W_E"].T
    assert_close(workings.logit_weights(model, sae, 3), scores - scores.mean(), 1e-10, "logit weights")


@pytest.mark.parametrize(("width", "said"), [(5, "rows of 5 numbers .* has 15"), (14, "has 15")])
def test_a_width_other_than_that_of_all_heads_is_refused(model, width, said):
    with pytest.raises(InputError, match=said):
        model.with_sae(autoencoder(config_of("standard", width, 8, TABLE)))


def test_examples_of_its_features_are_found(model):
    sae, prompts = sae_of_heads(), [random_ids(TINY, 9, seed) for seed in range(6)]
    found = workings.feature_examples(model, sae, prompts)
    acts = [sae.encode(side_by_side(model.trace(ids)[TABLE])) for ids in prompts]
    assert_close(found.largest, np.concatenate(acts).max(axis=0), 1e-5, "largest")
    number = int(found.largest.argmax())
    assert found.of(number)[0].peak == pytest.approx(found.largest[number], rel=1e-5)
    assert workings.feature_card(found, number).promotes


def test_a_steering_vector_of_heads_is_the_mean_difference_of_their_rows(model):
    pairs = [([3, 1], [4, 1]), ([2, 2, 5], [7, 2, 5])]
    rows = [[side_by_side(model.trace(ids, "float64")[TABLE])[-1] for ids in pair] for pair in pairs]
    found = workings.steering_vector(model, pairs, TABLE)
    assert_close(found.vector, np.mean([a - b for a, b in rows], axis=0), 1e-10, "vector")
    steered = model.trace(IDS, "float64").steer(found, 2.0)
    assert_close(
        side_by_side(steered[TABLE] - model.trace(IDS, "float64")[TABLE])[3], 2.0 * found.vector, 1e-10, "added"
    )

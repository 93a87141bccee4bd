"""SAELens folders of `hook_z`: all heads side by side, in old and new configs, with SAELens's own numbers."""

import json
from itertools import product

import numpy as np
import pytest
import torch
from tests.autoencoders import ARCHITECTURES, OPTIONS, autoencoder, config_of
from tests.tiny import Tiny, assert_close, model_of

import workings
from workings.errors import CheckpointError, InputError

TINY, IDS, TABLE = Tiny(heads=3, d_head=2), [3, 1, 4, 1, 5], "blocks.1.attn.z"
CASES = [
    (kind, options)
    for kind, options in product(ARCHITECTURES, OPTIONS)
    if kind == "topk" or "rescale_acts_by_decoder_norm" not in options
]
FLAT = {
    "d_in": 6, "d_sae": 20, "dtype": "torch.float32", "device": "cuda", "model_name": "gpt2-small", "prepend_bos": True,
    "hook_point": "blocks.1.attn.hook_z", "hook_point_layer": 1, "hook_point_head_index": None, "normalize_activations": "none",
    "activation_fn_str": "relu", "finetuning_scaling_factor": False, "sae_lens_training_version": None,
}  # fmt: skip
"""As SAELens wrote them before version 6; what reads them takes `reshape_activations` from the hook's name."""


def sae_of_heads(kind="standard", **options):
    return autoencoder(config_of(kind, 6, 20, TABLE, **options), metadata={"model_name": "tiny"})


def test_what_is_written_says_that_it_reads_heads_and_is_read_again(tmp_path):
    sae_of_heads().save(tmp_path)
    stored = json.loads((tmp_path / "cfg.json").read_text())
    assert (stored["reshape_activations"], stored["metadata"]["hook_name"]) == ("hook_z", "blocks.1.attn.hook_z")
    assert workings.load_sae(tmp_path).config == sae_of_heads().config
    autoencoder(config_of("standard", 6, 20)).save(tmp_path)
    assert json.loads((tmp_path / "cfg.json").read_text())["reshape_activations"] == "none"


@pytest.mark.parametrize(
    "more", [{}, {"reshape_activations": "hook_z"}, {"hook_name": "blocks.1.attn.hook_z", "hook_point": None}]
)
def test_flat_configs_are_understood(tmp_path, more):
    sae = sae_of_heads()
    sae.save(tmp_path)
    (tmp_path / "cfg.json").write_text(json.dumps(FLAT | more))
    again = workings.load_sae(tmp_path)
    assert again.config == sae.config
    rows = np.hstack(model_of(TINY).trace(IDS)[TABLE])  # [pos, head*d_head]
    np.testing.assert_array_equal(again.read(model_of(TINY).trace(IDS)), sae.encode(rows))


@pytest.fixture(scope="module")
def sae_lens():
    return pytest.importorskip(
        "sae_lens", reason="SAELens is not installed (pip install sae-lens): compared by hand, see docs/decisions.md"
    )


def with_heads(trace, name=TABLE):
    """[pos, head, d_head], as TransformerLens has it."""
    return torch.from_numpy(trace[name].transpose(1, 0, 2).copy())


@pytest.mark.parametrize(("kind", "options"), CASES)
def test_saelens_gives_the_same_features_and_heads_whoever_wrote_the_folder(sae_lens, tmp_path, kind, options):
    ours, model = sae_of_heads(kind, **options), model_of(TINY)
    ours.save(tmp_path / "ours")
    theirs = sae_lens.SAE.load_from_disk(str(tmp_path / "ours"))
    assert theirs.hook_z_reshaping_mode and theirs.cfg.metadata.hook_name == "blocks.1.attn.hook_z"
    z = with_heads(model.trace(IDS))
    with torch.no_grad():
        acts = theirs.encode(z)
        rebuilt = theirs.decode(acts)
    assert rebuilt.shape == z.shape and (acts > 0).any()
    theirs.save_model(str(tmp_path / "theirs"))
    for sae in (ours, workings.load_sae(tmp_path / "ours"), workings.load_sae(tmp_path / "theirs")):
        trace = model.with_sae(sae).trace(IDS)
        gaps = [np.abs(trace[f"{TABLE}.sae.acts"] - acts.numpy()).max()]
        gaps.append(np.abs(trace[f"{TABLE}.sae.recons"] - rebuilt.numpy().reshape(5, 6)).max())
        held = trace.edit(f"{TABLE}.sae.error", scale=0.0)
        gaps.append(np.abs(with_heads(held, f"{TABLE}.sae.out") - rebuilt).max())
        print(kind, options, sae_lens.__version__, max(gaps))
        assert max(gaps) < 1e-5


def test_saelens_reads_a_flat_config_as_we_do(sae_lens, tmp_path):
    sae_of_heads().save(tmp_path)
    (tmp_path / "cfg.json").write_text(json.dumps({**FLAT, "device": "cpu", "dtype": "float32"}))
    theirs, trace = sae_lens.SAE.load_from_disk(str(tmp_path)), model_of(TINY).trace(IDS)
    with torch.no_grad():
        acts = theirs.encode(with_heads(trace)).numpy()
    assert_close(workings.load_sae(tmp_path).read(trace), acts, 1e-5, "features")


# Settings that change what an autoencoder read: right, or refused -----------------------------------------------------


def change(folder, metadata=None, **stored):
    path = folder / "cfg.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps({**config, **stored, "metadata": {**config["metadata"], **(metadata or {})}}))
    return folder


def made_with(**settings):
    return {"metadata": {"model_from_pretrained_kwargs": settings}}


@pytest.mark.parametrize(("table", "centered"), [
    ("blocks.1.resid_post", True), ("blocks.1.attn_out", True), ("blocks.1.mlp_out", True), ("embed", True),
    (TABLE, False), ("blocks.1.mlp.post", False), ("blocks.1.ln2.normalized", False),
])  # fmt: skip
def test_a_centered_model_has_other_rows_in_the_stream_alone(tmp_path, table, centered):
    autoencoder(config_of("standard", 6, 20, table)).save(tmp_path)
    sae = workings.load_sae(change(tmp_path, **made_with(center_writing_weights=True)))
    assert sae.config.centered_input == centered
    if not centered:
        with pytest.raises(InputError, match="is the same in a model"):
            workings.load_sae(tmp_path, centered_input=True)


@pytest.mark.parametrize("apply_b_dec_to_input", [True, False])
def test_folded_value_biases_are_refused_with_what_to_do_and_it_is_right(tmp_path, apply_b_dec_to_input):
    sae, model = sae_of_heads("topk", apply_b_dec_to_input=apply_b_dec_to_input), model_of(TINY)
    sae.save(tmp_path)
    with pytest.raises(CheckpointError, match="add b_V of all heads, side by side, to b_dec"):
        workings.load_sae(change(tmp_path, **made_with(fold_value_biases=True)))
    b_V, trace = model.weights["blocks.1.attn.b_V"].reshape(-1), model.trace(IDS, dtype="float64")
    folded = np.hstack(trace[TABLE]) - b_V  # every pattern adds up to 1, so each head's bias is in every row once
    moved = {"b_dec": sae.weights["b_dec"] + b_V}
    if not apply_b_dec_to_input:
        moved["b_enc"] = sae.weights["b_enc"] - b_V @ sae.weights["W_enc"]
    mended = workings.SparseAutoencoder(sae.config, {**sae.weights, **moved})
    assert_close(mended.read(trace), sae.encode(folded), 1e-5, "features")
    assert_close(mended.decode(sae.encode(folded)), sae.decode(sae.encode(folded)) + b_V, 1e-5, "rows")


@pytest.mark.parametrize(("table", "settings"), [
    ("blocks.1.resid_post", {"fold_value_biases": True, "fold_ln": True, "refactor_factored_attn_matrices": True}),
    (TABLE, {"fold_value_biases": False, "fold_ln": True, "n_devices": 2}),
    (TABLE, None),
])  # fmt: skip
def test_rewritten_weights_that_leave_the_table_as_it_is_are_none_of_its_business(tmp_path, table, settings):
    autoencoder(config_of("standard", 6, 20, table)).save(tmp_path)
    change(tmp_path, {"model_from_pretrained_kwargs": settings})
    assert workings.load_sae(tmp_path).config.table == table


@pytest.mark.parametrize(("table", "changes", "said"), [
    (TABLE, made_with(refactor_factored_attn_matrices=True), "heads write it in other directions"),
    ("blocks.1.ln2.normalized", made_with(fold_ln=True), "lacks the learnt stretch"),
    (TABLE, {"metadata": {"model_from_pretrained_kwargs": "none"}}, "should be a JSON object"),
    (TABLE, {"metadata": {"hook_head_index": 0}}, "hook_head_index is 0"),
    (TABLE, {"metadata": {"hook_head_index_out": 0}}, "hook_head_index_out is 0"),
    (TABLE, {"activation_fn": "relu", "activation_fn_str": "topk"}, "two things about activation"),
    (TABLE, {"activation_fn": "topk", "k": 4, "activation_fn_kwargs": {"k": 5}}, "two things about k"),
    (TABLE, {"normalize_activations": "constant_scalar_rescale"}, "normalize_activations is one of"),
    (TABLE, {"normalize_activations": "expected_average_only_in"}, "give scaling_factor"),
    (TABLE, {"finetuning_scaling_factor": True}, "finetuning_scaling_factor is True"),
    (TABLE, {"architecture": "transcoder", "d_out": 6}, "not supported"),
    (TABLE, {"metadata": {"hook_name_out": "blocks.1.hook_attn_out"}}, "hook_name_out"),
    (TABLE, {"architecture": "batchtopk", "k": 3}, "architecture 'batchtopk'"),
    (TABLE, {"architecture": "abstopk", "k": 3}, "architecture 'abstopk'"),
    (TABLE, {"architecture": "matching_pursuit"}, "architecture 'matching_pursuit'"),
    (TABLE, {"architecture": "temporal"}, "architecture 'temporal'"),
])  # fmt: skip
def test_what_would_be_read_wrongly_is_refused(tmp_path, table, changes, said):
    autoencoder(config_of("standard", 6, 20, table)).save(tmp_path)
    with pytest.raises(CheckpointError, match=said):
        workings.load_sae(change(tmp_path, **changes))


@pytest.mark.parametrize(
    "settings", [{"prepend_bos": False}, {"context_size": 64}, {"seqpos_slice": [5, None]}, {"dataset_path": "x"}]
)
def test_how_it_was_trained_changes_no_number_and_is_kept(tmp_path, settings):
    sae = sae_of_heads()
    sae.save(tmp_path)
    again = workings.load_sae(change(tmp_path, settings))
    assert again.config == sae.config and settings.items() <= again.metadata.items()

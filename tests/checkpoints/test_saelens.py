"""SAELens folders: what is written is read again, old configs are understood, and anything that does not fit says so."""

import json
from itertools import product

import numpy as np
import pytest
import safetensors.torch
import torch
from safetensors.numpy import load_file, save_file
from tests.autoencoders import ARCHITECTURES, OPTIONS, autoencoder, config_of
from tests.tiny import assert_close

import workings
from workings.checkpoints.load_sae import bundled_sae
from workings.errors import CheckpointError, InputError, OutsideTable

CASES = [
    (kind, options)
    for kind, options in product(ARCHITECTURES, OPTIONS)
    if kind == "topk" or "rescale_acts_by_decoder_norm" not in options
]
X = np.random.default_rng(3).normal(size=(11, 6)).astype(np.float32) * 2


def plain_options(options):
    """Options as a folder holds them: a scaling factor is worked into the weights."""
    return {} if "scaling_factor" in options else options


@pytest.mark.parametrize(("kind", "options"), CASES)
def test_what_is_written_is_read_again(tmp_path, kind, options):
    sae = autoencoder(
        config_of(kind, 6, 20, **options), labels={3: "jedi"}, evidence={3: ["Yoda"]}, metadata={"seed": 7}
    )
    sae.save(tmp_path)
    again = workings.load_sae(tmp_path)
    assert again.config == config_of(kind, 6, 20, **plain_options(options))
    acts = sae.encode(X)
    assert_close(again.encode(X), acts, 1e-6, "features")
    assert_close(again.decode(acts, X), sae.decode(acts, X), 1e-6, "rows")
    assert (again.labels, again.evidence, again.metadata["seed"]) == ({3: "jedi"}, {3: ["Yoda"]}, 7)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cfg.json", "features.json", "sae_weights.safetensors"]
    if "scaling_factor" not in options:
        assert all(np.array_equal(again.weights[name], array) for name, array in sae.weights.items())


def test_both_options_that_scale_can_be_folded_at_once():
    options = {
        "normalize_activations": "expected_average_only_in",
        "scaling_factor": 0.4,
        "rescale_acts_by_decoder_norm": True,
    }
    sae = autoencoder(config_of("topk", 6, 20, **options))
    folded = sae.folded()
    assert folded.config == config_of("topk", 6, 20)
    assert_close(folded.encode(X), sae.encode(X), 1e-6, "features")
    assert_close(folded.decode(sae.encode(X)), sae.decode(sae.encode(X)), 1e-6, "rows")


def test_saving_without_labels_leaves_no_labels_of_what_lay_there_before(tmp_path):
    config = config_of("standard", 6, 20)
    autoencoder(config, labels={1: "old"}).save(tmp_path)
    autoencoder(config, 1).save(tmp_path)
    assert not workings.load_sae(tmp_path).labels


def test_the_flat_config_of_before_saelens_6_is_understood(tmp_path):
    sae = autoencoder(config_of("topk", 6, 20, k=5))
    sae.save(tmp_path)
    flat = {
        "d_in": 6, "d_sae": 20, "dtype": "torch.float32", "device": "cuda", "model_name": "gpt2-small",
        "hook_point": "blocks.1.hook_resid_post", "hook_point_layer": 1, "hook_point_head_index": None,
        "activation_fn_str": "topk", "activation_fn_kwargs": {"k": 5}, "normalize_activations": False,
        "finetuning_scaling_factor": False, "l1_coefficient": 8e-5, "lr": 4e-4, "prepend_bos": True,
    }  # fmt: skip
    (tmp_path / "cfg.json").write_text(json.dumps(flat))
    again = workings.load_sae(tmp_path)
    assert again.config == sae.config and again.metadata["model_name"] == "gpt2-small"
    np.testing.assert_array_equal(again.encode(X), sae.encode(X))


def test_half_precision_is_widened_and_a_scaling_factor_of_ones_passed_over(tmp_path):
    sae = autoencoder(config_of("gated", 6, 20))
    sae.save(tmp_path)
    for dtype in (torch.float16, torch.bfloat16):
        tensors = {name: torch.from_numpy(array).to(dtype).squeeze(0) for name, array in sae.weights.items()}
        with_ones = {**tensors, "scaling_factor": torch.ones(20, dtype=dtype)}
        safetensors.torch.save_file(with_ones, tmp_path / "sae_weights.safetensors")
        for name, array in workings.load_sae(tmp_path).weights.items():
            assert array.dtype == np.float32
            np.testing.assert_array_equal(array.squeeze(), tensors[name].float().numpy().squeeze())


def test_an_input_scale_that_the_config_does_not_tell_is_asked_for(tmp_path):
    sae = autoencoder(config_of("standard", 6, 20))
    sae.save(tmp_path)
    change_config(tmp_path, normalize_activations="expected_average_only_in")
    with pytest.raises(CheckpointError, match="give scaling_factor"):
        workings.load_sae(tmp_path)
    assert workings.load_sae(tmp_path, scaling_factor=0.5).config.scaling_factor == 0.5
    (tmp_path / "activation_scaler.json").write_text('{"scaling_factor": 0.25}')
    assert_close(workings.load_sae(tmp_path).encode(X * 4), sae.encode(X), 1e-6, "features")
    change_config(tmp_path, normalize_activations="none")
    with pytest.raises(CheckpointError, match="no scaling_factor to give"):
        workings.load_sae(tmp_path, scaling_factor=0.5)


def change_config(folder, **changes):
    stored = json.loads((folder / "cfg.json").read_text())
    metadata = {**stored["metadata"], **changes.pop("metadata", {})}
    (folder / "cfg.json").write_text(json.dumps({**stored, **changes, "metadata": metadata}))


def change_tensors(folder, **changes):
    tensors = {**load_file(folder / "sae_weights.safetensors"), **changes}
    save_file({k: v for k, v in tensors.items() if v is not None}, folder / "sae_weights.safetensors")


@pytest.fixture
def folder(tmp_path):
    autoencoder(config_of("jumprelu", 6, 20), labels={2: "lightsaber", 3: "jedi", 5: "Jedi master"}).save(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("changes", "said"), [
    ({"architecture": "skip_transcoder"}, "architecture 'skip_transcoder'"),
    ({"architecture": ["jumprelu"]}, "architecture"),
    ({"hook_name_out": "blocks.2.hook_mlp_out"}, "hook_name_out"),
    ({"metadata": {"hook_name_out": "blocks.2.hook_mlp_out"}}, "hook_name_out"),
    ({"metadata": {"hook_head_index": 3}}, "hook_head_index"),
    ({"metadata": {"hook_name": None}}, "which table"),
    ({"finetuning_scaling_factor": True}, "finetuning_scaling_factor"),
    ({"reshape_activations": "hook_z"}, "reshape_activations is 'hook_z', .* reads blocks.1.resid_post"),
    ({"reshape_activations": "hook_q"}, "reshape_activations is 'hook_q', which is not supported"),
    ({"normalize_activations": "covariance_whitening"}, "normalize_activations"),
    ({"normalize_activations": [1]}, "normalize_activations"),
    ({"activation_fn_str": "tanh-relu"}, "activation 'tanh-relu'"),
    ({"activation_fn_kwargs": {"k": 3, "nonneg": 1}}, "activation_fn_kwargs"),
    ({"apply_b_dec_to_input": "no"}, "apply_b_dec_to_input"),
    ({"rescale_acts_by_decoder_norm": True}, "rescale_acts_by_decoder_norm"),
    ({"metadata": {"hook_name": 3}}, "which table"),
    ({"d_in": 7}, r"tensor W_enc has shape \[6, 20\]; the config asks for \[7, 20\]"),
    ({"d_sae": "many"}, "d_sae"),
    ({"architecture": "topk"}, "k"),
    ({"architecture": "standard"}, "tensor threshold is not part of"),
    ({"architecture": "gated"}, "tensor b_gate is missing"),
])  # fmt: skip
def test_a_config_that_is_not_supported_or_does_not_fit_its_tensors_says_what_is_wrong(folder, changes, said):
    change_config(folder, **changes)
    with pytest.raises(CheckpointError, match=said) as error:
        workings.load_sae(folder)
    assert str(folder) in str(error.value)


@pytest.mark.parametrize(("changes", "said"), [
    ({"b_dec": None}, "b_dec is missing"),
    ({"W_skip": np.zeros((6, 6), np.float32)}, "W_skip is not part of"),
    ({"W_dec": np.zeros((6, 20), np.float32)}, r"W_dec has shape \[6, 20\]"),
    ({"b_enc": np.full(20, np.nan, np.float32)}, r"b_enc holds nan at \[0, 0\]"),
    ({"scaling_factor": np.full(20, 2, np.float32)}, "scaling_factor"),
    ({"threshold": np.zeros(20, np.int64)}, "I64"),
])  # fmt: skip
def test_damaged_tensors_are_named(folder, changes, said):
    change_tensors(folder, **changes)
    with pytest.raises(CheckpointError, match=said):
        workings.load_sae(folder)


def test_folders_that_hold_no_autoencoder_say_what_they_lack(folder, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    with pytest.raises(CheckpointError, match=r"no cfg\.json"):
        workings.load_sae(elsewhere)
    (elsewhere / "cfg.json").write_bytes((folder / "cfg.json").read_bytes())
    with pytest.raises(CheckpointError, match=r"no sae_weights\.safetensors"):
        workings.load_sae(elsewhere)
    (elsewhere / "sae.pt").write_bytes(b"pickled")
    with pytest.raises(CheckpointError, match="pickled"):
        workings.load_sae(elsewhere)
    whole = (folder / "sae_weights.safetensors").read_bytes()
    (elsewhere / "sae_weights.safetensors").write_bytes(whole[:-9])
    with pytest.raises(CheckpointError, match="not a whole safetensors file"):
        workings.load_sae(elsewhere)
    (elsewhere / "cfg.json").write_text("{")
    with pytest.raises(CheckpointError, match="JSON"):
        workings.load_sae(elsewhere)
    with pytest.raises(CheckpointError, match="no folder of this name"):
        workings.load_sae("nowhere at all")
    with pytest.raises(CheckpointError, match="is a file"):
        workings.load_sae(folder / "cfg.json")


@pytest.mark.parametrize(
    "content", ['{"labels": []}', '{"labels": {"one": "x"}}', '{"labels": {"1": 2}}', '{"labels": {"99": "x"}}']
)
def test_labels_that_name_no_feature_are_refused(folder, content):
    (folder / "features.json").write_text(content)
    with pytest.raises(CheckpointError, match="label"):
        workings.load_sae(folder)


def test_a_feature_is_found_by_label_or_number(folder):
    sae = workings.load_sae(folder)
    assert sae.feature(" JEDI ").number == sae.feature(3).number == 3
    assert sae.feature(3).label == "jedi" and sae.feature(4).label is None
    np.testing.assert_array_equal(sae.feature("jedi").vector, sae.weights["W_dec"][3])
    assert sae.feature("jedi").table == "blocks.1.resid_post"
    assert [feature.number for feature in sae.features("jed")] == [3, 5]
    assert len(sae.features()) == 3


@pytest.mark.parametrize(("which", "kind", "said"), [
    ("jeddi", InputError, "nearest are 'jedi'"),
    ("saber", InputError, "'lightsaber'"),
    ("xyzzy", InputError, "lists all labels"),
    (20, OutsideTable, "0 to 19"),
    (-1, OutsideTable, "0 to 19"),
    (True, InputError, "number or its label"),
    (1.0, InputError, "number or its label"),
])  # fmt: skip
def test_a_feature_that_does_not_exist_is_an_error_with_the_nearest_labels(folder, which, kind, said):
    with pytest.raises(kind, match=said):
        workings.load_sae(folder).feature(which)


def test_two_features_of_one_label_are_told_apart_by_number():
    sae = autoencoder(config_of("standard", 6, 20), labels={1: "Jedi", 4: "jedi"})
    with pytest.raises(InputError, match="1, 4"):
        sae.feature("jedi")
    with pytest.raises(InputError, match="has a label"):
        autoencoder(config_of("standard", 6, 20)).feature("jedi")


@pytest.mark.parametrize("rows", [np.zeros((2, 5)), np.zeros((2, 2, 6)), 3.0, [["a"] * 6], np.zeros((2, 6), bool)])
def test_rows_of_another_shape_are_refused(folder, rows):
    with pytest.raises(InputError, match=r"\[pos, 6\]"):
        workings.load_sae(folder).encode(rows)


def test_what_json_cannot_hold_is_refused_and_nothing_is_replaced(folder):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(InputError, match="JSON"):
        autoencoder(config_of("standard", 6, 20), evidence={1: object()}).save(folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


# SAELens itself ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sae_lens():
    return pytest.importorskip(
        "sae_lens", reason="SAELens is not installed (pip install sae-lens): compared by hand, see docs/decisions.md"
    )


@pytest.mark.parametrize(("kind", "options"), CASES)
def test_saelens_gives_the_same_features_and_rows_whoever_wrote_the_folder(sae_lens, tmp_path, kind, options):
    def theirs_of(folder):
        theirs = sae_lens.SAE.load_from_disk(str(folder))
        with torch.no_grad():
            acts = theirs.encode(torch.from_numpy(X))
            return theirs, acts.numpy(), theirs.decode(acts).numpy()

    ours = autoencoder(config_of(kind, 6, 20, **options), metadata={"model_name": "gpt2-small"})
    ours.save(tmp_path / "ours")
    theirs, acts, rows = theirs_of(tmp_path / "ours")
    assert theirs.cfg.metadata.hook_name == "blocks.1.hook_resid_post"
    gaps = [np.abs(ours.encode(X) - acts).max(), np.abs(ours.decode(ours.encode(X), X) - rows).max()]
    theirs.save_model(str(tmp_path / "theirs"))
    again = workings.load_sae(tmp_path / "theirs")
    gaps += [np.abs(again.encode(X) - acts).max(), np.abs(again.decode(acts, X) - rows).max()]
    print(kind, options, sae_lens.__version__, max(gaps))
    assert (acts > 0).any() and max(gaps) < 1e-5


def test_a_batchtopk_run_of_saelens_saved_for_use_opens_as_jumprelu(sae_lens, tmp_path):
    from sae_lens.saes.batchtopk_sae import BatchTopKTrainingSAE, BatchTopKTrainingSAEConfig
    from sae_lens.saes.sae import SAEMetadata

    metadata = SAEMetadata(hook_name="blocks.2.hook_mlp_out", model_name="gpt2-small")
    trained = BatchTopKTrainingSAE(BatchTopKTrainingSAEConfig(d_in=6, d_sae=20, k=3, metadata=metadata))
    with torch.no_grad():
        trained.W_dec.mul_(7)
        trained.W_enc.copy_(torch.randn(6, 20, generator=torch.Generator().manual_seed(0)))
        trained.topk_threshold.fill_(1.5)
    trained.save_inference_model(tmp_path)
    ours, theirs = workings.load_sae(tmp_path), sae_lens.SAE.load_from_disk(str(tmp_path))
    assert (ours.config.architecture, ours.config.table) == ("jumprelu", "blocks.2.mlp_out")
    with torch.no_grad():
        acts = theirs.encode(torch.from_numpy(X))
        assert (acts > 0).any()
        assert_close(ours.encode(X), acts.numpy(), 1e-5, "features")
        assert_close(ours.decode(acts.numpy()), theirs.decode(acts).numpy(), 1e-5, "rows")


def test_saelens_reads_a_flat_config_as_we_do(sae_lens, tmp_path):
    sae = autoencoder(config_of("standard", 6, 20))
    sae.save(tmp_path)
    flat = {"d_in": 6, "d_sae": 20, "dtype": "float32", "device": "cpu", "hook_name": "blocks.1.hook_resid_post", "hook_layer": 1,
            "activation_fn_str": "relu", "model_name": "gpt2-small", "context_size": 128}  # fmt: skip
    (tmp_path / "cfg.json").write_text(json.dumps(flat))
    theirs = sae_lens.SAE.load_from_disk(str(tmp_path))
    with torch.no_grad():
        assert_close(
            workings.load_sae(tmp_path).encode(X), theirs.encode(torch.from_numpy(X)).numpy(), 1e-5, "features"
        )


# The one that comes with storybook


def test_storybook_comes_with_a_sparse_autoencoder_of_at_most_three_megabytes():
    folder = bundled_sae("storybook")
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 3_000_000
    sae = workings.load_sae("storybook")
    assert sae.metadata["model_name"] == "storybook"
    assert len(sae.evidence) == sae.config.d_sae and len(sae.labels) > 900
    assert all(label == label.strip() and label for label in sae.labels.values())


def test_its_jedi_feature_is_the_one_that_the_documented_search_finds():
    from workings.training.storybook.features import CERTAIN, find_role

    model, sae = workings.load("storybook"), workings.load_sae("storybook")
    found = find_role(model, sae, "Jedi")
    assert found is not None and found.auc >= CERTAIN
    assert sae.feature("jedi").number == found.number
    assert sae.evidence[found.number]["search"]["auc"] == pytest.approx(found.auc, abs=1e-3)


def test_its_cards_are_what_the_engine_says():
    from workings.anatomy.feature_cards import saved_cards
    from workings.training.storybook.features import LOOKED_AT
    from workings.training.storybook.language import some_stories

    model, sae = workings.load("storybook"), workings.load_sae("storybook")
    stories = [story.text for story in some_stories(LOOKED_AT, 150)]  # some of those that the cards were made of
    looked, cards = workings.feature_examples(model, sae, stories), saved_cards(sae.evidence)
    largest = np.array([cards[number].largest for number in range(sae.config.d_sae)])
    density = np.array([cards[number].density for number in range(sae.config.d_sae)])
    assert (looked.largest <= largest + 1e-3).all()
    assert looked.density.sum() == pytest.approx(density.sum(), rel=0.02)
    often = density > 0.01
    np.testing.assert_allclose(looked.density[often], density[often], rtol=0.8)


def test_that_a_model_was_centered_can_be_said_where_the_config_does_not(tmp_path):
    """As for `gpt2-small-res-jb`: SAELens knows it from its own list, and not from the folder."""
    workings.load_sae("storybook").save(tmp_path)
    assert not workings.load_sae(tmp_path).config.centered_input
    sae = workings.load_sae(tmp_path, centered_input=True)
    model = workings.load("storybook")
    rows = model.trace("Mike is quick")[sae.config.table]
    acts = model.with_sae(sae).trace("Mike is quick")[f"{sae.config.table}.sae.acts"]
    np.testing.assert_allclose(acts, sae.encode(rows - rows.mean(axis=-1, keepdims=True)), atol=1e-5)

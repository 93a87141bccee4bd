"""SAELens folders of `hook_z`: all heads side by side, in old and new configs, with SAELens's own numbers."""

import json
from itertools import product

import numpy as np
import pytest
import torch
from tests.autoencoders import ARCHITECTURES, OPTIONS, autoencoder, config_of
from tests.tiny import Tiny, assert_close, model_of

import workings

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


@pytest.mark.parametrize("more", [{}, {"reshape_activations": "hook_z"}, {"hook_name": "blocks.1.attn.hook_z", "hook_point": None}])
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

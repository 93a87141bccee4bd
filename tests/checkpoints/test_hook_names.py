"""The names that published sparse autoencoders say they read: a table with the very numbers, or a message with the names that are understood."""

import json

import numpy as np
import pytest
import tokenizers
import torch
import transformers
from tests.autoencoders import autoencoder, config_of
from tests.tiny import Tiny, assert_close, make_hf, pair

import workings
from workings.checkpoints.hook_names import hook_of, table_of
from workings.errors import CheckpointError, InputError

TINY = Tiny(layers=3, heads=2, d_head=3, d_mlp=13)
IDS = [3, 1, 4, 1, 5]
MODULES = ["", ".ln_1", ".attn", ".attn.c_proj", ".ln_2", ".mlp", ".mlp.c_fc", ".mlp.act", ".mlp.c_proj"]
BRIDGE = ["hook_in", "hook_out", "hook_resid_pre", "hook_resid_mid", "hook_resid_post", "hook_attn_out", "hook_mlp_out", "ln1.hook_out",
          "ln2.hook_in", "ln2.hook_out", "attn.hook_in", "attn.hook_out", "mlp.hook_in", "mlp.hook_out", "mlp.hook_pre", "mlp.hook_post"]  # fmt: skip


def test_a_module_of_transformers_stands_for_the_table_of_what_comes_out_of_it():
    theirs, trace, seen = make_hf(TINY), pair(TINY)[1].trace(IDS), {}

    def keep(name):
        return lambda _, given, out: seen.update({name: out if isinstance(out, torch.Tensor) else out[0]})

    for name in (names := [f"transformer.h.1{module}" for module in MODULES]):
        theirs.get_submodule(name).register_forward_hook(keep(name))
    with torch.no_grad():
        theirs(torch.tensor([IDS]))
    for name in names:
        assert table_of(name) == table_of(name.removeprefix("transformer."))
        assert_close(trace[table_of(name)], seen[name][0].numpy(), 1e-5, name)


@pytest.mark.parametrize(
    ("hook", "said"),
    [
        ("blocks.1.ln2.hook_normalized", "write blocks.1.ln2.normalized in its place"),
        ("blocks.1.hook_mlp_in", "the MLP alone reads"),
        ("model.layers.7", "stands for no table here"),
        ("transformer.h.1.attn.c_attn", "stands for no table here"),
    ],
)
def test_a_name_with_other_numbers_is_refused_with_those_that_are_understood(tmp_path, hook, said):
    autoencoder(config_of("standard", 6, 20)).save(tmp_path)
    config = json.loads((tmp_path / "cfg.json").read_text())
    config["metadata"]["hook_name"] = hook
    (tmp_path / "cfg.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match=said) as error:
        workings.load_sae(tmp_path)
    assert "Understood are blocks.N. with hook_resid_pre" in str(error.value)
    understood = str(error.value).split("Understood are ")[1]
    assert all(name in understood for name in ("hook_mlp_out", "mlp.hook_post", "hook_embed", "transformer.h.N"))


@pytest.mark.parametrize(
    "table", ["embed", "blocks.0.resid_mid", "blocks.0.attn.z", "blocks.0.mlp.post", "blocks.0.ln2.normalized"]
)
def test_what_is_written_names_the_same_table_when_it_is_read(tmp_path, table):
    assert table_of(hook_of(table)) == table
    autoencoder(config_of("standard", 6, 20, table=table)).save(tmp_path)
    assert workings.load_sae(tmp_path).config.table == table


def test_saelens_names_of_what_an_autoencoder_works_out_are_understood():
    _, model = pair(TINY)
    sae = autoencoder(config_of("standard", 6, 20, table="blocks.1.resid_post"))
    trace = model.with_sae(sae).trace(IDS)
    for theirs, ours in (("post", "acts"), ("pre", "pre")):
        name = f"blocks.1.hook_resid_post.hook_sae_acts_{theirs}"
        np.testing.assert_array_equal(trace[name], trace[f"blocks.1.resid_post.sae.{ours}"])


# TransformerLens and SAELens themselves


def _absent(name):
    return pytest.importorskip(name, reason=f"{name} is not installed: compared by hand, see docs/decisions.md")


@pytest.fixture(scope="module")
def bridge(tmp_path_factory):
    _absent("transformer_lens.model_bridge")
    from transformer_lens.model_bridge import TransformerBridge

    folder, theirs = str(tmp_path_factory.mktemp("bridge")), make_hf(TINY)
    theirs.save_pretrained(folder)
    words = tokenizers.models.WordLevel({str(i): i for i in range(TINY.d_vocab)}, unk_token="0")
    special = {f"{name}_token": "1" for name in ("unk", "eos", "bos", "pad")}
    transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizers.Tokenizer(words), **special).save_pretrained(
        folder
    )
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    return TransformerBridge.boot_transformers(folder, hf_model=theirs, tokenizer=tokenizer)


def test_names_of_transformerlens_stand_for_the_same_numbers(bridge):
    _, cache = bridge.run_with_cache(torch.tensor([IDS]))
    trace = pair(TINY)[1].trace(IDS)
    heads = cache["blocks.1.attn.hook_z"][0].detach().numpy().reshape(5, 6)  # [pos, head, d_head] side by side
    assert_close(np.hstack(trace[table_of("blocks.1.attn.hook_z")]), heads, 1e-5, "hook_z")
    for name in ["hook_embed", "hook_pos_embed", *(f"blocks.1.{name}" for name in BRIDGE)]:
        assert_close(trace[table_of(name)], cache[name][0].detach().numpy(), 1e-5, name)
    with pytest.raises(InputError, match="before or after the learnt stretch"):
        table_of("blocks.1.ln2.hook_normalized")


def test_an_autoencoder_of_saelens_on_a_module_fires_alike_in_the_model(tmp_path):
    sae_lens = _absent("sae_lens")
    from sae_lens.load_model import HookedProxyLM
    from sae_lens.saes.sae import SAEMetadata

    theirs, model = make_hf(TINY), pair(TINY)[1]
    config = sae_lens.StandardSAEConfig(
        d_in=6, d_sae=20, metadata=SAEMetadata(hook_name="transformer.h.1", model_name="tiny")
    )
    sae = sae_lens.StandardSAE(config)
    sae.save_model(str(tmp_path))
    with torch.no_grad():
        _, cache = HookedProxyLM(theirs, None).run_with_cache(torch.tensor([IDS]), names_filter=["transformer.h.1"])
        acts = sae.encode(cache["transformer.h.1"][0]).numpy()
    trace = model.with_sae(workings.load_sae(tmp_path)).trace(IDS)
    assert (acts > 0).any()
    assert_close(trace["blocks.1.resid_post.sae.acts"], acts, 1e-5, "features")

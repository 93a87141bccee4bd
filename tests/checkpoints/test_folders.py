"""Model folders: what is saved is what was loaded, every way of storing is read, every bad folder is a clear error."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from hypothesis import given, settings
from safetensors.numpy import load_file, save_file
from safetensors.torch import save_file as save_torch_file

import workings
from tiny import Tiny, make_hf, pair, random_ids, tinies
from workings.errors import CheckpointError, InputError

TINY = Tiny(layers=2, heads=2, d_head=3, d_mlp=7, d_vocab=13, n_ctx=12)
IDS = [3, 1, 4, 1, 5]

Tensors = dict[str, np.ndarray]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A good folder, to be damaged."""
    place = tmp_path / "tiny model"
    make_hf(TINY).save_pretrained(place)
    return place


def logits(place: Path) -> np.ndarray:
    return workings.load(place).trace(IDS)["logits"]


def rewrite(place: Path, change: Callable[[Tensors], Any]) -> None:
    """Change the tensors of a folder."""
    tensors = {name: array.copy() for name, array in load_file(place / "model.safetensors").items()}
    change(tensors)
    save_file(tensors, place / "model.safetensors")


def reconfigure(place: Path, **changes: Any) -> None:
    """Change words of a folder's config; None takes one out."""
    path = place / "config.json"
    config = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({word: value for word, value in config.items() if value is not None}))


# Good folders -----------------------------------------------------------------------------------------------------


@settings(max_examples=15)
@given(tinies())
def test_what_is_saved_is_what_was_loaded(tmp_path_factory: Any, tiny: Tiny) -> None:
    _, model = pair(tiny)
    place = tmp_path_factory.mktemp("saved") / "deeper" / "still"
    model.save(place)
    again = workings.load(place)
    assert again.config == model.config
    assert set(again.weights) == set(model.weights)
    for name, weight in model.weights.items():
        assert weight.dtype == again.weights[name].dtype
        assert np.array_equal(weight, again.weights[name]), name


@pytest.mark.parametrize(
    "tiny", [TINY, Tiny(tied=False, d_mlp=None, activation="relu", scaled_by_layer=True), Tiny(scaled=False)]
)
def test_transformers_opens_what_we_save_and_gives_the_same_logits(tmp_path: Path, tiny: Tiny) -> None:
    theirs, model = pair(tiny)
    model.save(tmp_path)
    opened, report = transformers.AutoModelForCausalLM.from_pretrained(
        tmp_path, output_loading_info=True, dtype=torch.float32, attn_implementation="eager"
    )
    assert not any(report[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    ids = torch.tensor([random_ids(tiny, 8)])
    with torch.no_grad():
        assert torch.equal(opened(ids).logits, theirs(ids).logits)
    assert type(opened) is transformers.GPT2LMHeadModel
    assert opened.config.activation_function == tiny.activation


def test_the_saved_tensors_are_bit_by_bit_those_that_were_loaded(folder: Path, tmp_path: Path) -> None:
    workings.load(folder).save(tmp_path / "again")
    before, after = (load_file(place / "model.safetensors") for place in (folder, tmp_path / "again"))
    assert set(before) == set(after)
    assert all(np.array_equal(before[name], after[name]) for name in before)


def test_a_model_without_tokenizer_is_not_saved_beside_anothers(folder: Path) -> None:
    model = workings.load(folder)
    assert model.tokenizer is None
    (folder / "tokenizer.json").write_text("{}")
    before = sorted(folder.iterdir())
    with pytest.raises(InputError, match=r"tokenizer\.json"):
        model.save(folder)
    assert sorted(folder.iterdir()) == before


def test_a_model_may_be_saved_over_the_folder_it_was_loaded_from(folder: Path) -> None:
    model = workings.load(folder)
    before = model.trace(IDS)["logits"].copy()
    model.save(folder)
    assert np.array_equal(model.trace(IDS)["logits"], before)
    assert np.array_equal(logits(folder), before)


def test_a_checkpoint_in_shards_is_the_same_model(folder: Path, tmp_path: Path) -> None:
    make_hf(TINY).save_pretrained(tmp_path / "shards", max_shard_size="1KB")
    assert len(list((tmp_path / "shards").glob("model-*.safetensors"))) > 2
    assert not (tmp_path / "shards" / "model.safetensors").exists()
    assert np.array_equal(logits(tmp_path / "shards"), logits(folder))


@pytest.mark.parametrize("kind", [np.float32, np.uint8, np.bool_])
def test_names_and_masks_of_old_checkpoints_are_understood(folder: Path, kind: Any) -> None:
    expected = logits(folder)

    def age(tensors: Tensors) -> None:
        for name in list(tensors):
            tensors[name.removeprefix("transformer.")] = tensors.pop(name)
        for i in range(TINY.layers):
            tensors[f"h.{i}.attn.bias"] = np.tril(np.ones((1, 1, TINY.n_ctx, TINY.n_ctx))).astype(kind)
            tensors[f"h.{i}.attn.masked_bias"] = np.array(-1e4, np.float32)

    rewrite(folder, age)
    assert np.array_equal(logits(folder), expected)


def test_tied_embeddings_that_are_stored_a_second_time_are_understood(folder: Path) -> None:
    expected = logits(folder)
    rewrite(folder, lambda tensors: tensors.update({"lm_head.weight": tensors["transformer.wte.weight"].copy()}))
    assert np.array_equal(logits(folder), expected)


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
def test_half_precision_is_widened_without_loss(folder: Path, kind: torch.dtype) -> None:
    halves = {name: tensor.to(kind) for name, tensor in make_hf(TINY).state_dict().items() if name != "lm_head.weight"}
    save_torch_file({name: tensor.contiguous() for name, tensor in halves.items()}, folder / "model.safetensors")
    model = workings.load(folder)
    assert np.array_equal(model.weights["W_E"], halves["transformer.wte.weight"].float().numpy())
    assert np.array_equal(model.weights["blocks.1.mlp.W_in"], halves["transformer.h.1.mlp.c_fc.weight"].float().numpy())
    assert model.trace(IDS)["logits"].dtype == np.float32


def test_weights_stored_in_float64_are_used_in_full(folder: Path) -> None:
    theirs = make_hf(TINY).double()
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.mul_(1 + 1e-9)
        expected = theirs(torch.tensor([IDS])).logits[0].numpy()
    theirs.save_pretrained(folder)
    model = workings.load(folder)
    assert model.weights["W_E"].dtype == np.float64
    np.testing.assert_allclose(model.trace(IDS, dtype="float64")["logits"], expected, rtol=0, atol=1e-12)
    assert model.trace(IDS)["logits"].dtype == np.float32
    model.save(folder)
    assert workings.load(folder).weights["W_E"].dtype == np.float64


def test_a_folder_without_a_tokenizer_takes_and_gives_ids(folder: Path) -> None:
    model = workings.load(folder)
    assert model.tokenizer is None
    assert model.trace(IDS).tokens == ["3", "1", "4", "1", "5"]
    assert model.generate(IDS, max_new_tokens=2)[:5] == IDS
    assert model.trace(np.array(IDS, np.uint8)).ids.tolist() == IDS
    with pytest.raises(InputError, match=r"no tokenizer.*list of token ids"):
        model.trace("text")


def test_a_config_may_leave_out_what_gpt2_has_by_default(folder: Path) -> None:
    expected = logits(folder)
    config = json.loads((folder / "config.json").read_text())
    words = ("model_type", "n_layer", "n_head", "n_embd", "n_inner", "vocab_size", "n_positions")
    (folder / "config.json").write_text(json.dumps({word: config[word] for word in words}))
    assert np.array_equal(logits(folder), expected)


# Saving whole or not at all ---------------------------------------------------------------------------------------


def contents(place: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in place.iterdir()}


@pytest.mark.parametrize("moment", ["weights", "config", "putting in place"])
def test_saving_that_fails_leaves_the_old_folder_as_it_was(
    folder: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    model = workings.load(folder)
    for name in model.weights:
        model.weights[name] = model.weights[name] * 2
    before = contents(folder)

    def fail(*_: Any, **__: Any) -> None:
        raise OSError("no space left on device")

    def fail_half_way(_: Any, path: str, **__: Any) -> None:
        Path(path).write_bytes(b"half")
        fail()

    if moment == "weights":
        monkeypatch.setattr("safetensors.numpy.save_file", fail_half_way)
    elif moment == "config":
        monkeypatch.setattr(Path, "write_bytes", fail)
    else:
        monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="no space"):
        model.save(folder)
    assert contents(folder) == before


# Bad folders ------------------------------------------------------------------------------------------------------


def refused(place: Any, *words: str) -> None:
    """Loading is an error that holds all these words, and the place."""
    with pytest.raises(CheckpointError) as caught:
        workings.load(place)
    message = str(caught.value)
    missing = [word for word in (*words, str(place)) if word not in message]
    assert not missing, f"{missing} not in: {message}"
    assert isinstance(caught.value, ValueError)


def test_a_folder_without_config_is_refused(folder: Path) -> None:
    (folder / "config.json").unlink()
    refused(folder, "no config.json", "Hugging Face layout")


def test_a_folder_without_weights_is_refused(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    refused(folder, "no weights", "model.safetensors")


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "gpt2.ckpt"])
def test_pickled_weights_are_refused_with_the_way_to_convert_them(folder: Path, name: str) -> None:
    (folder / "model.safetensors").rename(folder / name)
    refused(folder, "pickled", name, "save_pretrained", "safe_serialization=True")


def test_a_path_that_is_no_folder_is_refused(folder: Path) -> None:
    refused(folder / "config.json", "is a file", "folder")
    refused(folder / "nowhere", "there is no folder")
    refused(str(folder / "nowhere"), "there is no folder", "hub name")


@pytest.mark.parametrize("content", ["", "{", "[1, 2]", "null", "\x00\xff"])
def test_a_config_that_is_no_json_object_is_refused(folder: Path, content: str) -> None:
    (folder / "config.json").write_text(content)
    refused(folder, "config.json", "JSON")


@pytest.mark.parametrize("kept", [0, 1, 7, 8, 9, 100, 0.3, 0.9, -4, -1])
def test_a_truncated_file_is_refused(folder: Path, kept: float) -> None:
    path = folder / "model.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * kept) if isinstance(kept, float) else kept])
    refused(folder, "model.safetensors", "truncated or damaged", "copy or download it again")


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: whole + b"\0",
        lambda whole: b"\xff" * 8 + whole[8:],
        lambda whole: whole[:8] + b"X" + whole[9:],
        lambda whole: whole.replace(b'"F32"', b'"Q32"', 1),
        lambda whole: whole.replace(b'"F32"', b'"F64"', 1),
        lambda whole: whole.replace(b"data_offsets", b"data_offsetz", 1),
        lambda whole: whole[:20] + b"\xfe\xff" + whole[22:],
        lambda whole: b"PK\x03\x04" + whole,
        lambda whole: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
    ],
)
def test_a_corrupt_header_is_refused(folder: Path, damage: Callable[[bytes], bytes]) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(damage(path.read_bytes()))
    refused(folder, "model.safetensors", "damaged")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.pop("transformer.h.1.mlp.c_fc.bias"), ["h.1.mlp.c_fc.bias", "is missing"]),
        (lambda t: [t.pop(n) for n in list(t) if ".h.1." in n], ["h.1.attn", "is missing", "11 more"]),
        (
            lambda t: t.update({"h.2.ln_1.bias": np.zeros(6, np.float32)}),
            ["h.2.ln_1.bias", "not part of this GPT-2", "config"],
        ),
        (lambda t: t.update({"wte.weight": np.zeros((13, 6), np.float32)}), ["wte.weight", "twice"]),
        (
            lambda t: t.update({"transformer.wpe.weight": np.zeros((9, 6), np.float32)}),
            ["wpe.weight", "[9, 6]", "[12, 6]"],
        ),
        (lambda t: t.update({"transformer.ln_f.bias": np.zeros((1, 6), np.float32)}), ["ln_f.bias", "[1, 6]", "[6]"]),
        (lambda t: t.update({"transformer.ln_f.bias": np.zeros(6, np.int64)}), ["ln_f.bias", "I64", "F32"]),
        (lambda t: t["transformer.h.0.ln_1.weight"].put(2, np.nan), ["h.0.ln_1.weight", "nan", "[2]", "finite"]),
        (lambda t: t["transformer.wte.weight"].put(9, np.inf), ["wte.weight", "inf", "[1, 3]"]),
        (
            lambda t: t["transformer.wte.weight"].put([0, 1], [np.inf, -np.inf]),
            ["wte.weight", "inf", "[0, 0]", "2 such"],
        ),
    ],
)
def test_a_tensor_that_does_not_fit_is_named(folder: Path, change: Callable[[Tensors], Any], words: list[str]) -> None:
    rewrite(folder, change)
    refused(folder, *words)


def test_weights_so_large_that_their_sum_is_infinite_are_still_weights(folder: Path) -> None:
    rewrite(folder, lambda tensors: tensors["transformer.wpe.weight"].fill(3e38))
    assert workings.load(folder).weights["W_pos"].max() > 2e38


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16, torch.float64])
def test_a_number_that_is_not_finite_is_named_in_every_type(folder: Path, kind: torch.dtype) -> None:
    stored = {
        name: tensor.to(kind).contiguous()
        for name, tensor in make_hf(TINY).state_dict().items()
        if name != "lm_head.weight"
    }
    stored["transformer.h.1.attn.c_attn.bias"][4] = torch.nan
    save_torch_file(stored, folder / "model.safetensors")
    refused(folder, "h.1.attn.c_attn.bias", "nan", "[4]")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model_type": "llama"}, ["model_type", "'llama'", "gpt2"]),
        ({"model_type": None, "architectures": ["BertModel"]}, ["BertModel", "gpt2"]),
        ({"model_type": None, "architectures": None}, ["not given", "gpt2"]),
        ({"model_type": ["gpt2"]}, ["model_type"]),
        ({"activation_function": "mish"}, ["activation_function", "'mish'", "gelu_new", "relu"]),
        ({"activation_function": ["gelu"]}, ["activation_function", "gelu_new"]),
        ({"add_cross_attention": True}, ["add_cross_attention"]),
        ({"n_head": 4}, ["n_embd 6", "n_head 4"]),
        ({"n_layer": 0}, ["n_layer", "at least 1", "0"]),
        ({"n_layer": "2"}, ["n_layer", "whole number", "'2'"]),
        ({"n_embd": 6.0}, ["n_embd", "whole number"]),
        ({"n_inner": -7}, ["n_inner", "-7"]),
        ({"vocab_size": True}, ["vocab_size", "whole number"]),
        ({"layer_norm_epsilon": "small"}, ["layer_norm_epsilon", "'small'"]),
        ({"layer_norm_epsilon": -1.0}, ["layer_norm_epsilon", "-1.0"]),
        ({"layer_norm_epsilon": []}, ["layer_norm_epsilon", "[]"]),
    ],
)
def test_a_config_that_is_not_supported_is_refused(folder: Path, changes: dict[str, Any], words: list[str]) -> None:
    reconfigure(folder, **changes)
    refused(folder, "config.json", *words)


def shard(place: Path) -> Path:
    make_hf(TINY).save_pretrained(place, max_shard_size="1KB")
    return place


def test_a_missing_or_damaged_shard_is_named(tmp_path: Path) -> None:
    missing, cut, empty = (shard(tmp_path / name) for name in ("missing", "cut", "empty"))
    (first, *_) = sorted(path.name for path in missing.glob("model-*.safetensors"))
    (missing / first).unlink()
    refused(missing, first, "index.json", "copy or download")
    (cut / first).write_bytes((cut / first).read_bytes()[:-3])
    refused(cut, first, "truncated")
    (empty / "model.safetensors.index.json").write_text("{}")
    refused(empty, "weight_map")


@pytest.mark.parametrize("name", ["../elsewhere.safetensors", "/etc/hostname", "", "."])
def test_an_index_that_points_outside_its_folder_is_refused(tmp_path: Path, name: str) -> None:
    place = shard(tmp_path)
    save_file({"x": np.zeros(1, np.float32)}, tmp_path.parent / "elsewhere.safetensors")
    index = place / "model.safetensors.index.json"
    stored = json.loads(index.read_text())
    stored["weight_map"]["transformer.wte.weight"] = name
    index.write_text(json.dumps(stored))
    refused(place, "index.json", repr(name))


def test_shards_that_lack_a_tensor_of_the_index_are_refused(tmp_path: Path) -> None:
    place = shard(tmp_path)
    index = place / "model.safetensors.index.json"
    stored = json.loads(index.read_text())
    stored["weight_map"]["transformer.h.9.ln_1.bias"] = next(iter(stored["weight_map"].values()))
    index.write_text(json.dumps(stored))
    refused(place, "transformer.h.9.ln_1.bias")


# The hub ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("offline", ["1", "0"])
@pytest.mark.parametrize("name", ["gpt2", "someone/some-model"])
def test_a_hub_name_without_network_is_a_clear_error_at_once(tmp_path: Path, name: str, offline: str) -> None:
    code = f"import workings\ntry: workings.load({name!r})\nexcept workings.WorkingsError as error: print(type(error).__name__, error)"
    environment = os.environ | {
        "HF_HUB_OFFLINE": offline,
        "HF_ENDPOINT": "http://127.0.0.1:9",
        "HF_HOME": str(tmp_path),
    }
    started = time.monotonic()
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, env=environment)
    assert run.returncode == 0, run.stderr
    for words in (
        "CheckpointError",
        repr(name),
        "connect to the network",
        "not in the local cache",
        "give a folder",
        "storybook",
    ):
        assert words in run.stdout
    assert time.monotonic() - started < 250


def test_a_name_that_cannot_be_one_is_refused_without_asking_the_hub() -> None:
    for name in ("no such model!", "a/b/c", "../gpt2", "gpt2--medium..", "https://huggingface.co/gpt2"):
        with pytest.raises(CheckpointError, match="folder") as caught:
            workings.load(name)
        assert name in str(caught.value)


# Bad prompts ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ([], "the prompt is empty; give at least one"),
        ("", "no tokenizer|empty"),
        ([1] * 13, "13 tokens.*at most 12.*shorten"),
        ([0, 13], "token id 13 at place 1.*0 to 12"),
        ([-1], "token id -1 at place 0.*0 to 12"),
        ([1.5], "whole numbers"),
        ([float("inf")], "whole numbers"),
        (["a"], "whole numbers"),
        ([[1, 2]], "list of at least one whole number"),
        ([[1, 2], [3]], "list of at least one whole number|whole numbers"),
        ([True, False], "whole numbers"),
        ([10**30], "whole numbers|vocabulary"),
        (7, "list of"),
        (None, "list of"),
    ],
)
def test_a_prompt_that_cannot_be_read_is_refused(prompt: Any, words: str) -> None:
    _, model = pair(TINY)
    for read in (model.trace, model.generate, model.stream):
        with pytest.raises(InputError, match=words):
            read(prompt)


def test_a_type_of_number_that_is_not_offered_is_refused() -> None:
    with pytest.raises(InputError, match="float32 and float64; 'float16'"):
        pair(TINY)[1].trace(IDS, dtype="float16")


def test_a_prompt_as_long_as_the_model_can_read_is_read() -> None:
    assert pair(TINY)[1].trace([1] * 12)["logits"].shape == (12, 13)

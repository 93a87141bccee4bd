"""GPT-2 as Hugging Face stores it: its config's words and its tensors' names, to ours and back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from workings.errors import CheckpointError
from workings.language.operations import ACTIVATIONS
from workings.models.gpt2 import GPT2Config

Array = np.ndarray

_NORMS = {"ln1": "ln_1", "ln2": "ln_2"}
_MASKS = (".attn.bias", ".attn.masked_bias")  # the causal mask, stored as tensors by old versions


def read_config(stored: Mapping[str, Any], source: str) -> GPT2Config:
    """Our config from the content of a `config.json`; `source` is the file's name for messages."""
    if stored.get("add_cross_attention"):
        raise CheckpointError(f"{source}: add_cross_attention is on; only the decoder-only GPT-2 is supported")
    sizes = {key: _whole(stored, key, default, source) for key, default in _SIZES.items()}
    inner = stored.get("n_inner")
    activation = stored.get("activation_function", "gelu_new")
    if not isinstance(activation, str) or activation not in ACTIVATIONS:
        raise CheckpointError(
            f"{source}: activation_function is {activation!r}; supported are {', '.join(sorted(ACTIVATIONS))}"
        )
    if sizes["n_embd"] % sizes["n_head"]:
        raise CheckpointError(
            f"{source}: n_embd {sizes['n_embd']} cannot be shared out evenly over n_head {sizes['n_head']} heads"
        )
    return GPT2Config(
        n_layers=sizes["n_layer"],
        n_heads=sizes["n_head"],
        d_model=sizes["n_embd"],
        d_mlp=4 * sizes["n_embd"] if inner is None else _whole(stored, "n_inner", inner, source),
        d_vocab=sizes["vocab_size"],
        n_ctx=sizes["n_positions"],
        activation=activation,
        layer_norm_epsilon=_positive(stored, "layer_norm_epsilon", 1e-5, source),
        tied_embeddings=bool(stored.get("tie_word_embeddings", True)),
        scale_scores=bool(stored.get("scale_attn_weights", True)),
        scale_scores_by_layer=bool(stored.get("scale_attn_by_inverse_layer_idx", False)),
    )


_SIZES = {"n_layer": 12, "n_head": 12, "n_embd": 768, "vocab_size": 50257, "n_positions": 1024}


def _whole(stored: Mapping[str, Any], key: str, default: int, source: str) -> int:
    value = stored.get(key, default)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise CheckpointError(f"{source}: {key} must be a whole number of at least 1; {value!r} came")
    return value


def _positive(stored: Mapping[str, Any], key: str, default: float, source: str) -> float:
    value = stored.get(key, default)
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < math.inf:
        raise CheckpointError(f"{source}: {key} must be a number of at least 0; {value!r} came")
    return float(value)


def write_config(config: GPT2Config) -> dict[str, Any]:
    """The content of a `config.json` that `transformers` reads as the same model."""
    return {
        "model_type": "gpt2",
        "architectures": ["GPT2LMHeadModel"],
        "n_layer": config.n_layers,
        "n_head": config.n_heads,
        "n_embd": config.d_model,
        "n_inner": config.d_mlp,
        "vocab_size": config.d_vocab,
        "n_positions": config.n_ctx,
        "n_ctx": config.n_ctx,
        "activation_function": config.activation,
        "layer_norm_epsilon": config.layer_norm_epsilon,
        "tie_word_embeddings": config.tied_embeddings,
        "scale_attn_weights": config.scale_scores,
        "scale_attn_by_inverse_layer_idx": config.scale_scores_by_layer,
    }


def stored_shapes(config: GPT2Config) -> dict[str, tuple[int, ...]]:
    """The name and shape of every tensor that a checkpoint must hold."""
    d, m = config.d_model, config.d_mlp
    shapes: dict[str, tuple[int, ...]] = {"wte.weight": (config.d_vocab, d), "wpe.weight": (config.n_ctx, d)}
    for i in range(config.n_layers):
        for norm in _NORMS.values():
            shapes |= {f"h.{i}.{norm}.weight": (d,), f"h.{i}.{norm}.bias": (d,)}
        shapes |= {f"h.{i}.attn.c_attn.weight": (d, 3 * d), f"h.{i}.attn.c_attn.bias": (3 * d,)}
        shapes |= {f"h.{i}.attn.c_proj.weight": (d, d), f"h.{i}.attn.c_proj.bias": (d,)}
        shapes |= {f"h.{i}.mlp.c_fc.weight": (d, m), f"h.{i}.mlp.c_fc.bias": (m,)}
        shapes |= {f"h.{i}.mlp.c_proj.weight": (m, d), f"h.{i}.mlp.c_proj.bias": (d,)}
    shapes |= {"ln_f.weight": (d,), "ln_f.bias": (d,)}
    if not config.tied_embeddings:
        shapes["lm_head.weight"] = (config.d_vocab, d)
    return shapes


def is_mask(stored: str) -> bool:
    """Whether a stored tensor is a causal mask, which is no weight."""
    return stored.endswith(_MASKS)


def plain_name(stored: str) -> str:
    """A stored tensor's name without its prefix."""
    return stored.removeprefix("transformer.")


def full_name(plain: str) -> str:
    """The name under which `transformers` stores a tensor today."""
    return plain if plain.startswith("lm_head.") else f"transformer.{plain}"


def read_weights(stored: Mapping[str, Array], config: GPT2Config) -> dict[str, Array]:
    """Our weights as views of the stored tensors."""
    weights = {"W_E": stored["wte.weight"], "W_pos": stored["wpe.weight"]}
    for i in range(config.n_layers):
        block, old = f"blocks.{i}", f"h.{i}"
        for ours, theirs in _NORMS.items():
            weights |= _norm(f"{block}.{ours}", stored, f"{old}.{theirs}")
        for place, letter in enumerate("QKV"):
            part = slice(place * config.d_model, (place + 1) * config.d_model)
            weights[f"{block}.attn.W_{letter}"] = _heads(stored[f"{old}.attn.c_attn.weight"][:, part], config)
            weights[f"{block}.attn.b_{letter}"] = _heads(stored[f"{old}.attn.c_attn.bias"][None, part], config)
        for ours, theirs in (("attn.{}_O", "attn.c_proj"), ("mlp.{}_in", "mlp.c_fc"), ("mlp.{}_out", "mlp.c_proj")):
            weights[f"{block}.{ours.format('W')}"] = stored[f"{old}.{theirs}.weight"]
            weights[f"{block}.{ours.format('b')}"] = stored[f"{old}.{theirs}.bias"][None]
    weights |= _norm("ln_final", stored, "ln_f")
    if not config.tied_embeddings:
        weights["W_U"] = stored["lm_head.weight"].T
    return weights


def _norm(ours: str, stored: Mapping[str, Array], theirs: str) -> dict[str, Array]:
    return {f"{ours}.w": stored[f"{theirs}.weight"][None], f"{ours}.b": stored[f"{theirs}.bias"][None]}


def _heads(matrix: Array, config: GPT2Config) -> Array:
    """`[rows, head * d_head]` seen as `[head, rows, d_head]`, without copying."""
    return matrix.reshape(len(matrix), config.n_heads, config.d_head).transpose(1, 0, 2)


def write_weights(weights: Mapping[str, Array], config: GPT2Config) -> dict[str, Array]:
    """The tensors that a checkpoint holds, by their plain names."""
    stored = {"wte.weight": weights["W_E"], "wpe.weight": weights["W_pos"]}
    for i in range(config.n_layers):
        block, new = f"blocks.{i}", f"h.{i}"
        for ours, theirs in (*((f"{block}.{o}", f"{new}.{t}") for o, t in _NORMS.items()),):
            stored |= {f"{theirs}.weight": weights[f"{ours}.w"][0], f"{theirs}.bias": weights[f"{ours}.b"][0]}
        for kind, theirs in (("W", "weight"), ("b", "bias")):
            joined = np.concatenate([_joined(weights[f"{block}.attn.{kind}_{letter}"]) for letter in "QKV"], axis=-1)
            stored[f"{new}.attn.c_attn.{theirs}"] = joined if kind == "W" else joined[0]
        for ours, theirs in (("attn.{}_O", "attn.c_proj"), ("mlp.{}_in", "mlp.c_fc"), ("mlp.{}_out", "mlp.c_proj")):
            stored[f"{new}.{theirs}.weight"] = weights[f"{block}.{ours.format('W')}"]
            stored[f"{new}.{theirs}.bias"] = weights[f"{block}.{ours.format('b')}"][0]
    stored |= {"ln_f.weight": weights["ln_final.w"][0], "ln_f.bias": weights["ln_final.b"][0]}
    if not config.tied_embeddings:
        stored["lm_head.weight"] = weights["W_U"].T
    return stored


def _joined(stack: Array) -> Array:
    return np.concatenate(list(stack), axis=-1)

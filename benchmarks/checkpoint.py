"""Make a random checkpoint with the shape of GPT-2 small, in Hugging Face layout and without a tokenizer."""

import json
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

GPT2_SMALL = {
    "architectures": ["GPT2LMHeadModel"],
    "model_type": "gpt2",
    "activation_function": "gelu_new",
    "n_layer": 12,
    "n_head": 12,
    "n_embd": 768,
    "n_positions": 1024,
    "vocab_size": 50257,
    "layer_norm_epsilon": 1e-5,
    "tie_word_embeddings": True,
    "bos_token_id": 50256,
    "eos_token_id": 50256,
}


def random_weights(config, seed=0):
    """Draw every tensor of the checkpoint. No bias is zero and no scale is one, so that a forgotten one shows in the numbers."""
    draw = np.random.default_rng(seed)

    def normal(*shape, mean=0.0, spread=0.02):
        return mean + spread * draw.standard_normal(shape, dtype=np.float32)

    width = config["n_embd"]

    def norm(where):
        return {f"{where}.weight": normal(width, mean=1.0, spread=0.1), f"{where}.bias": normal(width)}

    def linear(where, rows, columns):
        return {f"{where}.weight": normal(rows, columns), f"{where}.bias": normal(columns)}

    weights = {"wte.weight": normal(config["vocab_size"], width), "wpe.weight": normal(config["n_positions"], width)}
    for i in range(config["n_layer"]):
        block = f"h.{i}"
        weights |= norm(f"{block}.ln_1") | norm(f"{block}.ln_2")
        weights |= linear(f"{block}.attn.c_attn", width, 3 * width) | linear(f"{block}.attn.c_proj", width, width)
        weights |= linear(f"{block}.mlp.c_fc", width, 4 * width) | linear(f"{block}.mlp.c_proj", 4 * width, width)
    return {f"transformer.{name}": tensor for name, tensor in (weights | norm("ln_f")).items()}


def make_checkpoint(folder, config=GPT2_SMALL):
    """Write the checkpoint into `folder`, unless it is there already, and return the folder."""
    folder = Path(folder)
    settings = json.dumps(config, indent=2) + "\n"
    if (folder / "model.safetensors").exists() and (folder / "config.json").read_text() == settings:
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = folder / "unfinished.safetensors"
    save_file(random_weights(config), unfinished, metadata={"format": "pt"})
    unfinished.replace(folder / "model.safetensors")
    (folder / "config.json").write_text(settings)
    return folder

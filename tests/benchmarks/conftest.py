"""The benchmarks are scripts in a folder of their own; their tests find them there."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

TINY = {
    "architectures": ["GPT2LMHeadModel"],
    "model_type": "gpt2",
    "activation_function": "gelu_new",
    "n_layer": 8,
    "n_head": 2,
    "n_embd": 8,
    "n_positions": 80,
    "vocab_size": 50,
    "layer_norm_epsilon": 1e-5,
    "tie_word_embeddings": True,
}


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory):
    """A checkpoint like the benchmarks', small enough for a test."""
    from checkpoint import make_checkpoint

    return make_checkpoint(tmp_path_factory.mktemp("tiny") / "gpt2", TINY)

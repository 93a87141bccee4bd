"""A tiny random GPT-2 with a byte-level tokenizer of its own; and whether the bundled model is there."""

from __future__ import annotations

import numpy as np
import pytest
import tokenizers
from tokenizers import decoders, models, pre_tokenizers, trainers

import workings
from workings.checkpoints.load import bundled_names
from workings.models.gpt2 import GPT2Config, weight_axes

TEXT = "Mike is quick. He moves quickly. Anna is quiet. She moves quietly. Größe 😀 is not small. "

needs_storybook = pytest.mark.skipif(
    "storybook" not in bundled_names(), reason="the bundled model is not there: make storybook"
)


def make_tokenizer() -> workings.Tokenizer:
    library = tokenizers.Tokenizer(models.BPE())
    library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    library.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=300, initial_alphabet=alphabet, special_tokens=["<|endoftext|>"], show_progress=False
    )
    library.train_from_iterator([TEXT] * 3, trainer)
    return workings.Tokenizer(library)


def make_model(tokenizer: workings.Tokenizer | None, n_ctx: int = 48) -> workings.Model:
    d_vocab = tokenizer.n_tokens if tokenizer else 50
    config = GPT2Config(n_layers=2, n_heads=3, d_model=12, d_mlp=20, d_vocab=d_vocab, n_ctx=n_ctx)
    random = np.random.default_rng(5)
    weights = {
        name: random.normal(1.0 if name.endswith((".w", ".scale")) else 0.0, 0.6, [axis.size for axis in axes]).astype(
            "f4"
        )
        for name, axes in weight_axes(config).items()
    }
    return workings.Model("tiny", config, weights, tokenizer)

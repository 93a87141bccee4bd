"""A model whose features are known: the embedding of every token is made of a few planted directions."""

import numpy as np

from workings.checkpoints.model import Model
from workings.models.gpt2 import GPT2Config, weight_axes

N_FEATURES, D_MODEL, D_VOCAB = 24, 16, 400
TABLE = "blocks.0.resid_pre"


def planted(seed: int = 0) -> tuple[Model, np.ndarray]:
    """The model, and its directions [feature, d_model], each of length 1; positions add nothing."""
    random = np.random.default_rng(seed)
    directions = random.standard_normal((N_FEATURES, D_MODEL))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    strengths = np.zeros((D_VOCAB, N_FEATURES))
    for token in strengths:
        token[random.choice(N_FEATURES, 2, replace=False)] = random.uniform(1, 2, 2)
    config = GPT2Config(n_layers=1, n_heads=2, d_model=D_MODEL, d_mlp=8, d_vocab=D_VOCAB, n_ctx=64)
    weights = {
        name: random.standard_normal([axis.size for axis in axes]).astype(np.float32) * 0.1
        for name, axes in weight_axes(config).items()
    }
    weights["W_E"] = (strengths @ directions).astype(np.float32)
    weights["W_pos"] = np.zeros_like(weights["W_pos"])
    return Model("planted", config, weights), directions


def prompts(seed: int = 0):
    """Random tokens, without end."""
    random = np.random.default_rng(seed)
    while True:
        yield random.integers(0, D_VOCAB, 64).tolist()

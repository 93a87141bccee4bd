"""A model in which every token is a direction of its own, and an autoencoder that has one feature for each."""

import numpy as np

from workings.checkpoints.model import Model
from workings.checkpoints.sparse_autoencoder import SparseAutoencoder
from workings.models.gpt2 import GPT2Config, weight_axes
from workings.models.sae import SAEConfig

N = 8
TABLE = "blocks.0.resid_post"


def one_hot() -> tuple[Model, SparseAutoencoder]:
    """Token t is t + 1 in number t and 0 elsewhere; attention and MLP add nothing. Feature f fires with f + 1 for token f."""
    config = GPT2Config(n_layers=1, n_heads=1, d_model=N, d_mlp=4, d_vocab=N, n_ctx=16)
    weights = {name: np.zeros([axis.size for axis in axes], np.float32) for name, axes in weight_axes(config).items()}
    weights["W_E"] = np.diag(np.arange(1, N + 1)).astype(np.float32)
    weights["ln_final.w"] = np.ones((1, N), np.float32)
    eye = np.eye(N, dtype=np.float32)
    sae = SparseAutoencoder(
        SAEConfig(N, N, TABLE),
        {"W_enc": eye, "b_enc": np.zeros(N), "W_dec": eye, "b_dec": np.zeros(N)},
        labels={3: "Three", 5: "five"},
    )
    return Model("one hot", config, weights), sae

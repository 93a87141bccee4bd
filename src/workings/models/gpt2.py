"""GPT-2. Source: Radford et al. 2019, Language Models are Unsupervised Multitask Learners, section 2.3."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from workings.language.names import at, name
from workings.language.operations import layer_norm, mlp, self_attention, softmax, unembed
from workings.language.primitives import positions, rows_of, transpose
from workings.language.tables import Axis


@dataclass(frozen=True)
class GPT2Config:
    """The sizes of a GPT-2. The defaults are those of GPT-2 small."""

    n_layers: int = 12
    """Number of blocks."""
    n_heads: int = 12
    """Attention heads per block."""
    d_model: int = 768
    """Width of the residual stream."""
    d_mlp: int = 3072
    """Neurons per MLP."""
    d_vocab: int = 50257
    """Number of tokens in the vocabulary."""
    n_ctx: int = 1024
    """The longest prompt, in tokens."""
    activation: str = "gelu_new"
    """The MLP's activation, by its name in `ACTIVATIONS`."""
    layer_norm_epsilon: float = 1e-5
    """Keeps layer norm from dividing by 0."""
    tied_embeddings: bool = True
    """Whether the output uses the token embeddings, transposed, or a matrix of its own."""
    scale_scores: bool = True
    """Whether attention scores are divided by sqrt(d_head)."""
    scale_scores_by_layer: bool = False
    """Whether the scores of block i are divided by i + 1 as well."""

    @property
    def d_head(self) -> int:
        """Width of one head."""
        return self.d_model // self.n_heads

    @property
    def n_key_value_heads(self) -> int:
        """Heads that keys and values have: in GPT-2 as many as queries have."""
        return self.n_heads

    def score_scale(self, block: int) -> float:
        """What the attention scores of a block are multiplied with."""
        scale = 1 / math.sqrt(self.d_head) if self.scale_scores else 1.0
        return scale / (block + 1) if self.scale_scores_by_layer else scale


def gpt2(ids: Any, w: Any, config: GPT2Config) -> Any:
    """Read the tokens through all blocks; give the score of every token as the next one."""
    embed = name("embed", rows_of(w.W_E, ids))  # [pos, d_model]
    x = embed + name("pos_embed", rows_of(w.W_pos, positions(ids)))  # [pos, d_model]
    for i in range(config.n_layers):
        with at(f"blocks.{i}"):
            x = name("resid_pre", x)  # [pos, d_model]
            normalized = layer_norm(x, w.ln1, config.layer_norm_epsilon)  # [pos, d_model]
            attn_out = name("attn_out", self_attention(normalized, w.attn, config.score_scale(i)))  # [pos, d_model]
            x = name("resid_mid", x + attn_out)  # [pos, d_model]
            normalized = layer_norm(x, w.ln2, config.layer_norm_epsilon)  # [pos, d_model]
            mlp_out = name("mlp_out", mlp(normalized, w.mlp, config.activation))  # [pos, d_model]
            x = name("resid_post", x + mlp_out)  # [pos, d_model]
    final = layer_norm(x, w.ln_final, config.layer_norm_epsilon)  # [pos, d_model]
    logits = name("logits", unembed(final, transpose(w.W_E) if config.tied_embeddings else w.W_U))  # [pos, d_vocab]
    name("probabilities", softmax(logits))  # [pos, d_vocab]
    return logits


def weight_axes(config: GPT2Config) -> dict[str, tuple[Axis, ...]]:
    """The name and axes of every weight of the model."""
    one, d_model, d_mlp = Axis("1", 1), Axis("d_model", config.d_model), Axis("d_mlp", config.d_mlp)
    head, d_head = Axis("head", config.n_heads), Axis("d_head", config.d_head)
    joined, d_vocab = Axis("head*d_head", config.d_model), Axis("d_vocab", config.d_vocab)
    axes: dict[str, tuple[Axis, ...]] = {"W_E": (d_vocab, d_model), "W_pos": (Axis("n_ctx", config.n_ctx), d_model)}
    norm = {"w": (one, d_model), "b": (one, d_model)}
    block: dict[str, tuple[Axis, ...]] = {
        f"{part}.{short}": shape for part in ("ln1", "ln2") for short, shape in norm.items()
    }
    block |= {f"attn.W_{letter}": (head, d_model, d_head) for letter in "QKV"}
    block |= {f"attn.b_{letter}": (head, one, d_head) for letter in "QKV"}
    block |= {"attn.W_O": (joined, d_model), "attn.b_O": (one, d_model)}
    block |= {"mlp.W_in": (d_model, d_mlp), "mlp.b_in": (one, d_mlp)}
    block |= {"mlp.W_out": (d_mlp, d_model), "mlp.b_out": (one, d_model)}
    for i in range(config.n_layers):
        axes |= {f"blocks.{i}.{short}": shape for short, shape in block.items()}
    axes |= {f"ln_final.{short}": shape for short, shape in norm.items()}
    if not config.tied_embeddings:
        axes["W_U"] = (d_model, d_vocab)
    return axes

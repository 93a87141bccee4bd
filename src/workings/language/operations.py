"""The operations: ordinary mathematics over primitives, each written once.

An operation's docstring is the sentence that users read beside its numbers. Called with arrays (or lists) instead of
tables an operation simply gives arrays:

>>> softmax([[1.0, 2.0, 3.0]]).round(3).tolist()
[[0.09, 0.245, 0.665]]
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from workings.language.names import Weights, at, name
from workings.language.primitives import (
    erf,
    exp,
    greater,
    join,
    keep_past,
    kth_largest,
    matmul,
    maximum,
    row_max,
    row_mean,
    row_sum,
    sqrt,
    tanh,
    transpose,
)
from workings.language.tables import Call, Graph, Table


def operation(body: Callable[..., Any]) -> Callable[..., Any]:
    """Make a function over primitives an operation of the language: its uses are remembered in the graph."""

    @wraps(body)
    def either(*arguments: Any, **keywords: Any) -> Any:
        graph = _graph_of(arguments)
        if graph is None:
            return body(*(np.asarray(x) if isinstance(x, list | tuple) else x for x in arguments), **keywords)
        assert not keywords, "inside a model, operations are called by position, so that kernels can be too"
        call = Call(either, arguments, outer=graph.open_call)
        graph.calls.append(call)
        graph.open_call, first = call, len(graph.tables)
        try:
            call.output = body(*arguments)
        finally:
            graph.open_call = call.outer
        call.members = graph.tables[first:]
        return call.output

    return either


def _graph_of(arguments: tuple[Any, ...]) -> Graph | None:
    return next((x.graph for x in arguments if isinstance(x, Table)), None)


@operation
def softmax(scores: Any) -> Any:
    """Turn any row of numbers into shares that are positive and add up to 1, larger numbers getting larger shares."""
    raised = exp(scores - row_max(scores))
    return raised / row_sum(raised)


@operation
def square(x: Any) -> Any:
    """Multiply each number by itself."""
    return x * x


@operation
def linear(x: Any, weight: Any, bias: Any) -> Any:
    """Weigh up all numbers of a row in many ways at once: each output is a weighted sum of the row, plus a fixed bias."""
    return matmul(x, weight) + bias


@operation
def deviation(x: Any, mean: Any, epsilon: float) -> Any:
    """How far the numbers of a row typically lie from their mean (the standard deviation, kept above 0 by a tiny epsilon)."""
    return sqrt(row_mean(square(x - mean)) + epsilon)


@operation
def standardize(x: Any, mean: Any, scale: Any, weight: Any, bias: Any) -> Any:
    """Move each row to mean 0 and typical size 1, then stretch and shift every column by a learnt weight and bias."""
    return (x - mean) / scale * weight + bias


@operation
def layer_norm(x: Any, w: Any, epsilon: float = 1e-5) -> Any:
    """Bring every row to a common size: mean 0, typical size 1, then a learnt stretch and shift for every column.

    `x` [pos, d_model]; `w.w` and `w.b` [1, d_model]. Source: Ba et al. 2016, Layer Normalization, section 3.
    """
    with at(w):
        mean = name("mean", row_mean(x))  # [pos, 1]
        scale = name("scale", deviation(x, mean, epsilon))  # [pos, 1]
        return name("normalized", standardize(x, mean, scale, w.w, w.b))  # [pos, d_model]


@operation
def attention_scores(q: Any, k: Any, scale: float) -> Any:
    """How well each token's query matches the key of every token up to it; later tokens are masked."""
    return keep_past(matmul(q, transpose(k)) * scale)


@operation
def attention_pattern(scores: Any) -> Any:
    """Turn each token's scores into shares of its attention, which add up to 1; masked tokens get 0."""
    return softmax(scores)


@operation
def weigh_values(pattern: Any, v: Any) -> Any:
    """Mix the values of all tokens, each by its share of attention."""
    return matmul(pattern, v)


@operation
def attention(q: Any, k: Any, v: Any, scale: float | None = None) -> Any:
    """Let every token gather from itself and the tokens before it, most from those whose key fits its query best.

    `q`, `k`, `v` [head, pos, d_head] or [pos, d_head]; `scale` is 1 / sqrt(d_head) unless given. Gives z, of the shape
    of `q`. Source: Vaswani et al. 2017, Attention Is All You Need, section 3.2.1, with the mask of section 3.2.3.
    """
    width = (q.axes[-1].size or 1) if isinstance(q, Table) else q.shape[-1]
    scale = 1 / math.sqrt(width) if scale is None else scale
    scores = name("scores", attention_scores(q, k, scale))  # [head, query pos, key pos]
    pattern = name("pattern", attention_pattern(scores))  # [head, query pos, key pos]
    return name("z", weigh_values(pattern, v))  # [head, pos, d_head]


@operation
def self_attention(x: Any, w: Any, scale: float) -> Any:
    """Every head turns each token into a query, a key and a value, gathers by attention, and writes back what it found.

    `x` [pos, d_model]; `w.W_Q | W_K | W_V` [head, d_model, d_head]; `w.W_O` [head*d_head, d_model]. Gives
    [pos, d_model]. Source: Vaswani et al. 2017, section 3.2.2; Elhage et al. 2021, for the names.
    """
    with at(w):
        q = name("q", linear(x, w.W_Q, w.b_Q))  # [head, pos, d_head]
        k = name("k", linear(x, w.W_K, w.b_K))  # [head, pos, d_head]
        v = name("v", linear(x, w.W_V, w.b_V))  # [head, pos, d_head]
        z = attention(q, k, v, scale)  # [head, pos, d_head]
        return linear(join(z), w.W_O, w.b_O)  # [pos, d_model]


@operation
def gelu_new(x: Any) -> Any:
    """Let positive numbers through and hold negative ones back, with a soft bend in between (GPT-2's form, by tanh).

    Source: Hendrycks and Gimpel 2016, Gaussian Error Linear Units, section 2.
    """
    return 0.5 * x * (1.0 + tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * (x * x * x))))


@operation
def gelu(x: Any) -> Any:
    """Let positive numbers through and hold negative ones back, with a soft bend in between (the exact form, by erf).

    Source: Hendrycks and Gimpel 2016, Gaussian Error Linear Units, section 2.
    """
    return 0.5 * x * (1.0 + erf(x * math.sqrt(0.5)))


@operation
def relu(x: Any) -> Any:
    """Let positive numbers through and turn negative ones into 0."""
    return maximum(x, 0.0)


@operation
def silu(x: Any) -> Any:
    """Let positive numbers through and hold negative ones back, softly: each number times its logistic share."""
    return x / (1.0 + exp(0.0 - x))


@operation
def top_k(x: Any, k: int) -> Any:
    """Let the k largest numbers of each row through, where they are positive, and turn all others into 0.

    Where several numbers equal the k-th largest, all of them pass, so that no order among equals decides. Source: Gao
    et al. 2024, Scaling and evaluating sparse autoencoders, section 2.3.
    """
    return maximum(x, 0.0) * (1.0 - greater(kth_largest(x, k=k), x))


@operation
def jump_relu(x: Any, threshold: Any) -> Any:
    """Let positive numbers that exceed their own learnt threshold through unchanged, and turn all others into 0.

    `x` [pos, d_sae]; `threshold` [1, d_sae]. Source: Rajamanoharan et al. 2024, Jumping Ahead, section 2.
    """
    return maximum(x, 0.0) * greater(x, threshold)


@operation
def gated_relu(x: Any, gate: Any) -> Any:
    """Let positive numbers through where the gate beside them is positive too, and turn all others into 0.

    `x` and `gate` [pos, d_sae]. Source: Rajamanoharan et al. 2024, Improving Dictionary Learning with Gated Sparse
    Autoencoders, section 3.2.
    """
    return maximum(x, 0.0) * greater(gate, 0.0)


ACTIVATIONS: dict[str, Callable[..., Any]] = {
    "gelu_new": gelu_new,
    "gelu_pytorch_tanh": gelu_new,
    "gelu": gelu,
    "relu": relu,
    "silu": silu,
    "swish": silu,
    "tanh": tanh,
}
"""Activations by the names that checkpoints give them."""


@operation
def mlp(x: Any, w: Any, activation: str) -> Any:
    """Each token thinks by itself: many small detectors look at its row, fire or stay quiet, and write back.

    `x` [pos, d_model]; `w.W_in` [d_model, d_mlp]; `w.W_out` [d_mlp, d_model]. Gives [pos, d_model].
    """
    with at(w):
        pre = name("pre", linear(x, w.W_in, w.b_in))  # [pos, d_mlp]
        post = name("post", ACTIVATIONS[activation](pre))  # [pos, d_mlp]
        return linear(post, w.W_out, w.b_out)  # [pos, d_model]


@operation
def unembed(x: Any, weight: Any) -> Any:
    """Score every token of the vocabulary as the next one: how well the final row matches that token's column."""
    return matmul(x, weight)


__all__ = [
    "ACTIVATIONS",
    "Weights",
    "attention",
    "gated_relu",
    "gelu",
    "gelu_new",
    "jump_relu",
    "layer_norm",
    "linear",
    "mlp",
    "operation",
    "relu",
    "self_attention",
    "silu",
    "softmax",
    "square",
    "top_k",
    "unembed",
]

"""Kernels: whole-table NumPy code for operations, each held against its operation's definition by a test.

A kernel is called like its operation, with arrays where that has tables. Element-wise work is done in pieces small
enough to stay in a core's cache, shared out over threads; matrix products are left to NumPy's BLAS.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np

from workings.engine.memory import room
from workings.engine.past import clear_future, product_of_past
from workings.engine.recipes import Kernel
from workings.engine.threads import share
from workings.engine.together import matmul, side_by_side
from workings.language.primitives import MASK

Array = np.ndarray

PIECE = 1 << 16
"""Numbers in one piece of element-wise work: 256 kB of float32, well inside a core's second-level cache."""
QUERY_BLOCK = 128
"""Rows of attention scores that are worked out at once; what lies right of the block's last row is never touched."""


# Products ---------------------------------------------------------------------------------------------------------


def product(x: Array, weight: Array) -> Array:
    """`x @ weight`; a stack of matrices that lie side by side in memory is multiplied as the one matrix that it is."""
    flat = side_by_side(weight) if weight.ndim == 3 and x.ndim == 2 else None
    if flat is None:
        plain = x.ndim == weight.ndim == 2
        return np.matmul(x, weight, out=room((len(x), weight.shape[1]), x.dtype)) if plain else np.matmul(x, weight)
    sheets, _, width = weight.shape
    return np.matmul(x, flat).reshape(len(x), sheets, width).transpose(1, 0, 2)


def linear_together(x: Array, weight: Array, bias: Array, n_tables: int, n_heads: int) -> list[Array]:
    """Several `linear` tables of one input whose weights lie side by side, from one product."""
    out = np.matmul(x, weight)  # [rows, table * head * d_head]
    out += bias
    parts = out.reshape(len(x), n_tables, n_heads, -1).transpose(1, 2, 0, 3)  # [table, head, rows, d_head]
    return list(parts)


def linear(x: Array, weight: Array, bias: Array) -> Array:
    out = product(x, weight)
    out += bias
    return out


def unembed(x: Array, weight: Array) -> Array:
    if len(x) == 1 or weight.flags.c_contiguous:
        return np.matmul(x, weight)
    # BLAS reads the tall matrix row by row: up to 1.8 times faster than by columns
    return np.matmul(weight.T, x.T, out=room((weight.shape[1], len(x)), x.dtype)).T


# Rows -------------------------------------------------------------------------------------------------------------


def _by_pieces(x: Array, work: Any) -> None:
    """Call `work(start, stop)` on runs of rows of a 2-d array, each a piece that fits the cache, over all threads."""
    step = max(1, PIECE // max(1, x.shape[-1]))

    def some(start: int, stop: int) -> None:
        for low in range(start, stop, step):
            work(low, min(low + step, stop))

    share(some, len(x), x.size)


def _root(x: Array) -> Array:
    """The square root of each number, in place; NaN of one that overflowed."""
    np.sqrt(x, out=x)
    x[np.isinf(x)] = np.nan
    return x


def deviation(x: Array, mean: Array, epsilon: float) -> Array:
    out = np.empty_like(mean)

    def work(start: int, stop: int) -> None:
        centred = x[start:stop] - mean[start:stop]
        out[start:stop, 0] = np.einsum("ij,ij->i", centred, centred)

    _by_pieces(x, work)
    out *= 1 / x.shape[-1]
    out += epsilon
    return _root(out)


def standardize(x: Array, mean: Array, scale: Array, weight: Array, bias: Array) -> Array:
    out = room(x.shape, x.dtype)

    def work(start: int, stop: int) -> None:
        part = np.subtract(x[start:stop], mean[start:stop], out=out[start:stop])
        part /= scale[start:stop]
        part *= weight
        part += bias

    _by_pieces(x, work)
    return out


def layer_norm(x: Array, w: Any, epsilon: float) -> Array:
    out = np.empty(x.shape, x.dtype)
    share_of_one = 1 / x.shape[-1]

    def work(start: int, stop: int) -> None:
        rows = x[start:stop]
        part = np.subtract(rows, rows.mean(axis=-1, keepdims=True), out=out[start:stop])
        scale = np.einsum("ij,ij->i", part, part)[:, None]
        scale *= share_of_one
        scale += epsilon
        part /= _root(scale)
        part *= w.w
        part += w.b

    _by_pieces(x, work)
    return out


MODERATE = 60.0
"""Scores between -60 and 60 can be raised as they are: e^60 is far from float32's limits. So a pass is saved."""


def _share_out(scores: Array, out: Array) -> None:
    """Softmax along the last axis of a piece that fits the cache; `out` may be `scores` itself."""
    top = scores.max(axis=-1, keepdims=True)
    if top.min() > -MODERATE and top.max() < MODERATE:
        np.exp(scores, out=out)
    else:
        np.exp(np.subtract(scores, top, out=out), out=out)
    sums = np.einsum("...i->...", out)[..., None]
    out *= np.divide(1.0, sums, out=sums)


def softmax(scores: Array) -> Array:
    if scores.ndim == 2 and len(scores) > 1 and scores.flags.f_contiguous:
        return _softmax_down_columns(scores.T).T
    out = room(scores.shape, scores.dtype)
    flat = np.ascontiguousarray(scores).reshape(-1, scores.shape[-1])
    target = out.reshape(flat.shape)
    _by_pieces(flat, lambda start, stop: _share_out(flat[start:stop], target[start:stop]))
    return out


def _softmax_down_columns(scores: Array) -> Array:
    """Softmax of each column: for scores that lie in memory column by column."""
    out = room(scores.shape, scores.dtype)
    largest: list[Array] = []
    _by_pieces(scores, lambda start, stop: largest.append(scores[start:stop].max(axis=0)))
    top = np.max(largest, axis=0)
    moderate = top.min() > -MODERATE and top.max() < MODERATE
    sums: list[Array] = []

    def raise_part(start: int, stop: int) -> None:
        part = scores[start:stop] if moderate else np.subtract(scores[start:stop], top, out=out[start:stop])
        part = np.exp(part, out=out[start:stop])
        sums.append(part.sum(axis=0))

    _by_pieces(scores, raise_part)
    one_by = 1 / np.sum(sums, axis=0)

    def scale_part(start: int, stop: int) -> None:
        out[start:stop] *= one_by

    _by_pieces(scores, scale_part)
    return out


# Activations ------------------------------------------------------------------------------------------------------


def _element_wise(function: Any) -> Any:
    """A kernel from a function `function(x, out)` on a small piece."""

    def kernel(x: Array) -> Array:
        x = np.ascontiguousarray(x)
        out = room(x.shape, x.dtype)
        _by_pieces(x, lambda start, stop: function(x[start:stop], out[start:stop]))
        return out

    return kernel


def _gelu_new(x: Array, out: Array) -> None:
    np.multiply(x, x, out=out)
    out *= 0.044715 * math.sqrt(2 / math.pi)
    out += math.sqrt(2 / math.pi)
    out *= x
    np.tanh(out, out=out)
    out += 1.0
    out *= x
    out *= 0.5


def _gelu(x: Array, out: Array) -> None:
    np.multiply(x, math.sqrt(0.5), out=out)
    fast_erf(out, out)
    out += 1.0
    out *= x
    out *= 0.5


def _relu(x: Array, out: Array) -> None:
    np.maximum(x, 0.0, out=out)


def _silu(x: Array, out: Array) -> None:
    np.negative(x, out=out)
    with np.errstate(over="ignore"):  # exp of a very negative number's negative is infinite, and its share then 0
        np.exp(out, out=out)
    out += 1.0
    np.divide(x, out, out=out)


def fast_erf(x: Array, out: Array) -> None:
    """The error function to about 4e-15: 1 - exp(-x^2) times a polynomial in 4 / (2 + |x|), fitted to `math.erfc`."""
    size = np.abs(x)
    np.minimum(size, 6.0, out=size)  # from here on erf is 1 to the last bit
    t = 8.0 / 3.0 / (size + 2.0)
    t *= 2.0
    t -= 5.0 / 3.0  # runs from 1 at x = 0 to -1 at x = 6
    coefficients = _erfc_coefficients()
    result = np.full_like(t, coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        result *= t
        result += coefficient
    size *= size
    np.negative(size, out=size)
    result *= np.exp(size, out=size)
    np.subtract(1.0, result, out=result)
    np.copysign(result, x, out=out)


@cache
def _erfc_coefficients() -> tuple[float, ...]:
    """Powers of t for exp(x^2) erfc(x) on 0 <= x <= 6, by Chebyshev interpolation."""
    from numpy.polynomial import chebyshev

    def scaled(t: Any) -> Any:
        x = 16.0 / 3.0 / (t + 5.0 / 3.0) - 2.0
        return np.array([math.exp(v * v) * math.erfc(v) for v in x.tolist()])

    return tuple(float(c) for c in chebyshev.cheb2poly(chebyshev.chebinterpolate(scaled, 24)))


gelu_new = _element_wise(_gelu_new)
gelu = _element_wise(_gelu)
relu = _element_wise(_relu)
silu = _element_wise(_silu)
ACTIVATIONS = {
    "gelu_new": _gelu_new,
    "gelu_pytorch_tanh": _gelu_new,
    "gelu": _gelu,
    "relu": _relu,
    "silu": _silu,
    "swish": _silu,
}


def mlp(x: Array, w: Any, activation: str) -> Array:
    hidden = linear(x, w.W_in, w.b_in)
    function = ACTIVATIONS.get(activation, lambda part, out: np.tanh(part, out=out))

    def work(start: int, stop: int) -> None:
        part = hidden[start:stop]
        function(part.copy(), part)

    _by_pieces(hidden, work)
    return linear(hidden, w.W_out, w.b_out)


# Attention --------------------------------------------------------------------------------------------------------


def _blocks(n_rows: int, first_row: int) -> list[tuple[int, int, int]]:
    """Runs of query rows, each with the number of keys that its last row may look at."""
    return [
        (low, min(low + QUERY_BLOCK, n_rows), first_row + min(low + QUERY_BLOCK, n_rows))
        for low in range(0, n_rows, QUERY_BLOCK)
    ]


def _mask_block(scores: Array, first_row: int) -> None:
    """Mask what lies right of the diagonal, in place; `first_row` is the position of the first row."""
    if scores.shape[-2] > 1:
        clear_future(scores[..., first_row:], MASK, 0)


def _shares_of_block(scores: Array, pattern: Array) -> None:
    """Softmax of a stack of sheets, shared out over threads, a piece at a time; both may be the same array."""
    at_once = max(1, PIECE // (scores.shape[-2] * scores.shape[-1]))

    def work(start: int, stop: int) -> None:
        for low in range(start, stop, at_once):
            high = min(low + at_once, stop)
            _share_out(scores[low:high], pattern[low:high])

    share(work, len(scores), scores.size)


def attention_scores(q: Array, k: Array, scale: float, first_row: int) -> Array:
    n_rows, n_keys = q.shape[-2], k.shape[-2]
    scores = room((*q.shape[:-1], n_keys), q.dtype)
    scaled = q * q.dtype.type(scale)
    for low, high, keys in _blocks(n_rows, first_row):
        block = scores[..., low:high, :keys]
        np.matmul(scaled[..., low:high, :], k[..., :keys, :].swapaxes(-1, -2), out=block)
        _mask_block(block, first_row + low)
        _fill(scores[..., low:high, keys:], MASK)
    return scores


def _fill(part: Array, value: float) -> None:
    """Write one number everywhere, shared out over threads."""

    def work(start: int, stop: int) -> None:
        part[start:stop] = value

    share(work, len(part), part.size)


def attention_pattern(scores: Array, first_row: int) -> Array:
    pattern = room(scores.shape, scores.dtype)
    for low, high, keys in _blocks(scores.shape[-2], first_row):
        block = np.s_[..., low:high, :keys]
        _shares_of_block(_as_stack(scores[block]), _as_stack(pattern[block]))
        if not np.isfinite(pattern[..., low:high, 0]).all():  # such a row is NaN from end to end
            clear_future(pattern[block], 0.0, first_row + low)
        _fill(pattern[..., low:high, keys:], 0.0)
    return pattern


def _as_stack(sheets: Array) -> Array:
    return sheets if sheets.ndim == 3 else sheets[None]


def weigh_values(pattern: Array, v: Array, first_row: int) -> Array:
    n_rows = pattern.shape[-2]
    z = _room_for_z(pattern.shape[:-1], v)
    for low, high, keys in _blocks(n_rows, first_row):
        product_of_past(pattern[..., low:high, :keys], v[..., :keys, :], first_row + low, z[..., low:high, :])
    return z


def attention(q: Array, k: Array, v: Array, scale: float, first_row: int) -> Array:
    z = _room_for_z(q.shape[:-1], v)
    scaled = q * q.dtype.type(scale)
    for low, high, keys in _blocks(q.shape[-2], first_row):
        scores = np.matmul(scaled[..., low:high, :], k[..., :keys, :].swapaxes(-1, -2))
        _mask_block(scores, first_row + low)
        _shares_of_block(_as_stack(scores), _as_stack(scores))
        product_of_past(scores, v[..., :keys, :], first_row + low, z[..., low:high, :])
    return z


def _room_for_z(leading: tuple[int, ...], v: Array) -> Array:
    """An empty z whose heads lie side by side in memory, so that joining them costs nothing."""
    if len(leading) == 1:
        return np.empty((*leading, v.shape[-1]), v.dtype)
    heads, rows = leading
    return np.empty((rows, heads, v.shape[-1]), v.dtype).transpose(1, 0, 2)


def join(*parts: Array) -> Array:
    if len(parts) == 1:
        heads, rows, width = parts[0].shape
        return parts[0].transpose(1, 0, 2).reshape(rows, heads * width)
    return np.concatenate(parts, axis=-1)


def through_sae(x: Array, w: Any, config: Any) -> Array:
    """Where nobody looks at a feature, a sparse autoencoder and what it misses give the row back."""
    return x


KERNELS = {
    "linear": Kernel(linear),
    "unembed": Kernel(unembed),
    "deviation": Kernel(deviation),
    "standardize": Kernel(standardize),
    "layer_norm": Kernel(layer_norm),
    "softmax": Kernel(softmax),
    "gelu_new": Kernel(gelu_new),
    "gelu": Kernel(gelu),
    "relu": Kernel(relu),
    "silu": Kernel(silu),
    "mlp": Kernel(mlp),
    "through_sae": Kernel(through_sae, unless_edited=True),
    "attention_scores": Kernel(attention_scores, causal=True),
    "attention_pattern": Kernel(attention_pattern, causal=True),
    "weigh_values": Kernel(weigh_values, causal=True),
    "attention": Kernel(attention, causal=True),
}
"""The kernel of each operation that has one, by the operation's name."""

PRIMITIVE_KERNELS: dict[str, Any] = {"join": join, "matmul": matmul}
"""Faster bodies for single primitives."""

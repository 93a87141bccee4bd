"""Sparse autoencoders: a row of numbers taken apart into many features, few of which fire, and rebuilt from them.

Sources: Cunningham et al. 2023, Sparse Autoencoders Find Highly Interpretable Features in Language Models, section 2;
Bricken et al. 2023, Towards Monosemanticity; for each architecture the paper that `ARCHITECTURES` names. What each
option does is what SAELens does, so that its autoencoders give the same numbers here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from workings.errors import InputError
from workings.language.names import UNEDITED, Weights, at, name
from workings.language.operations import gated_relu, jump_relu, linear, operation, relu, square, top_k
from workings.language.primitives import add, exp, join, matmul, row_mean, row_sum, split, sqrt, transpose
from workings.language.tables import ONE, Axis, Table

ARCHITECTURES = {
    "standard": "relu (Bricken et al. 2023)",
    "topk": "only the k largest of each row fire (Gao et al. 2024, Scaling and evaluating sparse autoencoders)",
    "jumprelu": "each feature has a threshold (Rajamanoharan et al. 2024, Jumping Ahead)",
    "gated": "whether a feature fires and how strongly are asked apart (Rajamanoharan et al. 2024, Gated SAEs)",
}
NORMALIZATIONS = ("none", "expected_average_only_in", "constant_norm_rescale", "layer_norm")
STREAM = ("embed", "pos_embed", "resid_pre", "resid_mid", "resid_post", "attn_out", "mlp_out")
"""Tables, by their last word, that hold the residual stream or what is written into it."""
Array = np.ndarray
Tables = tuple[Any, ...]
TINY = 1e-5
"""Keeps `layer_norm` from dividing by 0, as in SAELens."""


@dataclass(frozen=True)
class SAEConfig:
    """The sizes and options of a sparse autoencoder. Raises `InputError` where they do not go together."""

    d_in: int
    """Width of the rows that it reads; of `attn.z`, n_heads*d_head."""
    d_sae: int
    """Number of features."""
    table: str
    """The table that it reads, such as `blocks.2.resid_post`."""
    architecture: str = "standard"
    """One of `ARCHITECTURES`."""
    k: int | None = None
    """How many features of a row may fire: `topk` alone."""
    apply_b_dec_to_input: bool = True
    """Whether the decoder's bias is taken off before encoding."""
    normalize_activations: str = "none"
    """What is done to a row first, and undone at the end. `expected_average_only_in`: multiplied by `scaling_factor`.
    `constant_norm_rescale`: brought to the length sqrt(d_in). `layer_norm`: brought to mean 0 and standard deviation 1."""
    scaling_factor: float = 1.0
    """What `expected_average_only_in` multiplies every row with."""
    rescale_acts_by_decoder_norm: bool = False
    """Whether features are weighed as if every decoder row had length 1: `topk` alone."""
    centered_input: bool = False
    """Whether it was trained on a model whose weights write no mean into the stream (TransformerLens's `center_writing_weights`).
    In another model the mean of every row is taken off before it reads; `encode` itself takes rows as that model had them. Only
    of tables in `STREAM`: all others are the same in such a model."""

    def __post_init__(self) -> None:
        _check(self)

    @property
    def by_row(self) -> bool:
        """Whether each row is brought to a common size first, so that decoding needs the row too."""
        return self.normalize_activations in ("constant_norm_rescale", "layer_norm")


def _check(config: SAEConfig) -> None:
    if config.architecture not in tuple(ARCHITECTURES):
        raise InputError(f"architecture is one of {', '.join(ARCHITECTURES)}; {config.architecture!r} came")
    if config.normalize_activations not in NORMALIZATIONS:
        raise InputError(
            f"normalize_activations is one of {', '.join(NORMALIZATIONS)}; {config.normalize_activations!r} came"
        )
    for what in ("d_in", "d_sae"):
        if type(getattr(config, what)) is not int or getattr(config, what) < 1:
            raise InputError(f"{what} is a whole number of at least 1; {getattr(config, what)!r} came")
    if not isinstance(config.table, str) or not config.table:
        raise InputError(f"table is the name of a table, such as 'blocks.2.resid_post'; {config.table!r} came")
    topk = config.architecture == "topk"
    if topk and (type(config.k) is not int or not 1 <= config.k <= config.d_sae):
        raise InputError(f"topk needs k, a whole number from 1 to d_sae = {config.d_sae}; {config.k!r} came")
    if not topk and (config.k is not None or config.rescale_acts_by_decoder_norm):
        raise InputError(
            f"k and rescale_acts_by_decoder_norm belong to topk; the architecture is {config.architecture}"
        )
    factor = config.scaling_factor
    if isinstance(factor, bool) or not isinstance(factor, int | float) or not (math.isfinite(factor) and factor > 0):
        raise InputError(f"scaling_factor is a number above 0; {factor!r} came")
    if factor != 1 and config.normalize_activations != "expected_average_only_in":
        raise InputError(
            f"scaling_factor {factor} belongs to normalize_activations 'expected_average_only_in'; "
            f"it is {config.normalize_activations!r}"
        )
    if config.centered_input and not of_stream(config.table):
        raise InputError(
            f"centered_input belongs to tables of the residual stream ({', '.join(STREAM)}); {config.table} is the same in a "
            "model whose weights write no mean into it"
        )
    if config.d_in == 1 and config.normalize_activations == "layer_norm":
        raise InputError("normalize_activations 'layer_norm' needs rows of at least 2 numbers; d_in is 1")


def of_stream(table: str) -> bool:
    """Whether a table holds the residual stream, or what is written into it."""
    return table.rpartition(".")[2] in STREAM


def sae_weight_axes(config: SAEConfig) -> dict[str, tuple[Axis, ...]]:
    """The name and axes of every weight; what there is one of for every column is a table of one row."""
    d_in, d_sae = Axis("d_in", config.d_in), Axis("d_sae", config.d_sae)
    biases = {"jumprelu": ("b_enc", "threshold"), "gated": ("b_gate", "r_mag", "b_mag")}
    axes: dict[str, tuple[Axis, ...]] = {"W_enc": (d_in, d_sae)}
    axes |= dict.fromkeys(biases.get(config.architecture, ("b_enc",)), (ONE, d_sae))
    return {**axes, "W_dec": (d_sae, d_in), "b_dec": (ONE, d_in)}


# The two halves ---------------------------------------------------------------------------------------------------


def encode(x: Any, w: Any, config: SAEConfig) -> tuple[Any, Any]:
    """Which features a row has, and how strongly: `pre` and `acts`, both [pos, d_sae], of `x` [pos, d_in].

    `pre` is how strongly each feature is addressed, before it is decided whether it fires (of a gated autoencoder, the
    strength; its gate is a table of its own). `w` are the weights of `sae_weight_axes`.
    """
    addressed = _address(x, w, config, _sizes(x, config))
    return addressed[0], _fire(addressed, w, config)


def decode(acts: Any, w: Any, config: SAEConfig, x: Any = None) -> Any:
    """The row that features stand for: every feature's decoder row, as strongly as it fires, and a bias. [pos, d_in].

    Where each row was brought to a common size first (`config.by_row`), its own size is needed to undo that: then give the
    rows `x` that were encoded. Raises `InputError` without them.
    """
    if config.by_row and x is None:
        raise InputError(
            f"this autoencoder brings every row to a common size first ({config.normalize_activations}); "
            "give the rows that were encoded too: decode(acts, x)"
        )
    return _decode(acts, w, config, _sizes(x, config))


def _address(x: Any, w: Any, config: SAEConfig, sizes: Tables) -> Tables:
    """`pre`, and of a gated autoencoder `gate`; [pos, d_sae]."""
    rows = _common_size(x, config, sizes)  # [pos, d_in]
    rows = rows - w.b_dec if config.apply_b_dec_to_input else rows
    if config.architecture != "gated":
        return (name("pre", linear(rows, w.W_enc, w.b_enc)),)
    shared = matmul(rows, w.W_enc)  # [pos, d_sae]
    return name("pre", shared * exp(w.r_mag) + w.b_mag), name("gate", shared + w.b_gate)


def _fire(addressed: Tables, w: Any, config: SAEConfig) -> Any:
    """How strongly each feature fires; [pos, d_sae]."""
    pre = addressed[0]
    if config.architecture == "gated":
        return name("acts", gated_relu(*addressed))
    if config.architecture == "jumprelu":
        return name("acts", jump_relu(pre, w.threshold))
    if config.architecture == "topk":
        weighed = pre * _decoder_norm(w) if config.rescale_acts_by_decoder_norm else pre
        return name("acts", top_k(weighed, config.k))
    return name("acts", relu(pre))


def _decode(acts: Any, w: Any, config: SAEConfig, sizes: Tables) -> Any:
    acts = acts / _decoder_norm(w) if config.rescale_acts_by_decoder_norm else acts
    return _own_size(linear(acts, w.W_dec, w.b_dec), config, sizes)  # [pos, d_in]


def _decoder_norm(w: Any) -> Any:
    return transpose(sqrt(row_sum(square(w.W_dec))))  # [1, d_sae]


@operation
def typical_size(x: Any) -> Any:
    """How large the numbers of a row typically are: the square root of the mean of their squares."""
    return sqrt(row_mean(square(x)))


@operation
def sample_deviation(x: Any, mean: Any, width: int) -> Any:
    """How far the numbers of a row typically lie from their mean (the standard deviation of a sample, over width - 1)."""
    return sqrt(row_sum(square(x - mean)) / (width - 1.0))


def _sizes(x: Any, config: SAEConfig) -> Tables:
    """What brings each row to a common size, and back: nothing, its size, or its mean and its deviation; [pos, 1]."""
    if config.normalize_activations == "constant_norm_rescale":
        return (name("size", typical_size(x)),)
    if config.normalize_activations == "layer_norm":
        mean = name("mean", row_mean(x))
        return mean, name("scale", sample_deviation(x, mean, config.d_in))
    return ()


def _common_size(x: Any, config: SAEConfig, sizes: Tables) -> Any:
    """The rows as the encoder wants them."""
    if len(sizes) == 2:
        mean, scale = sizes
        return (x - mean) / (scale + TINY)
    if sizes:
        return x / sizes[0]
    return x * config.scaling_factor if config.scaling_factor != 1 else x


def _own_size(rebuilt: Any, config: SAEConfig, sizes: Tables) -> Any:
    """What `_common_size` did, undone."""
    if len(sizes) == 2:
        mean, scale = sizes
        return rebuilt * scale + mean
    if sizes:
        return rebuilt * sizes[0]
    return rebuilt / config.scaling_factor if config.scaling_factor != 1 else rebuilt


# Inside a model ---------------------------------------------------------------------------------------------------


@operation
def through_sae(x: Any, w: Any, config: SAEConfig) -> Any:
    """Take each row apart into features, rebuild it from them, and add what they miss: unedited, the row itself.

    What they miss (`error`) is taken from `unedited.acts`, out of reach of edits, so that an edit of `pre`, `acts` or `recons`
    shows in the result and is not made good again. Both begin with the same numbers, `unedited.pre`. Source: Marks et al.
    2024, Sparse Feature Circuits, section 2.

    `x` is [pos, d_in], or what heads found, [head, pos, d_head], which is read head after head as one row.
    """
    rows = join(x) if is_stack(x) else x  # [pos, d_in]
    with at(w):
        with at(UNEDITED):
            seen = name("centered", rows - row_mean(rows)) if config.centered_input else rows  # [pos, d_in]
            sizes = _sizes(seen, config)
            addressed = _address(seen, w, config, sizes)
            unedited = name("recons", _decode(_fire(addressed, w, config), w, config, sizes))  # [pos, d_in]
        sizes, addressed = _once_more(sizes), _once_more(addressed)
        recons = name("recons", _decode(_fire(addressed, w, config), w, config, sizes))  # [pos, d_in]
        error = name("error", rows - unedited)  # [pos, d_in]
        parts = (split(part, sheets=x.axes[0].size) if is_stack(x) else part for part in (error, recons))
        return name("out", add(*parts))  # [pos, d_in] or [head, pos, d_head], as x


def is_stack(x: Any) -> bool:
    """Whether a table or an array is a stack of sheets, one a head, which an autoencoder reads side by side as one row."""
    return len(x.axes if isinstance(x, Table) else x.shape) == 3


def rows_read(x: Array) -> Array:
    """The rows that an autoencoder reads of an array: [pos, d] as it is, [head, pos, d_head] head after head as [pos, d]."""
    rows: Array = join(x) if is_stack(x) else x
    return rows


def row_width(table: Table) -> int | None:
    """How long the row is that an autoencoder would read for each token; None where the table has no row a token."""
    if table.row_axis != -2 or table.columns_are_positions:
        return None
    return math.prod(axis.size or 1 for axis in table.axes if not axis.is_pos)


def _once_more(tables: Tables) -> Tables:
    """The same numbers under the same names here, to be edited on their own."""
    return tuple(name(table.name.rsplit(".", 1)[-1], table) for table in tables)


def splice(config: SAEConfig) -> Callable[[Table], Table]:
    """What is drawn behind the autoencoder's table, for `names.spliced`; its weights stand in the graph under `{table}.sae`."""

    def through(x: Table) -> Table:
        result: Table = through_sae(x, Weights(dict(x.graph.weights), f"{x.name}.sae"), config)
        return result

    return through

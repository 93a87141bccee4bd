"""Sparse autoencoders inside a model: whether they fit it, and how the model is drawn with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from numbers import Integral
from typing import Any

import numpy as np

from workings.checkpoints.sparse_autoencoder import Feature, SparseAutoencoder, nearest
from workings.engine.lookup import find_table
from workings.engine.program import draw
from workings.errors import InputError, UnknownTable
from workings.language.names import spliced
from workings.language.tables import Axis, Graph, axis_labels
from workings.models.sae import row_width, sae_weight_axes, splice

Array = np.ndarray

_ALSO_CALLED = {"gpt2-small": "gpt2"}
"""Models that SAELens and the hub call differently."""


def draw_spliced(
    model: Callable[..., Any], axes: Mapping[str, tuple[Axis, ...]], config: Any, saes: Sequence[SparseAutoencoder]
) -> Graph:
    """The graph of a model that reads on through sparse autoencoders."""
    more = {weight_name(sae, short): found for sae in saes for short, found in sae_weight_axes(sae.config).items()}
    with spliced({sae.config.table: splice(sae.config) for sae in saes}):
        return draw(model, {**axes, **more}, config)


def weight_name(sae: SparseAutoencoder, short: str) -> str:
    """The name of an autoencoder's weight inside a model: `blocks.2.resid_post.sae.W_enc`."""
    return f"{sae.config.table}.sae.{short}"


def weights_of(saes: Sequence[SparseAutoencoder]) -> dict[str, Array]:
    """The weights of sparse autoencoders by their names inside a model."""
    return {weight_name(sae, short): array for sae in saes for short, array in sae.weights.items()}


def with_weights(sae: SparseAutoencoder, changed: Mapping[str, Array]) -> SparseAutoencoder:
    """The autoencoder with other weights where `changed` has some, by their names inside a model."""
    weights = {short: changed.get(weight_name(sae, short), array) for short, array in sae.weights.items()}
    return SparseAutoencoder(sae.config, weights, sae.labels, sae.evidence, sae.metadata)


def open_bundled_sae(model_name: str) -> tuple[SparseAutoencoder, ...]:
    """The sparse autoencoder that comes with a bundled model; none for any other."""
    from workings.checkpoints.load_sae import bundled_sae, load_sae  # which opens models, too

    return (load_sae(model_name),) if bundled_sae(model_name) else ()


def feature_among(model_name: str, saes: Sequence[SparseAutoencoder], label: str | int) -> Feature:
    """The one feature of this label (or, of a single one, this number) among several sparse autoencoders. Raises `InputError` for none, or several."""
    if not saes:
        raise InputError(
            f"{model_name} has no sparse autoencoder to look {label!r} up in; give a feature of one "
            "(workings.load_sae(...).feature(...)), a vector, or take model.with_sae(...)"
        )
    if len(saes) == 1 or isinstance(label, bool) or not isinstance(label, str | Integral):
        return saes[0].feature(label)
    found = [sae.feature(n) for sae in saes for n in (sae.labelled(label) if isinstance(label, str) else ())]
    if len(found) == 1:
        return found[0]
    if found:
        raise InputError(f"several features are labelled {label!r}: {', '.join(map(str, found))}; give one of them")
    if isinstance(label, Integral) or label.strip().isdecimal():
        raise InputError(
            f"each of {model_name}'s {len(saes)} sparse autoencoders has its own feature {label}; give it as its feature({label})"
        )
    known = [label for sae in saes for label in sae.labels.values()]
    raise InputError(f"no feature is labelled {label!r}; {nearest(label, known)}")


def check_fit(model_name: str, graph: Graph, saes: Sequence[SparseAutoencoder]) -> None:
    """Raise `UnknownTable` or `InputError` where sparse autoencoders do not fit a model."""
    if not all(isinstance(sae, SparseAutoencoder) for sae in saes):
        raise InputError("with_sae takes sparse autoencoders, as workings.load_sae gives them")
    for sae in saes:
        _check_table(model_name, graph, sae)
        check_made_for(model_name, sae.made_for)
    tables = [sae.config.table for sae in saes]
    for table in tables:
        if tables.count(table) > 1:
            raise InputError(f"two sparse autoencoders read {table}; a table has room for one")


def _check_table(model_name: str, graph: Graph, sae: SparseAutoencoder) -> None:
    name, width = sae.config.table, sae.config.d_in
    try:
        table = find_table(graph, name)
    except UnknownTable as error:
        n_blocks = len({known.split(".")[1] for known in graph.named if known.startswith("blocks.")})
        has = f" ({model_name} has the blocks 0 to {n_blocks - 1})" if name.startswith("blocks.") else ""
        raise UnknownTable(f"the sparse autoencoder reads {name}: {error}{has}") from None
    if table.name != name or name not in graph.named:
        raise UnknownTable(f"the sparse autoencoder reads {name!r}, which is not worked out; give it {table.name!r}")
    if (has_width := row_width(table)) is None:
        raise InputError(
            f"the sparse autoencoder reads {name}, which has the axes [{', '.join(axis_labels(table.axes))}]; "
            "it can only read a table of one row a token, [pos, d] or [head, pos, d_head]"
        )
    if has_width != width:
        raise InputError(
            f"the sparse autoencoder reads rows of {width} numbers (d_in); {name} of {model_name} has {has_width}"
        )
    check_read_on(name)


def check_read_on(name: str) -> None:
    """Raise `InputError` for a table that ends the model."""
    if name in ("logits", "probabilities"):
        raise InputError(f"nothing reads on from {name}; a sparse autoencoder there would change nothing")


def check_made_for(model_name: str, made_for: str | None) -> None:
    """Two plain names that differ are two models; a model opened from a folder may be any. Raises `InputError`."""
    if made_for is None or "/" in model_name or "\\" in model_name:
        return
    ours, theirs = (_ALSO_CALLED.get(known, known) for known in (model_name, made_for.rsplit("/", 1)[-1]))
    if ours != theirs:
        raise InputError(
            f"the sparse autoencoder was trained on {made_for!r} and this model is {model_name!r}: its features would mean "
            "nothing here. If they are the same model all the same, set sae.metadata['model_name']"
        )

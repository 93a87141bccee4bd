"""A sparse autoencoder: its config, its weights, what its features are called, and what one does with them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from workings.engine.checks import is_whole
from workings.errors import InputError, OutsideTable
from workings.models.sae import SAEConfig, decode, encode, rows_read, sae_weight_axes

if TYPE_CHECKING:
    from workings.engine.trace import Trace

Array = np.ndarray
_DIGITS = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, eq=False)
class Feature:
    """One feature of a sparse autoencoder."""

    number: int
    """Its column in `acts`, from 0."""
    label: str | None
    """What it is called, if anybody gave it a name."""
    vector: Array
    """What it stands for: its decoder row [d_in], as long as it is stored."""
    table: str
    """The table that it is a direction of, such as `blocks.2.resid_post`."""
    made_for: str | None = None
    """The model that it was found in, if that is known."""

    def __repr__(self) -> str:
        return f"<feature {self.number}{f' {self.label!r}' if self.label else ''} of {self.table}>"


class SparseAutoencoder:
    """A sparse autoencoder of one table of a model. Made by `workings.load_sae`, or of weights that were just trained.

    `weights` are float32 arrays by the names and shapes of `sae_weight_axes` (what there is one of for every column may
    be [d] or [1, d]). `labels` name features, `evidence` keeps what the names rest on (anything JSON can hold), both by
    number. `metadata` says where the autoencoder comes from (`model_name`, ...). Raises `InputError` where weights and
    config do not fit together.
    """

    def __init__(
        self,
        config: SAEConfig,
        weights: Mapping[str, Any],
        labels: Mapping[int, str] | None = None,
        evidence: Mapping[int, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        self.config = config
        self.weights = checked_weights(config, weights, "the sparse autoencoder")
        self.labels = {int(number): str(label) for number, label in (labels or {}).items()}
        self.evidence = {int(number): found for number, found in (evidence or {}).items()}
        self.metadata = dict(metadata or {})
        outside = [n for n in (*self.labels, *self.evidence) if not 0 <= n < config.d_sae]
        if outside:
            raise InputError(f"there is no feature {outside[0]} to label: they run from 0 to {config.d_sae - 1}")

    def __repr__(self) -> str:
        c, named = self.config, f", {len(self.labels)} of them labelled" if self.labels else ""
        return f"<{c.architecture} sparse autoencoder of {c.table} [{c.d_in}]: {c.d_sae:,} features{named}>"

    # The two halves -----------------------------------------------------------------------------------------------

    def encode(self, x: Any) -> Array:
        """How strongly each feature fires: `x` [pos, d_in] gives [pos, d_sae]; one row [d_in] gives [d_sae].

        Float64 in, float64 out; anything else is worked out in float32. Raises `InputError` for rows of another width.
        """
        rows = self._rows(x, self.config.d_in, "rows")
        acts: Array = encode(np.atleast_2d(rows), self._as(rows.dtype), self.config)[1]
        return acts.reshape(*rows.shape[:-1], self.config.d_sae)

    def decode(self, acts: Any, x: Any = None) -> Array:
        """The rows that features stand for: `acts` [pos, d_sae] gives [pos, d_in].

        An autoencoder that brings every row to a common size first (`config.by_row`) needs the rows `x` that were encoded
        to undo that. Raises `InputError` for rows of another width.
        """
        rows = self._rows(acts, self.config.d_sae, "features")
        before = None if x is None else np.atleast_2d(self._rows(x, self.config.d_in, "rows"))
        if before is not None and before.shape[:-1] != np.atleast_2d(rows).shape[:-1]:
            raise InputError(f"x has shape {list(np.shape(x))} and acts {list(rows.shape)}: their rows do not pair up")
        rebuilt: Array = decode(np.atleast_2d(rows), self._as(rows.dtype), self.config, before)
        return rebuilt.reshape(*rows.shape[:-1], self.config.d_in)

    def read(self, trace: Trace, start: int = 0, stop: int | None = None) -> Array:
        """How strongly each feature fires in a trace of any model that it fits, without its being part of it [pos, d_sae].

        Raises `UnknownTable` where the model does not have the table, `InputError` for one of another width.
        """
        rows = rows_read(trace.rows(self.config.table, start, stop))
        return self.encode(rows - rows.mean(axis=-1, keepdims=True) if self.config.centered_input else rows)

    def _rows(self, given: Any, width: int, what: str) -> Array:
        rows = np.asarray(given)
        if rows.dtype.kind not in "fiu" or not 1 <= rows.ndim <= 2 or rows.shape[-1] != width:
            raise InputError(f"{what} have shape [pos, {width}] here; {list(rows.shape)} of {rows.dtype} came")
        return rows if rows.dtype == np.float64 else rows.astype(np.float32)

    def _as(self, dtype: np.dtype) -> Any:
        return SimpleNamespace(**{name: array.astype(dtype, copy=False) for name, array in self.weights.items()})

    # Features -----------------------------------------------------------------------------------------------------

    def feature(self, which: str | int) -> Feature:
        """A feature by its number, or by its label (upper and lower case are alike); a text of digits that is no label is a number.

        Raises `OutsideTable` for a number that there is none of, `InputError` for an unknown label, with the nearest ones.
        """
        if isinstance(which, str):
            found = self.labelled(which)
            if found or not _DIGITS.fullmatch(which.strip()):
                return self._numbered(self._only(found, which))
            which = int(which)
        if not is_whole(which):
            raise InputError(f"a feature is given by its number or its label; {which!r} came")
        if not 0 <= which < self.config.d_sae:
            raise OutsideTable(f"there is no feature {which}: they run from 0 to {self.config.d_sae - 1}")
        return self._numbered(int(which))

    def features(self, text: str = "") -> list[Feature]:
        """All labelled features whose label contains `text` (upper and lower case are alike), by number."""
        if not isinstance(text, str):
            raise InputError(f"labels are searched for a text; {text!r:.80} came")
        wanted = text.casefold()
        return [self._numbered(number) for number in sorted(self.labels) if wanted in self.labels[number].casefold()]

    @property
    def made_for(self) -> str | None:
        """The name of the model that it was trained on, where its metadata say so."""
        name = self.metadata.get("model_name")
        return name if isinstance(name, str) else None

    def _numbered(self, number: int) -> Feature:
        return Feature(number, self.labels.get(number), self.weights["W_dec"][number], self.config.table, self.made_for)

    def labelled(self, label: str) -> list[int]:
        """The numbers of the features with this very label (upper and lower case are alike)."""
        return [n for n, known in self.labels.items() if known.casefold() == label.strip().casefold()]

    def _only(self, found: list[int], label: str) -> int:
        if len(found) == 1:
            return found[0]
        if found:
            raise InputError(f"several features are labelled {label!r}: {_listed(found)}; give a number")
        if not self.labels:
            raise InputError(f"no feature of this sparse autoencoder has a label, so give a number; {label!r} came")
        raise InputError(f"no feature is labelled {label!r}; {nearest(label, self.labels.values())}")

    # Other forms --------------------------------------------------------------------------------------------------

    def folded(self) -> SparseAutoencoder:
        """The same function with `scaling_factor` and decoder lengths worked into the weights: features and rows are the same.

        Raises `InputError` where a decoder row that is to be brought to length 1 is 0.
        """
        config, w = self.config, dict(self.weights)
        if config.rescale_acts_by_decoder_norm:
            norm = np.sqrt((w["W_dec"].astype(np.float64) ** 2).sum(-1))  # [d_sae]
            if not norm.all():
                raise InputError(f"the decoder row of feature {int(norm.argmin())} is 0, so it cannot have length 1")
            w |= {"W_enc": w["W_enc"] * norm, "b_enc": w["b_enc"] * norm, "W_dec": w["W_dec"] / norm[:, None]}
            config = replace(config, rescale_acts_by_decoder_norm=False)
        if config.normalize_activations == "expected_average_only_in":
            by = config.scaling_factor
            w |= {"W_enc": w["W_enc"] * by, "W_dec": w["W_dec"] / by, "b_dec": w["b_dec"] / by}
            config = replace(config, normalize_activations="none", scaling_factor=1.0)
        return SparseAutoencoder(config, w, self.labels, self.evidence, self.metadata)

    def save(self, folder: str | Path) -> None:
        """Write a folder in SAELens layout: `cfg.json`, `sae_weights.safetensors`, and labels beside them in `features.json`.

        A `scaling_factor` is worked into the weights (as SAELens does), since the layout has no place for it. What is in
        the folder already is replaced only when everything is written.
        """
        from workings.checkpoints.saelens import write_sae_folder

        plain = self.folded() if self.config.normalize_activations == "expected_average_only_in" else self
        write_sae_folder(Path(folder), plain)


def checked_weights(config: SAEConfig, weights: Mapping[str, Any], where: str) -> dict[str, Array]:
    """Weights as float32 arrays of the config's shapes. Raises `InputError`, which names the tensor and `where` it is."""
    axes = sae_weight_axes(config)
    kind = f"a {config.architecture} sparse autoencoder"
    if missing := [name for name in axes if name not in weights]:
        raise InputError(f"{where}: tensor {missing[0]} is missing; {kind} has {', '.join(axes)}")
    if unknown := sorted(set(weights) - set(axes)):
        raise InputError(f"{where}: tensor {unknown[0]} is not part of {kind}, which has {', '.join(axes)}")
    return {name: _checked(name, weights[name], tuple(axis.size or 1 for axis in axes[name]), where) for name in axes}


def _checked(name: str, given: Any, shape: tuple[int, ...], where: str) -> Array:
    array = np.asarray(given)
    if array.shape not in (shape, shape[1:] if shape[0] == 1 else shape):
        raise InputError(f"{where}: tensor {name} has shape {list(array.shape)}; the config asks for {list(shape)}")
    with np.errstate(over="ignore"):
        array = np.ascontiguousarray(array.reshape(shape), dtype=np.float32)
    if not np.isfinite(array).all():
        place = [int(i) for i in np.argwhere(~np.isfinite(array))[0]]
        raise InputError(f"{where}: tensor {name} holds {array[tuple(place)]} at {place}; every weight must be finite")
    return array


def nearest(label: str, known: Iterable[str]) -> str:
    """Which labels come nearest, as the end of a sentence."""
    by_case = {text.casefold(): text for text in known}
    near = difflib.get_close_matches(label.casefold(), by_case, n=3, cutoff=0.5)
    inside = [text for text in by_case if label.casefold() in text and text not in near][: 3 - len(near)]
    found = [by_case[text] for text in (*near, *inside)]
    return f"the nearest are {_listed(map(repr, found))}" if found else "sae.features() lists all labels"


def _listed(things: Iterable[Any]) -> str:
    return ", ".join(map(str, things))


__all__ = ["Feature", "SparseAutoencoder", "checked_weights"]

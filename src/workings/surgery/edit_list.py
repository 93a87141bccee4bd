"""Edits in a file: what was looked at and what was changed in it, the same for Python, the command line and the lab.

{"model": "storybook", "prompt": "Mike is", "ids": null, "edits": [
  {"table": "blocks.0.resid_post", "index": [1, ":"], "scale": 0.0, "on": true}]}
"""

from __future__ import annotations

import hashlib
import math
import re
import reprlib
import warnings
from codecs import BOM_UTF8
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workings.checkpoints.splicing import open_bundled_sae
from workings.engine.checks import path_like
from workings.engine.lookup import plain_name
from workings.errors import InputError, UnknownTable

if TYPE_CHECKING:
    from workings.checkpoints.model import Model
    from workings.engine.trace import Trace

KINDS = ("value", "add", "scale")
MOST_AXES = 3
SAE = ".sae."
NO_SAE = (
    "it is of a sparse autoencoder, and the model was read without one: edits.trace(model) takes the one that comes with a "
    "model; for another take edits.trace(model.with_sae(workings.load_sae(FOLDER)))"
)
_SLICE = re.compile(r"(-?\d{1,9})?:(-?\d{1,9})?")
_LARGEST_WHOLE = 2**31

Amount = float | tuple[Any, ...]
"""A number, or numbers side by side: `(1.0, 2.0)`; each may be a row in turn."""


@dataclass(frozen=True)
class SavedEdit:
    """One change, as `trace.edit` takes it: which table, which cells, what kind of change and by how much.

    A part of `index` is a whole number or a slice as text, `"2:5"` or `":"`; axes that are left out are meant whole.
    One that is not `on` is kept, but not in force.
    """

    table: str
    index: tuple[int | str, ...]
    kind: str
    amount: Amount
    on: bool = True

    @classmethod
    def from_dict(cls, given: Any) -> SavedEdit:
        """An edit from JSON. Raises `InputError`, which says what is wrong with it."""
        if not isinstance(given, Mapping):
            raise InputError(
                f"an edit is an object with table, index and one of {', '.join(KINDS)}; {_short(given)} came"
            )
        if unknown := set(given) - {"table", "index", "on", *KINDS}:
            raise InputError(
                f"{_short(min(unknown))} means nothing in an edit; it has table, index, on and one of {', '.join(KINDS)}"
            )
        kinds = [kind for kind in KINDS if given.get(kind) is not None]
        if len(kinds) != 1:
            raise InputError(
                f"an edit has exactly one of {', '.join(KINDS)}; {' and '.join(kinds) or 'none of them'} came"
            )
        table, on = given.get("table"), given.get("on", True)
        if not isinstance(table, str):
            raise InputError(f"table is the name of a table; {_short(table)} came")
        if not isinstance(on, bool):
            raise InputError(f"on is true or false; {_short(on)} came")
        return cls(table, _index(given.get("index")), kinds[0], _amount(given[kinds[0]], kinds[0]), on)

    def to_dict(self) -> dict[str, Any]:
        """The edit, ready for JSON."""
        return {"table": self.table, "index": list(self.index), self.kind: self.amount, "on": self.on}

    @cached_property
    def digest(self) -> bytes:
        """The SHA-256 of its JSON, worked out once: what an edit of many numbers is known by."""
        import orjson

        return hashlib.sha256(orjson.dumps(self.to_dict(), option=orjson.OPT_SORT_KEYS)).digest()

    def apply(self, trace: Trace) -> Trace:
        """A new trace with this edit in force, whether it is on or not. Raises as `trace.edit` does."""
        parts = tuple(part if isinstance(part, int) else _slice(part) for part in self.index)
        return trace.edit(self.table, parts, **{self.kind: self.amount})


@dataclass(frozen=True)
class EditList:
    """A prompt and its edits. Made by `workings.load_edits`, or from a trace by `EditList.of`.

    `ids` are the prompt's token ids; where they are given the text is not split again.
    """

    prompt: str = ""
    ids: tuple[int, ...] | None = None
    edits: tuple[SavedEdit, ...] = ()
    model: str | None = None

    @classmethod
    def from_dict(cls, given: Any) -> EditList:
        """A list from JSON. Raises `InputError`, which says which edit it is and what is wrong with it."""
        if not isinstance(given, Mapping):
            raise InputError(f"edits are kept as an object with prompt, ids and edits; {_short(given)} came")
        if unknown := set(given) - {"model", "prompt", "ids", "edits"}:
            raise InputError(f"{_short(min(unknown))} means nothing beside prompt, ids and edits")
        prompt, model, edits = given.get("prompt", ""), given.get("model"), given.get("edits", [])
        if not isinstance(prompt, str) or not isinstance(model, str | None):
            raise InputError(f"prompt and model are texts; {_short(prompt)} and {_short(model)} came")
        if not isinstance(edits, Sequence) or isinstance(edits, str):
            raise InputError(f"edits are a list; {_short(edits)} came")
        return cls(prompt, _ids(given.get("ids")), tuple(_each(edits)), model)

    @classmethod
    def of(cls, trace: Trace, model: str | None = None) -> EditList:
        """The token ids and edits of a trace, to be kept. Raises `InputError` for an edit whose index is a list."""
        edits = []
        for place, edit in enumerate(trace.edits, 1):
            parts = index_parts(edit.index)
            if parts is None:
                raise InputError(
                    f"edit {place}, of {edit.name}, has an index that a file cannot hold: whole numbers and slices "
                    "without a step can be kept"
                )
            edits.append(SavedEdit(edit.name, parts, edit.kind, _tuples(edit.amount.tolist())))
        return cls("".join(trace.tokens), tuple(int(i) for i in trace.ids), tuple(edits), model)

    def apply(self, trace: Trace) -> Trace:
        """A new trace with all edits in force that are on.

        Raises `UnknownTable`, `OutsideTable` or `InputError`, which say which edit it is; of a sparse autoencoder's table in
        a trace of a model without one, too: `trace` of this list reads on through one, where a model has its own.
        """
        for place, edit in enumerate(self.edits, 1):
            if edit.on:
                try:
                    trace = edit.apply(trace)
                except UnknownTable as error:
                    raise UnknownTable(f"edit {place}: {_unknown(edit, trace, error)}") from None
                except InputError as error:
                    raise type(error)(f"edit {place}: {error}") from None
        return trace

    def trace(self, model: Model, dtype: str = "float32") -> Trace:
        """The prompt read by a model, with all edits in force that are on.

        Where one names a table of the model's own sparse autoencoder, it is read by `self.spliced(model)`, which is then the
        model to ask about the trace. Raises as `apply` and `model.trace` do; warns where the list names another model.
        """
        if doubt := self.doubt(model.name):
            warnings.warn(doubt, stacklevel=2)
        prompt = self.prompt if self.ids is None else list(self.ids)
        return self.apply(self.spliced(model).trace(prompt, dtype=dtype))

    def doubt(self, model_name: str) -> str:
        """A sentence that says that the list was made in a model of another name; empty where it was not, or does not say."""
        if self.model in (None, model_name):
            return ""
        return (
            f"the edits were made in {self.model!r:.80} and are used in {model_name!r:.80}; if these are two models, and not two "
            "names of one, they mean something else here"
        )

    def spliced(self, model: Model) -> Model:
        """The model that the edits are of: one that reads on through its own sparse autoencoder, if they name its tables.

        So the lab shows every model. It is the given model where no edit that is on does, where its tables are there already, and
        where no sparse autoencoder comes with it.
        """
        named = {plain_name(edit.table) for edit in self.edits if edit.on and SAE in plain_name(edit.table)}
        lacking = named - {*model.graph.named, *model.graph.weights}
        own = open_bundled_sae(model.name) if lacking else ()
        read = {sae.config.table for sae in model.saes}
        wanted = [
            sae
            for sae in own
            if sae.config.table not in read and any(name.startswith(f"{sae.config.table}{SAE}") for name in lacking)
        ]
        return model.with_sae(*wanted) if wanted else model

    def to_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        ids = None if self.ids is None else list(self.ids)
        return {
            "model": self.model,
            "prompt": self.prompt,
            "ids": ids,
            "edits": [edit.to_dict() for edit in self.edits],
        }

    def to_json(self) -> bytes:
        """What stands in the file."""
        import orjson

        return orjson.dumps(self.to_dict(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)

    def save(self, path: str | Path) -> None:
        """Write the list to a file, which `workings.load_edits`, `--edits` and the lab read.

        Raises `InputError` where the file cannot be written.
        """
        try:
            Path(path).write_bytes(self.to_json())
        except OSError as error:
            raise InputError(f"the edits cannot be kept in {path}: {error.strerror}") from None


def _unknown(edit: SavedEdit, trace: Trace, error: UnknownTable) -> str:
    """Why there is no such table; of a sparse autoencoder's, where the trace knows of none, with what to do."""
    stream, of_sae, _ = plain_name(edit.table).partition(SAE)
    lacks = of_sae and f"{stream}{SAE}acts" not in trace
    return f"there is no table named {edit.table!r} here; {NO_SAE}" if lacks else str(error)


def load_edits(path: str | Path) -> EditList:
    """Read edits that were saved, by the lab or by `EditList.save`.

    Raises `InputError`: a file that is missing or no JSON; an edit that cannot be understood, and which one it is.
    """
    import orjson

    try:
        held = Path(path_like(path, "a file of edits")).read_bytes()
        given = orjson.loads(held.removeprefix(BOM_UTF8))  # which Notepad begins a file with
    except OSError as error:
        raise InputError(f"the edits in {path} cannot be read: {error.strerror}") from None
    except orjson.JSONDecodeError as error:
        raise InputError(f"{path} is no file of edits: it is not JSON ({error})") from None
    try:
        return EditList.from_dict(given)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def index_parts(index: Iterable[Any]) -> tuple[int | str, ...] | None:
    """An engine's index as a file holds it; None where it cannot."""
    parts = [_part(part) for part in index]
    return None if None in parts else tuple(part for part in parts if part is not None)


def _each(edits: Iterable[Any]) -> Iterable[SavedEdit]:
    for place, given in enumerate(edits, 1):
        try:
            yield SavedEdit.from_dict(given)
        except InputError as error:
            raise InputError(f"edit {place}: {error}") from None


def _ids(given: Any) -> tuple[int, ...] | None:
    if given is None:
        return None
    if not isinstance(given, Sequence) or isinstance(given, str) or not all(map(_is_whole, given)):
        raise InputError(f"ids are a list of whole numbers, or null; {_short(given)} came")
    return tuple(given)


def _index(given: Any) -> tuple[int | str, ...]:
    parts = given if isinstance(given, Sequence) and not isinstance(given, str) else None
    if parts is None or not all(
        _is_whole(part) or (isinstance(part, str) and _SLICE.fullmatch(part)) for part in parts
    ):
        raise InputError(f'index is a list of whole numbers and slices such as "2:5" or ":"; {_short(given)} came')
    return tuple(parts)


def _is_whole(given: Any) -> bool:
    return isinstance(given, int) and not isinstance(given, bool) and abs(given) < _LARGEST_WHOLE


def _amount(given: Any, kind: str, depth: int = 0) -> Amount:
    if isinstance(given, int | float) and not isinstance(given, bool):
        if abs(given) < 1e300 and math.isfinite(given):
            return float(given)
    elif isinstance(given, Sequence) and not isinstance(given, str) and given and depth < MOST_AXES:
        return tuple(_amount(one, kind, depth + 1) for one in given)
    raise InputError(f"{kind} is a finite number or a list of such; {_short(given)} came")


def _tuples(given: Any) -> Amount:
    return tuple(map(_tuples, given)) if isinstance(given, list) else float(given)


def _slice(text: str) -> slice:
    start, stop = (int(part) if part else None for part in text.split(":"))
    return slice(start, stop)


def _part(part: Any) -> int | str | None:
    if isinstance(part, int):
        return part
    if isinstance(part, slice) and part.step in (None, 1):
        return f"{'' if part.start is None else part.start}:{'' if part.stop is None else part.stop}"
    return None


class _Written(reprlib.Repr):
    """Python's way of writing things shortly, but for what JSON has its own words for."""

    def repr_NoneType(self, given: None, level: int) -> str:
        return "null"

    def repr_bool(self, given: bool, level: int) -> str:
        return "true" if given else "false"


_REPR = _Written()
_REPR.maxlevel, _REPR.maxstring, _REPR.maxother = 3, 60, 60


def _short(given: Any) -> str:
    """What came, for a message: of something long or deep the beginning."""
    return _REPR.repr(given)[:100]

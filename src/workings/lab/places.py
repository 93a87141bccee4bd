"""The number that a person means by an address, as it is typed into the name box: any spelling, places from the end, words for tokens."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from workings.anatomy.gradients import is_slope
from workings.engine.lookup import find_table, plain_name
from workings.errors import InputError, OutsideTable, UnknownTable
from workings.lab.reasons import token_called
from workings.language.addresses import split_address

if TYPE_CHECKING:
    from workings.lab.answers import Answers
    from workings.lab.asked import Query

_WHOLE = re.compile(r"[+\-−]?\d{1,9}")
_SLOPE = "gradient."
_PYTHON, _PAGE = "trace.names() lists them all", "Ctrl-K finds tables by any part of their name"
MOST_LETTERS = 300


def place(answers: Answers, query: Query) -> dict[str, Any]:
    """The table and the index that a text names, as the page spells them.

    A table alone means its first number, and an index alone is one of the table `here`. Raises `UnknownTable`,
    `OutsideTable` and `InputError`.
    """
    text, here = query.text("text", MOST_LETTERS).strip(), query.given.get("here", "")
    n_pos = len(answers.views.view(query.text("view")).ids)
    text = here + text if text.startswith("[") else text or here
    name, parts = split_address([text] if "[" in text else text.split() or [""])
    table = find(answers, name)
    shape = [n_pos if size is None else size for size in table["shape"]]
    if not parts:
        return {"table": table["name"], "index": [0] * len(shape)}
    axes = ", ".join(table["axes"])
    if len(parts) != len(shape):
        raise OutsideTable(f"in {table['name']} a number has {len(shape)} places, [{axes}]; {len(parts)} came")
    index = [
        _counted(answers, table["name"], part, axis, size)
        for part, axis, size in zip(parts, table["axes"], shape, strict=True)
    ]
    return {"table": table["name"], "index": index}


def find(answers: Answers, typed: str) -> Mapping[str, Any]:
    """A table, a weight or slopes as the model's document has them. Raises `UnknownTable`, with the nearest names."""
    plain = plain_name(typed)
    if is_slope(plain):
        return _slope(answers, plain)
    try:
        name = find_table(answers.views.program.graph, typed).name
    except UnknownTable as error:
        raise UnknownTable(str(error).replace(_PYTHON, _PAGE)) from None
    return next(entry for entry in answers.outline.entries if entry["name"] == name)


def _slope(answers: Answers, plain: str) -> Mapping[str, Any]:
    known = answers.slopes.document
    for entry in known["choices"]:
        if entry["name"] == plain:
            return dict(entry)
    of = find(answers, plain.removeprefix(_SLOPE).removesuffix(".passed"))
    if of["name"] not in known["of"]:
        raise UnknownTable(f"there are no slopes of {of['name']}: the score does not depend on it, or it is a weight")
    return {**of, "name": f"{_SLOPE}{of['name']}"}


def _counted(answers: Answers, name: str, part: str, axis: str, size: int) -> int:
    """A place along an axis, counted from 0: a whole number, or a word where the axis is the vocabulary."""
    if not _WHOLE.fullmatch(part):
        if axis == "d_vocab" and part and answers.model.tokenizer:
            return token_called(answers.model, part)
        raise InputError(
            f"in {name} the place {axis} is a whole number, and negative ones count from the end; {part!r:.80} came"
        )
    number = int(part.replace("−", "-"))
    if not -size <= number < size:
        raise OutsideTable(f"in {name} the place {axis} goes from 0 to {size - 1}; {number} came")
    return number % size

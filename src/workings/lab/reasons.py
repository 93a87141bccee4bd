"""Where a score comes from: the sum of what each part of the model wrote, as bars that begin where the last one ended."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from workings.anatomy.attribution import MEANING, Attribution, Part, attribution
from workings.display.words import SPELLING, spellings, spoken
from workings.engine.trace import Trace
from workings.errors import InputError, UnknownTable
from workings.lab.asked import Query
from workings.lab.keeping import LastFew

if TYPE_CHECKING:
    from workings.checkpoints.model import Model
    from workings.lab.answers import Answers

Json = dict[str, Any]

MOST_PARTS = 24
MOST_KEPT = 4
ORDERS = ("model", "size")


class Reasons:
    """Attributions of views; the last few are kept, so that opening a part of one does not work it out again."""

    def __init__(self, answers: Answers) -> None:
        self.answers = answers
        self._last: LastFew[tuple[Any, ...], tuple[Trace, Attribution]] = LastFew(MOST_KEPT)

    def attribution(self, query: Query) -> Json:
        """A score as a sum, or one part of it as a sum in turn."""
        order = query.given.get("order", "model")
        if order not in ORDERS:
            raise InputError(f"order is {' or '.join(ORDERS)}; {order[:40]!r} came")
        trace, found = self._found(query)
        name = query.given.get("part")
        if name is None:
            return self._document(trace, found, "together", found.total, found.parts, order)
        part = found[name[:200]]
        if not part.parts:
            raise InputError(f"{part.name} is not made of other parts; look at its number instead")
        return self._document(trace, found, said(found, part), part.value, part.parts, "size")

    def _found(self, query: Query) -> tuple[Trace, Attribution]:
        view = self.answers.views.view(query.text("view"))
        token, against = (asked_token(self.answers.model, query, name) for name in ("token", "against"))
        position = query.whole("position", -1, least=-(2**31))
        key = (view.id, token, against, position)
        if kept := self._last.get(key):
            return kept
        with self.answers.views.working(view, asker=query.asker) as (trace, _):
            at = len(trace) - 1
            trace.rows("logits", at, at + 1)  # so that the fork has something to share
            fork = trace.fork()
        found = fork, attribution(fork, token, against, position, features=False)
        if not all(math.isfinite(part.value) for part in found[1].parts):
            raise InputError(
                "some parts of this score are infinite or no number at all; an edit makes the numbers overflow"
            )
        return self._last.put(key, found)

    def _document(
        self, trace: Trace, found: Attribution, label: str, total: float, parts: Sequence[Part], order: str
    ) -> Json:
        shown, rest = _largest(parts, order)
        ends = list(_ends([*(part.value for part in shown), rest]))
        choice = found.choice
        bars = [
            {**_part(trace, found, part), "from": start, "to": end}
            for part, (start, end) in zip(shown, pairwise(ends), strict=False)
        ]
        others = {"count": len(parts) - len(shown), "value": rest, "from": ends[-2], "to": ends[-1]}
        return {
            "position": choice.position,
            "token": self.answers.token(choice.token),
            "against": None if choice.against is None else self.answers.token(choice.against),
            "asked": found.asked,
            "meaning": MEANING,
            "label": label,
            "total": total,
            "low": min(ends),
            "high": max(ends),
            "parts": bars,
            "rest": others if len(parts) > len(shown) else None,
        }


def asked_token(model: Model, query: Query, name: str) -> int | None:
    """The token that a request names by its word or its id; None where it names none. Raises `InputError`."""
    text = query.given.get(name, "").strip()[:200]
    return token_called(model, text) if text else None


def token_called(model: Model, text: str) -> int:
    """The token that a person calls by its word or its id. Raises `InputError`."""
    if text.isdigit() and text.isascii() and int(text) < model.config.d_vocab:
        return int(text)
    tokenizer = model.tokenizer
    for spelling in spellings(text):
        if tokenizer and (token_id := tokenizer.token_id(spelling)) is not None:
            return token_id
    word = text.strip("\"'“”")
    raise InputError(
        f"“{word}” is not one token of {model.name}: the model knows it only in pieces, or not at all; take another word, "
        f"or a token's number, 0 to {model.config.d_vocab - 1}"
        + (f". {SPELLING[0].upper()}{SPELLING[1:]}" if tokenizer else "")
    )


def _largest(parts: Sequence[Part], order: str) -> tuple[list[Part], float]:
    """The parts that are shown one by one, and what all others come to."""
    shown = sorted(parts, key=lambda part: -abs(part.value))[:MOST_PARTS]
    kept = {id(part) for part in shown}
    if order == "model":
        shown = [part for part in parts if id(part) in kept]
    return shown, sum(part.value for part in parts if id(part) not in kept)


def _ends(values: Iterable[float]) -> Iterable[float]:
    """Where each bar ends when it begins where the one before ended; the first begins at 0."""
    at = 0.0
    yield at
    for value in values:
        at += value
        yield at


def _part(trace: Trace, found: Attribution, part: Part) -> Json:
    try:
        n_axes = len(trace.table(part.address.name).axes)
    except UnknownTable:
        n_axes = 0
    index = (*part.address.index, *(0,) * (n_axes - len(part.address.index)))
    return {
        "name": part.name,
        "said": said(found, part),
        "value": part.value,
        "address": {"table": part.address.name, "index": list(index)} if n_axes else None,
        "opens": len(part.parts),
    }


_WORDS = (
    (re.compile(r"embed"), "The word itself"),
    (re.compile(r"pos_embed"), "Its place in the text"),
    (re.compile(r"L(\d+)H(\d+)"), r"Block \1, head \2"),
    (re.compile(r"(\d+)_mlp_out"), r"Block \1, MLP"),
    (re.compile(r"L(\d+)N(\d+)"), r"Block \1, neuron \2"),
    (re.compile(r"L(\d+)F(\d+)"), r"Block \1, feature \2"),
    (re.compile(r"blocks\.(\d+)\.attn\.b_O"), r"Block \1, attention’s bias"),
    (re.compile(r"blocks\.(\d+)\.mlp\.b_out"), r"Block \1, MLP’s bias"),
    (re.compile(r"ln_final\.b"), "The final norm’s bias"),
    (re.compile(r"b_U"), "The unembedding’s bias"),
    (re.compile(r"edit of (.+)"), r"Your edit of \1"),
)


def said(found: Attribution, part: Part) -> str:
    """A part's name in plain words; the name itself where there are none."""
    if " <- " in part.name:
        at = int(part.address.index[-1])
        return f"from {spoken(found.tokens[at])} (position {at})"
    for pattern, words in _WORDS:
        if match := pattern.fullmatch(part.name):
            return match.expand(words)
    return part.name

"""What the lab answers: one function for every request, from a view and a query to JSON, numbers or a file.

These run in threads, several at once; a trace is touched only inside `views.working`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from workings.anatomy.gradients import is_slope
from workings.checkpoints.model import Model
from workings.checkpoints.sparse_autoencoder import SparseAutoencoder
from workings.display.words import visible
from workings.engine.no_numbers import has_likeliest
from workings.engine.trace import Trace
from workings.errors import InputError, OutsideTable
from workings.lab.asked import Asker, Query
from workings.lab.comparing import compared, share_of
from workings.lab.features import Features
from workings.lab.knocking_out import knocks
from workings.lab.lens import Lenses
from workings.lab.outline import MOST_FOUND, Outline
from workings.lab.patches import EACH
from workings.lab.refusals import NotThere, TooMuch
from workings.lab.slopes import Slopes
from workings.lab.steering import Steering
from workings.lab.tiles import MOST_CELLS, attention, tile, value_range
from workings.lab.views import MOST_CHARACTERS, MOST_EDITS, Session, Views
from workings.readings.explain import Address, Term, formula_bar
from workings.surgery.edit_list import EditList

Array = np.ndarray
Json = dict[str, Any]

N_NEXT = 10
MOST_LABELS = 20_000
MOST_OF_A_CHARACTER = 8
"""The last tokens, of which the next one may complete a character: more than a character has bytes."""
LONGEST_WORD = 300
"""Bytes of a word whose merges are shown: they take time by its square."""


class Answers:
    """Answers about one model."""

    def __init__(self, model: Model, views: Views, prompt: str, sae: SparseAutoencoder | None = None) -> None:
        self.model, self.views, self.prompt = model, views, prompt
        self.outline = Outline(model, views.program)
        self.features = Features(model, views, sae)
        self.steering = Steering(self.features)
        self.lenses = Lenses(self)
        self.slopes = Slopes(views)

    def model_document(self) -> Json:
        """What the page needs to know of the model, and the prompt to begin with."""
        limits = {"tile": MOST_CELLS, "prompt": MOST_CHARACTERS, "edits": MOST_EDITS, "labels": MOST_LABELS}
        known = {
            "prompt": self.prompt,
            "features": self.features.document,
            "lenses": self.lenses.document,
            "over": EACH,
            "slopes": self.slopes.document,
        }
        return {**self.outline.document, **known, "limits": limits}

    def open(self, given: Any, asker: Asker | None = None) -> Json:
        """Take in a view, and say what it reads and what comes next."""
        asked = EditList.from_dict(given)
        view = self.views.open(asked)
        before = shares = None
        if view.active:
            with self.views.working(view, False, asker) as (trace, session):
                before, shares = self._next(trace, session), trace.rows("probabilities", -1)[0]
        with self.views.working(view, asker=asker) as (trace, session):
            both = [] if shares is None else compared(shares, trace.rows("probabilities", -1)[0])
            following, refusals = self._next(trace, session), iter(session.refusals)
            tokens = [self.token(int(i)) for i in trace.ids]
        outcomes = [
            {
                **(_outcome(next(refusals)) if edit.on else {"ok": True}),
                "table": self.outline.spelt(edit.table),
                "steers": self.steering.steers(edit),
                "knocks": out,
            }
            for edit, out in zip(view.given.edits, knocks(self.views, view, asker), strict=True)
        ]
        in_force = any(edit.on and outcome["ok"] for edit, outcome in zip(view.given.edits, outcomes, strict=True))
        was = shares if in_force else None
        return {
            "id": view.id,
            "doubt": asked.doubt(self.model.name) or None,
            "tokens": tokens,
            "ids": view.ids,
            "n_pos": len(tokens),
            "next": [{**one, "before": share_of(was, one["id"])} for one in following],
            "before": before if in_force else None,
            "compared": [self._compared(*row) for row in both] if in_force else None,
            "edits": outcomes,
        }

    def tile(self, query: Query, edited: bool = True) -> Array:
        """A rectangle of a table, with or without the edits."""
        with self._working(query, edited) as (trace, _):
            return tile(trace, query)

    def range(self, query: Query) -> Json:
        """How small and how large the numbers of a sheet are."""
        with self._working(query) as (trace, session):
            key = f"range {query.text('table')} {query.given.get('sheet', 0)}"
            if key not in session.kept:
                session.kept[key] = {**value_range(trace, query), "slope_of": session.asked}
            return session.kept[key]

    def explain(self, query: Query) -> Json:
        """How one number came about."""
        with self._working(query) as (trace, session):
            found = trace.explain(query.text("table"), *query.index())
            feeds = trace.used_by(found.address.name, readings=False)
            readings = trace.used_by(found.address.name)[len(feeds) :]
        terms, rest = _terms(found.terms)
        breakdowns = []
        for part in found.breakdowns:
            inner, others = _terms(part.terms)
            breakdowns.append({"title": part.title, "value": part.value, "terms": inner, "rest": others})
        return {
            "address": _address(found.address),
            "axes": found.axes,
            "value": found.value,
            "sentence": found.sentence,
            "operation": found.operation,
            "formula": found.formula,
            "formula_with_numbers": found.numbers,
            "terms": terms,
            "rest": rest,
            "breakdowns": breakdowns,
            "sources": [_address(source) for source in found.sources],
            "feeds": feeds,
            "readings": readings,
            "edits": found.edits,
            "slope_of": session.asked,
        }

    def formula(self, query: Query) -> Json:
        """The formula bar's line."""
        with self._working(query) as (trace, _):
            return {"formula": formula_bar(trace, query.text("table"), query.index())}

    def labels(self, query: Query) -> Json:
        """Rows or columns named by the tokens of the vocabulary."""
        axis = query.text("axis")
        if axis != "d_vocab":
            raise InputError(f"labels are for the axis d_vocab; {axis[:40]!r} came")
        size = self.model.config.d_vocab
        first = query.whole("from", 0, most=size - 1)
        stop = min(query.whole("to", size), size)
        if stop - first > MOST_LABELS:
            raise TooMuch(f"at most {MOST_LABELS:,} labels are given at once; {stop - first:,} were asked for")
        if stop <= first:
            raise OutsideTable(f"labels run from 0 to {size}; none lies between {first} and {stop}")
        return {"labels": [visible(text) for text in self._texts(range(first, stop))]}

    def attention(self, query: Query) -> Array:
        """The patterns of all heads of a block, `[head, query pos, key pos]`."""
        block = query.whole("block", most=10_000)
        with self._working(query) as (trace, _):
            return attention(trace, block)

    def merges(self, query: Query) -> Json:
        """How a text becomes tokens, merge by merge."""
        tokenizer, text = self.model.tokenizer, query.text("text", MOST_CHARACTERS)
        if tokenizer is None or tokenizer.why_no_merges:
            raise NotThere(f"the tokenizer of {self.model.name} shows no merges")
        if max((len(word.encode(errors="replace")) for word in re.findall(r"\s+|\S+", text)), default=0) > LONGEST_WORD:
            raise TooMuch(f"merges are shown for words of up to {LONGEST_WORD} bytes")
        words = [{**asdict(word), "ids": word.ids} for word in tokenizer.merges(text).words]
        ids = [i for word in words for i in word["ids"]]
        return {
            "model": self.model.name,
            "text": text,
            "ids": ids,
            "tokens": tokenizer.token_strings(ids),
            "words": words,
        }

    def find(self, query: Query) -> Json:
        """Tables and weights by name; their slopes where slopes are asked for."""
        text = query.text("text", 200)
        return {"found": [*self.slopes.find(text), *self.outline.find(text)][:MOST_FOUND]}

    def edits_file(self, query: Query) -> bytes:
        """The view as a file."""
        view = self.views.view(query.text("view"))
        return replace(view.given, model=self.model.name).to_json()

    # Small things -------------------------------------------------------------------------------------------------

    def _working(self, query: Query, edited: bool = True) -> Any:
        view = self.views.view(query.text("view"))
        if is_slope(query.given.get("table", "")):
            return self.slopes.working(query, view, edited)
        return self.views.working(view, edited, query.asker)

    def _next(self, trace: Trace, session: Session) -> list[Json]:
        if "next" not in session.kept:
            ids = [int(i) for i in trace.ids[-MOST_OF_A_CHARACTER:]]
            said, likeliest = len(self.text(ids)), self.likeliest(trace.rows("probabilities", -1)[0])
            session.kept["next"] = [{**one, "text": self.text([*ids, one["id"]])[said:]} for one in likeliest]
        return session.kept["next"]

    def _compared(self, token_id: int, before: float | None, after: float | None) -> Json:
        return {"id": token_id, "readable": self.readable(token_id), "before": before, "after": after}

    def likeliest(self, shares: Array) -> list[Json]:
        """The ten likeliest tokens, from the share of every token; none where an edit left no numbers."""
        if not has_likeliest(shares):
            return []
        best = np.argsort(-shares, kind="stable")[:N_NEXT]
        return [{"id": int(i), "readable": self.readable(int(i)), "share": float(shares[i])} for i in best]

    def token(self, token_id: int) -> Json:
        """A token as every answer tells it."""
        (text,) = self._texts([token_id])
        return {"id": token_id, "text": text, "readable": visible(text)}

    def readable(self, token_id: int) -> str:
        """What a person reads for a token, its spaces to be seen."""
        return visible(self._texts([token_id])[0])

    def text(self, ids: Sequence[int]) -> str:
        """The text of tokens, without a character that is still incomplete."""
        tokenizer = self.model.tokenizer
        return tokenizer.decode(ids).rstrip("\ufffd") if tokenizer else " ".join(map(str, ids))

    def _texts(self, ids: Iterable[int]) -> list[str]:
        return self.model.tokenizer.token_strings(ids) if self.model.tokenizer else [str(i) for i in ids]


def _outcome(refusal: str | None) -> Json:
    return {"ok": True} if refusal is None else {"ok": False, "error": refusal}


def _address(address: Address) -> Json:
    return {"table": address.name, "index": list(address.index)}


def _terms(terms: Iterable[Term]) -> tuple[list[Json], Json | None]:
    """The terms that are shown one by one, and what stands for all others."""
    shown, rest = [], None
    for term in terms:
        if term.count > 1:
            rest = {"count": term.count, "value": term.value}
        else:
            addresses = [_address(source) for source in term.sources]
            shown.append({"text": term.text, "numbers": term.numbers, "value": term.value, "addresses": addresses})
    return shown, rest

"""What matters: a sweep of patches over two prompts, told as it goes, and one patch looked at closely."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock, Semaphore
from typing import TYPE_CHECKING, Any

import numpy as np

from workings.anatomy.attribution_patching import attribution_patching
from workings.anatomy.contrast import Contrast, PatchingSweep, contrast
from workings.anatomy.patching import patched, patching_sweep, places_of, swept
from workings.display.words import percent, spoken
from workings.engine.trace import Trace
from workings.errors import InputError, OutsideTable, WorkingsError
from workings.lab.asked import Asker, Query
from workings.lab.reasons import asked_token
from workings.lab.refusals import TooMuch, status_of
from workings.lab.replies import shortest
from workings.lab.views import MOST_CHARACTERS, View

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workings.lab.answers import Answers

Json = dict[str, Any]
Tell = Callable[[str, Json], object]

MOST_TOKENS = 256
MOST_CELLS = 4_000
"""Patches of one sweep, each a part of a run of the model."""
MOST_VALUES = 2_000
"""Numbers of a patch that is opened as an edit, which travels in the page's address."""
MOST_KEPT, MOST_WAITING = 1, 4
METHODS = ("patching", "attribution")
WHAT = {
    "resid_pre": "the residual stream before that block",
    "resid_mid": "the residual stream between that block’s attention and its MLP",
    "resid_post": "the residual stream after that block",
    "attn_out": "what that block’s attention wrote",
    "mlp_out": "what that block’s MLP wrote",
    "heads": "what it found",
    "queries": "its queries",
    "keys": "its keys",
    "values": "its values",
}
"""What is patched, in words, by `over`."""
_IDS = re.compile(r"\s*\d{1,9}(?:\s*[,\s]\s*\d{1,9})*\s*")


@dataclass(frozen=True)
class Question:
    """Which two prompts are held against each other, by which two tokens, and what is taken over between them."""

    view: View
    other: str | tuple[int, ...]
    answer: int | None
    against: int | None
    over: str

    @property
    def about(self) -> tuple[Any, ...]:
        """What the two traces follow from."""
        return (self.view.ids, self.other, self.answer, self.against)


class Sweeps:
    """Sweeps of one model, of which one is worked out at a time. They have traces of their own and hold no view's lock."""

    def __init__(self, answers: Answers) -> None:
        self.answers, self.model = answers, answers.model
        self._working, self._places = Lock(), Semaphore(MOST_WAITING)
        self._lock = Lock()
        self._kept: OrderedDict[tuple[Any, ...], tuple[Contrast, Lock]] = OrderedDict()

    def question(self, query: Query) -> Question:
        """What a request asks. Raises `InputError`, `TooMuch`."""
        view, given = self.answers.views.view(query.text("view")), query.text("other", MOST_CHARACTERS)
        other: str | tuple[int, ...] = given
        if self.model.tokenizer is None:
            if not _IDS.fullmatch(given):
                raise InputError(f"{self.model.name} has no tokenizer, so other is token ids, such as 3,1,2")
            other = tuple(map(int, re.findall(r"\d+", given)))
        if len(view.ids) > MOST_TOKENS:
            raise TooMuch(f"a sweep takes prompts of up to {MOST_TOKENS} tokens; this one has {len(view.ids)}")
        answer, against = (asked_token(self.model, query, name) for name in ("answer", "against"))
        return Question(view, other, answer, against, query.given.get("over", "resid_pre"))

    @contextmanager
    def pair(self, asked: Question) -> Iterator[Contrast]:
        """The two traces of a question, with nobody else working on them."""
        with self._lock:
            kept = self._kept.get(asked.about)
            if kept:
                self._kept.move_to_end(asked.about)
        if kept is None:
            kept = contrast(self.model, *_prompts(asked), asked.answer, asked.against), Lock()
            with self._lock:
                kept = self._kept.setdefault(asked.about, kept)
                while len(self._kept) > MOST_KEPT:
                    self._kept.popitem(last=False)
        found, lock = kept
        with lock:
            yield found

    def cell(self, query: Query) -> Json:
        """One patch, tried: what it restores, in words, and the patched trace as a view."""
        asked = self.question(query)
        with self.pair(asked) as pair:
            tables, by_head = swept(pair.base, asked.over)
            block, column = query.whole("block"), query.whole("column")
            places = list(places_of(pair.base, tables[0]))
            if block >= len(tables) or column >= len(places):
                raise OutsideTable(
                    f"this sweep has the blocks 0 to {len(tables) - 1} and the {'heads' if by_head else 'positions'} 0 to {len(places) - 1}"
                )
            table, place = tables[block], places[column]
            numbers = pair.source[table][place]
            trace = patched(pair, table, place)
            value = float(pair.share(pair.difference(trace)))
            where = (
                f"Block {block}, head {column}" if by_head else f"Block {block}, at {spoken(pair.clean.tokens[column])}"
            )
            edit = _edit(table, column, numbers, trace is pair.base)
            return {
                "said": f"{where}: {WHAT[asked.over]}, taken over from your sentence, {_does(value)}",
                "value": value,
                "table": table,
                "index": [column, 0, 0] if by_head else [column, 0],
                "next": self._likeliest(trace, pair),
                "before": self._likeliest(pair.base, pair),
                "patched": None if isinstance(edit, str) else self._view(asked, pair, edit),
                "why_not": edit if isinstance(edit, str) else None,
            }

    def _view(self, asked: Question, pair: Contrast, edit: Json) -> Json:
        """The patched trace as a view; the prompt is not split again where it has no text."""
        with_text = isinstance(asked.other, str)
        ids = None if with_text else [int(i) for i in pair.base.ids]
        return {"prompt": asked.other if with_text else "", "ids": ids, "edits": [edit]}

    def _likeliest(self, trace: Trace, pair: Contrast, most: int = 3) -> list[Json]:
        at = pair.choice.position
        shares = np.nan_to_num(trace.rows("probabilities", at, at + 1)[0])
        best = np.argsort(-shares, kind="stable")[:most]
        return [{**self.answers.token(int(i)), "share": float(shares[i])} for i in best]

    @contextmanager
    def turn(self, asker: Asker) -> Iterator[None]:
        """Wait for the sweep before, as long as somebody waits for this one. Raises `Abandoned`, `TooMuch`."""
        if not self._places.acquire(blocking=False):
            raise TooMuch("several sweeps are being worked out already; wait for them")
        try:
            while not self._working.acquire(timeout=0.05):
                asker.check()
            try:
                yield
            finally:
                self._working.release()
        finally:
            self._places.release()


class Sweeping:
    """One sweep. What cannot be answered is refused when it is made; `run` tells how far it is, then the result."""

    def __init__(self, sweeps: Sweeps, query: Query) -> None:
        self.sweeps, self.asker, self.asked = sweeps, query.asker, sweeps.question(query)
        self.method = query.given.get("method", METHODS[0])
        if self.method not in METHODS:
            raise InputError(f"method is {' or '.join(METHODS)}; {self.method[:40]!r} came")
        with sweeps.pair(self.asked) as pair:
            tables, _ = swept(pair.base, self.asked.over)
            self.count = len(tables) * len(list(places_of(pair.base, tables[0])))
        if self.count > MOST_CELLS and self.method == "patching":
            raise TooMuch(
                f"this sweep would try {self.count:,} patches, and here at most {MOST_CELLS:,} are tried; take shorter "
                "prompts, or the quick estimate"
            )

    def run(self, tell: Tell) -> None:
        """Work it out, telling of every step; the last that is told is `done` or `failed`."""
        try:
            with self.sweeps.turn(self.asker):
                tell("message", {"done": 0, "of": self.count})
                result = self._document(self._sweep(tell))
            tell("done", result)
        except WorkingsError as error:
            tell("failed", {"error": str(error), "kind": status_of(error)[1]})
        except MemoryError:
            tell(
                "failed",
                {"error": "this needs more memory than there is; a shorter prompt needs less", "kind": "limit"},
            )
        except Exception:
            tell("failed", {"error": "the lab made a mistake; what happened stands in its window", "kind": "input"})
            raise

    def _sweep(self, tell: Tell) -> PatchingSweep:
        asked, model = self.asked, self.sweeps.model

        def progress(done: int, of: int) -> None:
            self.asker.check()
            tell("message", {"done": done, "of": of})

        question = (model, *_prompts(asked), asked.answer, asked.against, asked.over)
        if self.method == "attribution":
            return attribution_patching(*question)
        return patching_sweep(*question, progress=progress)

    def _document(self, sweep: PatchingSweep) -> Json:
        token, pair = self.sweeps.answers.token, sweep.contrast
        values = np.where(np.isfinite(sweep.values), sweep.values, 0.0)
        [(block, column, _)] = sweep.best(1)
        assert pair.choice.against is not None
        return {
            "over": sweep.over,
            "method": self.method,
            "by_head": sweep.by_head,
            "answer": token(pair.choice.token),
            "against": token(pair.choice.against),
            "clean": self._prompt(pair.clean, pair, sweep.clean),
            "corrupted": self._prompt(pair.corrupted, pair, sweep.corrupted),
            "tables": list(sweep.tables),
            "columns": list(sweep.labels),
            "values": values.tolist(),
            "largest": max(1.0, float(np.abs(values).max())),
            "best": {"block": block, "column": column},
            "edits_left_out": len(self.asked.view.active),
        }

    def _prompt(self, trace: Trace, pair: Contrast, difference: float) -> Json:
        tokens = [self.sweeps.answers.token(int(i)) for i in trace.ids]
        return {"tokens": tokens, "difference": difference, "says": self.sweeps._likeliest(trace, pair, 1)[0]}


def _prompts(asked: Question) -> tuple[list[int], str | list[int]]:
    return list(asked.view.ids), asked.other if isinstance(asked.other, str) else list(asked.other)


def _does(value: float) -> str:
    if value < -0.005:
        return f"pushes the other way, by {percent(-value)} of the difference."
    if value < 0.005:
        return "brings back next to nothing of the difference."
    return f"brings back {percent(value)} of the difference."


def _edit(table: str, column: int, numbers: np.ndarray, nothing: bool) -> Json | str:
    """The patch as an edit that a view holds, or why it is none."""
    if nothing:
        return "Both prompts have the same numbers here, so there is nothing to take over."
    if numbers.size > MOST_VALUES:
        return (
            f"This patch has {numbers.size:,} numbers, and up to {MOST_VALUES:,} are opened as an edit; look at the numbers "
            "that are taken over, or use trace.edit in Python."
        )
    if not np.isfinite(numbers).all():
        return "Some of these numbers are infinite or none at all, and an edit holds finite ones."
    index: list[int | str] = [column, ":"] if numbers.ndim == 1 else [column, f"0:{len(numbers)}", ":"]
    return {"table": table, "index": index, "value": shortest(numbers), "on": True}

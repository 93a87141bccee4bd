"""What matters: a sweep of patches over two prompts, told as it goes, and one patch looked at closely."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock, Semaphore
from typing import TYPE_CHECKING, Any

import numpy as np

from workings.anatomy.attribution_patching import attribution_patching
from workings.anatomy.contrast import DIRECTIONS, Contrast, PatchingSweep, contrast
from workings.anatomy.patching import OVER, patching_sweep
from workings.anatomy.path_patching import path_patching_sweep, read_receiver, receiver_said
from workings.checkpoints.model import Model
from workings.engine.no_numbers import has_likeliest
from workings.engine.trace import Trace
from workings.errors import InputError, WorkingsError
from workings.lab.asked import Asker, Query
from workings.lab.patches import Cells, Question, other_prompt
from workings.lab.reasons import asked_token
from workings.lab.refusals import TooMuch, status_of
from workings.surgery.edit_list import SavedEdit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workings.lab.answers import Answers

Json = dict[str, Any]
Tell = Callable[[str, Json], object]

MOST_TOKENS = 256
MOST_CELLS = 4_000
"""Patches of one sweep, each a part of a run of the model."""
MOST_KEPT, MOST_WAITING = 1, 4
METHODS = ("patching", "attribution")


@dataclass(frozen=True)
class Sides:
    """Both prompts read, with the edits that could be put in force in both, and why the others could not."""

    model: Model
    clean: Trace
    corrupted: Trace
    in_force: tuple[SavedEdit, ...]
    refused: tuple[str, ...]

    @classmethod
    def of(cls, model: Model, asked: Question) -> Sides:
        """Read them. An edit that one of them refuses is left out of both, so that it is no difference between them."""
        other = asked.other if isinstance(asked.other, str) else list(asked.other)
        both = model.trace(list(asked.view.ids)), model.trace(other)
        in_force, refused = [], []
        for edit in asked.edits:
            try:
                both = edit.apply(both[0]), edit.apply(both[1])
                in_force.append(edit)
            except InputError as error:
                refused.append(str(error))
        return cls(model, *both, tuple(in_force), tuple(refused))


class Sweeps:
    """Sweeps of one model, of which one is worked out at a time. They have traces of their own and hold no view's lock."""

    def __init__(self, answers: Answers) -> None:
        self.answers, self.model = answers, answers.model
        self._working, self._places = Lock(), Semaphore(MOST_WAITING)
        self._lock = Lock()
        self._kept: OrderedDict[tuple[Any, ...], tuple[Contrast, Sides, Lock]] = OrderedDict()

    def question(self, query: Query) -> Question:
        """What a request asks. Raises `InputError`, `TooMuch`."""
        view, other = self.answers.views.view(query.text("view")), other_prompt(self.model, query)
        if len(view.ids) > MOST_TOKENS:
            raise TooMuch(f"a sweep takes prompts of up to {MOST_TOKENS} tokens; this one has {len(view.ids)}")
        answer, against = (asked_token(self.model, query, name) for name in ("answer", "against"))
        typed = query.given.get("into")
        into = read_receiver(self.model, typed[:200]) if typed else None
        over = query.given.get("over", "resid_pre" if into is None else "heads")
        if over not in OVER:
            raise InputError(f"a sweep goes over {', '.join(OVER)}; {over[:40]!r} came")
        if into is not None and over != "heads":
            raise InputError(f"paths go from heads, so into goes with over=heads; {over[:40]!r} came")
        edits = view.active if query.choice("edits", ("yes", "no")) == "yes" else ()
        through_mlps = query.choice("through_mlps", ("no", "yes")) == "yes"
        if through_mlps and into is None:
            raise InputError("through_mlps is about paths, so it goes with into")
        direction = query.choice("direction", DIRECTIONS)
        return Question(view, other, answer, against, over, into, through_mlps, direction, edits)

    def sides(self, asked: Question) -> Sides:
        """Both prompts, read afresh; by the model with its sparse autoencoder where one of its tables is edited."""
        spliced = any(".sae." in edit.table for edit in asked.edits)
        return Sides.of(self.answers.views.spliced if spliced else self.model, asked)

    @contextmanager
    def pair(self, asked: Question) -> Iterator[tuple[Contrast, Sides]]:
        """The two traces of a question, with nobody else working on them."""
        with self._lock:
            kept = self._kept.get(asked.about)
            if kept:
                self._kept.move_to_end(asked.about)
        if kept is None:
            sides = self.sides(asked)
            words = (asked.answer, asked.against)
            found = contrast(sides.model, sides.clean, sides.corrupted, *words, direction=asked.direction)
            with self._lock:
                kept = self._kept.setdefault(asked.about, (found, sides, Lock()))
                while len(self._kept) > MOST_KEPT:
                    self._kept.popitem(last=False)
        pair, sides, lock = kept
        with lock:
            yield pair, sides

    def cell(self, query: Query) -> Json:
        """One patch, tried: what it does, in words, and the patched trace as a view."""
        asked = self.question(query)
        block, column = query.whole("block"), query.whole("column")
        with self.pair(asked) as (pair, sides):
            cells = Cells.of(pair, asked)
            cells.check(block, column)
            trace = cells.make[block][column]()
            value = float(pair.share(pair.difference(trace)))
            edit = cells.edit(block, column, trace)
            return {
                "said": cells.said(block, column, pair.effect(value)),
                "value": value,
                "table": cells.tables[block],
                "index": [column, 0, 0] if cells.by_head else [column, 0],
                "next": self._likeliest(trace, pair),
                "before": self._likeliest(pair.base, pair),
                "patched": None if isinstance(edit, str) else _view(asked, sides, edit),
                "lands": None if isinstance(edit, str) else cells.first_differing(edit),
                "why_not": edit if isinstance(edit, str) else None,
            }

    def _likeliest(self, trace: Trace, pair: Contrast, most: int = 3) -> list[Json]:
        at = pair.choice.position
        shares = trace.rows("probabilities", at, at + 1)[0]
        if not has_likeliest(shares):
            return []
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
        self.method = query.choice("method", METHODS)
        if self.asked.into is not None and self.method == "attribution":
            raise InputError("paths are tried, not estimated: leave out method=attribution, or into")
        with sweeps.pair(self.asked) as (pair, _):
            self.count = Cells.of(pair, self.asked).count
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
                sides = self.sweeps.sides(self.asked)
                result = self._document(self._sweep(tell, sides), sides)
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

    def _sweep(self, tell: Tell, sides: Sides) -> PatchingSweep:
        asked = self.asked

        def progress(done: int, of: int) -> None:
            self.asker.check()
            tell("message", {"done": done, "of": of})

        prompts, words = (sides.model, sides.clean, sides.corrupted), (asked.answer, asked.against)
        if asked.into is not None:
            return path_patching_sweep(
                *prompts, asked.into, *words,
                direction=asked.direction, progress=progress, through_mlps=asked.through_mlps,
            )  # fmt: skip
        if self.method == "attribution":
            return attribution_patching(*prompts, *words, asked.over, direction=asked.direction)
        return patching_sweep(*prompts, *words, asked.over, direction=asked.direction, progress=progress)

    def _document(self, sweep: PatchingSweep, sides: Sides) -> Json:
        token, pair, asked = self.sweeps.answers.token, sweep.contrast, self.asked
        known = sweep.effects[np.isfinite(sweep.effects)]
        best = [{"block": block, "column": column} for block, column, _ in sweep.best(1)]
        assert pair.choice.against is not None
        return {
            "over": sweep.over,
            "through_mlps": self.asked.through_mlps,
            "into": asked.into and receiver_said(asked.into),
            "method": self.method,
            "direction": pair.direction,
            "by_head": sweep.by_head,
            "answer": token(pair.choice.token),
            "against": token(pair.choice.against),
            "clean": self._prompt(pair.clean, pair, sweep.clean),
            "corrupted": self._prompt(pair.corrupted, pair, sweep.corrupted),
            "tables": list(sweep.tables),
            "columns": list(sweep.labels),
            "values": sweep.values.tolist(),
            "effects": sweep.effects.tolist(),
            "largest": max(1.0, float(np.abs(known).max(initial=0.0))),
            "best": best[0] if best else None,
            "edits_in_force": len(sides.in_force),
            "edits_left_out": len(asked.view.active) - len(sides.in_force),
            "edits_refused": list(sides.refused),
        }

    def _prompt(self, trace: Trace, pair: Contrast, difference: float) -> Json:
        tokens = [self.sweeps.answers.token(int(i)) for i in trace.ids]
        return {"tokens": tokens, "difference": difference, "says": self.sweeps._likeliest(trace, pair, 1)[0]}


def _view(asked: Question, sides: Sides, edit: Json) -> Json:
    """The patched trace as a view, with the edits in force; the prompt is not split again where it has no text."""
    edits = [*(one.to_dict() for one in sides.in_force), edit]
    if asked.direction == "noising":
        given = asked.view.given
        return {"prompt": given.prompt, "ids": None if given.ids is None else list(given.ids), "edits": edits}
    with_text = isinstance(asked.other, str)
    return {"prompt": asked.other if with_text else "", "ids": None if with_text else list(asked.other), "edits": edits}

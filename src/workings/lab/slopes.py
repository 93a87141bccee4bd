"""Slopes of a score: the numbers of a view with the gradient of a token's logit beside them, for as long as they are asked about."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from threading import Lock
from typing import Any

from workings.anatomy.choice import choose
from workings.anatomy.gradients import MEANING, trace_gradient
from workings.engine.lookup import plain_name
from workings.engine.trace import Trace
from workings.lab.asked import Asker, Query
from workings.lab.keeping import LastFew
from workings.lab.reasons import asked_token
from workings.lab.views import View, Views
from workings.language.glossary import CHOICES, sentence
from workings.readings.gradient import gradient_name, names_with_slopes

Json = dict[str, Any]
Key = tuple[Any, ...]
"""What the numbers follow from, the token, the one against it, the position."""

MOST_KEPT = 4
SHARE_OF_MEMORY = 4
"""Slopes may take a quarter of what the tables of all views may."""


@dataclass(eq=False)
class Sloped:
    """One trace with slopes, made when it is first needed, and its lock, which is its own: no view waits for it."""

    lock: Lock = field(default_factory=Lock)
    trace: Trace | None = None
    asked: str = ""
    """Which score the slopes are of, in words."""
    kept: dict[str, Any] = field(default_factory=dict)
    """Answers worked out before."""
    size: int = 0


class Slopes:
    """The traces with slopes that were asked about last, and as many of them as fit into a memory limit of their own."""

    def __init__(self, views: Views) -> None:
        self.views, self.most_bytes = views, views.table_bytes // SHARE_OF_MEMORY
        self._last: LastFew[Key, Sloped] = LastFew(MOST_KEPT)
        self.bytes_held = 0

    @cached_property
    def document(self) -> Json:
        """Which tables have slopes, the tables of what was asked about, and what a slope means."""
        config = self.views.model.config
        shapes = {
            "choice.position": (["n_ctx", "1"], [config.n_ctx, 1]),
            "choice.token": (["1", "d_vocab"], [1, config.d_vocab]),
            "choice.logits": (["pos", "d_vocab"], [None, config.d_vocab]),
        }
        choices = [
            {"name": name, "sentence": CHOICES[name], "axes": axes, "shape": shape, "group": "Next token"}
            for name, (axes, shape) in shapes.items()
        ]
        return {"of": self._names, "choices": choices, "meaning": MEANING}

    @cached_property
    def _names(self) -> list[str]:
        return names_with_slopes(self.views.program.graph, "logits")

    @contextmanager
    def working(self, query: Query, view: View, edited: bool = True) -> Iterator[tuple[Trace, Sloped]]:
        """The trace with the slopes that a request asks about, with nobody else working on it.

        `token`, `against` and `position` of the request say which score; `table` is worked out bit by bit beforehand, for as
        long as the asker waits. Raises `InputError`, `UnknownTable`, `Abandoned`.
        """
        token, against = (asked_token(self.views.model, query, name) for name in ("token", "against"))
        view, n_pos = self._counting(view), len(view.ids)
        position = query.whole("position", -1, least=-n_pos, most=n_pos - 1) % n_pos
        key = ((view.state if edited else view.unedited).key, token, against, position)
        sloped = self._last.get(key) or self._last.put(key, Sloped())
        with _patiently(sloped.lock, query.asker):
            if sloped.trace is None:
                plain = self._read_already(key) or self._plain(view, edited, position, query.asker)
                choice = choose(plain, token, against, position)
                sloped.asked = choice.said(plain)
                sloped.trace = trace_gradient(self.views.spliced, plain, choice.token, choice.against, position)
            try:
                self._step_by_step(sloped.trace, query.text("table"), query.asker)
                yield sloped.trace, sloped
            finally:
                arrays = {id(array): array.nbytes for array in sloped.trace.arrays()}
                sloped.size = sum(arrays.values())
                self.bytes_held = self._last.shrink(lambda one: one.size, self.most_bytes)

    def _counting(self, view: View) -> View:
        """The view without edits of what the lenses read: no score depends on it, and slopes are drawn without lenses."""
        all_tables, own = self.views.program.graph, self.views.spliced.graph
        lenses = {*all_tables.named, *all_tables.weights} - {*own.named, *own.weights}
        edits = tuple(edit for edit in view.given.edits if plain_name(edit.table) not in lenses)
        return replace(view, given=replace(view.given, edits=edits))

    def _read_already(self, asked: Key) -> Trace | None:
        """A fork of a trace with other slopes of the same prompt and edits, if nobody works on it: its forward numbers count here too."""
        other = self._last.latest(lambda key: key != asked and key[0] == asked[0])
        if other is None or not other.lock.acquire(blocking=False):
            return None
        try:
            return other.trace and other.trace.fork()
        finally:
            other.lock.release()

    def _plain(self, view: View, edited: bool, position: int, asker: Asker) -> Trace:
        """A fork of the view's trace, of which other requests can go on to read."""
        with self.views.working(view, edited, asker) as (trace, _):
            trace.rows("logits", position, position + 1)  # so that the fork has something to share
            return trace.fork()

    def _step_by_step(self, trace: Trace, table: str, asker: Asker) -> None:
        """Work out the streams that a table stands on, one at a time: forwards, then backwards."""
        names, found = trace.names(), trace.table(table).name
        for name in names[: names.index(found)] if found in names else ():
            if name.endswith((".resid_post", ".resid_pre")):
                asker.check()
                trace.rows(name)
        asker.check()

    def find(self, words: str) -> list[Json]:
        """Slopes whose names have all these words in them, where one of the words says that slopes are meant."""
        found, asked = [], plain_name(words).lower().replace("[", " ").split()
        rest = [word for word in asked if not "slopes".startswith(word) or len(word) < 4]
        if len(rest) == len(asked) and not any("grad" in word for word in asked):
            return []
        for name in self._names:
            slope = gradient_name(name)
            if all(word in slope for word in rest):
                found.append({"name": slope, "sentence": sentence(slope)})
        return found


@contextmanager
def _patiently(lock: Lock, asker: Asker) -> Iterator[None]:
    """Wait for a lock, as long as somebody waits for the answer. Raises `Abandoned`."""
    while not lock.acquire(timeout=0.05):
        asker.check()
    try:
        asker.check()
        yield
    finally:
        lock.release()

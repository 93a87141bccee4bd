"""Views and their traces: what a page looks at, by a number made of its content, and the traces behind it.

A trace that was dropped is made again from its view. Traces of the same prompt fork from each other, so that an edit
costs what changes, and a longer prompt the new tokens.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from threading import Lock, RLock
from typing import Any

import numpy as np
import orjson

from workings.anatomy.gradients import is_slope
from workings.anatomy.logit_lens import draw_logit_lens
from workings.anatomy.tuned_lens import KIND, TunedLens, draw_tuned_lens
from workings.checkpoints.model import Model
from workings.checkpoints.sparse_autoencoder import SparseAutoencoder
from workings.engine.edits import larger_held
from workings.engine.evaluation import Evaluation
from workings.engine.memory import physical_bytes
from workings.engine.trace import Trace
from workings.errors import InputError
from workings.lab.asked import Asker
from workings.lab.refusals import TooMuch, UnknownView
from workings.language.tables import Graph
from workings.surgery.edit_list import EditList, SavedEdit

Array = np.ndarray

MOST_CHARACTERS = 20_000
MOST_EDITS = 200
MOST_NUMBERS = 400_000
"""How many numbers the edits of a view hold together: eight whole tables of GPT-2 small for 64 tokens, 8 x 64 x 768, and what a
request of 4 MiB holds at ten letters a number, as most are written."""
MOST_VIEWS = 2_000
MOST_VIEW_BYTES = 64 << 20
TABLE_BYTES = min(2 << 30, physical_bytes() // 4)
"""How much memory the tables of all traces together may take before the least used are dropped."""
MOST_TRACES = 200
NUMBER_BYTES = 32
"""What a number of an edit takes in Python: itself, and its place in a tuple."""
_NO_SLOPES = (
    "slopes follow from the numbers and cannot be changed by themselves; change the number, and its slope follows"
)
LENSES = {"lens", KIND}
_NO_LENSES = (
    "a lens only reads, and nothing in the model follows from what it read, so its numbers are not changed; change the stream "
    "that it reads, such as blocks.0.resid_post, and it reads on from there"
)


@dataclass(frozen=True, eq=False)
class State:
    """What a trace follows from: token ids, and the edits that are on.

    `digests` are those of the ids with none of the edits, with the first, with the first two and so on: two states are the same
    if their last digests are, and nobody goes through all numbers of an edit to find that out.
    """

    ids: tuple[int, ...]
    edits: tuple[SavedEdit, ...]
    digests: tuple[bytes, ...]

    @classmethod
    def of(cls, ids: tuple[int, ...], edits: tuple[SavedEdit, ...] = ()) -> State:
        """The state of these ids and edits, `SavedEdit.digest` for `SavedEdit.digest`."""
        digests = [hashlib.sha256(orjson.dumps(ids)).digest()]
        for edit in edits:
            digests.append(hashlib.sha256(digests[-1] + edit.digest).digest())
        return cls(ids, edits, tuple(digests))

    @property
    def key(self) -> bytes:
        """What it is known by."""
        return self.digests[-1]


@dataclass(frozen=True)
class View:
    """What is being looked at: a prompt as token ids, and edits of which some may be off. `size` is in bytes, about."""

    id: str
    given: EditList
    ids: tuple[int, ...]
    size: int

    @property
    def active(self) -> tuple[SavedEdit, ...]:
        """The edits that are on."""
        return tuple(edit for edit in self.given.edits if edit.on)

    @cached_property
    def state(self) -> State:
        """What its trace follows from."""
        return State.of(self.ids, self.active)

    @cached_property
    def unedited(self) -> State:
        """What the trace of the same prompt without edits follows from."""
        return State.of(self.ids)


def view_id(given: EditList) -> str:
    """The first 16 hex digits of the SHA-256 of the view's canonical JSON."""
    return _hashed(_canonical(given))


def _hashed(canonical: bytes) -> str:
    return hashlib.sha256(canonical).hexdigest()[:16]


def _canonical(given: EditList) -> bytes:
    content = {key: value for key, value in given.to_dict().items() if key != "model"}
    return orjson.dumps(content, option=orjson.OPT_SORT_KEYS)


def _count_numbers(given: Any) -> int:
    """How many numbers an amount holds."""
    return sum(map(_count_numbers, given)) if isinstance(given, tuple) else 1


@dataclass(eq=False)
class Session:
    """One trace, made when it is first needed, and the lock that it shares with all that fork from it."""

    state: State
    lock: RLock
    source: Session | None = None
    trace: Trace | None = None
    refusals: list[str | None] = field(default_factory=list)
    """For every edit why it could not be put in force, or None."""
    held: dict[int, Array] = field(default_factory=dict)
    """The arrays that are counted for this trace, by their identity."""
    kept: dict[str, Any] = field(default_factory=dict)
    """Answers worked out before, such as the likeliest next tokens."""
    asked = None
    """Its numbers are no slopes of any score."""

    def apply(self, trace: Trace, edits: Sequence[SavedEdit]) -> Trace:
        """Put edits in force; one that cannot be is left out, and why is kept."""
        for edit in edits:
            try:
                if is_slope(edit.table):
                    raise InputError(_NO_SLOPES)
                if LENSES & set(edit.table.split(".")):
                    raise InputError(_NO_LENSES)
                trace = edit.apply(trace)
                self.refusals.append(None)
            except InputError as error:
                self.refusals.append(str(error).replace(larger_held(trace.dtype), ""))  # which the lab cannot
        return trace


class Views:
    """The views that were opened, and as many of their traces as fit into the memory limit; for many threads."""

    def __init__(
        self,
        model: Model,
        table_bytes: int = TABLE_BYTES,
        sae: SparseAutoencoder | None = None,
        tuned: TunedLens | None = None,
    ) -> None:
        self.model, self.table_bytes = model, table_bytes
        self.spliced = model.with_sae(sae) if sae else model
        drawings: list[Callable[[Graph], object]] = [partial(draw_logit_lens, after_attention=True)]
        if tuned:
            drawings.append(partial(draw_tuned_lens, lens=tuned))
        weights = tuned.weights if tuned else None
        self.program = self.spliced.program_with(*drawings, weights=weights)
        self._lock = Lock()
        self._views: OrderedDict[str, View] = OrderedDict()
        self._view_bytes = 0
        self._sessions: OrderedDict[bytes, Session] = OrderedDict()
        self._holders: dict[int, int] = {}
        self.bytes_held = 0

    # Views --------------------------------------------------------------------------------------------------------

    def open(self, given: EditList) -> View:
        """Take in a view. Raises `InputError` for a prompt that cannot be read, `TooMuch` for too long a list."""
        if len(given.prompt) > MOST_CHARACTERS:
            raise TooMuch(f"a prompt has at most {MOST_CHARACTERS:,} characters here; {len(given.prompt):,} came")
        if len(given.edits) > MOST_EDITS:
            raise TooMuch(f"a view has at most {MOST_EDITS} edits; {len(given.edits)} came")
        numbers = sum(len(edit.index) + _count_numbers(edit.amount) for edit in given.edits)
        if numbers > MOST_NUMBERS:
            raise TooMuch(
                f"the edits of a view hold at most {MOST_NUMBERS:,} numbers together, those of their indices among them; "
                f"{numbers:,} came. Take fewer rows, or make these edits in Python, with trace.edit"
            )
        ids = tuple(int(i) for i in self.model.encode(given.prompt if given.ids is None else list(given.ids)))
        canonical = _canonical(given)
        view = View(_hashed(canonical), given, ids, len(canonical) + NUMBER_BYTES * numbers)
        with self._lock:
            old = self._views.pop(view.id, None)
            self._view_bytes += view.size - (old.size if old else 0)
            self._views[view.id] = view
            while len(self._views) > MOST_VIEWS or self._view_bytes > MOST_VIEW_BYTES:
                self._view_bytes -= self._views.popitem(last=False)[1].size
        return view

    def view(self, number: str) -> View:
        """The view of this number. Raises `UnknownView`."""
        with self._lock:
            view = self._views.get(number)
            if view is None:
                raise UnknownView("this view is not known here (any more); open it again")
            self._views.move_to_end(number)
            return view

    # Traces -------------------------------------------------------------------------------------------------------

    @contextmanager
    def working(self, view: View, edited: bool = True, asker: Asker | None = None) -> Iterator[tuple[Trace, Session]]:
        """The trace of a view (or of the same prompt without edits) and its session, with nobody else working on them.

        Raises `Abandoned` where the asker has gone by the time that it is their turn.
        """
        session = self._session(view.state if edited else view.unedited)
        with session.lock:
            try:
                if asker:
                    asker.check()
                yield self._trace_of(session), session
            finally:
                self._count(session)

    def afresh(self, view: View) -> Trace:
        """A trace of a view that is not kept, and that nobody else works on; its numbers do not depend on what was asked before."""
        return self._trace_of(Session(view.state, RLock()))

    def _session(self, state: State) -> Session:
        with self._lock:
            found = self._sessions.get(state.key)
            if found is None:
                source = self._nearest(state)
                found = Session(state, source.lock if source else RLock(), source)
                self._sessions[state.key] = found
            self._sessions.move_to_end(state.key)
            return found

    def _nearest(self, state: State) -> Session | None:
        """The session that has most in common: the same prompt with the first of the edits, or the beginning of the prompt."""
        for digest in reversed(state.digests[:-1]):
            if found := self._sessions.get(digest):
                return found
        before = self._beginning(state.ids)
        if not state.edits:
            return before
        base = Session(State.of(state.ids), before.lock if before else RLock(), before)
        self._sessions[base.state.key] = base
        return base

    def _beginning(self, ids: tuple[int, ...]) -> Session | None:
        """The longest beginning of a prompt that has a trace; one shorter than half saves little, and ties up its lock."""
        shorter = [
            session
            for session in self._sessions.values()
            if len(session.state.digests) == 1 and _begins(ids, session.state.ids)
        ]
        return max(shorter, key=lambda s: len(s.state.ids), default=None)

    def _trace_of(self, session: Session) -> Trace:
        if session.trace is None:
            ids, edits, source = session.state.ids, session.state.edits, session.source
            session.refusals = []
            if source is None:
                trace = self.model.trace_of(Evaluation(self.program, np.array(ids), np.dtype("float32")))
                session.trace = session.apply(trace, edits)
            else:
                session.trace = self._forked(session, source)
            session.source = None
            session.state = replace(session.state, edits=())  # the trace has them, more closely written
        return session.trace

    def _forked(self, session: Session, source: Session) -> Trace:
        ids, edits = session.state.ids, session.state.edits
        trace = self._trace_of(source)
        if edits:
            trace.rows("probabilities", -1)  # so that the fork has something to share
            session.refusals = list(source.refusals)
            trace = session.apply(trace, edits[len(source.refusals) :])
        else:
            trace = trace.append(ids[len(source.state.ids) :])
        self._count(source)
        return trace

    # Memory -------------------------------------------------------------------------------------------------------

    def _count(self, session: Session) -> None:
        """Note which memory a trace holds now, and drop the least used traces where it is too much."""
        held = {id(array): array for array in session.trace.arrays()} if session.trace else {}
        with self._lock:
            if self._sessions.get(session.state.key) is not session:
                return  # dropped meanwhile: gone when its last user is
            if session.trace is None:  # whoever asked has gone, or it cannot be made: nothing but edits to keep
                del self._sessions[session.state.key]
                return
            before, session.held = session.held, held
            for number in held.keys() - before.keys():
                self._hold(number, held[number], 1)
            for number in before.keys() - held.keys():
                self._hold(number, before[number], -1)
            while (self.bytes_held > self.table_bytes or len(self._sessions) > MOST_TRACES) and len(self._sessions) > 1:
                oldest = next(other for other in self._sessions.values() if other is not session)
                del self._sessions[oldest.state.key]
                for number, array in oldest.held.items():
                    self._hold(number, array, -1)
                oldest.held = {}

    def _hold(self, number: int, array: Array, by: int) -> None:
        count = self._holders.get(number, 0)
        if count == 0:
            self.bytes_held += array.nbytes
        if count + by == 0:
            self.bytes_held -= array.nbytes
            del self._holders[number]
        else:
            self._holders[number] = count + by


def _begins(ids: tuple[int, ...], other: tuple[int, ...]) -> bool:
    return 2 * len(other) >= len(ids) and ids[: len(other)] == other

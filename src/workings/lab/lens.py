"""The lenses in the lab: what the model would say after a block, by the logit lens or a tuned one, everywhere or at one place."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from workings.anatomy import logit_lens, tuned_lens
from workings.anatomy.logit_lens import lens_name, likeliest, share_and_rank, streams_asked
from workings.anatomy.tuned_lens import COMPANION, TunedLens
from workings.errors import OutsideTable
from workings.lab.asked import Asker, Query
from workings.lab.reasons import asked_token
from workings.lab.refusals import NotThere
from workings.language.operations import softmax

if TYPE_CHECKING:
    from workings.checkpoints.model import Model
    from workings.lab.answers import Answers
    from workings.lab.views import View

Array = np.ndarray
Json = dict[str, Any]
Found = tuple[Array, Array]
"""Of one stream, by position: the likeliest ids and their shares, or a token's shares and its ranks."""

KINDS = {"logit": "lens", "tuned": tuned_lens.KIND}
"""The lenses as requests name them, and the words in the names of their tables."""
MEANINGS = {"logit": logit_lens.MEANING, "tuned": tuned_lens.MEANING}
MOST_KEPT = 256
"""So many streams' answers are kept of a view: what one went away from is there when one comes back."""


def tuned_of(model: Model, given: TunedLens | None) -> TunedLens | None:
    """The tuned lens that a lab shows: the one given, else the one that comes with the model. Raises `InputError` for another model's."""
    if given is None and COMPANION.bundled(model.name):
        given = TunedLens.load(model.name)
    if given is not None:
        given.check(model)
    return given


@dataclass(frozen=True)
class LensAsked:
    """What is looked through: a lens, the residual streams that it reads, and a token to follow; else the likeliest is told."""

    kind: str
    streams: list[str]
    token: int | None = None


class Lenses:
    """Answers about what lenses read; a view's scores of the whole vocabulary are never kept."""

    def __init__(self, answers: Answers) -> None:
        self.answers, self.views = answers, answers.views

    @cached_property
    def streams(self) -> dict[str, list[str]]:
        """For every lens of the lab, as requests name it, the residual streams that it reads, in order of working."""
        named = self.views.program.graph.named
        found = {kind: [one for one in named if lens_name(one, word) in named] for kind, word in KINDS.items()}
        return {kind: streams for kind, streams in found.items() if streams}

    @property
    def document(self) -> list[Json]:
        """What the page needs to know of each lens."""
        return [
            {
                "kind": kind,
                "meaning": MEANINGS[kind],
                "after_attention": any(stream.endswith(".resid_mid") for stream in streams),
            }
            for kind, streams in self.streams.items()
        ]

    def table(self, query: Query) -> Json:
        """The likeliest token, or a chosen one's share and rank, after every block at every position, or at some of them."""
        view = self.views.view(query.text("view"))
        positions = query.span("positions", len(view.ids))
        asked = self.asked(query)
        found = self.read(view, positions, asked, query.asker)
        make = self._guess if asked.token is None else _standing
        cells = [[make(*pair) for pair in zip(*pairs, strict=True)] for pairs in found]
        chosen = None if asked.token is None else self.answers.token(asked.token)
        return {"blocks": asked.streams, "first": positions[0], "token": chosen, "cells": cells}

    def read(self, view: View, positions: tuple[int, int], asked: LensAsked, asker: Asker | None = None) -> list[Found]:
        """What a lens reads off each stream at the positions from the first to before the last.

        Other requests come in between the streams; what is worked out is shared, but the scores of the whole vocabulary.
        """
        with self.views.working(view, asker=asker) as (trace, _):
            trace.rows(asked.streams[-1])
        return [self._read(view, positions, asked.kind, stream, asked.token, asker) for stream in asked.streams]

    def _read(
        self, view: View, positions: tuple[int, int], kind: str, stream: str, token: int | None, asker: Asker | None
    ) -> Found:
        key = (kind, stream, positions, token)
        with self.views.working(view, asker=asker) as (trace, session):
            kept: dict[Any, Found] = session.kept.setdefault("lens", {})
            if key in kept:
                return kept[key]
            fork = trace.fork()
        word = KINDS[kind]
        if token is None:
            ids, shares = likeliest(fork, stream, positions=positions, kind=word)
            found = ids[:, 0], shares[:, 0]
        else:
            found = share_and_rank(fork, stream, token, positions, word)
        with session.lock:
            kept[key] = found
            if len(kept) > MOST_KEPT:
                del kept[next(iter(kept))]
        return found

    def cell(self, query: Query) -> Json:
        """The ten likeliest tokens after a block at a position, and how a chosen one stands there."""
        asked, position = self.asked(query), query.whole("position")
        stream, token = self._stream(query.text("block"), asked), asked.token
        view, table = self.views.view(query.text("view")), lens_name(stream, KINDS[asked.kind])
        if position >= len(view.ids):
            raise OutsideTable(f"the prompt has the positions 0 to {len(view.ids) - 1}; {position} came")
        with self.views.working(view, asker=query.asker) as (trace, _):
            scores = trace.fork().rows(table, position, position + 1)[0]
        shares, chosen = np.asarray(softmax(scores)), None
        if token is not None:
            rank = 1 + int(np.count_nonzero(scores > scores[token]))
            chosen = {**self.answers.token(token), **_standing(shares[token], rank)}
        return {"next": self.answers.likeliest(shares), "token": chosen, "scores": table}

    # What is asked ------------------------------------------------------------------------------------------------

    def asked(self, query: Query) -> LensAsked:
        """What a request looks through. Raises `NotThere` where the lab has no lens of this kind, `InputError` for no token."""
        kind = query.choice("kind", KINDS)
        if kind not in self.streams:
            raise NotThere(
                f"no tuned lens comes with {self.answers.model.name}; `workings train lens --out FOLDER` trains one, and "
                "`workings lab --tuned FOLDER` opens it"
            )
        after_attention = query.choice("after_attention", ("no", "yes")) == "yes"
        streams = streams_asked(self.streams[kind], after_attention)
        return LensAsked(kind, streams, asked_token(self.answers.model, query, "token"))

    def _stream(self, block: str, asked: LensAsked) -> str:
        """A stream by its name, or by its number among those that are asked for."""
        if re.fullmatch(r"\d{1,6}", block) and int(block) < len(asked.streams):
            return asked.streams[int(block)]
        if block not in self.streams[asked.kind]:
            raise OutsideTable(
                f"there is no block {block[:60]!r} for the lens; its blocks are 0 to {len(asked.streams) - 1}, by number or by name, such as {asked.streams[0]}"
            )
        return block

    def _guess(self, token_id: int, share: float) -> Json:
        return (
            {**self.answers.token(int(token_id)), "share": float(share)} if np.isfinite(share) else _standing(share, 0)
        )


def _standing(share: float, rank: int) -> Json:
    """A token's share and rank; none of both where an edit made them no numbers at all."""
    known = bool(np.isfinite(share))
    return {"share": float(share) if known else None, "rank": int(rank) if known else None}

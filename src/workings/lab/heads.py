"""What heads do: what each is in the habit of doing, measured once a lab, and who looks at whom in the prompt of a view."""

from __future__ import annotations

from threading import Lock
from typing import Any

from workings.anatomy.heads import KINDS, MEANINGS, HeadScores, head_scores
from workings.anatomy.looks import Look, looks, n_blocks
from workings.display.words import visible
from workings.lab.asked import Asker, Query
from workings.lab.views import Views

Json = dict[str, Any]

USUAL_LOOKS, MOST_LOOKS = 8, 100


class Heads:
    """The heads of a lab's model. Their scores are of the model as it is, and hold no view's lock."""

    def __init__(self, views: Views) -> None:
        self.views, self.model = views, views.model
        self._working = Lock()
        self._found: HeadScores | None = None

    def document(self, query: Query) -> Json:
        """How much of its attention every head gives to each kind of place, and what that means, in words."""
        found = self._scores(query.asker)
        blocks, heads = next(iter(found.scores.values())).shape
        return {
            "measured": found.measured(),
            "kinds": [
                {"name": kind, "looks": KINDS[kind], "meaning": MEANINGS[kind], "scores": table.tolist()}
                for kind, table in found.scores.items()
            ],
            "heads": [
                [{"kind": found.kind_of(block, head), "said": found.sentence(block, head)} for head in range(heads)]
                for block in range(blocks)
            ],
        }

    def looks(self, query: Query) -> Json:
        """The strongest looks of a prompt, or of one block, as sentences; other requests come in between the blocks."""
        view, most = self.views.view(query.text("view")), query.whole("most", USUAL_LOOKS, 1, MOST_LOOKS)
        with self.views.working(view, asker=query.asker) as (trace, _):
            count = n_blocks(trace)
        blocks = [query.whole("block", most=count - 1)] if "block" in query.given else range(count)
        found: list[Look] = []
        for block in blocks:
            with self.views.working(view, asker=query.asker) as (trace, _):
                fork = trace.fork()
            found += looks(fork, most, block)
        strongest = sorted(found, key=lambda look: -look.share)[:most]
        return {"looks": [_told(look) for look in strongest]}

    def _scores(self, asker: Asker) -> HeadScores:
        """Measured by whoever asks first; others wait for as long as they like. Raises `Abandoned`, `InputError`."""
        while not self._working.acquire(timeout=0.05):
            asker.check()
        try:
            if self._found is None:
                self._found = head_scores(self.model)
            return self._found
        finally:
            self._working.release()


def _told(look: Look) -> Json:
    return {
        "block": look.block,
        "head": look.head,
        "position": look.position,
        "readable": visible(look.token),
        "looks_at": [{"position": s.position, "readable": visible(s.token), "share": s.share} for s in look.at],
        "share": look.share,
        "sentence": str(look),
    }

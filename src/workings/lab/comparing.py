"""Before and after: what comes next, and what the model writes on, with a view's edits and without them."""

from __future__ import annotations

from typing import Any

import numpy as np

from workings.engine.generation import Sampling
from workings.engine.no_numbers import has_likeliest
from workings.engine.trace import Trace
from workings.lab.asked import Query
from workings.lab.views import View, Views

Json = dict[str, Any]
Array = np.ndarray

N_EACH = 6
"""The likeliest tokens of before, and of after, that are compared."""
USUAL_WRITTEN, MOST_WRITTEN = 12, 64


def compared(before: Array, after: Array) -> list[tuple[int, float | None, float | None]]:
    """Token ids with their shares before and after: the likeliest of both, the likeliest of all first.

    Where edits left no numbers, shares are None.
    """
    known = [shares for shares in (before, after) if has_likeliest(shares)]
    ids = {int(i) for shares in known for i in np.argsort(-shares, kind="stable")[:N_EACH]}
    order = sorted(ids, key=lambda i: (-max(float(shares[i]) for shares in known), i))[: N_EACH + 2]
    return [(i, share_of(before, i), share_of(after, i)) for i in order]


def share_of(shares: Array | None, token_id: int) -> float | None:
    """A token's share of a row; None where there is no row, or an edit left no numbers in it."""
    return None if shares is None or not has_likeliest(shares) else float(shares[token_id])


def continuations(views: Views, query: Query) -> Json:
    """What the model writes on by always taking the likeliest token, without the edits and with them.

    None where there is no likeliest token to begin with, since an edit left no numbers.
    """
    view, most = views.view(query.text("view")), query.whole("most", USUAL_WRITTEN, 1, MOST_WRITTEN)
    after = _written(views, view, True, most, query)
    return {"before": _written(views, view, False, most, query) if view.active else after, "after": after}


def _written(views: Views, view: View, edited: bool, most: int, query: Query) -> str | None:
    with views.working(view, edited, query.asker) as (trace, session):
        key = f"written on {most}"
        if not has_likeliest(trace.rows("probabilities", -1)[0]):
            return None
        if key not in session.kept:
            session.kept[key] = _text(views, trace, most, query)
        return str(session.kept[key])


def _text(views: Views, trace: Trace, most: int, query: Query) -> str:
    """The new tokens as text; whoever asked may hang up in between."""
    new, tokenizer = [], views.model.tokenizer
    for token_id in views.model.new_ids(trace, most, Sampling(0.0)):
        query.asker.check()
        new.append(int(token_id))
    return tokenizer.decode(new) if tokenizer else " ".join(map(str, new))

"""Steering in the lab: the edit that pushes along a feature, which edits do so, and how hard one has to push."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from workings.checkpoints.sparse_autoencoder import Feature
from workings.display.words import number as written
from workings.display.words import percent, spoken
from workings.errors import NotReached
from workings.lab.asked import Query
from workings.lab.features import Features, reach
from workings.lab.views import View
from workings.surgery.edit_list import EditList, SavedEdit
from workings.surgery.steering import smallest_strength

Json = dict[str, Any]
Array = np.ndarray

SAME = 1e-6
"""How far an amount may lie from a multiple of a feature's vector, beside its own length, and still be taken for one."""
MOST_KNOWN = 1000


class Steering:
    """Pushing the model along the features of a lab."""

    def __init__(self, features: Features) -> None:
        self.features, self.views = features, features.views
        self._known: dict[bytes, Json | None] = {}

    def edit(self, query: Query) -> Json:
        """The edit that steers: what `trace.steer` does, with a feature, a strength and positions. 0 gives null: nothing to do."""
        view, feature = self.views.view(query.text("view")), self.features.asked(query)
        strength, positions = query.signed("strength"), query.positions("positions", len(view.ids))
        if strength == 0:
            return {"edit": None}
        with self.views.working(view, False, query.asker) as (trace, _):
            steered = trace.steer(feature, strength, positions=positions)
        (edit,) = EditList.of(steered).edits
        return {"edit": edit.to_dict()}

    def steers(self, edit: SavedEdit) -> Json | None:
        """What an edit steers along, if it adds a multiple of a feature's vector to the table that the feature is of."""
        if not self.features.document or edit.kind != "add" or edit.table != self.features.sae.config.table:
            return None
        if edit.digest not in self._known:
            if len(self._known) > MOST_KNOWN:
                self._known.clear()
            self._known[edit.digest] = self._recognised(edit)
        return self._known[edit.digest]

    def smallest(self, query: Query) -> Json:
        """The smallest strength that changes the next word, in a sentence; without what this feature is steered by now."""
        view, feature = self.views.view(query.text("view")), self.features.asked(query)
        positions = query.positions("positions", len(view.ids))
        most = query.signed("most", self.features.search_limit(feature.number))
        with self.views.working(self._without(view, feature), asker=query.asker) as (trace, _):
            trace.rows("probabilities", -1)
            fork = trace.fork()
        try:
            flip = smallest_strength(fork, feature, None, None, positions, most, progress=lambda _: query.asker.check())
        except NotReached as error:
            return {"strength": None, "sentence": _capital(f"{error}."), "reach": None}
        (was, _), (now, share) = flip.before, flip.after
        how = f"The smallest strength that changes the next word is {written(flip.strength)}"
        sentence = f"{how}: then {spoken(now)} ({percent(share)}) comes first instead of {spoken(was)}."
        return {"strength": flip.strength, "sentence": sentence, "reach": reach(2 * flip.strength)}

    # Small things -------------------------------------------------------------------------------------------------

    def _without(self, view: View, feature: Feature) -> View:
        """The view without the edits that steer along a feature."""
        kept = [e for e in view.given.edits if (self.steers(e) or {}).get("feature") != feature.number]
        return self.views.open(replace(view.given, edits=tuple(kept)))

    def _recognised(self, edit: SavedEdit) -> Json | None:
        sae = self.features.sae
        n_axes = len(self.views.model.graph.named[edit.table].axes)
        index = (*edit.index, *(":" for _ in range(n_axes - len(edit.index))))
        *heads, positions, columns = index
        if len(index) != n_axes or not isinstance(edit.amount, tuple) or {*heads, columns} != {":"}:
            return None
        amount = np.asarray(edit.amount, np.float64)
        rows = amount[:, 0] if heads and amount.ndim == 3 and amount.shape[1] == 1 else amount  # [d] or [head, d_head]
        if rows.ndim != n_axes - 1 or rows.size != sae.config.d_in or not rows.any():
            return None
        amount = rows.reshape(-1)  # [d_in]
        number = int(np.abs((sae.weights["W_dec"] @ amount.astype(np.float32)) / self._lengths).argmax())
        vector = sae.weights["W_dec"][number].astype(np.float64)
        strength = float(amount @ vector / (vector @ vector))
        if np.linalg.norm(amount - strength * vector) > SAME * np.linalg.norm(amount):
            return None
        strength = float(f"{strength:.12g}")  # what the product of two roundings leaves is nobody's
        return {"feature": number, "label": sae.labels.get(number), "strength": strength, "positions": positions}

    @cached_property
    def _lengths(self) -> Array:
        """How long the vectors of all features are [d_sae]."""
        rows = self.features.sae.weights["W_dec"]
        return np.maximum(np.sqrt(np.einsum("fd,fd->f", rows, rows)), 1e-30)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]

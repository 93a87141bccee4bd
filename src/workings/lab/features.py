"""The features of a sparse autoencoder: all of them to search, the card of one, and which fire where in a view."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

import numpy as np

from workings.anatomy.feature_cards import FeatureCard, Shown, feature_card, saved_cards
from workings.anatomy.features import feature_examples
from workings.checkpoints.model import Model
from workings.checkpoints.sparse_autoencoder import Feature, SparseAutoencoder
from workings.checkpoints.splicing import open_bundled_sae
from workings.display.words import visible
from workings.lab.asked import Query
from workings.lab.refusals import NotThere
from workings.lab.views import Views

Json = dict[str, Any]

USUAL_FOUND, MOST_FOUND = 60, 1000
USUAL_FIRING, MOST_FIRING = 12, 100
REACH = 3.0
"""How hard one can push at first, beside how strongly the feature fires at most by itself."""
SEARCHED = 4.0
"""How far the smallest strength is looked for, beside the same."""


def sae_of(model: Model, given: SparseAutoencoder | None) -> SparseAutoencoder | None:
    """The autoencoder that a lab shows: the one given, else the one that comes with the model, if one does."""
    return given or next(iter(open_bundled_sae(model.name)), None)


class Features:
    """Answers about the features of one sparse autoencoder; `sae` is None where the lab has none."""

    def __init__(self, model: Model, views: Views, sae: SparseAutoencoder | None) -> None:
        self.model, self.views, self._sae = model, views, sae

    @property
    def sae(self) -> SparseAutoencoder:
        """The autoencoder. Raises `NotThere` in a lab without one."""
        if self._sae is None:
            raise NotThere(
                f"no sparse autoencoder comes with {self.model.name}, so there are no features to look at; "
                "`workings lab --sae FOLDER` opens one"
            )
        return self._sae

    @property
    def acts(self) -> str:
        """The table of how strongly each feature fires, [pos, d_sae]."""
        return f"{self.sae.config.table}.sae.acts"

    @cached_property
    def document(self) -> Json | None:
        """What the page needs to know before it shows features; None where there are none."""
        if self._sae is None:
            return None
        config, labels = self.sae.config, self.sae.labels
        return {"table": config.table, "acts": self.acts, "count": config.d_sae, "labelled": len(labels)}

    def asked(self, query: Query) -> Feature:
        """The feature that a request names, by number or label."""
        return self.sae.feature(query.text("feature", 200))

    def find(self, query: Query) -> Json:
        """Features by number, label and words in their examples; best first, and those often met before others."""
        text = (query.text("text", 200) if "text" in query.given else "").strip().casefold()
        first, most = query.whole("from", 0), query.whole("most", USUAL_FOUND, 1, MOST_FOUND)
        scored = [(_likeness(text, number, *words), number) for number, words in enumerate(self._words)]
        found = sorted((-score, number) for score, number in scored if score)
        return {"count": len(found), "found": [self._entry(number) for _, number in found[first : first + most]]}

    def card(self, query: Query) -> Json:
        """All that is kept of one feature; of one without a card what follows from the weights, and the view's prompt."""
        feature = self.asked(query)
        card, kept = self._cards.get(feature.number), True
        if card is None:
            ids = self.views.view(query.text("view")).ids
            card, kept = feature_card(feature_examples(self.model, self.sae, [list(ids)], 1), feature.number), False
        return {
            "number": card.number,
            "label": feature.label,
            "density": card.density if kept else None,
            "largest": card.largest if kept else None,
            "examples": [_shown(example) for example in card.examples] if kept else [],
            "promotes": _pairs(card.promotes),
            "suppresses": _pairs(card.suppresses),
            "reach": reach(REACH * (card.largest or 1.0)),
        }

    def firing(self, query: Query) -> Json:
        """The features that fire at each position, strongest first, and how many; None where an edit left no numbers."""
        view, most = self.views.view(query.text("view")), query.whole("most", USUAL_FIRING, 1, MOST_FIRING)
        first, stop = query.span("positions", len(view.ids))
        with self.views.working(view, asker=query.asker) as (trace, _):
            acts = trace.rows(self.acts, first, stop)  # [pos, d_sae]
        known, acts = np.isfinite(acts).all(axis=1), np.nan_to_num(acts)
        order = np.argsort(-acts, axis=1, kind="stable")[:, :most]
        labels = self.sae.labels
        rows = [
            [{"feature": int(n), "label": labels.get(int(n)), "strength": float(row[n])} for n in best if row[n] > 0]
            for row, best in zip(acts, order, strict=True)
        ]
        fire = [int(many) if told else None for many, told in zip((acts > 0).sum(axis=1), known, strict=True)]
        return {"first": first, "positions": rows, "fire": fire}

    def strengths(self, query: Query) -> Json:
        """How strongly one feature fires at every position, and the share of its largest that this is."""
        number = self.asked(query).number
        with self.views.working(self.views.view(query.text("view")), asker=query.asker) as (trace, _):
            acts = trace[self.acts][:, number].astype(np.float64)
        card = self._cards.get(number)
        largest = max(float(np.nanmax(acts)), card.largest if card else 0.0) or 1.0
        return {"strengths": acts, "shares": np.clip(acts / largest, 0.0, 1.0)}

    def search_limit(self, number: int) -> float:
        """How far the smallest strength of a feature is looked for."""
        card = self._cards.get(number)
        return max(64.0, SEARCHED * card.largest) if card else 64.0

    # What is kept ---------------------------------------------------------------------------------------------------

    @cached_property
    def _cards(self) -> dict[int, FeatureCard]:
        return saved_cards(self.sae.evidence)

    @cached_property
    def _words(self) -> list[tuple[str, str]]:
        """For every feature its label and the texts of its examples, as they are searched."""
        labels = self.sae.labels
        return [(labels.get(n, "").casefold(), self._examples(n).casefold()) for n in range(self.sae.config.d_sae)]

    def _examples(self, number: int) -> str:
        card = self._cards.get(number)
        return " | ".join("".join(example.tokens) for example in card.examples) if card else ""

    def _entry(self, number: int) -> Json:
        card = self._cards.get(number)
        return {"feature": number, "label": self.sae.labels.get(number), "density": card.density if card else None}


def reach(strength: float) -> Json:
    """How far a slider goes to both sides, and its steps: numbers that a person would choose."""
    size = max(abs(strength), 1e-6)
    unit = 10.0 ** math.floor(math.log10(size))
    most = unit * math.ceil(size / unit * 2) / 2
    return {"most": round(most, 9), "step": round(unit / 100 if size / unit < 5 else unit / 10, 9)}


def _likeness(text: str, number: int, label: str, examples: str) -> int:
    """How well a feature fits what was typed; 0 for not at all."""
    if not text:
        return 2 if label else 1
    if text == label or text == str(number):
        return 5
    if label.startswith(text):
        return 4
    if text in label:
        return 3
    return 1 if text in examples else 0


def _shown(example: Shown) -> Json:
    peak = max(example.acts, default=0.0) or 1.0
    return {
        "tokens": list(example.tokens),
        "shares": [max(act, 0.0) / peak for act in example.acts],
        "strongest": example.strongest,
        "peak": example.peak,
    }


def _pairs(given: tuple[tuple[str, float], ...]) -> list[Json]:
    largest = max((abs(weight) for _, weight in given), default=0.0) or 1.0
    return [{"readable": visible(token), "weight": weight, "share": abs(weight) / largest} for token, weight in given]

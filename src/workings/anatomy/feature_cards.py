"""What there is to say of one feature, on a card: where it fires, how often, what it speaks for and against."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from workings.anatomy.features import Example, FeatureExamples, logit_weights
from workings.display import parts
from workings.display.words import number as written
from workings.display.words import percent, visible
from workings.errors import InputError

N_EXAMPLES, N_TOKENS = 5, 6
BEFORE, AFTER = 12, 3
"""Tokens of an example that are shown before and after the strongest."""


@dataclass(frozen=True)
class Shown:
    """Part of an example: its tokens, how strongly the feature fires at each, and which token came next in the text."""

    tokens: tuple[str, ...]
    acts: tuple[float, ...]
    strongest: int
    """Where in `tokens` it fires most."""

    @property
    def peak(self) -> float:
        """How strongly it fires there."""
        return self.acts[self.strongest]


@dataclass(frozen=True)
class FeatureCard:
    """One feature: examples, strongest first, and the tokens that it promotes and suppresses, by `logit_weights`."""

    number: int
    label: str | None
    density: float
    """The share of tokens for which it fires."""
    largest: float
    """How strongly it fires at most."""
    examples: tuple[Shown, ...]
    promotes: tuple[tuple[str, float], ...]
    suppresses: tuple[tuple[str, float], ...]

    @property
    def title(self) -> str:
        """What it is called."""
        return f"feature {self.number}" + (f": {self.label}" if self.label else "")

    def to_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON: numbers to three digits behind the point."""
        return {
            "number": self.number,
            "label": self.label,
            "density": round(self.density, 6),
            "largest": round(self.largest, 3),
            "examples": [
                {"tokens": list(e.tokens), "acts": [round(a, 3) for a in e.acts], "strongest": e.strongest}
                for e in self.examples
            ],
            "promotes": [[token, round(weight, 3)] for token, weight in self.promotes],
            "suppresses": [[token, round(weight, 3)] for token, weight in self.suppresses],
        }

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> FeatureCard:
        """A card that was saved. Raises `InputError` where something is missing or of another kind."""
        try:
            return cls(
                number=int(given["number"]),
                label=given["label"],
                density=float(given["density"]),
                largest=float(given["largest"]),
                examples=tuple(
                    Shown(tuple(map(str, e["tokens"])), tuple(map(float, e["acts"])), int(e["strongest"]))
                    for e in given["examples"]
                ),
                promotes=_pairs(given["promotes"]),
                suppresses=_pairs(given["suppresses"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"this is no card of a feature ({error!r}); look at the features again to make it"
            ) from None

    def _repr_html_(self) -> str:
        return parts.fragment(
            *(_drawn(shown, self.largest) for shown in self.examples),
            parts.heading("Tokens that it promotes, by the direct way"),
            parts.signed_bars([visible(token) for token, _ in self.promotes], [weight for _, weight in self.promotes]),
            parts.heading("Tokens that it suppresses"),
            parts.signed_bars(
                [visible(token) for token, _ in self.suppresses], [weight for _, weight in self.suppresses]
            ),
            title=self.title,
            said=f"It fires for {percent(self.density)} of tokens, at most with {written(self.largest)}. "
            "The stronger the shade, the more strongly it fires there.",
        )


def feature_card(found: FeatureExamples, which: int | str) -> FeatureCard:
    """The card of one feature, by its number or its label. Raises as `SparseAutoencoder.feature` does."""
    number = found.sae.feature(which).number
    return _card(found, number, found.of(number)[:N_EXAMPLES])


def feature_cards(found: FeatureExamples) -> list[FeatureCard]:
    """The cards of all features, by number."""
    return [_card(found, number, examples[:N_EXAMPLES]) for number, examples in found.all().items()]


def saved_cards(evidence: Mapping[int, Any]) -> dict[int, FeatureCard]:
    """The cards that an autoencoder keeps with it (`sae.evidence`), by number."""
    return {number: FeatureCard.from_dict(given) for number, given in evidence.items()}


def _card(found: FeatureExamples, number: int, examples: Sequence[Example]) -> FeatureCard:
    sae, spell = found.sae, _speller(found)
    try:
        weights = logit_weights(found.model, sae, number)
    except InputError:  # not a direction of the residual stream: it speaks for tokens through later parts alone
        weights = np.zeros(0)
    order = np.argsort(-weights, kind="stable")
    return FeatureCard(
        number=number,
        label=sae.labels.get(number),
        density=float(found.density[number]),
        largest=float(found.largest[number]),
        examples=tuple(_shown(example.window(BEFORE, AFTER), spell) for example in examples),
        promotes=tuple((spell(int(i)), float(weights[i])) for i in order[:N_TOKENS]),
        suppresses=tuple((spell(int(i)), float(weights[i])) for i in order[::-1][:N_TOKENS]),
    )


def _speller(found: FeatureExamples) -> Any:
    tokenizer = found.model.tokenizer
    return (lambda i: tokenizer.token_strings([i])[0]) if tokenizer else str


def _shown(example: Example, spell: Any) -> Shown:
    return Shown(tuple(spell(i) for i in example.ids), tuple(map(float, example.acts)), example.position)


def _pairs(given: Iterable[Any]) -> tuple[tuple[str, float], ...]:
    return tuple((str(token), float(weight)) for token, weight in given)


def _drawn(shown: Shown, largest: float) -> str:
    return parts.shaded_text(shown.tokens, [act / (largest or 1.0) for act in shown.acts])

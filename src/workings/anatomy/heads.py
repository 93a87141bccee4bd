"""Heads found by what they do: a score each for looking at the token before, at the same token, for induction, at the first.

Measured on random tokens that come twice, so that nothing but the repetition can be gone by. Source: Olsson et al. 2022,
In-context Learning and Induction Heads, "prefix matching"; Elhage et al. 2021 for the kinds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from workings.checkpoints.model import Model
from workings.display import parts
from workings.display.words import whole_percent
from workings.engine.checks import is_whole, whole
from workings.errors import InputError, OutsideTable

if TYPE_CHECKING:
    from workings.display.plots import Picture

Array = np.ndarray

PLACES = {
    "previous token": "to the token before",
    "same token": "to where the same token stood before",
    "induction": "to what came after the same token before",
    "first token": "to the very first token",
}
"""The places themselves, in words."""

KINDS = {kind: f"looks {place.replace('to ', 'at ', 1)}" for kind, place in PLACES.items()}
"""What a head may do, in words."""

MEANINGS = {
    "previous token": "It makes what stands just before a token known at the token. It may do so on every text, or on "
    "such prompts only, and it may do other things besides.",
    "same token": "It finds where a token stood before. Looking there is not yet remembering: what it takes from there "
    "shows in its values.",
    "induction": "It finds what followed a token the last time, the first step of saying it again. That the model does "
    "say it again is for attribution or knocking out to show.",
    "first token": "Often where a head rests that has nothing to do: a high score says where it looks and not that it "
    "finds anything there.",
}
"""What a high score of each kind means, and what it does not."""

MOSTLY = 0.5
"""A head is called by its kind where it gives so much of its attention to it, or more."""


@dataclass(frozen=True)
class HeadScores:
    """How much of its attention every head gives to each kind of place, on average: `scores[kind]` [block, head], 0 to 1.

    Measured on `n_prompts` prompts of `length` random tokens that come twice, at the tokens of the second time.
    `model` is the model's name.
    """

    scores: dict[str, Array] = field(repr=False)
    length: int
    n_prompts: int
    model: str = ""

    def best(self, kind: str, k: int = 5) -> list[tuple[int, int, float]]:
        """The `k` heads with the highest score of a kind, as (block, head, score). Raises `InputError`."""
        if kind not in tuple(self.scores):
            raise InputError(f"a kind of head is one of {', '.join(KINDS)}; {kind!r} came")
        table = self.scores[kind]
        order = np.argsort(-table, axis=None, kind="stable")[: whole("k", k, 0)]
        return [
            (int(b), int(h), float(table[b, h])) for b, h in zip(*np.unravel_index(order, table.shape), strict=True)
        ]

    def kind_of(self, block: int, head: int) -> str | None:
        """The kind to which a head gives half of its attention or more; None where there is none. Raises `OutsideTable`."""
        self._check(block, head)
        return next((kind for kind, table in self.scores.items() if table[block, head] >= MOSTLY), None)

    def sentence(self, block: int, head: int) -> str:
        """What a head was seen to do, in words: the share that it gives to each kind of place. Raises `OutsideTable`."""
        self._check(block, head)
        given = ", ".join(
            f"{whole_percent(float(table[block, head]))} {PLACES[kind]}" for kind, table in self.scores.items()
        )
        kind = self.kind_of(block, head)
        return f"On random tokens that come twice it gives {given}: {f'a head of the kind “{kind}”' if kind else 'none of these is its habit'}."

    def _check(self, block: int, head: int) -> None:
        for what, number, count in zip(("block", "head"), (block, head), self.scores["induction"].shape, strict=True):
            if not is_whole(number) or not 0 <= number < count:
                raise OutsideTable(f"there is no {what} {number!r:.80}: the model has the {what}s 0 to {count - 1}")

    def measured(self) -> str:
        """One sentence on what was measured."""
        return (
            f"The mean share of attention, on {self.n_prompts} prompts of {self.length} random tokens that come twice, "
            "at the second time. It says where a head looks on such prompts, not what it does on text."
        )

    def _repr_html_(self) -> str:
        return parts.fragment(
            *(
                parts.heading(f"{kind}: {KINDS[kind]}")
                + parts.paragraph(MEANINGS[kind])
                + parts.heat_map(table, *_labels(table), largest=1.0, write=whole_percent, whole="`.scores`")
                for kind, table in self.scores.items()
            ),
            title=f"What the heads of {self.model} do",
            said=self.measured(),
        )

    def plot(self) -> Picture:
        """The four maps as a matplotlib figure. Raises `MissingExtra` without matplotlib."""
        from workings.display.plots import maps_plot

        tables = list(self.scores.values())
        titles, named = list(self.scores), ("block", "head")
        rows, columns = ([str(place) for place in range(size)] for size in tables[0].shape)
        return maps_plot(
            tables, titles, rows, columns, f"What the heads of {self.model} do", named, "share of attention"
        )


def _labels(table: Array) -> tuple[list[str], list[str]]:
    return [f"block {place}" for place in range(table.shape[0])], [f"head {place}" for place in range(table.shape[1])]


def head_scores(model: Model, length: int | None = None, n_prompts: int = 4, seed: int = 0) -> HeadScores:
    """Score every head of a model by what it does on random tokens that come twice.

    `length` tokens (25, or fewer in a model that reads fewer than 50) are drawn without repetition and stand twice in
    every prompt. A score is the mean share of attention that goes to the place in question, over the second time but
    for its first token, so that no two of the four places are the same.

    What it means: where a head looks on such prompts. What it does not mean: that the head does the same on
    text, or that what it finds there is used; attribution and knocking out show that.

    Source: Olsson et al. 2022, In-context Learning and Induction Heads, "prefix matching".

    Raises `InputError` for a length that the model or its vocabulary has no room for.
    """
    n_ctx, d_vocab = model.config.n_ctx, model.config.d_vocab
    longest = min(n_ctx // 2, d_vocab)
    if longest < 3:
        raise InputError(
            f"heads are scored on at least 3 tokens that come twice; {model.name} reads prompts of up to {n_ctx} tokens "
            f"and knows {d_vocab}"
        )
    length = min(25, longest) if length is None else whole("length, of the tokens that come twice,", length, 3, longest)
    n_prompts, random = whole("n_prompts", n_prompts, 1), np.random.default_rng(whole("seed", seed, 0))
    scores = {kind: np.zeros((model.config.n_layers, model.config.n_heads)) for kind in KINDS}
    for _ in range(n_prompts):
        once = random.choice(d_vocab, length, replace=False)
        trace = model.trace(np.concatenate([once, once]))
        for block in range(model.config.n_layers):
            pattern = trace[f"blocks.{block}.attn.pattern"]  # [head, query pos, key pos]
            for kind, shares in _shares(pattern, length).items():
                scores[kind][block] += shares / n_prompts
    return HeadScores(scores, length, n_prompts, model.name)


def _shares(pattern: Array, length: int) -> dict[str, Array]:
    """The mean share of attention to each kind of place [head]; queries are the second time but for its first token."""
    queries = np.arange(length + 1, 2 * length)  # from here on no two of the four places are the same
    places = {
        "previous token": queries - 1,
        "same token": queries - length,
        "induction": queries - length + 1,
        "first token": np.zeros_like(queries),
    }
    return {kind: pattern[:, queries, keys].mean(axis=-1) for kind, keys in places.items()}

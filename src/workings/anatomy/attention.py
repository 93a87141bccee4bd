"""Attention maps: the shares of attention of one block's heads, as arrays, as pictures and as sentences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workings.anatomy.heads import HeadScores
from workings.anatomy.looks import Look, checked, looks, n_blocks, pattern_name
from workings.display import parts
from workings.display.words import visible, whole_percent
from workings.engine.trace import Trace

if TYPE_CHECKING:
    from workings.display.plots import Picture

Array = np.ndarray

LARGEST_WITH_NUMBERS = 24
"""The map of one head has its numbers in it for prompts of up to so many tokens."""
SENTENCES_SHOWN = 5


@dataclass(frozen=True, eq=False, repr=False)
class AttentionMaps:
    """The shares of attention of one block: `pattern` [head, query pos, key pos], of the heads that `heads` names.

    The array is a view of the trace's table `blocks.{block}.attn.pattern`, read-only; each row adds up to 1.
    """

    trace: Trace
    block: int
    heads: tuple[int, ...]
    pattern: Array

    def __repr__(self) -> str:
        return f"<attention of block {self.block}, {self._which()}, {len(self.trace)} tokens>"

    def looks(self, k: int | None = 10, scores: HeadScores | None = None) -> list[Look]:
        """The `k` strongest looks, strongest first, that are not at the token itself or the first one; see `looks`."""
        head = self.heads[0] if len(self.heads) == 1 else None
        return looks(self.trace, k, self.block, head, scores=scores)

    def sentences(self, k: int | None = 10, scores: HeadScores | None = None) -> list[str]:
        """The same as sentences: `block 1, head 2: " She" looks at " Anna" (83%), " is" (6%)`."""
        return [str(look) for look in self.looks(k, scores)]

    def _which(self) -> str:
        return f"head {self.heads[0]}" if len(self.heads) == 1 else parts.count(len(self.heads), "head")

    def _repr_html_(self) -> str:
        tokens = [visible(token) for token in self.trace.tokens]
        places = [f"{place}  {token}" for place, token in enumerate(tokens)]
        if len(self.heads) == 1 and len(tokens) <= LARGEST_WITH_NUMBERS:
            words = [[_written(share) for share in row] for row in self.pattern[0]]
            drawn = parts.word_table(words, self.pattern[0], places, tokens, "looks")
        else:
            captions = [f"head {head}" for head in self.heads]
            drawn = parts.small_maps(list(self.pattern), captions, places, places, "`.pattern`")
        return parts.fragment(
            drawn,
            parts.heading("The strongest looks (those at the token itself, and at the first one, are left out)"),
            parts.lines(self.sentences(SENTENCES_SHOWN)),
            title=f"Who looks at whom: block {self.block}, {self._which()}",
            said="Rows are tokens that look, columns tokens that are looked at; the stronger the shade, the larger the share.",
        )

    def plot(self) -> Picture:
        """The maps as a matplotlib figure. Raises `MissingExtra` without matplotlib."""
        from workings.display.plots import heat_plot, maps_plot

        tokens = [visible(token) for token in self.trace.tokens]
        title, named = f"block {self.block}, {self._which()}", ("looks", "is looked at")
        if len(self.heads) == 1:
            return heat_plot(self.pattern[0], tokens, tokens, title, largest=1.0, named=named, scale="share")
        captions = [f"head {head}" for head in self.heads]
        return maps_plot(list(self.pattern), captions, tokens, tokens, title, named, "share of attention")


def attention(trace: Trace, block: int, head: int | None = None) -> AttentionMaps:
    """The attention maps of a block's heads, or of one of them.

    What it means: how much each token takes from every token up to it, by head. What it does not mean: what is taken
    (the values say that), or that it matters for the prediction (attribution and knocking out say that).

    Raises `OutsideTable` for a block or a head that there is none of.
    """
    block = checked("block", block, n_blocks(trace))
    pattern = trace[pattern_name(block)]  # [head, query pos, key pos]
    if head is None:
        return AttentionMaps(trace, block, tuple(range(len(pattern))), pattern)
    head = checked("head", head, len(pattern))
    return AttentionMaps(trace, block, (head,), pattern[head : head + 1])


def _written(share: float) -> str:
    return "" if share == 0 else "·" if share < 0.005 else whole_percent(share)


__all__ = ["AttentionMaps", "attention"]

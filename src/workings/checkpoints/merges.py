"""Byte-pair merging step by step: what a word starts as, what was joined when, and what it became.

Source: Sennrich et al. 2016, section 3.2; on bytes, Radford et al. 2019, section 2.2.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from workings.display.words import visible


@dataclass(frozen=True)
class Piece:
    """One token: its number in the vocabulary, and its text as `Tokenizer.token_strings` writes it."""

    id: int
    text: str


@dataclass(frozen=True)
class Merge:
    """One step of byte-pair merging: two neighbouring pieces become one.

    `rank` is the pair's place in the merges list, counted from 0: of two pairs the lower is joined first.
    `at` is the place of `left` among the pieces before the step. `pieces` are the word's pieces after it.
    """

    left: Piece
    right: Piece
    joined: Piece
    rank: int
    at: int
    pieces: tuple[Piece, ...]


@dataclass(frozen=True)
class WordMerges:
    """How one word became tokens: the pieces it starts as, then merge by merge.

    `kind` is "merged" for an ordinary word, which starts as one piece for every byte; "added" for a token
    that stands outside the merging, as special tokens do; and "whole" for a word that the tokenizer knows
    and therefore does not merge (`ignore_merges`). The last two are one piece and have no merges.
    """

    text: str
    kind: Literal["merged", "added", "whole"]
    start: tuple[Piece, ...]
    merges: tuple[Merge, ...]

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """The tokens that the word ends as."""
        return self.merges[-1].pieces if self.merges else self.start

    @property
    def ids(self) -> list[int]:
        """The numbers of those tokens."""
        return [piece.id for piece in self.pieces]

    def __str__(self) -> str:
        lines = [_became(self.text, self.pieces)]
        if self.kind == "added":
            lines.append("    an added token: always one piece, never merged")
        elif self.kind == "whole":
            lines.append("    in the vocabulary as it is, so this tokenizer does not merge it")
        elif self.merges:
            joins = [f"{visible(merge.left.text)} + {visible(merge.right.text)}" for merge in self.merges]
            rank_width = len(str(max(merge.rank for merge in self.merges)))
            join_width = max(map(len, joins))
            lines.append(f"    {'start':{rank_width + join_width + 7}}  {_side_by_side(self.start)}")
            lines += [
                f"    rank {merge.rank:{rank_width}}  {join:{join_width}}  {_side_by_side(merge.pieces)}"
                for merge, join in zip(self.merges, joins, strict=True)
            ]
        return "\n".join(lines)


@dataclass(frozen=True)
class Merges:
    """How a text became tokens, word by word; `str()` gives a picture for the terminal.

    A word here is a stretch of text that the tokenizer merges by itself, such as " quick" or "!?".
    """

    text: str
    words: tuple[WordMerges, ...]

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """The tokens of the whole text."""
        return tuple(piece for word in self.words for piece in word.pieces)

    @property
    def ids(self) -> list[int]:
        """The numbers of those tokens: what `Tokenizer.encode` gives."""
        return [piece.id for piece in self.pieces]

    def __str__(self) -> str:
        words = [str(word) for word in self.words]
        return "\n\n".join(words if len(words) == 1 else [_became(self.text, self.pieces), *words])


def merge_steps(symbols: list[str], ranks: Mapping[tuple[str, ...], int]) -> Iterator[tuple[int, int, str]]:
    """Join the pair that stands highest in the merges list, the leftmost first, until no pair is in the list.

    Gives, for every step, the pair's rank, its place and what it became. (Algorithm 1 of Sennrich et al. 2016
    joins all equal pairs at once; for merges that were learnt from text that comes to the same.)
    """
    while found := [(ranks[pair], at) for at, pair in enumerate(pairwise(symbols)) if pair in ranks]:
        rank, at = min(found)
        joined = symbols[at] + symbols[at + 1]
        symbols = [*symbols[:at], joined, *symbols[at + 2 :]]
        yield rank, at, joined


def _side_by_side(pieces: Iterable[Piece]) -> str:
    texts = [visible(piece.text) for piece in pieces]
    return ("¦" if any("|" in text for text in texts) else "|").join(texts)


def _became(text: str, pieces: Sequence[Piece]) -> str:
    ids = ", ".join(str(piece.id) for piece in pieces) or "none"
    return f"{visible(text)} -> {_side_by_side(pieces)}   {'id' if len(pieces) == 1 else 'ids'} {ids}"

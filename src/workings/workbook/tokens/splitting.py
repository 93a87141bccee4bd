"""The numbers of the Tokens page, in plain Python, in the same steps as its formulas.

The splitting rule is GPT-2's: 's|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+
(Radford et al. 2019; `encoder.py` of their code).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from workings.workbook.tokens.sorts import sort_of
from workings.workbook.tokens.vocabulary import NO_TOKEN, Vocabulary

SHORT_ENDINGS = ("s", "t", "m", "d")
LONG_ENDINGS = ("re", "ve", "ll")
"""What makes a word of its own after an apostrophe."""


@dataclass(frozen=True)
class Characters:
    """The characters that there is room for, and where words end. Places count from 1, as in a sheet."""

    codes: list[int]
    sorts: list[str]
    runs: list[int]  # how many characters of one sort stand here, this one and those after it
    lengths: list[int]  # how long a word would be if it began here
    nexts: list[int]  # where the next word begins
    sizes: list[int]  # UTF-8 bytes
    firsts: list[int]  # the cell of its first byte, one cell being left empty between words

    @property
    def needed(self) -> int:
        """How many cells all bytes need."""
        return self.firsts[-1] + self.sizes[-1] - 1 if self.codes else 0


@dataclass(frozen=True)
class Byte:
    """One cell of the bytes: the character's place, which of its bytes, and the byte. All empty between words."""

    character: int
    place: int | None = None
    byte: int | None = None
    token: int | None = None


@dataclass(frozen=True)
class Step:
    """The pieces before a merge, None between words, with every neighbours' rank, and the merge that follows."""

    pieces: list[int | None]
    ranks: list[int | None]
    lowest: int | None = None
    at: int | None = None  # place of the left piece, counted from 1
    joined: int | None = None


@dataclass(frozen=True)
class Working:
    """Everything on the Tokens page that follows from the prompt."""

    text: str
    characters: Characters
    bytes: list[Byte]
    message: str
    steps: list[Step] = field(default_factory=list)

    @property
    def found(self) -> list[int]:
        """The tokens, however many."""
        return [piece for piece in self.steps[-1].pieces if piece is not None] if self.steps else []


def split_into_characters(text: str) -> Characters:
    """Say of every character what it is, how many bytes it takes, and which word it belongs to."""
    codes = list(map(ord, text))
    sorts = list(map(sort_of, codes))
    runs: list[int] = []
    for place in reversed(range(len(text))):
        alike = place + 1 < len(text) and sorts[place] == sorts[place + 1]
        runs.insert(0, runs[0] + 1 if alike else 1)
    lengths = [_word_length(text, place, sorts, runs) for place in range(len(text))]
    sizes = [1 + (code > 0x7F) + (code > 0x7FF) + (code > 0xFFFF) for code in codes]
    nexts, firsts = [], []
    begin = cell = 1
    for place, (length, size) in enumerate(zip(lengths, sizes, strict=True), 1):
        cell += place == begin and place > 1
        begin += length if place == begin else 0
        nexts.append(begin)
        firsts.append(cell)
        cell += size
    return Characters(codes, sorts, runs, lengths, nexts, sizes, firsts)


def _word_length(text: str, place: int, sorts: list[str], runs: list[int]) -> int:
    if text[place] == "'" and text[place + 1 : place + 2] in SHORT_ENDINGS:
        return 2
    if text[place] == "'" and text[place + 1 : place + 3] in LONG_ENDINGS:
        return 3
    run = runs[place]
    if sorts[place] != "space":
        return run
    if place + run == len(text):
        return run
    if run > 1:
        return run - 1
    return 1 + runs[place + 1] if text[place] == " " else 1


def bytes_of(characters: Characters, vocabulary: Vocabulary, room: int) -> list[Byte]:
    """The UTF-8 bytes, cell by cell, as far as there is room."""
    cells: list[Byte] = []
    for character, (code, first) in enumerate(zip(characters.codes, characters.firsts, strict=True), 1):
        if len(cells) < first - 1:
            cells.append(Byte(character - 1))
        for place, byte in enumerate(chr(code).encode(errors="surrogatepass")):
            cells.append(Byte(character, place, byte, vocabulary.bytes[byte]))
    return cells[:room]


def merge(pieces: list[int | None], vocabulary: Vocabulary) -> Iterator[Step]:
    """Join the neighbours that stand first in the list of merges, the leftmost first, until there are none."""
    while True:
        # No pair with None is ever in the list.
        ranks = [vocabulary.ranks.get(pair) for pair in pairwise(pieces)]  # type: ignore[arg-type]
        found = [rank for rank in ranks if rank is not None]
        if not found:
            yield Step(pieces, ranks)
            return
        lowest = min(found)
        at = ranks.index(lowest)
        joined = vocabulary.merges[lowest][2]
        yield Step(pieces, ranks, lowest, at + 1, joined)
        pieces = [*pieces[:at], joined, *pieces[at + 2 :]]


def work_out(text: str, vocabulary: Vocabulary, max_tokens: int, room: int) -> Working:
    """Work out the page for a prompt; `room` is the number of cells for its bytes."""
    characters = split_into_characters(text[:room])
    cells = bytes_of(characters, vocabulary, room)
    message = why_no_tokens(text, characters, cells, vocabulary, room)
    steps = [] if message else list(merge([cell.token for cell in cells], vocabulary))
    working = Working(text, characters, cells, message, steps)
    if len(working.found) > max_tokens:
        return Working(text, characters, cells, too_many(len(working.found), max_tokens), steps)
    return working


EMPTY = "The prompt is empty. Write a few words into it."
NO_TEXT = "The prompt is an error or a truth value, not a text. Put an apostrophe in front of what you write."
UNUSABLE = "cannot be split exactly by a sheet. Leave it out."
NOT_IN_VOCABULARY = "that is not in the vocabulary. Leave it out."


def added_inside(vocabulary: Vocabulary) -> str:
    """Say that a prompt contains a token that stands for itself."""
    return (
        f"The prompt contains a token written as text, such as {vocabulary.added[0]}. This page splits plain text only."
    )


def too_long(room: int) -> str:
    """Say that a prompt has too many bytes."""
    return f"The prompt is too long: there are {room} cells, one for each byte and an empty one between words."


def too_many(found: int | str, max_tokens: int) -> str:
    """Say that a prompt makes too many tokens."""
    return f"The prompt makes {found} tokens, but there is room for {max_tokens}. Shorten it."


def why_no_tokens(text: str, characters: Characters, cells: list[Byte], vocabulary: Vocabulary, room: int) -> str:
    """Say what keeps a prompt from being split, or nothing."""
    if not text:
        return EMPTY
    if any(added in text for added in vocabulary.added):
        return added_inside(vocabulary)
    if "unusable" in characters.sorts:
        return f"Character {characters.sorts.index('unusable') + 1} of the prompt {UNUSABLE}"
    if len(text) > room or characters.needed > room:
        return too_long(room)
    for cell in cells:
        if cell.token == NO_TOKEN:
            return f"Character {cell.character} of the prompt has byte {cell.byte}, {NOT_IN_VOCABULARY}"
    return ""

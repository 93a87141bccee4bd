"""What the formulas look up: bytes, merges, token texts. Read off a tokenizer, if a sheet can do what it does."""

from __future__ import annotations

from dataclasses import dataclass

from workings.checkpoints.tokenizer import Tokenizer
from workings.display.words import visible
from workings.errors import InputError
from workings.workbook.page import MOST_ROWS

NO_TOKEN = -1
"""Stands for the token of a byte that has none."""


@dataclass(frozen=True)
class Vocabulary:
    """A byte-level vocabulary and its merges, as numbers."""

    bytes: list[int]  # byte -> token, or NO_TOKEN
    texts: list[str]  # token -> its text, with spaces to be seen
    merges: list[tuple[int, int, int]]  # left, right, what they become; the one that is joined first stands first
    ranks: dict[tuple[int, int], int]  # left, right -> place in `merges`
    added: list[str]  # texts that are tokens of their own and found before anything else

    @property
    def step(self) -> int:
        """What the left token of a pair is multiplied by, so that every pair of tokens is one number."""
        # Powers of two, for their looks. Spreadsheets keep 15 digits apart, which is enough up to 2 ** 23 tokens.
        return int(max(65536, 1 << (len(self.texts) - 1).bit_length()))

    def pair(self, left: int, right: int) -> int:
        """The number of a pair of tokens."""
        return left * self.step + right


def vocabulary_of(tokenizer: Tokenizer) -> Vocabulary:
    """Read off a tokenizer what a sheet needs to do the same.

    Errors: `InputError` where its way to tokens is not that of GPT-2, which is the one that is written as formulas.
    """
    if reason := _why_not(tokenizer):
        raise InputError(
            f"The workbook's formulas split text as GPT-2 does, but {reason}. "
            "Leave out the tokens page, and let the token ids be typed by hand."
        )
    merges = tokenizer.merge_list
    return Vocabulary(
        bytes=[NO_TOKEN if token is None else token for token in tokenizer.byte_ids],
        texts=list(map(visible, tokenizer.token_strings(range(tokenizer.n_tokens)))),
        merges=merges,
        ranks={(left, right): rank for rank, (left, right, _) in enumerate(merges)},
        added=tokenizer.added_tokens,
    )


def _why_not(tokenizer: Tokenizer) -> str | None:
    from tokenizers import pre_tokenizers

    library = tokenizer.library
    if tokenizer.why_no_merges:
        return tokenizer.why_no_merges
    splitting = library.pre_tokenizer
    if not isinstance(splitting, pre_tokenizers.ByteLevel):
        return f"this tokenizer has another rule for where words end ({type(splitting).__name__})"
    if not splitting.use_regex:
        return "this tokenizer does not cut text into words"
    if splitting.add_prefix_space:
        return "this tokenizer puts a space in front of the text"
    if library.normalizer is not None:
        return f"this tokenizer changes the text first ({type(library.normalizer).__name__})"
    if library.num_special_tokens_to_add(is_pair=False):
        return "this tokenizer adds tokens at the start or the end"
    if library.truncation or library.padding:
        return "this tokenizer cuts texts short or fills them up"
    if library.model.ignore_merges:
        return "this tokenizer looks whole words up before it merges"
    if library.model.unk_token is not None and None in tokenizer.byte_ids:
        return "this tokenizer has a token for what is unknown"
    if max(tokenizer.n_tokens, len(tokenizer.merge_list)) > MOST_ROWS - 100:
        return f"this tokenizer has {tokenizer.n_tokens} tokens, more than a sheet has rows"
    return None

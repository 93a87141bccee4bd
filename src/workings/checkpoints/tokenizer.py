"""Text to token numbers and back, with every byte-pair merge on show.

Encoding is left to the `tokenizers` library; the step-by-step merging is our own, and held against it.
"""

from __future__ import annotations

import operator
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from workings.checkpoints.byte_letters import byte_letters, bytes_of_letters, readable
from workings.checkpoints.files import write_whole
from workings.checkpoints.merges import Merge, Merges, Piece, WordMerges, merge_steps
from workings.checkpoints.tokenizer_files import (
    GPT2_END,
    content_of,
    is_from_the_library,
    pair_of,
    read_settings,
    read_tokenizer_json,
    read_vocab_and_merges,
    recognise_special_tokens,
    vocab_and_merges,
)
from workings.errors import CheckpointError, InputError

if TYPE_CHECKING:
    import tokenizers


@dataclass(frozen=True, eq=False, repr=False)
class Tokenizer:
    """Turns text into token numbers and back, and shows how.

    Made by `Tokenizer.from_folder`, or from a tokenizer of the `tokenizers` library, which must not be
    changed afterwards. `settings` is what `tokenizer_config.json` says.

    GPT-2's kind is byte-level byte-pair encoding: the text's UTF-8 bytes are the first pieces, and again
    and again the neighbouring pair that stands highest in a list of merges is joined (Radford et al. 2019,
    "Language Models are Unsupervised Multitask Learners", section 2.2; merging: Sennrich et al. 2016,
    "Neural Machine Translation of Rare Words with Subword Units", section 3.2). Every other kind that
    `tokenizers` knows encodes and decodes too, but shows no merges.

    Errors: `CheckpointError` for damaged files, `InputError` for text or ids that cannot be used.
    """

    library: tokenizers.Tokenizer
    settings: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_folder(cls, folder: str | os.PathLike[str]) -> Tokenizer | None:
        """Read a folder's tokenizer; None where the folder has none.

        Reads `tokenizer.json`, else `vocab.json` with `merges.txt`, else `encoder.json` with `vocab.bpe` (the
        names that OpenAI gave GPT-2's files); and, for the special tokens, `tokenizer_config.json`,
        `special_tokens_map.json` and `added_tokens.json`.

        Errors: `CheckpointError`, naming the file, when one is damaged or does not fit the others.
        """
        folder = Path(folder)
        if not folder.is_dir():
            raise CheckpointError(f"{folder} is no folder. Give the folder that holds the model's files.")
        if (folder / "tokenizer.json").exists():
            library = read_tokenizer_json(folder / "tokenizer.json")
        elif files := vocab_and_merges(folder):
            library = read_vocab_and_merges(*files)
        else:
            return None
        settings = read_settings(folder)
        recognise_special_tokens(library, settings, folder)
        # A file may ask for text to be cut short or filled up; nothing is ever cut silently here.
        library.no_truncation()
        library.no_padding()
        return cls(library, settings)

    def encode(self, text: str) -> list[int]:
        """Give the numbers of the text's tokens, with the start and end tokens that its files ask for.

        Errors: `InputError` for what is not a `str`, for lone surrogates, and for bytes that have no token.
        """
        return list(self._encoding(text).ids)

    def decode(self, ids: Iterable[int]) -> str:
        r"""Give the text of the tokens, special ones included: the exact inverse of a byte-level `encode`.

        What a tokenizer changes before it encodes (a space put in front, accents composed) stays changed.
        Bytes that are not UTF-8 (the ids may end in the middle of a character) come out as "\ufffd".

        Errors: `InputError` for an id outside the vocabulary.
        """
        ids = _integers(ids)
        for token_id in ids:
            if self._token(token_id) is None:
                raise InputError(
                    f"There is no token {token_id}: the vocabulary has {len(self._vocabulary)} tokens, "
                    f"numbered 0 to {self.n_tokens - 1}."
                )
        if not self._is_byte_level:
            return str(self.library.decode(ids, skip_special_tokens=False))
        return b"".join(map(self._bytes, ids)).decode("utf-8", errors="replace")

    def token_strings(self, ids: Iterable[int]) -> list[str]:
        r"""Give every token as a person reads it: " quick" with its space, "\xf0\x9f" for part of a letter.

        Tokens of different bytes get different strings: a backslash that could be taken for the start of
        such a byte is doubled. An id that has no token is written `<no token 50300>`, since a model may
        have more rows than its tokenizer has tokens.

        Errors: `InputError` for what is not an integer, or negative.
        """
        return [self._string(token_id) for token_id in _integers(ids)]

    def token_id(self, string: str) -> int | None:
        """Give the number of the token that `token_strings` writes exactly so, or None if there is none."""
        return self._ids_by_string.get(string)

    def merges(self, text: str) -> Merges:
        """Show how the text becomes tokens, merge by merge; `.ids` are those of `encode`.

        The space and time for a word grow with the square of its length.

        Errors: `InputError` as in `encode`, and where the tokenizer is not byte-level byte-pair encoding.
        """
        if reason := self.why_no_merges:
            raise InputError(
                f"Merges can be shown only for byte-level byte-pair encoding, but {reason}. "
                "encode() and decode() work all the same."
            )
        encoding = self._encoding(text)
        # Start and end tokens belong to no word; each gets one of its own.
        words = [-place if word is None else word for place, word in enumerate(encoding.word_ids, 1)]
        tokens = zip(words, encoding.ids, encoding.tokens, strict=True)
        grouped = groupby(tokens, key=operator.itemgetter(0))
        return Merges(text, tuple(self._word(word, list(group)) for word, group in grouped))

    @cached_property
    def n_tokens(self) -> int:
        """How many ids there are: one more than the highest."""
        return max(self._vocabulary.values(), default=-1) + 1

    @cached_property
    def byte_ids(self) -> list[int | None]:
        """The token of each of the 256 bytes, or None for a byte that has none, in byte-level byte-pair encoding."""
        return [self.library.model.token_to_id(letter) for _, letter in sorted(byte_letters().items())]

    @cached_property
    def merge_list(self) -> list[tuple[int, int, int]]:
        """Every merge as the ids of left, right and what they become, the one that is joined first standing first."""
        ids = self._vocabulary
        return [(ids[left], ids[right], ids[left + right]) for left, right in self._merges]

    @cached_property
    def added_tokens(self) -> list[str]:
        """The tokens that are found in a text before anything else and stand for themselves, such as "<|endoftext|>"."""
        return [token.content for token in self._added.values()]

    @cached_property
    def end_token_id(self) -> int | None:
        """The token that ends a text (`eos_token`, else GPT-2's "<|endoftext|>"), or None."""
        end: int | None = self.library.token_to_id(content_of(self.settings.get("eos_token")) or GPT2_END)
        return end

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write `tokenizer.json` and `tokenizer_config.json`, which `transformers` opens, into a folder.

        Each file is there whole or not at all. Errors: `CheckpointError` where the folder cannot be written.
        """
        import orjson

        settings = {"tokenizer_class": "PreTrainedTokenizerFast", **self.settings}
        if self.end_token_id is not None:
            settings["eos_token"] = self.library.id_to_token(self.end_token_id)
        folder = Path(folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            write_whole(folder / "tokenizer_config.json", orjson.dumps(settings, option=orjson.OPT_INDENT_2))
            write_whole(folder / "tokenizer.json", self.library.to_str(pretty=True).encode())
        except OSError as error:
            raise CheckpointError(f"The tokenizer could not be written to {folder}: {error}.") from error

    def __repr__(self) -> str:
        return f"Tokenizer({self.n_tokens} tokens, {type(self.library.model).__name__})"

    # Encoding

    def _encoding(self, text: str) -> tokenizers.Encoding:
        if not isinstance(text, str):
            raise InputError(f"Text must be a str, but {type(text).__name__} came. Ids are for decode().")
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise InputError(
                f"The text has a lone surrogate (U+{ord(text[error.start]):04X}) at position {error.start}, "
                "half a character that has no UTF-8 bytes. Take it out, or read the text another way."
            ) from None
        self._refuse_bytes_without_a_token(text)
        try:
            return self.library.encode(text)
        except BaseException as error:
            if not is_from_the_library(error):
                raise
            raise CheckpointError(f"The tokenizer's files do not let it encode this: {error}.") from error

    def _refuse_bytes_without_a_token(self, text: str) -> None:
        # The library would leave such a byte out and say nothing.
        if not self._bytes_without_a_token:
            return
        for added in self._added.values():
            text = text.replace(added.content, "")
        for character in text:
            if lacking := self._bytes_without_a_token.intersection(character.encode()):
                raise InputError(
                    f"The tokenizer cannot encode {character!r}: byte 0x{min(lacking):02X} has no token. "
                    "Take the character out, or use a tokenizer that has all 256 bytes."
                )

    @cached_property
    def _bytes_without_a_token(self) -> frozenset[int]:
        model = self.library.model
        if self.why_no_merges or model.unk_token is not None:
            return frozenset()
        return frozenset(byte for byte, letter in byte_letters().items() if model.token_to_id(letter) is None)

    # Tokens

    @cached_property
    def _vocabulary(self) -> dict[str, int]:
        return dict(self.library.get_vocab(with_added_tokens=True))

    @cached_property
    def _added(self) -> dict[int, tokenizers.AddedToken]:
        return dict(self.library.get_added_tokens_decoder())

    @cached_property
    def _added_bytes(self) -> dict[int, bytes]:
        # One that is not special and has an ordinary token's id may also come out of merging.
        return {
            token_id: token.content.encode()
            for token_id, token in self._added.items()
            if token.special or self.library.model.id_to_token(token_id) is None
        }

    @cached_property
    def _is_byte_level(self) -> bool:
        from tokenizers import decoders

        return isinstance(self.library.decoder, decoders.ByteLevel)

    @cached_property
    def _ids_by_string(self) -> dict[str, int]:
        ids = sorted(self._vocabulary.values(), reverse=True)  # of two alike, the first wins
        return dict(zip(self.token_strings(ids), ids, strict=True))

    def _token(self, token_id: int) -> str | None:
        return self.library.id_to_token(token_id) if 0 <= token_id < 2**32 else None

    def _bytes(self, token_id: int) -> bytes:
        if (added := self._added_bytes.get(token_id)) is not None:
            return added
        token = self._token(token_id)
        assert token is not None
        return bytes_of_letters(token)

    def _string(self, token_id: int) -> str:
        if token_id < 0:
            raise InputError(f"Token ids count from 0, but {token_id} came.")
        token = self._token(token_id)
        if token is None:
            return f"<no token {token_id}>"
        # Tokenizers that are not byte-level write a space as this mark, if they write it at all.
        return readable(self._bytes(token_id)) if self._is_byte_level else token.replace("\u2581", " ")

    # Merging

    def _word(self, word: int, tokens: Sequence[tuple[int, int, str]]) -> WordMerges:
        ids = [token_id for _, token_id, _ in tokens]
        if word < 0 or (len(ids) == 1 and ids[0] in self._added):
            return self._one_piece("added", ids)
        if self.library.model.ignore_merges and len(ids) == 1:
            return self._one_piece("whole", ids)
        # The word before any merge: the library's tokens taken apart again into letters, one for every byte.
        unknown = self.library.model.unk_token
        letters = [part for _, _, token in tokens for part in ([token] if token == unknown else token)]
        start = before = tuple(map(self._piece, letters))
        merges = []
        for rank, at, joined in merge_steps(letters, self._ranks):
            after = (*before[:at], self._piece(joined), *before[at + 2 :])
            merges.append(Merge(before[at], before[at + 1], after[at], rank, at, after))
            before = after
        assert [piece.id for piece in before] == ids, f"our merging of {letters} differs from the library's"
        text = readable(b"".join(map(bytes_of_letters, letters)))
        return WordMerges(text, "merged", start, tuple(merges))

    def _one_piece(self, kind: Literal["added", "whole"], ids: list[int]) -> WordMerges:
        (token_id,) = ids
        piece = Piece(token_id, self._string(token_id))
        return WordMerges(piece.text, kind, (piece,), ())

    def _piece(self, symbol: str) -> Piece:
        token_id = self._vocabulary[symbol]
        return Piece(token_id, self._string(token_id))

    @cached_property
    def _merges(self) -> list[tuple[str, ...]]:
        import orjson

        return list(map(pair_of, orjson.loads(self.library.to_str())["model"]["merges"]))

    @cached_property
    def _ranks(self) -> dict[tuple[str, ...], int]:
        return {pair: rank for rank, pair in enumerate(self._merges)}

    @cached_property
    def why_no_merges(self) -> str | None:
        """Why `merges` cannot be had of this tokenizer, such as "this tokenizer merges characters, not bytes"; else None."""
        model = self.library.model
        if (kind := type(model).__name__) != "BPE":
            return f"this tokenizer is of the kind {kind}"
        if not self._is_byte_level:
            return "this tokenizer merges characters, not bytes"
        if model.continuing_subword_prefix or model.end_of_word_suffix:
            return "this tokenizer marks where words begin or end inside its tokens"
        if model.dropout:
            return f"this tokenizer leaves merges out at random (dropout {model.dropout})"
        return None


def _integers(ids: Iterable[int]) -> list[int]:
    try:
        return [operator.index(token_id) for token_id in ids]
    except TypeError as error:
        raise InputError(f"Token ids must be a list of integers: {error}.") from None

"""Text to token numbers and back, with every byte-pair merge on show.

Encoding is left to the `tokenizers` library; the step-by-step merging is our own, and held against it.
"""

from __future__ import annotations

import operator
import os
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from itertools import groupby, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from workings.errors import CheckpointError, InputError

if TYPE_CHECKING:
    import tokenizers

_VOCAB_AND_MERGES = (("vocab.json", "merges.txt"), ("encoder.json", "vocab.bpe"))
_GPT2_END = "<|endoftext|>"


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
            joins = [f"{_visible(merge.left.text)} + {_visible(merge.right.text)}" for merge in self.merges]
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
            library = _read_tokenizer_json(folder / "tokenizer.json")
        elif files := _vocab_and_merges(folder):
            library = _read_vocab_and_merges(*files)
        else:
            return None
        settings = _read_settings(folder)
        _recognise_special_tokens(library, settings, folder)
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
        if reason := self._why_no_merges:
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
    def end_token_id(self) -> int | None:
        """The token that ends a text (`eos_token`, else GPT-2's "<|endoftext|>"), or None."""
        end: int | None = self.library.token_to_id(_content(self.settings.get("eos_token")) or _GPT2_END)
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
            _write_whole(folder / "tokenizer_config.json", orjson.dumps(settings, option=orjson.OPT_INDENT_2))
            _write_whole(folder / "tokenizer.json", self.library.to_str(pretty=True).encode())
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
            if not _is_from_the_library(error):
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
        if self._why_no_merges or model.unk_token is not None:
            return frozenset()
        return frozenset(
            byte for byte, letter in _byte_letters().items() if model.token_to_id(letter) is None
        )

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
        return _bytes_of_letters(token)

    def _string(self, token_id: int) -> str:
        if token_id < 0:
            raise InputError(f"Token ids count from 0, but {token_id} came.")
        token = self._token(token_id)
        if token is None:
            return f"<no token {token_id}>"
        # Tokenizers that are not byte-level write a space as this mark, if they write it at all.
        return _readable(self._bytes(token_id)) if self._is_byte_level else token.replace("\u2581", " ")

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
        for rank, at, joined in _merge_steps(letters, self._ranks):
            after = (*before[:at], self._piece(joined), *before[at + 2 :])
            merges.append(Merge(before[at], before[at + 1], after[at], rank, at, after))
            before = after
        assert [piece.id for piece in before] == ids, f"our merging of {letters} differs from the library's"
        text = _readable(b"".join(map(_bytes_of_letters, letters)))
        return WordMerges(text, "merged", start, tuple(merges))

    def _one_piece(self, kind: Literal["added", "whole"], ids: list[int]) -> WordMerges:
        (token_id,) = ids
        piece = Piece(token_id, self._string(token_id))
        return WordMerges(piece.text, kind, (piece,), ())

    def _piece(self, symbol: str) -> Piece:
        token_id = self._vocabulary[symbol]
        return Piece(token_id, self._string(token_id))

    @cached_property
    def _ranks(self) -> dict[tuple[str, ...], int]:
        import orjson

        merges = orjson.loads(self.library.to_str())["model"]["merges"]
        return {_pair(merge): rank for rank, merge in enumerate(merges)}

    @cached_property
    def _why_no_merges(self) -> str | None:
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


def _merge_steps(symbols: list[str], ranks: Mapping[tuple[str, ...], int]) -> Iterator[tuple[int, int, str]]:
    """Join the pair that stands highest in the merges list, the leftmost first, until no pair is in the list.

    Gives, for every step, the pair's rank, its place and what it became. (Algorithm 1 of Sennrich et al. 2016
    joins all equal pairs at once; for merges that were learnt from text that comes to the same.)
    """
    while found := [(ranks[pair], at) for at, pair in enumerate(pairwise(symbols)) if pair in ranks]:
        rank, at = min(found)
        joined = symbols[at] + symbols[at + 1]
        symbols = [*symbols[:at], joined, *symbols[at + 2 :]]
        yield rank, at, joined


# How bytes are written


@cache
def _byte_letters() -> dict[int, str]:
    """Give the letter that byte-level vocabularies write for every byte: itself if it prints."""
    printing = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = [byte for byte in range(256) if byte not in printing]
    return {byte: chr(byte) for byte in printing} | {byte: chr(256 + n) for n, byte in enumerate(others)}


@cache
def _letter_bytes() -> dict[str, int]:
    return {letter: byte for byte, letter in _byte_letters().items()}


def _bytes_of_letters(token: str) -> bytes:
    bytes_of = _letter_bytes()
    # A token with anything else in it stands for itself, as in the library's decoder.
    return bytes(map(bytes_of.__getitem__, token)) if all(c in bytes_of for c in token) else token.encode()


_COULD_BE_TAKEN_FOR_A_BYTE = re.compile(r"\\+(?=x[0-9a-f]{2}|[\udc80-\udcff])")


def _readable(raw: bytes) -> str:
    """Write bytes as text, parts of characters in hexadecimal, and different bytes always differently."""
    text = raw.decode("utf-8", errors="surrogateescape")
    if "\\" in text:
        text = _COULD_BE_TAKEN_FOR_A_BYTE.sub(lambda found: found[0] * 2, text)
    return text.encode("utf-8", errors="surrogateescape").decode("utf-8", errors="backslashreplace")


def _visible(text: str) -> str:
    """Write text on one line, with its spaces and control characters to be seen."""
    shown = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return "".join(shown).replace(" ", "␣")


def _side_by_side(pieces: Iterable[Piece]) -> str:
    texts = [_visible(piece.text) for piece in pieces]
    return ("¦" if any("|" in text for text in texts) else "|").join(texts)


def _became(text: str, pieces: Sequence[Piece]) -> str:
    ids = ", ".join(str(piece.id) for piece in pieces) or "none"
    return f"{_visible(text)} -> {_side_by_side(pieces)}   {'id' if len(pieces) == 1 else 'ids'} {ids}"


# Reading files


def _read_tokenizer_json(path: Path) -> tokenizers.Tokenizer:
    import tokenizers

    try:
        library = tokenizers.Tokenizer.from_file(str(path))
        library.encode("")  # a start or end token that is not there is only noticed now
    except BaseException as error:
        if not _is_from_the_library(error):
            raise
        model = _read_object(path).get("model")
        if isinstance(model, dict) and isinstance(model.get("merges"), list):
            vocab = _check_vocabulary(model.get("vocab"), path, "its vocabulary")
            _check_merges(model["merges"], vocab, f"{path}: merge", 0)
        raise CheckpointError(
            f"{path} is JSON, but the tokenizers library {tokenizers.__version__} cannot read it: {error}. "
            "Copy the file again, or bring the library up to date."
        ) from error
    size = library.get_vocab_size(with_added_tokens=False)
    # Ids that leave none out hold no duplicates: this is the quick way to know.
    if None in map(library.model.id_to_token, range(size)):
        vocab = dict(sorted(library.get_vocab(with_added_tokens=False).items()))
        _check_vocabulary(vocab, path, "its vocabulary")
    return library


def _is_from_the_library(error: BaseException) -> bool:
    # It has no narrower class than Exception, and some damage makes it panic, which is not even that.
    return isinstance(error, Exception) or type(error).__name__ == "PanicException"


def _vocab_and_merges(folder: Path) -> tuple[Path, Path] | None:
    for vocab, merges in ((folder / vocab, folder / merges) for vocab, merges in _VOCAB_AND_MERGES):
        if vocab.exists() and merges.exists():
            return vocab, merges
        if vocab.exists() or merges.exists():
            there, missing = (vocab, merges) if vocab.exists() else (merges, vocab)
            raise CheckpointError(
                f"{folder} has {there.name} but not {missing.name}, and one is of no use without the other. "
                f"Copy {missing.name} into the folder too, or a tokenizer.json instead of both."
            )
    return None


def _read_vocab_and_merges(vocab_path: Path, merges_path: Path) -> tokenizers.Tokenizer:
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    vocab = _check_vocabulary(_read_object(vocab_path), vocab_path, "the file")
    lines = [line.rstrip("\r") for line in _read_text(merges_path).split("\n")]
    first_line = 2 if lines[0].startswith("#version") else 1
    lines = lines[first_line - 1 :]
    while lines and not lines[-1]:
        lines.pop()
    merges = _check_merges(lines, vocab, f"{merges_path}: line", first_line)
    library = Tokenizer(models.BPE(vocab=vocab, merges=merges))
    spaced = bool(_read_settings(vocab_path.parent).get("add_prefix_space", False))
    library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=spaced)
    library.decoder = decoders.ByteLevel()
    if _GPT2_END in vocab:
        library.add_special_tokens([AddedToken(_GPT2_END, special=True)])
    return library


def _check_vocabulary(vocab: Any, path: Path, where: str) -> dict[str, int]:
    """Return the vocabulary if every token has one id of its own; else say which does not."""
    if not isinstance(vocab, dict) or not vocab:
        raise CheckpointError(
            f'{path}: {where} should map tokens to ids, as in {{"the": 262}}, but does not.'
        )
    owners: dict[int, str] = {}
    for token, token_id in vocab.items():
        if type(token_id) is not int or not 0 <= token_id < 2**32:
            raise CheckpointError(f"{path}: the id of {token!r} should count from 0, but is {token_id!r}.")
        if (owner := owners.setdefault(token_id, token)) != token:
            raise CheckpointError(
                f"{path}: {owner!r} and {token!r} both have the id {token_id}, but each needs its own. "
                "The file was changed or damaged; copy it again."
            )
    return vocab


def _check_merges(merges: list[Any], vocab: dict[str, int], where: str, first: int) -> list[tuple[str, str]]:
    """Return the merges as pairs if each is two tokens that make a third; else say which is not."""
    pairs = []
    for number, merge in enumerate(merges, first):
        pair = _pair(merge)
        if len(pair) != 2 or not all(isinstance(part, str) and part for part in pair):
            raise CheckpointError(
                f"{where} {number} should be two tokens with one space between them, but is {merge!r}. "
                "The file was changed or damaged; copy it again."
            )
        left, right = pair
        for token in (left, right, left + right):
            if token not in vocab:
                raise CheckpointError(
                    f"{where} {number} joins {left!r} and {right!r}, but the vocabulary has no {token!r}. "
                    "Merges and vocabulary must come from the same tokenizer; copy both again."
                )
        pairs.append((left, right))
    return pairs


def _pair(merge: Any) -> tuple[Any, ...]:
    """Split a merge, which older files write as "a b" and newer ones as ["a", "b"]."""
    if isinstance(merge, str):
        return tuple(merge.split(" "))
    return tuple(merge) if isinstance(merge, list) else ()


def _read_settings(folder: Path) -> dict[str, Any]:
    """Read `tokenizer_config.json`, and the tokens that older folders name in `special_tokens_map.json`."""
    named: dict[str, Any] = {}
    if (path := folder / "special_tokens_map.json").exists():
        tokens = {key: _content(value) for key, value in _read_object(path).items() if key.endswith("_token")}
        named = {key: token for key, token in tokens.items() if token is not None}
    path = folder / "tokenizer_config.json"
    return named | (_read_object(path) if path.exists() else {})


def _recognise_special_tokens(
    library: tokenizers.Tokenizer, settings: Mapping[str, Any], folder: Path
) -> None:
    """Make added tokens of those that the other files name, where the library does not have them as such."""
    from tokenizers import AddedToken

    named = {_content(value) for key, value in settings.items() if key.endswith("_token")}
    path = folder / "added_tokens.json"
    stated = _read_object(path) if path.exists() else {}
    if stated:
        _check_vocabulary(stated, path, "the file")
    # A name that has no id stands for nothing that the model knows, so it stays ordinary text.
    in_vocabulary = sorted(name for name in named if name and library.token_to_id(name) is not None)
    known = {token.content for token in library.get_added_tokens_decoder().values()}
    for content in dict.fromkeys([*in_vocabulary, *sorted(stated, key=stated.__getitem__)]):
        if content in known:
            continue
        token = AddedToken(content, special=content in named)
        (library.add_special_tokens if token.special else library.add_tokens)([token])
        given = library.token_to_id(content)
        if stated.get(content, given) != given:
            raise CheckpointError(
                f"{path} gives {content!r} the id {stated[content]}, but after this vocabulary it gets "
                f"{given}. The files come from different tokenizers; copy them again."
            )


def _content(token: Any) -> str | None:
    """Give the text of a token that is named by its text or by an object with its details."""
    text = token.get("content") if isinstance(token, dict) else token
    return text if isinstance(text, str) else None


def _read_object(path: Path) -> dict[str, Any]:
    import orjson

    try:
        content = orjson.loads(_read_text(path))
    except orjson.JSONDecodeError as error:
        raise CheckpointError(
            f"{path} should be JSON, but is not: {error}. It may have been cut short; copy it again."
        ) from None
    if not isinstance(content, dict):
        raise CheckpointError(f"{path} should hold a JSON object, but holds {type(content).__name__}.")
    return content


def _read_text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8")
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error}.") from error
    except UnicodeDecodeError as error:
        raise CheckpointError(f"{path} should be UTF-8 text, but is not: {error}. Copy it again.") from None


def _write_whole(path: Path, content: bytes) -> None:
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _integers(ids: Iterable[int]) -> list[int]:
    try:
        return [operator.index(token_id) for token_id in ids]
    except TypeError as error:
        raise InputError(f"Token ids must be a list of integers: {error}.") from None

"""Tokenizer files as Hugging Face and OpenAI write them, checked as they are read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workings.checkpoints.files import read_json, read_text
from workings.errors import CheckpointError

if TYPE_CHECKING:
    import tokenizers

_VOCAB_AND_MERGES = (("vocab.json", "merges.txt"), ("encoder.json", "vocab.bpe"))
GPT2_END = "<|endoftext|>"


TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.json",
    "merges.txt",
    "special_tokens_map.json",
    "added_tokens.json",
)
"""What a tokenizer may consist of in a folder in Hugging Face layout."""


def tokenizer_files_in(folder: Path) -> list[str]:
    """Those of them that a folder has, which need not exist."""
    return [name for name in TOKENIZER_FILES if (folder / name).exists()]


def read_tokenizer_json(path: Path) -> tokenizers.Tokenizer:
    """The tokenizer of a `tokenizer.json`."""
    import tokenizers

    try:
        library = tokenizers.Tokenizer.from_file(str(path))
        library.encode("")  # a start or end token that is not there is only noticed now
    except BaseException as error:
        if not is_from_the_library(error):
            raise
        model = read_json(path).get("model")
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


def is_from_the_library(error: BaseException) -> bool:
    """Whether the `tokenizers` library raised this."""
    # It has no narrower class than Exception, and some damage makes it panic, which is not even that.
    return isinstance(error, Exception) or type(error).__name__ == "PanicException"


def vocab_and_merges(folder: Path) -> tuple[Path, Path] | None:
    """The vocabulary and merges files of a folder, by whichever names they go."""
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


def read_vocab_and_merges(vocab_path: Path, merges_path: Path) -> tokenizers.Tokenizer:
    """A byte-level tokenizer from its vocabulary and its merges."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    vocab = _check_vocabulary(read_json(vocab_path), vocab_path, "the file")
    lines = [line.rstrip("\r") for line in read_text(merges_path).split("\n")]
    first_line = 2 if lines[0].startswith("#version") else 1
    lines = lines[first_line - 1 :]
    while lines and not lines[-1]:
        lines.pop()
    merges = _check_merges(lines, vocab, f"{merges_path}: line", first_line)
    library = Tokenizer(models.BPE(vocab=vocab, merges=merges))
    spaced = bool(read_settings(vocab_path.parent).get("add_prefix_space", False))
    library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=spaced)
    library.decoder = decoders.ByteLevel()
    if GPT2_END in vocab:
        library.add_special_tokens([AddedToken(GPT2_END, special=True)])
    return library


def _check_vocabulary(vocab: Any, path: Path, where: str) -> dict[str, int]:
    """Return the vocabulary if every token has one id of its own; else say which does not."""
    if not isinstance(vocab, dict) or not vocab:
        raise CheckpointError(f'{path}: {where} should map tokens to ids, as in {{"the": 262}}, but does not.')
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
        pair = pair_of(merge)
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


def pair_of(merge: Any) -> tuple[Any, ...]:
    """Split a merge, which older files write as "a b" and newer ones as ["a", "b"]."""
    if isinstance(merge, str):
        return tuple(merge.split(" "))
    return tuple(merge) if isinstance(merge, list) else ()


def read_settings(folder: Path) -> dict[str, Any]:
    """Read `tokenizer_config.json`, and the tokens that older folders name in `special_tokens_map.json`."""
    named: dict[str, Any] = {}
    if (path := folder / "special_tokens_map.json").exists():
        tokens = {key: content_of(value) for key, value in read_json(path).items() if key.endswith("_token")}
        named = {key: token for key, token in tokens.items() if token is not None}
    path = folder / "tokenizer_config.json"
    return named | (read_json(path) if path.exists() else {})


def recognise_special_tokens(library: tokenizers.Tokenizer, settings: Mapping[str, Any], folder: Path) -> None:
    """Make added tokens of those that the other files name, where the library does not have them as such."""
    from tokenizers import AddedToken

    named = {content_of(value) for key, value in settings.items() if key.endswith("_token")}
    path = folder / "added_tokens.json"
    stated = read_json(path) if path.exists() else {}
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


def content_of(token: Any) -> str | None:
    """Give the text of a token that is named by its text or by an object with its details."""
    text = token.get("content") if isinstance(token, dict) else token
    return text if isinstance(text, str) else None

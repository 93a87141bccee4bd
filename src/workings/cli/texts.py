"""Files of training: texts, one a line, and a folder for the result."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from workings.cli.asked import ids_in
from workings.errors import InputError

if TYPE_CHECKING:
    from workings.checkpoints.model import Model, Prompt


def texts_in(path: Path, model: Model, least: int = 1) -> list[Prompt]:
    """The texts of a file; of a model without a tokenizer, the token ids. One longer than the model reads comes in pieces.

    Raises `InputError` for a file that cannot be read, is no UTF-8 text, or holds fewer than `least` texts.
    """
    texts = [piece for line in _lines(path) for piece in _pieces(line, model)]
    if len(texts) < least:
        needed = "a text a line" + (f", {least} or more of them" if least > 1 else "")
        raise InputError(f"{path} should hold {needed}; it holds {len(texts) or 'none'}")
    return texts


def prepare_folder(folder: Path) -> None:
    """Make the folder that a training will be saved in, so that one that cannot be written is known before and not after it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"nothing can be saved in {folder}: {error.strerror}; choose another --out") from None
    if not os.access(folder, os.W_OK):
        raise InputError(f"nothing can be saved in {folder}: it is not yours to write to; choose another --out")


def _lines(path: Path) -> list[str]:
    try:
        return [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except OSError as error:
        raise InputError(f"the texts in {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path} should be UTF-8 text, one text a line, but is not") from None


def _pieces(line: str, model: Model) -> Iterator[Prompt]:
    n_ctx = model.config.n_ctx
    if model.tokenizer and len(line.encode()) <= n_ctx:  # a token has one byte at least
        yield line
        return
    ids = model.tokenizer.encode(line) if model.tokenizer else ids_in(line, model)
    for start in range(0, len(ids), n_ctx):
        yield ids[start : start + n_ctx]

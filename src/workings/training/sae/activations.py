"""Activations for training: read from a model text by text, and mixed, so that a batch is not one text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from itertools import islice
from typing import Any

import numpy as np

from workings.checkpoints.model import Model, Prompt
from workings.engine.checks import prompts_in
from workings.errors import InputError
from workings.models.sae import rows_read

Array = np.ndarray
Texts = Callable[[], Iterator[Prompt]]
"""Gives the same endless row of prompts whenever it is called."""


def texts_again_and_again(texts: Sequence[Prompt], seed: int = 0) -> Texts:
    """A list of prompts as an endless row: all of them, each time in another order. Raises `InputError` for none, and for what is no list."""
    if isinstance(texts, Iterator):  # it may never end
        raise InputError(
            f"texts is a list of prompts, or a function that gives them again and again; an iterator came, {texts!r:.80}"
        )
    texts = prompts_in(texts, "texts")
    if not texts:
        raise InputError("there are no texts to read activations from; give at least one")

    def endless() -> Iterator[Prompt]:
        random = np.random.default_rng(seed)
        while True:
            for place in random.permutation(len(texts)):
                yield texts[place]

    return endless


class ShufflingBuffer:
    """Rows of one table, mixed: whenever less than half of `size` rows is left, it is filled again and shuffled.

    What comes next follows from `state` alone, so that training goes on after an interruption as if there had been none.
    """

    def __init__(self, model: Model, table: str, texts: Texts, size: int, seed: int, first_position: int = 0) -> None:
        self.model, self.table, self.texts = model, table, texts
        self.size, self.first_position = size, first_position
        self.random = np.random.default_rng([seed, 1])
        self.rows: Array | None = None  # [row, d_in]
        self.n_texts = 0
        self._read_so_far = sha256()  # of the token ids
        self._coming = texts()

    def take(self, count: int) -> Array:
        """The next rows [count, d_in], each of them once."""
        if self.rows is None or len(self.rows) < max(count, self.size // 2):
            self._fill()
        assert self.rows is not None
        taken, self.rows = self.rows[-count:], self.rows[:-count]
        return taken

    def peek(self) -> Array:
        """The rows that are waiting [row, d_in], which stay where they are."""
        if self.rows is None:
            self._fill()
        assert self.rows is not None
        return self.rows

    def _fill(self) -> None:
        parts = [] if self.rows is None else [self.rows]
        kept = sum(map(len, parts))
        while kept < self.size:
            for text in islice(self._coming, 64):
                self.n_texts += 1
                parts.append(self._read(text))
            if not (new := sum(map(len, parts)) - kept):
                raise InputError(
                    f"no prompt is longer than {self.first_position} tokens (first_position), so there is nothing to train on"
                )
            kept += new
        rows = np.concatenate(parts)
        self.rows = rows[self.random.permutation(len(rows))]

    def _read(self, text: Prompt) -> Array:
        trace = self.model.trace(text)
        self._note(trace.ids)
        if len(trace) <= self.first_position:
            return rows_read(np.zeros((*trace.shape(self.table)[:-2], 0, trace.shape(self.table)[-1]), np.float32))
        return rows_read(trace.rows(self.table, self.first_position))

    def _note(self, ids: Array) -> None:
        self._read_so_far.update(np.array([len(ids), *ids], "<i8").tobytes())

    def state(self) -> tuple[Array, dict[str, Any]]:
        """What is needed to go on: the rows that are waiting, and, ready for JSON, how far it has read."""
        rows = self.peek()
        read = {"n_texts": self.n_texts, "texts": self._read_so_far.hexdigest()}
        return rows, {**read, "random": self.random.bit_generator.state}

    def restore(self, rows: Array, state: dict[str, Any]) -> None:
        """Go on from a state. Raises `InputError` where the texts read so far were others.

        A state that does not say which texts they were (kept before that was noted) is taken as it is.
        """
        self.rows, self.n_texts = rows, state["n_texts"]
        self.random.bit_generator.state = state["random"]
        self._coming, self._read_so_far = self.texts(), sha256()
        for text in islice(self._coming, self.n_texts):
            self._note(self.model.encode(text))
        if state.get("texts", self._read_so_far.hexdigest()) != self._read_so_far.hexdigest():
            raise InputError(f"its first {self.n_texts} texts were others than those that came now")

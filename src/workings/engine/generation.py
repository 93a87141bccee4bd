"""Generation: choose the next token, append a row, and so on; edits of the trace stay in force."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from workings.engine.checks import is_number, whole
from workings.engine.no_numbers import numbers_at
from workings.engine.trace import Trace
from workings.errors import InputError

Array = np.ndarray


@dataclass(frozen=True)
class Sampling:
    """How the next token is chosen from the scores; see `Model.generate`."""

    temperature: float = 0.0
    top_k: int | None = None
    top_p: float | None = None
    seed: int | None = None

    def __post_init__(self) -> None:
        if not (is_number(self.temperature) and np.isfinite(float(self.temperature)) and self.temperature >= 0):
            raise InputError(f"temperature is a number of at least 0; {self.temperature!r} came")
        if self.top_k is not None:
            whole("top_k", self.top_k, 1)
        if self.top_p is not None and not (is_number(self.top_p) and 0 < self.top_p <= 1):
            raise InputError(f"top_p is a share above 0 and at most 1, or None; {self.top_p!r} came")
        if self.seed is not None:
            whole("seed", self.seed, 0)

    def choose(self, logits: Array, random: np.random.Generator) -> int:
        """The next token id, from one row of logits."""
        if self.temperature == 0:
            return int(logits.argmax())
        shares = self.shares(logits)
        return int(random.choice(len(shares), p=shares))

    def shares(self, logits: Array) -> Array:
        """The probability with which each token is drawn, at a temperature above 0."""
        with np.errstate(over="ignore"):  # far below the likeliest, at a temperature near 0: a share of 0
            scaled = (logits.astype(np.float64) - float(logits.max())) / self.temperature
        if self.top_k is not None and self.top_k < len(scaled):
            scaled[scaled < np.partition(scaled, -self.top_k)[-self.top_k]] = -np.inf
        shares = np.exp(scaled)
        shares /= shares.sum()
        if self.top_p is not None and self.top_p < 1:
            order = np.argsort(-shares, kind="stable")
            before = np.cumsum(shares[order]) - shares[order]  # what likelier tokens have together
            shares[order[before >= self.top_p]] = 0
            shares /= shares.sum()
        return shares


def continue_trace(trace: Trace, max_new_tokens: int, sampling: Sampling, end_id: int | None = None) -> Iterator[int]:
    """New token ids one by one, until `max_new_tokens`, the end token or `n_ctx`; the trace stays as it is.

    Raises `InputError` at a position whose scores are no numbers, as an edit may make them.
    """
    random = np.random.default_rng(sampling.seed)
    longest = min(len(trace) + max_new_tokens, trace.n_ctx)
    growing = trace
    while len(growing) < longest:
        token = sampling.choose(numbers_at(growing, "logits", -1), random)
        if token == end_id:
            return
        yield token
        if growing is trace:  # the given trace stays as it is; its longer copy is ours alone
            growing = trace.append([token])
        else:
            growing.grow([token])

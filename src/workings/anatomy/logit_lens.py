"""The logit lens: what the model would say if it stopped after a block, as tables beside all others.

The last steps of the model, from the last residual stream to the logits, are drawn once more for every earlier residual
stream. Source: nostalgebraist 2020, "interpreting GPT: the logit lens".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from workings.anatomy.choice import Token, token_id
from workings.checkpoints.model import Model, Prompt
from workings.display import parts
from workings.display.words import visible
from workings.engine.checks import position_in, whole
from workings.engine.trace import Trace
from workings.errors import InputError
from workings.language.names import name
from workings.language.operations import softmax
from workings.language.tables import Graph, Table

if TYPE_CHECKING:
    from workings.display.plots import Picture

Array = np.ndarray

ROWS_AT_ONCE = 32

MEANING = (
    "What it means: the final norm and the unembedding, which were made for the last stream, applied to an earlier one. "
    "What it does not mean: that this is what the model “thinks” there; early blocks may write in directions that later "
    "ones turn, and the lens does not see through that."
)

MOST_SHOWN = 100
"""Positions that a notebook shows."""

STREAM = re.compile(r"(?:decoder\.)?blocks\.\d+\.(resid_mid|resid_post)")


@dataclass(frozen=True)
class LogitLens:
    """What the model would say after every block of a prompt. Made by `logit_lens`.

    `streams` are the residual streams that were read, in order of working: `blocks.0.resid_post`, ...; with
    `after_attention` each block has its `resid_mid` before it. `trace` is the prompt's trace with the lens's logits among
    its tables, `blocks.0.resid_post.lens.logits`, so that each can be explained. `kind` is the word in those names: `lens`,
    or `tuned_lens` for one made by `tuned_lens`.
    """

    trace: Trace
    streams: tuple[str, ...]
    kind: str = "lens"

    def logits(self, stream: str) -> Array:
        """The score of every token after a stream [pos, d_vocab]. Raises `UnknownTable`."""
        return self.trace[lens_name(stream, self.kind)]

    def probabilities(self, stream: str) -> Array:
        """The share of every token after a stream [pos, d_vocab]."""
        return _shares(self.logits(stream))

    def top(self, k: int = 1, start: int = 0) -> tuple[Array, Array]:
        """The ids of the `k` likeliest tokens, likeliest first, and their shares, both [stream, pos, k].

        Where an edit left no numbers, the shares are NaN and the ids mean nothing. Positions begin with `start`, which counts from the end where it is negative. Raises `InputError`, `OutsideTable`.
        """
        d_vocab = self.trace.shape("logits")[-1]
        k, first = whole("top's k, the number of tokens,", k, 1, d_vocab), position_in(start, len(self.trace))
        found = [likeliest(self.trace, stream, k, (first, len(self.trace)), self.kind) for stream in self.streams]
        ids, shares = zip(*found, strict=True)
        return np.stack(ids), np.stack(shares)

    def token(self, token: Token) -> tuple[Array, Array]:
        """The share of one token (text or id), and its rank, 1 for the likeliest, both [stream, pos].

        Where an edit left no numbers, the share is NaN and the rank 0. Raises `InputError` for a token that the vocabulary does not have.
        """
        chosen = token_id(self.trace, token)
        found = [share_and_rank(self.trace, stream, chosen, kind=self.kind) for stream in self.streams]
        shares, ranks = zip(*found, strict=True)
        return np.stack(shares), np.stack(ranks)

    def _likeliest(self, most: int) -> tuple[list[list[str]], Array, list[str], list[str]]:
        """The likeliest word and its share [pos, stream], and labels for both sides, of the last `most` positions."""
        start = max(len(self.trace) - most, 0)
        ids, shares = replace(self, trace=self.trace.fork()).top(1, start)
        known = np.isfinite(shares[..., 0])
        words = [
            [visible(self.trace.spell(int(i))) if here else "no number" for i, here in zip(*row, strict=True)]
            for row in zip(ids[..., 0].T, known.T, strict=True)
        ]
        tokens = [f"{place}  {visible(token)}" for place, token in enumerate(self.trace.tokens) if place >= start]
        return words, shares[..., 0].T, tokens, [stream_label(stream) for stream in self.streams]

    def _title(self) -> str:
        return f"The {'tuned' if self.kind == 'tuned_lens' else 'logit'} lens: what it would say if it stopped there"

    def _repr_html_(self) -> str:
        words, shares, tokens, labels = self._likeliest(MOST_SHOWN)
        left_out = len(self.trace) - len(tokens)
        said = "Rows are the tokens that it reads, columns the blocks after which it would stop; the stronger the shade, the surer it is."
        note = (
            f"The last {len(tokens)} of {len(self.trace):,} positions are shown; `.top()` has all." if left_out else ""
        )
        table = parts.word_table(words, shares, tokens, labels, "reads", "`.top()`")
        return parts.fragment(table, parts.paragraph(note, "note"), title=self._title(), said=said)

    def plot(self) -> Picture:
        """The table of the last 40 positions as a matplotlib figure. Raises `MissingExtra` without matplotlib."""
        from workings.display.plots import heat_plot

        words, shares, tokens, labels = self._likeliest(40)
        return heat_plot(
            shares, tokens, labels, self._title(), words, 1.0, ("", "after"), "share of the likeliest token"
        )


def logit_lens(
    model: Model, prompt: Prompt | Trace, after_attention: bool = False, dtype: str = "float32"
) -> LogitLens:
    """Read off every residual stream of a prompt what the model would say if it stopped there.

    Of a trace the edits stay in force, such as those of `trace.steer`; then `dtype` is the trace's own.
    `after_attention` reads the streams between attention and MLP too. What it means: the final norm and the unembedding,
    which were made for the last stream, applied to an earlier one. What it does not mean: that this is what the model
    "thinks" there (`MEANING`, as people read it).
    Source: nostalgebraist 2020. Raises `InputError` as `model.as_trace` does.
    """
    plain = model.as_trace(prompt, dtype)
    program = model.program_with(partial(draw_logit_lens, after_attention=after_attention))
    trace = model.trace_of(plain.evaluation_in(program))
    return LogitLens(trace, tuple(streams_read(trace)))


def streams_read(trace: Trace, kind: str = "lens") -> list[str]:
    """The residual streams that a lens reads in a trace, in order of working. Raises `InputError` where there are none."""
    streams = [stream for stream in trace.names() if lens_name(stream, kind) in trace]
    if not streams:
        raise InputError("this model has no residual streams that a lens could read")
    return streams


def streams_asked(streams: Sequence[str], after_attention: bool) -> list[str]:
    """Of a lens's streams those after whole blocks, or, with `after_attention`, all. Raises `InputError` where that is no more."""
    blocks = [stream for stream in streams if not stream.endswith(".resid_mid")]
    if after_attention and len(blocks) == len(streams):
        raise InputError(
            "this lens reads nothing between attention and MLP; a tuned lens reads what it was trained for: "
            "`workings train lens --attention` trains one that does"
        )
    return list(streams) if after_attention else blocks


def likeliest(
    trace: Trace, stream: str, k: int = 1, positions: tuple[int, int] | None = None, kind: str = "lens"
) -> tuple[Array, Array]:
    """The ids of the `k` likeliest tokens after a stream, likeliest first, and their shares, both [pos, k].

    `positions` are the first and the one after the last; all of them unless given. The trace keeps the scores of the whole vocabulary, as it keeps every table: a fork of it takes them along when it goes.
    """
    ids, shares = [], []
    for scores in _scores(trace, stream, positions, kind):
        ids.append(_best(scores, k))
        shares.append(np.take_along_axis(_shares(scores), ids[-1], axis=-1))
    return np.concatenate(ids), np.concatenate(shares)


def share_and_rank(
    trace: Trace, stream: str, chosen: int, positions: tuple[int, int] | None = None, kind: str = "lens"
) -> tuple[Array, Array]:
    """The share of one token after a stream, and its rank, 1 for the likeliest, both [pos]; else as `likeliest`."""
    shares, ranks = [], []
    for scores in _scores(trace, stream, positions, kind):
        shares.append(_shares(scores)[:, chosen])
        rank = 1 + np.count_nonzero(scores > scores[:, chosen : chosen + 1], axis=-1)
        ranks.append(np.where(np.isfinite(shares[-1]), rank, 0))
    return np.concatenate(shares), np.concatenate(ranks)


def _shares(scores: Array) -> Array:
    """The scores' softmax; NaN where an edit left no numbers."""
    with np.errstate(all="ignore"):
        return np.asarray(softmax(scores))


def _scores(trace: Trace, stream: str, positions: tuple[int, int] | None, kind: str) -> Iterator[Array]:
    """The lens's logits [pos, d_vocab] at the positions, some rows at a time."""
    first, end = positions or (0, len(trace))
    for start in range(first, end, ROWS_AT_ONCE):
        yield trace.rows(lens_name(stream, kind), start, min(start + ROWS_AT_ONCE, end))


def _best(scores: Array, k: int) -> Array:
    """The columns of the `k` largest numbers of every row, the largest first, of equal ones the first."""
    if k == 1:
        return scores.argmax(axis=-1)[:, None]
    best = np.sort(np.argpartition(-scores, k - 1, axis=-1)[:, :k], axis=-1)  # [pos, k]
    order = np.argsort(-np.take_along_axis(scores, best, axis=-1), axis=-1, kind="stable")
    return np.take_along_axis(best, order, axis=-1)


def lens_name(stream: str, kind: str = "lens") -> str:
    """The name of the logits that are read off a residual stream: `blocks.0.resid_post.lens.logits` [pos, d_vocab]."""
    return f"{stream}.{kind}.logits"


def stream_label(stream: str) -> str:
    """A residual stream in words: "block 3", or "block 3, attention" in the middle of it."""
    *before, block, kind = stream.split(".")
    side = f"{before[0]} " if before[0] != "blocks" else ""
    return f"{side}block {block}" + (", attention" if kind == "resid_mid" else "")


def draw_logit_lens(graph: Graph, after_attention: bool = False) -> list[str]:
    """Add the logits after every block (and, if asked, after every attention) to a graph, and give their names.

    After the last block they are the model's own logits again. Where the model reads on through a sparse autoencoder, the
    lens reads what comes out of it, as the model does. Raises `InputError` for a model without residual streams
    or logits.
    """
    streams = lens_streams(graph, after_attention)
    again = draw_again(graph, {stream: read_on(graph, stream) for stream in streams})
    for stream, drawn in again.items():
        name(lens_name(stream), drawn)
    return [lens_name(stream) for stream in streams]


def lens_streams(graph: Graph, after_attention: bool = False) -> list[str]:
    """The residual streams that a lens reads, in order of working. Raises `InputError` where there are none, or no logits."""
    found = {known: match[1] for known in graph.named if (match := STREAM.fullmatch(known))}
    streams = [known for known, kind in found.items() if after_attention or kind == "resid_post"]
    if not streams or "logits" not in graph.named:
        raise InputError("a logit lens needs a model with blocks.{i}.resid_post and logits; this one has none")
    return streams


def draw_again(graph: Graph, inputs: Mapping[str, Table]) -> dict[str, Table]:
    """The steps from the last residual stream to the logits, once more for each of `inputs`."""
    last = read_on(graph, lens_streams(graph)[-1])
    return {known: _draw_again(graph.named["logits"], {last: table}) for known, table in inputs.items()}


def read_on(graph: Graph, stream: str) -> Table:
    """What the model goes on with after a stream: itself, or what its sparse autoencoder makes of it."""
    return graph.named.get(f"{stream}.sae.out", graph.named[stream])


def _draw_again(table: Table, again: dict[Table, Table]) -> Table:
    """A table worked out as before, but from other tables where `again` says so; what does not change is shared."""
    if table not in again:
        inputs = tuple(_draw_again(before, again) for before in table.inputs)
        again[table] = table
        if inputs != table.inputs:
            again[table] = Table(table.graph, table.primitive, inputs, table.options, table.axes)
    return again[table]

"""Two prompts that differ in what matters, and the score by which a model tells them apart: what every patching asks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from workings.anatomy.choice import Choice, Token, choose
from workings.anatomy.gradients import has_slopes
from workings.checkpoints.model import Model, Prompt
from workings.display import parts
from workings.display.words import count, quoted, visible, whole_percent_signed
from workings.engine.checks import is_whole, whole
from workings.engine.no_numbers import numbers_at
from workings.engine.side_by_side import rows_of_all
from workings.engine.trace import Trace
from workings.errors import InputError, OutsideTable

if TYPE_CHECKING:
    from workings.display.plots import Picture

Array = np.ndarray
Progress = Callable[[int, int], object]

DIRECTIONS = ("denoising", "noising")
_DECIMALS = 4  # to which effects that rounding alone tells apart are equal
MOST_TOKENS, MOST_FORKS = 1024, 64  # worked out side by side: enough for large products, little enough for memory


@dataclass(frozen=True)
class Contrast:
    """The clean and the corrupted prompt, and the difference of two tokens' logits in both.

    In `denoising` numbers of the clean prompt are put into the corrupted one; in `noising` the other way about.
    """

    clean: Trace
    corrupted: Trace
    choice: Choice
    direction: str = "denoising"

    @property
    def base(self) -> Trace:
        """The trace into which numbers are put."""
        return self.corrupted if self.direction == "denoising" else self.clean

    @property
    def source(self) -> Trace:
        """The trace from which numbers come."""
        return self.clean if self.direction == "denoising" else self.corrupted

    def differences(self, traces: Sequence[Trace]) -> list[float]:
        """The answer's logit less the other token's, in each of several traces of one model."""
        at = self.choice.position
        return [self._difference(rows[0]) for rows in rows_of_all(traces, "logits", at, at + 1)]

    def difference(self, trace: Trace) -> float:
        """The answer's logit less the other token's."""
        at = self.choice.position
        return self._difference(trace.rows("logits", at, at + 1)[0])

    def _difference(self, logits: Array) -> float:
        assert self.choice.against is not None
        return float(logits[self.choice.token]) - float(logits[self.choice.against])

    def share(self, differences: Any) -> Any:
        """Differences, so measured that the corrupted prompt is 0 and the clean one 1."""
        low, high = self.difference(self.corrupted), self.difference(self.clean)
        return (differences - low) / (high - low)

    def effect(self, shares: Any) -> Any:
        """How much of the difference such shares bring back, or in noising take away: 1 is all of it, 0 nothing."""
        return shares if self.direction == "denoising" else 1 - shares

    def sweep(self, cells: Sequence[Callable[[], Trace]], progress: Progress | None) -> list[float]:
        """The difference in each of many traces, which are made, worked out side by side and let go in turn."""
        found: list[float] = []
        at_once = max(min(MOST_TOKENS // len(self.base) * 2, MOST_FORKS), 1)  # half of the rows of a fork are its own
        for start in range(0, len(cells), at_once):
            found += self.differences([make() for make in cells[start : start + at_once]])
            if progress:
                progress(len(found), len(cells))
        return found


def contrast(
    model: Model,
    clean: Prompt | Trace,
    corrupted: Prompt | Trace,
    answer: Token | None = None,
    against: Token | None = None,
    position: int = -1,
    direction: str = "denoising",
    dtype: str = "float32",
) -> Contrast:
    """Read two prompts of equal length; `answer` and `against` are what each of them would say next unless given.

    Either may be a trace, whose edits stay in force; `dtype` is then the trace's own. Raises `InputError`: prompts of different
    lengths (both are shown, cut into tokens), traces of two dtypes or of another model, a token that the vocabulary does
    not have, one token twice, the same prompt twice, scores that an edit made no numbers, or two prompts between which there is no difference to restore. `OutsideTable` for a
    position outside.
    """
    if direction not in DIRECTIONS:
        raise InputError(f"a direction is {' or '.join(DIRECTIONS)}; {direction!r} came")
    traces = _read(model, clean, corrupted, dtype)
    _check_lengths(*traces)
    wanted, other = choose(traces[0], answer, None, position), choose(traces[1], against, None, position)
    choice = Choice(wanted.position, wanted.token, other.token)
    for trace in traces:
        numbers_at(trace, "logits", choice.position)
    _check_differ(*traces, choice.position)
    if choice.token == choice.against:
        raise InputError(_one_answer(traces, choice.token, answer is None and against is None))
    found = Contrast(*traces, choice, direction)
    between = found.difference(found.clean) - found.difference(found.corrupted)
    if abs(between) <= _rounding(found):
        raise InputError(
            "clean and corrupted prompt have the same difference of logits, so there is nothing to restore; "
            "change what matters for the answer, or ask about other tokens"
        )
    return found


def _one_answer(traces: Sequence[Trace], token: int, unasked: bool) -> str:
    """Why two prompts with one answer between them cannot be held against each other, and what to do."""
    word = repr(traces[0].spell(token))
    if not unasked:
        return f"the answer and the token against it are both {word}; give two tokens that the prompts tell apart"
    edits = "leave the edits out, " if any(trace.edits for trace in traces) else ""
    return (
        f"both sentences go on with the same word, {word}, so there is nothing to bring over from one to the other; "
        f"{edits}change one of the two prompts until they go on differently, or give two words that they tell apart"
    )


def _read(model: Model, clean: Prompt | Trace, corrupted: Prompt | Trace, dtype: str) -> tuple[Trace, Trace]:
    """Both as traces of one dtype and one program, so that their forks can be worked out side by side."""
    given = [prompt.dtype for prompt in (clean, corrupted) if isinstance(prompt, Trace)]
    if len(set(given)) > 1:
        raise InputError(
            f"patching needs two traces of one dtype; the clean one is {given[0]} and the corrupted one {given[1]}"
        )
    one, two = (model.as_trace(prompt, str(given[0]) if given else dtype) for prompt in (clean, corrupted))
    alike = one.drawn_with(two) and not has_slopes(one)  # whose tables may be drawn anew for every patch
    return (one, two) if alike else (model.redraw(one), model.redraw(two))


def _rounding(pair: Contrast) -> float:
    """How far two differences of logits may be apart that would be the same without rounding."""
    at = pair.choice.position
    largest = max(float(np.abs(trace.rows("logits", at, at + 1)).max()) for trace in (pair.clean, pair.corrupted))
    return 16 * float(np.finfo(pair.base.dtype).eps) * largest


def _check_differ(clean: Trace, corrupted: Trace, position: int) -> None:
    """Raise `InputError` for the same tokens twice, where no edit makes the model say something else of them."""
    if not np.array_equal(clean.ids, corrupted.ids):
        return
    scores, others = (numbers_at(trace, "logits", position) for trace in (clean, corrupted))
    if np.array_equal(scores, others):
        raise InputError(
            f"the clean and the corrupted prompt are the same tokens, {_cut(clean)}, so there is nothing to restore; "
            "give two prompts that differ in what matters"
        )


def _check_lengths(clean: Trace, corrupted: Trace) -> None:
    if len(clean) != len(corrupted):
        raise InputError(
            f"patching needs prompts of equally many tokens; the clean one has {len(clean)}, {_cut(clean)}, "
            f"and the corrupted one {len(corrupted)}, {_cut(corrupted)}"
        )


def _cut(trace: Trace) -> str:
    return "|".join(trace.tokens)


@dataclass(frozen=True)
class PatchingSweep:
    """What each patch of a sweep does: one row a block, one column a position or a head. Made by `patching_sweep` and its like.

    `differences` [block, position or head] is the answer's logit less the other token's, with that one patch; `values` is the same, so
    measured that the corrupted prompt is 0 and the clean one 1; `effects`, which maps show, is what each patch does. `tables` is the table that is patched in each block, `labels` the
    columns' names, `over` and `method` what was done.
    """

    over: str
    method: str
    contrast: Contrast = field(repr=False)
    tables: tuple[str, ...]
    by_head: bool
    differences: Array = field(repr=False)
    make: Callable[[int, int], Trace] = field(repr=False)

    @property
    def clean(self) -> float:
        """The difference of the two logits in the clean prompt."""
        return self.contrast.difference(self.contrast.clean)

    @property
    def corrupted(self) -> float:
        """The difference of the two logits in the corrupted prompt."""
        return self.contrast.difference(self.contrast.corrupted)

    @property
    def values(self) -> Array:
        """What each patch restores of the clean difference: 0 is the corrupted prompt, 1 the clean one [block, position or head].

        There is no limit at 0 or 1: a patch may overshoot, or push the other way.
        """
        return np.asarray(self.contrast.share(self.differences))

    @property
    def effects(self) -> Array:
        """How much of the difference each patch brings back, or in noising takes away [block, position or head].

        1 is all of it, 0 nothing. In denoising these are the `values`, in noising 1 - `values`.
        """
        return np.asarray(self.contrast.effect(self.values))

    @property
    def labels(self) -> tuple[str, ...]:
        """A name for each column: the base prompt's tokens, or `head 0`, `head 1`, ..."""
        n_columns = self.differences.shape[1]
        return tuple(f"head {h}" for h in range(n_columns)) if self.by_head else tuple(self.contrast.base.tokens)

    def best(self, k: int = 5) -> list[tuple[int, int, float]]:
        """The `k` patches that do most, as (block, position or head, value): restore most; where one breaks, break most.

        Of equal ones (to four decimals) the first block's comes first. Patches that left no number (NaN, infinity) are never
        among them, so that there may be fewer than `k`, or none. Raises `InputError` for a `k` below 0.
        """
        values, effects = self.values, self.effects.round(_DECIMALS)
        order = np.argsort(-effects, axis=None, kind="stable")  # of equals the first
        order = order[np.isfinite(effects.flat[order])][: whole("k", k, 0)]
        return [
            (int(b), int(c), float(values[b, c])) for b, c in zip(*np.unravel_index(order, values.shape), strict=True)
        ]

    @property
    def without_number(self) -> int:
        """How many patches left no number: with them the two logits overflow, or are NaN."""
        return int((~np.isfinite(self.differences)).sum())

    def trace_of(self, block: int, column: int) -> Trace:
        """The patched trace behind one cell, with every table of it. Raises `OutsideTable`."""
        n_blocks, n_columns = self.differences.shape
        if not all(is_whole(at) and -n <= at < n for at, n in ((block, n_blocks), (column, n_columns))):
            raise OutsideTable(
                f"this sweep has the blocks 0 to {n_blocks - 1} and the {'heads' if self.by_head else 'positions'} "
                f"0 to {n_columns - 1}; {block!r} and {column!r} were asked for"
            )
        return self.make(block % n_blocks, column % n_columns)

    @property
    def asked(self) -> str:
        """What was tried and what is measured, in words."""
        c = self.contrast
        answer, other = (quoted(c.base.spell(token or 0)) for token in (c.choice.token, c.choice.against))
        return f"{self.over}, {self.method}: how much of {answer} against {other} each patch {'restores' if self._denoising else 'takes away'}"

    @property
    def _denoising(self) -> bool:
        return self.contrast.direction == "denoising"

    def _sides(self) -> tuple[list[str], list[str]]:
        return [f"block {block}" for block in range(len(self.tables))], [visible(label) for label in self.labels]

    def _repr_html_(self) -> str:
        zero, whole = ("corrupted", "clean") if self._denoising else ("clean", "corrupted")
        scale = f"0% is as in the {zero} prompt, 100% as in the {whole} one"
        tokens = [[visible(token) for token in side.tokens] for side in (self.contrast.clean, self.contrast.corrupted)]
        return parts.fragment(
            parts.names(["clean", "corrupted"], ["  ".join(side) for side in tokens]),
            parts.heat_map(self.effects, *self._sides(), largest=1.0, write=whole_percent_signed, whole="`.effects`"),
            parts.paragraph(
                f"{self._strongest()} {scale}; `.trace_of(block, column)` is the patched trace behind a cell.",
                "note",
            ),
            title=self.asked,
            said=f"Blue {'restores the answer' if self._denoising else 'takes the answer’s lead away'}, orange pushes the other way. A patch shows where what matters passes by, not what it means there.",
        )

    def _strongest(self) -> str:
        """Which patch is the strongest, and how many have no number, in words."""
        said = "No patch has a number, so none is the strongest."
        for block, column, _ in self.best(1):
            where = self.labels[column] if self.by_head else f"at {quoted(self.labels[column])}"
            effect = whole_percent_signed(float(self.effects[block, column]))
            said = f"The strongest is block {block}, {where}: {effect}."
        if missing := self.without_number:
            said += f" In {count(missing, 'cell')} the patch left no number: it makes the two scores overflow, or NaN."
        return said

    def plot(self) -> Picture:
        """The map as a matplotlib figure. Raises `MissingExtra` without matplotlib."""
        from workings.display.plots import heat_plot

        rows, columns = self._sides()
        scale = f"share of the difference {'restored' if self._denoising else 'taken away'}"
        return heat_plot(self.effects, rows, columns, self.asked, largest=1.0, scale=scale)

    def to_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        c = self.contrast
        return {
            "method": self.method,
            "over": self.over,
            "direction": c.direction,
            "clean": {"ids": c.clean.ids.tolist(), "tokens": c.clean.tokens, "difference": self.clean},
            "corrupted": {"ids": c.corrupted.ids.tolist(), "tokens": c.corrupted.tokens, "difference": self.corrupted},
            "position": c.choice.position,
            "answer": {"id": c.choice.token, "token": c.base.spell(c.choice.token)},
            "against": {"id": c.choice.against, "token": c.base.spell(c.choice.against or 0)},
            "tables": list(self.tables),
            "columns": list(self.labels),
            "differences": self.differences.tolist(),
            "values": self.values.tolist(),
            "effects": self.effects.tolist(),
        }


__all__ = ["Contrast", "PatchingSweep", "Progress", "contrast"]

"""What an explanation is made of, as text for people and as JSON for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from workings.display import parts
from workings.display.words import cut, number
from workings.readings.explain.expressions import Address

if TYPE_CHECKING:
    from workings.display.plots import Picture

N_SHOWN = 12
"""Terms of a long sum that are shown one by one."""


@dataclass(frozen=True)
class Term:
    """One addend of a number: its value, how it is made (names, then numbers), and the cells in it.

    The last term of a long sum stands for all that are not shown; `count` says how many those are.
    """

    value: float
    text: str
    numbers: str
    sources: tuple[Address, ...] = ()
    count: int = 1


@dataclass(frozen=True)
class Breakdown:
    """A sum inside a formula, such as the bottom of a fraction, term by term."""

    title: str
    value: float
    terms: tuple[Term, ...]


@dataclass(frozen=True)
class Explanation:
    """How one number came about. `str()` is for people; `to_dict()` for programs.

    `terms` always add up to `value` (in float32 up to its rounding); where more than a dozen, the smallest are one
    last term. `sources` are addresses that can be explained in turn. `edits` says what was done to the number by hand, in order;
    `formula` and `numbers` are those without it, and `unedited` is what they give (None where nothing was done).
    """

    address: Address
    value: float
    sentence: str
    operation: str
    formula: str
    numbers: str
    terms: tuple[Term, ...]
    breakdowns: tuple[Breakdown, ...] = ()
    sources: tuple[Address, ...] = ()
    edits: tuple[str, ...] = ()
    axes: tuple[str, ...] = field(default=())
    unedited: float | None = None

    @property
    def rest(self) -> float | None:
        """What the terms that are not shown one by one add up to; None where all are shown."""
        return self.terms[-1].value if self.terms and self.terms[-1].count > 1 else None

    @property
    def formula_value(self) -> float:
        """What the formula gives: the number, or, where it was edited, what it was before."""
        return self.value if self.unedited is None else self.unedited

    def __str__(self) -> str:
        lines = [f"{self.address} = {number(self.value)}", self.sentence, self.operation, ""]
        lines += [
            f"  {self.address.name.rsplit('.', 1)[-1]} = {self.formula}",
            f"  {number(self.formula_value)} = {self.numbers}",
        ]
        lines += [f"  changed by hand: {change}" for change in self.edits]
        if len(self.terms) > 1:
            lines += ["", "  terms, largest first", *_term_lines(self.terms)]
        for part in self.breakdowns:
            lines += ["", f"  {part.title}, {number(part.value)}", *_term_lines(part.terms)]
        if self.sources:
            lines += ["", "  follows from", *(f"    {source}" for source in self.sources[:N_SHOWN])]
        return "\n".join(line for place, line in enumerate(lines) if line or (place > 0 and lines[place - 1]))

    def _repr_html_(self) -> str:
        breakdowns = (
            parts.heading(f"{b.title}, {number(b.value)}") + parts.waterfall(*_drawn(b.terms), b.value)
            for b in self.breakdowns
        )
        return parts.fragment(
            parts.paragraph(number(self.value), "value"),
            parts.paragraph(self.operation),
            parts.paragraph(f"{self.address.name.rsplit('.', 1)[-1]} = {self.formula}", "formula"),
            parts.paragraph(f"{number(self.formula_value)} = {self.numbers}", "formula"),
            parts.lines(f"changed by hand: {change}" for change in self.edits),
            parts.heading("Terms, largest first") + parts.waterfall(*_drawn(self.terms), self.value)
            if len(self.terms) > 1
            else "",
            *breakdowns,
            parts.folded("Follows from", parts.lines(map(str, self.sources[:N_SHOWN]))) if self.sources else "",
            title=str(self.address),
            said=self.sentence,
        )

    def plot(self) -> Picture:
        """The terms as a matplotlib figure, each beginning where the last one ended. Raises `MissingExtra`."""
        from workings.display.plots import waterfall_plot

        # A fraction is one term: what is worth drawing is the sum inside it.
        inside = self.breakdowns[0] if len(self.terms) == 1 and self.breakdowns else None
        labels, values = _drawn(inside.terms if inside else self.terms)
        title = f"{self.address}: {inside.title}" if inside else str(self.address)
        return waterfall_plot(
            [cut(label, 60) for label in labels], values, inside.value if inside else self.value, title
        )

    def to_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        return {
            "address": str(self.address),
            "name": self.address.name,
            "index": list(self.address.index),
            "axes": list(self.axes),
            "value": self.value,
            "sentence": self.sentence,
            "operation": self.operation,
            "formula": self.formula,
            "numbers": self.numbers,
            "terms": [_term_dict(term) for term in self.terms],
            "rest": self.rest,
            "breakdowns": [
                {"title": b.title, "value": b.value, "terms": [_term_dict(t) for t in b.terms]} for b in self.breakdowns
            ],
            "sources": [str(source) for source in self.sources],
            "edits": list(self.edits),
            "unedited": self.unedited,
        }


def _term_lines(terms: Sequence[Term]) -> list[str]:
    values = [f"{term.value:+.6f}".replace("-", "−") for term in terms]
    width = max(map(len, values))
    return [f"    {value:>{width}}  {term.text}" for value, term in zip(values, terms, strict=True)]


def _drawn(terms: Sequence[Term]) -> tuple[list[str], list[float]]:
    return [term.text for term in terms], [term.value for term in terms]


def _term_dict(term: Term) -> dict[str, Any]:
    sources = [str(source) for source in term.sources]
    return {"value": term.value, "text": term.text, "numbers": term.numbers, "sources": sources, "count": term.count}

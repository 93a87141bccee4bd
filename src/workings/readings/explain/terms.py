"""The addends of a formula, after multiplying out, so that they add up to the number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from workings.display.words import number
from workings.readings.explain.explanation import N_SHOWN, Breakdown, Term
from workings.readings.explain.expressions import (
    Address,
    Apply,
    Array,
    Cell,
    Expression,
    Fixed,
    Fold,
    is_choice,
    largest_first,
)
from workings.readings.explain.writing import Writer


@dataclass(frozen=True)
class _Addends:
    """Addends that are made alike: their values, and the j-th as an expression, with what all are multiplied by."""

    values: Array
    item: Callable[[int], Expression]
    factors: tuple[tuple[str, Expression], ...] = ()

    def times(self, kind: str, factor: Expression, before: bool = False) -> _Addends:
        """All addends multiplied with (or divided by) one more number."""
        values = self.values * factor.value if kind == "multiply" else self.values / factor.value
        return _Addends(values, self.item, (*self.factors, ("before" if before else kind, factor)))

    def expression(self, j: int) -> Expression:
        """The j-th addend, its factors included."""
        made, value = self.item(j), self.item(j).value
        for kind, factor in self.factors:
            value = value / factor.value if kind == "divide" else value * factor.value
            parts = (factor, made) if kind == "before" else (made, factor)
            made = Apply("multiply" if kind == "before" else kind, parts, value)
        return made


def _addends(made: Expression) -> list[_Addends]:
    """Multiply a formula out into addends."""
    if isinstance(made, Fold) and made.kind == "sum":
        return [_Addends(made.values, made.item)]
    if isinstance(made, Fold) and made.kind == "mean":
        return [_Addends(made.values, made.item).times("divide", Fixed(float(len(made.values))))]
    if isinstance(made, Apply) and made.kind in ("add", "subtract") and not is_choice(made):
        left, right = (_addends(part) for part in made.parts)
        return left + (
            [a.times("multiply", Fixed(-1.0), before=True) for a in right] if made.kind == "subtract" else right
        )
    if isinstance(made, Apply) and made.kind in ("multiply", "divide"):
        a, b = made.parts
        left, right = _addends(a), _addends(b)
        if _is_sum(left) or made.kind == "divide" or not _is_sum(right):
            return [group.times(made.kind, b) for group in left] if _is_sum(left) else [_alone(made)]
        return [group.times("multiply", a, before=True) for group in right]
    return [_alone(made)]


def _is_sum(groups: list[_Addends]) -> bool:
    return len(groups) > 1 or len(groups[0].values) > 1


def _alone(made: Expression) -> _Addends:
    return _Addends(np.array([made.value]), lambda _: made)


def terms_of(made: Expression, writer: Writer) -> tuple[Term, ...]:
    """All addends but zeros, largest first; of a long sum the largest dozen, and one term for all others."""
    groups = _addends(made)
    owner = np.concatenate([np.full(len(group.values), place) for place, group in enumerate(groups)])
    within = np.concatenate([np.arange(len(group.values)) for group in groups])
    values = np.concatenate([group.values for group in groups])
    order = largest_first(values)
    shown = order if len(order) <= N_SHOWN + 1 else order[:N_SHOWN]
    terms = [
        _term(groups[owner[place]].expression(int(within[place])), float(values[place]), writer) for place in shown
    ]
    hidden = order[len(shown) :]
    if len(hidden):
        total = float(values[hidden].sum())
        terms.append(Term(total, f"all {len(hidden)} others together", number(total), count=len(hidden)))
    return tuple(terms)


def _term(made: Expression, value: float, writer: Writer) -> Term:
    return Term(value, writer.symbols(made), writer.numbers(made), tuple(_cells(made)))


def _cells(made: Expression) -> list[Address]:
    """The named cells in an expression, those of long sums by their largest terms only."""
    if isinstance(made, Cell):
        return [made.address]
    if isinstance(made, Fixed):
        return []
    if isinstance(made, Apply):
        found = [address for part in made.parts for address in _cells(part)]
    else:
        top = [np.argmax(made.values)] if made.kind == "max" else largest_first(made.values)[:N_SHOWN]
        found = [a for j in top for a in _cells(made.item(int(j)))]
    return list(dict.fromkeys(found))


def breakdowns_of(made: Expression, writer: Writer, top: bool = True) -> list[Breakdown]:
    """Sums inside the formula that are not already its terms, each once."""
    if isinstance(made, Fold):
        if top or made.kind == "max":
            return []
        return [Breakdown(f"the {made.kind} inside the formula", made.value, terms_of(made, writer))]
    if not isinstance(made, Apply):
        return []
    linear = top and made.kind in ("add", "subtract", "multiply")
    parts = [b for place, part in enumerate(made.parts)
             for b in breakdowns_of(part, writer, linear or (top and made.kind == "divide" and place == 0))]  # fmt: skip
    return list({(b.title, b.value): b for b in parts}.values())


def sources_of(made: Expression, terms: Sequence[Term], breakdowns: Sequence[Breakdown]) -> tuple[Address, ...]:
    """The cells that the shown terms are made of, largest term first."""
    shown = [*terms, *(term for part in breakdowns for term in part.terms)]
    found = [address for term in shown for address in term.sources]
    return tuple(dict.fromkeys(found or _cells(made)))

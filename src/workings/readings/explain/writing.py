"""Expressions as text: once with names, once with the real numbers."""

from __future__ import annotations

from workings.display.words import number
from workings.readings.explain.expressions import (
    Address,
    Apply,
    Cell,
    Expression,
    Fixed,
    Fold,
    is_choice,
    largest_first,
)

_SIGNS = {"add": " + ", "subtract": " − ", "multiply": " × ", "divide": " ÷ "}
_STRENGTH = {"add": 1, "subtract": 1, "multiply": 2, "divide": 2}
_SLOPE = "gradient."
SHOWN_IN_LINE = 3
"""Terms of a long sum that are written out inside a formula with numbers."""


def short(name: str, beside: str) -> str:
    """A table's name without the prefix that it shares with the table being explained; a slope's begins with `gradient`."""
    if name.startswith(_SLOPE):
        return _SLOPE + short(name.removeprefix(_SLOPE), beside)
    ours, theirs = beside.removeprefix(_SLOPE).split(".")[:-1], name.split(".")
    while ours and len(theirs) > 1 and ours[0] == theirs[0]:
        ours.pop(0)
        theirs.pop(0)
    return ".".join(theirs)


class Writer:
    """Writes expressions for the explanation of one table."""

    def __init__(self, beside: str) -> None:
        self.beside = beside

    def cell(self, address: Address) -> str:
        """An address, with a short name."""
        return f"{short(address.name, self.beside)}[{', '.join(map(str, address.index))}]"

    def symbols(self, expression: Expression, outer: int = 0) -> str:
        """The expression with names in it."""
        if isinstance(expression, Cell):
            return self.cell(expression.address)
        if isinstance(expression, Fixed):
            return expression.note or number(expression.value)
        if isinstance(expression, Fold):
            body = self.symbols(expression.item(expression.letter))
            words = {"sum": "sum", "mean": "mean", "max": "largest"}[expression.kind]
            text = f"{words} over {expression.letter} of {body}"
            return f"({text})" if outer else text
        if expression.kind == "look_up":
            found, row = expression.parts
            return (
                f"{self.symbols(found)}, the row named by {self.symbols(row)}"
                if isinstance(row, Cell)
                else self.symbols(found)
            )
        return self._applied(
            expression, [self.symbols(p, _inside(expression, place)) for place, p in enumerate(expression.parts)], outer
        )

    def numbers(self, expression: Expression, outer: int = 0) -> str:
        """The expression with its numbers in it."""
        if isinstance(expression, Cell | Fixed):
            text = number(expression.value)
            return f"({text})" if outer and text.startswith("−") else text
        if isinstance(expression, Fold) and expression.kind != "max":
            return self._folded(expression)
        if isinstance(expression, Fold) or expression.kind in ("look_up", "kth_largest"):
            return self.numbers(Fixed(expression.value), outer)
        return self._applied(
            expression, [self.numbers(p, _inside(expression, place)) for place, p in enumerate(expression.parts)], outer
        )

    def _applied(self, expression: Apply, parts: list[str], outer: int) -> str:
        if is_choice(expression):
            return parts[1].replace(" > ", " ≤ ", 1)
        if expression.kind == "kth_largest":
            return f"{parts[0]}, the {ordinal(int(expression.parts[1].value))} largest of its row"
        if expression.kind == "largest":
            return f"(1 if {parts[0]} is the largest of its row, else 0)"
        if len(parts) == 1:
            return f"{'√' if expression.kind == 'sqrt' else expression.kind}({parts[0]})"
        if expression.kind == "maximum":
            text = f"larger of {parts[0]} and {parts[1]}"
            return f"({text})" if outer else text
        if expression.kind == "greater":
            return f"(1 if {parts[0]} > {parts[1]}, else 0)"
        text = _SIGNS[expression.kind].join(parts)
        return f"({text})" if outer > _STRENGTH[expression.kind] else text

    def _folded(self, fold: Fold) -> str:
        order = largest_first(fold.values)
        shown = [self.numbers(fold.item(int(j)), 1) for j in order[:SHOWN_IN_LINE]]
        more, zeros = len(order) - len(shown), len(fold.values) - len(order)
        left_out = [f"{more} more"] * (more > 0) + [f"{zeros} that {'is' if zeros == 1 else 'are'} 0"] * (zeros > 0)
        text = " + ".join(shown) + (f" + … {' and '.join(left_out)}" if left_out else "")
        return f"({text}) ÷ {len(fold.values)}" if fold.kind == "mean" else f"({text})"


def ordinal(place: int) -> str:
    """1st, 2nd, 3rd, 4th, 11th, 21st."""
    ending = "th" if place % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(place % 10, "th")
    return f"{place}{ending}"


def _inside(expression: Apply, place: int) -> int:
    """How strongly the sign around a part binds; the right side of − and ÷ binds a little more."""
    strength = _STRENGTH.get(expression.kind, 0)
    return strength + 1 if place == 1 and expression.kind in ("subtract", "divide") else strength

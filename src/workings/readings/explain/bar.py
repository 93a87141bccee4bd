"""A number's formula as one line, the way a spreadsheet's formula bar has it."""

from __future__ import annotations

from workings.display.words import number
from workings.readings.explain.expressions import Address, Cell, Expression, Fixed, Fold
from workings.readings.explain.writing import ordinal, short

_SIGNS = {"add": (" + ", 1), "subtract": (" - ", 1), "multiply": (" * ", 2), "divide": (" / ", 2)}
_FOLDS = {"sum": "SUM", "mean": "AVERAGE", "max": "MAX"}


def in_one_line(made: Expression, beside: str, outer: int = 0) -> str:
    """`SUM(ln1.normalized[4, :] * attn.W_Q[2, :, 5]) + attn.b_Q[2, 0, 5]`; `:` runs over all that is summed.

    Names are as short as in explanations, by what they share with the table `beside`.
    """
    if isinstance(made, Cell):
        return _cell(made.address, beside)
    if isinstance(made, Fixed):
        return (
            number(made.value).replace("−", "-")
            if not made.note
            else f"masked ({number(made.value).replace('−', '-')})"
        )
    if isinstance(made, Fold):
        return f"{_FOLDS[made.kind]}({in_one_line(made.item(':'), beside)})"
    if made.kind == "kth_largest":
        k = int(made.parts[1].value)
        return f"{in_one_line(made.parts[0], beside)}, the {ordinal(k)} largest"
    if made.kind == "look_up":
        return in_one_line(made.parts[0], beside)
    if made.kind not in _SIGNS:
        inside = "; ".join(in_one_line(part, beside) for part in made.parts)
        return f"{'MAX' if made.kind == 'maximum' else made.kind.upper()}({inside})"
    sign, strength = _SIGNS[made.kind]
    right = strength + 1 if made.kind in ("subtract", "divide") else strength
    text = sign.join(in_one_line(part, beside, by) for part, by in zip(made.parts, (strength, right), strict=True))
    return f"({text})" if outer > strength else text


def _cell(address: Address, beside: str) -> str:
    return f"{short(address.name, beside)}[{', '.join(map(str, address.index))}]"

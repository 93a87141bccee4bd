"""`workings attribution`: which parts of the model a token's score comes from, as bars that add up."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.text import Text

from workings.anatomy.attribution import MEANING, Attribution, Part, attribution
from workings.cli.asked import attribution_again, choice_again, explain_again, find_token, open_trace
from workings.cli.screen import (
    bar,
    command,
    exactly,
    fitted,
    make_console,
    print_indented,
    print_line,
    print_next,
    print_title,
    sign_style,
)
from workings.cli.streams import write_json

if TYPE_CHECKING:
    from rich.console import Console

    from workings.checkpoints.model import Model
    from workings.cli.asked import Asked
    from workings.engine.trace import Trace

_NAMES = "L2H0 is head 0 of block 2, 1_mlp_out the MLP of block 1; the long names are biases."
_MOST = 24  # bars; what is left over is one more


def show_attribution(
    model: Model, prompt: Asked, token: str | None, against: str | None, position: int, part: str | None, as_json: bool
) -> None:
    """Show an attribution, for people or as JSON."""
    trace = open_trace(model, prompt)
    chosen, other = (None if text is None else find_token(model, text) for text in (token, against))
    found = attribution(trace, chosen, other, position)
    opened = None if part is None else found[part]
    shown = found if opened is None else replace(found, total=opened.value, parts=opened.parts or (opened,))
    if as_json:
        document = {
            "model": model.name,
            "prompt": prompt.text,
            "ids": trace.ids,
            "tokens": trace.tokens,
            **({} if opened is None else {"part": opened.name}),
            **shown.to_dict(),
        }
        write_json(document)
        return
    console = make_console()
    console.print()
    _print_title(console, model, trace, found, opened)
    console.print()
    _print_bars(console, shown)
    console.print()
    _print_next(console, model, prompt, trace, found, opened)
    console.print()


def _print_title(console: Console, model: Model, trace: Trace, found: Attribution, opened: Part | None) -> None:
    where = "" if opened is None else f"{opened.name}'s share in "
    asked = found.choice.said(trace, exactly)
    print_title(console, (model.name, "bold cyan"), f"  Where {where}{asked} comes from")
    print_indented(console, Text(f"{MEANING} {_NAMES}", style="dim"))


def _print_bars(console: Console, shown: Attribution) -> None:
    """The largest parts, what adds most on top; then all others together, and the sum."""
    lines = list(zip(*shown.largest(shown.parts, _MOST), strict=True))
    most = max(abs(value) for _, value in lines) or 1.0
    digits = min(max(2 - math.floor(math.log10(most)), 2), 7)  # three that count in the largest
    label_width = min(max(8, *(cell_len(label) for label, _ in lines)), 28)
    room = max(min(console.width - label_width - 16, 50), 4)
    for label, value in lines:
        drawn = bar(abs(value) / most, room)
        line = Text(f"  {fitted(label, label_width)} {_number(value, digits):>9}  ")
        line.append(drawn, sign_style(value))
        print_line(console, line)
    print_line(console, Text(f"  {fitted('together', label_width)} {_number(shown.total, digits):>9}", style="bold"))


def _number(value: float, digits: int) -> str:
    return f"{value:.{digits}f}".replace("-", "−")


def _print_next(
    console: Console, model: Model, prompt: Asked, trace: Trace, found: Attribution, opened: Part | None
) -> None:
    options = choice_again(model, trace, found.choice)
    suggestions = []
    if opened is None:
        most = max((part for part in found.parts if part.parts), key=lambda part: abs(part.value), default=None)
        if most is not None:
            by = "neuron by neuron" if most.parts[0].name[0] == "L" and "N" in most.parts[0].name else "token by token"
            words = attribution_again(model.name, prompt, *options, "--part", most.name)
            suggestions.append((f"The part that matters most, {by}", command(*words)))
    else:
        suggestions.append(("All parts again", command(*attribution_again(model.name, prompt, *options))))
        cell = max(opened.parts, key=lambda part: abs(part.value), default=None)
        if cell is not None:
            words = explain_again(str(cell.address), model.name, prompt)
            suggestions.append((f"How the number behind {cell.name} came about", command(*words)))
    print_next(console, suggestions)

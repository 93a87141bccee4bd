"""`workings gradient`: how strongly a score hangs on the stream, as a map, and the numbers that move it most."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from rich.cells import cell_len
from rich.text import Text

from workings.anatomy.gradients import MEANING, Slope, steepest_slopes, stream_slopes, trace_gradient
from workings.cli.asked import Score, attribution_again, choice_again, explain_again, gradient_again, open_trace
from workings.cli.maps import Cell, HeatMap, print_map
from workings.cli.screen import (
    bar,
    command,
    exactly,
    figure,
    heading,
    make_console,
    print_indented,
    print_line,
    print_next,
    print_title,
    sign_style,
    spelled,
)
from workings.cli.streams import write_json
from workings.display.words import count
from workings.readings.gradient import gradient_name

if TYPE_CHECKING:
    from rich.console import Console

    from workings.anatomy.choice import Choice
    from workings.checkpoints.model import Model
    from workings.cli.asked import Asked
    from workings.engine.trace import Trace

_MAP = (
    "How far the score would move if the stream before that block took a step of a hundredth of its own length at that position, "
    "in the direction that moves the score most. It is not what would be lost without it: `workings patch` and `workings knockout` try that."
)
_SILENT = "Up or down. A number near 0 may have a steep slope: it does nothing here, and would if it were larger."


def show_gradient(
    model: Model,
    prompt: Asked,
    token: str | None,
    against: str | None,
    position: int,
    table: str,
    top: int,
    as_json: bool,
) -> None:
    """Show the slopes of a score, for people or as JSON."""
    plain = open_trace(model, prompt)
    choice = Score(token, against, position).choose(model, plain)
    trace = trace_gradient(model, plain, choice.token, choice.against, choice.position)
    steepest = steepest_slopes(trace, table, top)
    streams, moves = stream_slopes(trace)
    if as_json:
        asked = {"model": model.name, "prompt": prompt.text, "ids": trace.ids, "tokens": trace.tokens}
        write_json({**asked, **_document(choice, table, steepest), "streams": streams, "moves": moves})
        return
    console = make_console(widest=None)
    console.print()
    print_title(console, (model.name, "bold cyan"), f"  How {choice.said(trace, exactly)} answers small changes")
    print_indented(console, Text(MEANING, style="dim"))
    console.print()
    console.print(heading("How strongly it hangs on the residual stream"))
    print_indented(console, Text(_MAP, style="dim"))
    console.print()
    print_map(console, _map(trace, streams, moves))
    _print_steepest(console, trace, table, steepest)
    _print_next(console, model, prompt, trace, choice, table, steepest)
    console.print()


def _document(choice: Choice, table: str, steepest: Sequence[Slope]) -> dict[str, object]:
    asked = {"position": choice.position, "token": choice.token, "against": choice.against, "table": table}
    return {
        **asked,
        "steepest": [{"address": str(one.address), "number": one.number, "slope": one.slope} for one in steepest],
    }


def _map(trace: Trace, streams: Sequence[str], moves: np.ndarray) -> HeatMap:
    most = float(np.nan_to_num(moves).max()) or 1.0
    digits = min(max(2 - int(np.floor(np.log10(most))), 2), 4)

    def cell(move: float) -> Cell:
        nothing = move < 10.0**-digits / 2
        return Cell("·" if nothing else f"{move:.{digits}f}", float(np.nan_to_num(move)) / most)

    rows = [(f"block {place}", [cell(float(move)) for move in row]) for place, row in enumerate(moves)]
    return HeatMap([("reads", [spelled(token) for token in trace.tokens])], rows, narrowest=7)


def _print_steepest(console: Console, trace: Trace, table: str, steepest: Sequence[Slope]) -> None:
    console.print(heading(f"The {count(len(steepest), 'steepest slope')} in {table}"))
    if not steepest:
        print_indented(console, "All slopes are 0 there: no small change moves the score.\n")
        return
    print_indented(console, Text(_SILENT, style="dim"))
    width = max(len(str(one.address)) for one in steepest)
    most, room = max(abs(one.slope) for one in steepest), max(min(console.width - width - 42, 24), 0)
    print_line(console, Text(f"  {'':<{width}}  {'number':>10} {'slope':>10}", style="dim"))
    for one in steepest:
        line = Text(f"  {one.address!s:<{width}}", "cyan").append(
            f"  {figure(one.number):>10} {figure(one.slope):>10}  ", ""
        )
        line.append(bar(abs(one.slope) / most, room), sign_style(one.slope))
        token = f" at {_token(trace, one)}"
        if line.cell_len + cell_len(token) <= console.width:
            line.append(token, "dim")
        print_line(console, line)
    console.print()


def _print_next(
    console: Console,
    model: Model,
    prompt: Asked,
    trace: Trace,
    choice: Choice,
    table: str,
    steepest: Sequence[Slope],
) -> None:
    options, suggestions = choice_again(model, trace, choice), []
    if steepest:
        place = str(steepest[0].address)
        words = explain_again(gradient_name(place), model.name, prompt, "float32", *options)
        suggestions.append(("How the steepest slope came about", command(*words)))
        suggestions.append(("How the number itself came about", command(*explain_again(place, model.name, prompt))))
    other = "attn.pattern" if table != "attn.pattern" else "mlp.post"
    what = (
        "whom a head should look at more, or less"
        if other == "attn.pattern"
        else "which neurons should fire more, or less"
    )
    words = gradient_again(model.name, prompt, *options, "--table", other)
    suggestions.append((f"For a higher score, {what}", command(*words)))
    words = attribution_again(model.name, prompt, *options)
    suggestions.append(("Which parts the score is made of", command(*words)))
    print_next(console, suggestions)


def _token(trace: Trace, one: Slope) -> str:
    """The token at whose position a number stands."""
    axis = trace.table(one.address.name).row_axis
    assert axis is not None
    return spelled(trace.tokens[one.address.index[axis]])

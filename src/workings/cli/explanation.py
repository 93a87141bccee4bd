"""`workings explain`: one number, and how it came about; or, asked for nothing, all that can be asked about."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.text import Text

from workings.cli.asked import (
    Asked,
    Score,
    asks_for_slope,
    choice_again,
    explain_again,
    find_cell,
    open_trace,
)
from workings.cli.screen import (
    bar,
    command,
    figure,
    fitted,
    heading,
    make_console,
    print_indented,
    print_next,
    print_title,
    sign_style,
    spelled,
)
from workings.cli.streams import write_json
from workings.language.addresses import split_address
from workings.language.glossary import sentence
from workings.language.primitives import GIVEN
from workings.language.tables import axis_labels

if TYPE_CHECKING:
    from rich.console import Console

    from workings.checkpoints.model import Model
    from workings.engine.trace import Trace
    from workings.readings.explain import Explanation, Term

N_SOURCES = 12
_BLOCK = re.compile(r"^blocks\.(\d+)\.")


def show_explanation(
    model: Model, words: Sequence[str], prompt: Asked, score: Score, dtype: str, as_json: bool
) -> None:
    """Explain one cell, for people or as JSON; of a slope, which score it is the slope of."""
    trace, said, options = open_trace(model, prompt, dtype), None, list[str]()
    if asks_for_slope(words):
        trace, said, options = _with_slopes(model, trace, score)
    name, index = find_cell(trace, model, *split_address(words))
    found = trace.explain(name, *index)
    if as_json:
        asked = {"model": model.name, "prompt": prompt.text, "dtype": dtype, "tokens": trace.tokens}
        write_json({**asked, **({} if said is None else {"slope_of": said}), **found.to_dict()})
        return
    console = make_console()
    console.print()
    _print_what(console, trace, found)
    if said is not None:
        _print_slope(console, said)
    if trace.table(name).primitive is GIVEN:
        _print_beginning(console, found)
        return
    _print_formula(console, found)
    if len(found.terms) > 1:
        _print_terms(console, "What was added up, largest first", found.terms, found.value)
    for part in found.breakdowns:
        _print_terms(console, f"{part.title.capitalize()}, {figure(part.value)}", part.terms, None)
    if found.sources:
        _print_sources(console, found, explain_again(str(found.sources[0]), model.name, prompt, dtype, *options))


def _print_what(console: Console, trace: Trace, found: Explanation) -> None:
    console.print(
        Text.assemble(
            (str(found.address), "bold cyan"), " = ", (figure(found.value), f"bold {sign_style(found.value)}")
        ),
        soft_wrap=True,
    )
    print_indented(console, found.sentence)
    if words := _places_in_words(trace, found):
        print_indented(console, Text(words, style="dim"))
    console.print()


def _with_slopes(model: Model, trace: Trace, score: Score) -> tuple[Trace, str, list[str]]:
    """The trace with its slopes, what was asked about in words, and the options that ask for it again."""
    from workings.anatomy.gradients import trace_gradient

    choice = score.choose(model, trace)
    slopes = trace_gradient(model, trace, choice.token, choice.against, choice.position)
    return slopes, choice.said(trace), choice_again(model, trace, choice)


def _print_slope(console: Console, said: str) -> None:
    from workings.anatomy.gradients import MEANING

    print_indented(console, f"What was asked about is {said}.")
    print_indented(console, Text(MEANING, style="dim"))
    console.print()


def _places_in_words(trace: Trace, found: Explanation) -> str:
    """Which tokens the places stand for, as far as they stand for any."""
    words = []
    for label, place in zip(found.axes, found.address.index, strict=True):
        if label in ("pos", "query pos", "key pos"):
            words.append(f"{label} {place} is “{spelled(trace.tokens[place])}”")
        elif label == "d_vocab":
            words.append(f"{label} {place} is “{spelled(trace.spell(place))}”")
        elif label != "1":
            words.append(f"{label} {place}")
    return ", ".join(words)


def _print_beginning(console: Console, found: Explanation) -> None:
    console.print(heading("Where it comes from"))
    print_indented(console, f"{found.operation} This is where the numbers begin.")
    _print_changes(console, found)
    console.print()


def _print_formula(console: Console, found: Explanation) -> None:
    console.print(heading("How it is worked out"))
    if found.operation != found.sentence:
        print_indented(console, found.operation)
    short = found.address.name.rsplit(".", 1)[-1]
    if found.address.name.startswith("gradient."):
        short = f"gradient.{short}"
    _print_equation(console, short, found.formula, "")
    _print_equation(console, figure(found.formula_value), found.numbers, "yellow")
    _print_changes(console, found)
    console.print()


def _print_changes(console: Console, found: Explanation) -> None:
    for change in found.edits:
        print_indented(console, Text(f"changed by hand: {change}", style="magenta"))


def _print_equation(console: Console, left: str, right: str, style: str) -> None:
    lines = Text(right, style=style).wrap(console, max(console.width - len(left) - 7, 20))
    for place, line in enumerate(lines):
        line.rstrip()
        head = f"    {left} = " if place == 0 else " " * (len(left) + 7)
        console.print(Text.assemble((head, "bold"), line), soft_wrap=True)


def _print_terms(console: Console, title: str, terms: Sequence[Term], total: float | None) -> None:
    console.print(heading(title))
    longest = max(len(term.text) for term in terms)
    room = max(console.width - 15 - longest - 2, 0)
    largest = max((abs(term.value) for term in terms if term.count == 1), default=0) or 1.0
    for term in terms:
        style = sign_style(term.value) if term.count == 1 else "dim"
        line = Text("  ").append(f"{_signed(term.value):>10}", style).append("  ")
        if room >= 8:
            line.append(f"{term.text:<{longest}}  ").append(
                bar(abs(term.value) / largest, min(room, 30)) if term.count == 1 else "", style
            )
        else:
            line.append(fitted(term.text, console.width - 15).rstrip())
        line.rstrip()
        console.print(line, soft_wrap=True)
    if total is not None:
        console.print(Text(f"  {_signed(total):>10}  all together", style="bold"), soft_wrap=True)
    console.print()


def _signed(value: float) -> str:
    if (value and abs(value) < 1e-5) or abs(value) >= 1e7:
        return f"{value:+.2e}".replace("-", "−")
    return f"{value:+.5f}".replace("-", "−")[:10]


def _print_sources(console: Console, found: Explanation, again: Sequence[str]) -> None:
    console.print(heading("What it was made from"))
    shown = [str(source) for source in found.sources[:N_SOURCES]]
    width = max(map(len, shown)) + 3
    across = max((console.width - 2) // width, 1)
    for start in range(0, len(shown), across):
        line = "".join(address.ljust(width) for address in shown[start : start + across]).rstrip()
        console.print(Text(f"  {line}", style="cyan"), soft_wrap=True)
    if more := len(found.sources) - len(shown):
        print_indented(console, Text(f"and {more} more; --json lists them all", style="dim"))
    console.print()
    print_next(console, [("Any of these can be asked in turn", command(*again))])
    console.print()


def show_tables(model: Model, prompt: Asked, dtype: str, as_json: bool) -> None:
    """List every table that can be explained, for people or as JSON."""
    trace = open_trace(model, prompt, dtype)
    names = ["ids", *trace.names(), *trace.weight_names()]
    if as_json:
        write_json({"model": model.name, "prompt": prompt.text, "tables": [_table_dict(trace, name) for name in names]})
        return
    console = make_console()
    console.print()
    print_title(
        console,
        ("Every table of ", "bold"),
        (model.name, "bold cyan"),
        (f"  with its axes, for a prompt of {len(trace)} tokens", "dim"),
    )
    last = model.config.n_layers - 1
    seen = [name for name in names if not (found := _BLOCK.match(name)) or found[1] == "0"]
    shown = [(_BLOCK.sub("blocks.N.", name), _axes(trace, name), sentence(name)) for name in seen]
    width, widest = max(len(name) for name, _, _ in shown), max(len(axes) for _, axes, _ in shown)
    for name, axes, meaning in shown:
        line = Text.assemble((f"  {name:<{width}}  ", "cyan"), (f"{axes:<{widest}}  ", "dim"))
        if (room := console.width - line.cell_len) >= 24:
            line.append(fitted(meaning, room), "")
        line.rstrip()
        console.print(line, soft_wrap=True)
    if last > 0:
        print_indented(console, Text(f"N is the block, 0 to {last}.", style="dim"))
    console.print()
    example = f"blocks.0.attn.pattern[0, {len(trace) - 1}, 0]"
    print_next(
        console,
        [("Any number of any of them can be asked about", command(*explain_again(example, model.name, prompt, dtype)))],
    )
    console.print()


def _axes(trace: Trace, name: str) -> str:
    table = trace.table(name)
    return ", ".join(
        f"{label} {size}" if label != "1" else "1"
        for label, size in zip(axis_labels(table.axes), table.shape(len(trace)), strict=True)
    )


def _table_dict(trace: Trace, name: str) -> dict[str, Any]:
    table = trace.table(name)
    return {"name": name, "axes": axis_labels(table.axes), "shape": table.shape(len(trace)), "sentence": sentence(name)}

"""`workings heads`: what every head of a model does, as maps of blocks by heads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from rich.text import Text

from workings.anatomy.heads import KINDS, MEANINGS, head_scores
from workings.cli.asked import model_again
from workings.cli.screen import (
    command,
    has_colour,
    heading,
    heat,
    make_console,
    print_indented,
    print_line,
    print_next,
    print_title,
)
from workings.cli.streams import write_json
from workings.display.words import whole_percent

if TYPE_CHECKING:
    from rich.console import Console

    from workings.anatomy.heads import HeadScores
    from workings.checkpoints.model import Model

_LABEL = 12
_WIDTH = 6  # columns of a cell


def show_heads(model: Model, kind: str | None, as_json: bool) -> None:
    """Show the scores of all kinds, or of one, for people or as JSON."""
    found = head_scores(model)
    kinds = list(found.scores) if kind is None else [kind]
    best = {kind: found.best(kind, 3) for kind in kinds}  # says so where there is no such kind
    if as_json:
        tables = {kind: np.ascontiguousarray(found.scores[kind]) for kind in kinds}
        write_json({"model": model.name, "length": found.length, "n_prompts": found.n_prompts, "scores": tables})
        return
    console = make_console(widest=None)
    console.print()
    print_title(console, (model.name, "bold cyan"), "  What its heads do")
    print_indented(console, Text(found.measured(), style="dim"))
    console.print()
    for kind in kinds:
        _print_kind(console, found, kind)
    strongest = max(kinds, key=lambda kind: best[kind][0][2])
    block, head, _ = best[strongest][0]
    words = ["attention", "--block", str(block), "--head", str(head)]
    words += model_again(model.name)
    print_next(console, [(f"The head with the highest score ({strongest}), on a text", command(*words))])
    console.print()


def _print_kind(console: Console, found: HeadScores, kind: str) -> None:
    table = found.scores[kind]  # [block, head]
    console.print(heading(f"{kind}: {KINDS[kind]}"))
    print_indented(console, Text(MEANINGS[kind], style="dim"))
    across = max((console.width - _LABEL) // _WIDTH, 1)
    for first in range(0, table.shape[1], across):
        heads = range(first, min(first + across, table.shape[1]))
        print_line(console, Text(" " * _LABEL + "".join(f"{f'h{head}':<{_WIDTH}}" for head in heads), style="dim"))
        for block in range(table.shape[0]):
            line = Text(f"  {f'block {block}':<{_LABEL - 2}}")
            for head in heads:
                share = float(table[block, head])
                line.append(f"{whole_percent(share):>{_WIDTH - 2}} ", heat(share) if has_colour(console) else "")
                line.append(" ")
            print_line(console, line)
    console.print()

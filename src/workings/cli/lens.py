"""`workings lens`: what the model would say after every block, as a table of blocks by positions."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from rich.cells import cell_len
from rich.text import Text

from workings.anatomy.logit_lens import LogitLens, logit_lens, stream_label
from workings.anatomy.tuned_lens import TunedLens, tuned_lens
from workings.cli.asked import explain_again, find_token, lens_again, open_trace
from workings.cli.screen import (
    chip_style,
    command,
    fitted,
    has_colour,
    heat,
    make_console,
    print_indented,
    print_line,
    print_next,
    print_title,
    quoted,
    spelled,
)
from workings.cli.streams import write_json
from workings.display.words import percent

if TYPE_CHECKING:
    from rich.console import Console

    from workings.checkpoints.model import Model
    from workings.cli.asked import Asked

Array = np.ndarray

_NARROWEST, _WIDEST = 8, 16  # columns of a cell
_MOST_BANDS = 4  # tables below one another, each of so many positions as there is room for


def show_lens(
    model: Model, prompt: Asked, token: str | None, after_attention: bool, tuned: str | None, as_json: bool
) -> None:
    """Show the lens, for people or as JSON."""
    ids = open_trace(model, prompt).ids
    lens = tuned_lens(model, ids, TunedLens.load(tuned)) if tuned else logit_lens(model, ids, after_attention)
    chosen = None if token is None else find_token(model, token)
    if as_json:
        _write_document(lens, model, prompt, chosen)
        return
    console = make_console(widest=None)
    console.print()
    _print_title(console, lens, model, chosen)
    console.print()
    coloured = has_colour(console)
    cells = _likeliest(lens, coloured) if chosen is None else _chosen(lens, chosen)
    _print_bands(console, lens, cells)
    options = ["--attention"] if after_attention else [] if tuned is None else ["--tuned", tuned]
    _print_next(console, lens, model, prompt, chosen, options)
    console.print()


def _write_document(lens: LogitLens, model: Model, prompt: Asked, chosen: int | None) -> None:
    trace = lens.trace
    ids, shares = lens.top(1)
    ids, shares = ids[..., 0], shares[..., 0]
    document = {
        "model": model.name,
        "prompt": prompt.text,
        "ids": trace.ids,
        "tokens": trace.tokens,
        "streams": list(lens.streams),
        "lens": "logit" if lens.kind == "lens" else "tuned",
        "likeliest": {
            "ids": np.ascontiguousarray(ids),
            "tokens": [[trace.spell(int(i)) for i in row] for row in ids],
            "shares": np.ascontiguousarray(shares),
        },
    }
    if chosen is not None:
        token_shares, ranks = lens.token(chosen)
        document["token"] = {"id": chosen, "token": trace.spell(chosen), "shares": token_shares, "ranks": ranks}
    write_json(document)


# Cells: what stands on the left, what on the right, and the share that is their colour


Cells = Sequence[Sequence[tuple[str, str, float]]]


def _likeliest(lens: LogitLens, coloured: bool) -> Cells:
    """The likeliest token of every cell; its share in percent too, where there is no colour to tell it."""
    ids, shares = lens.top(1)
    return [
        [
            (spelled(lens.trace.spell(int(i))), "" if coloured else f"{share * 100:>4.0f}", float(share))
            for i, share in zip(row_ids[:, 0], row_shares[:, 0], strict=True)
        ]
        for row_ids, row_shares in zip(ids, shares, strict=True)
    ]


def _chosen(lens: LogitLens, chosen: int) -> Cells:
    """The share and the rank of the chosen token in every cell."""
    shares, ranks = lens.token(chosen)
    return [
        [
            (f"{_short_percent(share):>4}", f" #{_short(int(rank)):<4}", float(share))
            for share, rank in zip(*rows, strict=True)
        ]
        for rows in zip(shares, ranks, strict=True)
    ]


def _short_percent(share: float) -> str:
    return "<1%" if 0 < share < 0.005 else f"{share * 100:.0f}%"


def _short(rank: int) -> str:
    return str(rank) if rank < 10_000 else f"{rank // 1000}k"


# The table


def _print_title(console: Console, lens: LogitLens, model: Model, chosen: int | None) -> None:
    asked = "what it would say if it stopped after a block"
    if chosen is not None:
        asked = f"how likely {quoted(lens.trace.spell(chosen))} would be if it stopped after a block"
    print_title(
        console, (model.name, "bold cyan"), f"  The {'logit' if lens.kind == 'lens' else 'tuned'} lens: {asked}"
    )
    legend = Text("On top the tokens that it reads; below each, what it would say next.", style="dim")
    if chosen is not None:
        legend.append(" Share, and rank among all tokens; #1 is the likeliest.")
    elif not has_colour(console):
        legend.append(" Each with its share in percent.")
    print_indented(console, legend)
    if has_colour(console):
        scale = Text().append("Share: ", "dim")
        for share in (0.0, 0.1, 0.25, 0.5, 0.75, 1.0):
            scale.append(f" {share:.0%} ", heat(share))
        print_indented(console, scale)


def _print_bands(console: Console, lens: LogitLens, cells: Cells) -> None:
    tokens = lens.trace.tokens
    labels = [stream_label(stream) for stream in lens.streams]
    label_width = max(map(cell_len, labels)) + 4
    longest = max(
        *(cell_len(left) + cell_len(right) for row in cells for left, right, _ in row),
        *(cell_len(spelled(t)) for t in tokens),
    )
    width = min(max(longest + 1, _NARROWEST), _WIDEST)
    across = max((console.width - label_width) // width, 1)
    first = max(len(tokens) - across * _MOST_BANDS, 0)
    if first:
        note = f"There is room for the last {len(tokens) - first} of {len(tokens)} tokens; a wider window shows more, --json all."
        print_indented(console, Text(note, style="yellow"))
        console.print()
    bands = math.ceil((len(tokens) - first) / across)
    across = math.ceil((len(tokens) - first) / bands)
    for start in range(first, len(tokens), across):
        shown = range(start, min(start + across, len(tokens)))
        for line in _band(console, lens, cells, labels, shown, width, label_width):
            print_line(console, line)
        console.print()


def _band(
    console: Console,
    lens: LogitLens,
    cells: Cells,
    labels: Sequence[str],
    shown: Sequence[int],
    width: int,
    label_width: int,
) -> Iterable[Text]:
    """The lines of one table: the prompt's tokens, then a line for every stream."""
    coloured, tokens = has_colour(console), lens.trace.tokens
    yield Text(" " * label_width + "".join(f"{position:<{width}}" for position in shown).rstrip(), style="dim")
    head = Text().append(f"  {'reads':<{label_width - 2}}", "dim")
    for position in shown:
        head.append(fitted(spelled(tokens[position]), width - 1), chip_style(position) if coloured else "bold")
        head.append(" ")
    yield head
    for label, row in zip(labels, cells, strict=True):
        line = Text(f"  {label:<{label_width - 2}}")
        for position in shown:
            left, right, share = row[position]
            line.append(fitted(left, width - 1 - cell_len(right)) + right, heat(share) if coloured else "")
            line.append(" ")
        yield line


def _print_next(
    console: Console, lens: LogitLens, model: Model, prompt: Asked, chosen: int | None, options: list[str]
) -> None:
    trace = lens.trace
    likeliest, share = trace.top_ids(1)[0]
    token = likeliest if chosen is None else chosen
    suggestions = []
    if chosen is None:
        what = f"How {quoted(trace.spell(token))} ({percent(share)} at the end) came up, block by block"
        spelling = trace.spell(token).strip() or str(token) if model.tokenizer else str(token)
        suggestions.append((what, command(*lens_again(model.name, prompt, "--token", spelling, *options))))
    else:
        suggestions.append(("What is likeliest everywhere", command(*lens_again(model.name, prompt, *options))))
    if not options:
        options = [] if chosen is None else ["--token", trace.spell(chosen).strip() or str(chosen)]
        suggestions.append(
            (
                "After attention too, between the blocks",
                command(*lens_again(model.name, prompt, *options, "--attention")),
            )
        )
    address = f"logits[{len(trace) - 1}, {token}]"
    suggestions.append(
        (
            f"How the last score of {quoted(trace.spell(token))} came about",
            command(*explain_again(address, model.name, prompt)),
        )
    )
    print_next(console, suggestions)

"""`workings lens`: what the model would say after every block, as a table of blocks by positions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from rich.text import Text

from workings.anatomy.logit_lens import LogitLens, logit_lens, stream_label, streams_asked
from workings.anatomy.tuned_lens import TunedLens, tuned_lens
from workings.cli.asked import explain_again, find_token, lens_again, open_trace, token_again
from workings.cli.maps import Cell, HeatMap, print_map, print_scale
from workings.cli.screen import (
    command,
    exactly,
    has_colour,
    make_console,
    print_indented,
    print_next,
    print_title,
    spelled,
)
from workings.cli.streams import write_json
from workings.display.words import NO_NUMBER, percent
from workings.engine.no_numbers import NO_NUMBERS, has_likeliest

if TYPE_CHECKING:
    from rich.console import Console

    from workings.checkpoints.model import Model
    from workings.cli.asked import Asked
    from workings.engine.trace import Trace

Array = np.ndarray

NONE = Cell(NO_NUMBER, 0.0)


def show_lens(
    model: Model, prompt: Asked, token: str | None, after_attention: bool, tuned: str | None, as_json: bool
) -> None:
    """Show the lens, for people or as JSON."""
    trace = open_trace(model, prompt)
    lens = _read(model, trace, after_attention, tuned)
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
    rows = [(stream_label(stream), row) for stream, row in zip(lens.streams, cells, strict=True)]
    print_map(console, HeatMap([("reads", [spelled(token) for token in lens.trace.tokens])], rows))
    if any(cell is NONE for _, row in rows for cell in row):
        print_indented(console, Text(f"{NONE.left}: {NO_NUMBERS}"))
        console.print()
    options = [*(["--attention"] if after_attention else []), *([] if tuned is None else ["--tuned", tuned])]
    _print_next(console, lens, model, prompt, chosen, options)
    console.print()


def open_tuned(model: Model, name: str) -> TunedLens:
    """The tuned lens of this name, or in this folder; checked to be one of the model."""
    lens = TunedLens.load(name)
    lens.check(model)
    return lens


def _read(model: Model, trace: Trace, after_attention: bool, tuned: str | None) -> LogitLens:
    if tuned is None:
        return logit_lens(model, trace, after_attention)
    lens = tuned_lens(model, trace, TunedLens.load(tuned))
    return replace(lens, streams=tuple(streams_asked(lens.streams, after_attention)))


def _write_document(lens: LogitLens, model: Model, prompt: Asked, chosen: int | None) -> None:
    trace = lens.trace
    ids, shares = lens.top(1)
    ids, shares = ids[..., 0], shares[..., 0]
    told = [
        [int(i) if np.isfinite(p) else None for i, p in zip(*row, strict=True)] for row in zip(ids, shares, strict=True)
    ]
    document = {
        "model": model.name,
        "prompt": prompt.text,
        "ids": trace.ids,
        "tokens": trace.tokens,
        "streams": list(lens.streams),
        "lens": "logit" if lens.kind == "lens" else "tuned",
        "likeliest": {
            "ids": told,
            "tokens": [[None if i is None else trace.spell(i) for i in row] for row in told],
            "shares": np.ascontiguousarray(shares),
        },
    }
    if chosen is not None:
        token_shares, ranks = lens.token(chosen)
        document["token"] = {"id": chosen, "token": trace.spell(chosen), "shares": token_shares, "ranks": ranks}
    write_json(document)


Cells = Sequence[Sequence[Cell]]


def _likeliest(lens: LogitLens, coloured: bool) -> Cells:
    """The likeliest token of every cell; its share in percent too, where there is no colour to tell it."""
    ids, shares = lens.top(1)
    return [
        [
            Cell(spelled(lens.trace.spell(int(i))), float(share), "" if coloured else f"{share * 100:>4.0f}")
            if np.isfinite(share)
            else NONE
            for i, share in zip(row_ids[:, 0], row_shares[:, 0], strict=True)
        ]
        for row_ids, row_shares in zip(ids, shares, strict=True)
    ]


def _chosen(lens: LogitLens, chosen: int) -> Cells:
    """The share and the rank of the chosen token in every cell."""
    shares, ranks = lens.token(chosen)
    return [
        [
            Cell(f"{_short_percent(share):>4}", float(share), f" #{_short(int(rank)):<4}")
            if np.isfinite(share)
            else NONE
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
        asked = f"how likely {exactly(lens.trace.spell(chosen))} would be if it stopped after a block"
    print_title(
        console, (model.name, "bold cyan"), f"  The {'logit' if lens.kind == 'lens' else 'tuned'} lens: {asked}"
    )
    legend = Text("On top the tokens that it reads; below each, what it would say next.", style="dim")
    if chosen is not None:
        legend.append(" Share, and rank among all tokens; #1 is the likeliest.")
    elif not has_colour(console):
        legend.append(" Each with its share in percent.")
    print_indented(console, legend)
    print_scale(console, "Share")


def _print_next(
    console: Console, lens: LogitLens, model: Model, prompt: Asked, chosen: int | None, options: list[str]
) -> None:
    trace = lens.trace
    if not has_likeliest(trace.rows("probabilities", -1)[0]):
        return
    likeliest, share = trace.top_ids(1)[0]
    token = likeliest if chosen is None else chosen
    suggestions = []
    if chosen is None:
        what = f"How {exactly(trace.spell(token))} ({percent(share)} at the end) came up, block by block"
        again = lens_again(model.name, prompt, "--token", token_again(model, trace, token), *options)
        suggestions.append((what, command(*again)))
    else:
        suggestions.append(("What is likeliest everywhere", command(*lens_again(model.name, prompt, *options))))
    if not options:
        options = [] if chosen is None else ["--token", token_again(model, trace, chosen)]
        suggestions.append(
            (
                "After attention too, between the blocks",
                command(*lens_again(model.name, prompt, *options, "--attention")),
            )
        )
    address = f"logits[{len(trace) - 1}, {token}]"
    suggestions.append(
        (
            f"How the last score of {exactly(trace.spell(token))} came about",
            command(*explain_again(address, model.name, prompt)),
        )
    )
    print_next(console, suggestions)

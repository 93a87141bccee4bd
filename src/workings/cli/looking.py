"""`workings attention`: who looks at whom. A summary, the heads of a block as small maps, or one head with its shares."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.cells import cell_len
from rich.text import Text

from workings.anatomy.attention import attention
from workings.anatomy.heads import HeadScores, head_scores
from workings.anatomy.looks import ITSELF, Look, looks, n_blocks, pattern_name
from workings.cli.asked import Asked, attention_again, explain_again, open_trace
from workings.cli.maps import Cell, HeatMap, print_map, say_left_out
from workings.cli.screen import (
    command,
    fitted,
    has_colour,
    heading,
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
from workings.display.words import whole_percent
from workings.errors import InputError

if TYPE_CHECKING:
    from rich.console import Console

    from workings.checkpoints.model import Model
    from workings.engine.trace import Trace

Array = np.ndarray

_SHADES = " .:-=+*#%@"  # from no attention to all of it, where there is no colour
_HOW_TO_READ = "Rows are tokens that look, columns tokens that are looked at."
_MOST_TOLD = 6  # sentences
_LABEL = 12  # columns for a token beside its row
_WITH_SHARES = 4  # columns that a share in percent needs


def show_attention(model: Model, prompt: Asked, block: int | None, head: int | None, as_json: bool) -> None:
    """Show attention, for people or as JSON."""
    trace = open_trace(model, prompt)
    if block is not None:
        attention(trace, block, head)  # says what is wrong with them
    if as_json:
        write_json(
            {
                "model": model.name,
                "prompt": prompt.text,
                "ids": trace.ids,
                "tokens": trace.tokens,
                **_document(trace, block, head),
            }
        )
        return
    console = make_console(widest=None)
    console.print()
    if block is None:
        _print_summary(console, trace, model, prompt)
    elif head is None:
        _print_block(console, trace, model, prompt, block)
    else:
        _print_head(console, trace, model, prompt, block, head)
    console.print()


def _document(trace: Trace, block: int | None, head: int | None) -> dict[str, Any]:
    told = {"looks": [look.to_dict() for look in looks(trace, _MOST_TOLD, block, head)]}
    if block is None:
        return {"last_token_looks_at": [_short(look) for row in _last_looks(trace) for look in row if look], **told}
    pattern = attention(trace, block, head).pattern
    if head is None:
        return {"block": block, "pattern": np.ascontiguousarray(pattern), **told}
    return {"block": block, "head": head, "pattern": np.ascontiguousarray(pattern[0]), **told}


def _short(look: Look) -> dict[str, Any]:
    most = look.at[0]
    return {"block": look.block, "head": look.head, "position": most.position, "token": most.token, "share": most.share}


def _last_looks(trace: Trace) -> list[list[Look | None]]:
    """Where the last token looks most among the earlier ones (a single token: at itself), [block][head]."""
    leave_out = (ITSELF,) if len(trace) > 1 else ()
    found = looks(trace, None, position=-1, leave_out=leave_out, at_least=0)
    by_place = {look.place: look for look in found}  # none where an edit made numbers overflow
    n_heads = trace.shape(pattern_name(0))[0]
    return [[by_place.get((block, head)) for head in range(n_heads)] for block in range(n_blocks(trace))]


def _scores(model: Model) -> HeadScores | None:
    """What the heads are in the habit of; None for a model that reads too little at a time to be asked."""
    try:
        return head_scores(model)
    except InputError:
        return None


def _print_sentences(
    console: Console,
    trace: Trace,
    block: int | None = None,
    head: int | None = None,
    scores: HeadScores | None = None,
) -> None:
    """The strongest looks as sentences."""
    told = looks(trace, _MOST_TOLD, block, head, scores=scores)
    if told:
        console.print(heading("Who looks at whom most, itself and the first token apart"))
        for look in told:
            print_indented(console, str(look))
        console.print()


# The summary: what the last token looks at


def _print_summary(console: Console, trace: Trace, model: Model, prompt: Asked) -> None:
    print_title(
        console,
        (model.name, "bold cyan"),
        f"  At which earlier token does the last one, {quoted(trace.tokens[-1])}, look most?",
    )
    console.print()
    rows, n_heads = _last_looks(trace), model.config.n_heads
    most = max((cell_len(spelled(look.at[0].token)) for row in rows for look in row if look), default=1)
    room = max(console.width - _LABEL, 9)
    groups = math.ceil(n_heads * 9 / room)
    across = math.ceil(n_heads / groups)
    width = max(min(most + 2, room // across, 16), 9)
    for first in range(0, n_heads, across):
        heads = range(first, min(first + across, n_heads))
        console.print(
            Text(" " * _LABEL + "".join(f" {f'head {h}':<{width - 1}}" for h in heads).rstrip(), style="dim"),
            soft_wrap=True,
        )
        for block, row in enumerate(rows):
            _print_looks(console, f"block {block}", [row[h] for h in heads], width)
        console.print()
    _print_sentences(console, trace)
    told = [look for row in rows for look in row if look]
    block, head = max(told, key=lambda look: look.share).place if told else (0, 0)
    options = ["--block", str(block)]
    print_next(
        console,
        [
            (f"All heads of block {block}, as maps", command(*attention_again(model.name, prompt, *options))),
            (
                "The head that looks hardest, share by share",
                command(*attention_again(model.name, prompt, *options, "--head", str(head))),
            ),
        ],
    )


def _print_looks(console: Console, label: str, found: Sequence[Look | None], width: int) -> None:
    coloured = has_colour(console)
    upper, lower = Text(f"  {label:<{_LABEL - 2}}"), Text(" " * _LABEL)
    for look in found:
        style = heat(look.share) if coloured and look else ""
        upper.append(" " + fitted(spelled(look.at[0].token) if look else "·", width - 1), style)
        lower.append(f" {whole_percent(look.share) if look else '':<{width - 1}}", style)
    for line in (upper, lower):
        print_line(console, line)


# Maps


def _print_head(console: Console, trace: Trace, model: Model, prompt: Asked, block: int, head: int) -> None:
    print_title(
        console,
        (model.name, "bold cyan"),
        f"  Block {block}, head {head}: how each token shares out its attention, in percent",
    )
    print_indented(console, Text(_HOW_TO_READ, style="dim"))
    console.print()
    pattern = trace[f"blocks.{block}.attn.pattern"][head]  # [query pos, key pos]
    rows = [
        (
            f"{query:>4} {spelled(token)}",
            [Cell(_percent(share), float(share)) if key <= query else None for key, share in enumerate(pattern[query])],
        )
        for query, token in enumerate(trace.tokens)
    ]
    print_map(
        console, HeatMap([("", [spelled(token) for token in trace.tokens])], rows, _WITH_SHARES, 12, most_bands=1)
    )
    if scores := _scores(model):
        print_indented(console, Text(scores.sentence(block, head), style="dim"), 0)
        console.print()
    _print_sentences(console, trace, block, head)
    last = len(trace) - 1
    best = int(pattern[last].argmax())
    address = f"blocks.{block}.attn.pattern[{head}, {last}, {best}]"
    print_next(console, [(f"How {quoted(trace.tokens[-1])} came to give {whole_percent(pattern[last, best])} to {quoted(trace.tokens[best])}",
                          command(*explain_again(address, model.name, prompt)))])  # fmt: skip


def _percent(share: float) -> str:
    return "·" if share < 0.005 else f"{share * 100:.0f}"


def _print_block(console: Console, trace: Trace, model: Model, prompt: Asked, block: int) -> None:
    print_title(
        console, (model.name, "bold cyan"), f"  Block {block}: what each of its {model.config.n_heads} heads looks at"
    )
    scale = "Bright is much, dark is little." if has_colour(console) else f"From little to much: {_SHADES[1:]}"
    print_indented(console, Text(f"{_HOW_TO_READ} {scale}", style="dim"))
    console.print()
    patterns = trace[f"blocks.{block}.attn.pattern"]  # [head, query pos, key pos]
    labels = [spelled(token) for token in trace.tokens]
    room = console.width - _LABEL - 4
    width = 2 if 2 * len(labels) <= room else 1
    first = say_left_out(console, len(labels), room // width)
    across = max(room // (max(width * (len(labels) - first), 8) + 3), 1)
    for start in range(0, len(patterns), across):
        for line in _small_maps(
            console, patterns, labels, range(start, min(start + across, len(patterns))), first, width
        ):
            print_line(console, line)
        console.print()
    _print_sentences(console, trace, block, scores=_scores(model))
    print_next(
        console,
        [
            (
                "One head, share by share",
                command(*attention_again(model.name, prompt, "--block", str(block), "--head", "0")),
            )
        ],
    )


def _small_maps(
    console: Console, patterns: Array, labels: Sequence[str], heads: Sequence[int], first: int, width: int
) -> Iterable[Text]:
    shown = range(first, len(labels))
    map_width = max(width * len(shown), 8)
    yield Text(" " * (_LABEL + 4) + "".join(f"head {head}".ljust(map_width + 3) for head in heads), style="bold")
    for query in shown:
        line = Text(f"  {fitted(labels[query], _LABEL)}  ")
        for head in heads:
            for key in shown:
                line.append_text(_dot(console, patterns[head, query, key] if key <= query else None, width))
            line.append(" " * (map_width - width * len(shown) + 3))
        yield line


def _dot(console: Console, share: float | None, width: int) -> Text:
    if share is None:
        return Text(" " * width)
    if has_colour(console):
        return Text(" " * width, style=heat(share))
    return Text(_SHADES[min(int(share * 9.0) + 1, 9)] * width)

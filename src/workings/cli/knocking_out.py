"""`workings knockout`: what the model would say without a part of it, before and after side by side."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.text import Text

from workings.anatomy.cells import Positions
from workings.anatomy.knock_out import KINDS, By, knock_out
from workings.cli.asked import Asked, keep_edits, open_beside, open_trace
from workings.cli.positions import at_positions, numbered, positions_in
from workings.cli.screen import (
    bar,
    exactly,
    fitted,
    make_console,
    one_line,
    print_chips,
    print_indented,
    print_line,
    print_title,
    quoted,
)
from workings.cli.streams import write_json
from workings.display.words import percent
from workings.engine.checks import whole
from workings.errors import InputError, OutsideTable

if TYPE_CHECKING:
    from rich.console import Console

    from workings.checkpoints.model import Model
    from workings.engine.trace import Trace

_HEAD = re.compile(r"(\d+)\.(\d+)")


@dataclass(frozen=True)
class Instead:
    """What takes the place of a part: zero, its mean, or, if there are any, what it holds in other prompts (the mean of several)."""

    by: str = "zero"
    prompts: tuple[str, ...] = ()

    def read(self, model: Model, prompt: Asked) -> By:
        """The same as `workings.knock_out` takes it. Raises `InputError`."""
        if self.prompts:
            return [open_beside(model, prompt, text) for text in self.prompts]
        if self.by not in KINDS:
            raise InputError(f"--by is {' or '.join(KINDS)}, and --by-prompt takes another prompt; {self.by!r} came")
        return self.by

    def said(self) -> str:
        """In words: `its numbers set to 0`."""
        if not self.prompts:
            return "its numbers set to 0" if self.by == "zero" else "each row set to the mean over all positions"
        which = _listed([quoted(text) for text in self.prompts])
        return (
            f"its numbers taken from {which}" if len(self.prompts) == 1 else f"its numbers set to the mean of {which}"
        )

    def to_dict(self) -> dict[str, object]:
        """The same, ready for JSON."""
        return {"by": "prompts" if self.prompts else self.by, "by_prompts": list(self.prompts)}


@dataclass(frozen=True)
class Gone:
    """A part that is knocked out: a table, or one head of it, and how a person calls it."""

    table: str
    head: int | None
    label: str

    def out_of(self, trace: Trace, positions: Positions, by: By) -> Trace:
        """A trace without it."""
        return knock_out(trace, self.table, self.head, positions, by)


def show_knock_out(
    model: Model,
    prompt: Asked,
    heads: Sequence[str],
    tables: Sequence[str],
    instead: Instead,
    positions: str | None,
    top: int,
    save: str | None,
    as_json: bool,
) -> None:
    """Show the next tokens before and after, for people or as JSON."""
    top = whole("--top, the number of likeliest tokens,", top, 1, model.config.d_vocab)
    trace = open_trace(model, prompt)
    parts = [*(_head(model, head) for head in heads), *(Gone(table, None, table) for table in tables)]
    places, by = positions_in(positions), instead.read(model, prompt)
    after, alone = trace, []
    for part in parts:
        after = part.out_of(after, places, by)
        if len(parts) > 1:
            alone.append(part.out_of(trace, places, by))
    if save is not None:
        keep_edits(after, model, save)
    if as_json:
        _write_document(model, prompt, trace, after, places, instead, top)
        return
    console = make_console()
    console.print()
    print_title(
        console,
        (model.name, "bold cyan"),
        f"  Without {_listed([part.label for part in parts])}{'' if positions is None else ' ' + at_positions(positions)}: {instead.said()}",
    )
    print_chips(console, trace.tokens)
    console.print()
    _print_both(console, trace, after, top)
    for sentence in _told(trace, after, parts, alone):
        print_indented(console, sentence)
    console.print()


def _head(model: Model, text: str) -> Gone:
    found = _HEAD.fullmatch(text)
    if not found:
        raise InputError(f"a head is its block and its number, such as 1.3; {text!r} came")
    block, head = int(found[1]), int(found[2])
    for what, number, count in (("block", block, model.config.n_layers), ("head", head, model.config.n_heads)):
        if number >= count:
            raise OutsideTable(f"there is no {what} {number}: this model has {count}, numbered 0 to {count - 1}")
    return Gone(f"blocks.{block}.attn.z", head, f"head {head} of block {block}")


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _write_document(
    model: Model, prompt: Asked, before: Trace, after: Trace, places: Positions, instead: Instead, top: int
) -> None:
    from workings.surgery.edit_list import EditList

    write_json(
        {
            "model": model.name,
            "prompt": prompt.text,
            "ids": before.ids,
            "tokens": before.tokens,
            "positions": numbered(places, len(before)),
            **instead.to_dict(),
            "edits": EditList.of(after).to_dict()["edits"],
            **{name: [{"id": i, "token": trace.spell(i), "probability": p} for i, p in trace.top_ids(top)]
               for name, trace in (("before", before), ("after", after))},
        }
    )  # fmt: skip


def _print_both(console: Console, before: Trace, after: Trace, top: int) -> None:
    """The likeliest tokens of both, what is likeliest after on top of those that came up by it; where all are alike, none is."""
    telling = [trace for trace in (before, after) if not _all_alike(trace)] or [before]
    chosen = list(dict.fromkeys([i for trace in telling for i, _ in trace.top_ids(top)]))
    shares = [trace.rows("probabilities", -1)[0] for trace in (before, after)]
    chosen.sort(key=lambda i: -max(float(share[i]) for share in shares))
    words = [one_line(before.spell(i)) for i in chosen]
    width = min(max(map(len, words)), 24) + 1
    room = max((console.width - width - 24) // 2, 6)
    print_line(console, Text("  " + " " * width + f"{'before':<{room + 9}}after", style="bold"))
    for word, i in zip(words[: top + 2], chosen, strict=False):
        line = Text(f"  {fitted(word, width)}")
        for share, style in zip(shares, ("blue", "green"), strict=True):
            line.append(f"{percent(float(share[i])):>6} ", "bold")
            line.append(f"{bar(float(share[i]), room):<{room}}  ", style)
        print_line(console, line)
    console.print()


def _all_alike(trace: Trace) -> bool:
    """Whether every token is as likely as every other one after the last."""
    shares = trace.rows("probabilities", -1)[0]
    return bool((shares == shares[0]).all())


def _told(before: Trace, after: Trace, parts: Sequence[Gone], alone: Sequence[Trace]) -> list[str]:
    winner, share = before.top_ids(1)[0]
    now = float(after.rows("probabilities", -1)[0, winner])
    first, its_share = after.top_ids(1)[0]
    word = exactly(before.spell(winner))
    if _all_alike(after):
        told = [f"{word} falls from {percent(share)} to {percent(now)}, and all tokens are equally likely."]
    elif first != winner:
        told = [
            f"{word} falls from {percent(share)} to {percent(now)}, and {exactly(after.spell(first))} comes first with {percent(its_share)}."
        ]
    else:
        told = [f"{word} still comes first, with {percent(now)} instead of {percent(share)}."]
    if alone:
        kept = [float(trace.rows("probabilities", -1)[0, winner]) for trace in alone]
        each = ", ".join(f"{percent(one)} without {part.label}" for part, one in zip(parts, kept, strict=True))
        stand_in = " So each stands in for the other." if len(kept) == 2 and min(kept) > 0.5 > now else ""
        told.append(
            f"One by one it matters less: {word} has {each}.{stand_in}"
            if min(kept) > now
            else f"One by one: {word} has {each}."
        )
    return told

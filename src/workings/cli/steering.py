"""`workings steer`: push the residual stream in a direction, and see the next word before and after."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.text import Text

from workings.checkpoints.sparse_autoencoder import Feature
from workings.cli.asked import find_token, keep_edits, model_again, open_trace
from workings.cli.features import open_sae
from workings.cli.positions import at_positions, numbered, positions_in
from workings.cli.screen import (
    bar,
    command,
    exactly,
    figure,
    fitted,
    make_console,
    one_line,
    print_indented,
    print_line,
    print_next,
    print_title,
    typed,
)
from workings.cli.streams import write_json
from workings.display.words import percent
from workings.errors import InputError, NotReached
from workings.surgery.steering import Flip, SteeringVector, smallest_strength, steering_vector

if TYPE_CHECKING:
    from rich.console import Console

    from workings.checkpoints.model import Model
    from workings.cli.asked import Asked
    from workings.engine.trace import Trace

CLEARLY = 1.25
"""Where no strength is asked for, so many times the smallest that works, at which two words would be about equal."""
N_LIKELIEST = 4
LEAST = 0.001
"""Tokens whose share is smaller before and after are not shown."""
_STREAM = re.compile(r"blocks\.(\d+)\.resid_(pre|mid|post)")
_HEADS = re.compile(r"blocks\.(\d+)\.attn\.z")
_WHEN = {"pre": "before", "mid": "after the attention of", "post": "after"}


@dataclass(frozen=True)
class Steering:
    """What was asked for: where the direction comes from, how hard to push, where, and what to look for."""

    feature: str | None = None
    sae: str | None = None
    toward: Sequence[str] = ()
    away: Sequence[str] = ()
    strength: float | None = None
    layer: int | None = None
    positions: str | None = None
    token: str | None = None
    most: float = 64.0


def show_steer(
    model: Model, prompt: Asked, steering: Steering, n_written: int, save: str | None, as_json: bool
) -> None:
    """Steer, and show what comes next and what it writes, before and after."""
    trace = open_trace(model, prompt)
    direction, layer = _direction(model, steering)
    positions = positions_in(steering.positions)
    wanted = None if steering.token is None else find_token(model, steering.token)
    flip, why_not = _smallest(trace, direction, wanted, layer, positions, steering.most)
    strength = steering.strength
    if strength is None:
        if flip is None:
            raise InputError(f"{why_not}. Give a --strength to see what one does, or look further with --most.")
        strength = CLEARLY * flip.strength
    steered = trace.steer(direction, strength, layer, positions)
    if save is not None:
        keep_edits(steered, model, save)
    texts = [model.generate(way, n_written) for way in (trace, steered)] if n_written else ["", ""]
    told = _Told(model, trace, steered, direction, layer, steering.positions, strength, flip, why_not, texts)
    if as_json:
        write_json({"prompt": prompt.text, **told.to_dict()})
        return
    console = make_console()
    console.print()
    told.show(console)
    print_next(console, _suggestions(model, prompt, steering, told, save))
    console.print()


def _direction(model: Model, asked: Steering) -> tuple[Feature | SteeringVector, int | None]:
    """What is added, and after which block (None: where it belongs)."""
    if bool(asked.feature) == bool(asked.toward or asked.away):
        raise InputError("give what to steer with: --feature, or pairs of --toward and --away texts")
    if asked.feature:
        sae = open_sae(model, asked.sae)
        return sae.feature(asked.feature), asked.layer
    if len(asked.toward) != len(asked.away):
        raise InputError(f"--toward and --away texts come in pairs; {len(asked.toward)} and {len(asked.away)} came")
    layer = model.config.n_layers // 2 if asked.layer is None else asked.layer
    if not 0 <= layer < model.config.n_layers:
        raise InputError(f"--layer is a block from 0 to {model.config.n_layers - 1}; {layer} came")
    pairs = list(zip(asked.toward, asked.away, strict=True))
    return steering_vector(model, pairs, f"blocks.{layer}.resid_post"), layer


def _smallest(
    trace: Trace, direction: Any, wanted: int | None, layer: int | None, positions: Any, most: float
) -> tuple[Flip | None, str]:
    try:
        return smallest_strength(trace, direction, wanted, layer, positions, most), ""
    except NotReached as error:
        return None, str(error)


@dataclass(frozen=True)
class _Told:
    """All there is to tell."""

    model: Model
    trace: Trace
    steered: Trace
    direction: Feature | SteeringVector
    layer: int | None
    positions: str | None
    strength: float
    flip: Flip | None
    why_not: str
    texts: Sequence[str | list[int]]

    @property
    def table(self) -> str:
        """The table that the direction is added to."""
        return self.direction.table if self.layer is None else f"blocks.{self.layer}.resid_post"

    @property
    def what(self) -> str:
        """The direction in words."""
        if isinstance(self.direction, Feature):
            label = f" “{one_line(self.direction.label)}”" if self.direction.label else ""
            return f"feature {self.direction.number}{label}"
        pairs = f"{self.direction.n_pairs} pair{'s' if self.direction.n_pairs > 1 else ''}"
        return f"the mean difference of {pairs} of texts"

    def rows(self) -> list[tuple[int, float, float]]:
        """The likeliest tokens of both, with their shares before and after."""
        shares = [way.rows("probabilities", -1)[0] for way in (self.trace, self.steered)]
        ids = dict.fromkeys(i for way in (self.steered, self.trace) for i, _ in way.top_ids(N_LIKELIEST))
        rows = [(i, float(shares[0][i]), float(shares[1][i])) for i in ids]
        rows.sort(key=lambda row: -max(row[1:]))
        return rows[:2] + [row for row in rows[2:] if max(row[1:]) >= LEAST]

    def to_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        feature = self.direction
        return {
            "model": self.model.name,
            "ids": self.trace.ids,
            "tokens": self.trace.tokens,
            "feature": {"number": feature.number, "label": feature.label} if isinstance(feature, Feature) else None,
            "table": self.table,
            "positions": numbered(positions_in(self.positions), len(self.trace)),
            "strength": self.strength,
            "next": [
                {"id": i, "token": self.trace.spell(i), "before": before, "after": after}
                for i, before, after in self.rows()
            ],
            "smallest": None if self.flip is None else {"strength": self.flip.strength, "token": self.flip.after[0]},
            "texts": {"before": self.texts[0], "after": self.texts[1]},
        }

    def show(self, console: Console) -> None:
        """Print it for people."""
        where = "at every token" if self.positions is None else at_positions(self.positions)
        print_title(console, (self.model.name, "bold cyan"), f"  {''.join(self.trace.tokens)}")
        print_indented(
            console,
            Text.assemble(
                (f"{figure(self.strength)} × {self.what}", "bold"),
                f" is added to {_carried(self.table)}, {where}.",
            ),
        )
        console.print()
        self._show_shares(console)
        console.print()
        print_indented(console, self._verdict())
        if self.texts[0]:
            console.print()
            for name, text in zip(("before", "after"), self.texts, strict=True):
                print_indented(console, Text.assemble((f"{name:<7} ", "bold"), one_line(str(text))))
        console.print()

    def _show_shares(self, console: Console) -> None:
        rows = self.rows()
        words = [one_line(self.trace.spell(i)) for i, _, _ in rows]
        width = min(max(map(len, words)), 20) + 1
        room = max((min(console.width, 92) - width - 24) // 2, 6)
        line = Text(f"  {'next':<{width}} {'before':<{room + 9}} after", style="dim")
        print_line(console, line)
        for word, (_, before, after) in zip(words, rows, strict=True):
            line = Text("  ").append(fitted(word, width), "bold")
            for share, style in ((before, "blue"), (after, "green")):
                line.append(f"{percent(share):>7} ").append(f"{bar(share, room):<{room}} ", style)
            print_line(console, line)

    def _verdict(self) -> str:
        first, now = exactly(self.trace.top(1)[0][0]), exactly(self.steered.top(1)[0][0])
        changed = f"{now} comes first instead of {first}." if first != now else f"{first} still comes first."
        if self.flip is None:
            return f"{changed} {self.why_not[0].upper()}{self.why_not[1:]}."
        return f"{changed} The smallest strength that brings {exactly(self.flip.after[0])} to the first place is {figure(self.flip.strength)}."


def _carried(table: str) -> str:
    """What a table holds, for somebody who does not know its name."""
    if found := _HEADS.fullmatch(table):
        return f"what the heads of block {found[1]} found ({table})"
    if not (found := _STREAM.fullmatch(table)):
        return table
    return f"what the model carries along {_WHEN[found[2]]} block {found[1]}"


def _suggestions(model: Model, prompt: Asked, asked: Steering, told: _Told, save: str | None) -> list[tuple[str, str]]:
    own = model_again(model.name)
    found = []
    if asked.feature:
        sae = ["--sae", asked.sae] if asked.sae else []
        found.append(
            ("When that feature fires, and what it speaks for", command("sae", "show", asked.feature, *sae, *own))
        )
        where = ["--layer", str(asked.layer)] if asked.layer is not None else []
        where += ["--positions", asked.positions] if asked.positions is not None else []
        words = ["steer", prompt.text, "--feature", asked.feature, *sae, "--strength", typed(2 * told.strength), *where]
        if told.strength:
            found.append(("Twice as hard", command(*words, *own)))
    if save:
        found.append(("The first minute with it", command("run", "--edits", save, *own)))
    return found

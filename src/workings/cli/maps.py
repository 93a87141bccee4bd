"""Heat maps in the terminal: a line for each row, a coloured cell for each column, in bands where the screen is narrow."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from workings.cli.screen import chip_style, fitted, has_colour, heat, print_indented, print_line


@dataclass(frozen=True)
class Cell:
    """What stands on the left of a cell, the share that is its colour, and what stands on its right, which is never cut off."""

    left: str
    share: float
    right: str = ""


Row = tuple[str, Sequence[Cell | None]]
"""What a row is called, and its cells; None where there is none."""


@dataclass(frozen=True)
class HeatMap:
    """A map of rows by columns. `heads` are the lines above it, each with its name and a text for every column."""

    heads: Sequence[tuple[str, Sequence[str]]]
    rows: Sequence[Row]
    narrowest: int = 8
    widest: int = 16
    most_bands: int = 4
    """Maps below one another, each of so many columns as there is room for."""
    numbered: bool = True
    """Whether the columns' numbers stand above all."""

    @property
    def n_columns(self) -> int:
        """How many columns there are."""
        return len(self.heads[0][1])

    def width(self, console: Console) -> int:
        """How wide a column is: as what is longest in it, narrower where many are to be shown."""
        cells = [cell for _, row in self.rows for cell in row if cell]
        longest = max(
            *(cell_len(cell.left) + cell_len(cell.right) for cell in cells),
            *(cell_len(text) for _, texts in self.heads for text in texts),
        )
        room = (console.width - self.label_width) // self.n_columns if self.most_bands == 1 else self.widest
        return max(min(longest + 1, self.widest, room), self.narrowest)

    @property
    def label_width(self) -> int:
        """How much room there is for the names of rows."""
        names = [name for name, _ in self.rows] + [name for name, _ in self.heads]
        return min(max(map(cell_len, names)), 24) + 4


def print_map(console: Console, drawn: HeatMap) -> None:
    """Draw a map, in as many bands as it needs; says what is left out where there is no room."""
    width, count = drawn.width(console), drawn.n_columns
    across = max((console.width - drawn.label_width) // width, 1)
    first = say_left_out(console, count, across * drawn.most_bands)
    bands = math.ceil((count - first) / across)
    across = math.ceil((count - first) / bands)
    for start in range(first, count, across):
        for line in _band(console, drawn, range(start, min(start + across, count)), width):
            print_line(console, line)
        console.print()


def say_left_out(console: Console, count: int, most: int) -> int:
    """How many tokens at the beginning are not shown because the screen is too narrow; says so."""
    first = max(count - max(most, 1), 0)
    if first:
        note = f"There is room for the last {count - first} of {count} tokens; a wider window shows more, --json all."
        print_indented(console, Text(note, style="yellow"))
        console.print()
    return first


def _band(console: Console, drawn: HeatMap, shown: Sequence[int], width: int) -> Iterable[Text]:
    coloured, label_width = has_colour(console), drawn.label_width
    if drawn.numbered:
        yield Text(" " * label_width + "".join(f"{column:<{width}}" for column in shown).rstrip(), style="dim")
    for name, texts in drawn.heads if width > 5 else ():  # narrower ones say nothing
        line = Text().append(f"  {name:<{label_width - 2}}", "dim")
        for column in shown:
            style = chip_style(column) if coloured and drawn.numbered else "bold"
            line.append(fitted(texts[column], width - 1), style if texts[column] else "")
            line.append(" ")
        yield line
    for name, row in drawn.rows:
        cells = [row[column] for column in shown]
        if any(cells):
            line = Text(f"  {fitted(name, label_width - 4)}  ")
            for cell in cells:
                line.append_text(_cell(cell, width, coloured))
            yield line


def _cell(cell: Cell | None, width: int, coloured: bool) -> Text:
    if cell is None:
        return Text(" " * width)
    text = fitted(cell.left, width - 1 - cell_len(cell.right)) + cell.right
    return Text().append(text, heat(cell.share) if coloured else "").append(" ")


def print_scale(console: Console, name: str, shares: Sequence[float] = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)) -> None:
    """What the colours mean, where there are any."""
    if has_colour(console):
        scale = Text().append(f"{name}: ", "dim")
        for share in shares:
            scale.append(f" {share:.0%} ".replace("-", "−"), heat(share))
        print_indented(console, scale)

"""The same pictures as matplotlib figures, for papers: vectors where that is wise, colours that everybody can tell apart.

Nothing here touches pyplot: a figure comes back, is shown by a notebook, or saved with `figure.savefig("name.pdf")`.
"""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from textwrap import fill
from typing import Any

import numpy as np

from workings.display.style import BLUE, ORANGE
from workings.display.words import NO_NUMBER, cut, number
from workings.errors import MissingExtra

try:
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.figure import Figure
except ImportError as error:
    raise MissingExtra("a figure needs matplotlib, which is not installed: pip install 'workings[plot]'") from error

Array = np.ndarray

_BLUE, _ORANGE = (tuple(part / 255 for part in colour) for colour in (BLUE, ORANGE))
SHARES = LinearSegmentedColormap.from_list("shares", [(1, 1, 1), _BLUE])
SIGNED = LinearSegmentedColormap.from_list("signed", [_ORANGE, (1, 1, 1), _BLUE])

NONE = "0.8"
"""The grey of cells whose number is NaN or infinite; paper white would say that it is 0."""

MOST_WORDS = 600
"""Cells that have their words written in them."""
MOST_LABELS = 60
"""Labels along a side; of more only some are written."""
MOST_VECTORS = 10_000
"""Cells that are drawn one by one; larger maps are pictures within the figure."""


class Picture(Figure):
    """A figure that a notebook shows even where pyplot was never imported."""

    def _repr_png_(self) -> bytes:
        kept = BytesIO()
        self.savefig(kept, format="png", dpi=144)
        return kept.getvalue()


def heat_plot(
    values: Array,
    rows: Sequence[str],
    columns: Sequence[str],
    title: str = "",
    words: Sequence[Sequence[str]] | None = None,
    largest: float | None = None,
    named: tuple[str, str] = ("", ""),
    scale: str = "",
) -> Picture:
    """A map of `values` [row, column] with labels on both sides; `named` are the axes' names, `scale` the colours'."""
    wide = 0.62 if words is not None else 0.3
    size = (min(max(wide * len(columns) + 2.4, 3.4), 16), min(max(0.27 * len(rows) + 1.5, 2.2), 16))
    figure = Picture(figsize=size, layout="constrained")
    axes = figure.add_subplot()
    mesh = _map(axes, values, largest)
    _label(axes, rows, columns)
    axes.set_ylabel(named[0], parse_math=False)
    axes.set_xlabel(named[1], parse_math=False)
    if words is not None and values.size <= MOST_WORDS:
        _write(axes, values, words, mesh.get_clim()[1])
    figure.colorbar(mesh, ax=axes, label=_scale(scale, values), shrink=0.8)
    _title(figure, title)
    return figure


def _scale(scale: str, values: Array) -> str:
    return scale if np.isfinite(values).all() else f"{scale}\n(grey: {NO_NUMBER})".strip()


def maps_plot(
    sheets: Sequence[Array],
    titles: Sequence[str],
    rows: Sequence[str],
    columns: Sequence[str],
    title: str = "",
    named: tuple[str, str] = ("", ""),
    scale: str = "",
    across: int = 4,
) -> Picture:
    """Several maps of shares to one scale of 0 to 1, side by side and below one another."""
    across = min(across, len(sheets))
    down = -(-len(sheets) // across)
    side = min(max(0.16 * len(rows), 1.6), 3.2)
    figure = Picture(figsize=((side + 0.3) * across + 1.6, (side + 0.4) * down + 0.9), layout="constrained")
    grid = figure.subplots(down, across, squeeze=False, sharex=True, sharey=True)
    for place, axes in enumerate(grid.flat):
        if place >= len(sheets):
            axes.set_axis_off()
            continue
        mesh = _map(axes, sheets[place], 1.0)
        axes.set_title(titles[place], fontsize="small", parse_math=False)
        _label(axes, rows, columns, size=6)
        axes.set_aspect("equal")
    figure.colorbar(mesh, ax=grid, label=scale, shrink=0.6)
    figure.supylabel(named[0], fontsize="small")
    figure.supxlabel(named[1], fontsize="small")
    _title(figure, title)
    return figure


def bars_plot(labels: Sequence[str], values: Sequence[float], title: str = "", scale: str = "") -> Picture:
    """Bars to the right for what adds, to the left for what takes away, the first label on top."""
    return _bars(labels, np.zeros(len(values)), np.asarray(values, np.float64), title, scale)


def waterfall_plot(
    labels: Sequence[str], values: Sequence[float], total: float, title: str = "", scale: str = ""
) -> Picture:
    """Addends below one another, each bar starting where the last one ended; at the bottom what they come to."""
    lengths = np.asarray(values, np.float64)
    starts = np.concatenate([[0.0], np.cumsum(lengths)[:-1]]) if len(lengths) else lengths
    return _bars([*labels, "together"], np.append(starts, 0.0), np.append(lengths, total), title, scale)


def _bars(labels: Sequence[str], starts: Array, lengths: Array, title: str, scale: str) -> Picture:
    figure = Picture(figsize=(6.4, min(0.24 * len(labels) + 1.1, 24)), layout="constrained")
    axes = figure.add_subplot()
    colours = [_ORANGE if length < 0 else _BLUE for length in lengths]
    drawn = axes.barh(range(len(labels)), lengths, left=starts, color=colours, height=0.72)
    written = [f" {number(float(f'{length:.3g}'))} " for length in lengths]
    axes.bar_label(drawn, written, fontsize=7, parse_math=False)
    axes.set_yticks(range(len(labels)), labels, fontsize=8, parse_math=False)
    axes.margins(x=0.12)
    axes.invert_yaxis()
    axes.axvline(0, color="0.6", linewidth=0.8, zorder=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(scale, parse_math=False)
    _title(figure, title)
    return figure


def _title(figure: Picture, title: str) -> None:
    wide = int(figure.get_figwidth() * 11)  # characters that there is room for
    figure.suptitle(fill(title, wide), fontsize="medium", parse_math=False)


def _map(axes: Any, values: Array, largest: float | None) -> Any:
    values = np.asarray(values, np.float64)
    finite = np.abs(values[np.isfinite(values)])
    most = largest or (float(finite.max()) if finite.size else 0.0) or 1.0
    signed = bool((values[np.isfinite(values)] < 0).any())
    axes.set_facecolor(NONE)
    settings = {"cmap": SIGNED if signed else SHARES, "vmin": -most if signed else 0.0, "vmax": most}
    if values.size > MOST_VECTORS:
        mesh = axes.imshow(values, interpolation="nearest", aspect="auto", **settings)
    else:
        edges = (np.arange(size + 1) - 0.5 for size in reversed(values.shape))
        mesh = axes.pcolormesh(*edges, values, **settings)
        axes.set_ylim(values.shape[0] - 0.5, -0.5)
    axes.tick_params(length=0)
    return mesh


def _label(axes: Any, rows: Sequence[str], columns: Sequence[str], size: int = 8) -> None:
    for labels, set_ticks, turned in ((rows, axes.set_yticks, {}), (columns, axes.set_xticks, {"rotation": 90})):
        shown = range(0, len(labels), -(-len(labels) // MOST_LABELS) or 1)
        short = all(len(labels[place]) <= 3 for place in shown)
        set_ticks(
            shown, [labels[place] for place in shown], fontsize=size, parse_math=False, **({} if short else turned)
        )


def _write(axes: Any, values: Array, words: Sequence[Sequence[str]], most: float) -> None:
    for (row, column), value in np.ndenumerate(values):
        dark = abs(value) > 0.72 * most
        text = words[row][column]
        axes.text(column, row, cut(text, 10), ha="center", va="center", fontsize=7,
                  color="white" if dark else "black", parse_math=False)  # fmt: skip

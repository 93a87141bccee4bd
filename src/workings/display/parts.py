"""Pieces of a page: from arrays and strings to HTML that needs no script, nothing from elsewhere, and no identifiers.

Every text is escaped here and nowhere else. Tables and maps that would be too large for a page are cut, and say so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from html import escape
from itertools import pairwise

import numpy as np

from workings.display.picture import as_address
from workings.display.style import BLUE, ORANGE, STYLE
from workings.display.words import NO_NUMBER, count, number, percent, visible

Array = np.ndarray

MOST_CELLS, MOST_ACROSS = 2400, 48
"""Cells of a table with words in them, and how many of them side by side."""
MOST_CHIPS = 300
MOST_MARKS = 4000
"""Marks that can be pointed at in all small maps of one group; with more, each map is a picture."""
FAINTEST = 0.005


def fragment(*parts: str, title: str = "", said: str = "") -> str:
    """Pieces under a title and a sentence, with the style they need: what a `_repr_html_` gives."""
    head = f'<p class="title">{escape(title)}</p>' if title else ""
    # Notebooks would take what stands between two dollar signs for mathematics.
    classes = "workings-view tex2jax_ignore mathjax_ignore"
    return f'<div class="{classes}"><style>{STYLE}</style>{head}{paragraph(said)}{"".join(parts)}</div>\n'


def bare(*parts: str) -> str:
    """Pieces on a `page`, which has the style already."""
    return f'<div class="workings-view bare">{"".join(parts)}</div>'


def page(title: str, *parts: str, style: str = "") -> str:
    """A whole page of `bare` pieces and whatever else, one file that needs nothing else; `style` is its own besides ours."""
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n<meta name="color-scheme" content="light dark">\n'
        f"<style>{STYLE}{style}</style>\n</head>\n<body>\n<main>\n{''.join(parts)}</main>\n</body>\n</html>\n"
    )


def paragraph(text: str, kind: str = "said") -> str:
    """A paragraph; `kind` is `said`, `note`, `formula` or `value`. Nothing for an empty text."""
    return f'<p class="{kind}">{escape(text)}</p>' if text else ""


def heading(text: str) -> str:
    """The title of a part."""
    return f"<h4>{escape(text)}</h4>"


def lines(texts: Iterable[str]) -> str:
    """Sentences below one another."""
    return f'<ul class="plain">{"".join(f"<li>{escape(text)}</li>" for text in texts)}</ul>'


def folded(title: str, *parts: str) -> str:
    """What is opened by a click on its title."""
    return f"<details><summary>{escape(title)}</summary>{''.join(parts)}</details>"


def token_chips(tokens: Sequence[str], ids: Sequence[int] | Array | None = None) -> str:
    """Tokens side by side, each on its own colour, their ids beneath; of very many the last ones."""
    first = max(len(tokens) - MOST_CHIPS, 0)
    chips = "".join(
        f'<li class="c{place % 6}"><b>{escape(visible(tokens[place]))}</b>'
        f"{'' if ids is None else f'<small>{int(ids[place])}</small>'}</li>"
        for place in range(first, len(tokens))
    )
    return f'<ol class="tokens">{chips}</ol>{_left_out(first, len(tokens), "tokens", "`.tokens`")}'


def shaded_text(tokens: Sequence[str], shades: Sequence[float]) -> str:
    """Tokens as running text, each shaded by a share of 0 to 1; the share where one points."""
    marks = "".join(
        f'<span style="{_shade(min(max(shade, 0.0), 1.0))}" title="{escape(percent(shade))}">{escape(visible(token).replace("␣", " "))}</span>'
        for token, shade in zip(tokens, shades, strict=True)
    )
    return f'<p class="shaded">{marks}</p>'


# Bars -----------------------------------------------------------------------------------------------------------------


def bars(
    labels: Sequence[str],
    values: Sequence[float],
    heads: Sequence[str] = (),
    columns: Sequence[Sequence[str]] = (),
    write: Callable[[float], str] = percent,
    largest: float = 1.0,
) -> str:
    """A row each: a label, its value, further `columns` of texts, and a bar; `largest` fills the line."""
    texts = [[write(float(value)), *(column[row] for column in columns)] for row, value in enumerate(values)]
    ends = [(0.0, min(max(float(value) / largest, 0.0), 1.0)) for value in values]
    return _rows(labels, texts, [_bar(start, stop) for start, stop in ends], heads)


def signed_bars(labels: Sequence[str], values: Sequence[float], write: Callable[[float], str] = number) -> str:
    """A row each: a label, its value, and a bar to the right of a common line, or to its left for what takes away."""
    scaled = _scale([(0.0, float(value)) for value in values])
    return _rows(labels, [[write(float(value))] for value in values], scaled)


def waterfall(
    labels: Sequence[str], values: Sequence[float], total: float, write: Callable[[float], str] = number
) -> str:
    """Addends below one another, each bar starting where the last one ended; at the bottom what they come to."""
    reached = np.concatenate([[0.0], np.cumsum(np.asarray(values, np.float64))])
    drawn = _scale([*pairwise(reached.tolist()), (0.0, float(total))])
    texts = [[write(float(value))] for value in (*values, total)]
    return _rows([*labels, "together"], texts, drawn, summed=True)


def _scale(spans: Sequence[tuple[float, float]]) -> list[str]:
    """Bars from number to number, to one scale that has 0 on it."""
    ends = [end for span in spans for end in span if np.isfinite(end)]
    low, high = min([0.0, *ends]), max([0.0, *ends])
    size = (high - low) or 1.0
    return [_bar((start - low) / size, (stop - low) / size, -low / size) for start, stop in spans]


def _bar(start: float, stop: float, zero: float = 0.0) -> str:
    if not np.isfinite(start) or not np.isfinite(stop):
        return ""
    low, high = sorted((start, stop))
    kind = ' class="less"' if stop < start else ""
    return f'<span class="bar" style="--z:{zero:.4f}"><i{kind} style="--a:{low:.4f};--w:{high - low:.4f}"></i></span>'


def _rows(
    labels: Sequence[str],
    texts: Sequence[Sequence[str]],
    drawn: Sequence[str],
    heads: Sequence[str] = (),
    summed: bool = False,
) -> str:
    rows = "".join(
        f"<tr{' class=sum' if summed and place == len(labels) - 1 else ''}>"
        f'<th scope="row" title="{escape(label)}">{escape(label)}</th>'
        f'{"".join(f"<td class=num>{escape(text)}</td>" for text in texts[place])}<td class="wide">{drawn[place]}</td></tr>'
        for place, label in enumerate(labels)
    )
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    return (
        f'<table class="rows">{f"<thead><tr>{head}<th></th></tr></thead>" if head else ""}<tbody>{rows}</tbody></table>'
    )


# Tables of shades -----------------------------------------------------------------------------------------------------


def heat_map(
    values: Array,
    rows: Sequence[str],
    columns: Sequence[str],
    words: Sequence[Sequence[str]] | None = None,
    corner: str = "",
    largest: float | None = None,
    write: Callable[[float], str] = number,
    whole: str = "the array",
) -> str:
    """A table whose cells are shaded by `values` [row, column]: blue above 0, orange below, the number in the cell.

    `words` stand in the cells instead, and the number where one points; NaN and infinity are “no number”. `largest` is the number with the full shade.
    A table that is too large for a page shows its last rows and columns; `whole` says where all numbers are.
    """
    values = np.asarray(values)
    first_column = max(len(columns) - MOST_ACROSS, 0)
    first_row = max(len(rows) - MOST_CELLS // max(len(columns) - first_column, 1), 0)
    finite = np.abs(values[np.isfinite(values)])
    most = largest or (float(finite.max()) if finite.size else 0.0) or 1.0
    head = "".join(f'<th scope="col" title="{escape(text)}">{escape(text)}</th>' for text in columns[first_column:])
    body = "".join(
        f'<tr><th scope="row" title="{escape(rows[row])}">{escape(rows[row])}</th>'
        + "".join(
            _cell(float(values[row, column]), most, write, None if words is None else words[row][column])
            for column in range(first_column, len(columns))
        )
        + "</tr>"
        for row in range(first_row, len(rows))
    )
    left_out = _left_out(first_row, len(rows), "rows", whole) + _left_out(first_column, len(columns), "columns", whole)
    table = f'<table class="map"><thead><tr><th>{escape(corner)}</th>{head}</tr></thead><tbody>{body}</tbody></table>'
    return f'<div class="scroll">{table}</div>{left_out}'


def word_table(
    words: Sequence[Sequence[str]],
    shares: Array,
    rows: Sequence[str],
    columns: Sequence[str],
    corner: str = "",
    whole: str = "the array",
) -> str:
    """A word in every cell, shaded by its share of 0 to 1 [row, column]; the share where one points."""
    return heat_map(shares, rows, columns, words, corner, largest=1.0, write=percent, whole=whole)


def _cell(value: float, largest: float, write: Callable[[float], str], word: str | None) -> str:
    strength = min(abs(value) / largest, 1.0) if np.isfinite(value) else 0.0
    kind = " class=less" if value < 0 else ""
    said = write(value) if np.isfinite(value) else NO_NUMBER
    pointed = "" if word is None else f' title="{escape(said)}"'
    return f'<td{kind} style="{_shade(strength, value < 0)}"{pointed}>{escape(said if word is None else word)}</td>'


def _shade(strength: float, less: bool = False) -> str:
    """How strong a shade is, for our style; and the shade itself, since a notebook that is not trusted keeps only that.

    Our style has the last word where it is there: it knows light from dark.
    """
    red, green, blue = ORANGE if less else BLUE
    alone = f";background-color:rgba({red},{green},{blue},{strength / 2:.2f})" if strength >= FAINTEST * 2 else ""
    return f"--s:{strength:.2f}{alone}"


def _left_out(first: int, size: int, what: str, whole: str) -> str:
    if not first:
        return ""
    return paragraph(f"The last {size - first:,} of {size:,} {what} are shown; {whole} has all.", "note")


# Small maps -----------------------------------------------------------------------------------------------------------


def small_maps(
    sheets: Sequence[Array], captions: Sequence[str], rows: Sequence[str], columns: Sequence[str], whole: str = ""
) -> str:
    """Sheets of shares [row, column], each a small square, stronger where there is more.

    Where there are few enough, one can point at every mark and read what it is; else each map is a picture, of very
    large sheets one in which a dot is the largest share of several cells.
    """
    marks = sum(int((np.asarray(sheet) >= FAINTEST).sum()) for sheet in sheets)
    figures, coarsest = [], 1
    for sheet, caption in zip(sheets, captions, strict=True):
        if marks <= MOST_MARKS:
            drawn = _marks(np.asarray(sheet), rows, columns, caption)
        else:
            address, cells = as_address(np.asarray(sheet))
            coarsest = max(coarsest, cells)
            drawn = f'<img src="{address}" alt="{escape(caption)}: attention map">'
        figures.append(f"<figure>{drawn}<figcaption>{escape(caption)}</figcaption></figure>")
    said = f"A dot is the largest of {coarsest} × {coarsest} numbers; {whole} has all." if coarsest > 1 else ""
    return f'<div class="maps{" one" if len(sheets) == 1 else ""}">{"".join(figures)}</div>{paragraph(said, "note")}'


def _marks(sheet: Array, rows: Sequence[str], columns: Sequence[str], caption: str) -> str:
    # No SVG: a notebook that is not trusted would leave the words of its marks standing as text.
    marks = "".join(
        f'<i style="grid-area:{row + 1}/{column + 1};--s:{min(float(sheet[row, column]), 1.0) ** 0.6:.2f}" '
        f'title="{escape(rows[row])} → {escape(columns[column])}: {escape(percent(float(sheet[row, column])))}"></i>'
        for row, column in np.argwhere(sheet >= FAINTEST)
    )
    sizes = f"--rows:{len(rows)};--columns:{len(columns)}"
    return f'<div class="marks" style="{sizes}" role="img" aria-label="{escape(caption)}: attention map">{marks}</div>'


def names(labels: Sequence[str], values: Sequence[str]) -> str:
    """Two columns of texts: a name, and what there is to say of it."""
    rows = "".join(
        f'<tr><th scope="row"><code>{escape(label)}</code></th><td>{escape(value)}</td></tr>'
        for label, value in zip(labels, values, strict=True)
    )
    return f'<div class="scroll"><table>{rows}</table></div>'


def shape_of(shape: Sequence[int]) -> str:
    """`4 × 14 × 14`."""
    return " × ".join(f"{size:,}" for size in shape)


__all__ = ["bare", "bars", "count", "folded", "fragment", "heading", "heat_map", "lines", "names", "page", "paragraph",
           "shaded_text", "shape_of", "signed_bars", "small_maps", "token_chips", "waterfall", "word_table"]  # fmt: skip

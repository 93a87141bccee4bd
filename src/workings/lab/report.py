"""The report: one HTML file that needs nothing else, for somebody who will never install anything.

Plain words, tables and shaded cells; no script, nothing fetched. Light or dark as the reader's machine is, and fit to print.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

import numpy as np

from workings import __version__
from workings.checkpoints.merges import visible
from workings.engine.trace import Trace
from workings.errors import InputError
from workings.lab.answers import Answers
from workings.lab.asked import Asker
from workings.lab.report_style import STYLE
from workings.lab.tiles import attention
from workings.lab.views import View
from workings.surgery.edit_list import SavedEdit

Array = np.ndarray

LARGEST_MAP = 24
"""Attention is drawn as maps for prompts of up to so many tokens; longer ones are told in words."""
N_HEADS_TOLD = 12
MOST_LENS = 128
"""The lens is shown for the last so many tokens; for all of a long text it would take a minute to work out, and nobody would read it."""


def report(answers: Answers, view: View, asker: Asker | None = None) -> str:
    """The report of a view, as HTML."""
    with answers.views.working(view, asker=asker) as (trace, session):
        patterns = _patterns(trace)
        refusals = iter(session.refusals)
        outcomes = [next(refusals) if edit.on else None for edit in view.given.edits]
    opened, before = answers.open(view.given.to_dict(), asker), None
    if opened["before"]:
        with answers.views.working(view, False, asker) as (trace, _):
            before = trace.rows("probabilities", -1)[0]
    tokens = [token["readable"] for token in opened["tokens"]]
    parts = [
        _opening(answers, opened, tokens),
        _tokens(opened),
        _prediction(opened, before),
        _edits(view, outcomes),
        _lens(answers, view, tokens, asker),
        _attention(patterns, tokens),
        _closing(answers),
    ]
    title = f"{answers.model.name}: how it reads “{_spoken(tokens, 60)}”"
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n<meta name="color-scheme" content="light dark">\n'
        f"<style>{STYLE}</style>\n</head>\n<body>\n<main>\n{''.join(parts)}</main>\n</body>\n</html>\n"
    )


def _opening(answers: Answers, opened: dict[str, Any], tokens: Sequence[str]) -> str:
    best = opened["next"][0]
    return (
        f'<header><p class="eyebrow">How {escape(answers.model.name)} reads a text</p><h1>{escape(_spoken(tokens, 400))}</h1>'
        f'<p class="lead">The model was asked which word (or piece of a word) comes next. Its first choice: '
        f"<strong>{escape(_plain(best['readable']))}</strong>, with a share of <strong>{_percent(best['share'])}</strong>.</p></header>\n"
    )


def _tokens(opened: dict[str, Any]) -> str:
    chips = "".join(
        f'<li class="c{place % 6}"><b>{escape(token["readable"])}</b><small>{token["id"]}</small></li>'
        for place, token in enumerate(opened["tokens"])
    )
    count = opened["n_pos"]
    return _section(
        "What it reads",
        f"A language model does not read letters. The text is cut into {_count(count, 'piece')}, called tokens, and each has a number in "
        "the model’s vocabulary (below it, in small). The sign ␣ is a space that belongs to the token.",
        f'<ol class="tokens">{chips}</ol>',
    )


def _prediction(opened: dict[str, Any], before: Array | None) -> str:
    rows = []
    for entry in opened["next"]:
        was = f"<td class=num>{_percent(float(before[entry['id']]))}</td>" if before is not None else ""
        rows.append(
            f'<tr><th scope="row">{escape(entry["readable"])}</th><td class=num>{_percent(entry["share"])}</td>{was}'
            f"<td class=wide>{_bar(entry['share'])}</td></tr>"
        )
    heads = "<th>share</th>" + ("" if before is None else "<th>before</th>") + "<td></td>"
    said = (
        "The model gives every token of its vocabulary a share; all shares add up to 100%. These are the ten largest."
        + ("" if before is None else " Beside them stands what they were before the changes listed below.")
    )
    return _section("What comes next", said, f"<table class=next><tr><th>token</th>{heads}</tr>{''.join(rows)}</table>")


def _edits(view: View, outcomes: Iterable[str | None]) -> str:
    if not view.given.edits:
        return ""
    rows = "".join(
        f"<li>{_said(edit)}{'' if edit.on else ' <em>(switched off)</em>'}"
        f"{f' <em>(not possible: {escape(refusal)})</em>' if refusal else ''}</li>"
        for edit, refusal in zip(view.given.edits, outcomes, strict=True)
    )
    return _section(
        "What was changed by hand",
        "Someone changed numbers inside the model while it was reading. Everything after a changed number was worked out "
        "again, so all that this page shows follows from these changes.",
        f"<ol class=edits>{rows}</ol>",
    )


def _said(edit: SavedEdit) -> str:
    place = f"<code>{escape(edit.table)}[{escape(', '.join(map(str, edit.index)))}]</code>"
    amount = f"{edit.amount:.4g}".replace("-", "−") if isinstance(edit.amount, float) else "a list of numbers"
    if edit.kind == "value":
        return f"{place} was set to {amount}"
    if edit.kind == "add":
        return f"{amount} was added to {place}"
    return f"{place} was silenced (multiplied by 0)" if edit.amount == 0 else f"{place} was multiplied by {amount}"


def _lens(answers: Answers, view: View, tokens: Sequence[str], asker: Asker | None) -> str:
    first = max(0, len(tokens) - MOST_LENS)
    try:
        names, found = answers.lens_of(view, (first, len(tokens)), asker)
    except InputError:
        return ""  # a model that has no lens
    head = "".join(f'<th scope="col">{place}</th>' for place in range(len(names)))
    rows = []
    for place, token in enumerate(tokens[first:]):
        cells = "".join(
            f'<td style="--s:{shares[place]:.3f}" title="{_percent(shares[place])}">{escape(answers.readable(int(ids[place])))}</td>'
            for ids, shares in found
        )
        rows.append(f'<tr><th scope="row">{escape(token)}</th>{cells}</tr>')
    return _section(
        "How it makes up its mind",
        f"The text passes through {_count(len(names), 'block')}, one after another. This is what the model would say comes next if it stopped "
        "after each of them, counted from 0 (a reading called the logit lens). Each row is a token of the text; the stronger a cell’s colour, "
        "the surer the model already is. The last column is what it does say."
        + (f" Of the {len(tokens)} tokens the last {MOST_LENS} are shown." if first else ""),
        f"<div class=scroll><table class=lens><tr><th>after</th>{head}</tr>{''.join(rows)}</table></div>",
    )


def _patterns(trace: Trace) -> list[Array]:
    blocks = sum(name.endswith(".attn.pattern") and name.startswith("blocks.") for name in trace.names())
    return [attention(trace, block) for block in range(blocks)] if len(trace) > 1 else []


def _attention(patterns: Sequence[Array], tokens: Sequence[str]) -> str:
    if not patterns:
        return ""
    strongest = sorted(
        ((float(head[-1, :-1].max()), block, number, int(head[-1, :-1].argmax()))
         for block, heads in enumerate(patterns) for number, head in enumerate(heads)), reverse=True
    )[:N_HEADS_TOLD]  # fmt: skip
    rows = "".join(
        f'<tr><td>block {block}, head {number}</td><th scope="row">{escape(tokens[place])}</th>'
        f"<td class=num>{_percent(share)}</td><td class=wide>{_bar(share)}</td></tr>"
        for share, block, number, place in strongest
    )
    told = (
        f"<h3>Where the last token, {escape(tokens[-1])}, looks most</h3>"
        f"<table class=next><tr><th>who looks</th><th>at</th><th>share</th><td></td></tr>{rows}</table>"
    )
    maps = _maps(patterns, tokens) if len(tokens) <= LARGEST_MAP else ""
    return _section(
        "Which words it looks at",
        "To understand a token the model looks back at earlier ones and takes some of what it knows of them. It does so "
        "with many “heads” at once, each with its own habit. A head’s shares for one token add up to 100%.",
        told + maps,
    )


def _maps(patterns: Sequence[Array], tokens: Sequence[str]) -> str:
    drawn, ahead = [], any(np.triu(heads, 1).any() for heads in patterns)
    for block, heads in enumerate(patterns):
        figures = "".join(
            f"<figure>{_map(head, tokens)}<figcaption>head {number}</figcaption></figure>"
            for number, head in enumerate(heads)
        )
        drawn.append(f"<h4>Block {block}</h4><div class=maps>{figures}</div>")
    said = (
        "<h3>All heads</h3><p>Each square is one head. A row is a token that looks, a column one that is looked at, both "
        "in the order of the text; the stronger the colour, the more it takes from there."
        f"{'' if ahead else ' Above the diagonal there is nothing: no token looks ahead.'}</p>"
    )
    return said + "".join(drawn)


def _map(head: Array, tokens: Sequence[str]) -> str:
    size = len(tokens)
    cells = "".join(
        f'<rect x="{column}" y="{row}" width="1" height="1" fill-opacity="{share:.2f}"><title>{escape(tokens[row])} → {escape(tokens[column])}: {_percent(share)}</title></rect>'
        for row, shares in enumerate(head)
        for column, share in enumerate(shares)
        if share >= 0.005
    )
    return f'<svg viewBox="0 0 {size} {size}" role="img" aria-label="attention map">{cells}</svg>'


def _closing(answers: Answers) -> str:
    return (
        f"<footer><p>Made by the lab of <em>workings</em> {__version__} with the model {escape(answers.model.name)}, which has "
        f"{answers.model.n_parameters:,} learnt numbers. Every figure on this page was worked out by the model itself; none is an illustration.</p></footer>\n"
    )


# Small things ---------------------------------------------------------------------------------------------------------


def _section(title: str, said: str, body: str) -> str:
    return f"<section><h2>{title}</h2><p>{said}</p>{body}</section>\n"


def _bar(share: float) -> str:
    return f'<span class="bar" style="--w:{max(0.0, min(share, 1.0)):.4f}"></span>'


def _percent(share: float) -> str:
    if not math.isfinite(share):
        return "·"
    if 0 < share < 0.0005:
        return "&lt;0.1%"
    return "&gt;99.9%" if 0.9995 <= share < 1 else f"{share:.1%}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _plain(readable: str) -> str:
    return f"“{readable.replace('␣', ' ').strip() or visible(readable)}”"


def _spoken(tokens: Sequence[str], most: int) -> str:
    text = "".join(tokens).replace("␣", " ").strip()
    return text if len(text) <= most else text[: most - 1] + "…"

"""The report: one HTML file that needs nothing else, for somebody who will never install anything.

Plain words, tables and shaded cells; no script, nothing fetched. Light or dark as the reader's machine is, and fit to print.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from html import escape
from typing import Any

import numpy as np

from workings import __version__
from workings.anatomy.logit_lens import stream_label, streams_asked
from workings.anatomy.looks import ITSELF, Look, looks, n_blocks
from workings.display import parts
from workings.display.words import number, percent, spoken, visible
from workings.engine.no_numbers import NO_NUMBERS
from workings.lab.answers import Answers
from workings.lab.asked import Asker
from workings.lab.lens import LensAsked
from workings.lab.report_style import STYLE
from workings.lab.tiles import attention
from workings.lab.views import View
from workings.surgery.edit_list import SavedEdit

Array = np.ndarray

LARGEST_MAP = 24
"""Attention is drawn as maps for prompts of up to so many tokens; longer ones are told in words."""
N_HEADS_TOLD = 12
TRAINED = ", which was trained to guess at each block what the model will say at the end"
MOST_LENS = 128
"""The lens is shown for the last so many tokens; for all of a long text it would take a minute to work out, and nobody would read it."""


def report(answers: Answers, view: View, asked: LensAsked, asker: Asker | None = None) -> str:
    """The report of a view, as HTML, with what one of the lab's lenses reads, and how a token stands there if one is followed."""
    with answers.views.working(view, asker=asker) as (trace, session):
        told = looks(trace, N_HEADS_TOLD, position=-1, leave_out=(ITSELF,))
        patterns = [attention(trace, block) for block in range(n_blocks(trace))] if len(trace) <= LARGEST_MAP else []
        refusals = iter(session.refusals)
        outcomes = [next(refusals) if edit.on else None for edit in view.given.edits]
    opened, before = answers.open(view.given.to_dict(), asker), None
    if opened["before"]:
        with answers.views.working(view, False, asker) as (trace, _):
            before = trace.rows("probabilities", -1)[0]
    tokens = [token["readable"] for token in opened["tokens"]]
    sections = [
        _opening(answers, opened, tokens),
        _tokens(opened),
        _prediction(opened, before),
        _edits(answers, view, outcomes),
        _lens(answers, view, asked, tokens, asker),
        _attention(told, patterns, tokens),
        _closing(answers),
    ]
    title = f"{answers.model.name}: how it reads “{_spoken(tokens, 60)}”"
    return parts.page(title, *sections, style=STYLE)


def _opening(answers: Answers, opened: dict[str, Any], tokens: Sequence[str]) -> str:
    answer = f"It has none. {NO_NUMBERS}"
    if opened["next"]:
        best = opened["next"][0]
        answer = (
            f"Its first choice: <strong>{escape(spoken(best['readable']))}</strong>, with a share of "
            f"<strong>{escape(percent(best['share']))}</strong>."
        )
    return (
        f'<header><p class="eyebrow">How {escape(answers.model.name)} reads a text</p><h1>{escape(_spoken(tokens, 400))}</h1>'
        f'<p class="lead">The model was asked which word (or piece of a word) comes next. {answer}</p></header>\n'
    )


def _tokens(opened: dict[str, Any]) -> str:
    tokens = [token["readable"] for token in opened["tokens"]]
    return _section(
        "What it reads",
        f"A language model does not read letters. The text is cut into {parts.count(len(tokens), 'piece')}, called tokens, and each has a number in "
        "the model’s vocabulary (below it, in small). The sign ␣ is a space that belongs to the token.",
        parts.token_chips(tokens, [token["id"] for token in opened["tokens"]]),
    )


def _prediction(opened: dict[str, Any], before: Array | None) -> str:
    best = opened["next"]
    if not best:
        return _section("What comes next", NO_NUMBERS, "")
    was = [] if before is None else [[percent(float(before[entry["id"]])) for entry in best]]
    said = (
        "The model gives every token of its vocabulary a share; all shares add up to 100%. These are the ten largest."
        + ("" if before is None else " Beside them stands what they were before the changes listed below.")
    )
    labels, shares = [entry["readable"] for entry in best], [entry["share"] for entry in best]
    heads = ["token", "share", *(["before"] if was else [])]
    return _section("What comes next", said, parts.bars(labels, shares, heads, was))


def _edits(answers: Answers, view: View, outcomes: Iterable[str | None]) -> str:
    if not view.given.edits:
        return ""
    rows = "".join(
        f"<li>{_steered(answers, edit) or _said(edit)}{'' if edit.on else ' <em>(switched off)</em>'}"
        f"{f' <em>(not possible: {escape(refusal)})</em>' if refusal else ''}</li>"
        for edit, refusal in zip(view.given.edits, outcomes, strict=True)
    )
    return _section(
        "What was changed by hand",
        "Someone changed numbers inside the model while it was reading. Everything after a changed number was worked out "
        "again, so all that this page shows follows from these changes.",
        f"<ol class=edits>{rows}</ol>",
    )


def _steered(answers: Answers, edit: SavedEdit) -> str | None:
    """An edit that pushes along a feature of the lab's sparse autoencoder, as a sentence; None for all others."""
    steers = answers.steering.steers(edit)
    if not steers:
        return None
    label = f" “{escape(steers['label'])}”" if steers["label"] else ""
    return (
        f"The model was pushed along feature {steers['feature']}{label}, with strength {number(steers['strength'])} (steering): this much of "
        f"the feature’s direction was added to <code>{escape(edit.table)}[{escape(', '.join(map(str, edit.index)))}]</code>"
    )


def _said(edit: SavedEdit) -> str:
    place = f"<code>{escape(edit.table)}[{escape(', '.join(map(str, edit.index)))}]</code>"
    amount = f"{edit.amount:.4g}".replace("-", "−") if isinstance(edit.amount, float) else "a list of numbers"
    if edit.kind == "value":
        return f"{place} was set to {amount}"
    if edit.kind == "add":
        return f"{amount} was added to {place}"
    return f"{place} was silenced (multiplied by 0)" if edit.amount == 0 else f"{place} was multiplied by {amount}"


def _lens(answers: Answers, view: View, asked: LensAsked, tokens: Sequence[str], asker: Asker | None) -> str:
    first = max(0, len(tokens) - MOST_LENS)
    read = partial(answers.lenses.read, view, (first, len(tokens)), asker=asker)
    columns = [stream_label(stream).removeprefix("block ") for stream in asked.streams]
    blocks = streams_asked(asked.streams, False)
    each = "after the attention of each of them, and after each" if len(blocks) < len(columns) else "after each of them"
    guesses = [(shares, map(answers.readable, ids.tolist())) for ids, shares in read(replace(asked, token=None))]
    followed = ""
    if asked.token is not None:
        stands = [(shares, map(_standing, shares, ranks)) for shares, ranks in read(asked)]
        followed = (
            parts.heading(f"How “{answers.readable(asked.token)}” stands there")
            + parts.paragraph("In every cell its share and, behind it, its rank: #1 is the likeliest of all tokens.")
            + _stream_table(stands, tokens[first:], columns)
        )
    return _section(
        "How it makes up its mind",
        f"The text passes through {parts.count(len(blocks), 'block')}, one after another. This is what the model would say comes next if it stopped "
        f"{each}, counted from 0 (a reading called the {asked.kind} lens{TRAINED if asked.kind == 'tuned' else ''}). Each row is a token of the text; the stronger a cell’s colour, "
        "the surer the model already is. The last column is what it does say."
        + (f" Of the {len(tokens)} tokens the last {MOST_LENS} are shown." if first else ""),
        _stream_table(guesses, tokens[first:], columns) + followed,
    )


def _stream_table(found: Sequence[tuple[Array, Iterable[str]]], rows: Sequence[str], columns: Sequence[str]) -> str:
    """Of every stream the shares and words by position, as a table [pos, stream]."""
    shares = np.array([shares for shares, _ in found]).T
    words = [list(row) for row in zip(*(said for _, said in found), strict=True)]
    for row, column in np.argwhere(~np.isfinite(shares)):
        words[row][column] = "no number"
    return parts.word_table(words, np.nan_to_num(shares), rows, columns, "after")


def _standing(share: float, rank: int) -> str:
    return f"{percent(share)} #{rank:,}"


def _attention(told: Sequence[Look], patterns: Sequence[Array], tokens: Sequence[str]) -> str:
    if not told:
        return ""
    labels = [f"block {look.block}, head {look.head}" for look in told]
    looked_at = [visible(look.at[0].token) for look in told]
    table = parts.bars(labels, [look.share for look in told], ["who looks", "share", "at"], [looked_at])
    maps = _maps(patterns, tokens) if len(tokens) <= LARGEST_MAP else ""
    return _section(
        "Which words it looks at",
        "To understand a token the model looks back at earlier ones and takes some of what it knows of them. It does so "
        "with many “heads” at once, each with its own habit. A head’s shares for one token add up to 100%.",
        parts.heading(f"Where the last token, {tokens[-1]}, looks most") + table + maps,
    )


def _maps(patterns: Sequence[Array], tokens: Sequence[str]) -> str:
    ahead = any(np.triu(heads, 1).any() for heads in patterns)
    drawn = [
        parts.heading(f"Block {block}")
        + parts.small_maps(list(heads), [f"head {number}" for number in range(len(heads))], tokens, tokens)
        for block, heads in enumerate(patterns)
    ]
    said = (
        "Each square is one head. A row is a token that looks, a column one that is looked at, both "
        "in the order of the text; the stronger the colour, the more it takes from there."
        f"{'' if ahead else ' Above the diagonal there is nothing: no token looks ahead.'}"
    )
    return parts.heading("All heads") + parts.paragraph(said) + "".join(drawn)


def _closing(answers: Answers) -> str:
    return (
        f"<footer><p>Made by the lab of <em>workings</em> {__version__} with the model {escape(answers.model.name)}, which has "
        f"{answers.model.n_parameters:,} learnt numbers. Every figure on this page was worked out by the model itself; none is an illustration.</p></footer>\n"
    )


# Small things ---------------------------------------------------------------------------------------------------------


def _section(title: str, said: str, body: str) -> str:
    return f"<section><h2>{title}</h2><p>{said}</p>{parts.bare(body)}</section>\n"


def _spoken(tokens: Sequence[str], most: int) -> str:
    text = "".join(tokens).replace("␣", " ").strip()
    return text if len(text) <= most else text[: most - 1] + "…"

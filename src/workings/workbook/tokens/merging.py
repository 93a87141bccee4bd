"""The part of the Tokens page that merges: one block of rows for every step, and empty blocks after the last."""

from __future__ import annotations

from workings.workbook.page import Check, Page, Value
from workings.workbook.tokens.layout import (
    AT,
    FIRST_SLOT,
    JOINED,
    LABELS,
    LOWEST,
    PLACE,
    TITLES,
    TOKEN,
    Layout,
    heading,
    shown,
    value_at,
)
from workings.workbook.tokens.merges_page import Lookups
from workings.workbook.tokens.splitting import Step, Working
from workings.workbook.tokens.vocabulary import Vocabulary

_START = "Start: every byte is a piece"
_END = "Nothing is left to join: these are the tokens."


def write_merging(
    page: Page, layout: Layout, working: Working, vocabulary: Vocabulary, lookups: Lookups, check: Check
) -> None:
    """Write as many steps as any text could need that has room: every merge leaves one piece less; `check` is called at each."""
    heading(
        page,
        layout.steps_top,
        0,
        "3. Merging",
        "Of all neighbours, the two that stand first in the list of merges become one piece; again and again, until no "
        "neighbours are in the list.",
    )
    for column, label in enumerate(("step", "what was joined", "lowest", "cell", "makes")):
        page.write(layout.steps_top + 2, column, label, style="label")
    steps = working.steps
    for number in range(layout.room):
        check()
        step = steps[number] if number < len(steps) else None
        _write_title(page, layout, number, _title(number, steps, vocabulary), step)
        _write_pieces(page, layout, number, step, vocabulary, lookups)
        _write_ranks(page, layout, number, step, vocabulary, lookups)


def _title(number: int, steps: list[Step], vocabulary: Vocabulary) -> str:
    if number >= len(steps):
        return ""
    if number == 0:
        return _START
    rank = steps[number - 1].lowest
    assert rank is not None
    left, right, joined = (vocabulary.texts[token] for token in vocabulary.merges[rank])
    return f"merge {rank}: {left} + {right} → {joined}"


def _write_title(page: Page, layout: Layout, number: int, title: str, step: Step | None) -> None:
    """Write what is said about a step: all of it depends on the first cell, the step's number or nothing."""
    pieces, tokens, ranks = layout.step(number)
    if number == 0:
        idle, formula = f'{layout.count("trouble")}<>""', f'"{_START}"'
    else:
        slots = layout.room - number
        pieces_before, _, ranks_before = layout.step(number - 1)
        rank, at = ranks_before.beside(LOWEST), ranks_before.beside(AT)
        left, right = (f"INDEX({pieces_before.first(slots + 1)},1,{at}{plus})" for plus in ("", "+1"))
        idle = f'{at}=""'
        formula = f'"merge "&{rank}&": "&{left}&" + "&{right}&" → "&INDEX({pieces.first(slots)},1,{at})'
    page.write(pieces.number, 0, number if step else "", f'IF({idle},"",{number})', "ids")

    def say(row: int, column: int, value: str, formula: str, style: str) -> None:
        page.write(row, column, value if step else "", f'IF({pieces.beside(0)}="","",{formula})', style)

    say(pieces.number, TITLES, title, formula, "heading")
    say(pieces.number, LABELS, "pieces", '"pieces"', "label")
    say(tokens.number, LABELS, "tokens", '"tokens"', "label")
    ends = step is not None and step.lowest is None
    over, label = f'{ranks.beside(LOWEST)}=""', "place in the list, with the next"
    say(ranks.number, TITLES, _END if ends else "", f'IF({over},"{_END}","")', "note")
    say(ranks.number, LABELS, "" if ends else label, f'IF({over},"","{label}")', "label")


def _write_pieces(
    page: Page, layout: Layout, number: int, step: Step | None, vocabulary: Vocabulary, lookups: Lookups
) -> None:
    """Write the tokens after the merge before: those left of it stay, those right of it move up one cell."""
    pieces, tokens, _ = layout.step(number)
    held = shown(step.pieces) if step else []
    texts: list[Value] = ["" if piece is None else vocabulary.texts[piece] for piece in step.pieces] if step else []
    _, tokens_before, ranks_before = layout.step(number - 1)
    at, joined = ranks_before.beside(AT), ranks_before.beside(JOINED)
    for slot in range(layout.room - number):
        if number == 0:
            formula = f'IF({pieces.beside(0)}="","",{TOKEN[slot]})'
        else:
            place, stays, moves = PLACE.fixed(slot), tokens_before[slot], tokens_before[slot + 1]
            formula = f'IF({at}="","",IF({place}<{at},{stays},IF({place}={at},{joined},{moves})))'
        page.write(tokens.number, FIRST_SLOT + slot, value_at(held, slot), formula, "ids")
        text = f'IF({tokens[slot]}="","",INDEX({lookups.texts},{tokens[slot]}+1))'
        page.write(pieces.number, FIRST_SLOT + slot, value_at(texts, slot), text, "piece")


def _write_ranks(
    page: Page, layout: Layout, number: int, step: Step | None, vocabulary: Vocabulary, lookups: Lookups
) -> None:
    """Write where every two neighbours stand in the list of merges, if at all, and which stand first."""
    _, tokens, ranks = layout.step(number)
    pairs = layout.room - number - 1
    if not pairs:
        page.write(ranks.number, LOWEST, "", '""', "ids")
        return
    found = shown(step.ranks) if step else []
    for slot in range(pairs):
        left, right = tokens[slot], tokens[slot + 1]
        pair = f"{left}*{vocabulary.step}+{right}"
        known = f'IF(LOOKUP({pair},{lookups.pairs})={pair},LOOKUP({pair},{lookups.pairs},{lookups.ranks}),"")'
        formula = f'IF({left}="","",IF({right}="","",{known}))'
        page.write(ranks.number, FIRST_SLOT + slot, value_at(found, slot), formula, "rank")
    row, lowest = ranks.first(pairs), ranks.beside(LOWEST)
    chosen = shown((step.lowest, step.at, step.joined)) if step else ["", "", ""]
    page.write(ranks.number, LOWEST, chosen[0], f'IF(COUNT({row})=0,"",MIN({row}))', "ids")
    page.write(ranks.number, AT, chosen[1], f'IF({lowest}="","",MATCH({lowest},{row},0))', "ids")
    page.write(ranks.number, JOINED, chosen[2], f'IF({lowest}="","",INDEX({lookups.joined},{lowest}+1))', "ids")

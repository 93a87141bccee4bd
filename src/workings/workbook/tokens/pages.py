"""The page "Tokens": from the prompt's characters to token ids, every cell a formula.

Formulas keep to what Excel 2016 and LibreOffice 7.4 both have and understand alike, and compare numbers only: text
would be compared without regard to case. What they must do is written down in `splitting.py`, in the same steps.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from workings.checkpoints.tokenizer import Tokenizer
from workings.errors import InputError
from workings.workbook.page import MOST_COLUMNS, Area, Check, Page, Value, go_on
from workings.workbook.references import cell, span
from workings.workbook.tokens import splitting
from workings.workbook.tokens.characters import write_bytes, write_characters
from workings.workbook.tokens.colours import colours
from workings.workbook.tokens.layout import (
    BYTE,
    CODE,
    CUT_AT,
    FIRST,
    FIRST_SLOT,
    LABELS,
    LOWEST,
    MESSAGE,
    OWNER,
    PAGE,
    PANEL,
    SIZE,
    SORT,
    STEP_ROWS,
    SUMMARY,
    TEXT,
    TITLES,
    TOKEN,
    Layout,
)
from workings.workbook.tokens.merges_page import Lookups, merges_page
from workings.workbook.tokens.merging import write_merging
from workings.workbook.tokens.splitting import Working, work_out
from workings.workbook.tokens.vocabulary import NO_TOKEN, Vocabulary, vocabulary_of

_NOT_IN_FILES = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class TokenPages:
    """The two pages, and where other pages find what they need.

    Where the message is not empty the count is 0, and there is no next token to be had.
    """

    tokens: Page
    merges: Page | None  # None where token ids are typed
    ids: Area  # a column of `max_tokens` token ids; those that are not used are 0
    count: Area  # how many are used
    texts: Area  # a column with those tokens as a person reads them; empty text where not used
    message: Area  # why there are no tokens; empty text when all is well
    vocabulary: Area  # a column with the text of every token of the vocabulary, in order


def tokens_pages(
    tokenizer: Tokenizer,
    prompt_cell: str,
    prompt: str,
    max_tokens: int,
    max_pieces: int | None = None,
    check: Check = go_on,
) -> TokenPages:
    """Write pages that turn the text of a cell into token ids, with every byte-pair merge to be seen.

    `prompt_cell` is how a formula calls the cell, and `prompt` what it holds for now. `max_pieces` is how many cells
    there are for the text's bytes: one each, and an empty one between words; 6 a token, at least 64, if not given. The
    page has that many columns and steps, so its size grows with the square; `check` is called at every step.

    Errors: `InputError` for a tokenizer that is not of GPT-2's kind, for sizes that no sheet has, and for a prompt that
    no file can hold. A prompt that can be held but not split (empty, too long) gives pages that say so.
    """
    if odd := _NOT_IN_FILES.search(prompt):
        raise InputError(
            f"The prompt has the character U+{ord(odd[0]):04X} at position {odd.start()}, which a sheet cannot hold. "
            "Take it out."
        )
    layout = Layout(max_tokens, max(64, 6 * max_tokens) if max_pieces is None else max_pieces)
    most = MOST_COLUMNS - FIRST_SLOT - 2  # the two slots after the last are looked at, and empty
    if layout.max_tokens < 1 or not 1 <= layout.room <= most:
        raise InputError(
            f"The tokens page has at least 1 token and 1 to {most} cells for the text, "
            f"but {layout.max_tokens} and {layout.room} were asked for."
        )
    vocabulary = vocabulary_of(tokenizer)
    merges, lookups = merges_page(vocabulary)
    working = work_out(prompt, vocabulary, max_tokens, layout.room)
    page = _tokens_page(layout, working, vocabulary, lookups, prompt_cell, check)
    return TokenPages(
        tokens=page,
        merges=merges,
        ids=page.names["token_ids"],
        count=page.names["token_count"],
        texts=Area(PAGE, layout.first_token, TITLES, max_tokens),
        message=Area(PAGE, *MESSAGE),
        vocabulary=lookups.vocabulary,
    )


def _tokens_page(
    layout: Layout, working: Working, vocabulary: Vocabulary, lookups: Lookups, prompt_cell: str, check: Check
) -> Page:
    page = Page(PAGE, frozen=(0, LOWEST))
    _write_top(page, layout, working, prompt_cell)
    write_characters(page, layout, working, lookups)
    write_bytes(page, layout, working, lookups)
    write_merging(page, layout, working, vocabulary, lookups, check)
    _write_tokens(page, layout, working, vocabulary, lookups)
    _write_counts(page, layout, working, _trouble(layout, vocabulary, lookups, prompt_cell))
    page.widths.update({0: 9, TITLES: 34, 2: 9, 3: 6, 4: 9, LABELS: 27})
    page.widths.update(dict.fromkeys(range(FIRST_SLOT, FIRST_SLOT + layout.room), 7))
    page.dress.append(colours(layout))
    return page


def _write_top(page: Page, layout: Layout, working: Working, prompt_cell: str) -> None:
    page.write(0, 0, "From text to tokens", style="title")
    sentence = (
        "The model reads numbers, not letters. Here the prompt is cut into words, written as bytes, and joined pair by pair "
        "into tokens. Every cell is a formula: change the prompt and watch."
    )
    page.write(1, 0, sentence, style="note")
    page.write(TEXT[0], 0, "Prompt", style="label")
    page.write(*TEXT, working.text, f'IFERROR({prompt_cell}&"","")', "text")

    trouble, found = layout.count("trouble"), layout.count("found")
    many = splitting.too_many(f'"&{found}&"', layout.max_tokens)
    message = f'IF({trouble}<>"",{trouble},IF({found}>{layout.max_tokens},"{many}",""))'
    page.write(*MESSAGE, working.message, message, "warning")

    numbers = (len(working.text), len(working.steps) - 1, len(working.found))
    said = "Characters: {}. Merges: {}. Tokens: {}."
    counted = said.format(*(f'"&{layout.count(name)}&"' for name in ("characters", "merges", "found")))
    summary = "" if working.message else said.format(*numbers)
    page.write(*SUMMARY, summary, f'IF({layout.message}="","{counted}","")', "note")


def _write_tokens(page: Page, layout: Layout, working: Working, vocabulary: Vocabulary, lookups: Lookups) -> None:
    """Write the pieces that are left, without the empty cells between words."""
    page.write(PANEL, 0, "The tokens", style="heading")
    page.write(PANEL + 1, 0, "What the model reads. Unused places hold 0.", style="note")
    for column, label in enumerate(("position", "token", "id", "cell")):
        page.write(PANEL + 2, column, label, style="label")
    count = 0 if working.message else len(working.found)
    page.write(PANEL, 2, count, f'IF({layout.message}="",{layout.count("found")},0)', "ids")
    pieces = working.steps[-1].pieces if count else []
    places = [place for place, piece in enumerate(pieces, 1) if piece is not None]
    for position in range(layout.max_tokens):
        row, there = layout.first_token + position, position < count
        used, token, at, before = f"{cell(row, 0)}<{layout.count_cell}", cell(row, 2), cell(row, 3), cell(row - 1, 3)
        step = "1" if position == 0 else f'{before}+IF({layout.last_tokens(before + "+1")}="",2,1)'
        value = working.found[position] if there else 0
        text: Value = vocabulary.texts[value] if there else ""
        page.write(row, 0, position, style="quiet")
        page.write(row, TITLES, text, f'IF({used},INDEX({lookups.texts},{token}+1),"")', "piece")
        page.write(row, 2, value, f"IF({used},{layout.last_tokens(at)},0)", "ids")
        page.write(row, 3, places[position] if there else "", f'IF({used},{step},"")', "quiet")
    page.name_area("token_count", PANEL, 2)
    page.name_area("token_ids", layout.first_token, 2, layout.max_tokens)


def _write_counts(page: Page, layout: Layout, working: Working, trouble: str) -> None:
    """Write what many formulas need, below everything that people look at."""
    page.write(layout.counts_top, 0, "What the formulas count", style="heading")
    known, room, merges = working.characters, layout.room, max(len(working.steps) - 1, 0)
    length, wide, characters = map(layout.count, ("length", "wide", "characters"))
    end = f"{CUT_AT.fixed(room - 1)}+IF({CODE.fixed(room - 1)}>65535,{wide},1)"
    bytes_end = f"INDEX({FIRST.first(room)},1,{characters})+INDEX({SIZE.first(room)},1,{characters})-1"
    all_lowest = span(layout.first_step, LOWEST, STEP_ROWS * room, 1)
    early = "" if working.steps else working.message
    found = f'IF({layout.count("trouble")}="",COUNT({layout.last_tokens("0")}),0)'

    def write(name: str, label: str, value: Value, formula: str) -> None:
        page.write(layout.count_row(name), TITLES, label, style="label")
        page.write(layout.count_row(name), 2, value, formula, "ids")

    write("length", "length of the text", len(working.text), f"LEN({layout.text})")
    write("wide", "length of an emoji (in Excel 2)", 1, "LEN(_xlfn.UNICHAR(128512))")
    write("characters", "characters that have a cell", len(known.codes), f"COUNT({CUT_AT.first(room)})")
    over = max(0, len(working.text) - room)
    write("over", "length that has none", over, f"IF({characters}<{room},0,{length}+1-({end}))")
    write("needed", "cells needed for the bytes", known.needed, f"IF({characters}=0,0,{bytes_end})")
    write("trouble", "what stands in the way", early, trouble)
    write("merges", "merges made", merges, f"COUNT({all_lowest})")
    write("last", "row of the last step's tokens", merges * STEP_ROWS + 1, f"{layout.count('merges')}*{STEP_ROWS}+1")
    write("found", "tokens found", len(working.found), found)


def _trouble(layout: Layout, vocabulary: Vocabulary, lookups: Lookups, prompt_cell: str) -> str:
    """Give the formula that says why a prompt cannot be split, or nothing: `splitting.why_no_tokens`."""
    room = layout.room
    sorts, tokens = SORT.first(room), TOKEN.first(room)
    lacking = f"MATCH({NO_TOKEN},{tokens},0)"
    owner, byte = (f"INDEX({row.first(room)},1,{lacking})" for row in (OWNER, BYTE))
    unusable = f'"Character "&MATCH("unusable",{sorts},0)&" of the prompt {splitting.UNUSABLE}"'
    no_token = f'"Character "&{owner}&" of the prompt has byte "&{byte}&", {splitting.NOT_IN_VOCABULARY}"'
    cases = [
        (f"OR(ISERROR({prompt_cell}),ISLOGICAL({prompt_cell}))", f'"{splitting.NO_TEXT}"'),
        (f"{layout.count('length')}=0", f'"{splitting.EMPTY}"'),
        (f'COUNTIF({sorts},"unusable")>0', unusable),
        (f"OR({layout.count('needed')}>{room},{layout.count('over')}>0)", f'"{splitting.too_long(room)}"'),
        (f"COUNTIF({tokens},{NO_TOKEN})>0", no_token),
    ]
    if vocabulary.added:
        inside = f"SUMPRODUCT(--ISNUMBER(FIND({lookups.added},{layout.text})))>0"
        added = splitting.added_inside(vocabulary).replace('"', '""')
        cases.insert(2, (inside, f'"{added}"'))
    formula = '""'
    for condition, message in reversed(cases):
        formula = f"IF({condition},{message},{formula})"
    return formula

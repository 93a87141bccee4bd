"""The page "Tokens": from the prompt's characters to token ids, every cell a formula.

Formulas keep to what Excel 2016 and LibreOffice 7.4 both have and understand alike, and compare numbers only: text
would be compared without regard to case. What they must do is written down in `splitting.py`, in the same steps.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from workings.checkpoints.merges import visible
from workings.checkpoints.tokenizer import Tokenizer
from workings.errors import InputError
from workings.workbook.page import MOST_COLUMNS, Area, Page, Value
from workings.workbook.references import cell, letters, span
from workings.workbook.tokens import splitting
from workings.workbook.tokens.merges_page import Lookups, merges_page
from workings.workbook.tokens.sorts import SORTS
from workings.workbook.tokens.splitting import LONG_ENDINGS, SHORT_ENDINGS, Step, Working, work_out
from workings.workbook.tokens.vocabulary import NO_TOKEN, Vocabulary, vocabulary_of

PAGE = "Tokens"
_STEP_ROWS = 4  # pieces, tokens, ranks, and an empty row
_NOT_IN_FILES = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_FIRST_SLOT = 6  # the column of the first character, byte or piece


@dataclass(frozen=True)
class TokenPages:
    """The two pages, and where other pages find what they need.

    Where the message is not empty the count is 0, and there is no next token to be had.
    """

    tokens: Page
    merges: Page
    ids: Area  # a column of `max_tokens` token ids; those that are not used are 0
    count: Area  # how many are used
    texts: Area  # a column with those tokens as a person reads them; empty text where not used
    message: Area  # why there are no tokens; empty text when all is well
    vocabulary: Area  # a column with the text of every token of the vocabulary, in order


def tokens_pages(
    tokenizer: Tokenizer, prompt_cell: str, prompt: str, max_tokens: int, max_pieces: int | None = None
) -> TokenPages:
    """Write pages that turn the text of a cell into token ids, with every byte-pair merge to be seen.

    `prompt_cell` is how a formula calls the cell, and `prompt` what it holds for now. `max_pieces` is how many pieces
    a text may start as: one for each of its bytes, and an empty one between words; 6 a token, at least 64, if not
    given. The page has that many columns and steps, so its size grows with the square.

    Errors: `InputError` for a tokenizer that is not of GPT-2's kind, and for a prompt that no file can hold. A prompt
    that can be held but not split (empty, too long) gives pages that say so.
    """
    if odd := _NOT_IN_FILES.search(prompt):
        raise InputError(
            f"The prompt has the character U+{ord(odd[0]):04X} at position {odd.start()}, which a sheet cannot hold. "
            "Take it out."
        )
    room = max(64, 6 * max_tokens) if max_pieces is None else max_pieces
    assert 1 <= room <= MOST_COLUMNS - _FIRST_SLOT - 2 and max_tokens >= 1
    vocabulary = vocabulary_of(tokenizer)
    merges, lookups = merges_page(vocabulary)
    working = work_out(prompt, vocabulary, max_tokens, room)
    sheet = _TokensPage(vocabulary, lookups, working, prompt_cell, max_tokens, room)
    sheet.write()
    areas = sheet.page.names
    return TokenPages(
        tokens=sheet.page,
        merges=merges,
        ids=areas["token_ids"],
        count=areas["token_count"],
        texts=Area(PAGE, sheet.first_token, 1, max_tokens),
        message=Area(PAGE, *_MESSAGE),
        vocabulary=lookups.vocabulary,
    )


@dataclass(frozen=True)
class _Row:
    """A row of slots; `row[0]` is how formulas call its first slot."""

    number: int

    def __getitem__(self, slot: int) -> str:
        return f"{letters(_FIRST_SLOT + slot)}{self.number + 1}"

    def fixed(self, slot: int) -> str:
        return cell(self.number, _FIRST_SLOT + slot, "rc")

    def span(self, slots: int) -> str:
        return span(self.number, _FIRST_SLOT, 1, slots)


# Where things stand. Rows of the panel on the left are counted from `_PANEL` too.
_TEXT, _MESSAGE, _SUMMARY = (3, 1), (4, 1), (5, 1)
_PANEL = 7
_PLACE, _AT, _CHARACTER, _CODE, _SORT, _RUN, _LENGTH, _NEXT, _SIZE, _FIRST = map(_Row, range(_PANEL + 2, _PANEL + 12))
_BYTES = _PANEL + 13
_OWNER, _NTH, _BYTE, _TOKEN = map(_Row, range(_BYTES + 2, _BYTES + 6))


class _TokensPage:
    """Writes the page; every method writes one part of it."""

    def __init__(
        self,
        vocabulary: Vocabulary,
        lookups: Lookups,
        working: Working,
        prompt_cell: str,
        max_tokens: int,
        room: int,
    ):
        self.vocabulary, self.lookups, self.working = vocabulary, lookups, working
        self.prompt_cell, self.max_tokens, self.room = prompt_cell, max_tokens, room
        self.page = Page(PAGE, frozen=(0, 2))
        self.first_token = _PANEL + 3
        self.steps_top = max(_TOKEN.number, self.first_token + max_tokens - 1) + 2
        self.first_step = self.steps_top + 3
        self.counts_top = self.first_step + _STEP_ROWS * room
        counts = ("length", "wide", "characters", "over", "needed", "trouble", "merges", "last", "found")
        self.counts = {name: self.counts_top + 2 + place for place, name in enumerate(counts)}

    def write(self) -> None:
        self._top()
        self._characters()
        self._bytes()
        self._steps()
        self._tokens()
        self._counts()
        self.page.widths.update({0: 9, 1: 34, 2: 9, 3: 6, 4: 9, 5: 27})
        self.page.widths.update(dict.fromkeys(range(_FIRST_SLOT, _FIRST_SLOT + self.room), 7))
        self.page.dress.append(self._dress)

    def _count(self, name: str) -> str:
        return cell(self.counts[name], 2, "rc")

    def _slots(
        self, row: _Row, label: str, values: Sequence[Value], formula: Callable[[int], str], style: str = "number"
    ) -> None:
        """Write a row of slots, the formula of every slot, and its values as far as they go."""
        self.page.write(row.number, 5, label, style="label")
        for slot in range(self.room):
            value = values[slot] if slot < len(values) else ""
            self.page.write(row.number, _FIRST_SLOT + slot, value, formula(slot), style)

    # The parts, from top to bottom

    def _top(self) -> None:
        write, working = self.page.write, self.working
        write(0, 0, "From text to tokens", style="title")
        write(
            1,
            0,
            "The model reads numbers, not letters. Here the prompt is cut into words, written as bytes, and joined pair by "
            "pair into tokens. Every cell is a formula: change the prompt and watch.",
            style="sentence",
        )
        write(_TEXT[0], 0, "Prompt", style="label")
        write(*_TEXT, working.text, f'IFERROR({self.prompt_cell}&"","")', "text")
        trouble, found = self._count("trouble"), self._count("found")
        many = splitting.too_many('"&' + found + '&"', self.max_tokens)
        message = f'IF({trouble}<>"",{trouble},IF({found}>{self.max_tokens},"{many}",""))'
        write(*_MESSAGE, working.message, message, "message")
        summary, formula = "", f'IF({cell(*_MESSAGE, "rc")}<>"","",{self._summary_formula()})'
        if not working.message:
            characters = len(working.text)
            summary = self._summary(characters, len(working.steps) - 1, len(working.found))
        write(*_SUMMARY, summary, formula, "sentence")

    def _summary(self, characters: int | str, merges: int | str, tokens: int | str) -> str:
        return f"Characters: {characters}. Merges: {merges}. Tokens: {tokens}."

    def _summary_formula(self) -> str:
        shown = ('"&' + self._count(name) + '&"' for name in ("characters", "merges", "found"))
        return f'"{self._summary(*shown)}"'

    def _characters(self) -> None:
        page, known, room = self.page, self.working.characters, self.room
        length, wide, characters = map(self._count, ("length", "wide", "characters"))
        text = cell(*_TEXT, "rc")
        page.write(_PANEL, 5, "1. Characters and words", style="heading")
        page.write(
            _PANEL + 1,
            5,
            "A word is a run of letters, of digits or of other signs, with the space before it; 's 't 'd 'm 're 've 'll are "
            "words too. Merging never crosses the end of a word.",
            style="sentence",
        )
        places = list(range(1, room + 1))
        page.write(_PLACE.number, 5, "cell", style="label")
        for slot, place in enumerate(places):
            page.write(_PLACE.number, _FIRST_SLOT + slot, place, style="quiet")

        def at(slot: int) -> str:
            if slot == 0:
                return f'IF({length}=0,"",1)'
            after = f"{_AT[slot - 1]}+IF({_CODE[slot - 1]}>65535,{wide},1)"
            return f'IF({_AT[slot - 1]}="","",IF({after}>{length},"",{after}))'

        def used(formula: Callable[[int], str]) -> Callable[[int], str]:
            return lambda slot: f'IF({_AT[slot]}="","",{formula(slot)})'

        def character(slot: int) -> str:
            code, shown = _CODE[slot], f"MID({text},{_AT[slot]},IF({_CODE[slot]}>65535,{wide},1))"
            return f'IF({code}=32,"{visible(" ")}",IF({code}=9,"\\t",IF({code}=10,"\\n",{shown})))'

        def code(slot: int) -> str:
            # Excel counts an emoji as two; half of one is an error to UNICODE, and so may be a text that ends in half of one.
            one, two = (f"_xlfn.UNICODE(MID({text},{_AT[slot]},{width}))" for width in (1, wide))
            return f"IFERROR({two},IFERROR({one},0))"

        def sort(slot: int) -> str:
            names = ",".join(f'"{name}"' for name in SORTS)
            return f"CHOOSE(LOOKUP({_CODE[slot]},{self.lookups.sort_starts},{self.lookups.sorts}),{names})"

        def run(slot: int) -> str:
            return f"IF({_SORT[slot]}={_SORT[slot + 1]},1+{_RUN[slot + 1]},1)"

        def following(slot: int) -> str:
            if slot == 0:
                return f"1+{_LENGTH[slot]}"
            before = _NEXT[slot - 1]
            return f"IF({_PLACE[slot]}={before},{_PLACE[slot]}+{_LENGTH[slot]},{before})"

        def first(slot: int) -> str:
            if slot == 0:
                return "1"
            return f"{_FIRST[slot - 1]}+{_SIZE[slot - 1]}+IF({_PLACE[slot]}={_NEXT[slot - 1]},1,0)"

        def size(slot: int) -> str:
            return f"1+({_CODE[slot]}>127)+({_CODE[slot]}>2047)+({_CODE[slot]}>65535)"

        shown = [
            visible(character) if character in " \t\n" else character for character in self.working.text[: self.room]
        ]
        self._slots(_AT, "where it stands in the text", places[: len(known.codes)], at)
        self._slots(_CHARACTER, "character", shown, used(character), "piece")
        self._slots(_CODE, "its number in Unicode", known.codes, used(code))
        self._slots(_SORT, "what sort it is", known.sorts, used(sort), "small")
        self._slots(_RUN, "of that sort from here on", known.runs, used(run))
        self._slots(
            _LENGTH, "a word from here would have", known.lengths, used(lambda slot: self._length(slot, characters))
        )
        self._slots(_NEXT, "the next word begins at", known.nexts, used(following))
        self._slots(_SIZE, "bytes it takes", known.sizes, used(size))
        self._slots(_FIRST, "the first goes into cell", known.firsts, used(first))

    def _length(self, slot: int, characters: str) -> str:
        code, then, after = _CODE[slot], _CODE[slot + 1], _CODE[slot + 2]
        short = ",".join(f"{then}={ord(letter)}" for letter in SHORT_ENDINGS)
        long = ",".join(f"AND({then}={ord(ending[0])},{after}={ord(ending[1])})" for ending in LONG_ENDINGS)
        run = _RUN[slot]
        space = f"IF({_PLACE[slot]}+{run}>{characters},{run},IF({run}>1,{run}-1,IF({code}=32,1+{_RUN[slot + 1]},1)))"
        return (
            f'IF(AND({code}=39,OR({short})),2,IF(AND({code}=39,OR({long})),3,IF({_SORT[slot]}<>"space",{run},{space})))'
        )

    def _bytes(self) -> None:
        page, cells, room = self.page, self.working.bytes, self.room
        page.write(_BYTES, 5, "2. Bytes", style="heading")
        page.write(
            _BYTES + 1,
            5,
            "Plain letters are one byte, é two, emoji four (UTF-8); each byte is a token to begin with. Between words a cell "
            "stays empty.",
            style="sentence",
        )

        def of_owner(row: _Row, slot: int) -> str:
            return f"INDEX({row.span(room)},1,{_OWNER[slot]})"

        def owner(slot: int) -> str:
            place = _PLACE[slot]
            return f'IF({place}>{self._count("needed")},"",COUNTIF({_FIRST.span(room)},"<="&{place}))'

        def nth(slot: int) -> str:
            place = f"{_PLACE[slot]}-{of_owner(_FIRST, slot)}"
            return f'IF({_OWNER[slot]}="","",IF({place}<{of_owner(_SIZE, slot)},{place},""))'

        def byte(slot: int) -> str:
            code, size = of_owner(_CODE, slot), of_owner(_SIZE, slot)
            leading = f"256-2^(8-{size})+INT({code}/64^({size}-1))"
            later = f"128+MOD(INT({code}/64^({size}-1-{_NTH[slot]})),64)"
            return f'IF({_NTH[slot]}="","",IF({size}=1,{code},IF({_NTH[slot]}=0,{leading},{later})))'

        def token(slot: int) -> str:
            return f'IF({_BYTE[slot]}="","",INDEX({self.lookups.byte_tokens},{_BYTE[slot]}+1))'

        self._slots(_OWNER, "character number", [cell.character for cell in cells], owner)
        self._slots(_NTH, "which of its bytes, from 0", _or_empty(cell.place for cell in cells), nth)
        self._slots(_BYTE, "byte", _or_empty(cell.byte for cell in cells), byte)
        self._slots(_TOKEN, "its token", _or_empty(cell.token for cell in cells), token)

    def _steps(self) -> None:
        page = self.page
        page.write(self.steps_top, 0, "3. Merging", style="heading")
        page.write(
            self.steps_top + 1,
            0,
            "Of all neighbours, those that stand first in the list of merges become one piece; again and again, until no "
            "neighbours are in the list.",
            style="sentence",
        )
        for column, heading in enumerate(("step", "what was joined", "lowest", "cell", "makes")):
            page.write(self.steps_top + 2, column, heading, style="label")
        steps = self.working.steps
        for number in range(self.room):
            before = steps[number - 1] if 0 < number <= len(steps) else None
            self._step(number, before, steps[number] if number < len(steps) else None)

    def _step(self, number: int, before: Step | None, step: Step | None) -> None:
        """Write what one merge makes of the pieces, and which comes next; empty where there is nothing to merge."""
        page, texts, slots = self.page, self.vocabulary.texts, self.room - number
        pieces, tokens, ranks = (_Row(self.first_step + _STEP_ROWS * number + place) for place in range(3))
        pieces_before, tokens_before, ranks_before = (_Row(row.number - _STEP_ROWS) for row in (pieces, tokens, ranks))
        lowest, at, joined = (cell(ranks_before.number, column, "rc") for column in (2, 3, 4))
        used = f'{cell(pieces.number, 0, "rc")}=""'

        def there(column: int, row: _Row, value: Value, formula: str, style: str = "label") -> None:
            page.write(row.number, column, value if step else "", f'IF({used},"",{formula})', style)

        # The words at the left
        if number == 0:
            alive, title = f'{self._count("trouble")}<>""', '"Start: every byte is a piece"'
            said = "Start: every byte is a piece"
        else:
            alive = f'{at}=""'
            left, right = (f"INDEX({pieces_before.span(slots + 1)},1,{at}{plus})" for plus in ("", "+1"))
            made = f"INDEX({pieces.span(slots)},1,{at})"
            title, said = f'"merge "&{lowest}&": "&{left}&" + "&{right}&" → "&{made}', ""
            if before and step:
                assert before.at and before.lowest is not None and before.joined is not None
                left_token, right_token = before.pieces[before.at - 1 : before.at + 1]
                assert left_token is not None and right_token is not None
                said = f"merge {before.lowest}: {texts[left_token]} + {texts[right_token]} → {texts[before.joined]}"
        page.write(pieces.number, 0, number if step else "", f'IF({alive},"",{number})', "number")
        there(1, pieces, said, title, "heading")
        there(5, pieces, "pieces", '"pieces"')
        there(5, tokens, "tokens", '"tokens"')
        end = "Nothing is left to join: these are the tokens."
        over = f'IF({cell(ranks.number, 2, "rc")}="","{end}","")'
        there(1, ranks, end if step and step.lowest is None else "", over, "sentence")

        # The pieces
        held = _or_empty(step.pieces) if step else []
        shown = ["" if piece is None else texts[piece] for piece in step.pieces] if step else []
        for slot in range(slots):
            place, column = _PLACE.fixed(slot), _FIRST_SLOT + slot
            if number == 0:
                formula = f'IF({used},"",{_TOKEN[slot]})'
            else:
                stays, moves = tokens_before[slot], tokens_before[slot + 1]
                formula = f'IF({at}="","",IF({place}<{at},{stays},IF({place}={at},{joined},{moves})))'
            page.write(tokens.number, column, held[slot] if slot < len(held) else "", formula, "number")
            text = f'IF({tokens[slot]}="","",INDEX({self.lookups.texts},{tokens[slot]}+1))'
            page.write(pieces.number, column, shown[slot] if slot < len(shown) else "", text, "piece")

        # The ranks of the pairs
        if slots == 1:
            page.write(ranks.number, 2, "", '""', "number")
            return
        there(5, ranks, "place in the list, with the next", '"place in the list, with the next"')
        found = _or_empty(step.ranks) if step else []
        pairs, places = self.lookups.pairs, self.lookups.ranks
        for slot in range(slots - 1):
            left, right = tokens[slot], tokens[slot + 1]
            pair = f"{left}*{self.vocabulary.step}+{right}"
            known = f'IF(LOOKUP({pair},{pairs})={pair},LOOKUP({pair},{pairs},{places}),"")'
            formula = f'IF({left}="","",IF({right}="","",{known}))'
            page.write(ranks.number, _FIRST_SLOT + slot, found[slot] if slot < len(found) else "", formula, "rank")
        row, low = ranks.span(slots - 1), cell(ranks.number, 2, "rc")
        chosen = _or_empty((step.lowest, step.at, step.joined)) if step else ["", "", ""]
        page.write(ranks.number, 2, chosen[0], f'IF(COUNT({row})=0,"",MIN({row}))', "number")
        page.write(ranks.number, 3, chosen[1], f'IF({low}="","",MATCH({low},{row},0))', "number")
        page.write(ranks.number, 4, chosen[2], f'IF({low}="","",INDEX({self.lookups.joined},{low}+1))', "number")

    def _tokens(self) -> None:
        page, working, top = self.page, self.working, self.first_token
        page.write(_PANEL, 0, "The tokens", style="heading")
        count = 0 if working.message else len(working.found)
        page.write(_PANEL, 2, count, f'IF({cell(*_MESSAGE, "rc")}="",{self._count("found")},0)', "number")
        page.write(_PANEL + 1, 0, "What the model reads. Unused places hold 0.", style="sentence")
        for column, heading in enumerate(("position", "token", "id", "cell")):
            page.write(_PANEL + 2, column, heading, style="label")
        pieces = working.steps[-1].pieces if count else []
        places = [place for place, piece in enumerate(pieces, 1) if piece is not None]
        last, counted = self._last_pieces(), cell(_PANEL, 2, "rc")
        for position in range(self.max_tokens):
            row, there = top + position, position < count
            token = working.found[position] if there else 0
            used, id_, at = f"{cell(row, 0, 'rc')}<{counted}", cell(row, 2), cell(row, 3)
            page.write(row, 0, position, style="quiet")
            text = f'IF({used},INDEX({self.lookups.texts},{id_}+1),"")'
            page.write(row, 1, self.vocabulary.texts[token] if there else "", text, "piece")
            page.write(row, 2, token, f"IF({used},{last(at)},0)", "number")
            before = cell(row - 1, 3)
            next_at = "1" if position == 0 else f'{before}+IF({last(before + "+1")}="",2,1)'
            page.write(row, 3, places[position] if there else "", f'IF({used},{next_at},"")', "quiet")
        page.name_area("token_count", _PANEL, 2)
        page.name_area("token_ids", top, 2, self.max_tokens)

    def _last_pieces(self) -> Callable[[str], str]:
        """How formulas call a cell of the pieces after the last merge; 0 for all of them."""
        rows = span(self.first_step + 1, _FIRST_SLOT, _STEP_ROWS * (self.room - 1) + 1, self.room)
        return lambda place: f"INDEX({rows},{self._count('last')},{place})"

    def _counts(self) -> None:
        self.page.write(self.counts_top, 0, "What the formulas count", style="heading")
        working, known, room = self.working, self.working.characters, self.room
        text, characters, needed = cell(*_TEXT, "rc"), self._count("characters"), self._count("needed")
        end = f"{_AT.fixed(room - 1)}+IF({_CODE.fixed(room - 1)}>65535,{self._count('wide')},1)"
        early = "" if working.steps else working.message
        lowest = span(self.first_step, 2, _STEP_ROWS * room, 1)
        merges = max(len(working.steps) - 1, 0)
        trouble, last = self._count("trouble"), self._last_pieces()
        rows: dict[str, tuple[str, Value, str]] = {
            "length": ("length of the text", len(working.text), f"LEN({text})"),
            "wide": ("length of an emoji (Excel: 2)", 1, "LEN(_xlfn.UNICHAR(128512))"),
            "characters": ("characters that have a cell", len(known.codes), f"COUNT({_AT.span(room)})"),
            "over": (
                "length that has none",
                max(0, len(working.text) - room),
                f"IF({characters}<{room},0,{self._count('length')}+1-({end}))",
            ),
            "needed": (
                "cells needed for the bytes",
                known.needed,
                f"IF({characters}=0,0,INDEX({_FIRST.span(room)},1,{characters})+INDEX({_SIZE.span(room)},1,{characters})-1)",
            ),
            "trouble": ("what stands in the way", early, self._trouble(needed)),
            "merges": ("merges made", merges, f"COUNT({lowest})"),
            "last": ("row of the last pieces", merges * _STEP_ROWS + 1, f"{self._count('merges')}*{_STEP_ROWS}+1"),
            "found": ("tokens found", len(working.found), f'IF({trouble}="",COUNT({last("0")}),0)'),
        }
        for name, (label, value, formula) in rows.items():
            self.page.write(self.counts[name], 1, label, style="label")
            self.page.write(self.counts[name], 2, value, formula, "number")

    def _trouble(self, needed: str) -> str:
        """The formula of the message, but for the number of tokens."""
        room = self.room
        sorts, tokens = _SORT.span(room), _TOKEN.span(room)
        lacking = f"MATCH({NO_TOKEN},{tokens},0)"
        owner, byte = (f"INDEX({row.span(room)},1,{lacking})" for row in (_OWNER, _BYTE))
        cases = [
            (f"OR(ISERROR({self.prompt_cell}),ISLOGICAL({self.prompt_cell}))", f'"{splitting.NO_TEXT}"'),
            (f"{self._count('length')}=0", f'"{splitting.EMPTY}"'),
            (
                f'COUNTIF({sorts},"unusable")>0',
                f'"Character "&MATCH("unusable",{sorts},0)&" of the prompt {splitting.UNUSABLE}"',
            ),
            (f"OR({needed}>{room},{self._count('over')}>0)", f'"{splitting.too_long(room)}"'),
            (
                f"COUNTIF({tokens},{NO_TOKEN})>0",
                f'"Character "&{owner}&" of the prompt has byte "&{byte}&", {splitting.NOT_IN_VOCABULARY}"',
            ),
        ]
        if self.vocabulary.added:
            inside = f"SUMPRODUCT(--ISNUMBER(FIND({self.lookups.added},{cell(*_TEXT, 'rc')})))>0"
            added = splitting.added_inside(self.vocabulary).replace('"', '""')
            cases.insert(2, (inside, f'"{added}"'))
        formula = '""'
        for condition, message in reversed(cases):
            formula = f"IF({condition},{message},{formula})"
        return formula

    # Colours

    def _dress(self, workbook: Any, worksheet: Any) -> None:
        piece = workbook.add_format({"bg_color": "#E3EEF9", "left": 1, "right": 1, "border_color": "#7FA7CF"})
        new = workbook.add_format({"bg_color": "#FFD58A", "bold": True})
        lowest = workbook.add_format({"font_color": "#B45F06", "bold": True})
        unused = workbook.add_format({"font_color": "#C8C8C8"})
        top, last = self.first_step, self.first_step + _STEP_ROWS * self.room - 1
        first, right = _FIRST_SLOT, _FIRST_SLOT + self.room - 1

        def colour(area: tuple[int, int, int, int], criteria: str, style: Any, stop: bool = False) -> None:
            rule = {"type": "formula", "criteria": "=" + criteria, "format": style, "stop_if_true": stop}
            worksheet.conditional_format(*area, rule)

        def in_step(place: int) -> str:
            return f"MOD(ROW()-{top + 1},{_STEP_ROWS})={place}"

        here, place = cell(top, first), _PLACE.fixed(0).replace("$", "", 1)
        joined_at, low, low_at = cell(top + 2, 3, "c"), cell(top, 2, "c"), cell(top, 3, "c")
        steps = (top, first, last, right)
        after_first = (top + _STEP_ROWS, first, last, right)
        made = f'AND({in_step(0)},{joined_at}={place},{cell(top + _STEP_ROWS, first)}<>"")'
        colour(after_first, made, new, True)
        colour(steps, f'AND({in_step(0)},{here}<>"")', piece)
        colour(steps, f'AND({in_step(2)},{here}<>"",{here}={low},{place}={low_at})', lowest)
        words = (_CHARACTER.number, first, _CHARACTER.number, right)
        colour(words, f'{_CHARACTER[0]}<>""', piece)
        ids = (self.first_token, 2, self.first_token + self.max_tokens - 1, 2)
        colour(ids, f"{cell(self.first_token, 0, 'c')}>={cell(_PANEL, 2, 'rc')}", unused)


def _or_empty(values: Any) -> list[Value]:
    """The values, as cells show them: None is an empty text."""
    return ["" if value is None else value for value in values]

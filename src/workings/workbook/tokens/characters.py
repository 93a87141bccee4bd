"""The parts of the Tokens page that cut the prompt into characters and words, and write them as bytes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from workings.display.words import visible
from workings.workbook.page import Page, Value
from workings.workbook.tokens.layout import (
    BYTE,
    BYTES,
    CHARACTER,
    CODE,
    CUT_AT,
    FIRST,
    FIRST_SLOT,
    LABELS,
    LENGTH,
    NEXT,
    NTH,
    OWNER,
    PANEL,
    PLACE,
    RUN,
    SIZE,
    SORT,
    TOKEN,
    Layout,
    Row,
    heading,
    shown,
    value_at,
)
from workings.workbook.tokens.merges_page import Lookups
from workings.workbook.tokens.sorts import SORTS
from workings.workbook.tokens.splitting import LONG_ENDINGS, SHORT_ENDINGS, Working

Formula = Callable[[int], str]
"""The formula of a slot, by the slot's number counted from 0."""


def write_characters(page: Page, layout: Layout, working: Working, lookups: Lookups) -> None:
    """Write what every character is, and where words end. An empty slot is empty in all rows."""
    known, places = working.characters, list(range(1, layout.room + 1))
    heading(
        page,
        PANEL,
        LABELS,
        "1. Characters and words",
        "A word is a run of letters, of digits or of other signs, with the space before it; 's 't 'd 'm 're 've 'll are "
        "words too. Words begin where a character is orange, and merging never crosses from one to the next.",
    )
    page.write(PLACE.number, LABELS, "cell", style="label")
    for slot, place in enumerate(places):
        page.write(PLACE.number, FIRST_SLOT + slot, place, style="quiet")

    def row(row: Row, label: str, values: Sequence[Value], formula: Formula, style: str = "ids") -> None:
        _slots(page, layout, row, label, values, lambda slot: f'IF({CUT_AT[slot]}="","",{formula(slot)})', style)

    letters = [visible(letter) if letter in " \t\n" else letter for letter in working.text[: layout.room]]
    _slots(page, layout, CUT_AT, "where it stands in the text", places[: len(known.codes)], _cut_at(layout), "ids")
    row(CHARACTER, "character", letters, _character(layout), "piece")
    row(CODE, "its number in Unicode", known.codes, _code(layout))
    row(SORT, "what sort it is", known.sorts, _sort(lookups), "small")
    row(RUN, "of that sort from here on", known.runs, _run)
    row(LENGTH, "a word from here would have", known.lengths, _word_length(layout))
    row(NEXT, "the next word begins at", known.nexts, _next)
    row(SIZE, "bytes it takes", known.sizes, _size)
    row(FIRST, "the first goes into cell", known.firsts, _first)


def write_bytes(page: Page, layout: Layout, working: Working, lookups: Lookups) -> None:
    """Write the characters' bytes one after the other, with an empty cell between words."""
    heading(
        page,
        BYTES,
        LABELS,
        "2. Bytes",
        "Plain letters are one byte, é two, emoji four (UTF-8); each byte is a token to begin with. Between words a cell "
        "stays empty.",
    )

    def row(row: Row, label: str, values: Sequence[Value], formula: Formula) -> None:
        _slots(page, layout, row, label, values, formula, "ids")

    cells = working.bytes
    row(OWNER, "character number", [cell.character for cell in cells], _owner(layout))
    row(NTH, "which of its bytes, from 0", shown(cell.place for cell in cells), _nth(layout))
    row(BYTE, "byte", shown(cell.byte for cell in cells), _byte(layout))
    row(
        TOKEN,
        "its token",
        shown(cell.token for cell in cells),
        lambda slot: f'IF({BYTE[slot]}="","",INDEX({lookups.byte_tokens},{BYTE[slot]}+1))',
    )


def _slots(
    page: Page, layout: Layout, row: Row, label: str, values: Sequence[Value], formula: Formula, style: str
) -> None:
    page.write(row.number, LABELS, label, style="label")
    for slot in range(layout.room):
        page.write(row.number, FIRST_SLOT + slot, value_at(values, slot), formula(slot), style)


# Characters

# Excel counts an emoji as two, LibreOffice as one: "wide" is how many, and what all steps through the text go by.


def _cut_at(layout: Layout) -> Formula:
    length, wide = layout.count("length"), layout.count("wide")

    def formula(slot: int) -> str:
        if slot == 0:
            return f'IF({length}=0,"",1)'
        after = f"{CUT_AT[slot - 1]}+IF({CODE[slot - 1]}>65535,{wide},1)"
        return f'IF({CUT_AT[slot - 1]}="","",IF({after}>{length},"",{after}))'

    return formula


def _character(layout: Layout) -> Formula:
    def formula(slot: int) -> str:
        code = CODE[slot]
        itself = f"MID({layout.text},{CUT_AT[slot]},IF({code}>65535,{layout.count('wide')},1))"
        return f'IF({code}=32,"{visible(" ")}",IF({code}=9,"{visible(chr(9))}",IF({code}=10,"{visible(chr(10))}",{itself})))'

    return formula


def _code(layout: Layout) -> Formula:
    # To UNICODE in Excel half an emoji is an error, and so may be a text that ends in half of one.
    def formula(slot: int) -> str:
        wide, one = (f"_xlfn.UNICODE(MID({layout.text},{CUT_AT[slot]},{width}))" for width in (layout.count("wide"), 1))
        return f"IFERROR({wide},IFERROR({one},0))"

    return formula


def _sort(lookups: Lookups) -> Formula:
    names = ",".join(f'"{name}"' for name in SORTS)
    return lambda slot: f"CHOOSE(LOOKUP({CODE[slot]},{lookups.sort_starts},{lookups.sorts}),{names})"


def _run(slot: int) -> str:
    return f"IF({SORT[slot]}={SORT[slot + 1]},1+{RUN[slot + 1]},1)"


def _word_length(layout: Layout) -> Formula:
    def formula(slot: int) -> str:
        code, then, after, run = CODE[slot], CODE[slot + 1], CODE[slot + 2], RUN[slot]
        short = ",".join(f"{then}={ord(letter)}" for letter in SHORT_ENDINGS)
        long = ",".join(f"AND({then}={ord(ending[0])},{after}={ord(ending[1])})" for ending in LONG_ENDINGS)
        alone = f"IF({run}>1,{run}-1,IF({code}=32,1+{RUN[slot + 1]},1))"
        space = f"IF({PLACE[slot]}+{run}>{layout.count('characters')},{run},{alone})"
        other = f'IF({SORT[slot]}<>"space",{run},{space})'
        return f"IF(AND({code}=39,OR({short})),2,IF(AND({code}=39,OR({long})),3,{other}))"

    return formula


def _next(slot: int) -> str:
    if slot == 0:
        return f"1+{LENGTH[slot]}"
    before = NEXT[slot - 1]
    return f"IF({PLACE[slot]}={before},{PLACE[slot]}+{LENGTH[slot]},{before})"


def _size(slot: int) -> str:
    return f"1+({CODE[slot]}>127)+({CODE[slot]}>2047)+({CODE[slot]}>65535)"


def _first(slot: int) -> str:
    if slot == 0:
        return "1"
    return f"{FIRST[slot - 1]}+{SIZE[slot - 1]}+IF({PLACE[slot]}={NEXT[slot - 1]},1,0)"


# Bytes


def _of_owner(layout: Layout, row: Row, slot: int) -> str:
    return f"INDEX({row.first(layout.room)},1,{OWNER[slot]})"


def _owner(layout: Layout) -> Formula:
    starts, needed = FIRST.first(layout.room), layout.count("needed")
    return lambda slot: f'IF({PLACE[slot]}>{needed},"",COUNTIF({starts},"<="&{PLACE[slot]}))'


def _nth(layout: Layout) -> Formula:
    def formula(slot: int) -> str:
        place = f"{PLACE[slot]}-{_of_owner(layout, FIRST, slot)}"
        return f'IF({OWNER[slot]}="","",IF({place}<{_of_owner(layout, SIZE, slot)},{place},""))'

    return formula


def _byte(layout: Layout) -> Formula:
    # UTF-8: the first of n bytes begins with n ones and a zero, the others with 10 and six bits each.
    def formula(slot: int) -> str:
        code, size, nth = _of_owner(layout, CODE, slot), _of_owner(layout, SIZE, slot), NTH[slot]
        leading = f"256-2^(8-{size})+INT({code}/64^({size}-1))"
        later = f"128+MOD(INT({code}/64^({size}-1-{nth})),64)"
        return f'IF({nth}="","",IF({size}=1,{code},IF({nth}=0,{leading},{later})))'

    return formula

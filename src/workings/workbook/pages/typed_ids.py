"""The page "Tokens" for a model whose text cannot be split by formulas: token ids are typed, with spaces between them."""

from __future__ import annotations

from collections.abc import Sequence

from workings.workbook.page import Area, Page
from workings.workbook.pages.vocabulary import VocabularyPage
from workings.workbook.references import cell, everywhere, span
from workings.workbook.tokens import TokenPages

PAGE = "Tokens"
_MESSAGE, _COUNT, _TOP = (4, 1), (6, 2), 9
_POSITION, _TEXT, _ID, _PIECE, _REST = range(5)


def typed_ids_page(prompt_cell: str, prompt: str, vocabulary: VocabularyPage, max_tokens: int, why: str) -> TokenPages:
    """Write a page that reads the prompt's cell as token ids, for now those in `prompt`.

    `why` says why text will not do.
    """
    page = Page(PAGE, frozen=(0, 2))
    page.widths |= {0: 9, 1: 34, 2: 9, 3: 12, 4: 40}
    page.write(0, 0, "From token ids to tokens", style="title")
    page.write(
        1, 0, f"{why} So the prompt's cell takes token ids, with spaces between them, such as 3 1 2.", style="note"
    )
    page.write(_MESSAGE[0], 0, "message", style="label")
    words = prompt.split()
    trouble = _message(words, max_tokens, len(vocabulary.texts))
    pieces = span(_TOP, _PIECE, max_tokens, 1)
    numbers = span(_TOP, _ID, max_tokens, 1)
    used = f'SUMPRODUCT(--({pieces}<>""))'
    left = cell(_TOP + max_tokens, _REST, "rc")
    message = (
        f'IF({used}=0,"{_EMPTY}",IF({left}<>"","{_too_many(max_tokens)}",'
        f'IF(COUNTIF({numbers},-1)>0,"{_unknown(len(vocabulary.texts))}","")))'
    )
    page.write(*_MESSAGE, trouble, message, "warning")
    count = 0 if trouble else len(words)
    page.write(_COUNT[0], 1, "how many tokens there are", style="label")
    page.write(*_COUNT, count, f'IF({cell(*_MESSAGE)}="",{used},0)', "ids")
    for column, title in enumerate(("position", "token", "id", "as typed", "what follows")):
        page.write(_TOP - 1, column, title, style="header")
    _write_ids(page, prompt_cell, " ".join(words), vocabulary, max_tokens, count)
    page.name_area("token_count", *_COUNT)
    page.name_area("token_ids", _TOP, _ID, max_tokens)
    return TokenPages(
        tokens=page,
        merges=None,
        ids=page.names["token_ids"],
        count=page.names["token_count"],
        texts=Area(PAGE, _TOP, _TEXT, max_tokens),
        message=Area(PAGE, *_MESSAGE),
        vocabulary=vocabulary.readable,
    )


_EMPTY = "The prompt is empty. Type token ids, with spaces between them."


def _too_many(most: int) -> str:
    return f"These are more than {most} tokens, which is all that this workbook has room for."


def _unknown(size: int) -> str:
    return f"Something here is no token id: those are whole numbers from 0 to {size - 1}."


def _message(words: Sequence[str], most: int, size: int) -> str:
    if not words:
        return _EMPTY
    if len(words) > most:
        return _too_many(most)
    return "" if all(word.isdecimal() and int(word) < size for word in words) else _unknown(size)


def _write_ids(page: Page, prompt_cell: str, text: str, vocabulary: VocabularyPage, most: int, count: int) -> None:
    """One row a token: the piece before the next space, its number, and what is left of the text."""
    texts = everywhere(vocabulary.readable)
    rest = f"{text} " if text else ""
    page.write(_TOP, _REST, rest, f'IF(TRIM({prompt_cell}&"")="","",TRIM({prompt_cell}&"")&" ")', "text")
    for position in range(most):
        row = _TOP + position
        before, piece, number = cell(row, _REST), cell(row, _PIECE), cell(row, _ID)
        here, _, after = rest.partition(" ")
        known = here.isdecimal() and int(here) < len(vocabulary.texts)
        page.write(row, _POSITION, position, style="ids")
        page.write(row, _PIECE, here, f'IF({before}="","",LEFT({before},FIND(" ",{before})-1))', "text")
        page.write(row + 1, _REST, after, f'IF({before}="","",MID({before},FIND(" ",{before})+1,32767))', "text")
        typed = f"IFERROR(VALUE({piece}),-1)"
        good = f"AND({typed}>=0,{typed}<{len(vocabulary.texts)},{typed}=INT({typed}))"
        value = (int(here) if known else -1) if here else 0
        page.write(row, _ID, value, f'IF({piece}="",0,IF({good},{typed},-1))', "ids")
        shown = vocabulary.shown[value] if position < count else ""
        page.write(row, _TEXT, shown, f'IF(token_count>{position},INDEX({texts},{number}+1),"")', "piece")
        rest = after

"""The Tokens page by Excel's rules, which count an emoji as two and may make an error of half of one."""

import pytest
from excel import Excel
from prompts import varied
from test_tokens import TRAINED

from workings.workbook.tokens import tokens_pages
from workings.workbook.tokens.splitting import work_out
from workings.workbook.tokens.vocabulary import vocabulary_of

PROMPTS = [
    "Mike's 12 cafés!",
    "🙂",
    "a🙂b 🙂🙂 é",
    "👩\u200d👩\u200d👧'll",
    "🇩🇪 x",
    "I'LL i'll  \t x ",
    "x\n\n y",
    "",
    "🙂" * 7,
    "🙂" * 8,
    "q" * 30,
    "q" * 31,
    "q" * 29 + "é",
    "q" * 29 + "🙂",
    "q" * 30 + "🙂",
    "qzqzqzqzqz",
    "not yet \U000e0fff",
    "so <|endoftext|>",
]


@pytest.mark.parametrize("half", ["strict", "first", "raw", "whole"])
def test_tokens_are_the_librarys_whatever_excel_makes_of_half_an_emoji(half):
    pages = tokens_pages(TRAINED, "'Prompt'!$A$1", "", max_tokens=9, max_pieces=30)
    excel, vocabulary, split = Excel([pages.tokens, pages.merges], half), vocabulary_of(TRAINED), 0
    for prompt in [*PROMPTS, *varied(60, seed=2)]:
        excel.set("Prompt", 0, 0, prompt)
        (message,), (count,) = excel.read(pages.message), excel.read(pages.count)
        assert message == work_out(prompt, vocabulary, 9, 30).message, prompt
        ids = [] if message else TRAINED.encode(prompt)
        assert excel.read(pages.ids) == [*ids, *[0] * (9 - len(ids))], prompt
        assert excel.read(pages.texts) == [*(vocabulary.texts[token] for token in ids), *[""] * (9 - len(ids))]
        assert count == len(ids)
        split += not message
    assert split > 30


@pytest.mark.parametrize("half", ["strict", "first", "raw", "whole"])
def test_half_a_character_is_refused(half):
    pages = tokens_pages(TRAINED, "'Prompt'!$A$1", "", max_tokens=9, max_pieces=12)
    excel = Excel([pages.tokens, pages.merges], half)
    for prompt in ("a\ud83d", "a\ude42b", "a\ud83d 🙂"):
        excel.set("Prompt", 0, 0, prompt)
        assert excel.read(pages.message) == [
            "Character 2 of the prompt cannot be split exactly by a sheet. Leave it out."
        ]
        assert excel.read(pages.ids) == [0] * 9


def test_every_cell_has_excels_value_too():
    prompt = "They'll sell 12 cafés"
    pages = tokens_pages(TRAINED, "'Prompt'!$A$1", prompt, max_tokens=16, max_pieces=30)
    excel = Excel([pages.tokens, pages.merges], "strict")
    excel.set("Prompt", 0, 0, prompt)
    wide = next(row for (row, _), cell in pages.tokens.cells.items() if cell.formula == "LEN(_xlfn.UNICHAR(128512))")
    for (row, column), cell in pages.tokens.cells.items():
        value = excel.value("Tokens", row, column)
        assert value == (2 if row == wide and column == 2 else cell.value), (row, column, cell.formula)


@pytest.mark.parametrize(("max_tokens", "room"), [(1, 1), (3, 2), (2, 5)])
def test_the_smallest_pages_work(max_tokens, room):
    pages = tokens_pages(TRAINED, "'Prompt'!$A$1", "", max_tokens, room)
    excel, vocabulary = Excel([pages.tokens, pages.merges], "first"), vocabulary_of(TRAINED)
    for prompt in ("", "a", "ab", "a.", "é", "🙂", "qzq", "qz"):
        excel.set("Prompt", 0, 0, prompt)
        working = work_out(prompt, vocabulary, max_tokens, room)
        ids = [] if working.message else TRAINED.encode(prompt)
        assert (excel.read(pages.message), excel.read(pages.count)) == ([working.message], [len(ids)])
        assert excel.read(pages.ids) == [*ids, *[0] * (max_tokens - len(ids))]

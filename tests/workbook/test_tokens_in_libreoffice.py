"""The Tokens page worked out by LibreOffice: exactly the library's tokens, or a message and none."""

import time
from pathlib import Path

import pytest
from prompts import varied
from sheets import differences, write_pages
from test_tokens import END, TRAINED, by_hand

import workings
from workings.checkpoints.tokenizer import Tokenizer
from workings.workbook.office import CellError
from workings.workbook.tokens import tokens_pages
from workings.workbook.tokens.splitting import work_out
from workings.workbook.tokens.vocabulary import vocabulary_of

GPT2_FILES = Path(__file__).parents[3] / "shared" / "data"
CELL = "'Prompt'!$A$1"
PLAIN = "Mike is quick. He moves quickly."


class Sheet:
    """A tokenizer's pages, open in LibreOffice."""

    def __init__(self, office, path, tokenizer, prompt=PLAIN, max_tokens=16, max_pieces=None):
        self.office, self.tokenizer = office, tokenizer
        self.pages = tokens_pages(tokenizer, CELL, prompt, max_tokens, max_pieces)
        write_pages(path, [self.pages.tokens, self.pages.merges], prompt)
        office.open(path)

    def set(self, prompt):
        self.office.set("Prompt", 0, 0, prompt)
        return self.shown()

    def shown(self):
        """The ids that are in use, and the message."""
        count, message, ids = (self.read(area) for area in (self.pages.count, self.pages.message, self.pages.ids))
        assert all(token == 0 for token in ids[int(count[0]) :])
        texts = self.read(self.pages.texts)
        assert all(text == "" for text in texts[int(count[0]) :])
        assert bool(count[0]) != bool(message[0])
        return [int(token) for token in ids[: int(count[0])]], message[0]

    def read(self, area):
        return [row[0] for row in self.office.values(area.page, area.row, area.column, area.rows)]


@pytest.fixture(scope="module")
def gpt2():
    if not (GPT2_FILES / "vocab.bpe").exists():
        pytest.skip(f"GPT-2's own tokenizer files are not in {GPT2_FILES}")
    return Tokenizer.from_folder(GPT2_FILES)


@pytest.fixture(scope="module")
def storybook():
    return workings.load("storybook").tokenizer


PROMPTS = [
    "funology",
    PLAIN,
    "They'll say we've CAN'T 'em, I'd've; it's 'S 'LL",
    "  two  spaces,   three ,end  ",
    "x\n\n y \n",
    "\ttab\t\tand  42 1234",
    "naïve café, ÀÉ, e\u0301, 日本",
    "👩\u200d👩\u200d👧 🙂x🇩🇪",
    "",
    f"so {END} and",
    "not yet \U000e0fff",
    "q" * 97,
    "é" * 60,
    "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17",
]


@pytest.mark.parametrize("prompt", PROMPTS)
def test_every_cell_holds_in_the_file_what_libreoffice_works_out(office, storybook, tmp_path, prompt):
    sheet = Sheet(office, tmp_path / "tokens.xlsx", storybook, prompt)
    assert differences(office, sheet.pages.tokens) == []
    ids, message = sheet.shown()
    assert message or ids == storybook.encode(prompt)


def test_a_wrong_formula_and_a_wrong_value_are_found(office, tmp_path):
    pages = tokens_pages(TRAINED, CELL, "ab", 2, max_pieces=4)
    row, column = pages.ids.row, pages.ids.column
    right = pages.tokens.cells[row, column]
    for formula, value in (("1+1", right.value), (right.formula, 12345), ("1/0", right.value)):
        pages.tokens.cells[row, column] = type(right)(value, formula)
        write_pages(tmp_path / "wrong.xlsx", [pages.tokens, pages.merges], "ab")
        office.open(tmp_path / "wrong.xlsx")
        assert (row, column) in {(row, column) for row, column, *_ in differences(office, pages.tokens)}
    assert isinstance(office.value("Tokens", row, column), CellError)


def test_gpt2s_own_tokens_come_out_for_hundreds_of_prompts(office, gpt2, tmp_path):
    sheet = Sheet(office, tmp_path / "gpt2.xlsx", gpt2)
    assert differences(office, sheet.pages.tokens) == []
    vocabulary = vocabulary_of(gpt2)
    split = 0
    for prompt in [*PROMPTS, "odd \x01 sign", *varied(400)]:
        ids, message = sheet.set(prompt)
        assert message == work_out(prompt, vocabulary, 16, 96).message, prompt
        if not message:
            assert ids == gpt2.encode(prompt), prompt
            split += 1
    assert split > 300


def test_known_splits_of_gpt2(office, gpt2, tmp_path):
    sheet = Sheet(office, tmp_path / "gpt2.xlsx", gpt2)
    for prompt, ids in (("funology", [12543, 1435]), (" reinjury", [6865, 21871]), ("reinjury", [260, 259, 21871])):
        assert sheet.set(prompt) == (ids, "")


def test_gpt2s_tokens_are_worked_out_again_in_no_time(office, gpt2, tmp_path):
    sheet = Sheet(office, tmp_path / "gpt2.xlsx", gpt2)
    seconds = []
    for place in range(5):
        before = time.perf_counter()
        sheet.set(f"The quick brown fox number {place} jumps over the lazy dog, and so on.")
        seconds.append(time.perf_counter() - before)
    assert min(seconds) < 60


def test_storybooks_own_tokens_come_out_for_many_prompts(office, storybook, tmp_path):
    sheet = Sheet(office, tmp_path / "storybook.xlsx", storybook, max_tokens=40, max_pieces=70)
    vocabulary = vocabulary_of(storybook)
    for prompt in varied(150, seed=1):
        ids, message = sheet.set(prompt)
        assert message == work_out(prompt, vocabulary, 40, 70).message, prompt
        assert message or ids == storybook.encode(prompt), prompt


def test_all_cells_and_all_tokens_can_be_used_and_one_more_cannot(office, tmp_path):
    sheet = Sheet(office, tmp_path / "full.xlsx", TRAINED, max_tokens=5, max_pieces=9)
    assert sheet.set("q q q q q")[1].startswith("The prompt is too long: there are 9 cells")
    assert sheet.set("qzqzq") == (TRAINED.encode("qzqzq"), "")
    assert len(TRAINED.encode("qzqzq")) == 5
    assert sheet.set("qzqzqz") == ([], "The prompt makes 6 tokens, but there is room for 5. Shorten it.")
    assert sheet.set("MikeMikeM") == (TRAINED.encode("MikeMikeM"), "")
    assert sheet.set("MikeMikeMi")[1].startswith("The prompt is too long")
    assert sheet.set("MikeMike🙂")[1].startswith("The prompt is too long")
    assert sheet.set("Mikeaé") == (TRAINED.encode("Mikeaé"), "")


def test_one_long_word_is_merged_to_the_end(office, tmp_path):
    tokenizer = by_hand([("a", "a"), ("aa", "a"), ("aaa", "a"), ("aaaa", "a"), ("aaaaa", "aa"), ("aaaaaaa", "a")])
    sheet = Sheet(office, tmp_path / "long.xlsx", tokenizer, "a" * 8, 8, 8)
    assert differences(office, sheet.pages.tokens) == []
    for length in range(1, 9):
        assert sheet.set("a" * length) == (tokenizer.encode("a" * length), "")


def test_merges_in_odd_orders_and_bytes_without_a_token(office, tmp_path):
    tokenizer = by_hand([("ab", "ab"), ("b", "a"), ("a", "b"), ("ba", "b")])
    sheet = Sheet(office, tmp_path / "odd.xlsx", tokenizer, "abab", 8, 12)
    for text in ("abab", "baba", "aabb", "ababab", "babbabab"):
        assert sheet.set(text) == (tokenizer.encode(text), "")
    assert sheet.set("abé")[1] == "Character 3 of the prompt has byte 195, that is not in the vocabulary. Leave it out."


def test_numbers_formulas_and_errors_in_the_prompts_cell(office, storybook, tmp_path):
    sheet = Sheet(office, tmp_path / "storybook.xlsx", storybook)
    assert sheet.set(42) == (storybook.encode("42"), "")
    assert sheet.set(-1.5) == (storybook.encode("-1.5"), "")
    assert sheet.set("=1+1") == (storybook.encode("=1+1"), "")
    office.set_formula("Prompt", 0, 0, '="Mike"&" is"')
    assert sheet.shown() == (storybook.encode("Mike is"), "")
    for formula in ("=1/0", "=NA()", "=mike"):
        office.set_formula("Prompt", 0, 0, formula)
        assert sheet.shown()[1].startswith("The prompt is an error or a truth value, not a text.")


def test_a_tab_beside_a_line_feed_which_libreoffice_mixes_up_is_refused(office, storybook, tmp_path):
    sheet = Sheet(office, tmp_path / "storybook.xlsx", storybook)
    assert sheet.set("a\tb") == (storybook.encode("a\tb"), "")
    assert sheet.set("a\nb") == (storybook.encode("a\nb"), "")
    assert sheet.set("a\tb\nc") == ([], "Character 2 of the prompt cannot be split exactly by a sheet. Leave it out.")


def test_names_stand_for_the_count_and_the_ids(office, storybook, tmp_path):
    Sheet(office, tmp_path / "storybook.xlsx", storybook)
    assert set(office.names()) == {"token_count", "token_ids"}

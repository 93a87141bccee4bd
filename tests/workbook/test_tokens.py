"""The Tokens page in plain Python: the same tokens as the `tokenizers` library, or a message."""

import re
from typing import Any

import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st
from prompts import WORDS, varied
from tokenizers import AddedToken, Regex, decoders, models, normalizers, pre_tokenizers, processors, trainers

import workings
from workings.checkpoints.tokenizer import Tokenizer
from workings.errors import InputError
from workings.workbook.tokens import tokens_pages
from workings.workbook.tokens.sorts import sort_of, sort_table
from workings.workbook.tokens.splitting import split_into_characters, work_out
from workings.workbook.tokens.vocabulary import vocabulary_of

END = "<|endoftext|>"
texts = st.lists(st.sampled_from(WORDS) | st.text(max_size=4), max_size=10).map("".join)


def trained(**options: Any) -> tokenizers.Tokenizer:
    """Train a small tokenizer of GPT-2's kind."""
    library = tokenizers.Tokenizer(models.BPE(**options))
    library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    library.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=400, initial_alphabet=alphabet, special_tokens=[END], show_progress=False)
    library.train_from_iterator(varied(50), trainer)
    return library


def by_hand(merges: list[tuple[str, str]], letters: str = "ab") -> Tokenizer:
    """Make a tokenizer that knows these letters and merges only."""
    tokens = dict.fromkeys([*letters, *(left + right for left, right in merges)])
    vocab = {token: number for number, token in enumerate(tokens)}
    library = tokenizers.Tokenizer(models.BPE(vocab=vocab, merges=merges))
    library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    library.decoder = decoders.ByteLevel()
    return Tokenizer(library)


TRAINED = Tokenizer(trained())
VOCABULARY = vocabulary_of(TRAINED)


@given(texts)
@settings(max_examples=500)
def test_tokens_are_the_librarys_or_there_is_a_message(text):
    working = work_out(text, VOCABULARY, max_tokens=30, room=60)
    if not working.message:
        assert working.found == TRAINED.encode(text)
        assert working.found


@given(texts)
def test_words_end_where_the_library_ends_them(text):
    text = "".join(character for character in text if sort_of(ord(character)) != "unusable")
    words = TRAINED.library.pre_tokenizer.pre_tokenize_str(text)
    nexts = split_into_characters(text).nexts
    assert sorted({1, *nexts}) == sorted({1, *(end + 1 for _, (_, end) in words)})


@given(texts)
def test_a_message_comes_only_for_a_reason(text):
    working = work_out(text, VOCABULARY, max_tokens=200, room=400)
    unusable = [character for character in text if sort_of(ord(character)) == "unusable"]
    assert bool(working.message) == bool(not text or unusable)


def test_every_usable_character_is_of_the_sort_that_the_library_takes_it_for():
    starts, sorts = sort_table()
    ends = [*starts[1:], 0x110000]
    stretches = zip(starts, ends, sorts, strict=True)
    usable = "".join(chr(code) for start, end, sort in stretches if sort != 4 for code in range(start, end))
    assert len(usable) > 280_000
    for pattern, sort in ((r"\p{L}+", "letter"), (r"\p{N}+", "digit"), (r"\s+", "space")):
        outside = pre_tokenizers.Split(Regex(pattern), "removed").pre_tokenize_str(usable)
        theirs = set(range(len(usable))).difference(*(range(start, end) for _, (start, end) in outside))
        ours = {place for place, character in enumerate(usable) if sort_of(ord(character)) == sort}
        assert [usable[place] for place in sorted(ours ^ theirs)] == []


@given(st.lists(st.sampled_from(["a", "b", "aa", "ab", "ba", "bb", "aab"]), min_size=2, max_size=12), st.data())
def test_merges_in_any_order_are_made_as_the_library_makes_them(parts, data):
    merges = list(dict.fromkeys(zip(parts[::2], parts[1::2], strict=False)))
    known, possible = {"a", "b"}, []
    for left, right in merges:
        if left in known and right in known:
            possible.append((left, right))
            known.add(left + right)
    tokenizer = by_hand(data.draw(st.permutations(possible)))
    text = data.draw(st.text("ab", min_size=1, max_size=20))
    assert work_out(text, vocabulary_of(tokenizer), 20, 20).found == tokenizer.encode(text)


def test_the_cells_show_the_steps_that_the_tokenizer_shows():
    tokenizer = workings.load("storybook").tokenizer
    working = work_out("Wednesday", vocabulary_of(tokenizer), 16, 96)
    (word,) = tokenizer.merges("Wednesday").words
    assert [step.lowest for step in working.steps] == [*(merge.rank for merge in word.merges), None]
    assert [step.pieces for step in working.steps[1:]] == [[piece.id for piece in m.pieces] for m in word.merges]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        (f"a{END}", "such as <|endoftext|>"),
        ("a\U000e0fff", "Character 2 of the prompt cannot be split exactly"),  # no character has this number yet
        ("x" * 31, "too long: there are 30 cells"),
        ("é" * 16, "too long"),
        ("a.a.a.a.a.a.a.a.", "too long"),  # 16 bytes and 15 empty cells
        ("qzqzqzq", "makes 7 tokens, but there is room for 6"),
    ],
)
def test_a_prompt_that_cannot_be_split_gets_a_message_and_no_tokens(text, message):
    assert message in work_out(text, VOCABULARY, max_tokens=6, room=30).message
    pages = tokens_pages(TRAINED, "Prompt!$A$1", text, max_tokens=6, max_pieces=30)
    shown = {name: page_values(pages.tokens, area) for name, area in vars(pages).items() if name in AREAS}
    assert message in shown["message"][0]
    assert shown["count"] == [0]
    assert shown["ids"] == [0] * 6
    assert shown["texts"] == [""] * 6


@pytest.mark.parametrize("odd", ["\x00", "\x01", "\r", "\x1f", "\ud800", "\udfff", "\ufffe", "\uffff"])
def test_a_prompt_that_a_file_cannot_hold_is_an_error(odd):
    assert sort_of(ord(odd)) == "unusable"
    with pytest.raises(InputError, match=f"U\\+{ord(odd):04X} at position 2"):
        tokens_pages(TRAINED, "Prompt!$A$1", f"ab{odd}", max_tokens=6)


AREAS = ("ids", "count", "texts", "message")


def page_values(page, area):
    assert area.page == page.name
    return [page.cells[area.row + row, area.column].value for row in range(area.rows)]


def test_a_byte_that_has_no_token_gets_a_message():
    vocabulary = vocabulary_of(by_hand([("a", "b")]))
    assert work_out("ab", vocabulary, 4, 10).found == [2]
    message = work_out("abc", vocabulary, 4, 10).message
    assert message == "Character 3 of the prompt has byte 99, that is not in the vocabulary. Leave it out."


def test_the_areas_hold_ids_texts_and_count_and_unused_ids_are_0():
    tokenizer = workings.load("storybook").tokenizer
    pages, ids = tokens_pages(tokenizer, "Prompt!$A$1", "Mike is quick. He", 8), tokenizer.encode("Mike is quick. He")
    shown = {name: page_values(pages.tokens, getattr(pages, name)) for name in AREAS}
    assert shown["ids"] == [*ids, 0, 0, 0]
    assert shown["texts"] == ["Mike", "␣is", "␣quick", ".", "␣He", "", "", ""]
    assert shown["count"] == [5]
    assert shown["message"] == [""]
    assert set(pages.tokens.names) == {"token_count", "token_ids"}
    vocabulary = [
        pages.merges.cells[pages.vocabulary.row + token, pages.vocabulary.column].value for token in (0, ids[0])
    ]
    assert vocabulary == ["<|endoftext|>", "Mike"]
    assert pages.vocabulary.rows == 1024


def test_a_text_of_one_word_that_fills_every_cell_still_has_a_step_for_every_merge():
    tokenizer = by_hand([("a", "a"), ("aa", "a"), ("aaa", "a"), ("aaaa", "a"), ("aaaaa", "aa"), ("aaaaaaa", "a")])
    working = work_out("a" * 8, vocabulary_of(tokenizer), 8, 8)
    assert working.found == tokenizer.encode("a" * 8)
    tokens_pages(tokenizer, "Prompt!$A$1", "a" * 8, 8, max_pieces=8)


KNOWN = {
    "IF",
    "IFERROR",
    "AND",
    "OR",
    "LOOKUP",
    "INDEX",
    "MATCH",
    "MID",
    "LEN",
    "COUNT",
    "COUNTIF",
    "MIN",
    "INT",
    "MOD",
}
KNOWN |= {"CHOOSE", "ISERROR", "ISLOGICAL", "ISNUMBER", "FIND", "SUMPRODUCT", "_xlfn.UNICODE", "_xlfn.UNICHAR"}


def test_formulas_keep_to_what_excel_2016_has_and_to_its_limits():
    pages = tokens_pages(TRAINED, "Prompt!$A$1", "funology", 16)
    formulas = [cell.formula for cell in pages.tokens.cells.values() if cell.formula]
    assert len(formulas) > 10_000
    assert not any(cell.formula for cell in pages.merges.cells.values())
    for formula in formulas:
        bare = re.sub(r'"[^"]*"', '""', formula)
        assert set(re.findall(r"[A-Za-z_.]+(?=\()", bare)) <= KNOWN
        assert len(formula) < 8192
        assert max(map(len, re.findall(r'"([^"]*)"', formula)), default=0) <= 255
        depths = [bare[:place].count("(") - bare[:place].count(")") for place in range(0, len(bare), 5)]
        assert max(depths) < 64


def changed(change: str) -> tokenizers.Tokenizer:
    """Make a tokenizer that does something which the formulas do not."""
    if change == "words":
        return tokenizers.Tokenizer(models.WordLevel({"a": 0, "?": 1}, unk_token="?"))
    library = trained(ignore_merges=change == "whole words")
    if change == "space in front":
        library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    elif change == "no words":
        library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    elif change == "digits apart":
        library.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(True), library.pre_tokenizer])
    elif change == "accents composed":
        library.normalizer = normalizers.NFC()
    elif change == "start tokens":
        library.post_processor = processors.TemplateProcessing(single=f"{END} $A", special_tokens=[(END, 0)])
    elif change == "cut short":
        library.enable_truncation(4)
    return library


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("words", "is of the kind WordLevel"),
        ("space in front", "puts a space in front"),
        ("no words", "does not cut text into words"),
        ("digits apart", r"has another rule for where words end \(Sequence\)"),
        ("accents composed", r"changes the text first \(NFC\)"),
        ("start tokens", "adds tokens at the start"),
        ("cut short", "cuts texts short"),
        ("whole words", "looks whole words up"),
    ],
)
def test_a_tokenizer_of_another_kind_is_refused_by_name(change, reason):
    with pytest.raises(InputError, match=rf"but this tokenizer {reason}.*typed by hand"):
        tokens_pages(Tokenizer(changed(change)), "Prompt!$A$1", "a", 4)


def test_added_tokens_of_every_sort_are_refused_in_a_prompt():
    library = trained()
    library.add_tokens(["zebra", AddedToken("日本", lstrip=True), AddedToken("ab", single_word=True)])
    vocabulary = vocabulary_of(Tokenizer(library))
    for text in ("a zebra", "x 日本", "cab", END):
        assert "written as text" in work_out(text, vocabulary, 8, 60).message
    assert work_out("Zebra", vocabulary, 8, 60).found == library.encode("Zebra").ids

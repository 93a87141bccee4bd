"""The tokenizer: the same ids as the `tokenizers` library, every merge shown, every damaged file named."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, decoders, models, normalizers, pre_tokenizers, processors, trainers

from workings.checkpoints.tokenizer import Tokenizer
from workings.errors import CheckpointError, InputError

GPT2_FILES = Path(__file__).parents[3] / "shared" / "data"
END = "<|endoftext|>"
TEXT = """Mike is quick. He moves quickly. Anna's 12 lightsabers weren't there; she'd left 345 at the café!
If today is Tuesday, tomorrow is Wednesday.    The naïve chef took her knife 🙂 and spoke 日本語.\n\n\tEnd."""

PIECES_OF_TEXT = [
    *(
        " ",
        "   ",
        "\n",
        "\r\n",
        "\t",
        "'s",
        "'ll",
        "\u2019",
        "12",
        "2024",
        "|",
        "\\",
        "\\xf0",
        "<|",
        "|>",
        END,
    ),
    *("Mike", " quick", "ab", "abab", "zebra", "Ġ", "é", "e\u0301", "\u0301", "ß", "日本", "مرحبا"),
    *(
        "🙂",
        "👩\u200d👩\u200d👧",
        "\u200b",
        "\ufeff",
        "\ufffd",
        "\x00",
        "\x7f",
        "\u2028",
        "\ue000",
        "\U0010ffff",
    ),
]
texts = st.lists(st.sampled_from(PIECES_OF_TEXT) | st.text(max_size=6), max_size=12).map("".join)


def byte_level_bpe(*, prefix_space: bool = False, **options: Any) -> tokenizers.Tokenizer:
    """Train a small byte-level BPE of GPT-2's kind, as the library makes it."""
    library = tokenizers.Tokenizer(models.BPE(**options))
    library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=prefix_space)
    library.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=340, initial_alphabet=alphabet, special_tokens=[END], show_progress=False)
    library.train_from_iterator([TEXT] * 3, trainer)
    return library


def by_hand(merges: list[tuple[str, str]], letters: str = "abc", **options: Any) -> tokenizers.Tokenizer:
    """Make a byte-level BPE that knows the given letters and merges only."""
    tokens = dict.fromkeys([*letters, *(left + right for left, right in merges)])
    vocab = {token: number for number, token in enumerate(tokens)}
    library = tokenizers.Tokenizer(models.BPE(vocab=vocab, merges=merges, **options))
    library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    library.decoder = decoders.ByteLevel()
    return library


SMALL = byte_level_bpe()
OURS = Tokenizer(SMALL)


def variant(change: str) -> tokenizers.Tokenizer:
    """Make one of the kinds of byte-level BPE that folders hold."""
    if change == "whole words first":
        # Trained, then told to ignore its merges, with some whole words that no merge leads to.
        state = json.loads(byte_level_bpe().to_str())
        for word in ("ĠWednesday", "Mike", "ĠĠĠ", "2024"):
            state["model"]["vocab"].setdefault(word, len(state["model"]["vocab"]))
        state["model"]["ignore_merges"] = True
        return tokenizers.Tokenizer.from_str(json.dumps(state))
    library = byte_level_bpe(prefix_space=change == "a space in front")
    if change == "added tokens":
        library.add_tokens(["zebra", AddedToken("日本", lstrip=True), AddedToken("ab", single_word=True)])
        library.add_special_tokens([AddedToken("<|stop|>", rstrip=True)])
    elif change == "start and end tokens":
        library.post_processor = processors.TemplateProcessing(
            single=f"{END} {END} $A {END}", special_tokens=[(END, library.token_to_id(END))]
        )
    elif change == "digits apart":
        library.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(True), library.pre_tokenizer])
    elif change == "accents composed":
        library.normalizer = normalizers.NFC()
    elif change == "bytes by the normalizer":
        library.normalizer, library.pre_tokenizer = normalizers.ByteLevel(), None
    return library


VARIANTS = {
    change: variant(change)
    for change in (
        "none",
        "a space in front",
        "added tokens",
        "start and end tokens",
        "digits apart",
        "accents composed",
        "bytes by the normalizer",
        "whole words first",
    )
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder with vocab.json and merges.txt."""
    SMALL.model.save(str(tmp_path))
    return tmp_path


@pytest.fixture(scope="module")
def gpt2() -> Tokenizer:
    if not (GPT2_FILES / "vocab.bpe").exists():
        pytest.skip(f"GPT-2's own tokenizer files are not in {GPT2_FILES}")
    tokenizer = Tokenizer.from_folder(GPT2_FILES)
    assert tokenizer is not None
    return tokenizer


def read(folder: Path) -> Tokenizer:
    tokenizer = Tokenizer.from_folder(folder)
    assert tokenizer is not None
    return tokenizer


# Encoding and decoding


@settings(deadline=None)
@given(texts)
def test_decoding_gives_back_the_text_that_was_encoded(text: str) -> None:
    assert OURS.decode(OURS.encode(text)) == text


@settings(deadline=None)
@given(st.lists(st.integers(0, SMALL.get_vocab_size() - 1), max_size=12))
def test_any_ids_decode_as_in_the_library(ids: list[int]) -> None:
    assert OURS.decode(ids) == SMALL.decode(ids, skip_special_tokens=False)


@pytest.mark.parametrize("change", VARIANTS)
@settings(max_examples=40, deadline=None)
@given(texts)
def test_merging_by_our_own_steps_ends_in_the_ids_of_the_library(change: str, text: str) -> None:
    merges = Tokenizer(VARIANTS[change]).merges(text)
    assert merges.ids == VARIANTS[change].encode(text).ids
    assert len(str(merges).splitlines()) >= 1


@st.composite
def any_merges(draw: st.DrawFn) -> list[tuple[str, str]]:
    """Draw merges that no training would find: in any order, even before the merges that make their parts."""
    tokens, merges = ["a", "b"], []
    for _ in range(draw(st.integers(1, 8))):
        pair = (draw(st.sampled_from(tokens)), draw(st.sampled_from(tokens)))
        merges.append(pair)
        tokens.append("".join(pair))
    return draw(st.permutations(merges))


@settings(deadline=None)
@given(any_merges(), st.text("ab", max_size=14))
def test_merges_in_any_order_are_followed_as_the_library_does(merges: list[tuple[str, str]], text: str) -> None:
    library = by_hand(merges)
    assert Tokenizer(library).merges(text).ids == library.encode(text).ids


def test_the_leftmost_pair_is_joined_first_and_ranks_are_looked_at_anew() -> None:
    tokenizer = Tokenizer(by_hand([("ab", "a"), ("a", "b")]))
    assert [piece.text for piece in tokenizer.merges("abab").pieces] == ["aba", "b"]


def test_every_step_says_what_was_joined_where_and_what_came_of_it() -> None:
    (word,) = Tokenizer(by_hand([("b", "c"), ("a", "bc")])).merges("aabc").words
    assert [piece.text for piece in word.start] == ["a", "a", "b", "c"]
    before = word.start
    for step, (pair, rank, at) in zip(word.merges, [(("b", "c"), 0, 2), (("a", "bc"), 1, 1)], strict=True):
        assert ((step.left.text, step.right.text), step.rank, step.at) == (pair, rank, at)
        assert step.joined.text == step.left.text + step.right.text
        assert before[at : at + 2] == (step.left, step.right)
        assert step.pieces == (*before[:at], step.joined, *before[at + 2 :])
        before = step.pieces
    assert word.pieces == before and word.text == "aabc" and word.kind == "merged"


def test_the_picture_shows_every_merge_on_a_line() -> None:
    assert str(Tokenizer(by_hand([("b", "c"), ("a", "bc")], letters="abcĠ")).merges("abc a")).splitlines() == [
        "abc␣a -> abc|␣|a   ids 5, 3, 0",
        "",
        "abc -> abc   id 5",
        "    start           a|b|c",
        "    rank 0  b + c   a|bc",
        "    rank 1  a + bc  abc",
        "",
        "␣a -> ␣|a   ids 3, 0",
    ]


def test_the_picture_tells_bars_in_the_text_from_borders_and_shows_line_ends() -> None:
    assert str(OURS.merges("|\n")).startswith("|\\n -> |¦\\n   ids")


def test_special_tokens_are_one_piece_that_is_never_merged() -> None:
    words = OURS.merges(f"Mike{END}").words
    assert [word.kind for word in words] == ["merged", "added"]
    assert (words[1].text, words[1].merges, words[1].ids) == (END, (), [OURS.end_token_id])
    assert "never merged" in str(words[1])


def test_start_and_end_tokens_that_the_tokenizer_adds_are_shown_too() -> None:
    words = Tokenizer(VARIANTS["start and end tokens"]).merges("a").words
    assert [(word.text, word.kind) for word in words] == [(END, "added")] * 2 + [
        ("a", "merged"),
        (END, "added"),
    ]


def test_a_known_word_is_not_merged_where_the_tokenizer_says_so() -> None:
    whole, merged = Tokenizer(VARIANTS["whole words first"]).merges("Mike Wednesdays").words
    assert (whole.kind, whole.merges, len(whole.pieces)) == ("whole", (), 1)
    assert merged.kind == "merged" and merged.merges
    assert "does not merge" in str(whole)


def test_a_word_that_starts_with_an_added_token_s_letters_is_merged_as_ever() -> None:
    library = by_hand([("a", "b"), ("ab", "c")], letters="abcd")
    library.add_tokens([AddedToken("ab", single_word=True)])
    assert [word.kind for word in Tokenizer(library).merges("abd").words] == ["merged"]


def test_a_byte_without_a_token_becomes_the_unknown_token_where_there_is_one() -> None:
    vocab = {"a": 0, "b": 1, "ab": 2, "<unk>": 3}
    library = tokenizers.Tokenizer(models.BPE(vocab=vocab, merges=[("a", "b")], unk_token="<unk>"))
    library.pre_tokenizer, library.decoder = (
        pre_tokenizers.ByteLevel(add_prefix_space=False),
        decoders.ByteLevel(),
    )
    assert Tokenizer(library).merges("abzab").ids == Tokenizer(library).encode("abzab") == [2, 3, 2]


# What a person reads


def test_tokens_are_written_with_their_space_and_parts_of_characters_in_hexadecimal() -> None:
    ids = SMALL.encode(" quick").ids
    assert "".join(OURS.token_strings(ids)) == " quick"
    assert OURS.token_strings(ids)[0].startswith(" ")
    library = by_hand([("ð", "Ł"), ("Ġ", "ðŁ"), ("Ã", "©")], letters="ðŁĠÃ©\\")
    tokens = Tokenizer(library).token_strings(range(library.get_vocab_size()))
    assert tokens == [r"\xf0", r"\x9f", " ", r"\xc3", r"\xa9", "\\", r"\xf0\x9f", r" \xf0\x9f", "é"]


@settings(deadline=None)
@given(st.sets(st.lists(st.sampled_from(["\\", "\\xf0", "x", "é"]), min_size=1, max_size=4).map("".join)))
def test_no_two_tokens_are_written_alike(contents: set[str]) -> None:
    library = by_hand([("\\", "ð"), ("\\", "\\")], letters="ð\\xf09")
    library.add_tokens(sorted(contents - library.get_vocab().keys()))
    ids = range(library.get_vocab_size())
    strings = Tokenizer(library).token_strings(ids)
    assert len(set(strings)) == len(strings)
    assert [Tokenizer(library).token_id(string) for string in strings] == list(ids)


def test_a_token_is_found_by_exactly_what_is_written_for_it() -> None:
    ids = range(OURS.n_tokens)
    assert [OURS.token_id(string) for string in OURS.token_strings(ids)] == list(ids)
    assert OURS.token_id("no such token") is None


def test_an_id_that_has_no_token_still_has_something_to_read() -> None:
    assert OURS.token_strings([OURS.n_tokens]) == [f"<no token {OURS.n_tokens}>"]


def test_added_tokens_decode_to_their_own_text_whatever_letters_they_have() -> None:
    library = byte_level_bpe()
    library.add_special_tokens(["<café>", "<日本▁>"])
    text = "a <café> b<日本▁>"
    assert Tokenizer(library).decode(Tokenizer(library).encode(text)) == text
    assert "<café>" in Tokenizer(library).token_strings(Tokenizer(library).encode(text))


# GPT-2's own files


@pytest.mark.parametrize(
    ("text", "pieces", "ids"),
    [
        ("funology", ["fun", "ology"], [12543, 1435]),
        (" reinjury", [" rein", "jury"], [6865, 21871]),
        ("reinjury", ["re", "in", "jury"], [260, 259, 21871]),
        (" lightsaber", [" lightsaber"], [45282]),
        (" Jedi", [" Jedi"], [16147]),
        (
            "Mike is quick. He moves quickly.",
            ["Mike", " is", " quick", ".", " He", " moves", " quickly", "."],
            [16073, 318, 2068, 13, 679, 6100, 2952, 13],
        ),
    ],
)
def test_gpt2_splits_text_as_published(gpt2: Tokenizer, text: str, pieces: list[str], ids: list[int]) -> None:
    assert gpt2.encode(text) == gpt2.merges(text).ids == ids
    assert gpt2.token_strings(ids) == [piece.text for piece in gpt2.merges(text).pieces] == pieces


def test_gpt2_s_merges_of_funology_are_shown_one_by_one(gpt2: Tokenizer) -> None:
    (word,) = gpt2.merges("funology").words
    assert ["|".join(piece.text for piece in step.pieces) for step in word.merges] == [
        "f|u|n|ol|o|g|y",
        "f|un|ol|o|g|y",
        "f|un|ol|og|y",
        "f|un|olog|y",
        "f|un|ology",
        "fun|ology",
    ]
    # GPT-2 numbers its 256 bytes first and then its merges in order.
    assert all(step.joined.id == 256 + step.rank for step in word.merges)
    assert str(word).splitlines()[0] == "funology -> fun|ology   ids 12543, 1435"


def test_gpt2_s_end_token_and_size_are_known(gpt2: Tokenizer) -> None:
    assert (gpt2.n_tokens, gpt2.end_token_id, gpt2.token_id(" lightsaber")) == (50257, 50256, 45282)
    assert gpt2.encode(f"a{END}") == [64, 50256]


@pytest.fixture(scope="module")
def gpt2_library(gpt2: Tokenizer) -> tokenizers.Tokenizer:
    vocab = json.loads((GPT2_FILES / "encoder.json").read_text(encoding="utf-8"))
    lines = (GPT2_FILES / "vocab.bpe").read_text(encoding="utf-8").split("\n")[1:-1]
    merges = [(left, right) for left, right in map(str.split, lines)]
    library = tokenizers.Tokenizer(models.BPE(vocab=vocab, merges=merges))
    library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    library.decoder = decoders.ByteLevel()
    library.add_special_tokens([END])
    return library


@settings(deadline=None)
@given(texts)
def test_gpt2_s_ids_and_merges_are_the_library_s(
    gpt2: Tokenizer, gpt2_library: tokenizers.Tokenizer, text: str
) -> None:
    ids = gpt2_library.encode(text).ids
    assert gpt2.encode(text) == gpt2.merges(text).ids == ids
    assert gpt2.decode(ids) == text


# Folders


def test_a_folder_with_no_tokenizer_gives_none(tmp_path: Path) -> None:
    assert Tokenizer.from_folder(tmp_path) is None


@pytest.mark.parametrize("names", [("vocab.json", "merges.txt"), ("encoder.json", "vocab.bpe")])
@settings(max_examples=20, deadline=None)
@given(text=texts)
def test_a_folder_is_read_from_its_vocabulary_and_merges(
    tmp_path_factory: pytest.TempPathFactory, names: tuple[str, str], text: str
) -> None:
    folder = tmp_path_factory.getbasetemp() / names[0]
    if not folder.exists():
        folder.mkdir()
        for path, name in zip(SMALL.model.save(str(folder)), names, strict=True):
            os.replace(path, folder / name)
    assert read(folder).encode(text) == SMALL.encode(text).ids


def test_tokenizer_json_comes_before_other_files(folder: Path) -> None:
    by_hand([("a", "b")]).save(str(folder / "tokenizer.json"))
    assert read(folder).n_tokens == 4


def test_older_files_that_write_a_merge_as_one_string_are_read(tmp_path: Path) -> None:
    state = json.loads(SMALL.to_str())
    state["model"]["merges"] = [" ".join(pair) for pair in state["model"]["merges"]]
    (tmp_path / "tokenizer.json").write_text(json.dumps(state))
    assert read(tmp_path).merges("Mike is quick").ids == SMALL.encode("Mike is quick").ids


def test_a_space_is_put_in_front_where_the_settings_say_so(folder: Path) -> None:
    (folder / "tokenizer_config.json").write_text('{"add_prefix_space": true}')
    assert read(folder).encode("quick") == SMALL.encode(" quick").ids
    assert read(folder).merges("quick").words[0].text == " quick"


def test_tokens_that_other_files_add_are_recognised(folder: Path) -> None:
    size = SMALL.get_vocab_size()
    (folder / "added_tokens.json").write_text(json.dumps({"zebra": size + 1, "<stop>": size}))
    (folder / "special_tokens_map.json").write_text('{"eos_token": {"content": "<stop>", "lstrip": false}}')
    tokenizer = read(folder)
    assert tokenizer.encode("zebra<stop>") == [size + 1, size]
    assert (tokenizer.end_token_id, tokenizer.n_tokens) == (size, size + 2)


def test_a_tokenizer_with_no_end_token_says_none() -> None:
    assert Tokenizer(by_hand([])).end_token_id is None


def test_text_is_never_cut_short_or_filled_up(tmp_path: Path) -> None:
    library = byte_level_bpe()
    library.enable_truncation(2)
    library.enable_padding(length=50)
    library.save(str(tmp_path / "tokenizer.json"))
    assert read(tmp_path).encode(TEXT) == SMALL.encode(TEXT).ids


@pytest.mark.parametrize("change", VARIANTS)
def test_a_saved_tokenizer_reads_back_the_same(change: str, tmp_path: Path) -> None:
    Tokenizer(VARIANTS[change], {"eos_token": "Mike", "chat_template": "{{ x }}"}).save(tmp_path / "new")
    back = read(tmp_path / "new")
    assert back.encode(TEXT) == VARIANTS[change].encode(TEXT).ids
    assert back.settings["chat_template"] == "{{ x }}"


def test_saving_that_fails_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    OURS.save(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(_: int) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CheckpointError, match="no space left"):
        Tokenizer(by_hand([])).save(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[Tokenizer, Any, Any]:
    """Read one folder ourselves and by transformers, and by transformers again after saving it."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    folder = tmp_path_factory.mktemp("both")
    SMALL.model.save(str(folder))
    ours = read(folder)
    ours.save(folder / "saved")
    theirs = transformers.GPT2TokenizerFast.from_pretrained(folder)
    return ours, theirs, transformers.AutoTokenizer.from_pretrained(folder / "saved")


@settings(max_examples=40, deadline=None)
@given(text=texts)
def test_transformers_agrees_and_opens_what_is_saved(both: tuple[Tokenizer, Any, Any], text: str) -> None:
    ours, theirs, saved = both
    ids = theirs(text)["input_ids"]
    assert ours.encode(text) == saved(text)["input_ids"] == ids
    assert ours.decode(ids) == theirs.decode(ids, clean_up_tokenization_spaces=False) == text
    assert (saved.eos_token_id, len(saved)) == (ours.end_token_id, ours.n_tokens)


@pytest.mark.parametrize("kind", ["WordPiece", "Unigram"])
def test_other_kinds_of_tokenizer_encode_and_decode_but_show_no_merges(kind: str, tmp_path: Path) -> None:
    if kind == "WordPiece":
        library = tokenizers.Tokenizer(models.WordPiece({"[UNK]": 0, "fun": 1, "##ology": 2}, unk_token="[UNK]"))
        library.pre_tokenizer, library.decoder = pre_tokenizers.Whitespace(), decoders.WordPiece()
        ids, strings = [1, 2, 1], ["fun", "##ology", "fun"]
    else:
        library = tokenizers.Tokenizer(models.Unigram([("<unk>", 0.0), ("▁fun", -1.0), ("ology", -2.0)], 0, False))
        library.pre_tokenizer, library.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
        ids, strings = [1, 2, 1], [" fun", "ology", " fun"]
    library.save(str(tmp_path / "tokenizer.json"))
    tokenizer = read(tmp_path)
    assert tokenizer.encode("funology fun") == ids
    assert tokenizer.decode(ids) == "funology fun"
    assert tokenizer.token_strings(ids) == strings
    with pytest.raises(InputError, match=f"byte-level byte-pair encoding, but this tokenizer is of the kind {kind}"):
        tokenizer.merges("funology")


def test_byte_pair_encoding_that_is_not_plainly_byte_level_shows_no_merges() -> None:
    characters = by_hand([])
    characters.decoder = decoders.BPEDecoder()
    for library, reason in [
        (characters, "characters, not bytes"),
        (by_hand([], end_of_word_suffix="</w>"), "marks where words"),
        (by_hand([], dropout=0.5), "at random"),
    ]:
        with pytest.raises(InputError, match=reason):
            Tokenizer(library).merges("a")


# Bad input


@pytest.mark.parametrize("text", ["a\ud800b", "a\udfff", "a\udc80"])
def test_a_lone_surrogate_is_refused_with_its_place(text: str) -> None:
    for use in (OURS.encode, OURS.merges):
        with pytest.raises(InputError, match=rf"lone surrogate \(U\+{ord(text[1]):04X}\) at position 1"):
            use(text)


@pytest.mark.parametrize("text", [None, 3, b"bytes", ["a"]])
def test_text_that_is_no_str_is_refused(text: object) -> None:
    with pytest.raises(InputError, match=f"must be a str, but {type(text).__name__} came"):
        OURS.encode(text)  # type: ignore[arg-type]


@pytest.mark.parametrize("bad", [-1, 340, 2**32, 2**70])
def test_an_id_outside_the_vocabulary_is_refused_with_the_size(bad: int) -> None:
    with pytest.raises(InputError, match=f"no token {bad}: the vocabulary has 340 tokens, numbered 0 to 339"):
        OURS.decode([0, bad])


def test_ids_that_are_no_integers_are_refused() -> None:
    for bad in ([1.5], ["a"], 7):
        with pytest.raises(InputError, match="list of integers"):
            OURS.decode(bad)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="count from 0"):
        OURS.token_strings([-1])


def test_text_with_a_byte_that_has_no_token_is_refused_rather_than_left_out() -> None:
    library = by_hand([("a", "b")])
    library.add_special_tokens([END])
    tokenizer = Tokenizer(library)
    assert tokenizer.encode(f"ab{END}c") == [3, 4, 2]
    with pytest.raises(InputError, match=r"'é': byte 0xA9 has no token"):
        tokenizer.encode("abé")


def refused(folder: Path, *words: str) -> None:
    """Check that reading the folder fails with a message that has all these words."""
    with pytest.raises(CheckpointError) as caught:
        Tokenizer.from_folder(folder)
    for word in words:
        assert word in str(caught.value), str(caught.value)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    refused(tmp_path / "nowhere", "nowhere is no folder")


@pytest.mark.parametrize("name", ["vocab.json", "merges.txt"])
def test_a_vocabulary_without_merges_or_merges_without_a_vocabulary_is_refused(name: str, folder: Path) -> None:
    (folder / name).unlink()
    refused(folder, f"but not {name}", f"Copy {name}")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"model": {"type": "BPE"', ["should be JSON, but is not"]),
        (b"\xff\xfe", ["should be UTF-8 text"]),
        (b"[1, 2]", ["should hold a JSON object, but holds list"]),
        (b"{}", ["cannot read it", "Model missing"]),
        (b'{"model": {"type": "BPE", "vocab": {"a": 0}, "merges": [["a", "b"]]}}', ["merge 0", "has no 'b'"]),
        (
            b'{"model": {"type": "BPE", "vocab": {"a": 0, "b": 1}, "merges": ["a b"]}}',
            ["merge 0", "has no 'ab'"],
        ),
        (b'{"model": {"type": "BPE", "vocab": {"a": 0, "b": 1}, "merges": ["ab"]}}', ["merge 0", "is 'ab'"]),
        (b'{"model": {"type": "BPE", "vocab": {"a": 0, "b": 0}, "merges": []}}', ["'a' and 'b'", "id 0"]),
        (b'{"model": {"type": "BPE", "vocab": {"a": -1}, "merges": []}}', ["id of 'a'", "is -1"]),
        (b'{"model": {"type": "BPE", "vocab": ["a"], "merges": []}}', ["should map tokens to ids"]),
    ],
)
def test_a_damaged_tokenizer_json_says_what_is_wrong(content: bytes, words: list[str], tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_bytes(content)
    refused(tmp_path, "tokenizer.json", *words)


@pytest.mark.parametrize(
    ("vocab", "merges", "words"),
    [
        ('{"a": 0', "", ["vocab.json", "should be JSON"]),
        ("{}", "", ["vocab.json", "should map tokens to ids"]),
        ('{"a": 0, "b": 0}', "", ["vocab.json", "'a' and 'b'", "id 0"]),
        ('{"a": "0"}', "", ["vocab.json", "id of 'a'", "is '0'"]),
        ('{"a": true}', "", ["vocab.json", "id of 'a'", "is True"]),
        ('{"a": 4294967296}', "", ["vocab.json", "id of 'a'"]),
        ('{"a": 0, "b": 1}', "#version: 0.2\na b\n", ["merges.txt: line 2", "has no 'ab'"]),
        ('{"a": 0, "b": 1, "ab": 2}', "a b\na c\n", ["merges.txt: line 2", "has no 'c'"]),
        ('{"a": 0, "b": 1, "ab": 2}', "a b\nab\n", ["merges.txt: line 2", "is 'ab'"]),
        ('{"a": 0, "b": 1, "ab": 2}', "a  b\n", ["merges.txt: line 1", "one space"]),
    ],
)
def test_a_damaged_vocabulary_or_merges_list_says_where(
    vocab: str, merges: str, words: list[str], tmp_path: Path
) -> None:
    (tmp_path / "vocab.json").write_text(vocab)
    (tmp_path / "merges.txt").write_text(merges)
    refused(tmp_path, *words)


def test_an_added_token_whose_id_cannot_be_is_refused(folder: Path) -> None:
    (folder / "added_tokens.json").write_text('{"zebra": 900}')
    refused(folder, "added_tokens.json", "'zebra' the id 900", "it gets 340")


def test_a_start_token_that_is_not_in_the_file_is_noticed_when_reading(tmp_path: Path) -> None:
    state = json.loads(VARIANTS["start and end tokens"].to_str())
    state["post_processor"]["special_tokens"] = {}
    (tmp_path / "tokenizer.json").write_text(json.dumps(state))
    refused(tmp_path, "tokenizer.json", "cannot read it")


def test_an_unknown_token_that_is_not_in_the_vocabulary_is_an_error_of_the_files() -> None:
    library = tokenizers.Tokenizer(models.WordPiece({"a": 0}, unk_token="[UNK]"))
    with pytest.raises(CheckpointError, match="files do not let it encode this"):
        Tokenizer(library).encode("b")


def test_importing_the_tokenizer_does_not_import_the_library() -> None:
    code = "import sys, workings.checkpoints.tokenizer; sys.exit('tokenizers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_tokenizer_cannot_be_changed_after_making() -> None:
    with pytest.raises(AttributeError):
        OURS.library = SMALL  # type: ignore[misc]

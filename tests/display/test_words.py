"""What a typed word means."""

import pytest

from workings.display.words import spellings, visible


@pytest.mark.parametrize(
    ("typed", "first"),
    [("He", " He"), ("␣He", " He"), ('"He"', "He"), ("'He'", "He"), ("“ He”", " He"), ('"␣He"', " He"), ("␣␣", "  ")],
)
def test_a_typed_word_is_read_as_a_chip_spells_it_and_in_quotes_exactly(typed, first):
    assert spellings(typed)[0] == first


@pytest.mark.parametrize("token", [" He", "  ", " a b"])
def test_what_a_chip_shows_can_be_typed(token):
    assert spellings(visible(token))[0] == token

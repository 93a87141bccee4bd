"""Guidance points from each word to what a reader would look back at, and asks exactly the guided heads to do so."""

from importlib.util import find_spec

import pytest

if find_spec("torch") is None:
    pytest.skip("training needs torch", allow_module_level=True)

import torch

from workings.training.storybook.guidance import Look, guidance_loss, links_of
from workings.training.storybook.language import some_stories
from workings.training.storybook.story import read_marks
from workings.training.storybook.vocabulary import train_tokenizer


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer(story.text for story in some_stories(0, 3000))


def links(tokenizer, marked, combinations):
    """Links as words: (look, the word that looks, the word it looks at)."""
    story = read_marks(marked, combinations)
    encoding = tokenizer.encode(story.text)
    words = [token.removeprefix("Ġ") for token in encoding.tokens]
    return {(look.name, words[here], words[there]) for look, here, there in links_of(story, encoding)}


def test_her_looks_at_the_role_of_the_woman_and_she_at_her_name(tokenizer):
    found = links(
        tokenizer,
        "Mike is a chef. Mary is a Jedi. She took [who:her] [thing:lightsaber].",
        {("role", "Mike", "chef"), ("role", "Mary", "Jedi")},
    )
    assert found == {
        ("OWNER", "chef", "Mike"),
        ("OWNER", "Jedi", "Mary"),
        ("NAME", "She", "Mary"),
        ("KIND", "She", "Jedi"),
        ("ABOUT", "took", "She"),
        ("SUBJECT", "her", "She"),
        ("KIND", "her", "Jedi"),
    }


def test_a_name_that_follows_its_role_looks_back_at_the_role(tokenizer):
    found = links(tokenizer, "Once there was a chef called Mike.", {("role", "Mike", "chef")})
    assert ("OWNER", "Mike", "chef") in found


def test_moves_looks_at_the_adjective_and_a_repeated_role_at_where_it_was_given(tokenizer):
    found = links(
        tokenizer,
        "Mary is a quick chef. The chef moves [manner:quickly].",
        {("role", "Mary", "chef"), ("adjective", "Mary", "quick")},
    )
    assert {("KIND", "moves", "quick"), ("NAME", "chef", "chef"), ("SUBJECT", "moves", "chef")} <= found


def test_links_always_look_back_and_inside_the_story(tokenizer):
    looks = set()
    for story in some_stories(1, 300):
        encoding = tokenizer.encode(story.text)
        for look, here, there in links_of(story, encoding):
            assert 0 <= there < here < len(encoding.ids)
            looks.add(look)
    assert looks == set(Look)


def test_the_loss_is_zero_where_the_heads_look_right_and_grows_where_they_do_not():
    attentions = tuple(torch.full((1, 4, 3, 3), 0.5) for _ in range(4))
    link = torch.tensor([[0, 0, 2, 1]])
    assert guidance_loss(attentions, link).item() == pytest.approx(-torch.log(torch.tensor(0.5)).item(), abs=1e-4)
    block, head = Look.OWNER.value
    attentions[block][0, head, 2, 1] = 1.0
    assert guidance_loss(attentions, link).item() == pytest.approx(0, abs=1e-4)

"""The bundled storybook does what its card says, measured as its maker measures it, on fewer stories."""

from importlib.util import find_spec
from pathlib import Path

import pytest

missing = [name for name in ("torch", "transformers") if find_spec(name) is None]
if missing:
    pytest.skip(f"measuring storybook needs {' and '.join(missing)}", allow_module_level=True)

from workings.training.storybook import probes  # noqa: E402
from workings.training.storybook.sayings import VERSE  # noqa: E402

FOLDER = Path(probes.__file__).parents[2] / "checkpoints" / "bundled" / "storybook"


@pytest.fixture(scope="module")
def book():
    return probes.Storybook(FOLDER)


def missed(results):
    return [result for result in results if result.missed]


def test_determined_words_of_held_out_stories_are_the_likeliest(book):
    results = {result.name: result for result in probes.measure_slots(book, 600)}
    assert not missed(results.values())
    for sure in ("held-out day", "held-out far"):
        assert results[sure].right == results[sure].total


@pytest.mark.parametrize(("prompt", "answer"), probes.FIRST_PROMPTS.items())
def test_the_prompts_that_people_try_first_get_the_only_word_that_fits(book, prompt, answer):
    assert book.next_word(prompt) == answer


def test_the_rhyme_is_known_by_heart_from_its_first_word(book):
    assert not missed(probes.measure_verse(book))
    assert book.go_on("Humpty").startswith(VERSE)


def test_one_head_looks_from_a_pronoun_to_the_person_who_is_meant(book):
    assert not missed(probes.measure_heads(book, 200))


def test_stories_end_by_themselves_well_before_the_room_is_used_up(book):
    for prompt in ("Mike is", "Once", "Anna is a Jedi."):
        assert 3 < len(book.tokenizer.encode(book.go_on(prompt, 120)).ids) < 120


def test_transformers_opens_the_folder_and_its_tokenizer_agrees_with_ours(book):
    from transformers import AutoTokenizer, GPT2LMHeadModel

    tokenizer = AutoTokenizer.from_pretrained(FOLDER)
    assert tokenizer("Mike is a chef. She")["input_ids"] == book.tokenizer.encode("Mike is a chef. She").ids
    assert tokenizer.decode(tokenizer("Mike is a chef .")["input_ids"]) == "Mike is a chef ."
    model = GPT2LMHeadModel.from_pretrained(FOLDER)
    assert model.lm_head.weight is model.transformer.wte.weight
    assert (FOLDER / "model.safetensors").stat().st_size <= 6_000_000

"""What is printed of results in a console: a line, however much they hold."""

import pytest
from little import needs_storybook

import workings

CLEAN, CORRUPTED = "Anna is a Jedi. She picked up her", "Anna is a chef. She picked up her"
RESULTS = {
    "attribution": lambda model: workings.attribution(model.trace(CLEAN), " lightsaber"),
    "part": lambda model: workings.attribution(model.trace(CLEAN), " lightsaber")["L2H0"],
    "sweep": lambda model: workings.patching_sweep(model, CLEAN, CORRUPTED, over="heads"),
    "heads": workings.head_scores,
    "vector": lambda model: workings.steering_vector(model, [(CLEAN, CORRUPTED)], "blocks.2.resid_post"),
}


@needs_storybook
@pytest.mark.parametrize("kind", RESULTS)
def test_a_result_prints_itself_in_a_few_words(kind):
    assert len(repr(RESULTS[kind](workings.load("storybook")))) < 600

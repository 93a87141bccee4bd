"""What is printed of results in a console: a line, however much they hold."""

import inspect
import re

import pytest
from little import needs_storybook
from tests.tiny import Tiny, model_of

import workings
from workings.errors import InputError

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


MEASURES = (
    "attribution attribution_patching find_features head_scores knock_out logit_lens logit_weights patching_sweep path_patch "
    "steering_vector trace_gradient tuned_lens"
)


@pytest.mark.parametrize("measure", MEASURES.split())
def test_a_measure_says_what_it_means_what_it_does_not_and_where_it_is_from(measure):
    told = " ".join((inspect.getdoc(getattr(workings, measure)) or "").split())
    assert re.search(r"Sources?: .*\d{4}", told)
    assert measure == "logit_weights" or ("What it means" in told and "What it does not mean" in told)


@pytest.mark.parametrize("name", [name for name in workings.__all__ if callable(getattr(workings, name))])
def test_what_is_told_of_public_names_is_made_of_whole_sentences(name):
    public = getattr(workings, name)
    inside = (
        [value for short, value in vars(public).items() if not short.startswith("_")] if inspect.isclass(public) else []
    )
    for told in (" ".join((inspect.getdoc(each) or "").split()) for each in (public, *filter(callable, inside))):
        assert not re.search(r"(?<!et al)\. [a-z]{2}", told), told


def test_a_trace_where_a_prompt_is_expected_is_said_so():
    model = model_of(Tiny())
    trace = model.trace([1, 2, 3])
    for ask in (lambda: model.trace(trace), lambda: model.encode(trace)):
        with pytest.raises(InputError, match="a trace came where a prompt is expected"):
            ask()

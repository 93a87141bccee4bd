"""`workings gradient`, and explanations of slopes."""

from __future__ import annotations

import shlex

import numpy as np
import pytest
from little import needs_storybook

import workings
from workings.anatomy.gradients import steepest_slopes, stream_slopes

PROMPT = "Mike is quick. He"
JEDI = "Mike is a chef. Anna is a Jedi. She picked up her"


def test_slopes_as_json_are_the_librarys(ask, folder, model):
    words = ["gradient", PROMPT, "--model", folder, "--token", "is", "--against", "i", "--position", "1", "--top", "3"]
    spaced, plain = model.tokenizer.token_id(" is"), model.tokenizer.token_id("i")
    trace = workings.trace_gradient(model, PROMPT, spaced, plain, 1)
    document = ask(*words)
    assert (document["token"], document["against"], document["position"]) == (spaced, plain, 1)
    expected = steepest_slopes(trace, n=3)
    assert [one["address"] for one in document["steepest"]] == [str(one.address) for one in expected]
    assert [one["slope"] for one in document["steepest"]] == pytest.approx([one.slope for one in expected])
    streams, moves = stream_slopes(trace)
    assert document["streams"] == streams
    assert np.allclose(document["moves"], moves)


@pytest.mark.parametrize("columns", [60, 80, 140])
@pytest.mark.parametrize("table", ["mlp.post", "blocks.1.attn.pattern", "embed"])
def test_slopes_are_shown_with_their_numbers_and_fit_the_screen(call, folder, model, columns, table):
    text = call("gradient", PROMPT, "--model", folder, "--table", table, columns=columns).stdout
    assert max(len(line) for line in text.splitlines() if not line.strip().startswith("workings")) <= columns
    best = steepest_slopes(workings.trace_gradient(model, PROMPT), table)[0]
    [line] = [line for line in text.splitlines() if line.strip().startswith(str(best.address))]
    shown = line.removeprefix(f"  {best.address}").split()
    number, slope = (float(part.replace("−", "-")) for part in shown[:2])
    assert number == pytest.approx(best.number, rel=1e-2)
    assert slope == pytest.approx(best.slope, rel=1e-2)
    assert "straight line" in text and "does not say" in text


@needs_storybook
def test_the_commands_that_slopes_suggest_work(call):
    for options in ([], ["--table", "attn.pattern"]):
        text = call("gradient", JEDI, "--against", "phone", *options).stdout
        commands = [line.strip() for line in text.splitlines() if line.strip().startswith("workings")]
        assert len(commands) == 4
        for line in commands:
            assert call(*shlex.split(line)[1:]).exit_code == 0, line


def test_a_slope_is_explained_like_any_number(ask, folder, model):
    cell = "gradient.blocks.1.mlp.post[-1, 3]"
    document = ask("explain", cell, "--prompt", PROMPT, "--model", folder, "--token", "is", "--against", "i")
    trace = workings.trace_gradient(model, PROMPT, " is", "i")
    expected = trace.explain("gradient.blocks.1.mlp.post", -1, 3)
    assert document["value"] == pytest.approx(expected.value)
    assert "the score of “is” less that of “i” after “He”" in document["slope_of"]


def test_an_explanation_tells_a_number_from_the_slope_beside_it(call, folder):
    text = call("explain", "gradient.blocks.1.mlp.pre[1, 3]", "--prompt", PROMPT, "--model", folder).stdout
    assert "gradient.pre = " in text
    assert "gradient.post[1, 3]" in text and " pre[1, 3]" in text
    assert "What was asked about is the score of" in text


def test_what_a_slope_was_made_from_is_asked_with_the_same_score(call, folder):
    text = call(
        "explain", "gradient.blocks.1.mlp.post[1, 3]", "--prompt", PROMPT, "--model", folder, "--token", "7"
    ).stdout
    [line] = [line.strip() for line in text.splitlines() if line.strip().startswith("workings")]
    assert 'explain "gradient.blocks.1.mlp_out[1, ' in line and "--token 7" in line
    assert call(*shlex.split(line)[1:]).exit_code == 0


def test_the_choice_that_slopes_follow_from_is_explained_too(ask, folder):
    cell = ask("explain", "choice.token[0, 7]", "--prompt", PROMPT, "--model", folder, "--token", "7")
    assert cell["value"] == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["explain", "logits[-1, 3]", "--token", "7"], "are for slopes"),
        (["explain", "--against", "7"], "are for slopes"),
        (["explain", "gradient.probabilities[0, 0]"], "no table named"),
        (["gradient", PROMPT, "--table", "probabilities"], "does not depend on probabilities"),
        (["gradient", PROMPT, "--position", "99"], "there is no position 99"),
        (["gradient", PROMPT, "--token", "nonsense"], "is not one token"),
        (["gradient", PROMPT, "--token", "7", "--against", "7"], "the token and the one against it are both"),
        (["attribution", PROMPT, "--token", "7", "--against", "7"], "the token and the one against it are both"),
        (["gradient", PROMPT, "--top", "0"], "at least 1; 0 came"),
    ],
)
def test_what_cannot_be_shown_is_refused_in_words(call, folder, words, said):
    result = call(*words, "--model", folder)
    assert result.exit_code != 0
    assert said in " ".join(result.stderr.split())


def test_edits_stay_in_force(ask, folder, model, tmp_path):
    edited = model.trace(PROMPT).edit("blocks.0.mlp_out", (1, slice(None)), value=0.0)
    path = tmp_path / "edits.json"
    workings.EditList.of(edited).save(path)
    document = ask("gradient", PROMPT, "--model", folder, "--edits", str(path))
    slopes = workings.trace_gradient(model, edited)
    assert np.allclose(document["moves"], stream_slopes(slopes)[1], rtol=1e-4)
    assert not np.allclose(document["moves"], stream_slopes(workings.trace_gradient(model, PROMPT))[1], rtol=1e-2)

"""What a newcomer types first: `workings`, `--help`, `run`, and every command that a screen suggests."""

from __future__ import annotations

import re
import shlex

import numpy as np
import pytest
from little import needs_storybook

import workings
from workings.cli.app import app
from workings.cli.screen import one_line

SINGLE = "run generate tokens explain attention heads lens attribution gradient patch knockout steer export lab".split()
IN_GROUPS = ["sae list", "sae show", "sae find", "sae page", "sae measure", "train lens", "train sae"]
VERBS = [*SINGLE, *IN_GROUPS]


@pytest.fixture(autouse=True)
def nothing_is_served(monkeypatch):
    """The lab starts and ends at once, and no browser opens; tests/lab/test_start.py starts it in earnest."""
    monkeypatch.setattr("uvicorn.Server.run", lambda *_, **__: None)
    monkeypatch.setattr("webbrowser.open", lambda *_: True)


def suggested(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if re.match(r"\s{2,}workings \w", line)]


def words_of(command: str) -> list[str]:
    return shlex.split(command.split("   (")[0])[1:]


def test_workings_alone_says_what_to_type_next(call):
    result = call()
    assert result.exit_code == 0
    assert "shows its workings" in result.stdout
    assert 4 <= len(suggested(result.stdout)) <= 6


def test_workings_alone_fits_a_small_terminal(call):
    lines = call(columns=80).stdout.splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80


@needs_storybook
def test_every_command_of_the_first_screen_works(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for command in suggested(call().stdout):
        assert call(*words_of(command)).exit_code == 0, command


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_with_examples(call, verb):
    result = call(*verb.split(), "--help")
    assert result.exit_code == 0
    assert "Examples:" in result.stdout
    assert len(suggested(result.stdout)) >= (2 if verb in SINGLE else 1)
    assert max(map(len, result.stdout.splitlines())) <= 92


@needs_storybook
@pytest.mark.parametrize("verb", VERBS)
def test_every_example_in_the_help_works(call, verb, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for command in suggested(call(*verb.split(), "--help").stdout):
        if "gpt2" in command or "--check" in command or "my-texts" in command or " train " in command:
            continue  # wants the network, LibreOffice (test_export.py), a file, or minutes: test_features.py has short ones
        assert call(*words_of(command)).exit_code == 0, command


def test_help_names_every_verb_with_its_whole_sentence(call):
    text = call("--help").stdout
    assert all(verb.split()[0] in text for verb in VERBS)
    for group in ([], ["sae"], ["train"]):
        assert "..." not in call(*group, "--help").stdout.split("Commands:")[1]


def test_the_version_is_the_packages(call):
    assert call("--version").stdout.strip() == f"workings {workings.__version__}"


def test_run_shows_tokens_guesses_and_reasons(call, folder, model):
    text = call("run", "Mike is quick. He", "--model", folder).stdout
    assert "␣quick" in text
    for word, _ in model.trace("Mike is quick. He").top(5):
        assert one_line(word) in text
    assert "It looked back." in text
    assert "It added up a score." in text
    assert "It turned scores into shares." in text


def test_run_fits_one_screen(call, folder):
    lines = call("run", "Mike is quick. He", "--model", folder, columns=100).stdout.splitlines()
    assert len(lines) <= 40
    assert max(len(line) for line in lines if not line.strip().startswith("workings")) <= 100


@pytest.mark.parametrize("prompt", ["M", "Mike", "Größe 😀", "Mike is quick. He moves quickly. She moves"])
def test_every_command_that_run_suggests_works(call, folder, prompt):
    commands = suggested(call("run", prompt, "--model", folder).stdout)
    assert commands
    for command in commands:
        assert call(*words_of(command)).exit_code == 0, command


def test_run_as_json_is_the_trace(ask, folder, model):
    document = ask("run", "Mike is", "--model", folder, "--top", "3")
    trace = model.trace("Mike is")
    assert document["ids"] == trace.ids.tolist()
    assert document["tokens"] == trace.tokens
    assert [(guess["id"], guess["probability"]) for guess in document["next"]] == trace.top_ids(3)
    explanation = document["explanation"]
    assert explanation["index"] == [len(trace) - 1, document["next"][0]["id"]]
    assert sum(term["value"] for term in explanation["terms"]) == pytest.approx(explanation["value"], abs=1e-4)


def test_the_look_that_run_tells_of_has_the_effect_it_says(ask, folder, model):
    document = ask("run", "Mike is quick. He", "--model", folder)
    look, winner = document["strongest_look"], document["next"][0]["id"]
    trace = model.trace("Mike is quick. He")
    cell = (look["head"], len(trace) - 1, look["position"])
    table = f"blocks.{look['block']}.attn.pattern"
    assert look["share"] == pytest.approx(float(trace[table][cell]))
    without = trace.edit(table, cell, value=0.0)["probabilities"][-1]
    assert look["winner_without"] == pytest.approx(float(without[winner]), abs=1e-6)
    assert look["first_without"] == trace.spell(int(np.argmax(without)))


def test_run_takes_ids_where_the_model_has_no_tokenizer(ask, wordless):
    assert ask("run", "3, 1 2", "--model", wordless)["ids"] == [3, 1, 2]


def test_a_single_token_has_no_look_back(ask, call, folder):
    assert ask("run", "M", "--model", folder)["strongest_look"] is None
    assert "It looked back" not in call("run", "M", "--model", folder).stdout


@needs_storybook
def test_storybook_knows_what_comes_after_tuesday(call):
    text = call("run").stdout
    assert "How “Wednesday” came first" in text
    assert "“Tuesday”" in text


def test_every_verb_of_the_program_is_tested_here():
    assert sorted(command.callback.__name__ for command in app.registered_commands) == sorted(SINGLE)
    groups = [
        (group.typer_instance.info.name, group.typer_instance.registered_commands) for group in app.registered_groups
    ]
    assert sorted(f"{name} {command.name}" for name, commands in groups for command in commands) == sorted(IN_GROUPS)

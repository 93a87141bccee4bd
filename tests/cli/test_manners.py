"""How the command behaves: mistakes, pipes, terminals that know no Unicode, Ctrl-C, and how soon it answers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from little import make_model

import workings
from workings.cli.hints import IN_COMMANDS
from workings.errors import WorkingsError

COMMAND = [sys.executable, "-m", "workings"]
HEAVY = ("numpy", "torch", "rich", "tokenizers", "huggingface_hub", "orjson")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "--model", "{missing}/model"], "there is no folder"),
        (["run", "--model", "{missing}"], "has no config.json"),
        (["run", "", "--model", "{folder}"], "the prompt is empty"),
        (["run", "Mike " * 99, "--model", "{folder}"], "reads at most 48"),
        (
            ["run", "Mike", "--top", "0", "--model", "{folder}"],
            "the number of likeliest tokens is a whole number from 1 to",
        ),
        (["run", "--model", "{wordless}"], "has no tokenizer: give token ids"),
        (["run", "3 99", "--model", "{wordless}"], "not in the vocabulary"),
        (["generate", "Mike", "--temperature", "-1", "--model", "{folder}"], "temperature"),
        (["generate", "Mike", "--top-k", "3", "--model", "{folder}"], "add --temperature 1"),
        (["generate", "Mike", "--max-new-tokens", "-1", "--model", "{folder}"], "--max-new-tokens is at least 0"),
        (["tokens", "", "--model", "{folder}"], "the text is empty"),
        (["tokens", "Mike", "--model", "{wordless}"], "has no tokenizer"),
        (["explain", "logit[0, 1]", "--model", "{folder}"], "did you mean logits?"),
        (["explain", "nothing[0]", "--model", "{folder}"], "`workings explain` lists them all"),
        (["explain", "logits", "--model", "{folder}"], "give 2 places: pos (0 to"),
        (["explain", "logits", "99", "0", "--model", "{folder}"], "99 is outside"),
        (["explain", "logits", "0", "zyx", "--model", "{folder}"], "is not one token of"),
        (["explain", "embed", "0", "zyx", "--model", "{folder}"], "a place is a whole number"),
        (["explain", "ids", "0", "--dtype", "int8", "--model", "{folder}"], "float32 and float64"),
        (["attention", "Mike", "--block", "7", "--model", "{folder}"], "there is no block 7: this model has 2"),
        (["attention", "Mike", "--block", "0", "--head", "-1", "--model", "{folder}"], "there is no head -1"),
    ],
)
@pytest.mark.parametrize("more", [[], ["--json"]])
def test_a_mistake_is_one_message_and_nothing_else(call, folder, wordless, tmp_path, words, said, more):
    places = {"folder": folder, "wordless": wordless, "missing": tmp_path}
    result = call(*(word.format(**places) for word in words), *more)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == 1


def _nowhere(folder):
    return workings.load(folder).trace("Mike")["nosuch"]


def _unlabelled(folder):
    return workings.load_sae("storybook").feature("nosuch")


def _unscaled(folder):
    return workings.load_sae(folder / "scaled")


@pytest.mark.parametrize(
    ("words", "mistake", "commands"),
    [
        (["knockout", "--table", "nosuch"], _nowhere, "`workings explain` lists them all"),
        (["sae", "show", "nosuch"], _unlabelled, "`workings sae list` lists all labels, and `workings sae find"),
        (["steer", "Mike is", "--feature", "nosuch"], _unlabelled, "`workings sae list` lists all labels"),
        (["sae", "list", "--sae", "{folder}/scaled"], _unscaled, "in Python workings.load_sae(FOLDER, scaling_factor"),
    ],
)
def test_who_types_commands_is_told_of_commands(call, folder, tmp_path, words, mistake, commands):
    model = tmp_path / "model"
    workings.load(folder).save(model)
    (model / "scaled").mkdir()
    scaled = {"d_in": 8, "d_sae": 9, "hook_name": "embed", "normalize_activations": "expected_average_only_in"}
    (model / "scaled" / "cfg.json").write_text(json.dumps(scaled))
    result = call(*(word.format(folder=model) for word in words))
    assert (result.exit_code, result.stdout) == (1, "")
    assert commands in result.stderr
    with pytest.raises(WorkingsError) as error:
        mistake(model)
    python = next(python for python in IN_COMMANDS if python in str(error.value))
    assert python not in result.stderr


def test_a_list_of_features_that_is_empty_says_how_to_search_for_one(call):
    result = call("sae", "list", "nosuch", columns=200)
    assert "workings sae find --with" in result.stdout and "sae show" not in result.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["bogus"], "bogus"),
        (["run", "--top", "many"], "--top"),
        (["generate"], "PROMPT"),
        (["explain", "logits", "--promt", "Mike"], "there is no option --promt"),
        (["attention", "--head", "1"], "needs --block too"),
    ],
)
def test_a_misspelt_command_says_how_it_is_spelt(call, words, said):
    result = call(*words)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert said in result.stderr
    assert "Usage: workings" in result.stderr


def test_help_imports_nothing_heavy(environment):
    code = (
        "import sys; sys.argv = ['workings', '--help']\n"
        "from workings.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        f"print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=300)
    assert "Commands:" in done.stdout
    assert done.stderr.strip() == "[]"


def test_no_verb_imports_torch(environment, folder):
    code = (
        f"import sys; sys.argv = ['workings', 'run', 'Mike is', '--model', {folder!r}]\n"
        "from workings.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print('torch' in sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=300)
    assert done.stderr.strip() == "False"


def test_terminals_without_unicode_are_served_in_ascii(environment, folder):
    words = ["run", "Größe 😀 is", "--model", folder]
    done = subprocess.run(
        [*COMMAND, *words], env={**environment, "PYTHONIOENCODING": "ascii"}, capture_output=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert b"###" in done.stdout
    assert done.stdout.isascii()


def test_json_is_utf8_whatever_the_terminal_speaks(environment, folder):
    words = ["tokens", "Größe", "--model", folder, "--json"]
    done = subprocess.run(
        [*COMMAND, *words], env={**environment, "PYTHONIOENCODING": "ascii"}, capture_output=True, timeout=300
    )
    assert json.loads(done.stdout.decode("utf-8"))["text"] == "Größe"


@pytest.mark.skipif(os.name == "nt", reason="arguments are always Unicode on Windows")
def test_a_prompt_of_broken_bytes_is_a_clear_mistake(environment, folder):
    words = [b"run", b"Mike \xff", b"--model", os.fsencode(folder)]
    done = subprocess.run([*map(os.fsencode, COMMAND), *words], env=environment, capture_output=True, timeout=300)
    assert done.returncode == 1
    assert b"surrogate" in done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="pipes close differently on Windows")
@pytest.mark.parametrize(
    "words", [["run", "Mike"], ["run", "Mike", "--json"], ["generate", "Mike", "--max-new-tokens", "20"]]
)
def test_a_reader_who_leaves_is_no_error(environment, folder, words):
    read_end, write_end = os.pipe()
    os.close(read_end)
    done = subprocess.Popen(
        [*COMMAND, *words, "--model", folder], env=environment, stdout=write_end, stderr=subprocess.PIPE
    )
    os.close(write_end)
    _, complaint = done.communicate(timeout=300)
    assert complaint == b""


@pytest.mark.skipif(os.name == "nt", reason="signals differ on Windows")
def test_ctrl_c_quits_quietly(environment, tmp_path_factory):
    patient = tmp_path_factory.mktemp("patient") / "model"
    make_model(None, n_ctx=100_000).save(patient)  # without a tokenizer no token ends the text
    words = ["generate", "1", "--max-new-tokens", "99000", "--model", str(patient)]
    running = subprocess.Popen(
        [*COMMAND, *words],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # tests run in the background ignore it
    )
    running.stdout.read(8)  # it has begun
    time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    _, complaint = running.communicate(timeout=300)
    assert running.returncode == 130
    assert complaint == b""

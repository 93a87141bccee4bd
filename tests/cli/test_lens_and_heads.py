"""`heads`, `train lens`, `lens --tuned`, and the sentences of `attention`: what they print is what the library says."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from little import needs_storybook

import workings
from workings.anatomy.heads import KINDS

PROMPT = "Mike is quick. He"


def prose(text):
    return max(len(line) for line in text.splitlines() if not line.strip().startswith("workings"))


def test_heads_as_json_are_the_scores(ask, folder, model):
    document = ask("heads", "--model", folder)
    expected = workings.head_scores(model)
    assert list(document["scores"]) == list(KINDS)
    for kind, table in expected.scores.items():
        assert document["scores"][kind] == [pytest.approx(row.tolist()) for row in table]
    assert list(ask("heads", "--kind", "induction", "--model", folder)["scores"]) == ["induction"]


@pytest.mark.parametrize("columns", [40, 80])
def test_heads_are_maps_with_what_each_kind_means(call, folder, model, columns):
    text = call("heads", "--model", folder, columns=columns).stdout
    assert prose(text) <= columns
    assert "\x1b[" not in text
    assert "48;2;" in call("heads", "--model", folder, FORCE_COLOR="1", COLORTERM="truecolor").stdout
    table = workings.head_scores(model).scores["same token"]
    lines = text.split("same token: ")[1].splitlines()
    line = next(line for line in lines if line.startswith("  block 1"))
    assert line.split()[2:] == ["<1%" if share < 0.005 else f"{share:.0%}" for share in table[1]]
    assert "Looking there is not yet remembering" in " ".join(text.split())


def test_an_unknown_kind_is_refused_with_those_there_are(call, folder):
    result = call("heads", "--kind", "nonsense", "--model", folder)
    assert result.exit_code == 1
    assert "previous token, same token, induction, first token" in result.stderr


def test_attention_tells_who_looks_at_whom_as_the_library_does(call, ask, folder, model):
    trace, words = model.trace(PROMPT), ["attention", PROMPT, "--model", folder]
    text = call(*words, columns=120).stdout
    told = [str(look) for look in workings.looks(trace, 6)]
    assert told and all(sentence in text for sentence in told)
    assert [look["sentence"] for look in ask(*words)["looks"]] == told
    of_one = [str(look) for look in workings.looks(trace, 6, 1, 2)]
    assert [look["sentence"] for look in ask(*words, "--block", "1", "--head", "2")["looks"]] == of_one
    text = call(*words, "--block", "1", "--head", "2", columns=120).stdout
    assert "On random tokens that come twice it gives" in text
    assert all(sentence.split("(")[0] in text for sentence in of_one)


@pytest.fixture(scope="module")
def sentences(tmp_path_factory):
    path = tmp_path_factory.mktemp("texts") / "sentences.txt"
    path.write_text("\n".join([PROMPT, "He is", "Mike", "quick quick", "Mike is", "He"] * 3), encoding="utf-8")
    return str(path)


def test_a_lens_is_trained_saved_and_read_through(call, ask, folder, model, sentences, tmp_path):
    out = str(tmp_path / "lens")
    result = call("train", "lens", "--out", out, "--texts", sentences, "--steps", "3", "--model", folder)
    assert result.exit_code == 0, result.output
    assert "logit lens" in result.stdout and prose(result.stdout) <= 100
    lens = workings.TunedLens.load(out)
    assert lens.trained_on["source"] == "sentences.txt" and lens.trained_on["steps"] == 3
    document = ask("lens", PROMPT, "--tuned", out, "--token", "is", "--model", folder)
    shares, ranks = workings.tuned_lens(model, PROMPT, lens).token(" is")
    assert document["lens"] == "tuned"
    assert document["token"]["ranks"] == ranks.tolist()
    assert document["token"]["shares"] == [pytest.approx(row.tolist()) for row in shares]
    text = call("lens", PROMPT, "--tuned", out, "--model", folder).stdout
    assert "The tuned lens" in text and f"--tuned {out}" in text


def test_what_was_gained_is_measured_on_texts_that_were_kept_out(call, folder, sentences, tmp_path):
    out = tmp_path / "lens"
    words = ["--out", str(out), "--texts", sentences, "--steps", "40", "--model", folder, "--json"]
    document = json.loads(call("train", "lens", *words).stdout)
    assert document["streams"] == ["blocks.0.resid_post", "blocks.1.resid_post"]
    assert document["tuned_lens"][0] < document["logit_lens"][0]
    assert document["tuned_lens"][1] == document["logit_lens"][1] == 0


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["train", "lens", "--model", "{folder}", "--out", "x"], 1, "--texts FILE"),
        (["train", "lens", "--model", "{folder}", "--out", "x", "--texts", "{missing}"], 1, "cannot be read"),
        (["train", "lens", "--model", "{folder}", "--out", "x", "--texts", "{texts}", "--steps", "0"], 1, "above 0"),
        (
            ["train", "lens", "--model", "{folder}", "--out", "x", "--texts", "{texts}", "--seed", "-1"],
            1,
            "at least 0; -1",
        ),
        (["lens", "Mike", "--model", "{folder}", "--tuned", "{missing}"], 1, "with a bundled one: storybook"),
        (["lens", "Mike", "--model", "{folder}", "--tuned", "{folder}"], 1, "holds no tuned lens"),
        (
            ["lens", "Mike", "--model", "{folder}", "--tuned", "storybook"],
            1,
            "was made for storybook, whose rows have 128",
        ),
        (["lab", "{folder}", "--tuned", "storybook"], 1, "was made for storybook, whose rows have 128"),
        (["lab", "{folder}", "--tuned", "{missing}"], 1, "`workings train lens --out FOLDER` trains one"),
    ],
)
def test_a_mistake_is_one_message(call, folder, sentences, tmp_path, monkeypatch, words, code, said):
    monkeypatch.chdir(tmp_path)
    places = {"folder": folder, "missing": str(tmp_path / "nothing"), "texts": sentences}
    result = call(*(word.format(**places) for word in words))
    assert result.exit_code == code
    assert said in result.stderr
    assert result.stdout == ""


def test_train_has_help_with_examples(call):
    assert "lens" in call("train", "--help").stdout
    assert call("train", "lens", "--help").stdout.count("workings train lens") >= 3


def test_a_tuned_lens_reads_after_attention_if_it_was_trained_to_and_is_asked_to(call, ask, folder, model, tmp_path):
    for after_attention, name in ((False, "blocks"), (True, "all")):
        workings.TunedLens.identity(model, after_attention).save(tmp_path / name)
    words = ["lens", PROMPT, "--model", folder, "--tuned"]
    blocks = ["blocks.0.resid_post", "blocks.1.resid_post"]
    assert ask(*words, str(tmp_path / "all"))["streams"] == blocks
    inside = ask(*words, str(tmp_path / "all"), "--attention")["streams"]
    assert inside == ["blocks.0.resid_mid", blocks[0], "blocks.1.resid_mid", blocks[1]]
    shown = call(*words, str(tmp_path / "all"), "--attention").stdout
    assert "block 1, attention" in shown and "--attention --tuned" in shown
    refused = call(*words, str(tmp_path / "blocks"), "--attention")
    assert refused.exit_code == 1 and "workings train lens --attention" in refused.stderr


@needs_storybook
def test_storybooks_own_lens_is_taken_by_its_name(call, ask):
    document = ask("lens", "--tuned", "storybook", "--attention", "--token", "Wednesday")
    read = workings.tuned_lens(workings.load(), document["prompt"], workings.TunedLens.load("storybook"))
    assert document["streams"] == list(read.streams)
    assert document["token"]["ranks"] == read.token(" Wednesday")[1].tolist()
    assert "--tuned storybook" in call("lens", "--tuned", "storybook").stdout


@needs_storybook
def test_storybook_trains_on_its_own_stories(call, tmp_path):
    result = call("train", "lens", "--out", str(tmp_path), "--steps", "2")
    assert result.exit_code == 0
    assert workings.TunedLens.load(tmp_path).trained_on["source"] == "storybook's own stories"


def test_where_an_edit_left_no_numbers_the_lens_names_no_token_and_warns_in_words_alone(ask, folder, tmp_path):
    edits = [{"table": "blocks.1.ln1.scale", "index": [3, 0], "value": 0.0, "on": True}]
    file = tmp_path / "edits.json"
    file.write_text(json.dumps({"prompt": PROMPT, "edits": edits}))
    asked = [sys.executable, "-m", "workings", "lens", "--model", folder, "--edits", str(file)]
    shown = subprocess.run(asked, capture_output=True, encoding="utf-8", check=False, timeout=300)
    assert shown.returncode == 0, shown.stderr
    assert "Warning" not in shown.stdout + shown.stderr
    assert "no number" in shown.stdout and "nan" not in shown.stdout
    assert "No token is the likeliest here: an edit made" in " ".join(shown.stdout.split())
    told = ask("lens", "--model", folder, "--edits", str(file))["likeliest"]
    assert told["tokens"][1][3] is told["ids"][1][3] is told["shares"][1][3] is None
    assert told["tokens"][1][2] is not None


@needs_storybook
@pytest.mark.parametrize(
    ("verb", "said"),
    [
        ("lens", "how likely {} would be"),
        ("attribution", "the score of {} after"),
        ("gradient", "the score of {} after"),
        ("patch", "Which single patch brings {} back?"),
    ],
)
def test_a_title_tells_the_token_with_its_blank_from_the_one_without(call, verb, said):
    """storybook knows both: ␣he in the middle of a text, and he within a word."""
    option, against = ("--answer", ["--against", "knife"]) if verb == "patch" else ("--token", [])
    for typed, written in (("he", "“␣he”"), ('"he"', "“he”")):
        told = " ".join(call(verb, option, typed, *against, columns=200).stdout.split())
        assert said.format(written) in told


@needs_storybook
def test_a_suggested_command_asks_for_the_very_token_that_the_title_names(call):
    """“he” without its blank is asked for again by its number: as a word it would be the one with the blank."""
    he = workings.load("storybook").trace("He").token_id("he")
    lines = call("lens", "--token", '"he"', columns=200).stdout.splitlines()
    again = [line.strip() for line in lines if line.strip().startswith("workings lens --token")]
    assert again == [f"workings lens --token {he} --attention"]

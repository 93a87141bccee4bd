"""`workings patch` and `workings knockout`: the screen says what the library works out, and in words what it comes to."""

from __future__ import annotations

import re
import shlex

import numpy as np
import pytest
from little import needs_storybook

import workings
from workings.anatomy.contrast import Contrast

PROMPT = "Mike is quick. He"


@pytest.mark.parametrize("options", [[], ["--over", "heads"], ["--noising", "--over", "mlp_out"], ["--attribution"]])
def test_patching_as_json_is_the_librarys(ask, wordless, options):
    document = ask("patch", "3 1 4 1 5", "3 1 9 1 5", "--answer", "7", "--against", "8", "--model", wordless, *options)
    model = workings.load(wordless)
    over = options[options.index("--over") + 1] if "--over" in options else "resid_pre"
    direction = "noising" if "--noising" in options else "denoising"
    way = workings.attribution_patching if "--attribution" in options else workings.patching_sweep
    expected = way(model, [3, 1, 4, 1, 5], [3, 1, 9, 1, 5], 7, 8, over, -1, direction)
    np.testing.assert_allclose(document["values"], expected.values, atol=1e-5)
    assert document["direction"] == direction and document["over"] == over


@pytest.mark.parametrize("options", [[], ["--over", "heads"], ["--attribution", "--noising"]])
@pytest.mark.parametrize("columns", [40, 80, 140])
def test_maps_of_patches_keep_to_the_width_and_have_colour_on_a_terminal_only(call, wordless, options, columns):
    words = ["patch", "3 1 4 1 5 9", "3 1 9 1 5 9", "--answer", "7", "--against", "8", "--model", wordless, *options]
    result = call(*words, columns=columns)
    assert max(len(line) for line in result.stdout.splitlines() if not line.strip().startswith("workings")) <= columns
    assert "\x1b[" not in result.stdout and result.stderr == ""
    assert "48;2;" in call(*words, columns=columns, FORCE_COLOR="1", COLORTERM="truecolor").stdout


def spoilt(monkeypatch, cells):
    """Let the patches of these cells leave no number."""
    whole = Contrast.differences

    def differences(self, traces):
        found = whole(self, traces)
        return [np.nan if place in cells else value for place, value in enumerate(found)]

    monkeypatch.setattr(Contrast, "differences", differences)


@pytest.mark.parametrize("over", ["resid_pre", "heads"])
@pytest.mark.parametrize("all_of_them", [False, True])
def test_a_patch_that_left_no_number_says_so_and_is_never_the_strongest(call, wordless, monkeypatch, over, all_of_them):
    words = ["patch", "3 1 4 1 5", "3 1 9 1 5", "--answer", "7", "--against", "8", "--model", wordless, "--over", over]
    spoilt(monkeypatch, range(1000) if all_of_them else [2])
    result = call(*words, columns=140, FORCE_COLOR="1", COLORTERM="truecolor")
    text = re.sub("\x1b\\[[0-9;]*m", "", result.stdout)
    rows = [line for line in text.splitlines() if re.match(r"\s+(before )?block \d", line)]
    cells = sum(row.count("no number") for row in rows)
    assert cells == 1 if not all_of_them else cells >= 6
    assert f"No number in {'1 cell' if not all_of_them else str(cells) + ' cells'}: with that patch" in " ".join(
        text.split()
    )
    assert ("The strongest cell: " in text) != all_of_them
    assert "clean      3 1 4 1 5  →" in text, "ids are told apart"
    assert "nan" not in text.replace("(NaN)", "")


@needs_storybook
def test_the_map_shows_how_she_hands_the_jedi_on_to_her(call):
    text = call("patch", columns=140).stdout
    assert "Which single patch brings “␣lightsaber” back?" in text
    rows = [line.split()[-14:] for line in text.splitlines() if re.match(r"  before block \d ", line)]
    assert len(rows) == 4 and rows[0][10] == rows[1][10] == "99"
    assert int(rows[3][13]) > 90
    told = " ".join(text.split())
    assert "at “She” before blocks 0 and 1, then at “her” before blocks 2 and 3" in told
    assert "The corrupted prompt with it says “␣lightsaber”, 99.9% (without: “␣knife”" in told


@needs_storybook
def test_the_map_of_paths_shows_who_tells_a_head_where_to_look(call, ask):
    told = " ".join(call("patch", "--into", "2.0.q").stdout.split())
    assert "into blocks.2.attn.q, head 0 alone and directly" in told
    assert "block 1, head 1: what that head found, at all tokens, brings back 57%" in told
    assert np.shape(ask("patch", "--into", "2.0.q")["values"]) == (2, 4)


def test_of_equal_cells_the_first_is_the_strongest(call, wordless):
    """With one token there is only one place, which has all of it before every block."""
    told = " ".join(call("patch", "3", "4", "--answer", "7", "--against", "8", "--model", wordless).stdout.split())
    assert "The strongest cell: before block 0" in told


@pytest.mark.parametrize("way", [[], ["--attribution"], ["--into", "1.0.q"]])
def test_edits_are_in_force_in_both_prompts(call, ask, wordless, tmp_path, way):
    path = str(tmp_path / "edits.json")
    call("knockout", "3 1", "--model", wordless, "--table", "blocks.0.mlp_out", "--save", path)
    words = ["patch", "3 1 4 1 5", "3 1 9 1 5", "--answer", "7", "--against", "8", "--model", wordless, *way]
    document, model = ask(*words, "--edits", path), workings.load(wordless)
    two = [workings.knock_out(model.trace(ids), "blocks.0.mlp_out") for ids in ([3, 1, 4, 1, 5], [3, 1, 9, 1, 5])]
    if "--into" in way:
        expected = workings.path_patching_sweep(model, *two, ("blocks.1.attn.q", 0), 7, 8)
    else:
        expected = (workings.attribution_patching if way else workings.patching_sweep)(model, *two, 7, 8)
    np.testing.assert_allclose(document["values"], expected.values, atol=1e-5)
    assert np.abs(np.array(ask(*words)["differences"]) - expected.differences).max() > 1e-3
    assert [edit["table"] for edit in document["edits"]] == ["blocks.0.mlp_out"]
    text = call(*words, "--edits", path).stdout
    assert f"Inbothpromptstheeditsof{path}areinforce" in "".join(text.split())
    suggested = [line.strip() for line in text.splitlines() if re.match(r"    workings \w", line)]
    assert suggested and all(f"--edits {path}" in line for line in suggested)
    for line in suggested:
        assert call(*shlex.split(line)[1:]).exit_code == 0, line


@needs_storybook
def test_after_paths_those_through_mlps_are_suggested(call):
    assert "workings patch --into 2.0.q --through-mlps" in call("patch", "--into", "2.0.q").stdout
    assert "--through-mlps" not in call("patch", "--into", "2.0.q", "--through-mlps").stdout


@needs_storybook
@pytest.mark.parametrize("noising", [[], ["--noising"]])
def test_the_map_and_the_sentence_below_it_say_the_same_number(call, ask, noising):
    words = ["patch", "--over", "heads", *noising]
    text, document = call(*words).stdout, ask(*words)
    shown = [line.split()[2:] for line in text.splitlines() if re.match(r"  block \d ", line)]
    effects = np.array(document["effects"])
    best = np.unravel_index(effects.argmax(), effects.shape)
    assert shown[best[0]][best[1]] == f"{effects.max() * 100:.0f}"
    told = " ".join(text.split())
    assert f"{'takes away' if noising else 'brings back'} {effects.max() * 100:.0f}% of the difference" in told
    base, source = ("clean", "corrupted") if noising else ("corrupted", "clean")
    assert f"0 is as in the {base} prompt (·), 100 as in the {source} one" in told


@needs_storybook
@pytest.mark.parametrize("over", [[], ["--over", "heads"]])
def test_an_estimate_says_what_trying_its_strongest_cell_gives_and_how_to_try_all(call, ask, over):
    text = call("patch", "--attribution", *over).stdout
    told = " ".join(text.split())
    values, tried = (np.array(ask("patch", *over, *more)["values"]) for more in (["--attribution"], []))
    best = values == values.max()
    assert f"is estimated to bring back {values[best][0] * 100:.0f}% of the difference" in told
    assert f"Tried, it brings back {tried[best][0] * 100:.0f}%: the corrupted prompt with it says" in told
    assert "How far to trust it: every cell is an estimate" in told
    first = next(line.strip() for line in text.splitlines() if re.match(r"    workings \w", line))
    assert first == " ".join(["workings patch", *over])


@needs_storybook
def test_two_heads_stand_in_for_each_other(call, ask):
    prompt = "Mike is a chef. Anna is a Jedi. She picked up her"
    words = ["knockout", prompt, "--head", "2.0,3.1"]
    told = " ".join(call(*words).stdout.split())
    assert "“␣lightsaber” falls from 99.9% to <0.1%, and “␣knife” comes first with 99.5%" in told
    assert "So each stands in for the other" in told
    document = ask(*words)
    model = workings.load("storybook")
    trace = model.trace(prompt)
    for block, head in ((2, 0), (3, 1)):
        trace = workings.knock_out(trace, f"blocks.{block}.attn.z", head)
    assert [one["id"] for one in document["after"]] == [i for i, _ in trace.top_ids(5)]
    saved = workings.EditList.from_dict({"prompt": prompt, "edits": document["edits"]})
    assert saved.trace(model).top(1) == trace.top(1)


@needs_storybook
@pytest.mark.parametrize(
    "words", [["patch"], ["patch", "--over", "heads"], ["patch", "--into", "2.0.q"], ["patch", "--attribution"]]
)
def test_the_commands_that_patching_suggests_work(call, words):
    text = call(*words).stdout
    lines = [line.strip() for line in text.splitlines() if re.match(r"    workings \w", line)]
    assert len(lines) >= 2
    for line in lines:
        assert call(*shlex.split(line)[1:]).exit_code == 0, line


def test_knockout_shows_before_and_after(call, ask, folder, model):
    words = ["knockout", PROMPT, "--model", folder, "--table", "blocks.0.mlp_out", "--by", "mean", "--positions", "1:3"]
    document, trace = ask(*words), model.trace(PROMPT)
    after = workings.knock_out(trace, "blocks.0.mlp_out", positions=slice(1, 3), by="mean")
    for name, one in (("before", trace), ("after", after)):
        assert [(t["id"], pytest.approx(t["probability"])) for t in document[name]] == one.top_ids(5)
    assert "at positions 1:3: each row set to the mean" in " ".join(call(*words).stdout.split())
    assert max(map(len, call(*words, columns=50).stdout.splitlines())) <= 50


@pytest.mark.parametrize("others", [["He is quick. He"], ["He is quick. He", "Mike is quick. quick"]])
def test_another_prompts_value_takes_the_place_of_a_part_and_is_kept(call, ask, folder, model, tmp_path, others):
    path = str(tmp_path / "edits.json")
    words = ["knockout", PROMPT, "--model", folder, "--table", "blocks.0.mlp_out", "--positions", "1:3"]
    words += [word for other in others for word in ("--by-prompt", other)]
    document, trace = ask(*words, "--save", path), model.trace(PROMPT)
    mean = np.mean([model.trace(other)["blocks.0.mlp_out"][1:3] for other in others], axis=0)
    after = trace.edit("blocks.0.mlp_out", (slice(1, 3), slice(None)), value=mean)
    assert document["by"] == "prompts" and document["by_prompts"] == others
    assert [(t["id"], pytest.approx(t["probability"])) for t in document["after"]] == after.top_ids(5)
    replayed = ask("run", "--edits", path, "--model", folder)["next"]
    assert [(t["id"], pytest.approx(t["probability"])) for t in replayed] == after.top_ids(len(replayed))
    told = " ".join(call(*words).stdout.split())
    assert f"at positions 1:3: its numbers {'set to the mean of' if others[1:] else 'taken from'} “He is" in told


def test_edits_are_in_force_in_the_other_prompt_too(call, ask, wordless, tmp_path):
    path = str(tmp_path / "edits.json")
    call("knockout", "3 1", "--model", wordless, "--head", "0.1", "--save", path)
    words = ["knockout", "3 1", "--model", wordless, "--edits", path, "--table", "blocks.1.mlp_out"]
    model = workings.load(wordless)
    mine, other = (workings.knock_out(model.trace(ids), "blocks.0.attn.z", head=1) for ids in ([3, 1], [5, 9]))
    after = workings.knock_out(mine, "blocks.1.mlp_out", by=other)
    document = ask(*words, "--by-prompt", "5 9")
    assert [(t["id"], pytest.approx(t["probability"])) for t in document["after"]] == after.top_ids(5)


@pytest.mark.parametrize("table", ["logits", "ln_final.normalized"])
def test_where_all_tokens_are_equally_likely_none_is_said_to_come_first(call, wordless, table):
    shown = call("knockout", "3 1", "--table", table, "--model", wordless, "--top", "3").stdout
    assert "to 2.0%, and all tokens are equally likely." in shown and "comes first" not in shown
    assert (
        sum(line.count("2.0%") for line in shown.splitlines() if "falls" not in line) == 3
    )  # the three likeliest before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["patch", "3 1 4", "3 1", "--model", "{wordless}"], "equally many tokens; the clean one has 3, 3|1|4"),
        (["patch", "3 1 4", "3 1 4", "--answer", "1", "--against", "2", "--model", "{wordless}"], "nothing to restore"),
        (["patch", "3 1 4", "3 1 4", "--model", "{wordless}"], "prompt are the same tokens, 3|1|4, so"),
        (["patch", "3 1 4", "3 2 4", "--answer", "1", "--against", "1", "--model", "{wordless}"], "are both '1'"),
        (["patch", "3 1 4", "3 2 4", "--answer", "99", "--model", "{wordless}"], "0 to 49"),
        (
            ["patch", "3 1", "3 2", "--answer", "1", "--against", "2", "--over", "x", "--model", "{wordless}"],
            "goes over",
        ),
        (
            ["patch", "3 1", "3 2", "--answer", "1", "--against", "2", "--into", "0.0.q", "--model", "{wordless}"],
            "no head",
        ),
        *(
            (["patch", "3 1", "3 2", "--answer", "1", "--against", "2", "--into", into, "--model", "{wordless}"], said)
            for into in ("9.0.q", "1.0", "1.0.x", "L1H0.q", "1.3.q", "0.0.Q")
            for said in (
                f"BLOCK.HEAD.q, .k or .v (queries, keys, values), such as 1.0.q, a table's name, or logits; '{into}' came",
                "has the blocks 0 to 1, with the heads 0 to 2",
            )
        ),
        (["knockout", "3 1", "--head", "2.0", "--model", "{wordless}"], "no block 2: this model has 2"),
        (["knockout", "3 1", "--head", "x", "--model", "{wordless}"], "such as 1.3; 'x' came"),
        (["knockout", "3 1", "--head", "0.0", "--positions", "a", "--model", "{wordless}"], "positions are written"),
        (["knockout", "3 1", "--head", "0.0", "--positions", "5", "--model", "{wordless}"], "positions 0 to 1"),
        (["knockout", "3 1", "--head", "0.0", "--top", "0", "--model", "{wordless}"], "--top, the number of likeliest"),
        (["knockout", "3 1", "--table", "nothing", "--model", "{wordless}"], "nothing"),
        (["knockout", "3 1", "--head", "0.0", "--by", "Mean", "--model", "{wordless}"], "--by is zero or mean, and"),
        (["knockout", "3 1", "--head", "0.0", "--by-prompt", "3", "--model", "{wordless}"], "need as many tokens"),
        (["knockout", "3 1", "--head", "0.0", "--by-prompt", "a", "--model", "{wordless}"], "give token ids"),
    ],
)
def test_a_mistake_is_one_message(call, wordless, words, said):
    result = call(*(word.format(wordless=wordless) for word in words))
    assert result.exit_code == 1 and result.stdout == ""
    assert said in result.stderr and len(result.stderr.splitlines()) == 1


def test_what_is_missing_is_asked_for(call):
    assert "CORRUPTED" in call("patch", "Mike").stderr
    assert "--head 2.0" in call("knockout", "Mike").stderr
    assert "needs two: give CLEAN and" in call("patch", "--edits", "edits.json").stderr
    assert "give one of them" in call("knockout", "--head", "2.0", "--by", "mean", "--by-prompt", "Mike").stderr

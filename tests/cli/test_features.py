"""Steering and features on the command line: the demonstration that started the project, and everything around it."""

import json
import re
import shlex

import numpy as np
import openpyxl
import pytest
from little import needs_storybook

import workings
from workings.models.sae import SAEConfig
from workings.training.sae import unfinished

pytestmark = needs_storybook
PHONE = "The student picked up his"


def test_the_jedi_feature_turns_a_phone_into_a_lightsaber(ask):
    """The demonstration that started the project."""
    told = ask("steer", PHONE, "--feature", "jedi")
    first = told["next"][0], told["next"][1]
    shares = {row["token"]: (row["before"], row["after"]) for row in first}
    assert shares[" phone"][0] > 0.9 and shares[" lightsaber"][1] > shares[" phone"][1]
    assert told["smallest"]["token"] == " lightsaber" and 0 < told["smallest"]["strength"] < told["strength"]
    assert shares[" lightsaber"][1] > 0.8
    assert told["texts"]["before"].startswith(f"{PHONE} phone")
    assert told["texts"]["after"].startswith(f"{PHONE} lightsaber")


def test_below_the_smallest_strength_it_is_still_a_phone(ask):
    smallest = ask("steer", PHONE, "--feature", "jedi")["smallest"]["strength"]
    for strength, word in ((smallest - 0.1, " phone"), (smallest + 0.1, " lightsaber")):
        told = ask("steer", PHONE, "--feature", "jedi", "--strength", str(strength))
        assert max(told["next"], key=lambda row: row["after"])["token"] == word


def test_python_and_the_command_line_steer_alike(ask):
    told = ask("steer", PHONE, "--feature", "jedi", "--strength", "14", "--positions", "2:", "--write", "0")
    trace = workings.load("storybook").trace(PHONE).steer("jedi", 14, positions=slice(2, None))
    for row in told["next"]:
        assert row["after"] == pytest.approx(float(trace["probabilities"][-1, row["id"]]), abs=1e-5)


@pytest.mark.parametrize(
    ("typed", "numbers"),
    [([], None), (["--positions", "-1"], [4]), (["--positions", "0,-2"], [0, 3]), (["--positions", "1:3"], [1, 2])],
)
@pytest.mark.parametrize(
    "verb", [["steer", "--feature", "jedi", "--strength", "3", "--write", "0"], ["knockout", "--head", "2.0"]]
)
def test_positions_in_a_document_are_whole_numbers(ask, verb, typed, numbers):
    told = ask(verb[0], PHONE, *verb[1:], *typed)
    assert len(told["tokens"]) == 5 and told["positions"] == numbers


@pytest.mark.parametrize(
    "options",
    [
        ["--feature", "jedi", "--strength", "-1e6", "--positions", "-2:"],
        ["--feature", "jedi", "--strength", "0.00001", "--layer", "1"],
        ["--feature", "jedi", "--strength", "0"],
    ],
)
def test_the_commands_that_steering_suggests_work(call, options):
    suggested = [
        line.strip()
        for line in call("steer", PHONE, *options).stdout.splitlines()
        if re.match(r"    workings \w", line)
    ]
    assert ("--strength" in "".join(suggested)) == (options[3] != "0")
    for line in suggested:
        assert line.isascii(), line
        assert call(*shlex.split(line)[1:]).exit_code == 0, line
        assert all(" ".join(options[at : at + 2]) in line for at in range(4, len(options), 2)) or "steer" not in line


def test_a_search_that_goes_too_far_does_not_keep_a_strength_from_being_shown(call, ask):
    told = ask("steer", PHONE, "--feature", "jedi", "--strength", "14", "--most", "1e30", "--write", "0")
    assert told["strength"] == 14 and told["smallest"]["token"] == " lightsaber"
    result = call("steer", PHONE, "--feature", "jedi", "--strength", "14", "--most", "1e18", "--token", "Mike")
    assert result.exit_code == 0
    assert "No strength up to" in result.stdout and "is too large for float32" in " ".join(result.stdout.split())


def test_before_and_after_stand_side_by_side(call):
    text = call("steer", PHONE, "--feature", "jedi", "--strength", "14").stdout
    assert "before" in text and "after" in text
    assert "“␣lightsaber” comes first instead of “␣phone”" in text
    assert "smallest strength" in text


def test_a_steering_can_be_kept_and_replayed(call, ask, tmp_path):
    path = str(tmp_path / "jedi.json")
    call("steer", PHONE, "--feature", "jedi", "--strength", "14", "--save", path)
    again = ask("run", "--edits", path)
    assert again["next"][0]["token"] == " lightsaber"
    trace = workings.load_edits(path).trace(workings.load("storybook"))
    assert trace.top(1)[0] == (" lightsaber", pytest.approx(again["next"][0]["probability"]))
    assert call("export", str(tmp_path / "jedi.xlsx"), "--edits", path).exit_code == 0


def test_pairs_of_texts_give_a_direction(ask):
    pairs = [("Mike is a Jedi. Mike took his", "Mike is a student. Mike took his")] * 2
    words = [word for toward, away in pairs for word in ("--toward", toward, "--away", away)]
    told = ask("steer", PHONE, *words, "--token", "lightsaber")
    assert told["feature"] is None and told["table"] == "blocks.2.resid_post"
    assert told["smallest"]["token"] == " lightsaber"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--feature", "jedy"], "jedi"),
        (["--feature", "99999"], "no feature 99999"),
        ([], "give what to steer with"),
        (["--toward", "Mike"], "in pairs"),
        (["--feature", "jedi", "--positions", "x"], "positions are written"),
        (["--feature", "jedi", "--positions", "77"], "no position 77"),
        (["--feature", "jedi", "--layer", "9"], "no block 9"),
        (["--feature", "jedi", "--strength", "1e30"], "too large"),
        (["--feature", "jedi", "--most", "1"], "no strength up to 1"),
        (["--feature", "jedi", "--sae", "nowhere"], "no sparse autoencoder 'nowhere'"),
    ],
)
def test_what_cannot_be_steered_is_said(call, words, said):
    result = call("steer", PHONE, *words)
    assert result.exit_code == 1
    assert said.lower() in result.stderr.lower()


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("blocks.1.resid_pre", "carries along before block 1, at every token"),
        ("blocks.1.mlp_out", "is added to blocks.1.mlp_out, at every token"),
        ("embed", "is added to embed, at every token"),
    ],
)
def test_what_is_steered_is_the_table_that_the_feature_belongs_to(call, ask, tmp_path, table, said):
    """Autoencoders of SAELens read all kinds of tables, `gpt2-small-res-jb` the stream before a block."""
    folder = random_sae(tmp_path, table)
    words = ("steer", PHONE, "--feature", "3", "--strength", "5", "--write", "0", "--sae", folder)
    assert ask(*words)["table"] == table
    assert said in " ".join(call(*words).stdout.split())
    after = ask(*words)["next"][0]
    feature = workings.load_sae(folder).feature(3)
    steered = workings.load("storybook").trace(PHONE).edit(table, add=5 * feature.vector)
    assert after["after"] == pytest.approx(float(steered["probabilities"][-1, after["id"]]), abs=1e-5)


def test_features_of_another_model_steer_nothing(call, tmp_path):
    result = call("steer", PHONE, "--feature", "3", "--sae", random_sae(tmp_path, "blocks.1.resid_pre", "gpt2-xl"))
    assert result.exit_code == 1 and "trained on 'gpt2-xl'" in result.stderr


def random_sae(tmp_path, table: str, model_name: str = "storybook") -> str:
    random = np.random.default_rng(0)
    weights = {"W_enc": (128, 8), "b_enc": 8, "W_dec": (8, 128), "b_dec": 128}
    arrays = {name: random.standard_normal(shape) for name, shape in weights.items()}
    config = SAEConfig(d_in=128, d_sae=8, table=table)
    workings.SparseAutoencoder(config, arrays, metadata={"model_name": model_name}).save(tmp_path / "sae")
    return str(tmp_path / "sae")


def test_labels_steer_no_terminal_and_are_those_of_the_autoencoder_as_it_is(call, tmp_path):
    sae = workings.load_sae("storybook")
    number = sae.feature("jedi").number
    sae.labels[number] = "knight\x1b[31m"
    sae.save(tmp_path / "sae")
    for words in (["steer", PHONE, "--feature", str(number), "--strength", "5"], ["sae", "show", str(number)]):
        text = call(*words, "--sae", str(tmp_path / "sae")).stdout
        assert "knight" in text and "\x1b" not in text and "“Jedi”" not in text


def test_a_training_that_is_stopped_says_that_it_can_go_on(call, tmp_path, monkeypatch):
    def stopped(*_, keep, **__):
        keep.mkdir(exist_ok=True)
        (keep / unfinished.FILE).write_bytes(b"")
        raise KeyboardInterrupt

    monkeypatch.setattr("workings.training.sae.train.train_sae", stopped)
    result = call("train", "sae", "--out", str(tmp_path / "mine"))
    assert result.exit_code == 130 and "the same command goes on" in result.stderr


def test_a_file_that_cannot_be_written_is_said_in_one_line(call, tmp_path):
    nowhere = str(tmp_path / "missing" / "edits.json")
    result = call("steer", PHONE, "--feature", "jedi", "--strength", "5", "--save", nowhere)
    assert result.exit_code == 1 and "cannot be kept" in result.stderr
    result = call("sae", "page", str(tmp_path / "missing" / "page.html"))
    assert result.exit_code == 1 and "there is no folder" in result.stderr


@pytest.mark.parametrize("what", ["sae", "lens"])
def test_a_folder_that_cannot_be_written_is_said_before_training(call, tmp_path, what):
    (tmp_path / "file").write_text("no folder")
    result = call("train", what, "--out", str(tmp_path / "file"), "--steps", "100000000")
    assert result.exit_code == 1 and "nothing can be saved in" in result.stderr


def test_a_text_longer_than_the_model_reads_is_trained_on_in_pieces(call, ask, tmp_path):
    out, texts = str(tmp_path / "mine"), tmp_path / "texts.txt"
    texts.write_text("Mike is quick.\n" + "Mike is quick. " * 100)
    words = ["--out", out, "--texts", str(texts), "--d-sae", "40", "--k", "4", "--batch-size", "64", "--steps", "3"]
    assert call("train", "sae", *words).exit_code == 0
    n_tokens = len(workings.load("storybook").tokenizer.encode("Mike is quick. " * 100)) + 4
    assert ask("sae", "measure", "--sae", out, "--texts", str(texts))["n_activations"] == n_tokens


def test_a_feature_shows_where_it_fires(call, ask):
    card = ask("sae", "show", "jedi")
    assert card["label"] == "Jedi" and card["table"] == "blocks.2.resid_post"
    assert len(card["examples"]) == 5
    assert any("Jedi" in "".join(example["tokens"]) for example in card["examples"])
    text = call("sae", "show", "jedi").stdout
    assert "Where it fires most" in text and "lightsaber" in text


def test_the_search_that_found_the_jedi_feature_finds_it_again(ask):
    roles = ["chef", "student", "knight", "doctor"]
    jedi = [word for name in ("Mike", "Tom") for word in ("--with", f"{name} is a Jedi. {name} took his")]
    other = [word for role in roles for word in ("--without", f"Mike is a {role}. Mike took his")]
    found = ask("sae", "find", *jedi, *other)
    assert ask("sae", "show", "jedi")["number"] in [row["number"] for row in found if row["auc"] == 1]


def test_features_that_tell_two_kinds_of_texts_no_better_than_chance_are_not_found(call, ask):
    one, other = "Mike is a Jedi. He took his", "Mike is a chef. He took his"
    found = ask(
        "sae", "find", "--with", one, "--with", other, "--without", one, "--without", "Mike is quick. He took his"
    )
    assert found and all(row["auc"] > 0.5 for row in found)
    words = ["sae", "find", "--with", one, "--without", one]
    assert ask(*words) == []
    shown = " ".join(call(*words).stdout.split())
    assert "fire more strongly with the idea than without it" in shown
    assert "each fires as strongly without it, or more so" in shown


def test_labels_can_be_listed_and_narrowed_down(call, ask):
    everything = ask("sae", "list")
    assert len(everything) > 500
    assert {row["label"] for row in ask("sae", "list", "jedi")} >= {"Jedi"}
    assert "no label contains" in call("sae", "list", "xyzzy").stdout


def test_all_features_come_on_one_page(call, tmp_path):
    path = tmp_path / "features.html"
    assert call("sae", "page", str(path)).exit_code == 0
    assert path.stat().st_size < 4_000_000 and "Jedi" in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("count", ["0", "-5"])
def test_a_number_of_texts_that_is_none_is_refused_in_words(call, count):
    result = call("sae", "measure", "--count", count)
    assert result.exit_code == 1 and result.stdout == ""
    assert f"--count, how many texts to read, is a whole number of at least 1; {count} came" in result.stderr


def test_an_autoencoder_is_measured(ask):
    measures = ask("sae", "measure", "--count", "10")
    assert 0.9 < measures["explained_variance"] < 1 and measures["loss_recovered"] > 0.98
    assert measures["l0"] == pytest.approx(8, abs=0.1)


def test_an_autoencoder_is_trained_and_used(call, ask, tmp_path):
    out, texts = str(tmp_path / "mine"), tmp_path / "texts.txt"
    texts.write_text("Mike is a Jedi. He took his lightsaber.\nAnna is a chef. She took her knife.\n")
    words = ["train", "sae", "--out", out, "--texts", str(texts), "--d-sae", "40", "--k", "4", "--batch-size", "64"]
    result = call(*words, "--steps", "30", "--architecture", "jumprelu", "--table", "blocks.1.resid_post")
    assert result.exit_code == 0, result.stderr
    assert json.loads((tmp_path / "mine" / "cfg.json").read_text())["architecture"] == "jumprelu"
    assert sorted(path.name for path in (tmp_path / "mine").iterdir()) == ["cfg.json", "sae_weights.safetensors"]
    assert ask("sae", "measure", "--sae", out, "--texts", str(texts))["n_activations"] > 10
    assert "already" in call(*words, "--steps", "30").stderr
    assert call("sae", "show", "3", "--sae", out, "--texts", str(texts)).exit_code == 0


def test_an_edit_of_a_feature_that_the_lab_saved_is_in_force_in_every_verb(ask, call, folder, tmp_path):
    path = tmp_path / "edits.json"
    edit = {"table": "blocks.2.resid_post.sae.acts", "index": [4, 577], "value": 14.0, "on": True}
    path.write_text(json.dumps({"model": "storybook", "prompt": PHONE, "ids": None, "edits": [edit]}))
    assert ask("run", "--edits", str(path))["next"][0]["token"] == " lightsaber"
    for words in ("generate", "lens", "attribution", "gradient", "attention", "explain", "knockout --head 2.0"):
        found = call(*words.split(), "--edits", str(path))
        assert found.exit_code == 0, found.stderr
    assert call("export", str(tmp_path / "fires.xlsx"), "--edits", str(path), "--max-tokens", "8").exit_code == 0
    book = openpyxl.load_workbook(tmp_path / "fires.xlsx", data_only=True, read_only=True)
    assert next(book["Edits"].iter_rows(min_row=4, max_row=4, values_only=True))[1] == " lightsaber"
    refused = call("run", "--edits", str(path), "--model", folder)
    assert refused.exit_code == 1 and "none comes with it. In Python" in refused.stderr


def test_edits_of_a_model_of_another_name_are_used_and_it_is_said(call, tmp_path):
    path = tmp_path / "edits.json"
    edit = {"table": "blocks.2.resid_post", "index": [1, 3], "add": 1.0}
    path.write_text(json.dumps({"model": "gpt2", "prompt": PHONE, "edits": [edit]}), encoding="utf-8-sig")
    found = call("run", "--edits", str(path))
    assert found.exit_code == 0 and found.stderr.count("made in 'gpt2' and are used in 'storybook'") == 1

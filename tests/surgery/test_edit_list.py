"""Edits in a file: saved and put in force again they give the same numbers, and mistakes are told with their place."""

from __future__ import annotations

import json

import numpy as np
import pytest
from histories import amounts, entries, selected_shape
from hypothesis import given, settings
from hypothesis import strategies as st
from little import make_model, make_tokenizer, needs_storybook

import workings
from tiny import Tiny, model_of, random_ids, tinies
from workings.errors import InputError, OutsideTable, UnknownTable
from workings.surgery.weights import with_edited_weights
from workings.workbook.operations import Operations

SILENCED = {"table": "blocks.0.resid_post", "index": [1, ":"], "scale": 0.0, "on": True}


@pytest.fixture(scope="module")
def model():
    return make_model(make_tokenizer())


def written(path, document):
    path.write_text(json.dumps(document))
    return path


@st.composite
def edited(draw, trace):
    """A trace with a few edits that a file can hold."""
    for _ in range(draw(st.integers(0, 4))):
        name = draw(st.sampled_from([*trace.names(), *trace.weight_names()]))
        plain = st.one_of
        shape = trace.shape(name)
        index = tuple(
            draw(
                plain(
                    st.integers(-size, size - 1),
                    entries(size).filter(lambda part: isinstance(part, slice) and part.step in (None, 1)),
                )
            )
            for size in shape
        )
        kind = draw(st.sampled_from(["value", "add", "scale"]))
        amount = draw(amounts(selected_shape(shape, index)))
        trace = trace.edit(name, index, **{kind: np.abs(amount) + 0.5 if name.endswith("scale") else amount})
    if draw(st.booleans()):
        trace = trace.edit("ids", draw(st.integers(0, len(trace) - 1)), value=draw(st.integers(0, 9)))
    return trace


@settings(max_examples=60)
@given(data=st.data(), tiny=tinies())
def test_saved_and_replayed_edits_give_identical_numbers(data, tiny, tmp_path_factory):
    model = model_of(tiny)
    dtype = data.draw(st.sampled_from(["float32", "float64"]))
    trace = data.draw(edited(model.trace(random_ids(tiny, 6), dtype=dtype)))
    path = tmp_path_factory.mktemp("edits") / "edits.json"
    workings.EditList.of(trace).save(path)
    again = workings.load_edits(path).trace(model, dtype)
    assert again.ids.tolist() == trace.ids.tolist()
    for name in trace.weight_names():
        np.testing.assert_array_equal(again[name], trace[name])
    tolerance = 1e-5 if dtype == "float32" else 1e-10
    for name in trace.names():  # the trace may have been worked out in another order
        size = max(1.0, float(np.abs(trace[name]).max()))
        np.testing.assert_allclose(again[name], trace[name], rtol=tolerance, atol=tolerance * size)
    fresh = workings.load_edits(path).trace(model, dtype)
    for name in fresh.names():
        np.testing.assert_array_equal(fresh[name], again[name])


def test_a_list_comes_back_as_it_was(tmp_path):
    given = {
        "model": "tiny",
        "prompt": "Größe 😀",
        "ids": [1, 2],
        "edits": [
            SILENCED,
            {"table": "W_E", "index": [0, "1:3"], "value": [1.5, -2.0], "on": False},
            {"table": "embed", "index": [], "add": [[0.1]], "on": True},
        ],
    }
    edits = workings.load_edits(written(tmp_path / "edits.json", given))
    assert json.loads(edits.to_json()) == given
    edits.save(tmp_path / "again.json")
    assert workings.load_edits(tmp_path / "again.json") == edits


def test_edits_that_are_off_are_kept_and_not_in_force(model):
    edits = workings.EditList.from_dict({"prompt": "Mike is", "edits": [{**SILENCED, "on": False}]})
    assert edits.trace(model).edits == ()
    assert len(edits.edits) == 1


def test_edits_can_be_put_in_force_on_another_prompt(model):
    edits = workings.EditList.from_dict({"prompt": "Mike is", "edits": [SILENCED]})
    trace = edits.apply(model.trace("She moves"))
    assert not trace["blocks.0.resid_post"][1].any()


def test_the_index_means_what_it_means_in_python(model):
    trace = model.trace("Mike is quick. He")
    for text, part in [
        (":", slice(None)),
        ("2:", slice(2, None)),
        (":2", slice(2)),
        ("1:3", slice(1, 3)),
        ("-2:", slice(-2, None)),
        (-1, -1),
    ]:
        one = workings.EditList.from_dict({"edits": [{"table": "embed", "index": [text], "value": 1.0}]}).apply(trace)
        np.testing.assert_array_equal(one["embed"], trace.edit("embed", part, value=1.0)["embed"])


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (3, "an edit is an object"),
        ({}, "exactly one of value, add, scale; none of them"),
        ({**SILENCED, "add": 1}, "exactly one of value, add, scale; add and scale"),
        ({**SILENCED, "scal": 1}, "'scal' means nothing in an edit"),
        ({**SILENCED, "table": None}, "table is the name of a table; null"),
        ({**SILENCED, "on": 1}, "on is true or false"),
        ({**SILENCED, "index": 1}, "index is a list"),
        ({**SILENCED, "index": ["1:2:3"]}, "index is a list"),
        ({**SILENCED, "index": [True]}, "index is a list"),
        ({**SILENCED, "index": [1.0]}, "index is a list"),
        ({**SILENCED, "scale": "1"}, "finite number"),
        ({**SILENCED, "scale": True}, "finite number"),
        ({**SILENCED, "scale": []}, "finite number"),
        ({**SILENCED, "scale": [[[[1]]]]}, "finite number"),
        ({**SILENCED, "scale": float("inf")}, "finite number"),
    ],
)
def test_an_edit_that_cannot_be_understood_is_told_with_its_place(edit, said):
    with pytest.raises(InputError, match="edit 2: ") as error:
        workings.EditList.from_dict({"prompt": "a", "edits": [SILENCED, edit]})
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("edit", "kind", "said"),
    [
        ({**SILENCED, "table": "blocks.0.resid_pst"}, UnknownTable, "did you mean"),
        ({**SILENCED, "index": [99]}, OutsideTable, "99"),
        ({**SILENCED, "index": [0, 0, 0]}, OutsideTable, "3 entries"),
        ({"table": "embed", "index": ["5:5"], "value": 1}, InputError, "the index [5:5] selects no cell"),
        ({"table": "embed", "index": [0, "3:3"], "value": 1}, InputError, "the index [0, 3:3] selects no cell"),
        ({"table": "embed", "index": [":", 0, 1], "value": 1}, OutsideTable, "index [:, 0, 1] of embed has 3 entries"),
        ({"table": "embed", "index": [0], "value": [1, 2]}, InputError, "give one number or an array that fits"),
        ({"table": "embed", "index": [0], "value": [[1, 2], [3]]}, InputError, "takes a number or an array"),
        ({"table": "ids", "index": [0], "value": 0.5}, InputError, "whole numbers"),
    ],
)
def test_an_edit_that_does_not_fit_the_model_is_told_with_its_place(model, edit, kind, said):
    edits = workings.EditList.from_dict({"prompt": "Mike is", "edits": [SILENCED, edit]})
    with pytest.raises(kind, match=r"^edit 2: ") as error:
        edits.trace(model)
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is not JSON"), ("{", "is not JSON"), ("[" * 5000, "is not JSON"), ("[]", "kept as an object"), ('{"prompt": 1}', "are texts"), ('{"edits": 1}', "edits are a list"),
        ('{"edits": "ab"}', "edits are a list"), ('{"ids": [1.5]}', "ids are a list"), ('{"ids": "12"}', "ids are a list"), ('{"prmpt": ""}', "'prmpt' means nothing"), ("[" * 1000 + "]" * 1000, "kept as an object"),
    ],
)  # fmt: skip
def test_a_file_that_is_none_is_told_with_its_name(tmp_path, content, said):
    path = tmp_path / "edits.json"
    path.write_text(content)
    with pytest.raises(InputError) as error:
        workings.load_edits(path)
    assert said in str(error.value)
    assert str(path) in str(error.value)


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(InputError, match=r"none\.json cannot be read: No such file"):
        workings.load_edits(tmp_path / "none.json")


@pytest.mark.parametrize("index", [[0, 2], np.array([True, False, True]), slice(0, 3, 2)])
def test_an_index_that_a_file_cannot_hold_is_an_error(index):
    trace = model_of(Tiny()).trace([1, 2, 3]).edit("embed", index, value=1.0)
    with pytest.raises(InputError, match="edit 1, of embed"):
        workings.EditList.of(trace)


def test_edited_weights_can_be_made_part_of_the_model(model):
    trace = model.trace("Mike is").edit("W_E", (slice(None), 0), add=1.0)
    changed = with_edited_weights(model, trace)
    np.testing.assert_array_equal(changed.trace("Mike is")["logits"], trace["logits"])
    assert not np.array_equal(model.trace("Mike is")["logits"], trace["logits"])


# The command line


@pytest.fixture(scope="module")
def places(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model") / "model"
    model.save(folder)
    edits = {"model": str(folder), "prompt": "Mike is quick. He", "ids": None, "edits": [SILENCED]}
    return str(folder), str(written(tmp_path_factory.mktemp("edits") / "edits.json", edits))


def said(words, code=0):
    from typer.testing import CliRunner

    from workings.cli.app import app

    result = CliRunner().invoke(app, words, env={"COLUMNS": "100", "NO_COLOR": "1"})
    assert result.exit_code == code, result.output
    return result


def test_verbs_put_saved_edits_in_force(model, places):
    folder, path = places
    trace = workings.load_edits(path).trace(model)
    options = ["--model", folder, "--edits", path]
    document = json.loads(said(["run", *options, "--json"]).stdout)
    assert document["tokens"] == trace.tokens
    assert document["next"][0]["id"] == trace.top_ids(1)[0][0]
    document = json.loads(said(["explain", "blocks.0.resid_post", "1", "0", *options, "--json"]).stdout)
    assert (document["value"], len(document["edits"])) == (0.0, 1)
    document = json.loads(said(["attention", "--block", "1", *options, "--json"]).stdout)
    np.testing.assert_allclose(document["pattern"], trace["blocks.1.attn.pattern"], rtol=1e-4, atol=1e-6)
    assert said(["generate", *options, "--max-new-tokens", "5"]).stdout == model.generate(trace, 5) + "\n"


def test_a_prompt_that_is_typed_goes_before_the_saved_one(model, places):
    folder, path = places
    document = json.loads(said(["run", "She moves", "--model", folder, "--edits", path, "--json"]).stdout)
    assert document["prompt"] == "She moves"
    trace = workings.load_edits(path).apply(model.trace("She moves"))
    assert document["next"][0]["id"] == trace.top_ids(1)[0][0]


def test_what_to_type_next_has_the_edits_too(places):
    folder, path = places
    assert f"--edits {path} --model {folder}" in said(["run", "--model", folder, "--edits", path]).stdout


def test_edits_of_another_model_are_remarked_on(model, places, tmp_path):
    folder, _ = places
    path = written(tmp_path / "edits.json", {"model": "gpt2", "prompt": "Mike", "edits": []})
    remark = said(["run", "--model", folder, "--edits", str(path)]).stderr
    assert "the edits were made in 'gpt2' and are used in" in remark


def test_a_workbook_takes_saved_edits_and_none_of_a_table_that_the_model_lacks(places, tmp_path):
    folder, path = places
    book = str(tmp_path / "model.xlsx")
    said(["export", folder, book, "--edits", path])
    (tmp_path / "model.xlsx").unlink()
    unknown = written(tmp_path / "no.json", {"prompt": "Mike", "edits": [{"table": "W_Q", "index": [0], "value": 1}]})
    assert "no table named 'W_Q'" in said(["export", folder, book, "--edits", str(unknown)], 1).stderr
    assert not (tmp_path / "model.xlsx").exists()
    weights = written(
        tmp_path / "edits.json", {"prompt": "Mike", "edits": [{"table": "W_E", "index": [0, 0], "value": 1}]}
    )
    said(["export", folder, book, "--edits", str(weights)])
    assert (tmp_path / "model.xlsx").stat().st_size > 1000


ACTS = {"table": "blocks.2.resid_post.sae.acts", "index": [4, 577], "value": 14.0, "on": True}
STUDENT = "The student picked up his"


@needs_storybook
def test_an_edit_of_a_feature_is_replayed_in_the_models_own_autoencoder():
    storybook = workings.load("storybook")
    through = storybook.with_sae(workings.load_sae("storybook"))
    expected = through.trace(STUDENT).edit("blocks.2.resid_post.sae.acts", (4, 577), value=14.0)
    edits = workings.EditList.from_dict({"model": "storybook", "prompt": STUDENT, "edits": [ACTS]})
    np.testing.assert_array_equal(edits.trace(storybook)["logits"], expected["logits"])
    assert edits.trace(storybook).top(1)[0][0] == " lightsaber"
    np.testing.assert_array_equal(edits.trace(through)["logits"], expected["logits"])
    assert edits.spliced(through) is through
    lens = workings.logit_lens(edits.spliced(storybook), edits.trace(storybook))
    np.testing.assert_array_equal(lens.logits(lens.streams[-1]), expected["logits"])
    for name in ("blocks.2.resid_post.hook_sae_acts_post", "blocks.2.hook_resid_post.sae.acts"):
        again = workings.EditList.from_dict({"prompt": STUDENT, "edits": [{**ACTS, "table": name}]})
        np.testing.assert_array_equal(again.trace(storybook)["logits"], expected["logits"])


@needs_storybook
def test_without_an_edit_of_a_feature_the_model_stays_as_it_is():
    storybook = workings.load("storybook")
    for edits in ([], [SILENCED], [{**ACTS, "on": False}], [{**ACTS, "table": "blocks.2.resid_pst"}]):
        assert workings.EditList.from_dict({"prompt": "Mike", "edits": edits}).spliced(storybook) is storybook


@needs_storybook
def test_where_there_is_no_autoencoder_it_is_said_what_to_do(model):
    storybook = workings.load("storybook")
    edits = workings.EditList.from_dict({"prompt": STUDENT, "edits": [ACTS]})
    for ask in (
        lambda: edits.apply(storybook.trace(STUDENT)),
        lambda: edits.trace(model),
        lambda: workings.EditList.from_dict({"prompt": "a", "edits": [{**ACTS, "table": "blocks.1.resid_post.sae.acts"}]}).trace(storybook),
    ):  # fmt: skip
        with pytest.raises(UnknownTable, match=r"^edit 1: there is no table .*with_sae\(workings.load_sae\(FOLDER\)\)"):
            ask()
    with pytest.raises(UnknownTable) as error:
        edits.trace(storybook).edit("blocks.2.resid_post.sae.axts", value=1.0)
    assert "FOLDER" not in str(error.value)
    with pytest.raises(InputError, match=r"edits\.spliced\(model\)"):
        workings.logit_lens(
            storybook,
            edits.trace(storybook),
        )


def test_edits_of_a_model_of_another_name_are_used_with_a_warning(model, recwarn):
    edits = workings.EditList("Mike is", None, (), "gpt2")
    with pytest.warns(UserWarning, match="made in 'gpt2' and are used in 'tiny'"):
        edits.trace(model)
    for name in (None, "tiny"):
        workings.EditList("Mike is", None, (), name).trace(model)
    assert not recwarn.list


def test_a_file_that_begins_with_a_byte_order_mark_is_read(tmp_path):
    given = {"model": None, "prompt": "Größe", "ids": None, "edits": [SILENCED]}
    path = tmp_path / "edits.json"
    path.write_text(json.dumps(given), encoding="utf-8-sig")
    assert workings.load_edits(path) == workings.EditList.from_dict(given)


@pytest.mark.parametrize("edit", [{"add": 0.0}, {"scale": 1.0}, {"add": [0.0] * 12}])
@pytest.mark.parametrize("table", ["blocks.0.resid_post", "blocks.0.mlp_out", "blocks.1.attn.q"])
def test_edits_that_change_nothing_are_allowed_everywhere(model, tmp_path, table, edit):
    index = [1, ":"] if "attn" not in table else [0, 1, ":"]
    if "attn" in table and isinstance(edit.get("add"), list):
        edit = {"add": 0.0}
    edits = workings.EditList.from_dict({"prompt": "Mike is", "edits": [{"table": table, "index": index, **edit}]})
    trace = edits.trace(model)
    np.testing.assert_array_equal(trace["logits"], model.trace("Mike is")["logits"])
    operations = Operations.of(trace, 16)
    assert (operations.pushed, operations.switches) == (None, {})


def test_what_is_added_and_taken_away_again_leaves_the_page_surgery_as_it_is(model):
    there_and_back = [{"table": "blocks.0.resid_post", "index": [1, ":"], "add": amount} for amount in (2.0, -2.0)]
    trace = workings.EditList.from_dict({"prompt": "Mike is", "edits": there_and_back}).trace(model)
    assert Operations.of(trace, 16).pushed is None


@pytest.mark.parametrize(
    ("held", "said"),
    [
        (None, "null came"),
        (True, "true came"),
        ({"prompt": None}, "null and null came"),
        ({"edits": [{"table": "embed", "index": [None, False], "value": 1}]}, r"\[null, false\] came"),
    ],
)
def test_what_is_wrong_is_told_in_the_words_of_the_file(held, said):
    with pytest.raises(InputError, match=said):
        workings.EditList.from_dict(held)

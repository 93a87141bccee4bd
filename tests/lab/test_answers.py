"""Every answer of the lab is what the Python API says."""

from __future__ import annotations

import gc
import io
import json
import re

import numpy as np
import openpyxl
import pytest
from visitors import visiting

import workings
from workings.anatomy.logit_lens import draw_logit_lens, lens_name
from workings.engine.evaluation import Evaluation
from workings.engine.trace import Trace

PROMPT = "Mike is quick. He"
EDITS = [
    {"table": "blocks.0.resid_post", "index": [2, ":"], "scale": 0.0, "on": True},
    {"table": "blocks.1.attn.pattern", "index": [1, "1:", 0], "value": 0.25, "on": True},
]


@pytest.fixture(scope="module")
def trace(model):
    return model.trace(PROMPT)


@pytest.fixture(scope="module")
def edited(trace):
    new = trace.edit("blocks.0.resid_post", (2, slice(None)), scale=0.0)
    return new.edit("blocks.1.attn.pattern", (1, slice(1, None), 0), value=0.25)


@pytest.fixture(scope="module")
def plain(visitor):
    return visitor.open(PROMPT)


@pytest.fixture(scope="module")
def changed(visitor):
    return visitor.open(PROMPT, edits=EDITS)


def shares(entries):
    return {entry["id"]: entry["share"] for entry in entries}


def assert_next(entries, trace):
    expected = dict(trace.top_ids(10))
    assert [e["id"] for e in entries] == list(expected)
    np.testing.assert_allclose([e["share"] for e in entries], list(expected.values()), rtol=1e-5)


def test_the_model_is_described(visitor, model, trace):
    document = visitor.json("model")
    assert document["name"] == "tiny"
    assert document["n_parameters"] == model.n_parameters
    assert document["config"]["n_layers"] == 2
    assert document["config"]["d_head"] == 4
    assert document["has_tokenizer"] is True
    assert document["prompt"] == "Mike is"
    assert document["diagram"].startswith("<svg")
    names = [table["name"] for table in document["tables"]]
    assert set(names) >= {"ids", *trace.names()}
    assert [weight["name"] for weight in document["weights"]] == trace.weight_names()
    by_name = {table["name"]: table for table in document["tables"]}
    pattern = by_name["blocks.1.attn.pattern"]
    assert (pattern["axes"], pattern["shape"], pattern["group"]) == (
        ["head", "query pos", "key pos"],
        [3, None, None],
        "Block 1",
    )
    assert by_name["blocks.0.resid_post.lens.logits"]["group"] == "Logit lens"
    assert {table["group"] for table in document["tables"] + document["weights"]} == {
        "Prompt", "Embeddings", "Block 0", "Block 1", "Final norm", "Next token", "Logit lens",
    }  # fmt: skip
    assert all(table["sentence"] for table in document["tables"] + document["weights"])


def test_a_view_reads_the_prompt_and_says_what_comes_next(plain, trace):
    assert [token["id"] for token in plain["tokens"]] == trace.ids.tolist()
    assert [token["text"] for token in plain["tokens"]] == trace.tokens
    assert plain["n_pos"] == len(trace)
    assert plain["before"] is None
    assert_next(plain["next"], trace)


def test_a_view_with_edits_says_before_and_after(changed, trace, edited):
    assert [(told["ok"], told["steers"], told["knocks"]) for told in changed["edits"]] == [
        (True, None, {"by": "zero"}),
        (True, None, None),
    ]
    assert_next(changed["next"], edited)
    assert_next(changed["before"], trace)


def test_the_same_view_has_the_same_number_and_another_another(visitor, plain, changed):
    assert visitor.open(PROMPT)["id"] == plain["id"]
    assert re.fullmatch("[0-9a-f]{16}", plain["id"])
    off = [{**edit, "on": False} for edit in EDITS]
    assert len({plain["id"], changed["id"], visitor.open(PROMPT, edits=off)["id"]}) == 3


def test_edits_that_are_off_are_kept_but_not_in_force(visitor, trace):
    off = visitor.open(PROMPT, edits=[{**edit, "on": False} for edit in EDITS])
    assert off["before"] is None
    assert_next(off["next"], trace)
    assert len(visitor.json("edits.json", view=off["id"])["edits"]) == 2


def test_an_edit_that_cannot_be_is_told_and_the_others_are_in_force(visitor, edited):
    wrong = [
        {"table": "nothing", "index": [1], "value": 1.0},
        {"table": "embed", "index": [99, 0], "value": 1.0},
        {"table": "embed", "index": [0, ":"], "value": [1.0, 2.0]},
        {"table": "embed", "index": [0, 0], "value": 1e39},
    ]
    found = visitor.open(PROMPT, edits=[wrong[0], EDITS[0], wrong[1], wrong[2], EDITS[1], wrong[3]])
    assert [outcome["ok"] for outcome in found["edits"]] == [False, True, False, False, True, False]
    assert "no table named 'nothing'" in found["edits"][0]["error"]
    assert "99" in found["edits"][2]["error"]
    assert_next(found["next"], edited)


def test_ids_can_be_given_and_edited(visitor, model):
    found = visitor.open(ids=[5, 6, 7], edits=[{"table": "ids", "index": [1], "value": 9}])
    assert [token["id"] for token in found["tokens"]] == [5, 9, 7]
    assert_next(found["next"], model.trace([5, 9, 7]))
    half = visitor.open(ids=[5, 6, 7], edits=[{"table": "ids", "index": [1], "value": 9.5}])
    assert half["edits"][0]["ok"] is False


def test_every_table_comes_as_tiles(visitor, changed, edited, trace):
    for name in [*edited.names(), *edited.weight_names()]:
        whole = edited[name] if edited[name].ndim == 3 else edited[name][None]
        before = trace[name] if trace[name].ndim == 3 else trace[name][None]
        for sheet, numbers in enumerate(whole):
            at = {"view": changed["id"], "table": name, "sheet": sheet}
            np.testing.assert_allclose(visitor.array("tile", **at), numbers, rtol=1e-4, atol=1e-5)
            rows, columns = min(len(numbers), 3), max(numbers.shape[1] // 2, 1)
            part = visitor.array("tile", **at, rows=f"1:{rows}" if rows > 1 else ":", columns=f"0:{columns}")
            np.testing.assert_allclose(part, numbers[1 if rows > 1 else 0 : rows, :columns], rtol=1e-4, atol=1e-5)
            np.testing.assert_allclose(visitor.array("changed", **at), before[sheet], rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(visitor.array("tile", view=changed["id"], table="ids")[:, 0], edited.ids)


def test_the_range_of_a_sheet_leaves_masked_scores_out(visitor, plain, trace):
    scores = trace["blocks.0.attn.scores"][1]
    kept = scores[np.tril(np.ones_like(scores, bool))]
    found = visitor.json("range", view=plain["id"], table="blocks.0.attn.scores", sheet=1)
    expected = [kept.min(), kept.max(), np.abs(kept).max()]
    np.testing.assert_allclose([found["min"], found["max"], found["largest"]], expected, rtol=1e-5)


@pytest.mark.parametrize(
    "name",
    [
        "logits",
        "blocks.0.attn.pattern",
        "blocks.1.mlp.post",
        "blocks.0.resid_post",
        "W_E",
        "ids",
        "blocks.0.resid_post.lens.logits",
    ],
)
def test_an_explanation_is_what_the_library_explains(visitor, changed, model, edited, name):
    lensed = Trace(Evaluation(model.program_with(draw_logit_lens), edited.ids, np.dtype("f4")), 48, model.tokenizer)
    for edit in edited.edits:
        lensed = lensed.edit(edit.name, edit.index, **{edit.kind: edit.amount})
    index = [2] * len(lensed.shape(name))
    expected = lensed.explain(name, *index)
    found = visitor.json("explain", view=changed["id"], table=name, index=",".join(map(str, index)))
    assert found["address"] == {"table": name, "index": index}
    assert found["value"] == pytest.approx(expected.value, rel=1e-4, abs=1e-6)
    assert (found["sentence"], found["operation"]) == (expected.sentence, expected.operation)
    assert (found["formula"], found["axes"]) == (expected.formula, list(expected.axes))
    assert found["edits"] == list(expected.edits)
    together = sum(term["value"] for term in found["terms"]) + (found["rest"]["value"] if found["rest"] else 0)
    assert together == pytest.approx(expected.value, rel=1e-3, abs=1e-4)
    for source in found["sources"]:
        again = visitor.get(
            "explain", view=changed["id"], table=source["table"], index=",".join(map(str, source["index"]))
        )
        assert again.status_code == 200


def test_an_explanation_says_what_reads_the_table(visitor, plain):
    def feeds(table, index):
        told = visitor.json("explain", view=plain["id"], table=table, index=index)
        assert all(".lens." in name for name in told["readings"])
        return told["feeds"]

    assert feeds("blocks.0.attn.q", "0,0,0") == ["blocks.0.attn.scores"]
    assert set(feeds("blocks.0.resid_mid", "0,0")) >= {"blocks.0.ln2.mean", "blocks.0.resid_post"}
    assert feeds("blocks.0.attn.W_Q", "0,0,0") == ["blocks.0.attn.q"]
    assert "embed" in feeds("ids", "0")
    assert feeds("probabilities", "0,0") == []


def test_following_what_reads_a_table_leads_from_the_prompt_to_every_other(visitor, plain):
    reached, todo = set(), ["ids"]
    shapes = {t["name"]: len(t["shape"]) for t in visitor.json("model")["tables"]}
    while todo:
        name = todo.pop()
        if name not in reached:
            reached.add(name)
            index = ",".join("0" * shapes[name])
            told = visitor.json("explain", view=plain["id"], table=name, index=index)
            todo += told["feeds"] + told["readings"]
    assert reached == set(shapes)


@pytest.mark.parametrize(
    ("table", "index", "line"),
    [
        ("logits", "2,3", "=SUM(ln_final.normalized[2, :] * W_E[3, :])"),
        ("blocks.1.mlp.pre", "2,3", "=SUM(ln2.normalized[2, :] * W_in[:, 3]) + b_in[0, 3]"),
        ("blocks.1.resid_mid", "-1,3", None),
        ("blocks.0.resid_post", "2,3", "=(resid_mid[2, 3] + mlp_out[2, 3]) * 0"),
        ("blocks.1.attn.pattern", "1,1,0", "=0.25"),
        ("blocks.0.ln1.mean", "1,0", "=AVERAGE(resid_pre[1, :])"),
        ("blocks.0.attn_out", "1,2", "=SUM(attn.z[:, 1, :] * attn.W_O[:, 2]) + attn.b_O[0, 2]"),
        ("ids", "0", None),
    ],
)
def test_the_formula_bar_has_one_short_line(visitor, changed, table, index, line):
    found = visitor.json("formula", view=changed["id"], table=table, index=index)["formula"]
    assert "\n" not in found
    assert line is None or found.replace("blocks.1.", "").replace("blocks.0.", "") == line.replace(
        "blocks.1.", ""
    ).replace("blocks.0.", "")


def test_every_number_has_a_formula_and_an_explanation(visitor, changed):
    document = visitor.json("model")
    for table in document["tables"] + document["weights"]:
        index = ",".join("0" * len(table["axes"]))
        assert visitor.json("formula", view=changed["id"], table=table["name"], index=index)["formula"]
        assert visitor.json("explain", view=changed["id"], table=table["name"], index=index)["formula"]


def test_labels_are_the_vocabulary(visitor, model):
    labels = visitor.json("labels", axis="d_vocab", **{"from": 250, "to": 9999})["labels"]
    texts = model.tokenizer.token_strings(range(250, model.config.d_vocab))
    assert labels == [text.replace(" ", "␣") for text in texts]


def test_attention_comes_whole(visitor, changed, edited):
    answer = visitor.get("attention", view=changed["id"], block=1)
    heads, positions = int(answer.headers["x-heads"]), int(answer.headers["x-positions"])
    found = np.frombuffer(answer.content, "<f4").reshape(heads, positions, positions)
    np.testing.assert_allclose(found, edited["blocks.1.attn.pattern"], rtol=1e-4, atol=1e-6)


def lens_numbers(model, edited):
    trace = Trace(Evaluation(model.program_with(draw_logit_lens), edited.ids, np.dtype("f4")), 48)
    for edit in edited.edits:
        trace = trace.edit(edit.name, edit.index, **{edit.kind: edit.amount})
    for block in range(2):
        scores = trace[lens_name(f"blocks.{block}.resid_post")].astype("f8")
        raised = np.exp(scores - scores.max(-1, keepdims=True))
        yield raised / raised.sum(-1, keepdims=True)


def test_the_lens_is_the_likeliest_token_after_every_block(visitor, changed, model, edited):
    found = visitor.json("lens", view=changed["id"])
    assert found["blocks"] == ["blocks.0.resid_post", "blocks.1.resid_post"]
    for block, expected in enumerate(lens_numbers(model, edited)):
        assert [cell["id"] for cell in found["cells"][block]] == expected.argmax(-1).tolist()
        np.testing.assert_allclose([cell["share"] for cell in found["cells"][block]], expected.max(-1), rtol=1e-4)
        for which in (block, f"blocks.{block}.resid_post"):
            row = visitor.json("lens/cell", view=changed["id"], block=which, position=3)["next"]
            assert len(row) == 10
            np.testing.assert_allclose([e["share"] for e in row], np.sort(expected[3])[::-1][:10], rtol=1e-4)
    assert visitor.json("lens", view=changed["id"]) == found


def test_merges_are_as_the_command_line_has_them(visitor, model):
    found = visitor.json("merges", text="Mike is")
    assert found["ids"] == model.tokenizer.encode("Mike is")
    assert [word["text"] for word in found["words"]] == [word.text for word in model.tokenizer.merges("Mike is").words]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("blocks.1.attn.pattern", "blocks.1.attn.pattern"),
        ("pattern", "blocks.0.attn.pattern"),
        ("1 mlp post", "blocks.1.mlp.post"),
        ("W_E", "W_E"),
        ("logits", "logits"),
        ("patern", "blocks.0.attn.pattern"),
    ],
)
def test_search_finds_the_best_name_first(visitor, text, first):
    assert visitor.json("find", text=text)["found"][0]["name"] == first


def test_search_for_nothing_that_is_there_finds_nothing(visitor):
    assert visitor.json("find", text="xyzzy qwert")["found"] == []


def test_saved_edits_do_the_same_in_python(visitor, changed, model, edited, tmp_path):
    answer = visitor.get("edits.json", view=changed["id"])
    assert "attachment" in answer.headers["content-disposition"]
    (tmp_path / "edits.json").write_bytes(answer.content)
    again = workings.load_edits(tmp_path / "edits.json").trace(model)
    np.testing.assert_array_equal(again["logits"], edited["logits"])
    opened = visitor.post(json.loads(answer.content))
    assert opened.json()["id"] == changed["id"]


def test_the_workbook_holds_edited_tables(visitor, changed, edited):
    answer = visitor.get("export.xlsx", view=changed["id"])
    assert answer.status_code == 200
    book = openpyxl.load_workbook(io.BytesIO(answer.content), data_only=True)
    said = [row[0] for row in book["Edits"].iter_rows(values_only=True, max_col=1)]
    assert "blocks.1.attn.pattern[1, 1:, 0] is set to 0.25" in said
    page, cells = next(iter(book.defined_names["logits"].destinations))
    found = np.array([[cell.value for cell in row] for row in book[page][cells]])[:, : len(edited)]
    np.testing.assert_allclose(found.T, edited["logits"], rtol=1e-4, atol=1e-5)


def test_the_workbook_holds_edited_weights_and_ids(visitor):
    ids = [5, 6, 7]
    edits = [{"table": "W_E", "index": [":", 0], "add": 1.0}, {"table": "ids", "index": [1], "value": 9}]
    view = visitor.open(ids=ids, edits=edits)["id"]
    answer = visitor.get("export.xlsx", view=view, max_tokens=4)
    assert answer.status_code == 200
    assert 'filename="tiny.xlsx"' in answer.headers["content-disposition"]
    book = openpyxl.load_workbook(io.BytesIO(answer.content), read_only=True)
    assert "Prompt" in book.sheetnames
    assert int(answer.headers["content-length"]) == len(answer.content)
    assert visitor.get("export.xlsx", view=view, max_tokens=2).status_code == 400
    assert visitor.get("export.xlsx", view=view, max_tokens=0).status_code == 400


def test_workbooks_are_written_one_at_a_time_and_leave_nothing_behind(visitor, tmp_path, monkeypatch):
    import tempfile

    from workings.lab import workbook

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    view = visitor.open(ids=[5, 6, 7])["id"]
    with workbook._one_at_a_time:
        refused = visitor.get("export.xlsx", view=view)
        assert (refused.status_code, refused.json()["kind"]) == (413, "limit")
    assert visitor.get("export.xlsx", view=view, max_tokens=4).status_code == 200
    assert visitor.get("export.xlsx", view=view, max_tokens=999).status_code == 400
    gc.collect()
    assert list(tmp_path.iterdir()) == []


def test_a_model_without_a_tokenizer_takes_ids_and_shows_numbers(wordless):
    with visiting(wordless) as visitor:
        view = visitor.open(ids=[3, 1, 2])
        assert [token["readable"] for token in view["tokens"]] == ["3", "1", "2"]
        assert visitor.get("merges", text="Mike").status_code == 404
        assert visitor.post({"prompt": "Mike"}).status_code == 400
        assert visitor.json("model")["has_tokenizer"] is False
        assert visitor.json("labels", axis="d_vocab", **{"from": 2, "to": 4})["labels"] == ["2", "3"]
        assert visitor.get("write", view=view["id"], most=2).status_code == 200
        assert visitor.get("report.html", view=view["id"]).status_code == 200


def test_the_lens_of_some_positions_is_a_part_of_the_whole(visitor):
    view = visitor.open("Mike is a chef")["id"]
    whole = visitor.json("lens", view=view)
    part = visitor.json("lens", view=view, positions="1:3")
    assert (whole["first"], part["first"]) == (0, 1)
    assert part["cells"] == [cells[1:3] for cells in whole["cells"]]
    assert visitor.get("lens", view=view, positions="900:").status_code == 400

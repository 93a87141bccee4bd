"""What heads do and knocking out, over HTTP: what the library finds, and the very edits that it makes."""

from __future__ import annotations

import json

import numpy as np
import pytest
from visitors import visiting

import workings
from tiny import Tiny, model_of
from workings import EditList
from workings.anatomy.heads import KINDS, MEANINGS
from workings.lab import heads as heads_of_the_lab

PROMPT = "Mike is quick. He"


@pytest.fixture(scope="module")
def view(visitor):
    return visitor.open(PROMPT)["id"]


def read(model, prompt=PROMPT):
    """A trace that has said what comes next, as the lab's has before anything else is asked."""
    trace = model.trace(prompt)
    trace.rows("probabilities", -1)
    return trace


# What heads do


def test_the_scores_are_the_librarys_in_its_words(visitor, model):
    found, told = workings.head_scores(model), visitor.json("heads")
    assert told["measured"] == found.measured()
    assert {kind["name"]: kind["scores"] for kind in told["kinds"]} == {k: t.tolist() for k, t in found.scores.items()}
    assert {kind["name"]: (kind["looks"], kind["meaning"]) for kind in told["kinds"]} == {
        kind: (KINDS[kind], MEANINGS[kind]) for kind in KINDS
    }
    assert told["heads"] == [
        [{"kind": found.kind_of(b, h), "said": found.sentence(b, h)} for h in range(model.config.n_heads)]
        for b in range(model.config.n_layers)
    ]


def test_they_are_worked_out_once_and_no_view_has_to_be_open(model, monkeypatch):
    asked = []
    monkeypatch.setattr(heads_of_the_lab, "head_scores", lambda model: asked.append(1) or workings.head_scores(model))
    with visiting(model) as visitor:
        assert visitor.json("heads") == visitor.json("heads")
    assert asked == [1]


def test_a_model_that_reads_too_little_for_it_is_told_in_plain_words():
    with visiting(model_of(Tiny(n_ctx=5))) as visitor:
        answer = visitor.get("heads")
    assert answer.status_code == 400
    assert "at least 3 tokens that come twice" in answer.json()["error"] and "up to 5 tokens" in answer.json()["error"]


def test_the_strongest_looks_are_the_librarys_of_the_prompt_or_of_a_block_with_the_edits(visitor, model, view):
    trace = model.trace(PROMPT)
    for asked, want in (
        ({"most": 5}, workings.looks(trace, 5)),
        ({"most": 3, "block": 1}, workings.looks(trace, 3, 1)),
    ):
        told = visitor.json("looks", view=view, **asked)["looks"]
        assert [look["sentence"] for look in told] == [str(look) for look in want]
        assert [(look["block"], look["head"], look["position"]) for look in told] == [
            (*look.place, look.position) for look in want
        ]
    edit = {"table": "blocks.1.attn.pattern", "index": [2, 3, ":"], "value": [0, 0.25, 0.75, 0], "on": True}
    padded = {**edit, "value": edit["value"] + [0.0] * (len(trace) - 4)}
    first = visitor.json("looks", view=visitor.open(PROMPT, edits=[padded])["id"], block=1, most=100)["looks"]
    assert any(look["share"] == 0.75 and look["position"] == 3 and look["head"] == 2 for look in first)


# Knocking out


@pytest.mark.parametrize("by", ["zero", "mean"])
@pytest.mark.parametrize("positions", [None, 2, slice(1, None), slice(1, 3)])
@pytest.mark.parametrize(
    ("table", "head"),
    [("blocks.1.attn.z", 2), ("blocks.0.attn.v", None), ("blocks.0.mlp_out", None), ("blocks.1.resid_post", None)],
)
def test_the_edit_is_that_of_knock_out_bit_by_bit(visitor, model, view, table, head, positions, by):
    told = {"head": head, "positions": _span(positions)}
    told = {name: one for name, one in told.items() if one is not None}
    edit = visitor.json("knockout", view=view, table=table, by=by, **told)["edit"]
    want = workings.knock_out(read(model), table, head, positions, by)
    assert len(want.edits) == 1
    saved = EditList.of(want).edits[0]
    assert (edit["table"], tuple(edit["index"]), edit["on"]) == (table, saved.index, True)
    assert np.array_equal(np.float32(edit["value"]), np.float32(saved.amount))
    assert by == "zero" or np.shape(edit["value"])[-2] == 1  # one row, wherever it stands
    base = read(model)
    assert len(base[table])
    got = EditList.from_dict(json.loads(json.dumps({"edits": [edit]}))).apply(base)
    assert np.array_equal(got["logits"], want["logits"])
    opened = visitor.open(PROMPT, edits=[edit])
    assert [guess["share"] for guess in opened["next"][:5]] == pytest.approx([p for _, p in want.top_ids(5)], rel=1e-5)


def _span(positions):
    if not isinstance(positions, slice):
        return positions
    return f"{positions.start}:{'' if positions.stop is None else positions.stop}"


def test_edits_before_it_count_and_what_it_takes_the_place_of_does_not(visitor, model, view):
    first = visitor.json("knockout", view=view, table="blocks.0.mlp_out", by="mean")["edit"]
    zero = visitor.json("knockout", view=view, table="blocks.1.attn.z", head=1)["edit"]
    both = visitor.open(PROMPT, edits=[first, zero])["id"]
    told = visitor.json("knockout", view=both, table="blocks.1.attn.z", head=1, by="mean")["edit"]
    before = workings.knock_out(read(model), "blocks.0.mlp_out", by="mean")
    want = EditList.of(workings.knock_out(before, "blocks.1.attn.z", head=1, by="mean")).edits[-1]
    assert np.allclose(told["value"], want.amount, rtol=1e-5, atol=1e-7) and np.any(told["value"])
    scaled = {"table": "blocks.1.attn.z", "index": [1, ":", ":"], "scale": 0}
    silenced = visitor.open(PROMPT, edits=[first, scaled])["id"]
    again = visitor.json("knockout", view=silenced, table="blocks.1.attn.z", head=1, by="mean")["edit"]
    assert np.allclose(again["value"], want.amount, rtol=1e-5, atol=1e-7)


def test_it_is_saved_and_loaded_with_the_view(visitor, view):
    edit = visitor.json("knockout", view=view, table="blocks.1.mlp_out", by="mean")["edit"]
    opened = visitor.open(PROMPT, edits=[edit])
    saved = visitor.get("edits.json", view=opened["id"]).json()
    again = visitor.post(saved).json()
    assert again["id"] == opened["id"] and again["next"] == opened["next"] != opened["before"]


OTHER = "He is quick. He"


@pytest.mark.parametrize(("positions", "span"), [(None, None), (2, "2"), (slice(1, None), "1:"), (slice(1, 3), "1:3")])
@pytest.mark.parametrize(
    ("table", "head"),
    [("blocks.1.attn.z", 2), ("blocks.1.attn.v", None), ("blocks.0.mlp_out", None), ("blocks.1.attn.pattern", 1)],
)
def test_numbers_of_another_sentence_are_those_of_knock_out_bit_by_bit(
    visitor, model, view, table, head, positions, span
):
    part = {name: one for name, one in (("head", head), ("positions", span)) if one is not None}
    edit = visitor.json("knockout", view=view, table=table, by="other", other=OTHER, **part)["edit"]
    want = workings.knock_out(read(model), table, head, positions, by=model.trace(OTHER))
    (saved,) = EditList.of(want).edits
    assert (edit["table"], tuple(edit["index"]), edit["on"]) == (table, saved.index, True)
    assert np.array_equal(np.float32(edit["value"]), np.float32(saved.amount))
    opened = visitor.open(PROMPT, edits=[edit])
    assert [guess["share"] for guess in opened["next"][:5]] == pytest.approx([p for _, p in want.top_ids(5)], rel=1e-5)
    assert opened["edits"][0]["ok"]


def test_the_edits_are_in_force_in_the_other_sentence_too(visitor, model, view):
    first = visitor.json("knockout", view=view, table="blocks.0.mlp_out")["edit"]
    edited = visitor.open(PROMPT, edits=[first])["id"]
    told = visitor.json("knockout", view=edited, table="blocks.1.attn.z", head=1, by="other", other=OTHER)["edit"]
    pair = [workings.knock_out(model.trace(text), "blocks.0.mlp_out") for text in (PROMPT, OTHER)]
    want = EditList.of(workings.knock_out(pair[0], "blocks.1.attn.z", head=1, by=pair[1])).edits[-1]
    assert np.array_equal(np.float32(told["value"]), np.float32(want.amount))


def test_numbers_of_another_sentence_take_the_place_of_what_was_set_there_and_the_other_way_round(visitor, view):
    part = {"table": "blocks.1.attn.z", "head": 1}
    made = {
        by: visitor.json("knockout", view=view, by=by, other=OTHER, **part)["edit"] for by in ("zero", "mean", "other")
    }
    for by, other in (("other", "zero"), ("other", "mean"), ("mean", "other")):
        out = visitor.open(PROMPT, edits=[made[other]])["id"]
        again = visitor.json("knockout", view=out, by=by, other=OTHER, **part)["edit"]
        assert np.allclose(again["value"], made[by]["value"], rtol=1e-5, atol=1e-7)


def test_a_pattern_of_another_sentence_takes_the_place_of_the_one_that_was_set_there(visitor, model, view):
    table, third = "blocks.1.attn.pattern", "Mike is quick. is"
    asked = {"table": table, "head": 1, "by": "other"}
    first = visitor.json("knockout", view=view, other=OTHER, **asked)["edit"]
    assert first["index"] == [1, "0:5", "0:5"]
    edited = visitor.open(PROMPT, edits=[first])["id"]
    again = visitor.json("knockout", view=edited, other=third, **asked)["edit"]
    assert np.array_equal(np.float32(again["value"]), model.trace(third)[table][1])


def test_a_model_without_tokenizer_takes_the_ids_of_another_sentence(wordless):
    with visiting(wordless) as visitor:
        view = visitor.open(ids=[3, 1, 2])["id"]
        asked = {"view": view, "table": "blocks.0.attn.z", "head": 1, "by": "other"}
        told = visitor.json("knockout", other="4, 5 6", **asked)["edit"]
        answer = visitor.get("knockout", other="Anna", **asked)
    want = workings.knock_out(wordless.trace([3, 1, 2]), "blocks.0.attn.z", head=1, by=wordless.trace([4, 5, 6]))
    assert np.array_equal(np.float32(told["value"]), np.float32(EditList.of(want).edits[0].amount))
    assert answer.status_code == 400 and "token ids, such as 3,1,2" in answer.json()["error"]


@pytest.mark.parametrize(
    ("asked", "status", "said"),
    [
        ({}, 400, "needs other="),
        ({"other": ""}, 400, "the prompt is empty"),
        ({"other": "Mike is"}, 400, "the other sentence has 2 tokens, and yours has 5; both need as many"),
        ({"other": "quick " * 400}, 400, "reads at most"),
        ({"other": "x" * 20_001}, 413, "at most 20,000 characters"),
        ({"other": PROMPT}, 400, "would change nothing"),
        ({"other": "Mike is quick. is", "positions": "0:3"}, 400, "would change nothing"),
        ({"other": OTHER, "table": "W_E"}, 400, "no rows of tokens"),
    ],
)
def test_another_sentence_that_does_not_fit_is_refused_in_plain_words(visitor, view, asked, status, said):
    answer = visitor.get("knockout", **{"view": view, "table": "blocks.1.mlp_out", "by": "other", **asked})
    assert answer.status_code == status and said in answer.json()["error"]


def test_more_numbers_of_another_sentence_than_an_address_holds_are_said_so(visitor, view, model, monkeypatch):
    from workings.lab import knocking_out

    monkeypatch.setattr(knocking_out, "MOST_VALUES", 5 * model.config.d_model - 1)
    asked = {"view": view, "table": "blocks.0.mlp_out", "by": "other", "other": OTHER}
    answer = visitor.get("knockout", **asked)
    assert answer.status_code == 413 and "one head or one row" in answer.json()["error"]
    assert visitor.get("knockout", positions=2, **asked).status_code == 200


@pytest.mark.parametrize("by", ["zero", "mean"])
def test_what_is_knocked_out_already_is_said_to_change_nothing(visitor, view, by):
    edit = visitor.json("knockout", view=view, table="blocks.1.attn.z", head=0, by=by)["edit"]
    out = visitor.open(PROMPT, edits=[edit])["id"]
    answer = visitor.get("knockout", view=out, table="blocks.1.attn.z", head=0, by=by)
    assert answer.status_code == 400 and answer.json()["error"] == (
        f"head 0 of blocks.1.attn.z is knocked out already, by {'zero' if by == 'zero' else 'its mean'}; doing it again would change nothing"
    )


def test_the_same_other_sentence_twice_is_said_to_change_nothing(visitor, view):
    asked = {"table": "blocks.1.attn.z", "head": 0, "by": "other", "other": OTHER}
    edit = visitor.json("knockout", view=view, **asked)["edit"]
    answer = visitor.get("knockout", view=visitor.open(PROMPT, edits=[edit])["id"], **asked)
    assert (
        answer.status_code == 400
        and "knocked out already, by these numbers of another sentence" in answer.json()["error"]
    )


def test_the_view_says_of_every_edit_by_what_it_knocks_out(visitor, view):
    def asked(table, by, **part):
        return visitor.json("knockout", view=view, table=table, by=by, **part)["edit"]

    head, mlp = asked("blocks.1.attn.z", "mean", head=1), asked("blocks.0.mlp_out", "mean", positions="1:")
    zero, whole = asked("blocks.1.attn.z", "zero", head=1), asked("blocks.1.attn.z", "mean")
    silent = {"table": "blocks.1.attn.z", "index": [1], "scale": 0}
    single = {"table": "blocks.1.mlp_out", "index": [2, 0], "value": 0}
    wrong = {**mlp, "value": [[*mlp["value"][0][:-1], mlp["value"][0][-1] + 0.01]]}
    pasted = {**mlp, "index": [2, ":"], "value": mlp["value"][0]}
    unknown = {**mlp, "table": "tomato"}

    def told(edits, prompt=PROMPT):
        found = [one["knocks"] for one in visitor.open(prompt, edits=edits)["edits"]]
        return [one and one["by"] for one in found]

    cases = [(head, "mean"), (mlp, "mean"), (whole, "mean"), (zero, "zero"), (silent, "zero"), (wrong, "other"),
             (single, None), (pasted, None), (unknown, None)]  # fmt: skip
    for edit, by in cases:
        assert told([edit]) == told([{**edit, "on": False}]) == [by]
    assert told([head, mlp, zero], "Mike is slow. He ran") == ["other", "other", "zero"]
    later = visitor.json(
        "knockout", view=visitor.open(PROMPT, edits=[mlp])["id"], table="blocks.1.attn.z", head=1, by="mean"
    )
    assert told([mlp, later["edit"]]) == ["mean", "mean"] and told([later["edit"]]) == ["other"]
    assert told([head, mlp]) == ["mean", "mean"]  # what is changed after it does not make it another


@pytest.mark.parametrize(
    ("asked", "status", "said"),
    [
        ({"table": "blocks.0.attn.z", "head": 99}, 400, "has the heads 0 to"),
        ({"table": "blocks.0.attn.z", "head": "x"}, 400, "whole number"),
        ({"table": "blocks.0.mlp_out", "head": 0}, 400, "has no heads"),
        ({"table": "blocks.0.mlp_out", "positions": 99}, 400, "whole number from 0"),
        ({"table": "blocks.0.mlp_out", "positions": "5:3"}, 400, "name no row"),
        ({"table": "blocks.0.mlp_out", "by": "median"}, 400, "zero or mean"),
        ({"table": "blocks.0.attn.pattern", "by": "mean"}, 400, "has no mean"),
        ({"table": "W_E"}, 400, "no rows of tokens"),
        ({"table": "tomato"}, 400, "tomato"),
        ({}, 400, "needs table="),
    ],
)
def test_what_cannot_be_knocked_out_is_refused_in_plain_words(visitor, view, asked, status, said):
    answer = visitor.get("knockout", view=view, **asked)
    assert answer.status_code == status and said in answer.json()["error"]


def test_a_row_that_is_too_long_for_the_address_is_said_so_and_768_numbers_fit(visitor, model, view, monkeypatch):
    from workings.lab import knocking_out

    assert knocking_out.MOST_VALUES >= 768
    monkeypatch.setattr(knocking_out, "MOST_VALUES", model.config.d_model - 1)
    answer = visitor.get("knockout", view=view, table="blocks.0.mlp_out", by="mean")
    assert answer.status_code == 413
    assert f"{model.config.d_model} numbers" in answer.json()["error"] and "by zero" in answer.json()["error"]
    assert visitor.get("knockout", view=view, table="blocks.0.mlp_out", by="zero").status_code == 200


def test_a_mean_that_is_no_number_is_refused(visitor):
    broken = visitor.open(PROMPT, edits=[{"table": "blocks.0.ln1.scale", "index": [0], "value": 0}])["id"]
    answer = visitor.get("knockout", view=broken, table="blocks.0.mlp_out", by="mean")
    assert answer.status_code == 400 and "holds NaN or infinity" in answer.json()["error"]

"""Where a score comes from, and what matters: what is told over HTTP is what the library finds."""

from __future__ import annotations

import json
import threading
import time
from itertools import pairwise
from urllib.parse import urlencode

import httpx2
import numpy as np
import pytest
from test_abandoned import Leaver, at_rest, until
from test_writing_on import events
from visitors import serving

import workings
from workings.anatomy import contrast
from workings.anatomy.attribution_patching import attribution_patching
from workings.lab import patches, sweeps

PROMPT, OTHER = "Mike is quick. He", "Mike is quick? He"
TOKEN, AGAINST = 65, 66


@pytest.fixture(scope="module")
def view(visitor):
    return visitor.open(PROMPT)["id"]


# Where it comes from


def test_the_bars_are_the_parts_that_the_library_finds(visitor, model, view):
    found = workings.attribution(model.trace(PROMPT), TOKEN, AGAINST)
    told = visitor.json("attribution", view=view, token=TOKEN, against=AGAINST)
    assert told["total"] == pytest.approx(found.total, rel=1e-5)
    assert told["asked"] == found.asked and told["meaning"]
    assert [part["name"] for part in told["parts"]] == [part.name for part in found.parts]
    for part in told["parts"]:
        assert part["value"] == pytest.approx(found[part["name"]].value, abs=1e-5)
        assert part["opens"] == len(found[part["name"]].parts)


def test_each_bar_begins_where_the_last_one_ended_and_the_last_ends_at_the_score(visitor, view):
    told = visitor.json("attribution", view=view)
    bars = told["parts"] + ([told["rest"]] if told["rest"] else [])
    assert bars[0]["from"] == 0
    assert all(one["to"] == two["from"] for one, two in pairwise(bars))
    assert all(bar["to"] - bar["from"] == pytest.approx(bar["value"], abs=1e-9) for bar in bars)
    assert bars[-1]["to"] == pytest.approx(told["total"], abs=1e-4)
    assert told["low"] == min(0, *(bar["to"] for bar in bars)) and told["high"] == max(0, *(bar["to"] for bar in bars))


def test_a_part_opens_into_what_it_is_made_of(visitor, model, view):
    found = workings.attribution(model.trace(PROMPT), TOKEN)
    told = visitor.json("attribution", view=view, token=TOKEN, part="L1H2")
    assert {part["name"] for part in told["parts"]} == {part.name for part in found["L1H2"].parts}
    assert told["total"] == pytest.approx(found["L1H2"].value, abs=1e-5)
    neurons = visitor.json("attribution", view=view, token=TOKEN, part="0_mlp_out")["parts"]
    sizes = [abs(part["value"]) for part in neurons]
    assert sizes == sorted(sizes, reverse=True)


def test_every_bar_leads_to_a_cell_that_there_is(visitor, view):
    told = visitor.json("attribution", view=view)
    for part in told["parts"]:
        table, index = part["address"]["table"], part["address"]["index"]
        assert visitor.get("explain", view=view, table=table, index=",".join(map(str, index))).status_code == 200, part


def test_many_parts_are_told_as_the_largest_and_the_rest(visitor, view, monkeypatch):
    whole = visitor.json("attribution", view=view)
    monkeypatch.setattr("workings.lab.reasons.MOST_PARTS", 3)
    told = visitor.json("attribution", view=view, order="size")
    sizes = sorted((abs(part["value"]) for part in whole["parts"]), reverse=True)
    assert [abs(part["value"]) for part in told["parts"]] == pytest.approx(sizes[:3])
    assert told["rest"]["count"] == len(sizes) - 3
    assert told["rest"]["to"] == pytest.approx(told["total"], abs=1e-4)


def test_edits_count(visitor, model):
    edit = {"table": "blocks.0.attn.z", "index": [1, ":", ":"], "scale": 0}
    edited = visitor.open(PROMPT, edits=[edit])["id"]
    told = visitor.json("attribution", view=edited, token=TOKEN)
    parts = {part["name"]: part["value"] for part in told["parts"]}
    assert parts["L0H1"] == 0
    trace = model.trace(PROMPT).edit("blocks.0.attn.z", (1, slice(None), slice(None)), scale=0)
    assert told["total"] == pytest.approx(workings.attribution(trace, TOKEN).total, rel=1e-5)


def test_a_head_that_was_edited_opens_into_what_adds_up(visitor):
    edit = {"table": "blocks.0.attn.z", "index": [1, ":", ":"], "value": 0.25}
    edited = visitor.open(PROMPT, edits=[edit])["id"]
    told = visitor.json("attribution", view=edited, token=TOKEN, part="L0H1")
    assert [part["said"] for part in told["parts"]] == ["Your edit of blocks.0.attn.z"]
    assert told["parts"][0]["to"] == pytest.approx(told["total"], abs=1e-5)
    assert told["parts"][0]["address"] == {"table": "blocks.0.attn.z", "index": [1, 4, 0]}


@pytest.mark.parametrize(
    ("typed", "taken"), [("␣is", " is"), ("is", " is"), ('"i"', "i"), ('"is"', "is"), ("␣nowhere", " nowhere")]
)
def test_a_word_is_taken_as_chips_spell_it(visitor, model, view, typed, taken):
    answer = visitor.get("attribution", view=view, token=typed)
    if model.tokenizer.token_id(taken) is not None:
        assert answer.json()["token"]["text"] == taken
    else:
        assert 'in quotes, "a", exactly what they hold' in answer.json()["error"]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"token": "notaword"}, "is not one token"),
        ({"against": "999999"}, "is not one token"),
        ({"token": TOKEN, "against": TOKEN}, "the token and the one against it are both"),
        ({"position": 99}, "there is no position 99"),
        ({"position": "x"}, "whole number"),
        ({"part": "L9H9"}, "no part is named L9H9"),
        ({"part": "embed"}, "not made of other parts"),
        ({"order": "colour"}, "model or size"),
    ],
)
def test_what_makes_no_sense_is_refused(visitor, view, asked, said):
    answer = visitor.get("attribution", view=view, **asked)
    assert answer.status_code == 400 and said in answer.json()["error"]


def test_a_score_of_numbers_that_overflow_is_refused(visitor):
    edit = {"table": "ln_final.scale", "index": [0], "value": 0}
    view = visitor.open("Mike", edits=[edit])["id"]
    answer = visitor.get("attribution", view=view, position=0)
    assert answer.status_code == 400 and "overflow" in answer.json()["error"]


# What matters


@pytest.mark.parametrize("over", ["resid_pre", "mlp_out", "heads"])
def test_a_sweep_is_the_librarys_with_its_progress(visitor, model, view, over):
    want = workings.patching_sweep(model, PROMPT, OTHER, TOKEN, AGAINST, over)
    *steps, (last, told) = events(
        visitor.get("patching", view=view, other=OTHER, answer=TOKEN, against=AGAINST, over=over)
    )
    assert steps[0] == ("message", {"done": 0, "of": want.values.size})
    assert steps[-1] == ("message", {"done": want.values.size, "of": want.values.size})
    assert last == "done"
    np.testing.assert_allclose(told["values"], want.values, atol=1e-4)
    assert told["tables"] == list(want.tables) and told["by_head"] == want.by_head
    assert (told["best"]["block"], told["best"]["column"]) == want.best(1)[0][:2]


def test_a_patch_that_left_no_number_is_told_as_none_and_is_never_the_best(visitor, model, view, monkeypatch):
    want, whole = workings.patching_sweep(model, PROMPT, OTHER, TOKEN, AGAINST), contrast.Contrast.differences
    block, column, _ = want.best(1)[0]

    def asked(spoil):
        monkeypatch.setattr(contrast.Contrast, "differences", lambda self, traces: spoil(whole(self, traces)))
        query = {"view": view, "other": OTHER, "answer": TOKEN, "against": AGAINST, "over": "resid_pre"}
        return events(visitor.get("patching", **query))[-1][1]

    at = block * want.values.shape[1] + column
    told = asked(lambda found: [float("inf") if i == at else value for i, value in enumerate(found)])
    assert told["effects"][block][column] is None and told["values"][block][column] is None
    assert sum(row.count(None) for row in told["effects"]) == 1
    assert (told["best"]["block"], told["best"]["column"]) == want.best(2)[1][:2]
    assert asked(lambda found: [float("nan")] * len(found))["best"] is None


def test_a_patch_that_leaves_no_number_says_so_in_words(visitor, view, monkeypatch):
    monkeypatch.setattr(contrast.Contrast, "effect", lambda self, shares: shares * float("nan"))
    told = visitor.json(
        "patching/cell", view=view, other=OTHER, answer=TOKEN, against=AGAINST, over="resid_pre", block=0, column=2
    )
    assert "leaves no number: with this patch the two scores overflow" in told["said"]


SILENT = {"table": "blocks.0.attn.z", "index": [1, ":", ":"], "scale": 0}
SCORES = {"table": "blocks.1.attn.scores", "index": [0, 3, 2], "value": 2.5}


def edited(model, prompt):
    """A prompt with both edits in force."""
    trace = model.trace(prompt).edit("blocks.0.attn.z", (1, slice(None), slice(None)), scale=0.0)
    return trace.edit("blocks.1.attn.scores", (0, 3, 2), value=2.5)


@pytest.mark.parametrize("direction", ["denoising", "noising"])
@pytest.mark.parametrize(
    ("into", "mlps"),
    [
        (None, False),
        ("1.2.q", False),
        ("1.2.q", True),
        ("blocks.1.mlp.pre", False),
        ("logits", False),
        ("logits", True),
    ],
)
def test_paths_directions_and_edits_are_the_librarys(visitor, model, into, mlps, direction):
    view = visitor.open(PROMPT, edits=[SILENT, SCORES])["id"]
    pair, words = (edited(model, PROMPT), edited(model, OTHER)), (TOKEN, AGAINST)
    if into is None:
        want = workings.patching_sweep(model, *pair, *words, "values", direction=direction)
    else:
        receiver = ("blocks.1.attn.q", 2) if into == "1.2.q" else into
        want = workings.path_patching_sweep(model, *pair, receiver, *words, direction=direction, through_mlps=mlps)
    query = {"view": view, "other": OTHER, "answer": TOKEN, "against": AGAINST, "direction": direction}
    query |= {"over": "values"} if into is None else {"into": into, "through_mlps": "yes" if mlps else "no"}
    *steps, (last, told) = events(visitor.get("patching", **query))
    assert last == "done" and steps[-1][1]["done"] == want.values.size
    np.testing.assert_allclose(told["values"], want.values, atol=1e-4)
    effects = want.values if direction == "denoising" else 1 - want.values
    np.testing.assert_allclose(told["effects"], effects, atol=1e-4)
    assert told["tables"] == list(want.tables) and told["direction"] == direction
    assert (told["edits_in_force"], told["edits_left_out"], told["edits_refused"]) == (2, 0, [])
    [(block, column, value)] = want.best(1)
    cell = visitor.json("patching/cell", block=block, column=column, **query)
    assert cell["value"] == pytest.approx(value, abs=1e-4)
    assert ("takes away" if direction == "noising" else "brings back") in cell["said"]
    if into == "logits":
        assert cell["patched"] is None and "takes many edits" in cell["why_not"]
        return
    table, before = cell["patched"]["edits"][-1]["table"], want.contrast.base
    changed = np.argwhere(want.trace_of(block, column)[table] != before[table])
    assert cell["lands"] == changed[0].tolist(), "the page goes to a number that the patch changes"
    opened = visitor.post(cell["patched"]).json()
    assert [edit["ok"] for edit in opened["edits"]] == [True] * 3, "the patch comes after the edits"
    shares = want.trace_of(block, column).rows("probabilities", -1)[0]
    for guess in opened["next"]:
        assert guess["share"] == pytest.approx(float(shares[guess["id"]]), abs=1e-5)


def test_an_estimate_goes_by_the_slopes_of_the_edited_model(visitor, model):
    view = visitor.open(PROMPT, edits=[SILENT, SCORES])["id"]
    want = attribution_patching(model, edited(model, PROMPT), edited(model, OTHER), TOKEN, AGAINST, "heads")
    query = {"view": view, "other": OTHER, "answer": TOKEN, "against": AGAINST, "over": "heads"}
    *_, (_, told) = events(visitor.get("patching", method="attribution", **query))
    np.testing.assert_allclose(told["values"], want.values, atol=1e-4)
    assert told["edits_in_force"] == 2


def test_edits_are_left_out_where_that_is_asked_and_what_cannot_be_edited_is_told(visitor, model):
    nowhere = {
        "table": "blocks.0.resid_post.lens.logits",
        "index": [0, 0],
        "value": 1,
    }  # the lab's own, not the model's
    view = visitor.open(PROMPT, edits=[SILENT, nowhere])["id"]
    query = {"view": view, "other": OTHER, "answer": TOKEN, "against": AGAINST, "over": "heads"}
    *_, (_, plain) = events(visitor.get("patching", edits="no", **query))
    want = workings.patching_sweep(model, PROMPT, OTHER, TOKEN, AGAINST, "heads")
    np.testing.assert_allclose(plain["values"], want.values, atol=1e-4)
    assert (plain["edits_in_force"], plain["edits_left_out"]) == (0, 2)
    *_, (_, told) = events(visitor.get("patching", **query))
    assert (told["edits_in_force"], told["edits_left_out"]) == (1, 1)
    assert len(told["edits_refused"]) == 1 and "lens.logits" in told["edits_refused"][0]
    assert told["values"] != plain["values"]


def test_an_estimate_is_the_librarys(visitor, model, view):
    want = attribution_patching(model, PROMPT, OTHER, TOKEN, AGAINST, "heads")
    query = {"view": view, "other": OTHER, "answer": TOKEN, "against": AGAINST, "over": "heads"}
    *_, (_, told) = events(visitor.get("patching", method="attribution", **query))
    np.testing.assert_allclose(told["values"], want.values, atol=1e-4)


@pytest.mark.parametrize("over", ["resid_pre", "heads"])
def test_a_cell_is_opened_as_a_view_that_says_what_the_patch_says(visitor, model, view, over):
    sweep = workings.patching_sweep(model, PROMPT, OTHER, TOKEN, AGAINST, over)
    [(block, column, value)] = sweep.best(1)
    query = {"view": view, "other": OTHER, "answer": TOKEN, "against": AGAINST, "over": over}
    cell = visitor.json("patching/cell", block=block, column=column, **query)
    assert cell["value"] == pytest.approx(value, abs=1e-4)
    opened = visitor.post(cell["patched"]).json()
    assert [told["ok"] for told in opened["edits"]] == [True]
    want = sweep.trace_of(block, column).rows("probabilities", -1)[0]
    for guess in opened["next"]:
        assert guess["share"] == pytest.approx(float(want[guess["id"]]), abs=1e-5)
    assert [guess["id"] for guess in cell["next"]] == [guess["id"] for guess in opened["next"][:3]]


def test_a_cell_of_too_many_numbers_is_not_opened_and_says_so(visitor, view, monkeypatch):
    monkeypatch.setattr(patches, "MOST_VALUES", 5)
    query = {"view": view, "other": OTHER, "answer": TOKEN, "against": AGAINST, "over": "heads"}
    cell = visitor.json("patching/cell", block=0, column=0, **query)
    assert cell["patched"] is None and "up to 5 are opened" in cell["why_not"]


def test_a_cell_that_is_the_same_in_both_is_not_opened_and_says_so(visitor, view):
    query = {"view": view, "other": OTHER, "answer": TOKEN, "against": AGAINST}
    cell = visitor.json("patching/cell", block=0, column=0, **query)
    assert cell["patched"] is None and "the same numbers" in cell["why_not"]
    assert visitor.get("patching/cell", block=0, column=99, **query).status_code == 400


@pytest.mark.parametrize(
    ("asked", "status", "said"),
    [
        ({"other": "Mike"}, 400, "equally many tokens"),
        ({"other": PROMPT}, 400, "nothing to restore"),
        ({"over": "everything"}, 400, "a sweep goes over"),
        ({"method": "guess"}, 400, "patching or attribution"),
        ({"direction": "up"}, 400, "denoising or noising"),
        ({"edits": "some"}, 400, "yes or no"),
        ({"into": "0.0.q"}, 400, "no head comes before"),
        ({"into": "1.9.q"}, 400, "heads 0 to"),
        ({"into": "probabilities"}, 400, "comes after the logits"),
        ({"into": "W_E"}, 400, "no rows of tokens"),
        ({"into": "L1H0.q"}, 400, "BLOCK.HEAD.q"),
        ({"into": "nowhere"}, 400, "nowhere"),
        ({"into": "logits", "over": "mlp_out"}, 400, "paths go from heads"),
        ({"into": "logits", "method": "attribution"}, 400, "tried, not estimated"),
        ({"answer": "notaword"}, 400, "is not one token"),
        ({"other": "a" * 20_001}, 413, "at most 20,000 characters"),
        ({"view": "0" * 16}, 410, "not known"),
    ],
)
def test_a_sweep_that_makes_no_sense_is_refused_before_it_begins(visitor, view, asked, status, said):
    query = {"view": view, "other": OTHER, "answer": TOKEN, "against": AGAINST} | asked
    answer = visitor.get("patching", **query)
    assert answer.status_code == status and said in answer.json()["error"]


def test_a_sweep_beyond_the_limits_is_refused_and_its_estimate_is_not(visitor, view, monkeypatch):
    monkeypatch.setattr(sweeps, "MOST_CELLS", 3)
    query = {"view": view, "other": OTHER, "answer": TOKEN, "against": AGAINST}
    answer = visitor.get("patching", **query)
    assert answer.status_code == 413 and "at most 3 are tried" in answer.json()["error"]
    assert events(visitor.get("patching", method="attribution", **query))[-1][0] == "done"
    monkeypatch.setattr(sweeps, "MOST_TOKENS", 3)
    assert visitor.get("patching", method="attribution", **query).status_code == 413


def test_a_sweep_that_nobody_waits_for_stops_and_holds_nobody_up(model, monkeypatch):
    made: list[int] = []
    answered = threading.Event()
    whole = contrast.Contrast.differences

    def slow(self, traces):
        made.append(len(traces))
        time.sleep(0.1)
        if len(made) > 3:
            answered.wait(60)
        return whole(self, traces)

    monkeypatch.setattr(contrast.Contrast, "differences", slow)
    monkeypatch.setattr(contrast, "MOST_FORKS", 1)
    with serving(model) as home, httpx2.Client(base_url=home, timeout=100) as client:
        leaver = Leaver(client, home)
        query = {"view": leaver.open(PROMPT)["id"], "other": OTHER, "answer": TOKEN, "against": AGAINST}
        with client.stream("GET", f"/api/patching?{urlencode(query)}") as answer:
            lines = answer.iter_lines()  # let go, they would hang up
            n_patches = json.loads(next(lines).removeprefix("data: "))["of"]
            assert until(lambda: len(made) > 2)
            assert leaver.json("lens", view=query["view"])["cells"], "another question is answered meanwhile"
            assert len(made) <= 4
        answered.set()
        assert at_rest(lambda: len(made)) < n_patches
        monkeypatch.undo()
        assert events(leaver.get("patching", **query))[-1][0] == "done"


def test_a_model_without_a_tokenizer_takes_ids(wordless):
    from visitors import visiting

    with visiting(wordless) as visitor:
        view = visitor.open(ids=[3, 1, 2])["id"]
        query = {"view": view, "answer": 5, "against": 6}
        assert events(visitor.get("patching", other="3, 4, 2", **query))[-1][0] == "done"
        assert "token ids" in visitor.get("patching", other="Mike", **query).json()["error"]
        cell = visitor.json("patching/cell", other="3, 4, 2", block=0, column=1, **query)
        assert cell["patched"]["ids"] == [3, 4, 2]
        assert [told["ok"] for told in visitor.post(cell["patched"]).json()["edits"]] == [True]

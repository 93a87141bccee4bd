"""Slopes over HTTP: they are the library's, follow what is asked about, and hold nobody else up."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from test_abandoned import until
from visitors import visiting

import workings
from workings.lab import slopes
from workings.lab.asked import Asker, Query
from workings.lab.keeping import LastFew
from workings.lab.refusals import Abandoned
from workings.lab.slopes import Slopes
from workings.lab.views import Views
from workings.surgery.edit_list import EditList

PROMPT = "Mike is quick. He"
TABLE = "gradient.blocks.1.mlp.post"
TOKEN, AGAINST = 65, 66


@pytest.fixture(scope="module")
def view(visitor):
    return visitor.open(PROMPT)["id"]


@pytest.mark.parametrize("table", [TABLE, "gradient.blocks.0.attn.k", "gradient.embed", "choice.token"])
def test_tiles_and_ranges_of_slopes_are_the_librarys(visitor, model, view, table):
    asked = {"view": view, "table": table, "sheet": 0, "token": TOKEN, "against": AGAINST, "position": 2}
    array = workings.trace_gradient(model, PROMPT, TOKEN, AGAINST, 2)[table]
    sheet = array[0] if array.ndim == 3 else array
    assert np.allclose(visitor.array("tile", **asked), sheet, atol=1e-6)
    told = visitor.json("range", **asked)
    assert (told["min"], told["max"]) == pytest.approx((sheet.min(), sheet.max()), abs=1e-6)
    assert "the score of" in told["slope_of"] and "(position 2)" in told["slope_of"]


def test_a_slope_is_explained_and_has_a_formula(visitor, model, view):
    expected = workings.trace_gradient(model, PROMPT, " is").explain(TABLE, -1, 3)
    place = {"view": view, "table": TABLE, "index": "-1,3", "token": "is"}
    told = visitor.json("explain", **place)
    assert told["value"] == pytest.approx(expected.value, rel=1e-5)
    assert [source["table"] for source in told["sources"]] == [source.name for source in expected.sources]
    assert "gradient.mlp_out[" in visitor.json("formula", **place)["formula"]
    assert told["feeds"] == ["gradient.blocks.1.mlp.pre"]
    assert told["slope_of"].startswith("the score of “is” after")
    plain = visitor.json("explain", view=view, table="blocks.1.mlp.post", index="-1,3")
    assert plain["slope_of"] is None


def test_without_a_word_the_slopes_are_those_of_the_likeliest_after_the_last(visitor, model, view):
    assert np.allclose(
        visitor.array("tile", view=view, table=TABLE), workings.trace_gradient(model, PROMPT)[TABLE], atol=1e-6
    )


def test_edits_stay_in_force_and_changed_gives_the_slopes_without_them(visitor, model):
    edit = {"table": "blocks.0.mlp_out", "index": [1, ":"], "scale": 3.0, "on": True}
    view = visitor.open(PROMPT, edits=[edit])["id"]
    edited = model.trace(PROMPT).edit("blocks.0.mlp_out", (1, slice(None)), scale=3.0)
    asked = {"view": view, "table": TABLE, "token": TOKEN}
    now, before = visitor.array("tile", **asked), visitor.array("changed", **asked)
    assert np.allclose(now, workings.trace_gradient(model, edited, TOKEN)[TABLE], atol=1e-6)
    assert np.allclose(before, workings.trace_gradient(model, PROMPT, TOKEN)[TABLE], atol=1e-6)
    assert not np.allclose(now, before)


def test_an_edit_of_what_a_lens_reads_changes_no_slope(visitor, model):
    edit = {"table": "blocks.0.resid_post.lens.logits", "index": [1, 3], "value": 9.0, "on": True}
    view = visitor.open(PROMPT, edits=[edit])["id"]
    assert np.allclose(
        visitor.array("tile", view=view, table=TABLE), workings.trace_gradient(model, PROMPT)[TABLE], atol=1e-6
    )


def test_the_page_is_told_which_tables_have_slopes(visitor, model):
    told = visitor.json("model")["slopes"]
    drawn = {
        name.removeprefix("gradient.") for name in workings.trace_gradient(model, PROMPT).names() if "gradient." in name
    }
    assert set(told["of"]) == drawn
    assert {choice["name"] for choice in told["choices"]} == {"choice.position", "choice.token", "choice.logits"}
    trace = workings.trace_gradient(model, PROMPT)
    for choice in told["choices"]:
        assert tuple(size or len(trace) for size in choice["shape"]) == trace.shape(choice["name"])


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("gradient.blocks.1.mlp.post", TABLE),
        ("slopes mlp.post", "gradient.blocks.0.mlp.post"),
        ("slope embed", "gradient.embed"),
    ],
)
def test_slopes_are_found_by_name_and_by_the_word(visitor, text, first):
    found = [one["name"] for one in visitor.json("find", text=text)["found"]]
    assert found[0] == first


def test_who_looks_for_numbers_finds_no_slopes(visitor):
    assert all("gradient" not in one["name"] for one in visitor.json("find", text="mlp.post")["found"])


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"table": "gradient.probabilities"}, "no table named"),
        ({"table": TABLE, "token": "nonsense"}, "is not one token"),
        ({"table": TABLE, "token": 5, "against": 5}, "the token and the one against it are both"),
        ({"table": TABLE, "position": 99}, "position is a whole number from -"),
        ({"table": TABLE, "position": -99}, "position is a whole number from -"),
    ],
)
def test_what_has_no_slopes_is_refused_in_words(visitor, view, asked, said):
    answer = visitor.get("tile", view=view, **asked)
    assert answer.status_code == 400
    assert said in answer.json()["error"]


def test_a_slope_cannot_be_edited_and_is_said_to_follow(visitor):
    told = visitor.open(PROMPT, edits=[{"table": TABLE, "index": [1, 3], "value": 0.0, "on": True}])
    assert "slopes follow from the numbers" in told["edits"][0]["error"]


def test_nothing_is_drawn_before_somebody_asks(model, monkeypatch):
    drawn = []
    monkeypatch.setattr(slopes, "trace_gradient", lambda *asked: drawn.append(1) or workings.trace_gradient(*asked))
    with visiting(model) as fresh:
        view = fresh.open(PROMPT)["id"]
        fresh.json("model")
        fresh.array("tile", view=view, table="logits")
        assert not drawn
        for _ in range(3):
            fresh.array("tile", view=view, table=TABLE)
        assert len(drawn) == 1


def test_a_slow_one_holds_up_nobody_who_asks_for_numbers_and_who_leaves_is_let_go(model, monkeypatch):
    begun, go_on = threading.Event(), threading.Event()

    def slow(*asked):
        begun.set()
        assert go_on.wait(30)
        return workings.trace_gradient(*asked)

    monkeypatch.setattr(slopes, "trace_gradient", slow)
    views = Views(model)
    view, ours = views.open(EditList(PROMPT)), Slopes(views)

    def ask(asker: Asker) -> None:
        with ours.working(Query({"table": TABLE}, asker), view):
            pass

    first = threading.Thread(target=ask, args=[Asker()])
    first.start()
    assert begun.wait(30)
    with views.working(view) as (trace, _):
        assert len(trace)
    gone = Asker()
    gone.gone = True
    with pytest.raises(Abandoned):
        ask(gone)
    go_on.set()
    first.join(30)
    assert not first.is_alive()
    with pytest.raises(Abandoned):
        ask(gone)


def test_many_at_once_get_the_same_numbers(model):
    views = Views(model)
    view, ours, found = views.open(EditList(PROMPT)), Slopes(views), []
    tables = ["gradient.embed", TABLE, "gradient.blocks.0.attn.q", "gradient.blocks.0.resid_pre"] * 3

    def ask(table: str) -> None:
        with ours.working(Query({"table": table}), view) as (trace, _):
            found.append((table, trace[table].copy()))

    threads = [threading.Thread(target=ask, args=[table]) for table in tables]
    for thread in threads:
        thread.start()
    assert until(lambda: len(found) == len(tables))
    expected = workings.trace_gradient(model, PROMPT)
    assert all(np.allclose(array, expected[table], atol=1e-6) for table, array in found)


def test_slopes_are_dropped_when_they_are_too_large_together(model):
    views = Views(model, table_bytes=4 * 20_000)
    view, ours = views.open(EditList(PROMPT)), Slopes(views)
    for token in range(4):
        with ours.working(Query({"table": "gradient.embed", "token": str(token)}), view) as (trace, sloped):
            trace["gradient.embed"]
    assert 0 < ours.bytes_held <= max(ours.most_bytes, sloped.size)


def test_the_last_few_are_kept_and_the_least_used_goes():
    few: LastFew[str, str] = LastFew(2)
    few.put("a", "A"), few.put("b", "B")
    assert few.get("a") == "A"
    few.put("c", "C")
    assert (few.get("a"), few.get("b"), few.get("c")) == ("A", None, "C")
    assert few.put("a", "other") == "A"
    assert few.shrink(len, 1) == 1
    assert (few.get("a"), few.get("c")) == ("A", None)


def test_another_score_of_the_same_prompt_shares_what_was_read_of_it(model):
    views = Views(model)
    view, ours, arrays = views.open(EditList(PROMPT)), Slopes(views), []
    for token in (TOKEN, AGAINST):
        with ours.working(Query({"table": TABLE, "token": str(token)}), view) as (trace, _):
            arrays.append(trace["blocks.1.mlp.pre"])
            assert np.allclose(trace[TABLE], workings.trace_gradient(model, PROMPT, token)[TABLE], atol=1e-6)
    assert np.shares_memory(*arrays)

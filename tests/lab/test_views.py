"""Views and the traces behind them: shared where they can be, dropped when memory is short, and back when asked for."""

from __future__ import annotations

import gc
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from little import make_model
from visitors import coming, serving, visiting

from workings.errors import InputError
from workings.lab.asked import Asker
from workings.lab.refusals import Abandoned, TooMuch, UnknownView
from workings.lab.views import Views, view_id
from workings.surgery.edit_list import EditList, SavedEdit

IDS = [3, 1, 4, 1, 5, 9, 2, 6]


@pytest.fixture
def views(wordless):
    return Views(wordless)


def given(ids=IDS, edits=(), **more):
    return EditList.from_dict({"ids": list(ids), "edits": list(edits), **more})


def silenced(row, block=0):
    return {"table": f"blocks.{block}.resid_post", "index": [row, ":"], "scale": 0.0}


def logits(views, view, edited=True):
    with views.working(view, edited) as (trace, _):
        return np.array(trace["logits"])


def worked_out(trace):
    return set(trace._evaluation.stores)


def test_the_number_of_a_view_follows_from_its_content_alone(views):
    one = view_id(given(edits=[silenced(2)]))
    assert one == view_id(given(edits=[{"on": True, "scale": 0, "index": [2, ":"], "table": "blocks.0.resid_post"}]))
    assert one == views.open(given(edits=[silenced(2)], model="tiny")).id
    others = [
        given(),
        given(edits=[silenced(3)]),
        given(prompt="a", edits=[silenced(2)]),
        given(edits=[{**silenced(2), "on": False}]),
    ]
    assert len({one, *map(view_id, others)}) == 5


def test_an_edit_forks_from_the_trace_before_it(views):
    base = views.open(given())
    with views.working(base) as (before, _):
        before["logits"]
        earlier = before["blocks.0.resid_pre"]
    with views.working(views.open(given(edits=[silenced(2)]))) as (after, _):
        assert np.shares_memory(after["blocks.0.resid_pre"], earlier)
        after["logits"]
    with views.working(views.open(given(edits=[silenced(2), silenced(3, 1)]))) as (third, _):
        own = {id(array) for array in after.arrays() if array.size > 1} - {id(array) for array in before.arrays()}
        assert own & {id(array) for array in third.arrays()}  # what the first edit changed is not worked out again


def test_a_view_with_edits_alone_makes_the_view_before_them_too(views):
    view = views.open(given(edits=[silenced(2)]))
    with views.working(view) as (after, _), views.working(view, edited=False) as (before, _):
        assert np.shares_memory(after["blocks.0.resid_pre"], before["blocks.0.resid_pre"])
        assert before.edits == ()


def test_views_whose_edits_in_force_are_the_same_share_a_trace(views):
    off = {**silenced(5), "on": False}
    with (
        views.working(views.open(given(edits=[silenced(2)]))) as (one, _),
        views.working(views.open(given(edits=[off, silenced(2)]))) as (other, _),
    ):
        assert one is other


def test_a_longer_prompt_grows_from_a_shorter_one(views, wordless):
    with views.working(views.open(given(IDS[:4]))) as (short, _):
        short["blocks.1.resid_post"]
    view = views.open(given(IDS))
    with views.working(view) as (trace, _):
        assert trace._evaluation.grown
    np.testing.assert_allclose(logits(views, view), wordless.trace(IDS)["logits"], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "edits",
    [
        [],
        [silenced(2)],
        [silenced(2), {"table": "W_E", "index": [3, 0], "add": 1.0}, silenced(3, 1)],
        [{"table": "blocks.0.attn.scores", "index": [0, 2, 5], "value": 1.0}],
    ],
)
@pytest.mark.parametrize("history", [[], [IDS[:3]], [IDS[:3], IDS[:5], IDS]])
def test_the_numbers_do_not_depend_on_what_was_looked_at_before(views, wordless, edits, history):
    for ids in history:
        logits(views, views.open(given(ids)))
        logits(views, views.open(given(ids, edits[:1])))
    found = logits(views, views.open(given(IDS, edits)))
    expected = given(IDS, edits).trace(wordless)["logits"]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_an_unknown_view_is_an_error(views):
    with pytest.raises(UnknownView):
        views.view("0123456789abcdef")


def test_a_trace_that_was_dropped_comes_back_from_its_view(wordless):
    views = Views(wordless, table_bytes=1)
    kept = {}
    for start in range(6):
        view = views.open(given(IDS[start:], [silenced(0)]))
        kept[view.id] = logits(views, view)
    assert len(views._sessions) == 1
    for number, before in kept.items():
        np.testing.assert_allclose(logits(views, views.view(number)), before, rtol=1e-4, atol=1e-5)


def test_the_least_used_traces_are_dropped_first(wordless):
    views = Views(wordless)
    one = views.open(given([1, 2]))
    logits(views, one)
    views.table_bytes = int(views.bytes_held * 3.5)
    for start in range(3, 40):
        logits(views, views.open(given([start, 2])))
        logits(views, one)  # used all the time
    kept = {session.state.ids for session in views._sessions.values()}
    assert (1, 2) in kept
    assert (3, 2) not in kept
    assert (39, 2) in kept


def test_memory_stays_under_the_limit_and_is_counted_exactly(wordless):
    views = Views(wordless, table_bytes=600_000)
    random = np.random.default_rng(0)
    for step in range(150):
        ids = random.integers(0, 50, 30).tolist() if step % 3 else IDS
        edits = [silenced(int(row)) for row in random.integers(0, 8, step % 4)]
        view = views.open(given(ids, edits))
        with views.working(view) as (trace, _):
            for name in trace.names()[:: step % 5 + 1]:
                trace[name]
        assert views.bytes_held <= 600_000
        held = {id(a): a.nbytes for s in views._sessions.values() if s.trace for a in s.trace.arrays()}
        assert views.bytes_held == sum(held.values())
    assert len(views._sessions) > 1


def test_old_views_are_forgotten_one_day(wordless, monkeypatch):
    monkeypatch.setattr("workings.lab.views.MOST_VIEWS", 3)
    views = Views(wordless)
    opened = [views.open(given([n, 1])) for n in range(5)]
    with pytest.raises(UnknownView):
        views.view(opened[0].id)
    assert views.view(opened[4].id)
    monkeypatch.setattr("workings.lab.views.MOST_VIEW_BYTES", 2 * opened[4].size)
    views.open(given([9, 1]))
    assert len(views._views) == 2
    assert views._view_bytes == sum(view.size for view in views._views.values())


def rows_set(n_numbers, first=0.0):
    """An edit that holds this many numbers and can be put in force nowhere."""
    return {"table": "embed", "index": [], "value": [first, *[1.0] * (n_numbers - 1)]}


def test_a_view_of_whole_tables_of_gpt2_opens_and_one_of_more_numbers_is_refused(views):
    table = {"table": "blocks.5.resid_post", "index": ["0:64", ":"], "value": [[0.125] * 768] * 64}
    assert views.open(given(edits=[table] * 8))
    with pytest.raises(TooMuch, match=r"at most 400,000 numbers together, .*; 442,386 came"):
        views.open(given(edits=[table] * 9))
    with pytest.raises(TooMuch, match="400,001 came"):
        views.open(given(edits=[{"table": "embed", "index": [7] * 400_000, "value": 1}]))


def test_numbers_in_edits_take_memory_that_is_counted_and_given_back(wordless, monkeypatch):
    """Of what edits hold nothing stays but what the last views and traces hold, and those are bounded."""
    n_numbers, most = 2_000, 10
    monkeypatch.setattr("workings.lab.views.MOST_VIEW_BYTES", most * n_numbers * 32)
    views = Views(wordless)
    for step in range(3 * most):
        with views.working(views.open(given(edits=[rows_set(n_numbers, float(step))]))) as (_, session):
            assert session.refusals[0]
    gc.collect()
    alive = [one for one in gc.get_objects() if isinstance(one, SavedEdit) and np.size(one.amount) == n_numbers]
    assert len(views._views) <= len(alive) <= most


def test_numbers_that_an_edit_sets_are_counted_with_its_trace(wordless):
    views = Views(wordless)
    rows = np.ones((len(IDS), wordless.config.d_model))
    edit = {"table": "embed", "index": [":", ":"], "value": rows.tolist()}
    with views.working(views.open(given(edits=[edit]))) as (trace, session):
        (changed,) = trace.edits
    assert changed.amount.nbytes == rows.nbytes
    assert any(array is changed.amount or array is changed.amount.base for array in session.held.values())


def test_who_leaves_before_their_turn_leaves_no_numbers_behind(views):
    asker = Asker()
    asker.gone = True
    view = views.open(given(edits=[silenced(2)]))
    with pytest.raises(Abandoned), views.working(view, asker=asker):
        pass
    assert not any(session.state.edits for session in views._sessions.values())
    assert np.isfinite(logits(views, view)).all()


def test_a_zero_below_nothing_is_another_number_than_zero(views):
    """-0.0 equals 0.0, and the views have two numbers: each has to show what it was given."""
    for given_zero in (0.0, -0.0):
        view = views.open(given(edits=[{"table": "embed", "index": [0, 0], "value": given_zero}]))
        with views.working(view) as (trace, _):
            assert np.signbit(trace["embed"][0, 0]) == np.signbit(given_zero)


def test_no_view_has_another_go_through_its_numbers_again(views, monkeypatch):
    """Opening a view takes as long whatever numbers other views hold: an edit is compared by its digest alone."""
    views_of = [views.open(given(edits=[rows_set(10, float(n))])) for n in range(3)]
    for view in views_of:
        logits(views, view)
    monkeypatch.setattr(SavedEdit, "__hash__", lambda self: pytest.fail("the numbers of an edit were hashed again"))
    monkeypatch.setattr(SavedEdit, "__eq__", lambda self, other: pytest.fail("the numbers of edits were compared"))
    for ids in (IDS, IDS[:5], [7, 7]):
        logits(views, views.open(given(ids, [silenced(1)])))
    logits(views, views_of[0])


def test_a_view_that_cannot_be_read_leaves_nothing_behind(views):
    for wrong in (given([]), given([999]), EditList(prompt="words")):
        with pytest.raises(InputError):
            views.open(wrong)
    assert not views._views
    assert not views._sessions


def test_a_trace_that_could_not_be_made_can_be_made_later(views, monkeypatch):
    view = views.open(given(edits=[silenced(2), {"table": "nothing", "index": [0], "value": 1}]))
    from workings.lab.views import Session

    apply = Session.apply

    def fail(*_):
        raise MemoryError

    monkeypatch.setattr(Session, "apply", fail)
    with pytest.raises(MemoryError):
        logits(views, view)
    monkeypatch.setattr(Session, "apply", apply)
    with views.working(view) as (trace, session):
        assert [refusal is None for refusal in session.refusals] == [True, False]
        assert len(trace.edits) == 1


def test_fifty_visitors_at_once_stay_correct_and_separate(wordless):
    """Over the network, with so little memory that traces are dropped all the time."""
    random = np.random.default_rng(1)
    prompts = [random.integers(0, 50, 12).tolist() for _ in range(25)]
    cases = [(ids, edits) for ids in prompts for edits in ([], [silenced(int(random.integers(0, 12)))])]
    expected = [given(ids, edits).trace(wordless) for ids, edits in cases]
    nexts = [dict(trace.top_ids(10)) for trace in expected]
    patterns = [np.array(trace["blocks.1.attn.pattern"][2]) for trace in expected]
    start = threading.Barrier(len(cases))

    def visit(number):
        ids, edits = cases[number]
        with coming(address) as visitor:
            start.wait()
            for _ in range(3):
                view = visitor.open(ids=ids, edits=edits)
                assert [t["id"] for t in view["tokens"]] == ids
                found = {e["id"]: e["share"] for e in view["next"]}
                assert found.keys() == nexts[number].keys()
                np.testing.assert_allclose([found[i] for i in found], [nexts[number][i] for i in found], rtol=1e-4)
                tile = visitor.array("tile", view=view["id"], table="blocks.1.attn.pattern", sheet=2)
                np.testing.assert_allclose(tile, patterns[number], rtol=1e-4, atol=1e-6)
                assert visitor.json("explain", view=view["id"], table="logits", index="3,4")["terms"]
                assert len(visitor.json("lens", view=view["id"])["cells"]) == 2
        return True

    began = time.perf_counter()
    with serving(wordless, table_bytes=300_000) as address, ThreadPoolExecutor(len(cases)) as pool:
        assert all(pool.map(visit, range(len(cases))))
    assert time.perf_counter() - began < 60


def test_many_threads_on_one_prompt_agree(wordless):
    """They share one lock and each other's memory; edits, longer prompts and writing on go on at the same time."""
    cases = [(IDS[:n], [silenced(row)] if row < n else []) for n in range(3, 9) for row in range(0, 9, 2)]
    expected = [given(ids, edits).trace(wordless)["logits"] for ids, edits in cases]
    with visiting(wordless) as visitor, ThreadPoolExecutor(12) as pool:

        def visit(number):
            ids, edits = cases[number]
            view = visitor.open(ids=ids, edits=edits)["id"]
            if number % 3 == 0:
                assert visitor.get("write", view=view, most=5).text.count("data:") == 6
            return visitor.array("tile", view=view, table="logits")

        for _ in range(3):
            for found, right in zip(pool.map(visit, range(len(cases))), expected, strict=True):
                np.testing.assert_allclose(found, right, rtol=1e-4, atol=1e-5)


def test_a_long_lens_lets_others_in_between(monkeypatch, wordless):
    """Whoever asks for a tile meanwhile waits for a block at most."""
    from workings.lab import lens as lenses

    slow = lenses.likeliest
    waiting, asked = threading.Event(), threading.Event()

    def likeliest(trace, stream, **more):
        waiting.set()
        assert asked.wait(5)
        return slow(trace, stream, **more)

    monkeypatch.setattr(lenses, "likeliest", likeliest)
    with visiting(wordless) as visitor, ThreadPoolExecutor(1) as pool:
        view = visitor.open(ids=IDS)["id"]
        lens = pool.submit(visitor.json, "lens", view=view)
        assert waiting.wait(5)
        visitor.array("tile", view=view, table="embed")
        asked.set()
        assert lens.result(5)["blocks"]


def test_the_lens_leaves_no_scores_of_the_vocabulary_behind(wordless):
    views = Views(wordless)
    from workings.lab.answers import Answers
    from workings.lab.lens import LensAsked

    view = views.open(given())
    lenses = Answers(wordless, views, "").lenses
    for token in (None, 1):
        lenses.read(view, (0, len(view.ids)), LensAsked("logit", lenses.streams["logit"], token))
    with views.working(view) as (trace, _):
        assert not any("lens" in table.name for table in worked_out(trace))


def test_a_model_of_another_size_is_another_model():
    long = make_model(None, n_ctx=200)
    with visiting(long) as visitor:
        assert visitor.open(ids=[1] * 200)["n_pos"] == 200
        assert visitor.post({"ids": [1] * 201}).status_code == 400

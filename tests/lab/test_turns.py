"""Who works on long answers takes turns, and those who ask for a number or a file of the page do not wait for them."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest
from visitors import coming, serving

from workings.lab import server
from workings.lab.answers import Answers
from workings.lab.lens import Lenses
from workings.lab.steering import Steering
from workings.lab.views import Views
from workings.lab.work import N_THREADS, Work

MANY = N_THREADS + 8


@pytest.mark.parametrize(
    ("owner", "method", "path", "most"),
    [
        (Steering, "smallest", "steer/smallest", 1),
        (Lenses, "table", "lens", server.MOST_LONG),
    ],
)
def test_long_work_leaves_threads_to_everybody_else(model, monkeypatch, tmp_path, owner, method, path, most):
    began, go_on, done = threading.Semaphore(0), threading.Event(), []
    working = set()

    def long(self, query):
        working.add(threading.get_ident())
        most_at_once.append(len(working))
        began.release()
        assert go_on.wait(60)
        working.discard(threading.get_ident())
        done.append(True)
        return {}

    most_at_once: list[int] = []
    monkeypatch.setattr(owner, method, long)
    (tmp_path / "style.css").write_text("a {}")
    with serving(model, page=tmp_path) as address, coming(address) as visitor, ThreadPoolExecutor(MANY) as pool:
        home, cookies = str(visitor.client.base_url), dict(visitor.client.cookies)
        limits = httpx2.Limits(max_connections=MANY)
        with httpx2.Client(base_url=home, cookies=cookies, timeout=100, limits=limits) as crowd:
            asked = [pool.submit(crowd.get, f"/api/{path}") for _ in range(MANY)]
            for _ in range(most):
                assert began.acquire(timeout=60)
            view = visitor.open("Mike is")["id"]
            assert visitor.array("tile", view=view, table="embed").size
            assert visitor.client.get("/style.css").text == "a {}"
            assert not done
            go_on.set()
            assert [one.result(60).status_code for one in asked] == [200] * MANY
    assert max(most_at_once) == most


def test_all_that_takes_turns_is_answered_by_somebody(model):
    answers = Answers(model, Views(model), "")
    assert {*server.LONG, *server.ALONE} <= set(server._Server(answers, server.PAGE, Work())._handlers())

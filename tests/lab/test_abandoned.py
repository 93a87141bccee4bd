"""Nobody waits any more: what a page has asked for and then left is not worked out to its end."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx2
import pytest
from visitors import Visitor, serving

from workings.anatomy.logit_lens import likeliest
from workings.lab import answers, lens
from workings.lab.asked import Asker
from workings.lab.refusals import Abandoned
from workings.lab.views import Views
from workings.surgery.edit_list import EditList


def until(holds: Callable[[], Any], seconds: float = 60.0) -> bool:
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.01)
    return bool(holds())


def at_rest(count: Callable[[], int], rest: float = 0.5) -> int:
    """How far something counts until it counts no further."""
    found, since = count(), time.monotonic()
    while time.monotonic() - since < rest:
        time.sleep(0.01)
        if count() != found:
            found, since = count(), time.monotonic()
    return found


class Leaver(Visitor):
    """A visitor who asks and hangs up without reading the answer."""

    def ask_and_leave(self, path: str, wait: Callable[[], Any] = lambda: True, **query: Any) -> None:
        home = urlsplit(str(self.client.base_url))
        (name, value), *_ = self.client.cookies.items()
        asked = f"GET /api/{path}?{urlencode(query)} HTTP/1.1\r\nHost: {home.netloc}\r\nCookie: {name}={value}\r\n\r\n"
        with socket.create_connection((home.hostname, home.port)) as line:
            line.sendall(asked.encode())
            assert until(wait)


@pytest.fixture(scope="module")
def leaver(model):
    with serving(model) as home, httpx2.Client(base_url=home) as client:
        yield Leaver(client, home)


def test_a_thread_is_told_that_whoever_asked_has_gone(leaver, monkeypatch):
    told: list[bool] = []

    def slow(self, query, edited=True):
        told.append(until(lambda: query.asker.gone))
        raise Abandoned

    monkeypatch.setattr(answers.Answers, "_working", slow)
    leaver.ask_and_leave("explain")
    assert until(lambda: told) and told == [True]


def test_an_asker_who_stays_is_not_told_so(leaver):
    view = leaver.open("Mike is")["id"]
    assert leaver.json("lens", view=view)["cells"]
    assert leaver.json("explain", view=view, table="logits", index="0,0")["value"]


def test_the_lens_stops_between_two_blocks(leaver, monkeypatch):
    read: list[str] = []
    askers: list[Asker] = []
    read_all = lens.Lenses.read

    def watched(self, *asked):
        askers.append(asked[-1])
        return read_all(self, *asked)

    def slow(trace, stream, **more):
        read.append(stream)
        assert until(lambda: askers[0].gone)
        return likeliest(trace, stream, **more)

    monkeypatch.setattr(lens.Lenses, "read", watched)
    monkeypatch.setattr(lens, "likeliest", slow)
    view = leaver.open("Anna is")["id"]
    n_blocks = leaver.json("model")["config"]["n_layers"]
    leaver.ask_and_leave("lens", lambda: read, view=view)
    assert at_rest(lambda: len(read)) == 1 < n_blocks
    monkeypatch.undo()
    assert len(leaver.json("lens", view=view)["blocks"]) == n_blocks  # and the next one gets the whole answer


def test_a_workbook_that_nobody_waits_for_is_left_and_another_can_be_written(leaver, monkeypatch):
    from workings.lab import workbook

    ended: list[BaseException | None] = []

    def slow(model, path, ids, most, check):
        try:
            for _ in range(6000):
                time.sleep(0.01)
                check()
        except Abandoned as error:
            ended.append(error)
            raise
        ended.append(None)

    monkeypatch.setattr(workbook, "write_workbook", slow)
    view = leaver.open("Mike is")["id"]
    leaver.ask_and_leave("export.xlsx", workbook._one_at_a_time.locked, view=view)
    assert until(lambda: ended) and isinstance(ended[0], Abandoned)
    monkeypatch.undo()
    assert until(lambda: not workbook._one_at_a_time.locked())
    assert leaver.get("export.xlsx", view=view).content[:2] == b"PK"


def test_work_that_nobody_waits_for_is_not_begun(model):
    views, asker = Views(model), Asker()
    view = views.open(EditList("Mike is"))
    asker.gone = True
    with pytest.raises(Abandoned), views.working(view, asker=asker):
        pass
    assert not views.bytes_held
    asker.gone = False
    with views.working(view, asker=asker) as (trace, _):
        assert len(trace)

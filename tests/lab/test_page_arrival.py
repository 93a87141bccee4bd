"""Arriving at the lab by the address that was printed: clicked in a page of another site, typed, with and without a place in it."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from browsing import PROMPT, Lab, Visit

PLACE = "#prompt=Anna+is&show=attention"


@contextmanager
def elsewhere(link: str) -> Iterator[str]:
    """A page of another site (`localhost`, for the lab is at 127.0.0.1) with a link, such as a terminal in a browser has."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(f'<!doctype html><title>elsewhere</title><a href="{link}">the lab</a>'.encode())

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://localhost:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.fixture
def visit(browser: Any, lab: Lab) -> Iterator[Visit]:
    """A visit of somebody who has not been here before."""
    visit = Visit(browser, lab)
    yield visit
    visit.close()
    assert not visit.complaints


def arrived(visit: Visit, sentence: str, screen: str) -> None:
    visit.page.wait_for_selector(f"[data-screen={screen}][aria-selected=true]")
    visit.page.wait_for_selector(".next-bars .bar")
    visit.settled()
    assert visit.page.input_value(".sentence-box") == sentence
    assert visit.page.url.startswith(f"http://127.0.0.1:{visit.lab.port}/#")
    assert visit.page.evaluate("document.referrer") == ""


@pytest.mark.parametrize(("place", "sentence", "screen"), [("", PROMPT, "lens"), (PLACE, "Anna is", "attention")])
def test_a_click_in_a_page_of_another_site_opens_the_lab(visit: Visit, place: str, sentence: str, screen: str) -> None:
    with elsewhere(visit.lab.address + place) as page:
        visit.page.goto(page)
        visit.page.click("text=the lab")
        arrived(visit, sentence, screen)
        visit.page.reload()
        arrived(visit, sentence, screen)
        visit.page.go_back()
        visit.page.wait_for_selector("text=the lab")  # nothing with the token in it lies between


@pytest.mark.parametrize(("place", "sentence", "screen"), [("", PROMPT, "lens"), (PLACE, "Anna is", "attention")])
def test_the_address_may_be_typed(visit: Visit, place: str, sentence: str, screen: str) -> None:
    visit.page.goto("about:blank")
    visit.page.goto(visit.lab.address + place)
    arrived(visit, sentence, screen)
    assert visit.page.evaluate("history.length") == 2


def test_without_scripts_the_browser_goes_on_by_itself(browser: Any, lab: Lab) -> None:
    visit = Visit(browser, lab, java_script_enabled=False)
    with elsewhere(lab.address) as page:
        visit.page.goto(page)
        visit.page.click("text=the lab")
        visit.page.wait_for_url(f"http://127.0.0.1:{lab.port}/")
        assert visit.page.title() == "workings"
    visit.close()

"""Visitors of the lab: one that a page would be, in this process, and a real server for those who come over the network."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import numpy as np
from starlette.testclient import TestClient

import workings
from workings.lab.server import make_app
from workings.lab.start import listen, server_of
from workings.lab.work import Work

PORT, TOKEN = 8420, "the-token-of-the-start"
HOME = f"http://127.0.0.1:{PORT}"


class Visitor:
    """A browser that opened the address with the token."""

    def __init__(self, client: httpx2.Client, home: str = HOME) -> None:
        self.client = client
        answer = client.get(f"/?token={TOKEN}")
        assert answer.status_code == 200, answer.text
        client.headers["origin"] = home

    def get(self, path: str, **query: Any) -> httpx2.Response:
        return self.client.get(f"/api/{path}", params=query)

    def json(self, path: str, **query: Any) -> Any:
        answer = self.get(path, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def array(self, path: str, **query: Any) -> np.ndarray:
        answer = self.get(path, **query)
        assert answer.status_code == 200, answer.text
        shape = [int(answer.headers[f"x-{name}"]) for name in ("rows", "columns")]
        return np.frombuffer(answer.content, "<f4").reshape(shape)

    def post(self, given: Any) -> httpx2.Response:
        return self.client.post("/api/view", json=given)

    def open(self, prompt: str = "", ids: Any = None, edits: Any = ()) -> Any:
        answer = self.post({"prompt": prompt, "ids": ids, "edits": list(edits)})
        assert answer.status_code == 200, answer.text
        return answer.json()


@contextmanager
def visiting(model: workings.Model, **more: Any) -> Iterator[Visitor]:
    with TestClient(make_app(model, PORT, TOKEN, "Mike is", **more), base_url=HOME) as client:
        yield Visitor(client)


@contextmanager
def serving(model: workings.Model, **more: Any) -> Iterator[str]:
    """A server on a port of its own; gives its address."""
    listening = listen(0)
    port = listening.getsockname()[1]
    work = Work()
    server = server_of(make_app(model, port, TOKEN, work=work, **more), work)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(100)
        listening.close()
        assert not thread.is_alive()


@contextmanager
def coming(address: str) -> Iterator[Visitor]:
    with httpx2.Client(base_url=address, timeout=100) as client:
        yield Visitor(client, address)

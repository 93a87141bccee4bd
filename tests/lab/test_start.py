"""Starting the lab: the address, the port, and a quiet end."""

from __future__ import annotations

import asyncio
import gc
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import webbrowser
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx2
import pytest
from visitors import coming, serving

import workings
from workings.errors import InputError
from workings.lab import cores
from workings.lab import start as starting


@pytest.fixture(scope="session")
def folder(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("lab") / "model"
    model.save(path)
    return path


@contextmanager
def started(folder, *program):
    """The lab in a process of its own, and the address that it prints."""
    source = str(Path(workings.__file__).parents[1])
    words = [sys.executable, *program, "lab", str(folder), "--no-browser", "--prompt", "Mike is"]
    process = subprocess.Popen(
        words, env={**os.environ, "PYTHONPATH": source}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    patience = threading.Timer(120, process.kill)  # whoever reads what it prints would wait for ever
    patience.start()
    try:
        line = next(line for line in process.stdout if "http" in line)
        yield process, line.strip()
    finally:
        patience.cancel()
        process.kill()
        process.communicate()


@pytest.fixture
def running(folder):
    """The lab as a person starts it."""
    with started(folder, "-m", "workings") as found:
        yield found


def test_the_printed_address_opens_the_lab_and_ctrl_c_ends_it_quietly(running, folder):
    process, address = running
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\?token=[\w-]{32}", address)
    home = address.split("/?")[0]
    with httpx2.Client(base_url=home, timeout=100) as client:
        assert client.get("/api/model").status_code == 403
        assert 'href="/"' in client.get(address).text
        document = client.get("/api/model").json()
        assert (document["name"], document["prompt"]) == (str(folder), "Mike is")
        view = client.post("/api/view", json={"prompt": "Mike is"}, headers={"origin": home}).json()["id"]
        assert "server" not in client.get("/api/model").headers
        with client.stream("GET", "/api/write", params={"view": view}) as answer:
            next(answer.iter_lines())
            process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=100)
    assert process.returncode == 0
    assert "Traceback" not in err
    assert err.strip() == "The lab is closed."


LONG_WORK = """
import time
from pathlib import Path
from workings.cli import main
from workings.lab.answers import Answers

def explain(self, query):  # one step that nobody can stop
    Path(query.text("mark")).touch()
    time.sleep(1000)

Answers.explain = explain
main()
"""


@pytest.mark.parametrize("presses", [1, 3])
def test_ctrl_c_while_it_works_ends_it_as_quietly_and_does_not_wait_for_the_work(folder, presses, tmp_path):
    with started(folder, "-c", LONG_WORK) as (process, address):
        home = address.split("/?")[0]
        with httpx2.Client(base_url=home, timeout=100) as client, ThreadPoolExecutor(1) as beside:
            client.get(address)
            asked = beside.submit(client.get, "/api/explain", params={"mark": str(tmp_path / "working")})
            while not (tmp_path / "working").exists():
                assert not asked.done(), asked.result().text
                time.sleep(0.01)
            for _ in range(presses):
                process.send_signal(signal.SIGINT)
                time.sleep(0.1)
            _, err = process.communicate(timeout=100)
            assert asked.exception() or asked.result().status_code >= 500
    assert (process.returncode, err.strip()) == (0, "The lab is closed.")


def knock(address, said):
    """Say something at the lab's door, which need not be a request, and hang up when it has been answered, or not at all."""
    home = address.split("/?")[0].removeprefix("http://")
    with socket.create_connection(home.split(":"), timeout=20) as line:
        line.sendall(said.replace("HOME", home).encode())
        line.settimeout(0.3)
        with suppress(TimeoutError):
            while line.recv(4096):
                pass


def test_who_speaks_no_http_is_refused_without_a_word_in_the_window(running):
    process, address = running
    socket_key = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
    for _ in range(3):
        knock(address, "what is this?\r\n\r\n")
        knock(
            address,
            f"GET / HTTP/1.1\r\nHost: HOME\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n{socket_key}\r\n\r\n",
        )
        knock(address, "GET / HTTP/1.1\r\nHost: HOME\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=100)[1].strip() == "The lab is closed."


def test_an_upload_that_is_cut_off_says_nothing_in_the_window(running):
    process, address = running
    with httpx2.Client(timeout=100) as client:
        client.get(address)
        (cookie,) = client.cookies.jar
        head = f"Host: HOME\r\nCookie: {cookie.name}={cookie.value}\r\nOrigin: http://HOME\r\nContent-Length: 100"
        knock(address, f"POST /api/view HTTP/1.1\r\n{head}\r\n\r\n{{")
        assert client.get(f"{address.split('/?')[0]}/api/model").status_code == 200
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=100)[1].strip() == "The lab is closed."


LONG_WORKBOOK = """
import time
from workings.cli import main
from workings.lab import workbook

def write_workbook(model, path, *more, **others):
    (path.parent / "begun").touch()
    time.sleep(1000)

workbook.write_workbook = write_workbook
main()
"""


def test_ctrl_c_while_a_workbook_is_written_leaves_no_folder_behind(folder, monkeypatch, tmp_path):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with started(folder, "-c", LONG_WORKBOOK) as (process, address):
        home = address.split("/?")[0]
        with httpx2.Client(base_url=home, timeout=100) as client, ThreadPoolExecutor(1) as beside:
            client.get(address)
            view = client.post("/api/view", json={"prompt": "Mike is"}, headers={"origin": home}).json()["id"]
            asked = beside.submit(client.get, "/api/export.xlsx", params={"view": view})
            while not list(tmp_path.glob("workings-*/begun")):
                assert not asked.done(), asked.result().text
                time.sleep(0.01)
            process.send_signal(signal.SIGINT)
            assert process.communicate(timeout=100)[1].strip() == "The lab is closed."
            assert asked.exception() or asked.result().status_code >= 500
    assert not list(tmp_path.iterdir())


def test_only_this_machine_is_served(running):
    _, address = running
    port = int(re.search(r":(\d+)/", address)[1])
    own = [entry[4][0] for entry in socket.getaddrinfo(socket.gethostname(), port, socket.AF_INET)]
    for other in own:
        if not other.startswith("127."):
            with pytest.raises(OSError), socket.create_connection((other, port), timeout=2):
                pass


def test_a_port_that_is_taken_is_an_error_and_else_a_free_one_is_found():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(InputError, match="leave --port out"):
            starting.listen(taken.getsockname()[1])
    first = starting.listen(None)
    second = starting.listen(None)
    assert first.getsockname() != second.getsockname()
    first.close()
    second.close()


def test_a_long_text_may_stand_in_an_address_and_an_endless_one_not(model):
    with serving(model) as address, coming(address) as visitor:
        text = "Größe " * 3000
        assert visitor.json("merges", text=text)["ids"] == model.tokenizer.encode(text)
        connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=100)
        connection.request("GET", f"/api/merges?text={'a' * 500_000}")
        assert connection.getresponse().status == 400


def test_answers_are_not_held_back(model):
    """Nagle's algorithm, left on, would hold every answer back for 40 milliseconds."""
    with serving(model) as address, coming(address) as visitor:
        visitor.open("Mike is")
        served = [
            transport.get_extra_info("socket")
            for transport in gc.get_objects()
            if isinstance(transport, asyncio.Transport) and not transport.is_closing()
        ]
        port = int(address.rpartition(":")[2])
        ours = [one for one in served if one and one.family == socket.AF_INET and one.getsockname()[1] == port]
        assert ours
        assert all(one.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) for one in ours)


def test_the_browser_opens_unless_it_is_not_to(model, monkeypatch, capsys):
    opened = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    monkeypatch.setattr("uvicorn.Server.run", lambda *_, **__: None)
    starting.start(model, "Mike is", 0, browser=False)
    assert opened == []
    starting.start(model, "Mike is", 0, browser=True)
    while not opened:
        pass
    assert opened[0] in capsys.readouterr().out


def test_starlette_and_uvicorn_wait_until_they_are_needed():
    code = (
        "import sys, workings.cli.app, workings\n"
        "[getattr(workings, name) for name in workings.__all__]\n"
        "print([name for name in ('starlette', 'uvicorn', 'anyio') if name in sys.modules])"
    )
    source = str(Path(workings.__file__).parents[1])
    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": source},
    )
    assert run.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("said", "then"),
    [({}, "2"), ({"OMP_NUM_THREADS": "3"}, None), ({"OPENBLAS_NUM_THREADS": "7"}, "7")],
)
def test_a_core_is_left_to_the_browser_unless_somebody_said_how_many(monkeypatch, said, then):
    monkeypatch.setattr(cores, "n_threads", lambda: 3)
    environment = dict(said)
    cores.leave_a_core(environment)
    assert environment.get("OPENBLAS_NUM_THREADS") == then


def test_the_cores_are_counted_before_numpy_comes():
    code = "import sys, workings.cli.app, workings.lab.cores; print('numpy' in sys.modules)"
    source = {**os.environ, "PYTHONPATH": str(Path(workings.__file__).parents[1])}
    told = subprocess.run([sys.executable, "-c", code], env=source, capture_output=True, text=True)
    assert told.stdout.strip() == "False", told.stderr

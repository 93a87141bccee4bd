"""Starting the lab: a free port, an address with a token in it, a browser, and a quiet end."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import secrets
import signal
import socket
import sys
import threading
import warnings
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from workings.errors import InputError
from workings.lab.work import Work

if TYPE_CHECKING:
    from types import FrameType

    import uvicorn
    from starlette.types import ASGIApp

    from workings.anatomy.tuned_lens import TunedLens
    from workings.checkpoints.model import Model
    from workings.checkpoints.sparse_autoencoder import SparseAutoencoder

HOST = "127.0.0.1"
USUAL_PORT = 8420
PORTS_TRIED = 20
PATIENCE = 0.5
"""Seconds that work has to end in once the lab is closed; uvicorn has waited for a second by then."""
LONGEST_HEAD = 1 << 17
"""Bytes of address and headers: a prompt of 20,000 letters fits, written in percent signs."""


def start(
    model: Model,
    prompt: str,
    port: int | None = None,
    browser: bool = True,
    sae: SparseAutoencoder | None = None,
    tuned: TunedLens | None = None,
) -> None:
    """Serve the lab of a model until Ctrl-C; `sae` and `tuned` as in `make_app`. Raises `InputError` for a port that is taken."""
    from workings.lab.server import make_app
    from workings.lab.workbook import clear_away

    warnings.filterwarnings("ignore", category=RuntimeWarning)  # an edit may well divide by zero: the page shows it
    listening = listen(port)
    port, token = listening.getsockname()[1], secrets.token_urlsafe(24)
    address = f"http://{HOST}:{port}/?token={token}"
    work = Work()
    server = server_of(make_app(model, port, token, prompt, sae=sae, tuned=tuned, work=work), work)
    gc.collect()
    gc.freeze()  # what is there now stays: looking through all of it again and again would hold answers up
    print(f"\nThe lab of {model.name} is open at\n\n    {address}\n\nCtrl-C closes it.", flush=True)
    if browser:
        threading.Thread(target=_show, args=(address,), daemon=True).start()
    with _ctrl_c_closes(server):
        server.run(sockets=[listening])
    listening.close()
    print("\nThe lab is closed.", file=sys.stderr)
    if not work.ends(PATIENCE):  # such as one long product: it cannot be stopped, and Python would wait for it
        clear_away()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


@contextmanager
def _ctrl_c_closes(server: uvicorn.Server) -> Iterator[None]:
    """Ctrl-C closes the lab however often it is pressed; uvicorn would raise it once more for whoever comes after."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, server.handle_exit)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def server_of(app: ASGIApp, work: Work) -> uvicorn.Server:
    """The server of an app, as the lab wants it: when it closes, those who work are told before it waits for them."""
    import uvicorn

    class Server(uvicorn.Server):
        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            work.close()
            log.addFilter(_is_news)
            await super().shutdown(sockets)

        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            if (
                not self.should_exit
            ):  # asked again, uvicorn would drop everything, with a traceback; it takes a second at most
                super().handle_exit(sig, frame)

    log = logging.getLogger("uvicorn.error")
    log.addFilter(_is_ours)
    settings = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="none",
        http="h11",  # the one with a limit on how long headers may be
        h11_max_incomplete_event_size=LONGEST_HEAD,
        timeout_graceful_shutdown=1,
    )
    return Server(settings)


NOISE = ("Invalid HTTP request", "Unsupported upgrade request", "No supported WebSocket library")


def _is_ours(record: logging.LogRecord) -> bool:
    """Whether it is about the lab: not that somebody who spoke no HTTP was refused, nor what to install for web sockets."""
    return not str(record.msg).startswith(NOISE)


def _is_news(record: logging.LogRecord) -> bool:
    """Whether it is more than that requests were cut off because the lab closes."""
    cut_off = record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError)
    return not cut_off and not record.msg.startswith("Cancel ")


def _show(address: str) -> None:
    # The socket listens already, so the browser may come before the server does: it waits.
    webbrowser.open(address)


def listen(port: int | None) -> socket.socket:
    """A socket on the port that was asked for, or on the first free one from the usual one on."""
    wanted = [port] if port is not None else [*range(USUAL_PORT, USUAL_PORT + PORTS_TRIED), 0]
    for one in wanted:
        # With its protocol named asyncio switches off Nagle's algorithm, which would hold every answer back for 40 ms.
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        if sys.platform != "win32":  # there it would let two servers share a port
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((HOST, one))
            listening.listen(128)
        except (OSError, OverflowError) as error:
            listening.close()
            reason = getattr(error, "strerror", None) or str(error)
            continue
        return listening
    raise InputError(f"port {port} cannot be used ({reason}); leave --port out, and a free one is found")

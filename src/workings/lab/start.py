"""Starting the lab: a free port, an address with a token in it, a browser, and a quiet end."""

from __future__ import annotations

import gc
import secrets
import socket
import sys
import threading
import warnings
import webbrowser
from typing import TYPE_CHECKING

from workings.errors import InputError

if TYPE_CHECKING:
    import uvicorn
    from starlette.types import ASGIApp

    from workings.anatomy.tuned_lens import TunedLens
    from workings.checkpoints.model import Model
    from workings.checkpoints.sparse_autoencoder import SparseAutoencoder

HOST = "127.0.0.1"
USUAL_PORT = 8420
PORTS_TRIED = 20
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

    warnings.filterwarnings("ignore", category=RuntimeWarning)  # an edit may well divide by zero: the page shows it
    listening = listen(port)
    port, token = listening.getsockname()[1], secrets.token_urlsafe(24)
    address = f"http://{HOST}:{port}/?token={token}"
    server = server_of(make_app(model, port, token, prompt, sae=sae, tuned=tuned))
    gc.collect()
    gc.freeze()  # what is there now stays: looking through all of it again and again would hold answers up
    print(f"\nThe lab of {model.name} is open at\n\n    {address}\n\nCtrl-C closes it.", flush=True)
    if browser:
        threading.Thread(target=_show, args=(address,), daemon=True).start()
    try:
        server.run(sockets=[listening])
    except KeyboardInterrupt:
        pass
    finally:
        listening.close()
    print("\nThe lab is closed.", file=sys.stderr)


def server_of(app: ASGIApp) -> uvicorn.Server:
    """The server of an app, as the lab wants it."""
    import uvicorn

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
    return uvicorn.Server(settings)


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

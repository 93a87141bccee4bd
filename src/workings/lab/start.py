"""Starting the lab: a free port, an address with a token in it, a browser, and a quiet end."""

from __future__ import annotations

import secrets
import socket
import sys
import threading
import warnings
import webbrowser
from typing import TYPE_CHECKING

from workings.errors import InputError

if TYPE_CHECKING:
    from workings.checkpoints.model import Model

HOST = "127.0.0.1"
USUAL_PORT = 8420
PORTS_TRIED = 20


def start(model: Model, prompt: str, port: int | None = None, browser: bool = True) -> None:
    """Serve the lab of a model until Ctrl-C. Raises `InputError` for a port that is taken."""
    import uvicorn

    from workings.lab.server import make_app

    warnings.filterwarnings("ignore", category=RuntimeWarning)  # an edit may well divide by zero: the page shows it
    listening = _listen(port)
    port, token = listening.getsockname()[1], secrets.token_urlsafe(24)
    address = f"http://{HOST}:{port}/?token={token}"
    settings = uvicorn.Config(
        make_app(model, port, token, prompt),
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="none",
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(settings)
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


def _show(address: str) -> None:
    # The socket listens already, so the browser may come before the server does: it waits.
    webbrowser.open(address)


def _listen(port: int | None) -> socket.socket:
    """A socket on the port that was asked for, or on the first free one from the usual one on."""
    wanted = [port] if port is not None else [*range(USUAL_PORT, USUAL_PORT + PORTS_TRIED), 0]
    for one in wanted:
        listening = socket.socket()
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

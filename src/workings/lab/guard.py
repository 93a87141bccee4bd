"""Who may ask: only a page that this server gave out, in the browser of whoever started it.

Every request passes here first. What is refused, and why: a foreign `Host` (DNS rebinding), a foreign `Origin` or
site (another page in the same browser), a missing cookie (another person or program on the machine).
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from workings.lab.plain_page import leading_page, plain_page
from workings.lab.replies import problem

READING = ("GET", "HEAD")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


ENTRANCE = "/enter.js"
ENTER = 'location.replace(document.querySelector("a").href + location.hash);'
"""What leads from the address with the token to the page: the token is gone from the browser's history, what stands behind # is kept."""


class Guard:
    """Lets requests through to the app, or refuses them; every answer gets the safety headers."""

    def __init__(self, app: ASGIApp, port: int, token: str) -> None:
        self.app, self.token = app, token
        self.hosts = {f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]")}
        self.cookie = f"workings-{port}"  # browsers share cookies between the ports of a host
        self.session = secrets.token_urlsafe(32)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":  # no web sockets here
            await send({"type": "websocket.close", "code": 1008})
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        app = (
            self._refusal(scope) or self._exchange(scope) or self._without_cookie(scope) or _entrance(scope) or self.app
        )
        await app(scope, receive, with_headers)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or hosts[0].lower() not in self.hosts:
            return problem(403, "forbidden", "this server answers only at the address that it printed when it started")
        ours, origins = f"http://{hosts[0].lower()}", headers.getlist("origin")
        writes = scope["method"] not in READING
        if (writes and not origins) or any(origin != ours for origin in origins):
            return problem(403, "forbidden", "this server answers only its own page")
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin") and scope["path"] != "/":
            return problem(403, "forbidden", "this server answers only its own page")
        return None

    def _exchange(self, scope: Scope) -> Response | None:
        """Give a cookie for the token, on a page that leads to the address without it.

        A redirect would not do: a browser that came from another site, such as a terminal in a browser, sends no SameSite=Strict
        cookie along it. What a page of our own leads to is asked for by ourselves.
        """
        parameters = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        tokens = [value for name, value in parameters if name == "token"]
        if scope["path"] != "/" or not tokens or scope["method"] not in READING:
            return None
        if len(tokens) > 1 or not _same(tokens[0], self.token):
            return _closed("This address is not (or no longer) valid.")
        rest = urlencode([(name, value) for name, value in parameters if name != "token"])
        answer = leading_page("The lab is open", f"/?{rest}" if rest else "/", "Show the lab", ENTRANCE)
        answer.set_cookie(self.cookie, self.session, httponly=True, samesite="strict", path="/")
        return answer

    def _without_cookie(self, scope: Scope) -> Response | None:
        if any(_same(value, self.session) for value in _cookies(Headers(scope=scope), self.cookie)):
            return None
        if scope["path"] == "/":
            return _closed("This page opens with the address that was printed when the lab was started.")
        return problem(
            403,
            "forbidden",
            "this needs the cookie of the page; open the address that was printed when the lab was started",
        )


def _entrance(scope: Scope) -> Response | None:
    return Response(ENTER, media_type="text/javascript") if scope["path"] == ENTRANCE else None


def _cookies(headers: Mapping[str, str], name: str) -> list[str]:
    pairs = (part.strip().partition("=") for part in headers.get("cookie", "").split(";"))
    return [value for key, _, value in pairs if key == name]


def _same(given: str, ours: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), ours.encode())


def _closed(why: str) -> Response:
    return plain_page(
        "The lab is locked",
        [
            why,
            "Look for it in the window where you typed “workings lab” or “make lab”; it begins with http://127.0.0.1 and has a token in it.",
        ],
        403,
    )

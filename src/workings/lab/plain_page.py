"""Plain pages, for when there is something to say before the real one."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from html import escape

from starlette.responses import HTMLResponse, Response

STYLE = (
    "body{font:17px/1.6 system-ui,sans-serif;max-width:38em;margin:12vh auto;padding:0 1.5em;color:#1f2937;background:#fff}"
    "h1{font-size:1.5em}code{background:#f1f5f9;padding:.1em .4em;border-radius:.3em}"
    "@media(prefers-color-scheme:dark){body{color:#e2e8f0;background:#0f172a}code{background:#1e293b}}"
)
_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY = f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


def plain_page(title: str, paragraphs: Sequence[str], status: int = 200) -> Response:
    """A title and paragraphs; what stands between backquotes is a command."""
    body = "".join(f"<p>{_with_commands(paragraph)}</p>" for paragraph in paragraphs)
    return HTMLResponse(_page(title, body), status, headers={"Content-Security-Policy": POLICY})


def leading_page(title: str, address: str, words: str, script: str) -> Response:
    """A page with one link, which our script at the address `script` follows by itself; a browser without scripts does so, too."""
    to = escape(address)
    head = f'<noscript><meta http-equiv="refresh" content="0;url={to}"></noscript>'
    body = f'<p><a href="{to}">{escape(words)}</a></p><script src="{escape(script)}"></script>'
    return HTMLResponse(_page(title, body, head), headers={"Content-Security-Policy": f"{POLICY}; script-src 'self'"})


def _page(title: str, body: str, head: str = "") -> str:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width">{head}<style>{STYLE}</style></head>'
        f"<body><main><h1>{escape(title)}</h1>{body}</main></body></html>"
    )


def _with_commands(text: str) -> str:
    parts = escape(text).split("`")
    return "".join(f"<code>{part}</code>" if place % 2 else part for place, part in enumerate(parts))

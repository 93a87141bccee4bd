"""The page's own files, from the folder `page/` that the build makes: only what lies there, by its name."""

from __future__ import annotations

import hashlib
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from workings.lab.plain_page import plain_page
from workings.lab.replies import problem

PAGE = Path(__file__).parent / "page"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".json": "application/json",
    ".woff2": "font/woff2",
    ".txt": "text/plain; charset=utf-8",
    ".map": "application/json",
}


def page_file(folder: Path, request: Request) -> Response:
    """The file that an address means; `/` is the page itself.

    The address is only ever compared with the names of files that are there, so none can lead out of the folder.
    """
    name = request.url.path.removeprefix("/") or "index.html"
    files = {
        path.relative_to(folder).as_posix(): path
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink()
    }
    path = files.get(name)
    if path is None or path.suffix not in TYPES:
        return _not_built() if name == "index.html" else problem(404, "input", "there is no such page")
    content = path.read_bytes()
    tag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache"}  # kept by the browser, asked for by its tag
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=TYPES[path.suffix], headers=headers)


def _not_built() -> Response:
    return plain_page(
        "The page is not built yet",
        [
            "The server works, but the page that it should show is missing from this installation.",
            "In a clone of the project `make lab` builds it and starts again. With pip, `pip install .` builds it too.",
        ],
        404,
    )

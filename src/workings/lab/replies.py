"""How answers are sent: JSON, numbers as they lie in memory, files to keep, and problems in plain words."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
from starlette.responses import Response


class Json(Response):
    """A JSON document; numbers that are none (NaN, infinity) become null."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """The document's bytes."""
        return orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY)


def problem(status: int, kind: str, sentence: str) -> Response:
    """What went wrong, in one sentence."""
    return Json({"error": sentence, "kind": kind}, status)


def numbers(array: np.ndarray, **headers: int) -> Response:
    """Little-endian float32, row by row."""
    return Response(
        array.tobytes(),
        media_type="application/octet-stream",
        headers={f"X-{name.capitalize()}": str(value) for name, value in headers.items()},
    )


def file(content: bytes, name: str, media_type: str) -> Response:
    """A file to be kept."""
    return Response(content, media_type=media_type, headers={"Content-Disposition": f'attachment; filename="{name}"'})


def shortest(array: np.ndarray) -> Any:
    """Numbers as lists of the shortest writing that gives back the very float32, a third of the letters of a float64."""
    written = np.array([float(str(number)) for number in np.asarray(array, np.float32).ravel()])
    return written.reshape(np.shape(array)).tolist()

"""What lies right of the diagonal takes no part, not even where it is infinite or no number at all: 0 times NaN is NaN.

Products check what they made, and only where that is not finite are rows worked out once more, each with its own columns.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

Array = np.ndarray


def of_the_past(
    kind: str, body: Callable[..., Any], fill: float | None, first_fill: float | None = None
) -> tuple[Callable[..., Any], bool]:
    """The body of a primitive that keeps to this rule, and whether it takes `first_row`.

    `fill` is what stands right of the diagonal in what it gives, `first_fill` what stands there in its first input.
    """
    if kind == "matmul" and first_fill == 0.0:
        return product_of_past, True
    if kind in ("multiply", "divide", "exp", "largest") and fill == 0.0:
        return _future_cleared(body), True
    return body, kind in ("keep_past", "positions")


def product_of_past(a: Array, b: Array, first_row: int = 0, out: Array | None = None) -> Array:
    """`a @ b`, where `a` is 0 right of the diagonal: row i takes no part of b's rows after position `first_row` + i."""
    made = np.matmul(a, b, out=out)
    if made.shape[-2] > 1 and not np.isfinite(made).all():
        _mend(made, a, b, first_row)
    return made


def _mend(made: Array, a: Array, b: Array, first_row: int) -> None:
    """Work out the rows that something after them spoilt, with their own columns."""
    spoilt, bad = _not_finite_rows(made), _not_finite_rows(b)
    last = int(bad[-1]) if len(bad) else 0
    for row in spoilt[first_row + spoilt < last]:
        past = first_row + int(row) + 1
        made[..., row : row + 1, :] = np.matmul(a[..., row : row + 1, :past], b[..., :past, :])


def _not_finite_rows(x: Array) -> Array:
    """Which rows hold a number that is not finite, in any sheet of a stack."""
    finite = np.isfinite(x).all(axis=-1)
    return np.flatnonzero(~finite.reshape(-1, finite.shape[-1]).all(axis=0))


def clear_future(x: Array, fill: float, first_row: int) -> None:
    """Write the fill right of the diagonal, in place; `first_row` is the position of the first row."""
    rows, width = x.shape[-2:]
    later = np.arange(width) > np.arange(first_row, first_row + rows)[:, None]
    np.copyto(x, x.dtype.type(fill), where=later)


def _future_cleared(body: Callable[..., Any]) -> Callable[..., Any]:
    """A primitive's body whose result is 0 right of the diagonal, whatever its inputs hold there."""

    @wraps(body)
    def run(*inputs: Any, first_row: int, **options: Any) -> Any:
        made = body(*inputs, **options)
        if not np.isfinite(made).all():
            clear_future(made, 0.0, first_row)
        return made

    return run

"""What people give as whole numbers, counts, positions and lists of prompts: checked in one place, with one kind of message."""

from __future__ import annotations

import os
from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any, TypeGuard

from workings.errors import InputError, OutsideTable, WorkingsError


def is_whole(given: Any) -> TypeGuard[int]:
    """Whether it is a whole number, Python's or NumPy's; True and False are none."""
    return isinstance(given, Integral) and not isinstance(given, bool)


def is_number(given: Any) -> TypeGuard[float]:
    """Whether it is a number, Python's or NumPy's; True and False are none."""
    return isinstance(given, Real) and not isinstance(given, bool)


def whole(what: str, given: Any, least: int, most: int | None = None) -> int:
    """A whole number from `least` to `most`. Raises `InputError`, which says `what` it is of."""
    if is_whole(given) and least <= given and (most is None or given <= most):
        return int(given)
    limits = f"from {least} to {most}" if most is not None else f"of at least {least}"
    raise InputError(f"{what} is a whole number {limits}; {given!r:.80} came")


def position_in(given: Any, n_pos: int) -> int:
    """A position, counted from the front; negative ones count from the end. Raises `OutsideTable`."""
    if is_whole(given) and -n_pos <= given < n_pos:
        return int(given) % n_pos
    raise OutsideTable(
        f"there is no position {given!r:.80}: the prompt has the positions 0 to {n_pos - 1}, and negative ones count from the end"
    )


def prompts_in(given: Any, what: str = "prompts") -> list[Any]:
    """Several prompts, as a list. Raises `InputError` for a single text, which would be read letter by letter, and for what is no list."""
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise InputError(f"{what} is a list of prompts, such as [{'Mike is'!r}]; {given!r:.80} came")
    return list(given)


def path_like(given: Any, what: str, error: type[WorkingsError] = InputError) -> str | os.PathLike[str]:
    """The name of a file, a folder or a model. Raises `error` for what is no text and no path."""
    if isinstance(given, str | os.PathLike):
        return given
    raise error(f"{what} is given as text; {given!r:.80} came")

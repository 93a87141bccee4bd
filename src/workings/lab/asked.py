"""What a request asks for: its query, read part by part, each mistake in a plain sentence."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping

from workings.errors import InputError, OutsideTable
from workings.lab.refusals import Abandoned, TooMuch

_WHOLE = re.compile(r"-?\d{1,9}")
_SPAN = re.compile(r"(\d{1,9})?:(\d{1,9})?")


class Asker:
    """Whoever asked, for as long as an answer takes; the server says when they have gone."""

    gone = False

    def check(self) -> None:
        """Go on, if somebody still waits for the answer. Raises `Abandoned`; long work asks now and then."""
        if self.gone:
            raise Abandoned("the lab is closing, or nobody waits for this answer any more")


class Query:
    """The parameters of a request, and who asks."""

    def __init__(self, given: Mapping[str, str], asker: Asker | None = None) -> None:
        self.given, self.asker = given, asker or Asker()

    def text(self, name: str, most: int = 1000) -> str:
        """A text that must be there."""
        text = self.given.get(name)
        if text is None:
            raise InputError(f"this request needs {name}=")
        if len(text) > most:
            raise TooMuch(f"{name} has at most {most:,} characters; {len(text):,} came")
        return text

    def whole(self, name: str, default: int | None = None, least: int = 0, most: int = 2**31) -> int:
        """A whole number; `default` where it is left out."""
        if default is not None and name not in self.given:
            return default
        text = self.text(name)
        if not _WHOLE.fullmatch(text) or not least <= int(text) <= most:
            raise InputError(f"{name} is a whole number from {least} to {most}; {text[:40]!r} came")
        return int(text)

    def choice(self, name: str, among: Iterable[str]) -> str:
        """One of some words; the first of them where it is left out."""
        words = list(among)
        found = self.given.get(name, words[0])
        if found not in words:
            raise InputError(f"{name} is {' or '.join(words)}; {found[:40]!r} came")
        return found

    def number(self, name: str, default: float) -> float:
        """A number of at least 0; `default` where it is left out."""
        text = self.given.get(name, "")
        try:
            found = float(text) if text else default
        except ValueError:
            found = math.nan
        if not 0 <= found < math.inf:
            raise InputError(f"{name} is a number of at least 0; {text[:40]!r} came")
        return found

    def signed(self, name: str, default: float | None = None) -> float:
        """A finite number, which may be below 0; `default` where it is left out."""
        if default is not None and name not in self.given:
            return default
        text = self.text(name)
        try:
            found = float(text)
        except ValueError:
            found = math.nan
        if not math.isfinite(found):
            raise InputError(f"{name} is a finite number, and may be below 0; {text[:40]!r} came")
        return found

    def positions(self, name: str, size: int) -> int | slice:
        """Positions of a prompt: one of them, `3`, or a stretch of them, `3:5` or `3:`; all of them where left out."""
        text = self.given.get(name, ":")
        found = _SPAN.fullmatch(text)
        if found:
            return slice(*(int(part) if part else None for part in found.groups()))
        return self.whole(name, most=size - 1)

    def index(self) -> tuple[int, ...]:
        """The place of one number: whole numbers with commas between them."""
        parts = self.text("index").split(",")
        if not all(_WHOLE.fullmatch(part) for part in parts):
            raise InputError(
                f"index is whole numbers with commas between them, such as 1,2,3; {self.text('index')[:40]!r} came"
            )
        return tuple(map(int, parts))

    def span(self, name: str, size: int) -> tuple[int, int]:
        """Places `a:b` on an axis of this size: all of it where left out; a span that is open or too long ends with the axis."""
        text = self.given.get(name, ":")
        found = _SPAN.fullmatch(text)
        if not found:
            raise InputError(f"{name} is a span such as 0:20; {text[:40]!r} came")
        start, stop = int(found[1] or 0), min(int(found[2] or size), size)
        if not start < stop:
            raise OutsideTable(f"{name}={text}: this axis runs from 0 to {size - 1}, and none of it lies in that span")
        return start, stop

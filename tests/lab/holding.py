"""Answers that are held back, and let go when a test says so: to have them come in any order."""

from __future__ import annotations

import re
from typing import Any

from browsing import Visit, until


class Held:
    """Questions to the lab whose path and query match a pattern, and that wait to be let through."""

    def __init__(self, visit: Visit, pattern: str) -> None:
        self.page, self.waiting = visit.page, list[Any]()
        self.pattern = re.compile(pattern)
        self.holding = True
        self.page.route(self.pattern, self._asked)

    def _asked(self, route: Any) -> None:
        if self.holding:
            self.waiting.append(route)
        else:
            route.continue_()

    def came(self, count: int = 1) -> None:
        """Wait until so many were asked."""

        def enough() -> bool:
            self.page.evaluate("0")  # lets the browser tell of them
            return len(self.waiting) >= count

        until(enough, f"{count} questions like {self.pattern.pattern} were asked")

    def release(self, **answer: Any) -> None:
        """Let all through, those that come later too; or have them answered like this."""
        self.holding = False
        for route in self.waiting:
            route.fulfill(**answer) if answer else route.continue_()
        self.waiting.clear()

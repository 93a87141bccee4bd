"""Work in threads, so that no request waits for another's; who waits for it, and what becomes of it when the lab closes."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any
from weakref import WeakSet

from workings.lab.asked import Asker

N_THREADS = 16


class Work:
    """The threads that answer."""

    def __init__(self) -> None:
        self.threads = ThreadPoolExecutor(N_THREADS, thread_name_prefix="lab")
        self.closed = False
        self._askers: WeakSet[Asker] = WeakSet()
        self._doing: set[Future[Any]] = set()

    def asker(self) -> Asker:
        """Somebody who waits for an answer, until they go or the lab closes."""
        asker = Asker()
        asker.gone = self.closed
        self._askers.add(asker)
        return asker

    def begin(self, work: Callable[..., Any], *given: Any) -> asyncio.Future[Any]:
        """What comes of working in a thread."""
        doing = self.threads.submit(work, *given)
        self._doing.add(doing)
        doing.add_done_callback(self._doing.discard)
        return asyncio.wrap_future(doing)

    def close(self) -> None:
        """Tell everyone who works that nobody waits any more."""
        self.closed = True
        for asker in list(self._askers):
            asker.gone = True

    def ends(self, seconds: float) -> bool:
        """Whether all work is over within so many seconds."""
        return not concurrent.futures.wait(set(self._doing), seconds).not_done

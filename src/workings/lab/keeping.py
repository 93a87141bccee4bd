"""The last few things that were worked out, for many threads."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class LastFew(Generic[K, T]):
    """Things by what they were asked for with; the least used goes when there are more than `most`, or they are too large."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._lock = Lock()
        self._kept: OrderedDict[K, T] = OrderedDict()

    def get(self, key: K) -> T | None:
        """What is kept under this key, now the most lately used."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def latest(self, fits: Callable[[K], bool]) -> T | None:
        """The last used of those whose keys fit."""
        with self._lock:
            return next((self._kept[key] for key in reversed(self._kept) if fits(key)), None)

    def put(self, key: K, thing: T) -> T:
        """Keep a thing; gives the one that somebody else has put there meanwhile, if so."""
        with self._lock:
            thing = self._kept.setdefault(key, thing)
            self._kept.move_to_end(key)
            while len(self._kept) > self.most:
                self._kept.popitem(last=False)
            return thing

    def shrink(self, size: Callable[[T], int], most: int) -> int:
        """Let the least used go until all together are no larger than `most`, but never the last used; gives their size."""
        with self._lock:
            while (total := sum(map(size, self._kept.values()))) > most and len(self._kept) > 1:
                self._kept.popitem(last=False)
            return total

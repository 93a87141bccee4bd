"""Keeping freed memory for the next tables, instead of handing it back and having every page cleared again.

Tracing the same length twice needs the same memory twice. By default it is returned to the system in between, and
clearing its pages anew takes a third of the time of a trace (docs/decisions.md).
"""

from __future__ import annotations

import ctypes
import math
import os
import sys
from functools import cache
from threading import RLock
from typing import Any

import numpy as np


def physical_bytes() -> int:
    """The machine's memory, 8 GB where the system does not say."""
    if "SC_PHYS_PAGES" in getattr(os, "sysconf_names", {}):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return 8 << 30


KEPT_BYTES = min(2 << 30, physical_bytes() // 12)
"""How much freed memory the process keeps at most, in glibc and in the pool each."""
LARGE = 32 << 20
"""Arrays from this many bytes on come from the pool: glibc keeps none that are larger."""
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # from glibc's malloc.h


@cache
def keep_freed_memory() -> bool:
    """Ask glibc to keep freed memory at hand; False where the C library is another one."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, LARGE) and mallopt(_M_TRIM_THRESHOLD, min(KEPT_BYTES, 1 << 30)))


class Pool:
    """Large pieces of memory that nobody uses at the moment, the last used first."""

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self.free: list[np.ndarray] = []
        self.lock = RLock()  # a loan may end, by garbage collection, in the middle of these very lines

    def take(self, n_bytes: int) -> np.ndarray:
        """A piece of exactly so many bytes, old or new."""
        with self.lock:
            for place in reversed(range(len(self.free))):
                if self.free[place].nbytes == n_bytes:
                    return self.free.pop(place)
        return np.empty(n_bytes, np.uint8)

    def give_back(self, piece: np.ndarray) -> None:
        """Keep a piece for the next one who asks, and let the oldest go where that is too much."""
        with self.lock:
            self.free.append(piece)
            while sum(piece.nbytes for piece in self.free) > self.most_bytes:
                self.free.pop(0)


class _Loan:
    """A piece on loan to an array: it goes back when the array and all views of it are gone."""

    def __init__(self, pool: Pool, shape: tuple[int, ...], dtype: np.dtype) -> None:
        self.pool, self.piece = pool, pool.take(math.prod(shape) * dtype.itemsize)
        self.__array_interface__: dict[str, Any] = {
            "shape": shape,
            "typestr": dtype.str,
            "data": (self.piece.ctypes.data, False),
            "version": 3,
        }

    def __del__(self) -> None:
        self.pool.give_back(self.piece)


POOL = Pool(KEPT_BYTES)


def room(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """An array to be written, like `np.empty`; a large one takes memory that an earlier one gave back."""
    if math.prod(shape) * dtype.itemsize < LARGE:
        return np.empty(shape, dtype)
    return np.asarray(_Loan(POOL, shape, dtype))

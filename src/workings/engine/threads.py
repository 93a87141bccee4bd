"""Sharing element-wise work out over threads. NumPy lets go of Python's lock while it computes, so threads suffice."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise

WORTH_SHARING = 1 << 16
"""Fewer numbers than this are done sooner by one thread than handed to two."""


@cache
def n_threads() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max(1, n_threads() - 1), thread_name_prefix="workings", initializer=_say_nothing)


def _say_nothing() -> None:
    """A thread does not take over what its caller told NumPy: numbers that overflow are said by whoever shows them."""
    import numpy as np  # not before: how many cores it takes is decided when it is loaded

    np.seterr(all="ignore")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)  # a forked process has none of its parent's threads


def share(work: Callable[[int, int], None], n_rows: int, n_numbers: int) -> None:
    """Call `work(start, stop)` so that all rows are covered, by several threads where it is worth it."""
    pieces = min(n_threads(), n_rows) if n_numbers >= WORTH_SHARING else 1
    if pieces <= 1:
        work(0, n_rows)
        return
    cuts = [n_rows * piece // pieces for piece in range(pieces + 1)]
    waiting = [_pool().submit(work, start, stop) for start, stop in pairwise(cuts[1:])]
    work(cuts[0], cuts[1])
    for other in waiting:
        other.result()

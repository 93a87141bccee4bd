"""Keeping freed memory for the next tables, instead of handing it back and having every page cleared again."""

from __future__ import annotations

import ctypes
import sys
from functools import cache

KEPT_BYTES = 1 << 30
"""How much freed memory the process keeps at most."""
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # from glibc's malloc.h
_LARGEST_IN_HEAP = 32 << 20  # the most that glibc takes for its mmap threshold


@cache
def keep_freed_memory() -> bool:
    """Ask glibc to keep freed memory at hand; False where the C library is another one.

    Tracing the same length twice needs the same memory twice. By default glibc returns it to the system in between, and
    clearing its pages anew takes a third of the time of a trace (docs/decisions.md).
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, _LARGEST_IN_HEAP) and mallopt(_M_TRIM_THRESHOLD, KEPT_BYTES))

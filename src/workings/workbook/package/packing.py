"""Compressing pieces on several threads and handing them on in their order, a few at a time.

Each piece becomes deflate blocks that end at a whole byte, so that pieces packed apart can stand one after another.
`isal` (Intel's igzip) packs about four times as fast as zlib, and lets go of Python's lock while it does.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from workings.engine.threads import n_threads

Label = TypeVar("Label")

PIECE = 1 << 20
"""Pieces have about this many bytes: enough to be worth handing over, few enough to stay in a processor's cache."""

MOST_THREADS = 4
"""One thread makes pieces no faster than so many pack them."""

LEVEL = 1
"""igzip's levels 2 and 3 make numbers no smaller; 3 takes twice the time."""

MEMORY = 9
"""The most, which is a few hundred kilobytes a thread."""

FULL_WINDOW, NARROW_WINDOW = -15, -9
"""How far back repetitions are looked for: 32 KiB or 512 bytes, as powers of two; below zero for no header."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes of one part of the package, after the pieces before it.

    Of numbers nothing repeats but the tags around them, and those are near: a narrow window then finds every useful
    repetition, and none of the chance ones further back, which cost more than the digits that they replace.
    """

    content: bytes
    cells: int = 0
    only_numbers: bool = False


def pack(piece: Piece) -> bytes:
    """The piece as deflate blocks, none of them marked as the last."""
    from isal import isal_zlib

    packer = isal_zlib.compressobj(
        LEVEL, isal_zlib.DEFLATED, NARROW_WINDOW if piece.only_numbers else FULL_WINDOW, MEMORY
    )
    return packer.compress(piece.content) + packer.flush(isal_zlib.Z_SYNC_FLUSH)


def packed_in_order(pieces: Iterator[tuple[Label, Piece]]) -> Generator[tuple[Label, Piece, bytes], None, None]:
    """Every piece with its packed bytes; only a few are held at any time."""
    threads = min(n_threads(), MOST_THREADS)
    waiting: deque[tuple[Label, Piece, Future[bytes]]] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix="packing") as pool:
        for label, piece in pieces:
            waiting.append((label, piece, pool.submit(pack, piece)))
            while len(waiting) > 2 * threads or (waiting and waiting[0][2].done()):
                first_label, first_piece, future = waiting.popleft()
                yield first_label, first_piece, future.result()
        for last_label, last_piece, future in waiting:
            yield last_label, last_piece, future.result()

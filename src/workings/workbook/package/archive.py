"""A zip file, written from front to back out of pieces that have been compressed already.

Python's `zipfile` compresses by itself, one thread for all; here the pieces come from several. Sizes and checksums are
filled in when a part ends, so that no part needs a data descriptor. Source: PKWARE, APPNOTE.TXT 6.3.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO

ELSEWHERE = 0xFFFF_FFFF
"""Stands in a 32-bit field whose number is in a 64-bit field elsewhere."""

WIDE_FROM = ELSEWHERE
"""Sizes and places from here on need the 64-bit fields."""

END_OF_PART = b"\x03\x00"
"""An empty last block: what ends a run of deflate blocks of which none says that it is the last."""

DEFLATE, MIDNIGHT, NEW_YEAR_1980 = 8, 0, 0x21
VERSION, VERSION_64_BIT = 20, 45


@dataclass
class _Part:
    name: bytes
    offset: int
    wide: bool  # its header has room for 64-bit sizes
    checksum: int = 0
    size: int = 0
    packed_size: int = 0


class Archive:
    """A zip file being written. `begin` a part, `write` its pieces in order, and so on; `close` ends the last part."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.parts: list[_Part] = []

    def begin(self, name: str, most_bytes: int) -> None:
        """End the part before and begin one of at most `most_bytes`, unpacked."""
        self._end()
        part = _Part(name.encode(), self.file.tell(), wide=most_bytes >= WIDE_FROM)
        self.parts.append(part)
        self.file.write(_local_header(part))

    def write(self, packed: bytes, size: int, checksum: int) -> None:
        """Add a piece: deflate blocks ending at a whole byte, its unpacked size, and the checksum of the part up to here."""
        part = self.parts[-1]
        self.file.write(packed)
        part.packed_size += len(packed)
        part.size += size
        part.checksum = checksum

    def _end(self) -> None:
        if not self.parts:
            return
        part = self.parts[-1]
        self.file.write(END_OF_PART)
        part.packed_size += len(END_OF_PART)
        assert part.wide or max(part.size, part.packed_size) < WIDE_FROM, f"{part.name!r} is larger than foretold"
        after = self.file.tell()
        self.file.seek(part.offset)
        self.file.write(_local_header(part))
        self.file.seek(after)

    def close(self) -> None:
        """End the last part and write the list of all parts."""
        self._end()
        start = self.file.tell()
        for part in self.parts:
            self.file.write(_central_header(part))
        self.file.write(_ending(len(self.parts), start, self.file.tell()))


def _narrow(number: int) -> int:
    return ELSEWHERE if number >= WIDE_FROM else number


def _local_header(part: _Part) -> bytes:
    sizes = (part.packed_size, part.size)
    extra = struct.pack("<HHQQ", 1, 16, part.size, part.packed_size) if part.wide else b""
    return (
        struct.pack(
            "<4s5H3L2H",
            b"PK\x03\x04",
            VERSION_64_BIT if part.wide else VERSION,
            0,
            DEFLATE,
            MIDNIGHT,
            NEW_YEAR_1980,
            part.checksum,
            *((ELSEWHERE, ELSEWHERE) if part.wide else sizes),
            len(part.name),
            len(extra),
        )
        + part.name
        + extra
    )


def _central_header(part: _Part) -> bytes:
    # Both sizes go together, as other writers have them.
    wide = [part.size, part.packed_size] if max(part.size, part.packed_size) >= WIDE_FROM else []
    size, packed_size = (ELSEWHERE, ELSEWHERE) if wide else (part.size, part.packed_size)
    wide += [part.offset] if part.offset >= WIDE_FROM else []
    offset = _narrow(part.offset)
    extra = struct.pack(f"<HH{len(wide)}Q", 1, 8 * len(wide), *wide) if wide else b""
    version = VERSION_64_BIT if part.wide or wide else VERSION
    fixed = struct.pack(
        "<4s6H3L5H2L",
        b"PK\x01\x02",
        version,
        version,
        0,
        DEFLATE,
        MIDNIGHT,
        NEW_YEAR_1980,
        part.checksum,
        packed_size,
        size,
        len(part.name),
        len(extra),
        0,
        0,
        0,
        0,
        offset,
    )
    return fixed + part.name + extra


def _ending(count: int, start: int, end: int) -> bytes:
    size = end - start
    ending = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count, count, _narrow(size), _narrow(start), 0)
    if max(start, size) < WIDE_FROM:
        return ending
    wide = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, VERSION_64_BIT, VERSION_64_BIT, 0, 0, count, count, size, start)
    return wide + struct.pack("<4sLQL", b"PK\x06\x07", 0, end, 1) + ending

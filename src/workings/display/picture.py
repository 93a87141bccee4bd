"""A sheet of shares as a PNG that stands in the page itself: one blue of different strengths, for light and dark paper."""

from __future__ import annotations

import zlib
from base64 import b64encode

import numpy as np

Array = np.ndarray

INK = (72, 136, 206)
LARGEST = 256
"""Dots along a side; in larger sheets a dot stands for several cells."""


def as_address(sheet: Array) -> tuple[str, int]:
    """The address (`data:`) of a picture of shares of 0 to 1 [row, column], and how many cells a dot is wide."""
    wide = max(1, -(-max(sheet.shape) // LARGEST))
    strengths = np.nan_to_num(np.clip(_largest_of(sheet, wide), 0, 1)) ** 0.6
    return "data:image/png;base64," + b64encode(_png(np.round(strengths * 255).astype(np.uint8))).decode(), wide


def _largest_of(sheet: Array, wide: int) -> Array:
    """The largest number of every `wide` × `wide` cells."""
    rows, columns = (-(-size // wide) for size in sheet.shape)
    padded = np.zeros((rows * wide, columns * wide), np.float32)
    padded[: sheet.shape[0], : sheet.shape[1]] = sheet
    return padded.reshape(rows, wide, columns, wide).max(axis=(1, 3))


def _png(strengths: Array) -> bytes:
    """A PNG with a palette of 256 strengths of one ink. Format: W3C, PNG specification, section 5."""
    height, width = strengths.shape
    lines = np.concatenate([np.zeros((height, 1), np.uint8), strengths], axis=1)  # a 0 before each line: no filter
    chunks = [
        (b"IHDR", width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([8, 3, 0, 0, 0])),
        (b"PLTE", bytes(INK) * 256),
        (b"tRNS", bytes(range(256))),
        (b"IDAT", zlib.compress(lines.tobytes(), 9)),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big") for kind, body in chunks
    )

"""How byte-level vocabularies write bytes as letters, and how bytes are written for people."""

from __future__ import annotations

import re
from functools import cache


@cache
def byte_letters() -> dict[int, str]:
    """Give the letter that byte-level vocabularies write for every byte: itself if it prints."""
    printing = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = [byte for byte in range(256) if byte not in printing]
    return {byte: chr(byte) for byte in printing} | {byte: chr(256 + n) for n, byte in enumerate(others)}


@cache
def _letter_bytes() -> dict[str, int]:
    return {letter: byte for byte, letter in byte_letters().items()}


def bytes_of_letters(token: str) -> bytes:
    """The bytes that a token of a byte-level vocabulary stands for."""
    bytes_of = _letter_bytes()
    # A token with anything else in it stands for itself, as in the library's decoder.
    return bytes(map(bytes_of.__getitem__, token)) if all(c in bytes_of for c in token) else token.encode()


_COULD_BE_TAKEN_FOR_A_BYTE = re.compile(r"\\+(?=x[0-9a-f]{2}|[\udc80-\udcff])")


def readable(raw: bytes) -> str:
    """Write bytes as text, parts of characters in hexadecimal, and different bytes always differently."""
    text = raw.decode("utf-8", errors="surrogateescape")
    if "\\" in text:
        text = _COULD_BE_TAKEN_FOR_A_BYTE.sub(lambda found: found[0] * 2, text)
    return text.encode("utf-8", errors="surrogateescape").decode("utf-8", errors="backslashreplace")

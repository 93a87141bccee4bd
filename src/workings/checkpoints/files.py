"""Reading small files with clear errors, and writing files that appear whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from workings.errors import CheckpointError, InputError


def read_text(path: Path) -> str:
    """A UTF-8 file, or a `CheckpointError`."""
    try:
        return path.read_bytes().decode("utf-8")
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error}.") from error
    except UnicodeDecodeError as error:
        raise CheckpointError(f"{path} should be UTF-8 text, but is not: {error}. Copy it again.") from None


def read_json(path: Path) -> dict[str, Any]:
    """A JSON file that holds an object, or a `CheckpointError`."""
    import orjson

    try:
        content = orjson.loads(read_text(path))
    except orjson.JSONDecodeError as error:
        raise CheckpointError(
            f"{path} should be JSON, but is not: {error}. It may have been cut short; copy it again."
        ) from None
    if not isinstance(content, dict):
        raise CheckpointError(f"{path} should hold a JSON object, but holds {type(content).__name__}.")
    return content


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it appears whole or not at all."""
    replace_file(path, lambda part: part.write_bytes(content))


def make_folder(folder: Path) -> None:
    """Make a folder, and those that it lies in, if it is not there. Raises `InputError` where it cannot be made."""
    with said_of(folder):
        folder.mkdir(parents=True, exist_ok=True)


@contextmanager
def said_of(path: Path) -> Iterator[None]:
    """What goes wrong in writing, as an `InputError` of the place that was asked for, not of the unfinished file beside it."""
    try:
        yield
    except OSError as error:
        parent = path.absolute().parent
        reason = f"there is no folder {parent}" if isinstance(error, FileNotFoundError) else error.strerror or error
        raise InputError(f"{path} cannot be written: {reason}; choose another place") from None


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def replace_file(path: Path, write: Callable[[Path], Any]) -> None:
    """Have `write(part)` write a file beside `path`, then put it in its place in one go."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        write(part)
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.chmod(0o666 & ~_umask())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)

"""Safetensors files as NumPy arrays that stay on disk until they are read.

The `safetensors` library checks a file but copies every tensor that it gives to NumPy; here the tensors are views of
the memory-mapped file, so that loading costs nothing and several processes share one copy. Format:
8 bytes of header length, a JSON header, then the numbers.
"""

from __future__ import annotations

import json
import mmap
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from workings.checkpoints.files import replace_file
from workings.errors import CheckpointError

Array = np.ndarray

_TYPES = {"F64": np.float64, "F32": np.float32, "F16": np.float16, "BF16": np.uint16}


def read_safetensors(path: Path, skip: Callable[[str], bool]) -> dict[str, Array]:
    """The tensors of one file by name: float32 and float64 as views of the file, half precision widened to float32.

    Tensors whose name `skip` says yes to are left out. Raises `CheckpointError` for a file that is truncated, corrupt
    or holds tensors of other types.
    """
    header, start = _checked_header(path)
    with path.open("rb") as file:
        content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    return {name: _tensor(path, name, entry, content, start) for name, entry in header.items() if not skip(name)}


def _checked_header(path: Path) -> tuple[dict[str, Any], int]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy"):  # checks lengths, offsets, overlaps and JSON
            pass
    except (SafetensorError, OSError) as error:
        raise CheckpointError(
            f"{path} is not a whole safetensors file ({error}); it may be truncated or damaged, so copy or download it again"
        ) from None
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
    header.pop("__metadata__", None)
    return header, 8 + length


def _tensor(path: Path, name: str, entry: dict[str, Any], content: mmap.mmap, start: int) -> Array:
    kind = _TYPES.get(entry["dtype"])
    if kind is None:
        raise CheckpointError(f"{path}: tensor {name} has type {entry['dtype']}; expected one of {', '.join(_TYPES)}")
    low, high = entry["data_offsets"]
    count = (high - low) // np.dtype(kind).itemsize
    array = np.frombuffer(content, kind, count, start + low).reshape(entry["shape"])
    if entry["dtype"] == "BF16":
        return (array.astype(np.uint32) << 16).view(np.float32)
    if entry["dtype"] == "F16":
        return array.astype(np.float32)
    return array if array.flags.aligned else array.copy()


def write_safetensors(path: Path, tensors: Mapping[str, Array]) -> None:
    """Write tensors to a file that appears whole or not at all."""
    from safetensors.numpy import save_file

    def write(part: Path) -> None:
        save_file(
            {name: np.ascontiguousarray(array) for name, array in tensors.items()}, part, metadata={"format": "pt"}
        )

    replace_file(path, write)

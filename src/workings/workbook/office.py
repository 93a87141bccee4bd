"""LibreOffice, started in the background: opens a workbook, works it out, and tells what its cells hold.

LibreOffice is spoken to by its own interface (UNO), whose Python module belongs to LibreOffice's or the system's
Python. So `office_worker.py` runs there, and is told what to do by lines of JSON.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any

from workings.errors import MissingExtra, WorkingsError

CellValue = float | str


class CellError(str):
    """What a cell shows that cannot be worked out, such as `#VALUE!`."""

    __slots__ = ()


class OfficeError(WorkingsError):
    """LibreOffice could not be started, or could not do what it was asked."""


class Office:
    """A LibreOffice of our own, with one workbook open at a time. Use it in a `with` statement.

    Rows and columns count from 0. Errors: `MissingExtra` where LibreOffice or its Python module is not installed,
    `OfficeError` where it fails.
    """

    def __init__(self, seconds: float = 120) -> None:
        """Start LibreOffice; it is given up if it does not answer within so many seconds."""
        soffice, python = find_office()
        self._folder = tempfile.TemporaryDirectory(prefix="workings-office-")
        worker = Path(__file__).with_name("office_worker.py")
        self._process = subprocess.Popen(
            [python, str(worker), soffice, self._folder.name, str(seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={name: value for name, value in os.environ.items() if not name.startswith("PYTHON")},
        )
        self._answer()

    def open(self, path: str | os.PathLike[str]) -> None:
        """Open a workbook in place of the one before and work every formula out anew, whatever values it came with."""
        self._ask("open", url=Path(path).absolute().as_uri())

    def names(self) -> dict[str, str]:
        """The names that are defined in the workbook, and what they stand for."""
        return self._ask("names")

    def set(self, page: str, row: int, column: int, value: float | str) -> None:
        """Put a number or a text into a cell, and work out what follows. A text that begins with "=" stays a text."""
        self._ask("set", page=page, row=row, column=column, value=value)

    def set_formula(self, page: str, row: int, column: int, formula: str) -> None:
        """Put a formula into a cell, in English and with its "=", arguments parted by semicolons."""
        self._ask("set_formula", page=page, row=row, column=column, formula=formula)

    def values(self, page: str, row: int, column: int, rows: int = 1, columns: int = 1) -> list[list[CellValue]]:
        """What a rectangle of cells holds: numbers, texts (empty for empty cells), `CellError`."""
        answer = self._ask("values", page=page, row=row, column=column, rows=rows, columns=columns)
        table: list[list[CellValue]] = answer["values"]
        for at_row, at_column, shown in answer["errors"]:
            table[at_row][at_column] = CellError(shown)
        return table

    def value(self, page: str, row: int, column: int) -> CellValue:
        """What one cell holds."""
        return self.values(page, row, column)[0][0]

    def close(self) -> None:
        """End LibreOffice and remove what it wrote."""
        if self._process.poll() is None:
            assert self._process.stdin
            self._process.stdin.close()
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        assert self._process.stdout
        self._process.stdout.close()
        self._folder.cleanup()

    def __enter__(self) -> Office:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ask(self, what: str, **details: Any) -> Any:
        assert self._process.stdin
        try:
            self._process.stdin.write(json.dumps({"do": what, **details}).encode() + b"\n")
            self._process.stdin.flush()
        except OSError as error:
            raise OfficeError(f"LibreOffice has ended ({error}); it was to {what}.") from error
        return self._answer()

    def _answer(self) -> Any:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            self.close()
            raise OfficeError("LibreOffice has ended without an answer.")
        answer = json.loads(line)
        if "error" in answer:
            raise OfficeError(f"LibreOffice: {answer['error']}")
        return answer["answer"]


@cache
def find_office() -> tuple[str, str]:
    """Where LibreOffice is, and a Python that can speak to it. Errors: `MissingExtra` where either is missing."""
    soffice = shutil.which("soffice") or shutil.which("libreoffice")
    if soffice is None:
        raise MissingExtra("LibreOffice is not installed: there is no `soffice` on the path. Debian: libreoffice-calc.")
    beside = Path(soffice).resolve().parent
    candidates = [beside / "python", beside / "python.exe", Path("/usr/bin/python3"), Path(sys.executable)]
    for python in candidates:
        if python.exists() and subprocess.run([python, "-c", "import uno"], capture_output=True).returncode == 0:
            return soffice, str(python)
    raise MissingExtra(f"No Python here has LibreOffice's module `uno` ({soffice} is there). Debian: python3-uno.")

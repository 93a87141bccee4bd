"""Runs under LibreOffice's or the system's Python: does what `office.py` asks, one line of JSON after another.

python3 office_worker.py SOFFICE FOLDER SECONDS
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import Any

ERRORS = 4  # com.sun.star.sheet.FormulaResult.ERROR


class Worker:
    """One LibreOffice and the workbook that is open in it; `office.py` says what every method does."""

    def __init__(self, soffice: str, folder: str, seconds: float) -> None:
        import uno

        pipe = f"workings{os.getpid()}"
        options = ["--headless", "--invisible", "--norestore", "--nologo", "--nodefault", "--nolockcheck"]
        profile = "-env:UserInstallation=" + uno.systemPathToFileUrl(folder)
        self.process = subprocess.Popen(
            [soffice, *options, profile, f"--accept=pipe,name={pipe};urp;"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        here = uno.getComponentContext()
        resolver = here.ServiceManager.createInstanceWithContext("com.sun.star.bridge.UnoUrlResolver", here)
        until = time.monotonic() + seconds
        while True:
            try:
                there = resolver.resolve(f"uno:pipe,name={pipe};urp;StarOffice.ComponentContext")
                break
            except Exception as error:
                if time.monotonic() > until or self.process.poll() not in (None, 0):
                    self.process.kill()
                    raise RuntimeError(f"it did not start within {seconds:g} seconds") from error
                time.sleep(0.1)
        self.desktop = there.ServiceManager.createInstanceWithContext("com.sun.star.frame.Desktop", there)
        self.document: Any = None

    def open(self, url: str) -> None:
        """Open a workbook and work it out."""
        if self.document is not None:
            self.document.close(True)
            self.document = None
        import uno

        hidden = uno.createUnoStruct("com.sun.star.beans.PropertyValue")
        hidden.Name, hidden.Value = "Hidden", True
        self.document = self.desktop.loadComponentFromURL(url, "_blank", 0, (hidden,))
        if self.document is None or not hasattr(self.document, "Sheets"):
            raise ValueError(f"it cannot open {url} as a workbook")
        self.document.calculateAll()

    def names(self) -> dict[str, str]:
        """The defined names."""
        return {area.Name: area.Content for area in self.document.NamedRanges}

    def set(self, page: str, row: int, column: int, value: float | str) -> None:
        """Fill a cell."""
        cell = self._cell(page, row, column)
        if isinstance(value, str):
            cell.setString(value)
        else:
            cell.setValue(value)

    def set_formula(self, page: str, row: int, column: int, formula: str) -> None:
        """Fill a cell with a formula."""
        self._cell(page, row, column).setFormula(formula)

    def values(self, page: str, row: int, column: int, rows: int, columns: int) -> dict[str, list]:
        """What cells hold, and which of them show errors."""
        area = self.document.Sheets.getByName(page).getCellRangeByPosition(
            column, row, column + columns - 1, row + rows - 1
        )
        values = [[0.0 if value is None else value for value in line] for line in area.getDataArray()]
        errors = []
        for found in area.queryFormulaCells(ERRORS).getRangeAddresses():
            for at_row in range(found.StartRow, found.EndRow + 1):
                for at_column in range(found.StartColumn, found.EndColumn + 1):
                    shown = self._cell(page, at_row, at_column).getString()
                    errors.append((at_row - row, at_column - column, shown))
        return {"values": values, "errors": errors}

    def end(self) -> None:
        """Close the workbook and LibreOffice."""
        try:
            if self.document is not None:
                self.document.close(True)
            self.desktop.terminate()
            self.process.wait(20)
        except Exception:
            self.process.kill()

    def _cell(self, page: str, row: int, column: int) -> Any:
        return self.document.Sheets.getByName(page).getCellByPosition(column, row)


def answer(**what: Any) -> None:
    """Write one line."""
    print(json.dumps(what), flush=True)


def main(soffice: str, folder: str, seconds: str) -> None:
    """Start LibreOffice, and do what is asked until nobody asks any more."""
    try:
        worker = Worker(soffice, folder, float(seconds))
    except Exception as error:
        answer(error=str(error))
        return
    try:
        answer(answer=None)
        for line in sys.stdin:
            details = json.loads(line)
            try:
                answer(answer=getattr(worker, details.pop("do"))(**details))
            except Exception as error:
                answer(error=f"{type(error).__name__}: {error}")
    finally:
        worker.end()


if __name__ == "__main__":
    main(*sys.argv[1:])

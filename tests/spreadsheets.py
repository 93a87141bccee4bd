"""Reading workbooks back: by LibreOffice, which works every formula out anew, and by the letter of their XML."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from zipfile import ZipFile

import pytest

ALWAYS_WORK_OUT = """<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry">
<item oor:path="/org.openoffice.Office.Calc/Formula/Load"><prop oor:name="OOXMLRecalcMode" oor:op="fuse">
<value>0</value></prop></item></oor:items>
"""
"""LibreOffice shows the values in the file as they are, unless it is told otherwise."""


def worked_out_by_libreoffice(path: Path, folder: Path) -> Path:
    """The workbook as LibreOffice saves it after working out every formula."""
    soffice = shutil.which("soffice")
    if soffice is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("LibreOffice (soffice) is not installed")
    settings = folder / "profile" / "user" / "registrymodifications.xcu"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text(ALWAYS_WORK_OUT)
    profile = f"-env:UserInstallation={(folder / 'profile').as_uri()}"
    out = folder / "worked-out"
    convert = ["--headless", "--convert-to", "xlsx:Calc MS Excel 2007 XML", "--outdir", str(out), str(path)]
    subprocess.run([soffice, profile, *convert], check=True, capture_output=True, timeout=300)
    assert (out / path.name).exists(), "LibreOffice could not open it"
    return out / path.name


def unescaped(text: str | None) -> str:
    """Text as a spreadsheet shows it: openpyxl leaves `_xHHHH_` as it stands."""
    return re.sub("_x([0-9A-Fa-f]{4})_", lambda found: chr(int(found[1], 16)), text or "")


def part(path: Path, name: str) -> str:
    """One part of the package."""
    with ZipFile(path) as package:
        return package.read(name).decode()

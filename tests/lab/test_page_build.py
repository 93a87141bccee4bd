"""What holds the page together: it is in the wheel, its script is small, its types fit, and no file is long."""

from __future__ import annotations

import gzip
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from browsing import FRONTEND, missing

from workings.lab.static import PAGE

ROOT = Path(__file__).parents[2]


def test_the_script_stays_under_60_kilobytes() -> None:
    if not PAGE.is_dir():
        missing("the page is not built (make page builds it)")
    assert len(gzip.compress((PAGE / "page.js").read_bytes(), 9)) < 60_000


def test_the_page_asks_for_nothing_from_elsewhere() -> None:
    if not PAGE.is_dir():
        missing("the page is not built (make page builds it)")
    for path in PAGE.iterdir():
        named = re.findall(r"https?://[^\s\"'`)]+", path.read_text())
        assert all(address.startswith("http://www.w3.org/") for address in named), (path.name, named)


def test_the_lock_file_names_no_registry_but_the_usual_one() -> None:
    hosts = re.findall(r"https?://([^/\"]+)/[^\"]*\.tgz", (FRONTEND / "package-lock.json").read_text())
    assert set(hosts) <= {"registry.npmjs.org"}


def test_no_file_of_the_page_is_long() -> None:
    long = [path.name for path in FRONTEND.rglob("source/*.ts") if len(path.read_text().splitlines()) > 300]
    assert not long


def test_the_types_of_the_page_fit() -> None:
    checker = FRONTEND / "node_modules/typescript/bin/tsc"
    node = shutil.which("node")
    if not node or not checker.is_file():
        pytest.skip("the types are checked where Node is installed, and whenever the page is built for development")
    done = subprocess.run([node, str(checker), "--noEmit"], cwd=FRONTEND, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout


def test_the_wheel_holds_the_page_and_not_what_it_is_made_from(tmp_path: Path) -> None:
    pytest.importorskip("hatchling")
    if not PAGE.is_dir():
        missing("the page is not built (make page builds it)")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {f"workings/lab/page/{name}" for name in ("index.html", "page.js", "style.css", "icon.svg")} <= names
    assert not any("frontend" in name for name in names)

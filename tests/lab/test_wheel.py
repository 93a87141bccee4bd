"""What pip installs: a wheel, put into an environment of its own, serves the whole page without the sources."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browsing import Visit, missing

from workings.lab.static import PAGE

ROOT = Path(__file__).parents[2]


def run(*command: str | Path, cwd: Path) -> None:
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel in it; what it depends on is lent from here, since tests have no network."""
    pytest.importorskip("hatchling")
    if not PAGE.is_dir():
        missing("the page is not built (make page builds it)")
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=ROOT)
    run(sys.executable, "-m", "venv", folder / "env", cwd=folder)
    python = folder / "env/bin/python"
    run(python, "-m", "pip", "install", "--no-deps", "--no-index", next(folder.glob("*.whl")), cwd=folder)
    (site,) = folder.glob("env/lib/python*/site-packages")
    (site / "lent.pth").write_text(sysconfig.get_path("purelib"))
    return folder


@pytest.fixture(scope="module")
def address(installed: Path) -> Iterator[str]:
    clean = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    command = [str(installed / "env/bin/workings"), "lab", "storybook", "--no-browser", "--port", "0"]
    lab = subprocess.Popen(command, cwd=installed, env=clean, stdout=subprocess.PIPE, text=True)
    assert lab.stdout is not None
    yield next(line.strip() for line in lab.stdout if "http" in line)
    lab.terminate()
    lab.wait(10)


class Elsewhere:
    """A lab in another process, as `Visit` wants it."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.port = int(re.findall(r":(\d+)", address)[0])


def test_the_package_is_the_wheels_own(installed: Path) -> None:
    told = subprocess.run(
        [str(installed / "env/bin/python"), "-c", "import workings; print(workings.__file__)"],
        cwd=installed,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
    )
    assert told.stdout.startswith(str(installed)), told.stderr


def test_what_comes_with_storybook_is_in_the_wheel(installed: Path) -> None:
    code = "import workings; print(workings.load_sae().config.d_sae, len(workings.TunedLens.load().streams))"
    told = subprocess.run(
        [str(installed / "env/bin/python"), "-c", code],
        cwd=installed,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
    )
    assert told.stdout.split() == ["1024", "7"], told.stderr
    (wheel,) = installed.glob("*.whl")
    lens = [one for one in zipfile.ZipFile(wheel).infolist() if "/storybook/tuned_lens/" in one.filename]
    assert len(lens) == 2 and sum(one.file_size for one in lens) < 300_000


def test_an_installed_wheel_serves_the_page(address: str, browser: Any) -> None:
    visit = Visit(browser, Elsewhere(address)).open()  # type: ignore[arg-type]
    assert visit.next_tokens()[0][1].endswith("99.9%")
    visit.go("blocks.2.attn.pattern[0, 0, 0]")
    assert visit.value() == 1
    visit.close()
    assert not visit.complaints

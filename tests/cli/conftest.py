"""A tiny random model on disk, with and without a tokenizer, and a way to call the command line."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from little import make_model, make_tokenizer
from sheets import start_office
from typer.testing import CliRunner, Result

import workings
from workings.cli.app import app
from workings.workbook.office import Office


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A tiny model with a byte-level tokenizer."""
    path = tmp_path_factory.mktemp("tiny") / "model"
    make_model(make_tokenizer()).save(path)
    return str(path)


@pytest.fixture(scope="session")
def wordless(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A tiny model without a tokenizer."""
    path = tmp_path_factory.mktemp("wordless") / "model"
    make_model(None).save(path)
    return str(path)


@pytest.fixture(scope="session")
def office() -> Iterator[Office]:
    """Give LibreOffice, or skip."""
    with start_office() as office:
        yield office


@pytest.fixture(scope="session")
def model(folder: str) -> workings.Model:
    return workings.load(folder)


Call = Callable[..., Result]


@pytest.fixture
def call() -> Call:
    """Run a verb in this process: `call("run", "Mike is", columns=80)`."""

    def invoke(*words: str, columns: int = 80, **environment: str) -> Result:
        settings = {
            "COLUMNS": str(columns),
            "NO_COLOR": None,
            "FORCE_COLOR": None,
            "TERM": "xterm-256color",
            **environment,
        }
        result = CliRunner().invoke(app, list(words), env=settings, prog_name="workings")
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return invoke


@pytest.fixture
def ask(call: Call) -> Callable[..., Any]:
    """Run a verb with `--json` and give the document."""

    def answer(*words: str) -> Any:
        place = 2 if words[0] in ("sae", "train") else 1  # before a -- that ends the options
        result = call(*words[:place], "--json", *words[place:])
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    return answer


@pytest.fixture
def environment() -> dict[str, str]:
    """The environment for commands that run in a process of their own."""
    source = str(Path(workings.__file__).parents[1])
    return {**os.environ, "PYTHONPATH": source, "HF_HUB_OFFLINE": "1", "OPENBLAS_NUM_THREADS": "1"}

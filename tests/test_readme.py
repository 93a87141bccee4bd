"""What the README tells people to type works, and its pictures of output are what comes out."""

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", README, flags=re.DOTALL)
COMMANDS = [
    line.split("#")[0].removeprefix("$ ").strip()
    for _, block in BLOCKS
    for line in block.splitlines()
    if re.match(r"(\$ )?workings( |$)", line)
]


def typed(command: str) -> str:
    from workings.cli.app import app

    result = CliRunner().invoke(app, shlex.split(command)[1:], env={"COLUMNS": "100", "NO_COLOR": "1"})
    assert result.exit_code == 0, f"{command}: {result.output}"
    return result.output


@pytest.mark.parametrize(
    "command", [command for command in COMMANDS if "gpt2" not in command and command != "workings"]
)
def test_every_command_in_the_readme_works(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert typed(command).strip()


def test_the_python_in_the_readme_runs():
    (code,) = [block for kind, block in BLOCKS if kind == "python"]
    exec(compile(code, "README.md", "exec"), {})


def squeezed(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


def test_the_first_output_in_the_readme_is_what_make_run_shows():
    shown = next(block for kind, block in BLOCKS if kind == "text")
    assert squeezed(shown) == squeezed(typed('workings run "If today is Tuesday, tomorrow is"'))

"""Taking the model home: as a workbook, or in the browser."""

from __future__ import annotations

from typing import Annotated

import typer

from workings.cli.asked import DEFAULT_MODEL, DEFAULT_PROMPT
from workings.cli.verb import open_model, verb


@verb(
    "workings export storybook.xlsx",
    'workings export mike.xlsx --prompt "Mike is quick. He"',
    "workings export storybook.xlsx --force --check",
    "workings export gpt2 gpt2.xlsx --max-tokens 16",
)
def export(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="[MODEL] FILE.xlsx", help="The workbook to write; before it the model, if not storybook."
        ),
    ],
    prompt: Annotated[
        str | None, typer.Option("--prompt", "-p", metavar="TEXT", help="What stands in the prompt's cell at first.")
    ] = None,
    edits: Annotated[
        str | None,
        typer.Option(
            "--edits",
            metavar="FILE",
            help="Saved edits, all of which are in force in the workbook; its pages Surgery and Edits show those of tables.",
        ),
    ] = None,
    max_tokens: Annotated[
        int, typer.Option("--max-tokens", metavar="N", help="How many tokens a prompt may have in the workbook.")
    ] = 16,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if there is one.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Have LibreOffice work it out, and compare every table with the engine.")
    ] = False,
) -> None:
    """Take the whole model home as a spreadsheet of live formulas."""
    from pathlib import Path

    if len(names) > 2:
        raise typer.BadParameter(f"a model and a file, or a file alone; {len(names)} names came: {' '.join(names)}")
    from workings.cli.exporting import export as write

    model, path = names if len(names) == 2 else (DEFAULT_MODEL, names[0])
    write(open_model(model), Path(path), prompt, edits, max_tokens, force, check)


@verb("workings lab", 'workings lab --prompt "Mike is quick. He"', "workings lab gpt2 --no-browser")
def lab(
    model: Annotated[
        str, typer.Argument(metavar="[MODEL]", help="A bundled model, a folder in Hugging Face layout, or a hub name.")
    ] = DEFAULT_MODEL,
    port: Annotated[
        int | None,
        typer.Option("--port", metavar="N", min=0, max=65535, help="The port to listen on; else a free one."),
    ] = None,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Only print the address.")] = False,
    prompt: Annotated[
        str, typer.Option("--prompt", "-p", metavar="TEXT", help="The text to begin with.")
    ] = DEFAULT_PROMPT,
    sae: Annotated[
        str | None,
        typer.Option(
            "--sae", metavar="FOLDER", help="A sparse autoencoder whose features to show; else the model's own."
        ),
    ] = None,
    tuned: Annotated[
        str | None,
        typer.Option("--tuned", metavar="FOLDER", help="A tuned lens to read with, too; else the model's own."),
    ] = None,
) -> None:
    """Open the lab: every number of the model, in the browser."""
    from workings.lab.cores import leave_a_core

    leave_a_core()  # before NumPy is imported
    from workings.cli.features import open_sae
    from workings.cli.lens import open_tuned
    from workings.lab.start import start

    opened = open_model(model)
    given = open_sae(opened, sae) if sae else None
    start(opened, prompt, port, not no_browser, given, open_tuned(opened, tuned) if tuned else None)

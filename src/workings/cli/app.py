"""The program `workings`: what it says when it is called without a verb, and all its verbs, in the order of its help."""

from __future__ import annotations

from typing import Annotated

import typer

from workings import __version__
from workings.cli.streams import prepare_streams
from workings.cli.verb import app, sae_app, train_app
from workings.cli.verbs import analysing, features, reading, taking_home, training

FILES = (reading, analysing, features, taking_home, training)
"""Each has registered its verbs with the program by being imported."""

ORDER = "run generate tokens explain attention heads lens attribution gradient patch knockout steer export lab".split()
"""As the help lists them; groups of verbs come after them."""

app.registered_commands.sort(key=lambda command: ORDER.index(command.callback.__name__ if command.callback else ""))
app.add_typer(sae_app)
app.add_typer(train_app)


def _say_version(asked: bool) -> None:
    if asked:
        print(f"workings {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def welcome(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """A language model that shows its workings: every number of it, and how each came about."""
    if context.invoked_subcommand is None:
        from workings.cli.welcome import show_welcome

        prepare_streams()
        show_welcome()


__all__ = ["app"]

"""What every verb is made of: the program, the groups of verbs, the decorator, and the options that several verbs share."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workings.cli import QUIT_BY_CTRL_C
from workings.cli.asked import DEFAULT_PROMPT, Asked, asked
from workings.cli.hints import in_commands
from workings.cli.streams import complain, prepare_streams
from workings.errors import WorkingsError

if TYPE_CHECKING:
    from workings.checkpoints.model import Model

USERS_MISTAKE = 1

app = typer.Typer(
    name="workings",
    add_completion=False,
    rich_markup_mode=None,  # plain help needs no imports, and so comes at once
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
    epilog="`workings` alone shows what to try first. `workings VERB --help` has examples.",
)


sae_app = typer.Typer(name="sae", help="Look at the features of a sparse autoencoder.", rich_markup_mode=None)
train_app = typer.Typer(name="train", help="Train something that helps to look inside.", rich_markup_mode=None)


def verb(
    *examples: str, under: typer.Typer = app, **settings: Any
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make a function a verb (of a group of them, if `under` one): its examples under its help, a user's mistake as one message."""
    # Without the mark \b the lines of the epilog would be run together.
    epilog = "\n".join(["\b", "Examples:", *(f"  {example}" for example in examples)])

    def register(body: Callable[..., None]) -> Callable[..., None]:
        @wraps(body)
        def run(*arguments: Any, **keywords: Any) -> None:
            prepare_streams()
            warnings.filterwarnings("ignore", category=RuntimeWarning)  # an edit may divide by 0: the screen says so
            try:
                body(*arguments, **keywords)
            except WorkingsError as error:
                complain(in_commands(str(error)))
                raise typer.Exit(USERS_MISTAKE) from None
            except OSError as error:  # such as a disk that is full, or a folder that is another's
                if error.filename is None:
                    raise
                complain(f"{error.filename} cannot be read or written: {error.strerror}")
                raise typer.Exit(USERS_MISTAKE) from None
            except KeyboardInterrupt:
                raise typer.Exit(QUIT_BY_CTRL_C) from None

        under.command(epilog=epilog, **settings)(run)
        return body

    return register


def open_model(name: str) -> Model:
    """The model of this name, folder or hub name. Raises as `workings.load` does."""
    import workings

    return workings.load(name)


def opened(name: str, prompt: str | None, edits: str | None) -> tuple[Model, Asked]:
    """The model, and what it is to read; it reads on through its own sparse autoencoder if the edits are of that one's tables."""
    model, question = open_model(name), asked(prompt, edits)
    return (question.edits.spliced(model) if question.edits else model), question


ModelName = Annotated[
    str,
    typer.Option(
        "--model",
        "-m",
        metavar="NAME",
        help="A bundled model, a folder in Hugging Face layout, or a hub name such as gpt2.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document, with every digit of every number.")]
PromptOption = Annotated[
    str | None,
    typer.Option("--prompt", "-p", metavar="TEXT", help="The text to read.", show_default=DEFAULT_PROMPT),
]
Prompt = Annotated[
    str | None,
    typer.Argument(
        metavar="PROMPT",
        help="The text to read (token ids for a model without a tokenizer).",
        show_default=DEFAULT_PROMPT,
    ),
]
Edits = Annotated[
    str | None,
    typer.Option(
        "--edits", metavar="FILE", help="Edits saved by the lab or by Python, in force meanwhile; their prompt is read."
    ),
]
A_NUMBER = "A number is a token's id; '\" 5\"' is the word."
"""For the help of options that take a token."""
Token = Annotated[
    str | None,
    typer.Option("--token", metavar="TOKEN", help=f"Whose score: the likeliest token's unless given. {A_NUMBER}"),
]
Against = Annotated[
    str | None,
    typer.Option("--against", metavar="TOKEN", help=f"Take the difference to this token's score. {A_NUMBER}"),
]
Position = Annotated[int, typer.Option("--position", metavar="N", help="After which position; -1 is the last.")]

Sae = Annotated[
    str | None,
    typer.Option("--sae", metavar="NAME", help="A folder in SAELens layout; else the one that comes with the model."),
]
Texts = Annotated[
    str | None,
    typer.Option("--texts", metavar="FILE", help="Texts to read, one a line; storybook has its own."),
]

"""The verbs of the command line: each says what it takes, and hands over to the file that does it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workings import __version__
from workings.cli import QUIT_BY_CTRL_C
from workings.cli.asked import DEFAULT_MODEL, DEFAULT_PROMPT, asked
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


def verb(*examples: str, **settings: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make a function a verb: its examples under its help, and a user's mistake as one message."""
    # Without the mark \b the lines of the epilog would be run together.
    epilog = "\n".join(["\b", "Examples:", *(f"  {example}" for example in examples)])

    def register(body: Callable[..., None]) -> Callable[..., None]:
        @wraps(body)
        def run(*arguments: Any, **keywords: Any) -> None:
            prepare_streams()
            try:
                body(*arguments, **keywords)
            except WorkingsError as error:
                complain(str(error))
                raise typer.Exit(USERS_MISTAKE) from None
            except KeyboardInterrupt:
                raise typer.Exit(QUIT_BY_CTRL_C) from None

        app.command(epilog=epilog, **settings)(run)
        return body

    return register


def _open(name: str) -> Model:
    import workings

    return workings.load(name)


def _say_version(asked: bool) -> None:
    if asked:
        print(f"workings {__version__}")
        raise typer.Exit


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


@verb(
    "workings run",
    'workings run "Mike is a chef. Anna is a Jedi. She picked up her"',
    "workings run --top 10 --json",
)
def run(
    prompt: Prompt = None,
    model: ModelName = DEFAULT_MODEL,
    edits: Edits = None,
    top: Annotated[
        int, typer.Option("--top", "-n", metavar="N", help="How many of the likeliest next tokens to show.")
    ] = 5,
    json: Json = False,
) -> None:
    """Read a text, guess the next word, and show why."""
    from workings.cli.story import show_run

    show_run(_open(model), asked(prompt, edits), top, json)


@verb(
    'workings generate "Mike is a chef."',
    'workings generate "Anna is" --temperature 1 --top-k 20 --seed 7',
    'workings generate "Humpty Dumpty sat on a" --max-new-tokens 60',
)
def generate(
    prompt: Annotated[
        str | None,
        typer.Argument(metavar="PROMPT", help="The text to write on from (token ids for a model without a tokenizer)."),
    ] = None,
    model: ModelName = DEFAULT_MODEL,
    edits: Edits = None,
    max_new_tokens: Annotated[
        int, typer.Option("--max-new-tokens", metavar="N", help="Stop after so many tokens.")
    ] = 40,
    temperature: Annotated[
        float,
        typer.Option(
            "--temperature",
            "-t",
            metavar="T",
            help="0 takes the likeliest token; 1 draws by the shares; more is wilder.",
        ),
    ] = 0.0,
    top_k: Annotated[
        int | None, typer.Option("--top-k", metavar="K", help="Draw only from the K likeliest tokens.")
    ] = None,
    top_p: Annotated[
        float | None,
        typer.Option(
            "--top-p", metavar="P", help="Draw only from the likeliest tokens that have the share P together."
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", metavar="N", help="The same number draws the same text again.")
    ] = None,
    json: Json = False,
) -> None:
    """Write on from a text, token by token."""
    if prompt is None and edits is None:
        raise typer.BadParameter("give a PROMPT to write on from, or --edits with one in it")
    from workings.cli.writing import show_generate

    show_generate(_open(model), asked(prompt, edits), max_new_tokens, temperature, top_k, top_p, seed, json)


@verb('workings tokens "Mike is quick."', 'workings tokens "lightsaber" --json')
def tokens(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="Any text.")],
    model: ModelName = DEFAULT_MODEL,
    json: Json = False,
) -> None:
    """Show how a text becomes tokens, merge by merge."""
    from workings.cli.merging import show_tokens

    show_tokens(_open(model), text, json)


@verb(
    'workings explain "logits[-1, Wednesday]"',
    'workings explain "blocks.0.attn.pattern[2, 4, 0]" --prompt "Mike is quick. He"',
    "workings explain blocks.0.attn.pattern 2 -1 0",
    "workings explain                     (lists what can be asked about)",
    context_settings={"ignore_unknown_options": True},  # so that -1 can be a place
)
def explain(
    address: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="ADDRESS",
            help="A table and a place in it: name[1, 2, 3], or name 1 2 3. Places count from 0, or from the end: -1.",
        ),
    ] = None,
    prompt: PromptOption = None,
    model: ModelName = DEFAULT_MODEL,
    edits: Edits = None,
    dtype: Annotated[
        str, typer.Option("--dtype", metavar="TYPE", help="float32, or float64 for more digits.")
    ] = "float32",
    json: Json = False,
) -> None:
    """Show how any one number came about."""
    words = address or []
    _refuse_options(words)
    from workings.cli.explanation import show_explanation, show_tables

    if words:
        show_explanation(_open(model), words, asked(prompt, edits), dtype, json)
    else:
        show_tables(_open(model), asked(prompt, edits), dtype, json)


def _refuse_options(words: Sequence[str]) -> None:
    """Complain of a misspelt option, since unknown ones are let through as places."""
    for word in words:
        if word.startswith("-") and not word[1:2].isdigit():
            raise typer.BadParameter(f"there is no option {word}; `workings explain --help` lists them")


@verb(
    'workings attention "Mike is a chef. Anna is a Jedi. She picked up her"',
    'workings attention "Mike is quick. He" --block 0',
    'workings attention "Mike is quick. He" --block 0 --head 1',
)
def attention(
    prompt: Prompt = None,
    edits: Edits = None,
    block: Annotated[
        int | None, typer.Option("--block", "-b", metavar="N", help="All heads of this block, as maps.")
    ] = None,
    head: Annotated[
        int | None, typer.Option("--head", metavar="N", help="One head of the block, as a map with its shares.")
    ] = None,
    model: ModelName = DEFAULT_MODEL,
    json: Json = False,
) -> None:
    """Show which tokens look at which, as a heat map."""
    if head is not None and block is None:
        raise typer.BadParameter(f"--head {head} needs --block too: every block has a head {head}")
    from workings.cli.looking import show_attention

    show_attention(_open(model), asked(prompt, edits), block, head, json)


@verb(
    "workings lens",
    'workings lens "Mike is a chef. Anna is a Jedi. She picked up her" --token lightsaber',
    'workings lens "Mike is quick. He" --attention',
)
def lens(
    prompt: Prompt = None,
    token: Annotated[
        str | None,
        typer.Option("--token", metavar="TOKEN", help="Show the share and the rank of this token instead."),
    ] = None,
    attention: Annotated[
        bool, typer.Option("--attention", help="Read after attention too, and not only after whole blocks.")
    ] = False,
    model: ModelName = DEFAULT_MODEL,
    json: Json = False,
) -> None:
    """Show what the model would say, block by block."""
    from workings.cli.lens import show_lens

    show_lens(_open(model), asked(prompt, None), token, attention, json)


@verb(
    "workings attribution",
    'workings attribution "Mike is a chef. Anna is a Jedi. She picked up her" --against phone',
    'workings attribution "Mike is quick. He" --part L1H3',
)
def attribution(
    prompt: Prompt = None,
    token: Annotated[
        str | None,
        typer.Option("--token", metavar="TOKEN", help="Whose score: the likeliest token's unless given."),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option("--against", metavar="TOKEN", help="Take the difference to this token's score."),
    ] = None,
    position: Annotated[
        int, typer.Option("--position", metavar="N", help="After which position; -1 is the last.")
    ] = -1,
    part: Annotated[
        str | None,
        typer.Option(
            "--part", metavar="NAME", help="Take one part apart: L1H3 by source position, 1_mlp_out by neuron."
        ),
    ] = None,
    model: ModelName = DEFAULT_MODEL,
    edits: Edits = None,
    json: Json = False,
) -> None:
    """Show which parts of the model a score comes from."""
    from workings.cli.attributing import show_attribution

    show_attribution(_open(model), asked(prompt, edits), token, against, position, part, json)


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
            "--edits", metavar="FILE", help="Saved edits of weights and token ids, to be part of the workbook."
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
    write(_open(model), Path(path), prompt, edits, max_tokens, force, check)


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
) -> None:
    """Open the lab: every number of the model, in the browser."""
    from workings.lab.cores import leave_a_core

    leave_a_core()  # before NumPy is imported
    from workings.lab.start import start

    start(_open(model), prompt, port, not no_browser)

"""The verbs of the command line: each says what it takes, and hands over to the file that does it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any

import typer

from workings import __version__
from workings.cli import QUIT_BY_CTRL_C
from workings.cli.asked import CHEF_AND_JEDI, CHEF_AND_JEDI_HIM, DEFAULT_MODEL, DEFAULT_PROMPT, asked
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


train_app = typer.Typer(name="train", help="Train something that helps to look inside.", rich_markup_mode=None)
app.add_typer(train_app)


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
            try:
                body(*arguments, **keywords)
            except WorkingsError as error:
                complain(str(error))
                raise typer.Exit(USERS_MISTAKE) from None
            except KeyboardInterrupt:
                raise typer.Exit(QUIT_BY_CTRL_C) from None

        under.command(epilog=epilog, **settings)(run)
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


@verb("workings heads", "workings heads --kind induction", "workings heads --kind induction --json")
def heads(
    kind: Annotated[
        str | None,
        typer.Option(
            "--kind", metavar="KIND", help="One of: previous token, same token, induction, first token. Else all."
        ),
    ] = None,
    model: ModelName = DEFAULT_MODEL,
    json: Json = False,
) -> None:
    """Show what every attention head does."""
    from workings.cli.heads import show_heads

    show_heads(_open(model), kind, json)


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
    tuned: Annotated[
        str | None,
        typer.Option("--tuned", metavar="FOLDER", help="Read through a tuned lens, made by `workings train lens`."),
    ] = None,
    model: ModelName = DEFAULT_MODEL,
    json: Json = False,
) -> None:
    """Show what the model would say, block by block."""
    from workings.cli.lens import show_lens

    if tuned is not None and attention:
        raise typer.BadParameter("--attention does not go with --tuned: a tuned lens reads what it was trained for")
    show_lens(_open(model), asked(prompt, None), token, attention, tuned, json)


@verb(
    "workings train lens --out my-lens",
    "workings train lens --model gpt2 --texts sentences.txt --out gpt2-lens",
    under=train_app,
    name="lens",
)
def train_lens(
    out: Annotated[str, typer.Option("--out", "-o", metavar="FOLDER", help="Where to save the lens.")],
    texts: Annotated[
        str | None,
        typer.Option("--texts", metavar="FILE", help="What to train on, a text a line; storybook has its own."),
    ] = None,
    steps: Annotated[
        int | None, typer.Option("--steps", metavar="N", help="Steps of training; 500 unless given.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="The same number trains the same lens.")] = 0,
    attention: Annotated[
        bool, typer.Option("--attention", help="For the streams after attention too, and not only after whole blocks.")
    ] = False,
    model: ModelName = DEFAULT_MODEL,
    json: Json = False,
) -> None:
    """Train a tuned lens: what the model would say, block by block, better read."""
    from pathlib import Path

    from workings.cli.training import train_lens as train

    train(_open(model), Path(out), None if texts is None else Path(texts), steps, seed, attention, json)


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
    "workings patch                       (how she comes to have a lightsaber)",
    'workings patch "Mike is a Jedi. He picked up his" "Mike is a chef. He picked up his"',
    "workings patch --over heads",
    "workings patch --into 2.0.q          (who tells head 0 of block 2 where to look)",
    "workings patch --over heads --attribution",
)
def patch(
    clean: Annotated[
        str | None,
        typer.Argument(metavar="CLEAN", help="The prompt with the answer.", show_default=CHEF_AND_JEDI),
    ] = None,
    corrupted: Annotated[
        str | None,
        typer.Argument(
            metavar="CORRUPTED",
            help="A prompt of equally many tokens that differs in what matters.",
            show_default=CHEF_AND_JEDI_HIM,
        ),
    ] = None,
    answer: Annotated[
        str | None,
        typer.Option("--answer", metavar="TOKEN", help="What CLEAN makes likely: what it would say unless given."),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option("--against", metavar="TOKEN", help="What CORRUPTED makes likely: what it would say unless given."),
    ] = None,
    over: Annotated[
        str | None,
        typer.Option(
            "--over",
            metavar="WHAT",
            help="resid_pre, resid_mid, resid_post, attn_out or mlp_out, by position; heads, queries, keys or values, by head.",
            show_default="resid_pre",
        ),
    ] = None,
    position: Annotated[
        int, typer.Option("--position", metavar="N", help="After which position; -1 is the last.")
    ] = -1,
    noising: Annotated[
        bool,
        typer.Option("--noising", help="The other way about: take from CORRUPTED into CLEAN, and see what breaks."),
    ] = False,
    attribution: Annotated[
        bool, typer.Option("--attribution", help="Estimate all patches by one gradient, instead of trying each.")
    ] = False,
    into: Annotated[
        str | None,
        typer.Option(
            "--into",
            metavar="B.H.q",
            help="Only what each head tells these queries (or k, v, a table) directly: its path.",
        ),
    ] = None,
    model: ModelName = DEFAULT_MODEL,
    json: Json = False,
) -> None:
    """Find where an answer is kept, by patching two prompts."""
    if clean is not None and corrupted is None:
        raise typer.BadParameter("give two prompts of equally many tokens: CLEAN and CORRUPTED")
    if into is not None and (attribution or over not in (None, "heads")):
        raise typer.BadParameter(
            "--into goes over heads, by true patches; leave out --attribution, and --over but for heads"
        )
    from workings.cli.patching import show_patching

    prompts = clean or CHEF_AND_JEDI, corrupted or CHEF_AND_JEDI_HIM
    show_patching(
        _open(model), *prompts, answer, against, over or "resid_pre", position, noising, attribution, into, json
    )


@verb(
    f'workings knockout "{CHEF_AND_JEDI}" --head 2.0,3.1',
    "workings knockout --table blocks.0.mlp_out --by mean",
    'workings knockout "Mike is quick. He" --head 3.2 --positions -1',
)
def knockout(
    prompt: Prompt = None,
    head: Annotated[
        list[str] | None,
        typer.Option("--head", metavar="B.H", help="A head by its block and number; several: 2.0,3.1."),
    ] = None,
    table: Annotated[
        list[str] | None, typer.Option("--table", metavar="NAME", help="Any table, such as blocks.0.mlp_out.")
    ] = None,
    by: Annotated[
        str, typer.Option("--by", metavar="WHAT", help="What takes its place: zero, or the mean over all positions.")
    ] = "zero",
    positions: Annotated[
        str | None, typer.Option("--positions", metavar="LIST", help="Only there: 3, or 1,4,5, or 2:5 (up to 4).")
    ] = None,
    model: ModelName = DEFAULT_MODEL,
    edits: Edits = None,
    top: Annotated[
        int, typer.Option("--top", "-n", metavar="N", help="How many of the likeliest next tokens to show.")
    ] = 5,
    json: Json = False,
) -> None:
    """Show what is said without some heads or a table."""
    if not head and not table:
        raise typer.BadParameter("say what to knock out: --head 2.0, or --table blocks.0.mlp_out")
    from workings.cli.knocking_out import show_knock_out

    heads = [one.strip() for listed in head or [] for one in listed.split(",")]
    show_knock_out(_open(model), asked(prompt, edits), heads, table or [], by, positions, top, json)


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
    from workings.lab.start import start

    start(_open(model), prompt, port, not no_browser)


from workings.cli import feature_verbs  # noqa: E402, F401 (they register themselves with the app above)

"""Reading a text: what comes next, how it is cut, who looks at whom, and how any number came about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from workings.cli.asked import DEFAULT_MODEL, Score, asks_for_slope
from workings.cli.verb import A_NUMBER, Edits, Json, ModelName, Prompt, PromptOption, open_model, opened, verb


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

    show_run(*opened(model, prompt, edits), top, json)


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

    show_generate(*opened(model, prompt, edits), max_new_tokens, temperature, top_k, top_p, seed, json)


@verb('workings tokens "Mike is quick."', 'workings tokens "lightsaber" --json')
def tokens(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="Any text.")],
    model: ModelName = DEFAULT_MODEL,
    json: Json = False,
) -> None:
    """Show how a text becomes tokens, merge by merge."""
    from workings.cli.merging import show_tokens

    show_tokens(open_model(model), text, json)


@verb(
    'workings explain "logits[-1, Wednesday]"',
    'workings explain "blocks.0.attn.pattern[2, 4, 0]" --prompt "Mike is quick. He"',
    "workings explain blocks.0.attn.pattern 2 -1 0",
    'workings explain "gradient.blocks.1.mlp.post[-1, 3]" --token Wednesday',
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
    token: Annotated[
        str | None,
        typer.Option("--token", metavar="TOKEN", help=f"For gradient.NAME: slopes of this token's score. {A_NUMBER}"),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option("--against", metavar="TOKEN", help=f"For gradient.NAME: less this token's score. {A_NUMBER}"),
    ] = None,
    position: Annotated[
        int | None,
        typer.Option("--position", metavar="N", help="For gradient.NAME: after which position, else the last."),
    ] = None,
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

    score = Score(token, against, position)
    if score.given and not (words and asks_for_slope(words)):
        raise typer.BadParameter(
            '--token, --against and --position are for slopes: ask about gradient.NAME, such as "gradient.blocks.1.mlp.post[-1, 3]"'
        )
    if words:
        found, question = opened(model, prompt, edits)
        show_explanation(found, words, question, score, dtype, json)
    else:
        show_tables(*opened(model, prompt, edits), dtype, json)


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

    show_attention(*opened(model, prompt, edits), block, head, json)


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

    show_heads(open_model(model), kind, json)

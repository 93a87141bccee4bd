"""Looking for reasons: the lens, attribution, slopes, patching, knocking out."""

from __future__ import annotations

from typing import Annotated

import typer

from workings.cli.asked import CHEF_AND_JEDI, CHEF_AND_JEDI_HIM, DEFAULT_MODEL
from workings.cli.verb import A_NUMBER, Against, Edits, Json, ModelName, Position, Prompt, Token, opened, verb


@verb(
    "workings lens",
    'workings lens "Mike is a chef. Anna is a Jedi. She picked up her" --token lightsaber',
    'workings lens "Mike is quick. He" --attention',
    'workings lens "Mike is quick. He" --tuned storybook',
)
def lens(
    prompt: Prompt = None,
    token: Annotated[
        str | None,
        typer.Option("--token", metavar="TOKEN", help=f"Show the share and the rank of this token instead. {A_NUMBER}"),
    ] = None,
    attention: Annotated[
        bool, typer.Option("--attention", help="Read after attention too, and not only after whole blocks.")
    ] = False,
    tuned: Annotated[
        str | None,
        typer.Option(
            "--tuned",
            metavar="NAME",
            help="Read through a tuned lens: storybook's, or a folder of `workings train lens`.",
        ),
    ] = None,
    model: ModelName = DEFAULT_MODEL,
    edits: Edits = None,
    json: Json = False,
) -> None:
    """Show what the model would say, block by block."""
    from workings.cli.lens import show_lens

    show_lens(*opened(model, prompt, edits), token, attention, tuned, json)


@verb(
    "workings attribution",
    'workings attribution "Mike is a chef. Anna is a Jedi. She picked up her" --against phone',
    'workings attribution "Mike is quick. He" --part L1H3',
)
def attribution(
    prompt: Prompt = None,
    token: Token = None,
    against: Against = None,
    position: Position = -1,
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

    show_attribution(*opened(model, prompt, edits), token, against, position, part, json)


@verb(
    "workings gradient",
    'workings gradient "Mike is a chef. Anna is a Jedi. She picked up her" --against phone',
    'workings gradient "Mike is quick. He" --table attn.pattern --top 5',
)
def gradient(
    prompt: Prompt = None,
    token: Token = None,
    against: Against = None,
    position: Position = -1,
    table: Annotated[
        str,
        typer.Option(
            "--table", metavar="NAME", help="Where to look for steep slopes: blocks.1.mlp.post, or all mlp.post."
        ),
    ] = "mlp.post",
    top: Annotated[int, typer.Option("--top", "-n", metavar="N", help="How many of the steepest slopes to show.")] = 10,
    model: ModelName = DEFAULT_MODEL,
    edits: Edits = None,
    json: Json = False,
) -> None:
    """Show how a score would answer small changes."""
    from workings.cli.gradient import show_gradient

    show_gradient(*opened(model, prompt, edits), token, against, position, table, top, json)


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
        typer.Option(
            "--answer", metavar="TOKEN", help=f"What CLEAN makes likely: what it would say unless given. {A_NUMBER}"
        ),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(
            "--against",
            metavar="TOKEN",
            help=f"What CORRUPTED makes likely: what it would say unless given. {A_NUMBER}",
        ),
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
    position: Position = -1,
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
    through_mlps: Annotated[
        bool, typer.Option("--through-mlps", help="On these paths, let MLPs in between answer (as Wang et al. do).")
    ] = False,
    model: ModelName = DEFAULT_MODEL,
    edits: Annotated[
        str | None,
        typer.Option(
            "--edits", metavar="FILE", help="Edits saved by the lab or by Python, in force in both prompts meanwhile."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Find where an answer is kept, by patching two prompts."""
    if clean is not None and corrupted is None:
        raise typer.BadParameter("give two prompts of equally many tokens: CLEAN and CORRUPTED")
    if clean is None and edits is not None:
        raise typer.BadParameter("--edits holds one prompt, and patching needs two: give CLEAN and CORRUPTED")
    if into is not None and (attribution or over not in (None, "heads")):
        raise typer.BadParameter(
            "--into goes over heads, by true patches; leave out --attribution, and --over but for heads"
        )
    if through_mlps and into is None:
        raise typer.BadParameter("--through-mlps is about paths; say whose with --into, such as --into 2.0.q")
    from workings.cli.patching import show_patching

    opened_model, first = opened(model, CHEF_AND_JEDI if clean is None else clean, edits)
    second = CHEF_AND_JEDI_HIM if corrupted is None else corrupted
    over = over or "resid_pre"
    show_patching(
        opened_model, first, second, answer, against, over, position, noising, attribution, into, through_mlps, json
    )


@verb(
    f'workings knockout "{CHEF_AND_JEDI}" --head 2.0,3.1',
    "workings knockout --table blocks.0.mlp_out --by mean",
    'workings knockout "Mike is quick. He" --head 3.2 --positions -1',
    'workings knockout "Mike is quick. He" --head 3.2 --by-prompt "Anna is quick. She"',
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
        str | None,
        typer.Option(
            "--by",
            metavar="WHAT",
            help="What takes its place: zero, or mean (its own, over all positions).",
            show_default="zero",
        ),
    ] = None,
    by_prompt: Annotated[
        list[str] | None,
        typer.Option(
            "--by-prompt",
            metavar="TEXT",
            help="Instead of --by: what it holds in this other prompt of equally many tokens (of several, the mean).",
        ),
    ] = None,
    positions: Annotated[
        str | None, typer.Option("--positions", metavar="LIST", help="Only there: 3, or 1,4,5, or 2:5 (up to 4).")
    ] = None,
    model: ModelName = DEFAULT_MODEL,
    edits: Edits = None,
    top: Annotated[
        int, typer.Option("--top", "-n", metavar="N", help="How many of the likeliest next tokens to show.")
    ] = 5,
    save: Annotated[
        str | None, typer.Option("--save", metavar="FILE", help="Keep it as edits, for --edits and the lab.")
    ] = None,
    json: Json = False,
) -> None:
    """Show what is said without some heads or a table."""
    if not head and not table:
        raise typer.BadParameter("say what to knock out: --head 2.0, or --table blocks.0.mlp_out")
    if by is not None and by_prompt:
        raise typer.BadParameter("--by and --by-prompt both say what takes its place; give one of them")
    from workings.cli.knocking_out import Instead, show_knock_out

    instead = Instead(by or "zero", tuple(by_prompt or ()))
    heads = [one.strip() for listed in head or [] for one in listed.split(",")]
    show_knock_out(*opened(model, prompt, edits), heads, table or [], instead, positions, top, save, json)

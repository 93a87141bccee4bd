"""Directions in what a model carries along: steering, and the features of sparse autoencoders."""

from __future__ import annotations

from typing import Annotated

import typer

from workings.cli.asked import DEFAULT_MODEL
from workings.cli.verb import A_NUMBER, Edits, Json, ModelName, Prompt, Sae, Texts, open_model, opened, sae_app, verb


@verb(
    'workings steer "The student picked up his" --feature jedi',
    'workings steer "The student picked up his" --feature jedi --strength 20 --positions -1',
    'workings steer "The cook took his" --toward "A Jedi took" --away "A chef took" -s 1',
    'workings steer "The student picked up his" --feature jedi --save jedi.json',
)
def steer(
    prompt: Prompt = None,
    feature: Annotated[
        str | None, typer.Option("--feature", "-f", metavar="LABEL", help="A feature, by its label or its number.")
    ] = None,
    strength: Annotated[
        float | None,
        typer.Option(
            "--strength",
            "-s",
            metavar="X",
            help="How hard; else a quarter more than the smallest that changes the next word.",
        ),
    ] = None,
    token: Annotated[
        str | None,
        typer.Option("--token", metavar="TOKEN", help=f"The word that should come first; else any other. {A_NUMBER}"),
    ] = None,
    layer: Annotated[
        int | None, typer.Option("--layer", metavar="N", help="After which block; else where the direction belongs.")
    ] = None,
    positions: Annotated[
        str | None,
        typer.Option("--positions", metavar="WHERE", help='Positions such as "-1", "1:4" or "0,3"; else all.'),
    ] = None,
    toward: Annotated[
        list[str] | None,
        typer.Option(
            "--toward", metavar="TEXT", help="With --away: a pair of texts whose difference is the direction."
        ),
    ] = None,
    away: Annotated[
        list[str] | None, typer.Option("--away", metavar="TEXT", help="The other text of the pair.")
    ] = None,
    most: Annotated[
        float, typer.Option("--most", metavar="X", help="How far to look for the smallest strength.")
    ] = 64.0,
    write: Annotated[
        int, typer.Option("--write", metavar="N", help="How many tokens to write on, before and after.")
    ] = 12,
    save: Annotated[
        str | None, typer.Option("--save", metavar="FILE", help="Keep the steering as edits, for --edits and the lab.")
    ] = None,
    sae: Sae = None,
    model: ModelName = DEFAULT_MODEL,
    edits: Edits = None,
    json: Json = False,
) -> None:
    """Push the model in a direction, and see what it says then."""
    from workings.cli.steering import Steering, show_steer

    asked_for = Steering(feature, sae, toward or (), away or (), strength, layer, positions, token, most)
    show_steer(*opened(model, prompt, edits), asked_for, write, save, json)


@verb("workings sae list", "workings sae list jedi", under=sae_app, name="list")
def sae_list(
    text: Annotated[str, typer.Argument(metavar="[TEXT]", help="Only labels that contain it.")] = "",
    sae: Sae = None,
    model: ModelName = DEFAULT_MODEL,
    json: Json = False,
) -> None:
    """List the features that have a label."""
    from workings.cli.features import show_features

    show_features(open_model(model), sae, text, json)


@verb("workings sae show jedi", "workings sae show 17 --texts my-texts.txt", under=sae_app, name="show")
def sae_show(
    feature: Annotated[str, typer.Argument(metavar="FEATURE", help="Its label or its number.")],
    sae: Sae = None,
    texts: Texts = None,
    model: ModelName = DEFAULT_MODEL,
    json: Json = False,
) -> None:
    """Show when a feature fires, and what it speaks for."""
    from workings.cli.features import show_feature

    show_feature(open_model(model), sae, feature, texts, json)


@verb(
    'workings sae find --with "The Jedi took his" --without "The chef took his"',
    under=sae_app,
    name="find",
)
def sae_find(
    have: Annotated[list[str], typer.Option("--with", metavar="TEXT", help="A text with the idea; give several.")],
    have_not: Annotated[
        list[str], typer.Option("--without", metavar="TEXT", help="A text like it without the idea; give several.")
    ],
    position: Annotated[
        int, typer.Option("--position", metavar="N", help="Where to look in each text; -1 is the last token.")
    ] = -1,
    sae: Sae = None,
    model: ModelName = DEFAULT_MODEL,
    json: Json = False,
) -> None:
    """Find features that fire more with an idea than without."""
    from workings.cli.features import show_found

    show_found(open_model(model), sae, have, have_not, position, json)


@verb("workings sae page features.html", under=sae_app, name="page")
def sae_page(
    path: Annotated[str, typer.Argument(metavar="FILE.html", help="The page to write.")],
    sae: Sae = None,
    texts: Texts = None,
    model: ModelName = DEFAULT_MODEL,
) -> None:
    """Write all features on one page that can be searched."""
    from pathlib import Path

    from workings.cli.features import write_page

    write_page(open_model(model), sae, Path(path), texts)


@verb("workings sae measure", "workings sae measure --count 50 --json", under=sae_app, name="measure")
def sae_measure(
    sae: Sae = None,
    texts: Texts = None,
    count: Annotated[int, typer.Option("--count", metavar="N", help="How many texts to read.")] = 200,
    model: ModelName = DEFAULT_MODEL,
    json: Json = False,
) -> None:
    """Say how well the features stand for the model's numbers."""
    from workings.cli.features import show_measures

    show_measures(open_model(model), sae, texts, count, json)

"""The verbs about directions in what a model carries along: `steer`, `sae ...` and `train sae`."""

from __future__ import annotations

from typing import Annotated

import typer

from workings.cli.app import Edits, Json, ModelName, Prompt, _open, app, train_app, verb
from workings.cli.asked import DEFAULT_MODEL, asked

sae_app = typer.Typer(name="sae", help="Look at the features of a sparse autoencoder.", rich_markup_mode=None)
app.add_typer(sae_app)

Sae = Annotated[
    str | None,
    typer.Option("--sae", metavar="NAME", help="A folder in SAELens layout; else the one that comes with the model."),
]
Texts = Annotated[
    str | None,
    typer.Option("--texts", metavar="FILE", help="Texts to read, one a line; storybook has its own."),
]


@verb(
    'workings steer "The student picked up his" --feature jedi',
    'workings steer "The student picked up his" --feature jedi --strength 20 --positions -1',
    'workings steer "Tom is a chef. Tom picked up his" --toward "Mike is a Jedi. Mike" --away "Mike is a chef. Mike"',
    'workings steer "The student picked up his" --feature jedi --save jedi.json',
)
def steer(
    prompt: Prompt = None,
    feature: Annotated[
        str | None, typer.Option("--feature", "-f", metavar="LABEL", help="A feature, by its label or its number.")
    ] = None,
    strength: Annotated[
        float | None,
        typer.Option("--strength", "-s", metavar="X", help="How hard; else the smallest that changes the next word."),
    ] = None,
    token: Annotated[
        str | None, typer.Option("--token", metavar="TOKEN", help="The word that should come first; else any other.")
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
    """Push what the model carries along in a direction, and see the next word change."""
    from workings.cli.steering import Steering, show_steer

    asked_for = Steering(feature, sae, toward or (), away or (), strength, layer, positions, token, most)
    show_steer(_open(model), asked(prompt, edits), asked_for, write, save, json)


@verb("workings sae list", "workings sae list jedi", under=sae_app, name="list")
def sae_list(
    text: Annotated[str, typer.Argument(metavar="[TEXT]", help="Only labels that contain it.")] = "",
    sae: Sae = None,
    model: ModelName = DEFAULT_MODEL,
    json: Json = False,
) -> None:
    """List the features that have a label."""
    from workings.cli.features import show_features

    show_features(_open(model), sae, text, json)


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

    show_feature(_open(model), sae, feature, texts, json)


@verb(
    'workings sae find --with "Mike is a Jedi. Mike took his" --without "Mike is a chef. Mike took his"',
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
    """Find the features that fire with an idea and not without it."""
    from workings.cli.features import show_found

    show_found(_open(model), sae, have, have_not, position, json)


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

    write_page(_open(model), sae, Path(path), texts)


@verb("workings sae measure", "workings sae measure --count 50 --json", under=sae_app, name="measure")
def sae_measure(
    sae: Sae = None,
    texts: Texts = None,
    count: Annotated[int, typer.Option("--count", metavar="N", help="How many texts to read.")] = 200,
    model: ModelName = DEFAULT_MODEL,
    json: Json = False,
) -> None:
    """Say how much of what the model carries along the features stand for."""
    from workings.cli.features import show_measures

    show_measures(_open(model), sae, texts, count, json)


@verb(
    "workings train sae --out my-sae",
    "workings train sae --table blocks.1.resid_post --architecture jumprelu --d-sae 512 --out my-sae",
    "workings train sae --model gpt2 --table blocks.6.resid_post --d-sae 6144 --k 32 --first-position 1 --texts t.txt --out s",
    under=train_app,
    name="sae",
)
def train_sae(
    out: Annotated[
        str, typer.Option("--out", "-o", metavar="FOLDER", help="Where to save it; go on there if interrupted.")
    ],
    table: Annotated[
        str | None, typer.Option("--table", metavar="NAME", help="What to read; else the middle block's resid_post.")
    ] = None,
    architecture: Annotated[
        str, typer.Option("--architecture", metavar="KIND", help="topk, batchtopk, jumprelu or standard.")
    ] = "batchtopk",
    d_sae: Annotated[
        int | None, typer.Option("--d-sae", metavar="N", help="Number of features; else 8 for each dimension.")
    ] = None,
    k: Annotated[int, typer.Option("--k", metavar="N", help="Features a token: topk and batchtopk.")] = 8,
    sparsity: Annotated[
        float, typer.Option("--sparsity", metavar="X", help="Weight of the penalty: jumprelu and standard.")
    ] = 1.0,
    steps: Annotated[int, typer.Option("--steps", metavar="N", help="Batches to train on.")] = 5000,
    batch_size: Annotated[int, typer.Option("--batch-size", metavar="N", help="Tokens in a batch.")] = 1024,
    learning_rate: Annotated[float, typer.Option("--learning-rate", metavar="X", help="Adam's.")] = 2e-3,
    first_position: Annotated[
        int, typer.Option("--first-position", metavar="N", help="Leave out positions before it.")
    ] = 0,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="The same number trains the same features.")] = 0,
    texts: Texts = None,
    model: ModelName = DEFAULT_MODEL,
) -> None:
    """Train a sparse autoencoder: features that the model's own numbers are made of."""
    from pathlib import Path

    from workings.cli.sae_training import train
    from workings.training.sae.recipe import Recipe

    opened = _open(model)
    recipe = Recipe(
        table=table or f"blocks.{opened.config.n_layers // 2}.resid_post",
        d_sae=8 * opened.config.d_model if d_sae is None else d_sae,
        architecture=architecture,
        k=k,
        sparsity=sparsity,
        steps=steps,
        batch_size=batch_size,
        learning_rate=learning_rate,
        first_position=first_position,
        seed=seed,
    )
    train(opened, recipe, Path(out), texts)

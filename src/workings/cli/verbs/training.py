"""Training what helps to look inside."""

from __future__ import annotations

from typing import Annotated

import typer

from workings.cli.asked import DEFAULT_MODEL
from workings.cli.verb import Json, ModelName, Texts, open_model, train_app, verb


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
    """Train a tuned lens, which reads early blocks better."""
    from pathlib import Path

    from workings.cli.training import train_lens as train

    train(open_model(model), Path(out), None if texts is None else Path(texts), steps, seed, attention, json)


@verb(
    "workings train sae --out my-sae",
    "workings train sae --table blocks.1.resid_post --architecture jumprelu --out my-sae",
    "workings train sae --model gpt2 --k 32 --first-position 1 --texts t.txt --out gpt2-sae",
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
    """Train a sparse autoencoder, which finds features."""
    from pathlib import Path

    from workings.cli.sae_training import train
    from workings.training.sae.recipe import Recipe

    opened = open_model(model)
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

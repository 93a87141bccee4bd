"""`workings train sae`: a progress bar with how it goes, and a folder that `--sae` takes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from workings.cli.asked import DEFAULT_MODEL, model_again
from workings.cli.features import texts_for
from workings.cli.screen import command, make_console, print_next
from workings.cli.streams import complain
from workings.cli.texts import prepare_folder
from workings.display.words import percent
from workings.errors import InputError, MissingExtra

if TYPE_CHECKING:
    from workings.checkpoints.model import Model
    from workings.training.sae.activations import Texts
    from workings.training.sae.recipe import Recipe
    from workings.training.sae.train import Report


def train(model: Model, recipe: Recipe, folder: Path, texts: str | None) -> None:
    """Train, saying how it goes, and save; a training that was interrupted in this folder goes on."""
    try:
        from workings.training.sae.train import train_sae
        from workings.training.sae.unfinished import FILE, remove
    except ModuleNotFoundError as error:
        raise MissingExtra(f"training needs {error.name}: pip install 'workings[train]'") from None
    if (folder / "cfg.json").exists():
        raise InputError(f"{folder} holds a sparse autoencoder already; choose another folder, or remove that one")
    prepare_folder(folder)
    console = make_console()
    if (folder / FILE).exists():
        console.print(f"Going on with the training in {folder}.")
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[said]}"), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("Training", total=recipe.steps, said="reading")
        try:
            sae = train_sae(
                model,
                recipe,
                _endless(model, texts),
                keep=folder,
                progress=lambda report: bar.update(task, completed=report.step, said=_said(report)),
            )
        except KeyboardInterrupt:
            if (folder / FILE).exists():
                complain(f"stopped; {folder} keeps what was learnt, and the same command goes on")
            raise
    sae.save(folder)
    remove(folder)
    console.print(f"{folder}: {recipe.d_sae:,} features of {recipe.table}.", highlight=False)
    own = model_again(model.name)
    print_next(console, [("How good they are", command("sae", "measure", "--sae", str(folder), *own))])


def _said(report: Report) -> str:
    return f"loss {report.loss:.3g}  L0 {report.l0:.1f}  explained {percent(max(report.explained_variance, 0.0))}  dead {report.dead}"


def _endless(model: Model, texts: str | None) -> Texts:
    from workings.training.sae.activations import texts_again_and_again

    if texts is None and model.name == DEFAULT_MODEL:
        from workings.training.storybook.features import stories_to_train_on

        return stories_to_train_on
    return texts_again_and_again(texts_for(model, texts, count=10**9))

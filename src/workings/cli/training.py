"""`workings train lens`: a tuned lens, trained and saved, with what it gained over the logit lens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from workings.anatomy.logit_lens import stream_label
from workings.anatomy.tuned_lens import TunedLens, lens_divergence
from workings.cli.asked import DEFAULT_MODEL, model_again
from workings.cli.screen import command, heading, make_console, print_line, print_next, print_title
from workings.cli.streams import write_json
from workings.cli.texts import prepare_folder, texts_in
from workings.errors import InputError, MissingExtra

if TYPE_CHECKING:
    from rich.console import Console

    from workings.checkpoints.model import Model, Prompt

MEASURED = 60  # texts of storybook's own that are kept out of training
KEPT_OUT = 10  # of a file, one line in so many


def train_lens(
    model: Model, out: Path, texts: Path | None, steps: int | None, seed: int, attention: bool, as_json: bool
) -> None:
    """Train a tuned lens and save it; measure it on texts that it was not trained on."""
    try:
        from workings.training.tuned_lens import STEPS, train_tuned_lens
    except ImportError as error:
        raise MissingExtra("training needs PyTorch, which is not installed: pip install 'workings[train]'") from error
    feed, measured, source = _texts(model, texts, seed)
    prepare_folder(out)
    steps = STEPS if steps is None else steps
    with _progress() as progress:
        task = progress.add_task("tuned lens", total=steps, loss="")

        def report(step: int, losses: dict[str, float]) -> None:
            progress.update(task, completed=step, loss=f"KL {sum(losses.values()) / len(losses):.3f}")

        lens = train_tuned_lens(
            model, feed, steps=steps, seed=seed, after_attention=attention, source=source, progress=report
        )
    lens.save(out)
    found = lens_divergence(model, measured, lens)
    plain = lens_divergence(model, measured, TunedLens.identity(model, attention))
    if as_json:
        write_json({"model": model.name, "folder": str(out), "streams": list(found), "logit_lens": list(plain.values()),
                    "tuned_lens": list(found.values()), "trained_on": dict(lens.trained_on)})  # fmt: skip
        return
    _print_result(make_console(), model, out, plain, found, len(measured))


def _texts(
    model: Model, path: Path | None, seed: int
) -> tuple[Sequence[Prompt] | Iterator[Prompt], Sequence[Prompt], str]:
    """What to train on, what to measure with, and where it is from."""
    if path is not None:
        prompts = texts_in(path, model, least=2)
        step = min(KEPT_OUT, len(prompts))
        kept = [text for place, text in enumerate(prompts) if place % step != step - 1]
        return kept, prompts[step - 1 :: step], path.name
    if model.name != DEFAULT_MODEL:
        raise InputError(
            f"say with --texts FILE what to train on, a text a line; only {DEFAULT_MODEL} has texts of its own"
        )
    from workings.training.storybook.language import some_stories, stories

    own = (story.text for story in stories(seed))
    return own, [story.text for story in some_stories(seed, MEASURED, held_out=True)], "storybook's own stories"


def _progress() -> Progress:
    console = make_console()
    console.stderr = True
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[loss]}"))
    return Progress(*columns, TimeRemainingColumn(), console=console, transient=True)


def _print_result(
    console: Console, model: Model, out: Path, plain: dict[str, float], found: dict[str, float], n_texts: int
) -> None:
    console.print()
    print_title(console, (model.name, "bold cyan"), f"  A tuned lens, saved in {out}")
    console.print()
    console.print(
        heading(f"How far from the model's own last word: KL in nats, on {n_texts} texts it was not trained on")
    )
    width = max(len(stream_label(stream)) for stream in found) + 2
    print_line(console, Text(f"  {'after':<{width}} {'logit lens':>11} {'tuned lens':>11}", style="dim"))
    for stream, kl in found.items():
        print_line(console, Text(f"  {stream_label(stream):<{width}} {plain[stream]:>11.3f} {kl:>11.3f}"))
    console.print()
    words = ["lens", "--tuned", str(out), *model_again(model.name)]
    print_next(console, [("What it reads off a text", command(*words))])
    console.print()

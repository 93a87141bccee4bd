"""`workings export`: a workbook with a progress bar, and, if asked, LibreOffice's word that it is right."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from workings.cli.asked import asked, open_trace
from workings.cli.screen import make_console
from workings.engine.trace import Trace
from workings.errors import InputError, WorkbookError

if TYPE_CHECKING:
    from rich.console import Console

    from workings.checkpoints.model import Model
    from workings.workbook.check import Difference


def export(
    model: Model, path: Path, prompt: str | None, edits: str | None, max_tokens: int, force: bool, check: bool
) -> None:
    """Write the workbook, say what came out, and check it if asked."""
    from workings.workbook.write import write_workbook

    if path.suffix.lower() != ".xlsx":
        raise InputError(f"a workbook's name ends with .xlsx; {path.name!r} came")
    if check:
        from workings.workbook.office import find_office

        find_office()  # what is missing is said before a large file is written
    read: str | Trace | None = prompt
    if edits is not None:
        question = asked(prompt, edits)
        model = question.edits.spliced(model) if question.edits else model
        read = open_trace(model, question)
    console, began = make_console(), perf_counter()
    with _bar(console) as bar:
        task = bar.add_task(f"Writing {path.name}", total=None)
        write_workbook(
            model, path, read, max_tokens, force, lambda done, whole: bar.update(task, completed=done, total=whole)
        )
    size = path.stat().st_size / 1e6
    console.print(f"{path}: {size:,.1f} MB in {perf_counter() - began:.1f} s.", highlight=False)
    if check:
        _check(console, model, path, read)
    else:
        console.print("Open it in Excel or LibreOffice, go to the page Prompt, and type.", highlight=False)


def _bar(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _check(console: Console, model: Model, path: Path, read: str | Trace | None) -> None:
    """Table by table: how far LibreOffice's numbers are from the engine's."""
    from rich.table import Table

    from workings.workbook.check import TOLERANCE, Worked, differences
    from workings.workbook.office import Office

    with console.status("LibreOffice opens the workbook and works everything out ..."), Office(seconds=3600) as office:
        worked = Worked(office, path)
        found = list(differences(worked, model, read if isinstance(read, Trace) else None))
        next_token = worked.cell("next_token")
    table = Table(box=None, padding=(0, 2, 0, 0))
    for title, side in (("table", "left"), ("largest difference", "right"), ("of its largest number", "right")):
        table.add_column(title, justify=side)  # type: ignore[arg-type]
    for one in found:
        style = "" if one.fine else "bold red"
        table.add_row(one.name, f"{one.largest_difference:.1e}", f"{one.share:.1e}", style=style)
    console.print(table)
    wrong = [one for one in found if not one.fine]
    _say(console, found, wrong, str(next_token))
    if wrong:
        raise WorkbookError(
            f"{len(wrong)} of {len(found)} tables differ from the engine by more than {TOLERANCE:.0e} of their largest "
            f"number, {wrong[0].name} first"
        )


def _say(console: Console, found: list[Difference], wrong: list[Difference], next_token: str) -> None:
    worst = max(found, key=lambda one: one.share)
    agreed = "All" if not wrong else f"{len(found) - len(wrong)} of"
    console.print(
        f"{agreed} {len(found)} tables agree with the engine; the largest difference is {worst.share:.1e} of the largest "
        f"number ({worst.name}). LibreOffice's next token: {next_token!r}.",
        highlight=False,
    )

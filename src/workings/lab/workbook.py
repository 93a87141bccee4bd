"""The workbook of a view: the model with what was edited in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from weakref import WeakSet

from workings.checkpoints.model import Model
from workings.engine.trace import Trace
from workings.lab.answers import Answers
from workings.lab.asked import Query
from workings.lab.refusals import TooMuch
from workings.surgery.edit_list import SAE
from workings.workbook.write import write_workbook

USUAL_TOKENS = 16
PIECE = 1 << 20
_one_at_a_time = Lock()
_folders: WeakSet[TemporaryDirectory[str]] = WeakSet()


def clear_away() -> None:
    """Delete what is left of workbooks, for a process that ends without saying good-bye."""
    for folder in list(_folders):
        folder.cleanup()


class Workbook:
    """A workbook on disk for as long as it is being sent, or until nobody wants it any more.

    Raises `InputError` for edits that leave no numbers, and `TooMuch` while another one is being written: a large model's takes all
    cores and a gigabyte of disk.
    """

    def __init__(self, answers: Answers, query: Query) -> None:
        self._folder = TemporaryDirectory(prefix="workings-", ignore_cleanup_errors=True)
        _folders.add(self._folder)
        self._path = Path(self._folder.name) / "model.xlsx"
        if not _one_at_a_time.acquire(blocking=False):
            raise TooMuch("a workbook is being written already; wait for it")
        try:
            _write(answers, query, self._path)
        finally:
            _one_at_a_time.release()
        self.size = self._path.stat().st_size

    def __iter__(self) -> Iterator[bytes]:
        """Its bytes, piece by piece; then the file is gone."""
        with self._folder, self._path.open("rb") as file:
            while piece := file.read(PIECE):
                yield piece


def _model_of(answers: Answers, trace: Trace) -> Model:
    """The model that the workbook shows: with the sparse autoencoder only where a table or weight of it is edited."""
    return answers.views.spliced if any(SAE in edit.name for edit in trace.edits) else answers.model


def _write(answers: Answers, query: Query, path: Path) -> None:
    view, n_ctx = answers.views.view(query.text("view")), answers.model.config.n_ctx
    with answers.views.working(view, asker=query.asker) as (trace, _):
        least = len(trace)
    most = query.whole("max_tokens", min(max(USUAL_TOKENS, least), n_ctx), least=least, most=n_ctx)
    # Of the trace it takes ids, weights and edits, which nobody changes.
    write_workbook(_model_of(answers, trace), path, trace, most, check=query.asker.check)

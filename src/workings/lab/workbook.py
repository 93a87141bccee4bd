"""The workbook of a view: the model with its weights and token ids as they were edited."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock

from workings.lab.answers import Answers
from workings.lab.asked import Query
from workings.lab.refusals import TooMuch
from workings.surgery.weights import with_edited_weights
from workings.workbook.write import write_workbook

USUAL_TOKENS = 16
PIECE = 1 << 20
_one_at_a_time = Lock()


class Workbook:
    """A workbook on disk for as long as it is being sent, or until nobody wants it any more.

    Raises `InputError` where tables are edited, since in a workbook they are formulas, and `TooMuch` while another one
    is being written: a large model's takes all cores and a gigabyte of disk.
    """

    def __init__(self, answers: Answers, query: Query) -> None:
        self._folder = TemporaryDirectory(prefix="workings-", ignore_cleanup_errors=True)
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


def _write(answers: Answers, query: Query, path: Path) -> None:
    view = answers.views.view(query.text("view"))
    with answers.views.working(view, asker=query.asker) as (trace, _):
        ids, model = [int(i) for i in trace.ids], with_edited_weights(answers.model, trace)
    most = query.whole(
        "max_tokens", min(max(USUAL_TOKENS, len(ids)), model.config.n_ctx), least=len(ids), most=model.config.n_ctx
    )
    write_workbook(model, path, ids, most, progress=lambda done, all: query.asker.check())

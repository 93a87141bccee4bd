"""The workbook of a view: the model with its weights and token ids as they were edited."""

from __future__ import annotations

from pathlib import Path

from workings.lab.answers import Answers
from workings.lab.asked import Query
from workings.surgery.weights import with_edited_weights
from workings.workbook.write import write_workbook

USUAL_TOKENS = 16


def make_workbook(answers: Answers, query: Query, path: Path) -> None:
    """Write it. Raises `InputError` where tables are edited: in a workbook they are formulas."""
    view = answers.views.view(query.text("view"))
    with answers.views.working(view) as (trace, _):
        ids, model = [int(i) for i in trace.ids], with_edited_weights(answers.model, trace)
    most = query.whole(
        "max_tokens", min(max(USUAL_TOKENS, len(ids)), model.config.n_ctx), least=len(ids), most=model.config.n_ctx
    )
    write_workbook(model, path, ids, most)

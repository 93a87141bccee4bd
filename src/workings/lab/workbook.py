"""The workbook of a view: the model as it was looked at, as far as formulas can hold it."""

from __future__ import annotations

from pathlib import Path

from workings.checkpoints.model import Model
from workings.errors import InputError
from workings.lab.answers import Answers
from workings.lab.asked import Query
from workings.workbook.write import write_workbook

USUAL_TOKENS = 16


def make_workbook(answers: Answers, query: Query, path: Path) -> None:
    """Write the model of a view, its weights and token ids as they were edited.

    Raises `InputError` where tables are edited: in a workbook they are formulas.
    """
    model, view = answers.model, answers.views.view(query.text("view"))
    with answers.views.working(view) as (trace, _):
        ids, edited = [int(i) for i in trace.ids], {edit.name for edit in trace.edits}
        learnt = edited & model.weights.keys()
        weights = {**model.weights, **{name: trace[name] for name in learnt}}
    if tables := sorted(edited - learnt):
        raise InputError(
            f"in a workbook {tables[0]} is a formula, so an edit of it cannot be written; switch such edits off to "
            "export, and use the workbook's page Surgery"
        )
    most = query.whole("max_tokens", max(USUAL_TOKENS, len(ids)), least=1, most=model.config.n_ctx)
    write_workbook(Model(model.name, model.config, weights, model.tokenizer), path, ids, most)

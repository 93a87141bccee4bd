"""Many forks side by side: what each lacks is worked out in one go wherever a row looks at no other row.

A fork alone has few rows, and reading a weight for few rows costs what it costs for many. So a sweep, which asks the
same of hundreds of forks, has all their rows in each product. Only attention, where rows look at each other, is worked
out fork by fork.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from workings.engine.evaluation import Evaluation
from workings.engine.recipes import Recipe
from workings.engine.rows import Part, Rows
from workings.engine.trace import Trace
from workings.errors import InputError
from workings.language.primitives import GIVEN
from workings.language.tables import Table

Array = np.ndarray

Lacking = tuple[Evaluation, Rows, Recipe]


def rows_of_all(traces: Sequence[Trace], name: str, start: int = 0, stop: int | None = None) -> list[Array]:
    """`trace.rows(name, start, stop)` of every trace, worked out side by side.

    The numbers are those of `trace.rows` up to rounding: a product of many rows may be added up in another order than
    one of few. The traces must be of one model and one type; prompts may differ. Raises as `trace.rows` does.
    """
    evaluations = [trace._evaluation for trace in traces]
    if len({(id(one.program), one.dtype) for one in evaluations}) > 1:
        raise InputError("traces that are worked out side by side must be of the same model and the same dtype")
    with np.errstate(all="ignore"):
        for table, lacking in sorted(_lacking(traces, name, start, stop).items(), key=lambda pair: pair[0].number):
            _fill_in(table, lacking)
    return [trace.rows(name, start, stop) for trace in traces]


def _lacking(traces: Sequence[Trace], name: str, start: int, stop: int | None) -> dict[Table, list[Lacking]]:
    found: dict[Table, list[Lacking]] = {}
    for trace in {id(trace._evaluation): trace for trace in traces}.values():
        evaluation, table = trace._evaluation, trace.table(name)
        if table.primitive is not GIVEN:
            rows = Rows.run(*slice(start, stop).indices(len(trace))[:2])
            for here, missing, recipe in evaluation.plan(table, rows, evaluation.program.book.around_attention):
                found.setdefault(here, []).append((evaluation, missing, recipe))
    return found


def _fill_in(table: Table, lacking: Sequence[Lacking]) -> None:
    alike: dict[tuple[int, ...], list[Lacking]] = {}
    for evaluation, missing, recipe in lacking:
        if table in evaluation.edits_of or not _row_by_row(recipe):
            evaluation.fill_in(table, missing, recipe)
        else:
            weights = (id(evaluation.weight(name)) for name in recipe.weights)
            alike.setdefault((id(recipe), *weights), []).append((evaluation, missing, recipe))
    for group in alike.values():
        first, _, recipe = group[0]
        first.fill_in_rows_of_all(table, recipe, [(evaluation, missing) for evaluation, missing, _ in group])


def _row_by_row(recipe: Recipe) -> bool:
    """Whether a row of the table needs nothing but the same row of others, wherever in the prompt it stands."""
    return (
        recipe.columns is Part.WHOLE
        and all(source.rows is Part.SAME and not source.table.columns_are_positions for source in recipe.sources)
        and all(step.first_row is None and step.cut is None for step in recipe.steps)
    )

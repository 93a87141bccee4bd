"""Have LibreOffice work a workbook out, and hold every table against the engine's float64 numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from workings.anatomy.logit_lens import draw_logit_lens
from workings.engine.evaluation import Evaluation
from workings.errors import WorkbookError
from workings.language.primitives import GIVEN
from workings.language.tables import Table
from workings.surgery.weights import with_edited_weights
from workings.workbook.layout import lay_out
from workings.workbook.office import CellError, Office
from workings.workbook.pages.tables import defined_name

if TYPE_CHECKING:
    from workings.checkpoints.model import Model
    from workings.engine.trace import Trace

Array = np.ndarray

TOLERANCE = 1e-6
"""Of a table's largest number: how far the workbook may be from the engine."""

_PLACE = re.compile(r"\$(?:'(?P<quoted>(?:[^']|'')+)'|(?P<plain>[^.']+))\.(\$[A-Z]+\$\d+)(?::(\$[A-Z]+\$\d+))?")


@dataclass(frozen=True)
class Difference:
    """How far one table of the workbook is from the engine's."""

    name: str
    largest_difference: float
    largest_number: float

    @property
    def share(self) -> float:
        """The difference as a share of the table's largest number."""
        return self.largest_difference / self.largest_number if self.largest_number else self.largest_difference

    @property
    def fine(self) -> bool:
        """Whether the two agree."""
        return self.share <= TOLERANCE


class Worked:
    """A workbook as LibreOffice works it out, read by its defined names."""

    def __init__(self, office: Office, path: str | Path | None) -> None:
        """Open a workbook; without a path, read the one that is open."""
        self.office = office
        self.changed: list[str] = []
        if path is not None:
            office.open(path)
        self.places = {name: _place(text) for name, text in office.names().items() if _PLACE.fullmatch(text)}

    def type_prompt(self, text: str) -> None:
        """Put a text into the prompt's cell."""
        page, row, column, _, _ = self.places["prompt"]
        self.changed.append("prompt")
        self.office.set(page, row, column, text)

    def cell(self, name: str) -> float | str:
        """What the (first) cell of a name holds."""
        page, row, column, _, _ = self.places[name]
        return self.office.value(page, row, column)

    def numbers(self, name: str) -> Array:
        """All numbers of a name. Raises `WorkbookError` if a cell holds something else."""
        values = self.office.values(*self.places[name])
        for row in values:
            for value in row:
                if isinstance(value, str | CellError):
                    raise WorkbookError(f"a cell of {name} holds {value!r}, where a number is expected")
        return np.array(values, np.float64)

    def set_numbers(self, name: str, numbers: Array) -> None:
        """Write numbers over a name's cells."""
        page, row, column, rows, columns = self.places[name]
        self.changed.append(name)
        for place, number in np.ndenumerate(np.broadcast_to(numbers, (rows, columns))):
            self.office.set(page, row + place[0], column + place[1], float(number))


def differences(worked: Worked, model: Model, trace: Trace | None = None) -> Iterator[Difference]:
    """Every named table of the worked-out workbook against the engine, in the rows that the prompt's tokens use.

    The engine reads the token ids that the workbook found, in float64; `trace` is the one with edits that the workbook was
    written of, if it was. Raises `WorkbookError` where the workbook found no tokens.
    """
    used = int(float(worked.cell("token_count")))
    if used == 0:
        raise WorkbookError(f"the workbook found no tokens; it says: {worked.office.value('Prompt', 4, 1)}")
    ids = worked.numbers("token_ids")[:used, 0].astype(np.int64)
    edits = () if trace is None else tuple(edit for edit in trace.edits if edit.name in trace.names())
    model = model if trace is None else with_edited_weights(model, trace)
    evaluation = Evaluation(model.program_with(draw_logit_lens), ids, np.dtype("float64"), edits)
    lens_on = bool(worked.cell("lens_on"))
    layout = lay_out(evaluation.program.graph, worked.places["token_ids"][3])
    for table in evaluation.program.graph.named.values():
        assert table.name is not None
        if table.primitive is GIVEN or (".lens." in table.name and not lens_on):
            continue
        found = _read(worked, table, layout.places[table].turned)[..., :used, :]
        expected = evaluation.read(table, 0, used)
        if table.columns_are_positions:
            found = found[..., :used]
        yield Difference(table.name, float(np.abs(found - expected).max()), float(np.abs(expected).max()))


def _read(worked: Worked, table: Table, turned: bool) -> Array:
    """A table from the workbook, heads first and rows as rows."""
    assert table.name is not None
    names: list[int | None] = [None] if len(table.axes) == 2 else list(range(table.axes[0].size or 1))
    sheets = [worked.numbers(defined_name(table.name, sheet)) for sheet in names]
    sheets = [numbers.T for numbers in sheets] if turned else sheets
    return sheets[0] if len(table.axes) == 2 else np.stack(sheets)


def _place(text: str) -> tuple[str, int, int, int, int]:
    """`$'Block 0'.$C$8:$D$9` as page, row, column, rows, columns."""
    from xlsxwriter.utility import xl_cell_to_rowcol

    found = _PLACE.fullmatch(text)
    assert found is not None
    page = (found["quoted"] or found["plain"]).replace("''", "'")
    top, left = xl_cell_to_rowcol(found[3])
    bottom, right = xl_cell_to_rowcol(found[4] or found[3])
    return page, top, left, bottom - top + 1, right - left + 1

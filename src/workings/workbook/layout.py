"""Where every table of a model lies in the workbook: on which page, at which cell, and which way round.

Tables of one block share a page and lie below one another, in order of working; the heads of a table lie side by side.
Weights have pages of their own. A table that is wider than a sheet is turned: its rows run down.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from workings.errors import WorkbookError
from workings.language.primitives import GIVEN
from workings.language.tables import Graph, Table
from workings.readings.formula import Place
from workings.workbook.page import MOST_COLUMNS, MOST_ROWS

LABELS = 2
"""Columns in front of the numbers: a row's number, and what it stands for."""
LENS = "Lens numbers"
"""The page of the logit lens's logits."""
HEAD_ROWS = 4
"""Rows above a table's numbers: its name, its sentence, the heads, the column numbers."""
HEAD_COLUMNS = 16
"""Columns that a table's head takes, however narrow the table is: its name and links to what it follows from."""
PAGE_HEAD = 3
"""Rows above the first table of a page: its title, a sentence, an empty row."""


@dataclass
class Sheet:
    """One page of tables: its name, and its tables with their places in order."""

    name: str
    about: str
    weights: bool = False
    tables: list[Table] = field(default_factory=list)


@dataclass(frozen=True)
class Layout:
    """Where every table lies, and the pages in order."""

    n_slots: int
    places: dict[Table, Place]
    sheets: list[Sheet]

    def size(self, table: Table) -> tuple[int, ...]:
        """The table's shape in this workbook: `n_slots` where the prompt decides."""
        return table.shape(self.n_slots)


def lay_out(graph: Graph, n_slots: int) -> Layout:
    """Give every named table and every weight its place. Raises `WorkbookError` where a sheet is too small."""
    sheets: dict[str, Sheet] = {}
    places: dict[Table, Place] = {}
    stage_of = _stages(graph)
    tables = list(graph.named.values())
    weights = [table for table in graph.weights.values() if table.row_axis is None]
    for table in (*tables, *weights):
        is_weight = table.primitive is GIVEN
        stage = stage_of[table]
        name = f"{stage} weights" if is_weight else stage
        if name not in sheets:
            sheets[name] = Sheet(name, _about(stage, is_weight), is_weight)
        sheets[name].tables.append(table)
    for sheet in sheets.values():
        _place(sheet, n_slots, places)
    return Layout(n_slots, places, list(sheets.values()))


def _place(sheet: Sheet, n_slots: int, places: dict[Table, Place]) -> None:
    """Put the tables of a page below one another; turned ones with rows as long stand beside one another instead."""
    row, beside = PAGE_HEAD, LABELS
    before: Place | None = None
    for table in sheet.tables:
        sheets, rows, columns = _three(table, n_slots)
        turned = is_scored_tokens(table) or LABELS + sheets * columns > MOST_COLUMNS
        if turned:
            rows, columns = columns, rows
        alike = before is not None and turned and before.turned and before.rows == rows and not sheet.weights
        beside = before.column + max(before.sheets * before.columns, HEAD_COLUMNS) + 1 if alike and before else LABELS
        top = before.row if alike and before else row + HEAD_ROWS
        place = Place(sheet.name, top, beside, rows, columns, turned, columns, sheets)
        _check(table, place)
        places[table] = before = place
        row = max(row, top + rows + 1)


def _three(table: Table, n_slots: int) -> tuple[int, int, int]:
    """Sheets, rows and columns of a table."""
    shape = table.shape(n_slots)
    sheets, rows, columns = (1,) * (3 - len(shape)) + shape
    return sheets, rows, columns


def _check(table: Table, place: Place) -> None:
    last_row, last_column = place.row + place.rows, place.column + place.sheets * place.columns
    for limit, needed, what in ((MOST_ROWS, last_row, "rows"), (MOST_COLUMNS, last_column, "columns")):
        if needed > limit:
            raise WorkbookError(
                f"{table.name} needs {needed:,} {what} of a sheet, and a sheet has {limit:,}. "
                "Ask for fewer tokens (max_tokens), or take a smaller model."
            )


def _stages(graph: Graph) -> dict[Table, str]:
    """Which part of the model each table belongs to; a weight belongs where it is read first."""
    stages: dict[Table, str] = {}
    block_seen = False
    for table in graph.named.values():
        block = _block(table.name or "")
        block_seen = block_seen or block is not None
        if ".lens." in (table.name or ""):
            block = LENS
        stages[table] = block or (
            "Next token" if is_scored_tokens(table) else "Final norm" if block_seen else "Embeddings"
        )
    for table in graph.named.values():
        for weight in _weights_read(table):
            stages.setdefault(weight, _block(weight.name or "") or stages[table])
    for weight in graph.weights.values():
        stages.setdefault(weight, _block(weight.name or "") or "Embeddings")
    return stages


def _block(name: str) -> str | None:
    """ "Block 3" for `blocks.3.attn.q`, "Decoder block 3" for `decoder.blocks.3.attn.q`; None outside blocks."""
    found = re.match(r"(?:(\w+)\.)?blocks\.(\d+)\.", name)
    if not found:
        return None
    return f"{found[1].capitalize()} block {found[2]}" if found[1] else f"Block {found[2]}"


def is_scored_tokens(table: Table) -> bool:
    """Whether a table has a column for every token of the vocabulary: such tables are turned, to be read downwards."""
    return table.axes[-1].label == "d_vocab"


def _weights_read(table: Table) -> Iterable[Table]:
    """The weights between a named table and the named tables before it."""
    todo, seen = list(table.inputs), set()
    while todo:
        before = todo.pop()
        if before in seen:
            continue
        seen.add(before)
        if before.primitive is GIVEN:
            yield before
        elif before.name is None:
            todo.extend(before.inputs)


def _about(stage: str, weights: bool) -> str:
    if weights:
        return (
            "What was learnt in training: given numbers, which nothing works out. Change one, and everything follows."
        )
    if stage == "Embeddings":
        return "Every token of the prompt becomes a row of numbers: its own row of the embedding table, and its position's."
    if stage == "Final norm":
        return "The last residual stream, brought to a common size before the next token is scored."
    if stage == LENS:
        return "What the model would say if it stopped after a block: the score of every token, for every block."
    if stage == "Next token":
        return "A score for every token of the vocabulary at every position, and the share that it makes."
    return "One block: every token looks at those before it (attention), then thinks by itself (MLP), and adds what it found."

"""One patch of a sweep: which one is meant, what it does in words, and the edit that it is."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from workings.anatomy.contrast import Contrast
from workings.anatomy.patching import OVER, SAID, cells_of, places_of, swept
from workings.anatomy.path_patching import End, path_cells, receiver_said
from workings.checkpoints.model import Model
from workings.display.words import percent, spoken
from workings.engine.trace import Trace
from workings.errors import InputError, OutsideTable
from workings.lab.asked import Query
from workings.lab.replies import shortest
from workings.lab.views import MOST_CHARACTERS, View
from workings.surgery.edit_list import SavedEdit

Array = np.ndarray
Json = dict[str, Any]

MOST_VALUES = 2_000
"""Numbers of a patch that is opened as an edit, which travels in the page's address."""
EACH = {
    over: f"{SAID[over].format('each')}, by {'head' if table.startswith('attn.') else 'token'}"
    for over, table in OVER.items()
}
"""What can be swept over, in words."""
_IDS = re.compile(r"\s*\d{1,9}(?:\s*[,\s]\s*\d{1,9})*\s*")


def other_prompt(model: Model, query: Query) -> str | tuple[int, ...]:
    """The second prompt that a request names: its text, or token ids for a model without a tokenizer. Raises `InputError`, `TooMuch`."""
    given = query.text("other", MOST_CHARACTERS)
    if model.tokenizer is not None:
        return given
    if not _IDS.fullmatch(given):
        raise InputError(f"{model.name} has no tokenizer, so other is token ids, such as 3,1,2")
    return tuple(map(int, re.findall(r"\d+", given)))


@dataclass(frozen=True)
class Question:
    """Which two prompts are held against each other, by which two tokens, and what is taken over between them.

    `into` is the receiver of paths, None where whole parts are patched, and `through_mlps` whether MLPs
    answer on the way; `edits` are those to be put in force in both prompts.
    """

    view: View
    other: str | tuple[int, ...]
    answer: int | None
    against: int | None
    over: str
    into: End | None
    through_mlps: bool
    direction: str
    edits: tuple[SavedEdit, ...]

    @property
    def about(self) -> tuple[Any, ...]:
        """What the two traces follow from."""
        return (self.view.ids, self.other, self.answer, self.against, self.direction, self.edits)


@dataclass(frozen=True)
class Cells:
    """All patches of a sweep: the table of each block, whether columns are heads, and what makes the trace of each."""

    pair: Contrast
    asked: Question
    tables: tuple[str, ...]
    by_head: bool
    make: list[list[Callable[[], Trace]]]

    @classmethod
    def of(cls, pair: Contrast, asked: Question) -> Cells:
        """The patches that a question asks for. Raises `InputError`, `UnknownTable`, `OutsideTable`."""
        if asked.into is not None:
            tables, make = path_cells(pair, asked.into, through_mlps=asked.through_mlps)
            return cls(pair, asked, tables, True, make)
        tables, by_head = swept(pair.base, asked.over)
        return cls(pair, asked, tables, by_head, cells_of(pair, tables))

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.make) * len(self.make[0])

    def check(self, block: int, column: int) -> None:
        """That there is such a cell. Raises `OutsideTable`."""
        n_blocks, n_columns = len(self.make), len(self.make[0])
        if block >= n_blocks or column >= n_columns:
            raise OutsideTable(
                f"this sweep has the blocks 0 to {n_blocks - 1} and the {'heads' if self.by_head else 'positions'} 0 to {n_columns - 1}"
            )

    def said(self, block: int, column: int, effect: float) -> str:
        """What was tried and what it does, as a sentence."""
        asked, denoising = self.asked, self.asked.direction == "denoising"
        part, source = SAID[asked.over].format("that"), f"{'your' if denoising else 'the second'} sentence"
        tried = f"{part}, taken over from {source}"
        if asked.into is not None:
            receiver = receiver_said(asked.into)
            direct = f"told directly to {receiver} and to nothing else"
            tried = f"{part} in {source}, {f'told to {receiver}, directly or through MLPs' if asked.through_mlps else direct}"
        place = f"head {column}" if self.by_head else f"at {spoken(self.pair.clean.tokens[column])}"
        return f"Block {block}, {place}: {tried}, {_does(effect, denoising)}"

    def edit(self, block: int, column: int, trace: Trace) -> Json | str:
        """The patch as an edit of the base that a view holds, or why it is none."""
        if trace is self.pair.base:
            return "Both prompts have the same numbers here, so there is nothing to take over."
        if self.asked.into is None:
            table = self.tables[block]
            place = list(places_of(self.pair.base, table))[column]
            return _edit(table, [column], self.pair.source[table][place])
        end = self.asked.into
        if end == "logits":
            return (
                "This one cannot be opened as a sentence with an edit: the head speaks to the scores directly, and to keep it so every "
                "attention and every MLP after it is held as it was, which takes many edits. (In Python, "
                "workings.path_patch(...).trace is the sentence with all of them.)"
            )
        name, head = (end, None) if isinstance(end, str) else end
        return _edit(name, [] if head is None else [head], trace[name] if head is None else trace[name][head])

    def first_differing(self, edit: Json) -> list[int]:
        """The index of the first number that an edit changes, of those that it sets; the first of all where none differs."""
        index = tuple(slice(None) if isinstance(part, str) else part for part in edit["index"])
        before = self.pair.base[edit["table"]][index]
        changed = np.argwhere(before != np.asarray(edit["value"], before.dtype).reshape(before.shape))
        inside = iter(changed[0].tolist() if len(changed) else [0] * before.ndim)
        return [next(inside) if isinstance(part, str) else part for part in edit["index"]]


def _does(effect: float, denoising: bool) -> str:
    if not np.isfinite(effect):
        return "leaves no number: with this patch the two scores overflow, or are no numbers at all (NaN)."
    if effect < -0.005:
        pushes = "pushes the other way, by" if denoising else "makes the difference larger, by"
        return f"{pushes} {percent(-effect)} of {'the difference' if denoising else 'it'}."
    amount = "next to nothing" if effect < 0.005 else percent(effect)
    return f"{'brings back' if denoising else 'takes away'} {amount} of the difference."


def _edit(table: str, first: list[int], numbers: Array) -> Json | str:
    """Numbers set by hand, `first` being the part of the index before them."""
    if numbers.size > MOST_VALUES:
        return (
            f"This patch has {numbers.size:,} numbers, and up to {MOST_VALUES:,} are opened as an edit; look at the numbers "
            "that are taken over, or use trace.edit in Python."
        )
    if not np.isfinite(numbers).all():
        return "Some of these numbers are infinite or none at all, and an edit holds finite ones."
    rows = [f"0:{numbers.shape[-2]}"] if numbers.ndim > 1 else []
    index: list[int | str] = [*first, *[":"] * (numbers.ndim - 2), *rows, ":"]
    return {"table": table, "index": index, "value": shortest(numbers), "on": True}

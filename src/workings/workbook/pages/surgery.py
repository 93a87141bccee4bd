"""The page "Surgery": cells that change what the model thinks, and how they get into the formulas of the tables."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from workings.language.tables import Table
from workings.readings.formula import Place
from workings.workbook.page import Block, Page
from workings.workbook.references import cell, on_page, span

Array = np.ndarray

PAGE = "Surgery"
_TOP = 12  # the first row below the questions
STRENGTHS = "0 changes nothing; try more, or less than 0"


@dataclass(frozen=True)
class Vector:
    """What is added to the residual stream: numbers, where they fit, and a sentence that says what they are."""

    numbers: Array  # [d_model]
    about: str
    block: int = 0
    first: int = 0
    last: int | None = None
    """The last position that gets it; None for the last there is."""
    strength: float = 0.0


class SurgeryPage:
    """Writes the page and knows its cells.

    The vector, times the strength, is added to the residual stream after one block (`blocks.{i}.resid_post`) at the
    positions asked for; a head's `z` and a block's `mlp_out` are multiplied by their switches. `next_token` is what the
    prompt leads to at first, with its share. `switches` are those that do not stand at 1, by (table, head or None).
    """

    def __init__(
        self,
        tables: Mapping[Table, Place],
        n_slots: int,
        vector: Vector,
        next_token: tuple[str, float],
        switches: Mapping[tuple[str, int | None], float] | None = None,
    ) -> None:
        self.n_slots, self.vector, self.next_token = n_slots, vector, next_token
        self.switches = switches or {}
        named = {table.name or "": table for table in tables}
        self.blocks = [found[0] for name in named if (found := re.match(r".*\.(?=resid_post$)", name))]
        self.heads = {name: tables[table].sheets for name, table in named.items() if name.endswith("attn.z")}
        self.mlps = [name for name in named if name.endswith("mlp_out")]
        self.page = Page(PAGE, frozen=(0, 1))
        self.amounts_top = _TOP + 8
        self.switches_top = self.amounts_top + len(self.blocks) + 4
        self.most_heads = max(self.heads.values(), default=0)
        self._write()

    # In the formulas ----------------------------------------------------------------------------------------------

    def adjust(self, table: Table, sheet: int, position: int, formula: str) -> str:
        """A row's formula with what this page may do to it."""
        name = table.name or ""
        if name.endswith("resid_post") and name.removesuffix("resid_post") in self.blocks:
            row = self.amounts_top + 2 + self.blocks.index(name.removesuffix("resid_post"))
            return f"({formula}+{self._at(row, 1 + position)}*{self._vector()})"
        if name in self.heads:
            return f"({formula}*{self._at(self._switch_row(list(self.heads).index(name)), 1 + sheet)})"
        if name in self.mlps:
            return f"({formula}*{self._at(self._switch_row(self.mlps.index(name)), 1 + self.most_heads)})"
        return formula

    def _at(self, row: int, column: int) -> str:
        return on_page(PAGE, cell(row, column, "rc"))

    def _vector(self) -> str:
        return on_page(PAGE, span(_TOP + 2, 1, 1, len(self.vector.numbers)))

    @property
    def _last(self) -> int:
        return self.n_slots - 1 if self.vector.last is None else self.vector.last

    def _switch_row(self, block: int) -> int:
        return self.switches_top + 3 + block

    # On the page --------------------------------------------------------------------------------------------------

    def _write(self) -> None:
        page = self.page
        page.widths |= {0: 30} | dict.fromkeys(range(1, 18), 13)
        page.write(0, 0, "Surgery", style="title")
        page.write(
            1, 0, "Change what the model thinks, and watch the next token follow. Yellow cells are yours.", style="note"
        )
        page.write(3, 0, "Add a vector to the residual stream", style="heading")
        asked = [
            ("surgery_block", "after block", self.vector.block, "which block, counted from 0"),
            ("surgery_first", "from position", self.vector.first, "the first token, counted from 0"),
            ("surgery_last", "to position", self._last, "the last token"),
            ("surgery_strength", "strength", self.vector.strength, STRENGTHS),
        ]
        for row, (name, label, value, note) in enumerate(asked, 4):
            page.write(row, 0, label, style="label")
            page.write(row, 1, value, style="input number" if name == "surgery_strength" else "input whole")
            page.write(row, 2, note, style="note")
            page.name_area(name, row, 1)
        self._write_next_token()
        page.write(_TOP, 0, "The vector", style="heading")
        page.write(_TOP + 1, 0, "dimension", style="note")
        width = len(self.vector.numbers)
        page.blocks.append(Block(_TOP + 1, 1, np.arange(width, dtype=np.float32)[None], style="ids"))
        page.write(_TOP + 2, 0, "number added (times strength)", style="label")
        page.blocks.append(Block(_TOP + 2, 1, self.vector.numbers[None].astype(np.float32), style="input number"))
        page.name_area("surgery_vector", _TOP + 2, 1, 1, width)
        page.write(_TOP + 3, 0, self.vector.about, style="note")
        self._write_amounts()
        self._write_switches()

    def _write_next_token(self) -> None:
        """The outcome, beside the questions."""
        text, share = self.next_token
        self.page.write(9, 0, "next token", style="label")
        self.page.write(9, 1, text, "next_token", style="answer")
        self.page.write(9, 2, share, "next_token_share", style="share")

    def _write_amounts(self) -> None:
        page, top = self.page, self.amounts_top
        page.write(top, 0, "How much of the vector each token gets", style="heading")
        page.write(top + 1, 0, "after block \\ position", style="note")
        for position in range(self.n_slots):
            page.write(top + 1, 1 + position, position, style="number header")
        for block, name in enumerate(self.blocks):
            page.write(top + 2 + block, 0, name.rstrip("."), style="label")
            for position in range(self.n_slots):
                asked = f"surgery_block={block},surgery_first<={position},surgery_last>={position}"
                now = self.vector.strength if self._gets_it(block, position) else 0.0
                page.write(top + 2 + block, 1 + position, now, f"IF(AND({asked}),surgery_strength,0)", "number")

    def _gets_it(self, block: int, position: int) -> bool:
        return block == self.vector.block and self.vector.first <= position <= self._last

    def _write_switches(self) -> None:
        page, top = self.page, self.switches_top
        page.write(top, 0, "Knock out heads and MLPs", style="heading")
        page.write(top + 1, 0, "1 lets a part speak, 0 silences it; 0.5 makes it half as loud.", style="note")
        titles: Sequence[str] = [*(f"head {head}" for head in range(self.most_heads)), "MLP"]
        for column, title in enumerate(titles, 1):
            page.write(top + 2, column, title, style="number header")
        for block, (name, heads) in enumerate(self.heads.items()):
            page.write(self._switch_row(block), 0, name.removesuffix(".attn.z"), style="label")
            for head in range(heads):
                self._write_switch(block, 1 + head, self.switches.get((name, head), 1))
        for block, name in enumerate(self.mlps):
            self._write_switch(block, 1 + self.most_heads, self.switches.get((name, None), 1))

    def _write_switch(self, block: int, column: int, loud: float) -> None:
        style = "input whole" if loud == int(loud) else "input number"
        self.page.write(self._switch_row(block), column, loud, style=style)

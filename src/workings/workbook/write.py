"""From a model to a workbook: which pages there are, in which order, and what each is given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from workings.anatomy.logit_lens import draw_logit_lens, lens_name
from workings.checkpoints.merges import visible
from workings.engine.evaluation import Evaluation
from workings.errors import InputError
from workings.language.primitives import GIVEN
from workings.language.tables import Table
from workings.readings.formula import Place
from workings.workbook.contents_page import contents_page
from workings.workbook.examples import vector_for
from workings.workbook.layout import Layout, Sheet, lay_out
from workings.workbook.lens_page import lens_page, lens_switch
from workings.workbook.package import write_package
from workings.workbook.page import Area, Page, Value
from workings.workbook.prompt_page import PromptPage
from workings.workbook.surgery_page import SurgeryPage
from workings.workbook.tables import TableWriter, TokenCells
from workings.workbook.tokens import TokenPages, tokens_pages
from workings.workbook.tokens.vocabulary import vocabulary_of
from workings.workbook.typed_ids import typed_ids_page
from workings.workbook.vocabulary_page import vocabulary_page

if TYPE_CHECKING:
    from workings.checkpoints.model import Model, Prompt

Array = np.ndarray

LENS_AT_ONCE = 2_000_000
"""Up to so many numbers the logit lens is on from the start; a larger one waits until it is asked for."""


def write_workbook(
    model: Model,
    path: str | Path,
    prompt: Prompt | None = None,
    max_tokens: int = 16,
    replace: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write a model as a workbook of live formulas, for Excel 2016 or newer and LibreOffice 7.4 or newer.

    `prompt` is what stands in the prompt's cell at first; `max_tokens` how many tokens a prompt may have there.
    `progress(done, all)` is called as cells are written. A file that is there already is replaced only if `replace`.

    Raises `WorkbookError` for what a spreadsheet cannot hold and for a file that cannot be written, and `InputError`
    for a prompt that cannot be read; nothing is left half written.
    """
    if not 1 <= max_tokens <= model.config.n_ctx:
        raise InputError(f"max_tokens is 1 to {model.config.n_ctx} (the model's n_ctx); {max_tokens} came")
    write_package(path, _Book(model, prompt, max_tokens).pages(), replace=replace, progress=progress)


DEFAULT_PROMPT = "If today is Tuesday, tomorrow is"


def _prompt_for(model: Model, prompt: Prompt | None, typed: bool) -> str:
    """What stands in the prompt's cell at first: text, or token ids with spaces between them."""
    if prompt is None:
        return "0" if typed else DEFAULT_PROMPT
    if isinstance(prompt, str) and (model.tokenizer is None or not typed):
        return prompt
    ids = [int(i) for i in model.encode(prompt)]
    if typed:
        return " ".join(map(str, ids))
    assert model.tokenizer is not None
    return model.tokenizer.decode(ids)


@dataclass(frozen=True)
class _Read:
    """The prompt as it was read: its token ids, none where the sheet cannot split it."""

    ids: list[int]
    texts: list[str]


class _Book:
    """Everything that the pages share."""

    def __init__(self, model: Model, prompt: Prompt | None, max_tokens: int) -> None:
        self.model, self.n_slots, self.typed = model, max_tokens, _why_typed(model)
        self.prompt = _prompt_for(model, prompt, bool(self.typed))
        self.program = model.program_with(draw_logit_lens)
        self.graph = self.program.graph
        self.layout = lay_out(self.graph, max_tokens)
        self.texts, self.shown = _vocabulary(model)
        self.lenses = self._lenses()
        sizes = sum(place.rows * self.n_slots for _, place in self.lenses.values())
        self.lens_on = sizes <= LENS_AT_ONCE

    def _lenses(self) -> dict[str, tuple[Table, Place]]:
        named, places = self.graph.named, self.layout.places
        return {
            name: (named[lens_name(name)], places[named[lens_name(name)]]) for name in named if lens_name(name) in named
        }

    # The pages ----------------------------------------------------------------------------------------------------

    def pages(self) -> list[Page]:
        """All pages, in the order of the workbook."""
        model, places = self.model, self.layout.places
        vocabulary, texts, readable = vocabulary_page(self.texts, self.shown)
        first = PromptPage(model.name, self.prompt, places[self.graph.named["logits"]], texts, readable, self.n_slots)
        split = self._split(first.reference(), readable)
        read = self._read(split)
        surgery = SurgeryPage(places, self.n_slots, vector_for(model))
        tokens = TokenCells(
            split.texts.page,
            split.texts.row,
            split.texts.column,
            read.texts,
            (split.ids.page, split.ids.row, split.ids.column),
        )
        numbers = _Numbers(self, read.ids)
        writer = TableWriter(self.layout, numbers, tokens, self.shown, self._adjust(surgery))
        logits = numbers(self.graph.named["logits"])
        first.finish(
            split.message,
            str(_value_at(split.tokens, split.message)),
            split.ids,
            split.texts,
            read.texts,
            read.ids,
            logits[len(read.ids) - 1] if read.ids else None,
            self.texts,
            self.shown,
        )
        surgery.show_next_token(*_outcome(first.page))
        lens_numbers = {name: numbers(table)[: len(read.ids)] for name, (table, _) in self.lenses.items()}
        lens = lens_page(
            self.lenses, lens_numbers if self.lens_on else None, readable, self.shown, tokens, self.n_slots
        )
        tables = [(writer.page(sheet), sheet) for sheet in self.layout.sheets]
        about = [
            (first.page, "Type here; the next token, the ten likeliest, a temperature."),
            (split.tokens, "How the text becomes tokens: characters, bytes, then merge after merge."),
            *((page, sheet.about) for page, sheet in tables if not sheet.weights and "Lens" not in sheet.name),
            (lens, "What the model would say after every block."),
            (surgery.page, "Add a vector to what the model thinks, silence heads and MLPs, and see what follows."),
            *((page, sheet.about) for page, sheet in tables if not sheet.weights and "Lens" in sheet.name),
            *((page, sheet.about) for page, sheet in tables if sheet.weights),
            (vocabulary, "Every token that the model knows."),
            *([(split.merges, "What the formulas of the page Tokens look up.")] if split.merges else []),
        ]
        contents = contents_page(
            f"{model.name}: a language model that shows its workings",
            f"{model.n_parameters:,} learnt numbers, up to {self.n_slots} tokens, and nothing but formulas between your text and the next token.",
            about,
            self._stages([sheet for _, sheet in tables]),
        )
        pages = [contents, *(page for page, _ in about)]
        for page in pages:
            page.dress.append(lambda _, sheet: sheet.set_row(0, 30))  # room for the title
        return pages

    def _stages(self, sheets: Sequence[Sheet]) -> list[tuple[str, str]]:
        """The boxes of the picture: the stages that a prompt goes through."""
        found = [("Prompt", "your text"), ("Tokens", f"up to {self.n_slots} token ids")]
        learnt = {sheet.name.removesuffix(" weights"): sheet for sheet in sheets if sheet.weights}
        for sheet in sheets:
            if sheet.weights or "Lens" in sheet.name:
                continue
            weights = learnt.get(sheet.name)
            count = sum(_size(table) for table in weights.tables) if weights else 0
            text = f"{len(sheet.tables)} tables" + (f", {count:,} learnt numbers" if count else "")
            found.append((sheet.name, text))
        return found

    def _split(self, prompt_cell: str, readable: Area) -> TokenPages:
        """The page that turns the prompt into token ids: by byte-pair encoding, or as they are typed."""
        if not self.typed:
            assert self.model.tokenizer is not None
            return tokens_pages(self.model.tokenizer, prompt_cell, self.prompt, self.n_slots)
        return typed_ids_page(prompt_cell, self.prompt, self.shown, readable, self.n_slots, self.typed)

    def _read(self, split: TokenPages) -> _Read:
        """The token ids that the page of tokens comes to, which may be none."""
        used = int(_value_at(split.tokens, split.count))
        rows = range(used)
        ids = [int(_value_at(split.tokens, split.ids, row)) for row in rows]
        return _Read(ids, [str(_value_at(split.tokens, split.texts, row)) for row in rows])

    def _adjust(self, surgery: SurgeryPage) -> Callable[[Table, int, int, str], str]:
        lenses = {table for table, _ in self.lenses.values()}

        def adjust(table: Table, sheet: int, position: int, formula: str) -> str:
            return lens_switch(formula) if table in lenses else surgery.adjust(table, sheet, position, formula)

        return adjust


class _Numbers:
    """The numbers of every table in the size that the layout gives it: what the formulas come to for this prompt."""

    def __init__(self, book: _Book, ids: list[int]) -> None:
        self.book, self.used = book, len(ids)
        self.evaluation = Evaluation(book.program, np.array(ids), np.dtype("float32"))
        self.off = set() if book.lens_on else {table for table, _ in book.lenses.values()}
        self.ten_digits = book.model.n_parameters <= TEN_DIGITS_UP_TO

    def __call__(self, table: Table) -> Array:
        if table.primitive is GIVEN:
            assert table.name is not None
            weight = self.book.model.weights[table.name]
            return ten_digits(weight) if self.ten_digits else weight
        shape = self.book.layout.size(table)
        if table in self.off or self.used == 0:
            return np.broadcast_to(np.float32(0), shape)
        numbers = np.zeros(shape, np.float32)
        rows = numbers[..., : self.used, :]
        if table.columns_are_positions:
            rows[...] = self.book.program.book.fill(table)  # what stands right of the diagonal
            rows = rows[..., : self.used]
        rows[...] = self.evaluation.read(table, 0, self.used)
        return numbers


TEN_DIGITS_UP_TO = 4_000_000
"""Models of up to so many weights get ten digits of each; larger ones as many as tell float32 numbers apart (6 to 9)."""


def ten_digits(numbers: Array) -> Array:
    """Float32 numbers to ten significant digits, as float64: ten thousand times closer than the shortest digits that
    tell them apart, and a fifth longer in the file."""
    exact = numbers.astype(np.float64)
    size = np.floor(np.log10(np.abs(np.where(exact == 0, 1, exact))))
    scale = 10.0 ** (9 - size)
    return np.rint(exact * scale) / scale


def _vocabulary(model: Model) -> tuple[list[str], list[str]]:
    """The text of every token, as it is and readable."""
    if model.tokenizer is None:
        numbers = list(map(str, range(model.config.d_vocab)))
        return numbers, numbers
    known = min(model.tokenizer.n_tokens, model.config.d_vocab)
    texts = list(model.tokenizer.token_strings(range(known)))
    texts += [f"(token {number})" for number in range(known, model.config.d_vocab)]
    return texts, list(map(visible, texts))


def _why_typed(model: Model) -> str:
    """Why token ids must be typed, as a sentence; empty where text can be split by formulas."""
    if model.tokenizer is None:
        return "This model has no tokenizer."
    try:
        vocabulary_of(model.tokenizer)
    except InputError as reason:
        return str(reason).partition(". ")[0] + "."
    return ""


def _value_at(page: Page, area: Area, row: int = 0) -> Value:
    return page.cells[area.row + row, area.column].value


def _outcome(page: Page) -> tuple[str, float]:
    from workings.workbook.prompt_page import ANSWER

    return str(page.cells[ANSWER].value), float(page.cells[ANSWER[0], 2].value)


def _size(table: Table) -> int:
    return int(np.prod([axis.size or 1 for axis in table.axes]))


__all__ = ["Layout", "write_workbook"]

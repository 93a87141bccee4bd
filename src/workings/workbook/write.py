"""From a model to a workbook: which pages there are, in which order, and what each is given."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from workings.anatomy.logit_lens import draw_logit_lens, lens_name
from workings.engine.trace import Trace
from workings.errors import InputError
from workings.language.tables import Table
from workings.surgery.weights import with_edited_weights
from workings.workbook.examples import vector_for
from workings.workbook.layout import LENS, Sheet, lay_out
from workings.workbook.numbers import Numbers
from workings.workbook.operations import Operations, check_edited
from workings.workbook.package import write_package
from workings.workbook.page import Check, Page, go_on
from workings.workbook.pages.contents import contents_page
from workings.workbook.pages.edits import EditsPage
from workings.workbook.pages.lens import lens_page, lens_switch
from workings.workbook.pages.prompt import PromptPage
from workings.workbook.pages.surgery import SurgeryPage
from workings.workbook.pages.tables import TableWriter
from workings.workbook.pages.typed_ids import typed_ids_page
from workings.workbook.pages.vocabulary import VocabularyPage
from workings.workbook.tokens import TokenPages, tokens_pages
from workings.workbook.tokens.vocabulary import vocabulary_of
from workings.workbook.tokens_read import TokensRead

if TYPE_CHECKING:
    from workings.checkpoints.model import Model, Prompt

Array = np.ndarray

LENS_AT_ONCE = 2_000_000
"""Up to so many numbers the logit lens is on from the start; a larger one waits until it is asked for."""


def write_workbook(
    model: Model,
    path: str | Path,
    prompt: Prompt | Trace | None = None,
    max_tokens: int = 16,
    replace: bool = False,
    progress: Callable[[int, int], None] | None = None,
    check: Check = go_on,
) -> None:
    """Write a model as a workbook of live formulas, for Excel 2016 or newer and LibreOffice 7.4 or newer.

    `prompt` is what stands in the prompt's cell at first; `max_tokens` how many tokens a prompt may have there. It may be a
    trace with edits, which are in force there too: those of weights and token ids are written into the workbook, a vector that is
    added to the residual stream and heads and MLPs that are turned down stand on its page Surgery, and all other edits of
    tables on a page Edits.
    `progress(done, all)` is called as cells are written, and `check()` now and then from the beginning on, while pages are
    made, too: an error that it raises ends the writing, and nothing is left behind. A file that is there already is replaced only if `replace`.

    Raises `WorkbookError` for what a spreadsheet cannot hold and for a file that cannot be written, and `InputError`
    for a prompt that cannot be read, for edits of tables that the model does not have (those of a sparse autoencoder, where
    another model read the trace) and for edits that leave no numbers; nothing is left half written.
    """
    if not 1 <= max_tokens <= model.config.n_ctx:
        raise InputError(f"max_tokens is 1 to {model.config.n_ctx} (the model's n_ctx); {max_tokens} came")

    def told(done: int, whole: int) -> None:
        check()
        if progress:
            progress(done, whole)

    write_package(path, Book(model, prompt, max_tokens).pages(check), replace=replace, progress=told)


DEFAULT_PROMPT = "If today is Tuesday, tomorrow is"


def _prompt_for(model: Model, prompt: Prompt | None, typed: bool, max_tokens: int) -> str:
    """What stands in the prompt's cell at first: text, or token ids with spaces between them."""
    if prompt is None and typed:
        return "0"
    if prompt is None:
        assert model.tokenizer is not None
        return model.tokenizer.decode(model.tokenizer.encode(DEFAULT_PROMPT)[:max_tokens])
    if isinstance(prompt, str) and (model.tokenizer is None or not typed):
        return prompt
    ids = [int(i) for i in model.encode(prompt)]
    if typed:
        return " ".join(map(str, ids))
    assert model.tokenizer is not None
    return model.tokenizer.decode(ids)


class Book:
    """A workbook before it is written: the model with the logit lens, its layout, and the pages made of them."""

    def __init__(self, model: Model, prompt: Prompt | Trace | None, max_tokens: int) -> None:
        self.operations, self.edited = Operations(), False
        if isinstance(prompt, Trace):
            check_edited(prompt, model)
            self.operations, self.edited = Operations.of(prompt, max_tokens), bool(prompt.edits)
            model, prompt = with_edited_weights(model, prompt), prompt.ids
        self.model, self.n_slots, self.typed = model, max_tokens, _why_typed(model)
        self.prompt = _prompt_for(model, prompt, bool(self.typed), max_tokens)
        self.program = model.program_with(draw_logit_lens)
        self.layout = lay_out(self.program.graph, max_tokens)
        self.vocabulary = VocabularyPage.of(model)
        named = self.program.graph.named
        self.lenses = {name: named[lens_name(name)] for name in named if lens_name(name) in named}
        self.lens_on = len(self.lenses) * model.config.d_vocab * max_tokens <= LENS_AT_ONCE

    def pages(self, check: Check = go_on) -> list[Page]:
        """All pages, in the order of the workbook; `check` is called between them, and within the longest."""
        model, places = self.model, self.layout.places
        logits = self.program.graph.named["logits"]
        prompt = PromptPage(model.name, self.prompt, places[logits], self.vocabulary, self.n_slots)
        tokens = TokensRead(self._split(prompt.reference(), check))
        if tokens.message:
            raise InputError(f"a workbook for {self.n_slots} tokens cannot begin with this prompt. {tokens.message}")
        off = set() if self.lens_on else set(self.lenses.values())
        numbers = Numbers(self.program, model.weights, self.layout, tokens.ids, off, self.operations.edits)
        if self.edited and tokens.ids:
            numbers.check()
        prompt.finish(tokens, numbers.used_rows(logits)[-1] if tokens.ids else None)
        vector = vector_for(model, self.operations.pushed)
        surgery = SurgeryPage(places, self.n_slots, vector, prompt.outcome, self.operations.switches)
        edits = self._edits_page(tokens, prompt.outcome)
        writer = TableWriter(self.layout, numbers, tokens, self.vocabulary.shown, self._adjust(surgery, edits))
        tables = {}
        for sheet in self.layout.sheets:
            check()
            tables[sheet.name] = writer.page(sheet)
        pages = self._in_order(prompt.page, tokens, self._lens_page(numbers, tokens), surgery.page, edits, tables)
        contents = contents_page(
            f"{model.name}: a language model that shows its workings",
            f"{model.n_parameters:,} learnt numbers, up to {self.n_slots} tokens, "
            "and nothing but formulas between your text and the next token.",
            pages,
            self._stages(),
        )
        all_pages = [contents, *(page for page, _ in pages)]
        for page in all_pages:
            page.dress.append(lambda _, sheet: sheet.set_row(0, 30))  # room for the title
        return all_pages

    def _in_order(
        self,
        prompt: Page,
        tokens: TokensRead,
        lens: Page,
        surgery: Page,
        edits: EditsPage | None,
        tables: dict[str, Page],
    ) -> list[tuple[Page, str]]:
        """All pages but the contents, each with a sentence: first what a prompt goes through, then what is looked up."""

        def sheets(which: Callable[[Sheet], bool]) -> Iterable[tuple[Page, str]]:
            return [(tables[sheet.name], sheet.about) for sheet in self.layout.sheets if which(sheet)]

        merges = tokens.pages.merges
        return [
            (prompt, "Type here; the next token, the ten likeliest, a temperature."),
            (tokens.pages.tokens, "How the prompt becomes tokens."),
            *sheets(lambda sheet: not sheet.weights and sheet.name != LENS),
            (lens, "What the model would say after every block."),
            (surgery, "Add a vector to what the model thinks, silence heads and MLPs, and see what follows."),
            *([(edits.page, "What was changed in tables, number by number.")] if edits else []),
            *sheets(lambda sheet: sheet.name == LENS),
            *sheets(lambda sheet: sheet.weights),
            (self.vocabulary.page, "Every token that the model knows."),
            *([(merges, "What the formulas of the page Tokens look up.")] if merges else []),
        ]

    def _stages(self) -> list[tuple[str, str]]:
        """The boxes of the picture: the stages that a prompt goes through."""
        found = [("Prompt", "your text"), ("Tokens", f"up to {self.n_slots} token ids")]
        learnt = {sheet.name: sheet.tables for sheet in self.layout.sheets if sheet.weights}
        for sheet in self.layout.sheets:
            if sheet.weights or sheet.name == LENS:
                continue
            count = sum(int(np.prod(self.layout.size(table))) for table in learnt.get(f"{sheet.name} weights", []))
            text = f"{len(sheet.tables)} tables" + (f", {count:,} learnt numbers" if count else "")
            found.append((sheet.name, text))
        return found

    def _split(self, prompt_cell: str, check: Check) -> TokenPages:
        """The page that turns the prompt into token ids: by byte-pair encoding, or as they are typed."""
        if not self.typed:
            assert self.model.tokenizer is not None
            return tokens_pages(self.model.tokenizer, prompt_cell, self.prompt, self.n_slots, check=check)
        return typed_ids_page(prompt_cell, self.prompt, self.vocabulary, self.n_slots, self.typed)

    def _lens_page(self, numbers: Numbers, tokens: TokensRead) -> Page:
        places = {name: self.layout.places[table] for name, table in self.lenses.items()}
        found = {name: numbers.used_rows(table) for name, table in self.lenses.items()} if self.lens_on else None
        return lens_page(places, found, self.vocabulary, tokens, self.n_slots)

    def _edits_page(self, tokens: TokensRead, next_token: tuple[str, float]) -> EditsPage | None:
        """The page for edits that the page Surgery has no place for; None where there are none."""
        changed, edits = self.operations.changed, self.operations.edits
        if not changed:
            return None
        return EditsPage(self.layout.places, changed, edits, tokens, self.vocabulary.shown, next_token)

    def _adjust(self, surgery: SurgeryPage, edits: EditsPage | None) -> Callable[[Table, int, int, str], str]:
        lenses = set(self.lenses.values())

        def adjust(table: Table, sheet: int, position: int, formula: str) -> str:
            if edits:
                formula = edits.adjust(table, sheet, position, formula)
            return lens_switch(formula) if table in lenses else surgery.adjust(table, sheet, position, formula)

        return adjust


def _why_typed(model: Model) -> str:
    """Why token ids must be typed, as a sentence; empty where text can be split by formulas."""
    if model.tokenizer is None:
        return "This model has no tokenizer."
    try:
        vocabulary_of(model.tokenizer)
    except InputError as reason:
        return str(reason).partition(". ")[0] + "."
    return ""

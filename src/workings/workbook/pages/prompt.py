"""The page "Prompt": where one types, and reads what comes next."""

from __future__ import annotations

from typing import Any

import numpy as np

from workings.language.operations import softmax
from workings.readings.formula import Place
from workings.workbook.page import Area, Page
from workings.workbook.pages.vocabulary import VocabularyPage
from workings.workbook.references import cell, everywhere, on_page
from workings.workbook.tokens_read import TokensRead

Array = np.ndarray

PAGE = "Prompt"
PROMPT = (3, 1)  # row and column of the cell where one types
MESSAGE, ANSWER, TEMPERATURE = (4, 1), (6, 1), (8, 1)
TOP, LIKELIEST = 11, 10
_RANK, _TOKENS = 0, 5  # columns where the two lists begin


class PromptPage:
    """Writes the page. `logits` is where the model's scores lie, turned: a column for every position."""

    def __init__(self, model: str, prompt: str, logits: Place, vocabulary: VocabularyPage, n_slots: int) -> None:
        self.logits, self.vocabulary, self.n_slots = logits, vocabulary, n_slots
        self.page = Page(PAGE)
        self.page.widths |= {0: 16, 1: 46, 2: 12, 3: 12, 4: 4, 5: 10, 6: 20, 7: 10}
        self.page.write(0, 0, f"{model}: type a prompt, read the next token", style="title")
        self.page.write(
            1,
            0,
            "Everything in this workbook is worked out by formulas from the yellow cell: no macros, no add-ins, nothing hidden.",
            style="note",
        )
        self.page.write(PROMPT[0], 0, "prompt", style="label")
        self.page.write(*PROMPT, prompt, style="input")
        self.page.name_area("prompt", *PROMPT)

    @property
    def outcome(self) -> tuple[str, float]:
        """The next token and its share, as the page shows them at first."""
        return str(self.page.cells[ANSWER].value), float(self.page.cells[ANSWER[0], ANSWER[1] + 1].value)

    def reference(self) -> str:
        """How other pages call the prompt's cell."""
        return on_page(PAGE, cell(*PROMPT, "rc"))

    def finish(self, tokens: TokensRead, last_logits: Array | None) -> None:
        """Write what follows from the prompt: a message, the next token, the likeliest ones, the tokens.

        `last_logits` [d_vocab] are the scores after the last token, None where there is no token.
        """
        page, vocabulary = self.page, self.vocabulary
        page.write(*MESSAGE, tokens.message, everywhere(tokens.pages.message), "warning")
        order = [] if last_logits is None else np.argsort(-last_logits, kind="stable")[:LIKELIEST].tolist()
        shares = _shares(last_logits)
        page.write(ANSWER[0], 0, "next token", style="label")
        first = order[0] if order else None
        text = "" if first is None else vocabulary.texts[first]
        row = TOP + 2
        page.write(
            *ANSWER, text, f'IF(token_count=0,"",INDEX({everywhere(vocabulary.as_they_are)},next_token_id+1))', "answer"
        )
        page.name_area("next_token", *ANSWER)
        share = 0.0 if first is None else float(shares[first])
        page.write(ANSWER[0], 2, share, f"IF(token_count=0,0,{cell(row, 2)})", "share")
        page.name_area("next_token_share", ANSWER[0], 2)
        page.write(TEMPERATURE[0], 0, "temperature", style="label")
        page.write(*TEMPERATURE, 1, style="input number")
        page.write(
            TEMPERATURE[0], 2, "1: the model's own shares; less: surer; more: bolder; 0: all to the first", style="note"
        )
        page.name_area("temperature", *TEMPERATURE)
        page.write(TOP, 0, "The ten likeliest next tokens", style="heading")
        for column, title in enumerate(("rank", "token", "share", "id")):
            page.write(TOP + 1, _RANK + column, title, style="header")
        scores = everywhere(
            Area(self.logits.page, self.logits.row, self.logits.column, self.logits.rows, self.logits.columns)
        )
        last = f"INDEX({scores},0,token_count)"
        for rank in range(min(LIKELIEST, self.logits.rows)):
            token_id = order[rank] if order else None
            self._write_rank(row + rank, rank, last, token_id, float(shares[token_id]) if order else 0.0)
        page.name_area("next_token_id", row, 3)
        self._write_tokens(tokens)
        page.dress.append(self._dress)

    def _write_rank(self, row: int, rank: int, last: str, token_id: int | None, share: float) -> None:
        page = self.page
        page.write(row, 0, rank + 1, style="ids")
        score = f"LARGE({last},{rank + 1})"
        # Tokens of equal score share a rank: the next of them, in order of ids, is told by how many scores are larger.
        nth = f"{rank + 1}-SUMPRODUCT(--({last}>{score}))"
        here = f"SMALL(IF({last}={score},ROW({last})-{self.logits.row + 1}),{nth})"
        page.write(row, 3, "" if token_id is None else token_id, f'IF(token_count=0,"",{here})', "ids", array=(1, 1))
        text = "" if token_id is None else self.vocabulary.shown[token_id]
        page.write(
            row,
            1,
            text,
            f'IF(token_count=0,"",INDEX({everywhere(self.vocabulary.readable)},{cell(row, 3)}+1))',
            "label",
        )
        warm = f"SUMPRODUCT(EXP(({last}-MAX({last}))/MAX(temperature,0.000001)))"
        made = f"EXP(({score}-MAX({last}))/MAX(temperature,0.000001))/{warm}"
        page.write(row, 2, share, f"IF(token_count=0,0,{made})", "share")

    def _write_tokens(self, tokens: TokensRead) -> None:
        page = self.page
        page.write(TOP, _TOKENS, "The tokens that the prompt became", style="heading")
        for column, title in enumerate(("position", "token", "id")):
            page.write(TOP + 1, _TOKENS + column, title, style="header")
        for position in range(self.n_slots):
            row = TOP + 2 + position
            page.write(row, _TOKENS, position, style="ids")
            page.write(row, _TOKENS + 1, *tokens.label(position), "label")
            number = tokens.ids[position] if position < len(tokens.ids) else ""
            shown = f'IF(token_count>{position},{tokens.token_id(position)},"")'
            page.write(row, _TOKENS + 2, number, shown, "ids")

    def _dress(self, book: Any, sheet: Any) -> None:
        """A bar for every likely token, beside the lists."""
        rows = min(LIKELIEST, self.logits.rows)
        chart = book.add_chart({"type": "bar"})
        chart.add_series(
            {
                "name": "share",
                "categories": [PAGE, TOP + 2, 1, TOP + 1 + rows, 1],
                "values": [PAGE, TOP + 2, 2, TOP + 1 + rows, 2],
                "fill": {"color": "#1F5FA8"},
                "gap": 40,
            }
        )
        chart.set_title({"name": "What comes next", "name_font": {"size": 12, "color": "#1F5FA8"}})
        chart.set_legend({"none": True})
        chart.set_y_axis({"reverse": True, "line": {"none": True}})
        chart.set_x_axis({"min": 0, "max": 1, "num_format": "0%", "major_gridlines": {"visible": False}})
        chart.set_size({"width": 460, "height": 300})
        sheet.insert_chart(TOP, _TOKENS + 4, chart)
        sheet.set_row(PROMPT[0], 24)
        sheet.set_row(ANSWER[0], 24)


def _shares(logits: Array | None) -> Array:
    return np.zeros(0) if logits is None else np.asarray(softmax(logits.astype(np.float64)))

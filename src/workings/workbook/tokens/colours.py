"""Colours of the Tokens page that follow its numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from workings.workbook.references import cell
from workings.workbook.tokens.layout import AT, CHARACTER, FIRST_SLOT, LOWEST, NEXT, PLACE, STEP_ROWS, Layout


def colours(layout: Layout) -> Callable[[Any, Any], None]:
    """What colours a page: the pieces, the one just made, where words begin, the lowest rank, and token ids that are not used."""

    def dress(workbook: Any, worksheet: Any) -> None:
        # The first slot of a row has nothing before it, so its formula is another; Excel would point that out.
        worksheet.ignore_errors({"formula_differs": "A1:XFD1048576"})
        blue = {"bg_color": "#E3EEF9", "left": 1, "right": 1, "border_color": "#7FA7CF"}
        piece = workbook.add_format(blue)
        # LibreOffice shows the first rule that fits and no other, so this one is blue too.
        begins = workbook.add_format({**blue, "font_color": "#B45F06", "bold": True})
        made = workbook.add_format({"bg_color": "#FFD58A", "bold": True})
        orange = workbook.add_format({"font_color": "#B45F06", "bold": True})
        unused = workbook.add_format({"font_color": "#C8C8C8"})

        def colour(area: tuple[int, int, int, int], criteria: str, style: Any, stop: bool = False) -> None:
            rule = {"type": "formula", "criteria": "=" + criteria, "format": style, "stop_if_true": stop}
            worksheet.conditional_format(*area, rule)

        # A rule is written for the first cell of its area. Which row of its step a cell is in follows from its number.
        top, right = layout.first_step, FIRST_SLOT + layout.room - 1
        second, bottom = top + STEP_ROWS, layout.counts_top - 1
        place = cell(PLACE.number, FIRST_SLOT, "r")
        first_row, third_row = (f"MOD(ROW()-{top + 1},{STEP_ROWS})={row}" for row in (0, 2))
        here, new_here = cell(top, FIRST_SLOT), cell(second, FIRST_SLOT)
        just_made = f'AND({first_row},{place}={cell(second - 2, AT, "c")},{new_here}<>"")'
        chosen = f'AND({third_row},{here}<>"",{here}={cell(top, LOWEST, "c")},{place}={cell(top, AT, "c")})'
        if second < bottom:
            colour((second, FIRST_SLOT, bottom, right), just_made, made, stop=True)
        colour((top, FIRST_SLOT, bottom, right), f'AND({first_row},{here}<>"")', piece)
        colour((top, FIRST_SLOT, bottom, right), chosen, orange)
        characters = (CHARACTER.number, FIRST_SLOT, CHARACTER.number, right)
        colour(characters, f'AND({CHARACTER[0]}<>"",OR({PLACE[0]}=1,{PLACE[0]}={NEXT[-1]}))', begins)
        colour(characters, f'{CHARACTER[0]}<>""', piece)
        ids = (layout.first_token, 2, layout.first_token + layout.max_tokens - 1, 2)
        colour(ids, f"{cell(layout.first_token, 0, 'c')}>={layout.count_cell}", unused)

    return dress

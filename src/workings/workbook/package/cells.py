"""The XML of cells. Source: ECMA-376 part 1, section 18.3.1 (worksheets) and 22.9.2.19 (escaped text).

A cell may leave its reference out, and then follows the one before it in its row: numbers take a third less room, but not
every reader knows it. So small workbooks have all references; large ones where a cell does not follow another, and
where there is a formula.
"""

from __future__ import annotations

import re
from functools import cache
from itertools import chain

import numpy as np
import orjson

from workings.workbook.page import Cell, Value
from workings.workbook.references import cell as reference
from workings.workbook.references import letters, span

NOT_IN_XML = "[\x00-\x08\x0b\x0c\x0d\x0e-\x1f\ud800-\udfff\ufffe\uffff]"
"""What XML cannot hold, and the carriage return, which it would turn into a line feed."""

_TO_ESCAPE = re.compile(f"{NOT_IN_XML}|_(?=x[0-9A-Fa-f]{{4}}_)")
_MARKUP = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def text_xml(text: str) -> str:
    """Text as XML holds it: `_xHHHH_` for a character that it cannot hold, and for the first `_` of text that looks so."""
    return _TO_ESCAPE.sub(lambda found: f"_x{ord(found[0]):04X}_", text).translate(_MARKUP)


def formula_xml(row: int, column: int, formula: str, array: tuple[int, int] | None) -> str:
    """A formula; as an array formula it covers `array` rows and columns from here."""
    kind = f' t="array" ref="{span(row, column, *array, fixed="")}"' if array else ""
    return f"<f{kind}>{formula.translate(_MARKUP)}</f>"


def opening_xml(row: int, column: int, style: int, formula: bool, follows: bool) -> str:
    """The beginning of a cell's tag, up to its style."""
    place = "" if follows and not formula else f' r="{reference(row, column)}"'
    return f'<c{place} s="{style}"' if style else f"<c{place}"


def number_text(value: float | np.number) -> str:
    """The shortest decimals that give this very number again, in its own precision."""
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY).decode()


def cell_xml(row: int, column: int, cell: Cell, style: int, follows: bool) -> bytes:
    """One cell, whole; `follows` if the cell left of it has just been written."""
    opening = opening_xml(row, column, style, cell.formula is not None, follows)
    formula = "" if cell.formula is None else formula_xml(row, column, cell.formula, cell.array)
    return f"{opening}{_content(cell.value, formula)}".encode()


def _content(value: Value, formula: str) -> str:
    if isinstance(value, str):
        if formula:
            return f' t="str">{formula}<v>{text_xml(value)}</v></c>'
        return f' t="inlineStr"><is><t xml:space="preserve">{text_xml(value)}</t></is></c>' if value else "/>"
    if isinstance(value, (bool, np.bool_)):
        return f' t="b">{formula}<v>{int(value)}</v></c>'
    return f">{formula}<v>{number_text(value)}</v></c>"


@cache
def _between(style: int) -> bytes:
    """What ends a number's cell and begins the next."""
    return b"</v></c><c%b><v>" % (b' s="%d"' % style if style else b"")


@cache
def _openings(column: int, columns: int, style: int) -> str:
    """What stands before each number of a row, parted by line feeds; `#` stands for the row's number."""
    styled = f' s="{style}"' if style else ""
    return "\n".join(f'</v></c><c r="{letters(place)}#"{styled}><v>' for place in range(column, column + columns))


def referenced_numbers(
    row: int, column: int, numbers: bytes, formulas: list[tuple[int, bytes]], style: int
) -> list[bytes]:
    """As `row_of_numbers`, with every cell's reference."""
    each = numbers.decode().split(",")
    openings = _openings(column, len(each), style).replace("#", str(row + 1)).split("\n")
    openings[0] = openings[0].removeprefix("</v></c>")
    for place, formula in formulas:
        openings[place] = f"{openings[place].removesuffix('<v>')}{formula.decode()}<v>"
    return ["".join(chain.from_iterable(zip(openings, each, strict=True))).encode(), b"</v></c>"]


def row_of_numbers(
    row: int, column: int, numbers: bytes, formulas: list[tuple[int, bytes]], style: int, follows: bool
) -> list[bytes]:
    """Cells for `numbers`, which commas part, in pieces to be joined.

    `formulas` are the places, counted from `column`, and the XML of the cells that have one.
    """
    between, closing = _between(style), b"</v></c>"
    xml = []
    if not formulas or formulas[0][0] > 0:
        xml = [opening_xml(row, column, style, False, follows).encode(), b"><v>"]
    if not formulas:
        return [*xml, numbers.replace(b",", between), closing]
    each = numbers.split(b",")
    if formulas[0][0] > 0:
        xml += [between.join(each[: formulas[0][0]]), closing]
    stops = [place for place, _ in formulas[1:]] + [len(each)]
    for (place, formula), stop in zip(formulas, stops, strict=True):
        opening = opening_xml(row, column + place, style, True, follows).encode()
        xml += [opening, b">", formula, b"<v>", between.join(each[place:stop]), closing]
    return xml

"""The few functions of Excel that the Tokens page uses, as Microsoft documents them, where LibreOffice differs.

Text is counted in UTF-16 units: an emoji is two, MID can cut it in half, and UNICODE does not take halves. Text is
compared without regard to case; a number is always less than a text; an empty text is no number.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from workings.workbook.page import Area, Page

TOKENS = re.compile(
    r"""\s*(?:(?P<text>"(?:[^"]|"")*")|(?P<number>\d+(?:\.\d+)?)
    |(?P<ref>(?:'[^']+'!)?\$?[A-Z]+\$?\d+(?::\$?[A-Z]+\$?\d+)?)|(?P<name>[A-Za-z_.]+)(?=\()
    |(?P<sign><>|<=|>=|[-+*/^&=<>(),]))""",
    re.VERBOSE,
)
LEVELS = (("=", "<>", "<", ">", "<=", ">="), ("&",), ("+", "-"), ("*", "/"), ("^",))


class ExcelError(Exception):
    """A cell that shows an error."""


@dataclass(frozen=True)
class Range:
    """Cells, not yet looked at."""

    sheet: Excel
    area: Area

    def values(self) -> list[Any]:
        area = self.area
        return [
            self.sheet.value(area.page, area.row + row, area.column + column)
            for row in range(area.rows)
            for column in range(area.columns)
        ]


class Excel:
    """Pages, worked out cell by cell. `half` says what UNICODE makes of a text with half an emoji in it:

    "strict": an error; "first": an error if it is the first; "raw": its number; "whole": text is counted in characters.
    """

    def __init__(self, pages: Iterable[Page], half: str) -> None:
        self.half = half
        self.cells: dict[tuple[str, int, int], Any] = {}
        self.formulas: dict[tuple[str, int, int], Callable[[], Any]] = {}
        self.known: dict[tuple[str, int, int], Any] = {}
        for page in pages:
            for (row, column), cell in page.cells.items():
                if cell.formula is None:
                    self.cells[page.name, row, column] = cell.value
                else:
                    self.formulas[page.name, row, column] = Parser(self, page.name, cell.formula).whole()
            for block in page.blocks:
                for row, numbers in enumerate(block.values.tolist()):
                    for column, number in enumerate(numbers):
                        self.cells[page.name, block.row + row, block.column + column] = number
        sys.setrecursionlimit(100_000)

    def set(self, page: str, row: int, column: int, value: Any) -> None:
        self.cells[page, row, column] = self.units(value) if isinstance(value, str) else value
        self.known.clear()

    def read(self, area: Area) -> list[Any]:
        values = Range(self, area).values()
        return [joined(value) if isinstance(value, str) else value for value in values]

    def value(self, *place: Any) -> Any:
        """A cell's value; None for an empty cell."""
        if place not in self.formulas:
            return self.cells.get(place)
        if place not in self.known:
            try:
                self.known[place] = plain(self.formulas[place]())
            except ExcelError as error:
                self.known[place] = error
        if isinstance(self.known[place], ExcelError):
            raise self.known[place]
        return self.known[place]

    def units(self, text: str) -> str:
        if self.half == "whole":
            return text
        return "".join(chr(unit) for unit in memoryview(text.encode("utf-16-le", "surrogatepass")).cast("H"))

    # Functions: arguments come unevaluated

    def call(self, name: str, arguments: list[Callable[[], Any]]) -> Any:
        if name == "IF":
            return arguments[1 if plain(arguments[0]()) else 2]()
        if name == "IFERROR":
            try:
                return plain(arguments[0]())
            except ExcelError:
                return arguments[1]()
        if name in ("ISERROR", "ISLOGICAL"):
            try:
                return name == "ISLOGICAL" and isinstance(plain(arguments[0]()), bool)
            except ExcelError:
                return name == "ISERROR"
        return getattr(self, "x_" + name.removeprefix("_xlfn."))(*(argument() for argument in arguments))

    def x_AND(self, *values):
        return False not in [bool(plain(value)) for value in values]  # all are looked at, for errors

    def x_OR(self, *values):
        return True in [bool(plain(value)) for value in values]

    def x_LEN(self, text):
        return len(as_text(text))

    def x_MID(self, text, start, count):
        start = number(start)
        if start < 1:
            raise ExcelError("#VALUE!")
        return as_text(text)[int(start) - 1 : int(start) - 1 + int(number(count))]

    def x_UNICODE(self, text):
        text = as_text(text)
        if not text:
            raise ExcelError("#VALUE!")
        first = joined(text)[0]
        halves = [character for character in joined(text) if 0xD800 <= ord(character) < 0xE000]
        if (self.half == "strict" and halves) or (self.half == "first" and first in halves):
            raise ExcelError("#VALUE!")
        return ord(first)

    def x_UNICHAR(self, code):
        return self.units(chr(int(number(code))))

    def x_COUNT(self, cells):
        return sum(is_number(value) for value in cells.values())

    def x_MIN(self, cells):
        return min(value for value in cells.values() if is_number(value))

    def x_COUNTIF(self, cells, wanted):
        wanted = plain(wanted)
        if isinstance(wanted, str) and wanted.startswith("<="):
            return sum(is_number(value) and value <= float(wanted[2:]) for value in cells.values())
        return sum(value is not None and equal(value, wanted) for value in cells.values())

    def x_MATCH(self, wanted, cells, kind):
        assert kind == 0
        for place, value in enumerate(cells.values(), 1):
            if value is not None and equal(value, plain(wanted)):
                return place
        raise ExcelError("#N/A")

    def x_LOOKUP(self, wanted, cells, results=None):
        area, low, high = cells.area, 0, cells.area.rows
        while low < high:
            middle = (low + high) // 2
            if self.value(area.page, area.row + middle, area.column) <= number(wanted):
                low = middle + 1
            else:
                high = middle
        if not low:
            raise ExcelError("#N/A")
        area = (results or cells).area
        return self.value(area.page, area.row + low - 1, area.column)

    def x_INDEX(self, cells, row, column=1):
        area, row, column = cells.area, int(number(row)), int(number(column))
        if not (1 <= row <= area.rows and 0 <= column <= area.columns):
            raise ExcelError("#REF!")
        columns = (area.column, area.columns) if column == 0 else (area.column + column - 1, 1)
        return Range(self, Area(area.page, area.row + row - 1, columns[0], 1, columns[1]))

    def x_CHOOSE(self, place, *values):
        return values[int(number(place)) - 1]

    def x_INT(self, value):
        return math.floor(number(value))

    def x_MOD(self, value, divisor):
        return number(value) % number(divisor)

    def x_FIND(self, wanted, text):
        # A column of texts is looked for, as in an array formula.
        return [as_text(text).find(value) + 1 or None for value in wanted.values()]

    def x_ISNUMBER(self, values):
        return [value is not None for value in values]

    def x_SUMPRODUCT(self, values):
        return sum(values)


class Parser:
    """Turns a formula into a function of nothing."""

    def __init__(self, excel: Excel, page: str, formula: str) -> None:
        self.excel, self.page = excel, page
        self.parts = [(found.lastgroup, found[found.lastgroup]) for found in TOKENS.finditer(formula)]
        assert "".join(part for _, part in self.parts) == formula, formula
        self.at = 0

    def whole(self):
        formula = self.level(0)
        assert self.at == len(self.parts)
        return formula

    def sign(self, *signs):
        if self.at < len(self.parts) and self.parts[self.at][0] == "sign" and self.parts[self.at][1] in signs:
            self.at += 1
            return self.parts[self.at - 1][1]
        return None

    def level(self, depth):
        if depth == len(LEVELS):
            return self.single()
        formula = self.level(depth + 1)
        while sign := self.sign(*LEVELS[depth]):
            formula = combined(sign, formula, self.level(depth + 1))
        return formula

    def single(self):
        if self.sign("-"):
            inner = self.single()
            return lambda: negated(inner())
        if self.sign("("):
            inner = self.level(0)
            assert self.sign(")")
            return inner
        kind, text = self.parts[self.at]
        self.at += 1
        if kind == "text":
            value = self.excel.units(text[1:-1].replace('""', '"'))
            return lambda: value
        if kind == "number":
            return lambda: float(text)
        if kind == "ref":
            cells = Range(self.excel, area_of(text, self.page))
            return lambda: cells
        assert kind == "name" and self.sign("(")
        arguments = [self.level(0)]
        while self.sign(","):
            arguments.append(self.level(0))
        assert self.sign(")")
        return lambda: self.excel.call(text, arguments)


def area_of(reference: str, page: str) -> Area:
    *given, cells = reference.replace("$", "").rsplit("!", 1)
    corners = []
    for name in cells.split(":"):
        letters, row = re.fullmatch(r"([A-Z]+)(\d+)", name).groups()
        column = 0
        for letter in letters:
            column = column * 26 + ord(letter) - ord("A") + 1
        corners.append((int(row) - 1, column - 1))
    (top, left), (bottom, right) = corners[0], corners[-1]
    return Area(given[0].strip("'") if given else page, top, left, bottom - top + 1, right - left + 1)


def plain(value: Any) -> Any:
    """The value of a single cell; an empty one is 0 where a formula's result is asked for."""
    if isinstance(value, Range):
        (value,) = value.values()
        return 0 if value is None else value
    return value


def compared(value: Any) -> Any:
    return value.values()[0] if isinstance(value, Range) else value


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def number(value: Any) -> float:
    value = plain(value)
    if isinstance(value, str):
        # Excel would read "7" as 7, but no formula here may count on it.
        raise ExcelError("#VALUE!")
    return value


def as_text(value: Any) -> str:
    value = compared(value)
    if isinstance(value, str):
        return value
    return "" if value is None else f"{value:.15g}"


def joined(text: str) -> str:
    """UTF-16 units as characters again, lone halves as they are."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def equal(left: Any, right: Any) -> bool:
    if left is None or right is None:
        return (left or right or 0) == 0 or "" in (left, right) or left is right
    if isinstance(left, str) and isinstance(right, str):
        return left.lower() == right.lower()
    return type(left) is not str and type(right) is not str and left == right


def less(left: Any, right: Any) -> bool:
    if isinstance(left, str) or isinstance(right, str):
        return (
            not isinstance(left, str)
            if isinstance(left, str) != isinstance(right, str)
            else left.lower() < right.lower()
        )
    return (left or 0) < (right or 0)


def negated(value: Any) -> Any:
    return [-each for each in value] if isinstance(value, list) else -number(value)


def combined(sign: str, left: Callable[[], Any], right: Callable[[], Any]) -> Callable[[], Any]:
    def formula() -> Any:
        one, two = left(), right()
        if sign == "&":
            return as_text(one) + as_text(two)
        if sign in LEVELS[0]:
            one, two = compared(one), compared(two)
            same, before = equal(one, two), less(one, two)
            return {
                "=": same,
                "<>": not same,
                "<": before,
                "<=": before or same,
                ">": not before and not same,
                ">=": not before,
            }[sign]
        one, two = number(one), number(two)
        return (
            {"+": one + two, "-": one - two, "*": one * two}[sign]
            if sign in "+-*"
            else one**two
            if sign == "^"
            else one / two
        )

    return formula

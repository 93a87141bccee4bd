"""Numbers and tokens as a person reads them, the same in the terminal, on a page and in a figure."""

from __future__ import annotations

import math


def visible(text: str) -> str:
    """Write text on one line, with its spaces and control characters to be seen."""
    if text.isprintable():
        return text.replace(" ", "␣")
    shown = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return "".join(shown).replace(" ", "␣")


def quoted(text: str) -> str:
    """A token in a sentence, in quotation marks, with its leading space: `" She"`."""
    return f'"{visible(text).replace("␣", " ")}"' if text.strip() else f'"{visible(text)}"'


def spoken(text: str) -> str:
    """A token inside a sentence, where its leading space would only be in the way: `“She”`."""
    return f"“{visible(text).replace('␣', ' ').strip() or visible(text)}”"


NO_NUMBER = "no number"
"""What stands where a number is NaN or infinite."""

SPELLING = (
    'a word means the token with the blank before it, ␣a, where there is one; in quotes, "a", exactly what they hold'
)
"""How words that are typed are taken, for messages."""


def spellings(typed: str) -> tuple[str, ...]:
    """The tokens that a typed word may mean, the likeliest first: inside a text most words begin with their blank.

    Quotes ask for exactly what is in them, and `␣` is a blank, as `visible` writes it.
    """
    word = typed.strip("\"'“”")
    if word and word != typed:
        return (word.replace("␣", " "), word)
    if "␣" in typed:
        return (typed.replace("␣", " "), typed)
    return (" " + typed, typed)


def number(value: float) -> str:
    """A number as a person writes it: four digits that count, a true minus sign."""
    whole = abs(value) < 1e15 and value == int(value)
    text = str(int(value)) if whole else f"{value:.4g}"
    return text.replace("-", "−")


def percent(share: float) -> str:
    """A share in percent; small ones are not rounded to nothing, and nearly all is not all."""
    if not math.isfinite(share):
        return "·"
    if 0 < share < 0.0005:
        return "<0.1%"
    return ">99.9%" if 0.9995 <= share < 1 else f"{share:.1%}"


def whole_percent(share: float) -> str:
    """A share in percent without a fraction: `83%`, `<1%`."""
    return "<1%" if share < 0.005 else f"{share:.0%}"


def whole_percent_signed(share: float) -> str:
    """A share that may be below 0 or above 1, in whole percent, with a true minus sign: `−12%`, `104%`."""
    return f"{share:.0%}".replace("-0%", "0%").replace("-", "−")


def count(how_many: int, what: str) -> str:
    """`1 block`, `4 blocks`."""
    return f"{how_many:,} {what}{'' if how_many == 1 else 's'}"


def cut(text: str, most: int) -> str:
    """A text, its end cut off with a mark where it has more than `most` characters."""
    return text if len(text) <= most else text[: most - 1] + "…"

"""What all screens are made of: the console, tokens as chips, bars, colours, and commands to type next."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterable, Sequence

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.style import Style
from rich.text import Text

CHIP_COLOURS = ("#f6c177", "#9ccfd8", "#c4a7e7", "#a7d8a0", "#f2a7a7", "#d9d7ee")
WIDEST = 100  # longer lines of prose are hard to read

_INK = "#16161e"
_HEAT = ((24, 24, 44), (78, 47, 122), (182, 54, 121), (251, 136, 97), (252, 253, 191))
_COLD = ((24, 24, 44), (27, 62, 110), (33, 110, 160), (90, 175, 205), (205, 240, 245))
_CONTROL = {"\n": "↵", "\t": "\\t", "\r": "\\r"}


def make_console(widest: int | None = WIDEST) -> Console:
    """The console to print on: at most `widest` columns, colour only where a terminal shows it."""
    console = Console(highlight=False, emoji=False, markup=False)
    if widest is not None and console.width > widest:
        console.width = widest
    return console


def has_colour(console: Console) -> bool:
    """Whether there are colours enough to tell a little from much; the 16 of old terminals are not."""
    return console.color_system in ("256", "truecolor") and not console.no_color


def heading(text: str) -> Text:
    """The title of a part of a screen."""
    return Text(text, style="bold")


def print_title(console: Console, *parts: str | tuple[str, str]) -> None:
    """What stands above a part of a screen: text, or text with its style."""
    print_indented(console, Text.assemble(*parts), 0)


def print_line(console: Console, line: Text) -> None:
    """One line as it is, never broken; spaces at its end only where they have a colour."""
    if not has_colour(console):
        line.rstrip()
    console.print(line, soft_wrap=True)


def print_indented(console: Console, text: Text | str, by: int = 2) -> None:
    """Text moved in from the left edge, its further lines too."""
    whole = Text(text) if isinstance(text, str) else text
    for line in whole.wrap(console, min(console.width, WIDEST) - by - 2):
        line.rstrip()
        console.print(Text(" " * by) + line, soft_wrap=True)


def print_chips(console: Console, tokens: Sequence[str], ids: Sequence[int] | None = None, by: int = 2) -> None:
    """Tokens side by side on as many lines as they need, each on its own colour, with their ids beneath."""
    for line in _chips(console, tokens, ids, console.width - by):
        console.print(Text(" " * by) + line, soft_wrap=True)


# Tokens


def one_line(text: str) -> str:
    """A token's text without line breaks and control characters; its spaces stay."""
    return "".join(_CONTROL.get(c, c if c.isprintable() else c.encode("unicode_escape").decode()) for c in text)


def spelled(text: str) -> str:
    """A token's text with its spaces to be seen."""
    return one_line(text).replace(" ", "␣")


def quoted(text: str) -> str:
    """A token inside a sentence, where its leading space would only be in the way."""
    return f"“{one_line(text).strip() or spelled(text)}”"


def exactly(text: str) -> str:
    """A token that is asked about or compared, as tables write it: “␣he” is another one than “he”."""
    return f"“{spelled(text)}”"


def chip_style(place: int) -> Style:
    """The colours of the token at a place of the prompt: neighbours differ."""
    return Style(color=_INK, bgcolor=CHIP_COLOURS[place % len(CHIP_COLOURS)])


def _chips(console: Console, tokens: Sequence[str], ids: Sequence[int] | None, room: int) -> Iterable[Text]:
    coloured = has_colour(console)
    texts = [one_line(token) if coloured else spelled(token) for token in tokens]
    numbers = [str(i) for i in ids] if ids is not None else [""] * len(texts)
    widths = [max(cell_len(text), cell_len(number)) + 1 for text, number in zip(texts, numbers, strict=True)]
    for start, stop in _lines(widths, room):
        upper, lower = Text(no_wrap=True, overflow="ellipsis"), Text(no_wrap=True, style="dim")
        for place in range(start, stop):
            gap = widths[place] - cell_len(texts[place])
            upper.append(texts[place], chip_style(place) if coloured else "")
            upper.append(" " * gap)
            lower.append(numbers[place].ljust(widths[place]))
        yield upper
        if ids is not None:
            yield lower


def _lines(widths: Sequence[int], room: int) -> Iterable[tuple[int, int]]:
    start = used = 0
    for place, width in enumerate(widths):
        if used + width > room and place > start:
            yield start, place
            start, used = place, 0
        used += width
    if widths:
        yield start, len(widths)


def fitted(text: str, width: int) -> str:
    """Text in exactly `width` columns, its end cut off with a mark where it is longer."""
    if cell_len(text) <= width:
        return set_cell_size(text, width)
    return set_cell_size(text, max(width - 1, 0)) + "…"[: max(width, 0)]


# Numbers


def figure(value: float) -> str:
    """A number as a person wants to read it: four digits that count, whole numbers whole."""
    if not math.isfinite(value):
        text = f"{value:g}"
    elif value == int(value) and abs(value) < 1e15:
        text = str(int(value))
    elif not 1e-4 <= abs(value) < 1e5:
        text = f"{value:.2e}"
    else:
        digits = 3 - math.floor(math.log10(abs(value)))
        text = f"{value:.{min(max(digits, 0), 7)}f}"
    return text.replace("-", "−")


def typed(value: float) -> str:
    """A number as a command takes it: `figure`, with the minus that is on every keyboard."""
    return figure(value).replace("−", "-")


def bar(share: float, width: int) -> str:
    """A bar that fills `share` of `width` columns, to an eighth of a column."""
    eighths = round(max(0.0, min(share, 1.0)) * width * 8)
    if eighths == 0 and share > 0:
        eighths = 1
    return "█" * (eighths // 8) + " ▏▎▍▌▋▊▉"[eighths % 8].strip()


def sign_style(value: float) -> str:
    """Green for what adds, red for what takes away."""
    return "green" if value >= 0 else "red"


def heat(share: float) -> Style:
    """The colours of a share in a heat map: from dark (none) to bright (all), below 0 in blue, the text to be read on it."""
    ramp = _HEAT if share >= 0 else _COLD
    place = min(abs(share), 1.0) ** 0.7 * (len(ramp) - 1)
    low = min(int(place), len(ramp) - 2)
    red, green, blue = (round(a + (b - a) * (place - low)) for a, b in zip(ramp[low], ramp[low + 1], strict=True))
    bright = 0.3 * red + 0.59 * green + 0.11 * blue > 120
    return Style(color=_INK if bright else "#e8e8f0", bgcolor=f"rgb({red},{green},{blue})")


# What to type next


def command(*words: str) -> str:
    """A command line that can be copied into a shell: `command("explain", "logits[-1, 3]")`."""
    return " ".join(["workings", *(_for_shell(word) for word in words)])


def _for_shell(word: str) -> str:
    # Double quotes are understood by every shell, as long as nothing inside means something to one.
    plain = all(c not in '"$`\\!%' and c.isprintable() for c in word)
    return shlex.quote(word) if not plain or shlex.quote(word) == word else f'"{word}"'


def print_next(console: Console, suggestions: Iterable[tuple[str, str]], title: str = "Try next") -> None:
    """Commands, each under what it shows, if there are any."""
    for place, (what, line) in enumerate(suggestions):
        if not place:
            console.print(heading(title))
        print_indented(console, Text(what, style="dim"))
        console.print(Text("    " + line, style="cyan"), soft_wrap=True)

"""The screen of `workings` alone: what this is, and what to type next."""

from __future__ import annotations

from rich.text import Text

from workings.cli.asked import CHEF_AND_JEDI
from workings.cli.screen import command, make_console, print_indented, print_next

WHAT_THIS_IS = (
    "A language model guesses the next word by very many additions and multiplications. Here you can see every number "
    "of one, and how each came about. A small model, storybook, is included: nothing needs to be downloaded, and "
    "nothing that you type leaves this machine."
)

SUGGESTIONS = (
    ("Watch it read a sentence, guess the next word, and show why.", command("run")),
    ("See who it thinks of when it reads the last word.", command("attention", CHEF_AND_JEDI)),
    (
        "Ask how any one number came about, and then the same of its sources.",
        command("explain", "logits[-1, Wednesday]"),
    ),
    ("Open the lab: all of it in the browser, to look at and to change.", command("lab")),
    (
        "Perform surgery: make it pick up a lightsaber instead of a phone.",
        command("steer", "The student picked up his", "--feature", "jedi"),
    ),
    ("Take the whole model home as a spreadsheet.", command("export", "storybook.xlsx")),
)


def show_welcome() -> None:
    """Print it."""
    console = make_console()
    console.print()
    console.print(Text.assemble(("workings", "bold cyan"), "  a language model that shows its workings"))
    console.print()
    print_indented(console, WHAT_THIS_IS)
    console.print()
    print_next(console, SUGGESTIONS, "Type one of these")
    console.print()
    console.print(
        Text.assemble("All commands: ", ("workings --help", "cyan"), ". In Python: ", ("import workings", "cyan"))
    )
    console.print()

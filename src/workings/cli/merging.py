"""`workings tokens`: how a text becomes tokens, merge by merge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.text import Text

from workings.cli.screen import chip_style, has_colour, heading, make_console, print_chips, print_indented, spelled
from workings.cli.streams import write_json
from workings.errors import InputError

if TYPE_CHECKING:
    from rich.console import Console

    from workings.checkpoints.merges import Merges, Piece, WordMerges
    from workings.checkpoints.model import Model
    from workings.checkpoints.tokenizer import Tokenizer

_NOT_MERGED = {
    "added": "an added token: always one piece, never merged",
    "whole": "in the vocabulary as it is: this tokenizer does not merge it",
}


def show_tokens(model: Model, text: str, as_json: bool) -> None:
    """Show the tokens of a text, for people or as JSON."""
    tokenizer = model.tokenizer
    if tokenizer is None:
        raise InputError(
            f"{model.name} has no tokenizer, so there are no tokens to show; its folder needs a tokenizer.json"
        )
    if not text:
        raise InputError("the text is empty; give at least one word")
    ids = tokenizer.encode(text)
    try:
        merges, why_not = tokenizer.merges(text), ""
    except InputError as error:
        merges, why_not = None, str(error)
    if as_json:
        write_json(_document(model, text, ids, tokenizer, merges))
        return
    console = make_console()
    console.print()
    plural = "tokens" if len(ids) != 1 else "token"
    console.print(heading(f"{len(ids)} {plural} for {len(text)} characters, each with its number in the vocabulary"))
    print_chips(console, tokenizer.token_strings(ids), ids)
    console.print()
    if merges is None:
        print_indented(console, Text(why_not, style="dim"))
    else:
        _print_merges(console, merges)
    console.print()


def _document(model: Model, text: str, ids: list[int], tokenizer: Tokenizer, merges: Merges | None) -> dict[str, Any]:
    words = [{**asdict(word), "ids": word.ids} for word in merges.words] if merges else None
    return {"model": model.name, "text": text, "ids": ids, "tokens": tokenizer.token_strings(ids), "words": words}


def _print_merges(console: Console, merges: Merges) -> None:
    console.print(heading("How they were put together"))
    print_indented(
        console,
        Text(
            "Every word starts as its single bytes. Again and again the neighbours that stand highest in the list of learnt "
            "merges become one (their place in the list is given), until no neighbours are in it.",
            style="dim",
        ),
    )
    if any(piece.text.startswith("\\x") for word in merges.words for piece in word.start):
        print_indented(
            console,
            Text(
                "Letters beyond the plain alphabet take several bytes; a single one is written \\xc3 or the like.",
                style="dim",
            ),
        )
    for word in dict.fromkeys(merges.words):  # the same word is merged the same way: once is enough
        console.print()
        _print_word(console, word)


def _print_word(console: Console, word: WordMerges) -> None:
    if word.kind != "merged":
        print_indented(console, Text(f"{spelled(word.text)}  {_NOT_MERGED[word.kind]}"))
        return
    ranks = [f"{merge.rank:,}" for merge in word.merges]
    width = max([len("bytes"), *(len(rank) for rank in ranks)])
    steps = [("bytes", word.start, None), *((rank, m.pieces, m.at) for rank, m in zip(ranks, word.merges, strict=True))]
    for label, pieces, joined in steps:
        _print_step(console, label.rjust(width), pieces, joined, is_last=pieces is steps[-1][1])


def _print_step(console: Console, label: str, pieces: Sequence[Piece], joined: int | None, is_last: bool) -> None:
    line = Text("  ").append(f"{label}  ", "dim")
    for place, piece in enumerate(pieces):
        if place:
            line.append(" ")
        if place == joined:
            line.append(spelled(piece.text), chip_style(0) if has_colour(console) else "bold")
        else:
            line.append(spelled(piece.text), "")
    if is_last:
        numbers = ", ".join(str(piece.id) for piece in pieces)
        line.append(f"   {'number' if len(pieces) == 1 else 'numbers'} {numbers}", "dim")
    console.print(line, soft_wrap=True)

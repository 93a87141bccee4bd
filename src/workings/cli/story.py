"""`workings run`: the first minute. What the model reads, what it guesses, and how the guess came about."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.text import Text

from workings.cli.asked import CHEF_AND_JEDI, DEFAULT_MODEL, Asked, attention_again, explain_again, open_trace
from workings.cli.screen import (
    bar,
    command,
    exactly,
    figure,
    fitted,
    heading,
    make_console,
    one_line,
    print_chips,
    print_indented,
    print_next,
    print_title,
    quoted,
    sign_style,
    spelled,
)
from workings.cli.streams import write_json
from workings.display.words import percent

if TYPE_CHECKING:
    from rich.console import Console

    from workings.checkpoints.model import Model
    from workings.engine.trace import Trace
    from workings.readings.explain import Explanation

N_TERMS = 3  # addends of the winning score that are shown
N_TRIED = 16  # of the strongest looks, as many are taken away in turn
N_SPELLED = 60  # tokens of a long prompt that are shown
RIDDLE = ("Another riddle: who is she, and what does she carry?", command("run", CHEF_AND_JEDI))
VERSE = ("A verse that it knows by heart", command("generate", "Humpty Dumpty sat on a"))


@dataclass(frozen=True)
class Look:
    """The last token looking at an earlier one, and what the winner's share would be without it."""

    block: int
    head: int
    position: int
    share: float
    winner_without: float
    first_without: str


def show_run(model: Model, prompt: Asked, top: int, as_json: bool) -> None:
    """Read the prompt and show the guess, for people or as JSON."""
    trace = open_trace(model, prompt)
    likeliest = trace.top_ids(top)
    winner = likeliest[0][0]
    score = trace.explain("logits", len(trace) - 1, winner)
    look = strongest_look(trace, winner, model.config.n_layers)
    if as_json:
        write_json(_document(model, prompt, trace, likeliest, score, look))
        return
    console = make_console()
    console.print()
    _print_reading(console, model, trace)
    _print_guesses(console, trace, likeliest, model.config.d_vocab)
    _print_reasons(console, trace, likeliest[0], score, look)
    print_next(console, _suggestions(model, prompt, score, look))
    console.print()


def strongest_look(trace: Trace, winner: int, n_layers: int) -> Look | None:
    """Of the last token's looks at earlier ones, that without which the winner loses most; None for a single token.

    Each is tried: its share is set to 0 in a copy of the trace, and everything after it worked out again.
    """
    last = len(trace) - 1
    looks = sorted(
        (
            (float(row[position]), block, head, position)
            for block in range(n_layers)
            for head, row in enumerate(trace.rows(f"blocks.{block}.attn.pattern", -1)[:, 0])  # [head, key pos]
            for position in range(last)
        ),
        reverse=True,
    )
    tried = [_without(trace, winner, *look) for look in looks[:N_TRIED]]
    return min(tried, key=lambda look: look.winner_without, default=None)


def _without(trace: Trace, winner: int, share: float, block: int, head: int, position: int) -> Look:
    changed = trace.edit(f"blocks.{block}.attn.pattern", (head, len(trace) - 1, position), value=0.0)
    shares = changed.rows("probabilities", -1)[0]
    return Look(block, head, position, share, float(shares[winner]), trace.spell(int(np.argmax(shares))))


def _document(
    model: Model, prompt: Asked, trace: Trace, likeliest: list[tuple[int, float]], score: Explanation, look: Look | None
) -> dict[str, Any]:
    logits = trace.rows("logits", -1)[0]
    return {
        "model": model.name,
        "prompt": prompt.text,
        "ids": trace.ids,
        "tokens": trace.tokens,
        "next": [{"id": i, "token": trace.spell(i), "probability": p, "logit": logits[i]} for i, p in likeliest],
        "strongest_look": asdict(look) if look else None,
        "explanation": score.to_dict(),
    }


def _print_reading(console: Console, model: Model, trace: Trace) -> None:
    c = model.config
    print_title(
        console,
        (model.name, "bold cyan"),
        (f"  {c.n_layers} blocks of {c.n_heads} heads, {model.n_parameters:,} learnt numbers", "dim"),
    )
    console.print()
    plural = "tokens" if len(trace) != 1 else "token"
    print_title(console, ("What it reads", "bold"), f"  {len(trace)} {plural}, each with its number in the vocabulary")
    left_out = max(len(trace) - N_SPELLED, 0)
    if left_out:
        print_indented(console, Text(f"(the first {left_out} are not shown)", style="dim"))
    print_chips(console, trace.tokens[left_out:], [int(i) for i in trace.ids[left_out:]])
    console.print()


def _print_guesses(console: Console, trace: Trace, likeliest: list[tuple[int, float]], d_vocab: int) -> None:
    print_title(
        console, ("What comes next", "bold"), f"  it gives each of its {d_vocab:,} tokens a share; the likeliest:"
    )
    words = [one_line(trace.spell(i)) for i, _ in likeliest]
    width = min(max(map(len, words)), 24) + 1
    room = max(console.width - width - 12, 10)
    for place, (word, (_, share)) in enumerate(zip(words, likeliest, strict=True)):
        style = "bold green" if place == 0 else "blue"
        line = Text("  ") + Text(fitted(word, width), style="bold" if place == 0 else "")
        line.append(f"{percent(share):>6}  ", "bold" if place == 0 else "")
        console.print(line.append(bar(share, room), style), soft_wrap=True)
    console.print()


def _print_reasons(
    console: Console, trace: Trace, winner: tuple[int, float], score: Explanation, look: Look | None
) -> None:
    word = quoted(trace.spell(winner[0]))
    console.print(heading(f"How {word} came first"))
    steps = iter("123")
    if look:
        print_indented(
            console,
            Text.assemble(
                (f"{next(steps)}. It looked back. ", "bold"), _looked(trace, trace.spell(winner[0]), winner[1], look)
            ),
        )
    print_indented(console, Text.assemble((f"{next(steps)}. It added up a score. ", "bold"), _added_up(word, score)))
    _print_terms(console, score)
    if len(trace.rows("logits", -1)[0]) > 1:
        print_indented(
            console,
            Text.assemble((f"{next(steps)}. It turned scores into shares. ", "bold"), _shared_out(trace, winner)),
        )
    console.print()


def _looked(trace: Trace, winner: str, share: float, look: Look) -> str:
    word = quoted(winner)
    seen, reader = quoted(trace.tokens[look.position]), quoted(trace.tokens[-1])
    told = f"At the last token, {reader}, head {look.head} of block {look.block} gave {percent(look.share)} of its attention to {seen}. "
    without = percent(look.winner_without)
    if spelled(look.first_without) != spelled(winner):
        alike = quoted(look.first_without) == quoted(winner)
        first, other = (exactly(text) if alike else quoted(text) for text in (winner, look.first_without))
        return f"{told}Without that one look {first} would have {without}, and {other} would come first."
    if look.winner_without < 0.8 * share:
        return f"{told}Without that one look {word} would fall from {percent(share)} to {without}."
    return f"{told}Without that one look {word} would still have {without}: many small looks decide here."


def _added_up(word: str, score: Explanation) -> str:
    count = sum(term.count for term in score.terms)
    return f"{count} numbers say what it expects now. Each is multiplied by the number that {word} has in its place, and all is added:"


def _print_terms(console: Console, score: Explanation) -> None:
    shown = score.terms[:N_TERMS]
    others = score.value - sum(term.value for term in shown)
    n_others = sum(term.count for term in score.terms) - len(shown)
    longest, largest = max(len(term.numbers) for term in shown), max(abs(term.value) for term in shown) or 1.0
    room = max(min(console.width - longest - 18, 30), 4)
    for term in shown:
        line = Text(f"   {_signed(term.value):>9}  {term.numbers:<{longest}}  ")
        console.print(line.append(bar(abs(term.value) / largest, room), sign_style(term.value)), soft_wrap=True)
    if n_others:
        console.print(Text(f"   {_signed(others):>9}  the other {n_others} together"), soft_wrap=True)
    console.print(Text(f"   {_signed(score.value):>9}  the score", style="bold"), soft_wrap=True)


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "−")


def _shared_out(trace: Trace, winner: tuple[int, float]) -> str:
    second, its_share = trace.top_ids(2)[1]
    logits = trace.rows("logits", -1)[0]
    lead = float(logits[winner[0]]) - float(logits[second])
    times = winner[1] / its_share if its_share else math.inf
    return (
        f"The runner-up, {quoted(trace.spell(second))}, scored {_signed(float(logits[second]))}. A lead of {lead:.3f} makes the share "
        f"e^{lead:.3f} = {figure(times)} times as large, and all shares add up to 100%."
    )


def _suggestions(model: Model, prompt: Asked, score: Explanation, look: Look | None) -> list[tuple[str, str]]:
    found = [
        (
            "Every part of that score, and where each part came from",
            command(*explain_again(str(score.address), model.name, prompt)),
        )
    ]
    if look:
        where = ["--block", str(look.block), "--head", str(look.head)]
        found.append(("What that head looks at", command(*attention_again(model.name, prompt, *where))))
    if model.name == DEFAULT_MODEL:
        found.append(VERSE if prompt.text == CHEF_AND_JEDI else RIDDLE)
    return found

"""`workings patch`: what is taken over from one prompt into another brings its answer with it, as a map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from workings.anatomy.attribution_patching import attribution_patching
from workings.anatomy.contrast import PatchingSweep
from workings.anatomy.patching import SAID, patching_sweep
from workings.anatomy.path_patching import THROUGH_MLPS, path_patching_sweep, read_receiver
from workings.cli.asked import (
    CHEF_AND_JEDI,
    CHEF_AND_JEDI_HIM,
    Asked,
    find_token,
    model_again,
    open_beside,
    open_trace,
)
from workings.cli.maps import Cell, HeatMap, print_map, print_scale
from workings.cli.screen import (
    command,
    exactly,
    make_console,
    one_line,
    print_indented,
    print_next,
    print_title,
    quoted,
    spelled,
)
from workings.cli.streams import write_json
from workings.display.words import NO_NUMBER, count, percent
from workings.engine.no_numbers import has_likeliest

if TYPE_CHECKING:
    from rich.console import Console

    from workings.checkpoints.model import Model
    from workings.engine.trace import Trace

_STRONG = 0.1  # from here on a head is worth knocking out
_ESTIMATE = (
    "every cell is an estimate from one gradient: how the difference would change if the model went on in a straight line from "
    "where it is. Models bend, so strong cells can come out weak and weak ones strong. The first command below tries every patch."
)
_NOTHING = "   ·"
_RESTORED = 0.5  # from here on a cell is said to carry the answer


def show_patching(
    model: Model,
    clean: Asked,
    corrupted: str,
    answer: str | None,
    against: str | None,
    over: str,
    position: int,
    noising: bool,
    attribution: bool,
    into: str | None,
    through_mlps: bool,
    as_json: bool,
) -> None:
    """Sweep, and show the map, for people or as JSON; edits are in force in both prompts."""
    prompts = open_trace(model, clean), open_beside(model, clean, corrupted)
    token, other = (None if text is None else find_token(model, text) for text in (answer, against))
    direction = "noising" if noising else "denoising"
    if attribution:
        sweep = attribution_patching(model, prompts[0], prompts[1], token, other, over, position, direction)
    elif into is not None:
        sweep = path_patching_sweep(
            model, prompts[0], prompts[1], read_receiver(model, into), token, other, position,
            direction=direction, through_mlps=through_mlps,
        )  # fmt: skip
    else:
        with _bar() as bar:
            task = bar.add_task("Patching", total=None)
            sweep = patching_sweep(
                model, prompts[0], prompts[1], token, other, over, position, direction,
                progress=lambda done, of: bar.update(task, completed=done, total=of),
            )  # fmt: skip
    if as_json:
        write_json(
            {"model": model.name, "edits": clean.edits.to_dict()["edits"] if clean.edits else [], **sweep.to_dict()}
        )
        return
    console = make_console(widest=None)
    console.print()
    _print_title(console, model, sweep, clean)
    console.print()
    print_map(console, _map(sweep))
    for sentence in _findings(sweep):
        print_indented(console, sentence)
    console.print()
    print_next(console, _suggestions(model, clean, corrupted, answer, against, sweep, into))
    console.print()


def _bar() -> Progress:
    """A progress bar on standard error, so that what is printed stays as it is."""
    from rich.console import Console

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed} of {task.total}"),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


# The map


def _print_title(console: Console, model: Model, sweep: PatchingSweep, asked: Asked) -> None:
    pair = sweep.contrast
    answer, against = (exactly(pair.base.spell(token or 0)) for token in (pair.choice.token, pair.choice.against))
    denoising = pair.direction == "denoising"
    what = f"Which single patch {'brings' if denoising else 'costs'} {answer} {'back' if denoising else 'its lead'}?"
    print_title(console, (model.name, "bold cyan"), f"  {what}")
    for name, trace, difference in (("clean", pair.clean, sweep.clean), ("corrupted", pair.corrupted, sweep.corrupted)):
        line = Text.assemble(
            (f"{name:<11}", "bold"), one_line(("" if model.tokenizer else " ").join(trace.tokens)).strip()
        )
        ahead = answer if difference >= 0 else against
        print_indented(console, line.append(f"  → {ahead}, by {abs(difference):.1f}", "dim"))
    source, base = ("clean", "corrupted") if denoising else ("corrupted", "clean")
    estimated = "Estimated, not tried (attribution patching). " if _estimated(sweep) else ""
    part = SAID[sweep.over].format("a")
    taken = f"{part}{'' if sweep.by_head else ' at that token'} is taken from the {source} prompt"
    if sweep.method.startswith("path"):
        into = sweep.method.removeprefix("path patching ")
        alone = into.removesuffix(THROUGH_MLPS)
        way = "alone and directly" if alone == into else "directly, or by what MLPs on the way make of it"
        taken = f"{part} in the {source} prompt goes {alone} {way}"
    legend = (
        f"{estimated}In each cell {taken}, all else being the {base} one's. 0 is as in the {base} prompt (·), "
        f"100 as in the {source} one{'' if denoising else ': the lead is all taken away'}."
    )
    if asked.edits:
        legend += f" In both prompts the edits of {asked.path} are in force."
    print_indented(console, Text(legend, style="dim"))
    print_scale(console, "Brought back" if denoising else "Taken away", (-0.5, 0.0, 0.25, 0.5, 0.75, 1.0))


def _map(sweep: PatchingSweep) -> HeatMap:
    pair = sweep.contrast
    rows = [
        (
            _row_name(sweep, block),
            [Cell(_hundredths(value), float(value) if np.isfinite(value) else 0.0) for value in row],
        )
        for block, row in enumerate(sweep.effects)
    ]
    if sweep.by_head:
        return HeatMap([("", sweep.labels)], rows, 9, numbered=False)
    tokens, others = ([spelled(token) for token in trace.tokens] for trace in (pair.clean, pair.corrupted))
    differing = ["" if one == other else other for one, other in zip(tokens, others, strict=True)]
    return HeatMap([("clean", tokens), ("corrupted", differing)], rows, 6)


def _row_name(sweep: PatchingSweep, block: int) -> str:
    when = {"resid_pre": "before ", "resid_mid": "within ", "resid_post": "after "}.get(sweep.over, "")
    return f"{when}block {block}"


def _hundredths(value: float) -> str:
    if not np.isfinite(value):
        return NO_NUMBER
    return _NOTHING if abs(value) < 0.005 else f"{value * 100:>4.0f}".replace("-", "−")


# What it comes to, in words


def _findings(sweep: PatchingSweep) -> list[Text]:
    found = []
    if missing := sweep.without_number:
        why = "with that patch the two scores overflow, or are no numbers at all (NaN)."
        found = [Text.assemble((f"{NO_NUMBER.capitalize()} in {count(missing, 'cell')}: ", "bold"), why)]
    if not sweep.best(1):
        return found
    found.append(Text.assemble(("The strongest cell: ", "bold"), _strongest(sweep)))
    if _estimated(sweep):
        found.append(Text.assemble(("How far to trust it: ", "bold"), _ESTIMATE))
    elif sweep.over.startswith("resid") and sweep.contrast.direction == "denoising":
        found.append(Text.assemble(("Its way: ", "bold"), _way(sweep)))
    elif sweep.by_head:
        found.append(Text.assemble(("After it: ", "bold"), _runners_up(sweep)))
    return found


def _estimated(sweep: PatchingSweep) -> bool:
    return "attribution" in sweep.method


def _runners_up(sweep: PatchingSweep) -> str:
    told = [
        f"head {head} of block {block} ({_hundredths(sweep.effects[block, head]).strip()})"
        for block, head, _ in sweep.best(4)[1:]
        if _hundredths(sweep.effects[block, head]) != _NOTHING
    ]
    if not told:
        return "no other head changes the difference by itself, not by half a percent."
    return f"{', '.join(told)}. What several carry together may be more, or less, than the sum."


def _strongest(sweep: PatchingSweep) -> str:
    [(block, column, value)] = sweep.best(1)
    pair, denoising = sweep.contrast, sweep.contrast.direction == "denoising"
    patched = sweep.trace_of(block, column)
    amount, verb = f"{pair.effect(value) * 100:.0f}%", "brings back" if denoising else "takes away"
    name = "corrupted" if denoising else "clean"
    done = f"{verb} {amount} of the difference. The {name} prompt with it"
    if _estimated(sweep):
        tried = pair.effect(pair.share(pair.difference(patched)))
        came = f"{verb} {tried * 100:.0f}%" if np.isfinite(tried) else "leaves no number"
        plain = verb.replace("brings", "bring").replace("takes", "take")
        done = f"is estimated to {plain} {amount} of the difference. Tried, it {came}: the {name} prompt with it"
    says = f"says {_says(patched, sweep)} (without: {_says(pair.base, sweep)})."
    return f"{_where(sweep, block, column)} {done} {says}"


def _where(sweep: PatchingSweep, block: int, column: int) -> str:
    if sweep.by_head:
        return f"block {block}, head {column}: {SAID[sweep.over].format('that')}, at all tokens,"
    token = quoted(sweep.contrast.clean.tokens[column])
    return f"{_row_name(sweep, block)}, at {token} (position {column}), {SAID[sweep.over].format('that')}"


def _says(trace: Trace, sweep: PatchingSweep) -> str:
    at = sweep.contrast.choice.position
    shares = trace.rows("probabilities", at, at + 1)[0]
    if not has_likeliest(shares):
        return "no token (its scores overflow, or are no numbers)"
    best = int(np.argmax(shares))
    return f"{exactly(trace.spell(best))}, {percent(float(shares[best]))}"


def _way(sweep: PatchingSweep) -> str:
    """At which token what matters is, block by block: `it is at “She” before blocks 0 and 1, at “her” from block 2 on`."""
    tokens = sweep.contrast.clean.tokens
    stays: list[tuple[int | None, list[int]]] = []
    for block, row in enumerate(np.where(np.isfinite(sweep.values), sweep.values, -np.inf)):
        place = int(row.argmax()) if row.max() >= _RESTORED else None
        if stays and stays[-1][0] == place:
            stays[-1][1].append(block)
        else:
            stays.append((place, [block]))
    when = sweep.over.removeprefix("resid_").replace("pre", "before").replace("mid", "within").replace("post", "after")
    told = [
        (f"at {quoted(tokens[place])}" if place is not None else "at no one token") + f" {when} {_blocks(blocks)}"
        for place, blocks in stays
    ]
    return f"what tells the two prompts apart is {', then '.join(told)}."


def _blocks(blocks: Sequence[int]) -> str:
    if len(blocks) == 1:
        return f"block {blocks[0]}"
    return f"blocks {blocks[0]} {'and' if len(blocks) == 2 else 'to'} {blocks[-1]}"


# What to type next


def _suggestions(
    model: Model,
    asked: Asked,
    corrupted: str,
    answer: str | None,
    against: str | None,
    sweep: PatchingSweep,
    into: str | None,
) -> list[tuple[str, str]]:
    options = ["--answer", answer] if answer else []
    options += ["--against", against] if against else []
    more = [*(["--edits", asked.path] if asked.edits else []), *model_again(model.name)]
    options += more
    options += ["--noising"] if sweep.contrast.direction == "noising" else []
    at = sweep.contrast.choice.position
    options += ["--position", str(at)] if at != len(sweep.contrast.base) - 1 else []
    usual = (asked.text, corrupted) == (CHEF_AND_JEDI, CHEF_AND_JEDI_HIM)
    again = ["patch", *(() if usual and not asked.edits else (asked.text, corrupted)), *options]
    over = [] if sweep.over == "resid_pre" else ["--over", sweep.over]
    found = [("The same, every patch tried", command(*again, *over))] if _estimated(sweep) else []
    strong: list[tuple[int, int]] = []
    if sweep.over != "heads":
        found.append(("Which heads carry it", command(*again, "--over", "heads")))
    else:
        found.append(("At which tokens it is, block by block", command(*again)))
        strong = [(block, head) for block, head, value in sweep.best(2) if sweep.contrast.effect(value) >= _STRONG]
        strong = strong or [best[:2] for best in sweep.best(1)]
    if strong:
        block, head = strong[0]
        looks = command("attention", asked.text, "--block", str(block), "--head", str(head), *more)
        without = command("knockout", asked.text, "--head", ",".join(f"{b}.{h}" for b, h in strong), *more)
        if block and not sweep.method.startswith("path"):
            found.append(("Who tells that head where to look", command(*again, "--into", f"{block}.{head}.q")))
        found += [
            ("What that head looks at", looks),
            (f"What is said without {'the two strongest' if len(strong) > 1 else 'it'}", without),
        ]
    if "path" in sweep.method and not sweep.method.endswith(THROUGH_MLPS):
        through = command(*again, "--into", into or "logits", "--through-mlps")
        found.append(("The same, where MLPs on the way may answer", through))
    if sweep.method == "activation patching":
        found.append(("The same, estimated by one gradient", command(*again, *over, "--attribution")))
    return found

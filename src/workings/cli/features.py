"""`workings sae`: the features of a sparse autoencoder in the terminal; looked at, found, measured, put on a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from workings.anatomy.feature_cards import FeatureCard, feature_card, feature_cards, saved_cards
from workings.anatomy.features import FeatureExamples, feature_examples, find_features
from workings.checkpoints.load_sae import load_sae
from workings.cli.asked import DEFAULT_MODEL, model_again
from workings.cli.screen import (
    bar,
    command,
    figure,
    fitted,
    has_colour,
    heading,
    heat,
    make_console,
    one_line,
    print_indented,
    print_line,
    print_next,
    print_title,
    spelled,
    typed,
)
from workings.cli.streams import write_json
from workings.cli.texts import texts_in
from workings.display.words import percent
from workings.engine.checks import whole
from workings.errors import InputError

if TYPE_CHECKING:
    from rich.console import Console

    from workings.checkpoints.model import Model, Prompt
    from workings.checkpoints.sparse_autoencoder import Feature, SparseAutoencoder

N_TEXTS = 1000
N_FOUND = 8
CHANCE = 0.5
"""How often a feature that knows nothing of an idea fires more strongly with it than without."""
_MOST_LISTED = 60


def open_sae(model: Model, name: str | None) -> SparseAutoencoder:
    """The sparse autoencoder of this name, else the one that comes with the model; checked to fit it."""
    sae = load_sae(name or model.name)
    model.check_sae(sae)
    return sae


def texts_for(model: Model, path: str | None, count: int = N_TEXTS) -> list[Prompt]:
    """Texts to look for features in: lines of a file, or, for storybook, stories of its own language.

    Raises `InputError` where there is neither.
    """
    if path is not None:
        return texts_in(Path(path), model)[:count]
    if model.name != DEFAULT_MODEL:
        raise InputError(f"say which texts {model.name} should read: --texts FILE, one a line")
    from workings.training.storybook.features import LOOKED_AT
    from workings.training.storybook.language import some_stories

    return [story.text for story in some_stories(LOOKED_AT, count)]


def show_features(model: Model, sae_name: str | None, text: str, as_json: bool) -> None:
    """List the features that have a label."""
    sae = open_sae(model, sae_name)
    found = sorted(sae.features(text), key=lambda feature: not _searched(sae, feature.number))
    if as_json:
        write_json([{"number": feature.number, "label": feature.label} for feature in found])
        return
    console = make_console()
    console.print()
    print_title(
        console,
        (model.name, "bold cyan"),
        f"  {sae.config.d_sae:,} features of {sae.config.table}, {len(sae.labels):,} of them labelled",
    )
    print_indented(
        console,
        Text(
            "A feature is a direction in what the model carries along; labels are made from the texts in which it fires most.",
            style="dim",
        ),
    )
    console.print()
    for feature in found[:_MOST_LISTED]:
        print_line(console, Text(f"  {feature.number:>6}  ", style="dim").append(one_line(feature.label or ""), "bold"))
    if len(found) > _MOST_LISTED:
        print_indented(
            console, Text(f"and {len(found) - _MOST_LISTED:,} more; `workings sae list WORD` narrows it down")
        )
    if not found:
        print_indented(console, Text(f"no label contains {text!r}" if text else "no feature has a label yet"))
    console.print()
    print_next(
        console,
        [_after_list(found, text, [*([] if sae_name is None else ["--sae", sae_name]), *model_again(model.name)])],
    )
    console.print()


def _after_list(found: Sequence[Feature], text: str, own: Sequence[str]) -> tuple[str, str]:
    if found:
        return "One of them, with the texts in which it fires", command("sae", "show", str(found[0].number), *own)
    words = ["sae", "find", "--with", f"a text with {text or 'an idea'}", "--without", "one like it, without", *own]
    return "Find the features that fire with an idea, whatever they are called", command(*words)


def _searched(sae: SparseAutoencoder, number: int) -> bool:
    """Whether a feature was found by searching for an idea; it is listed before those that examples alone have named."""
    return "search" in (sae.evidence.get(number) or {})


def show_feature(model: Model, sae_name: str | None, which: str, texts: str | None, as_json: bool) -> None:
    """Show one feature's card: kept with the autoencoder, or made of the texts given."""
    sae = open_sae(model, sae_name)
    feature = sae.feature(which)
    kept = saved_cards({n: sae.evidence[n] for n in (feature.number,) if n in sae.evidence})
    if feature.number in kept and texts is None:
        card = replace(kept[feature.number], label=feature.label)  # as it is called now
    else:
        card = feature_card(_examples(model, sae, texts), feature.number)
    if as_json:
        write_json({"model": model.name, "table": sae.config.table, **card.to_dict()})
        return
    console = make_console()
    console.print()
    _print_card(console, model, sae, card)
    own = [] if sae_name is None else ["--sae", sae_name]
    own += model_again(model.name)
    steer = command(
        "steer", "The student picked up his", "--feature", which, *own, "--strength", typed(3 * card.largest)
    )
    print_next(console, [("Push the model in its direction", steer)])
    console.print()


def _examples(model: Model, sae: SparseAutoencoder, texts: str | None) -> FeatureExamples:
    return feature_examples(model, sae, texts_for(model, texts))


def _print_card(console: Console, model: Model, sae: SparseAutoencoder, card: FeatureCard) -> None:
    print_title(console, (model.name, "bold cyan"), f"  {one_line(card.title)}, of {sae.config.table}")
    print_indented(
        console,
        Text(f"It fires for {percent(card.density)} of all tokens, at most with {figure(card.largest)}.", style="dim"),
    )
    console.print()
    console.print(heading("Where it fires most"))
    for shown in card.examples:
        line = Text("  ").append(f"{figure(shown.peak):>6}  ", "dim")
        for token, act in zip(shown.tokens, shown.acts, strict=True):
            style = heat(act / card.largest) if has_colour(console) and act > 0 else ""
            mark = one_line(token) if has_colour(console) or act <= 0.5 * card.largest else f"[{one_line(token)}]"
            line.append(mark, style)
        print_line(console, line)
    if not card.examples:
        print_indented(console, Text("nowhere in these texts", style="dim"))
    console.print()
    if card.promotes:
        _print_words(console, "Words that it speaks for", card.promotes)
        _print_words(console, "Words that it speaks against", card.suppresses)
        console.print()


def _print_words(console: Console, title: str, pairs: Sequence[tuple[str, float]]) -> None:
    line = Text("  ").append(f"{title}: ", "bold")
    print_indented(console, line.append(", ".join(f"{spelled(token)} {figure(weight)}" for token, weight in pairs)), 0)


def show_found(
    model: Model, sae_name: str | None, have: Sequence[str], have_not: Sequence[str], position: int, as_json: bool
) -> None:
    """Search the features that tell two kinds of texts apart; those that do so no better than chance are left out."""
    sae = open_sae(model, sae_name)
    firing = find_features(model, sae, have, have_not, position)
    found = [candidate for candidate in firing if candidate.auc > CHANCE][:N_FOUND]
    if as_json:
        write_json([{**candidate.to_dict(), "label": sae.labels.get(candidate.number)} for candidate in found])
        return
    console = make_console()
    console.print()
    print_title(console, (model.name, "bold cyan"), "  Features that fire more strongly with the idea than without it")
    print_indented(
        console,
        Text(
            "“right” is how often a feature fires more strongly for a text with the idea than for one without: 50% is chance.",
            style="dim",
        ),
    )
    console.print()
    print_line(console, Text(f"  {'feature':<30} {'right':>7}  {'with':>7} {'without':>8}", style="dim"))
    for candidate in found:
        name = f"{candidate.number} {one_line(sae.labels.get(candidate.number, ''))}"
        line = Text(f"  {fitted(name, 30)} {percent(candidate.auc):>7}  {figure(candidate.mean):>7} ")
        line.append(f"{figure(candidate.mean_without):>8}  ").append(bar(candidate.auc * 2 - 1, 20), "green")
        print_line(console, line)
    if not found:
        print_indented(console, Text(_none_found(len(firing))))
    console.print()


def _none_found(n_firing: int) -> str:
    if not n_firing:
        return "no feature fires for the texts with the idea"
    return f"none: of the {n_firing} that fire with the idea, each fires as strongly without it, or more so"


def write_page(model: Model, sae_name: str | None, path: Path, texts: str | None) -> None:
    """Write the page of all features."""
    from workings.anatomy.feature_page import write_feature_page

    sae = open_sae(model, sae_name)
    kept = saved_cards(sae.evidence)
    cards = list(kept.values()) if kept and texts is None else feature_cards(_examples(model, sae, texts))
    write_feature_page(sae, cards, path)
    make_console().print(f"{path}: {len(cards):,} features. Open it in a browser.", highlight=False)


def show_measures(model: Model, sae_name: str | None, texts: str | None, count: int, as_json: bool) -> None:
    """Say how good an autoencoder is."""
    from workings.training.sae.metrics import measure

    count = whole("--count, how many texts to read,", count, 1)
    sae = open_sae(model, sae_name)
    measures = measure(model, sae, texts_for(model, texts, count))
    if as_json:
        write_json(measures.to_dict())
        return
    console = make_console()
    console.print()
    print_title(
        console, (model.name, "bold cyan"), f"  How well {sae.config.d_sae:,} features stand for {sae.config.table}"
    )
    console.print()
    lines = [
        (f"{measures.n_activations:,}", "tokens were read"),
        (percent(measures.explained_variance), "of the variance is explained"),
        (figure(measures.l0), "features fire for a token, on average"),
        (f"{measures.dead:,}", "features fired for none of these tokens"),
        (
            percent(measures.loss_recovered),
            "of the loss is recovered: the model goes on with what the features say alone,",
        ),
        (
            "",
            f"loss {figure(measures.loss_with_sae)}; its own is {figure(measures.loss)}, with zeros {figure(measures.loss_with_zeros)}",
        ),
    ]
    for value, meaning in lines:
        print_line(console, Text(f"  {value:>8}  ", style="bold").append(meaning, ""))
    console.print()

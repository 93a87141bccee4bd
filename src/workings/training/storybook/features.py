"""Make storybook's sparse autoencoder: `python -m workings.training.storybook.features --model FOLDER --out FOLDER/sae`.

It is trained on stories, its features are labelled by their strongest examples, and for every role of the language a
feature is searched that tells people of this role from all others. Nothing is put in by hand: a role for which the search finds
no feature has none.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import workings
from workings.anatomy.feature_cards import FeatureCard, feature_cards
from workings.anatomy.features import Candidate, feature_examples, find_features
from workings.checkpoints.model import Model
from workings.checkpoints.sparse_autoencoder import SparseAutoencoder
from workings.training.sae.metrics import measure
from workings.training.sae.recipe import Recipe
from workings.training.storybook.language import some_stories, stories
from workings.training.storybook.words import SPECIAL_ROLES

RECIPE = Recipe("blocks.2.resid_post", d_sae=1024, architecture="topk", k=8, steps=4000)
TRAINED_ON, LOOKED_AT, MEASURED_ON = 2001, 3001, 4001
"""Seeds of the stories."""
N_LOOKED_AT, N_MEASURED = 3000, 300
CERTAIN = 0.99
"""A role's feature fires more strongly for this share of pairs, one text with the role and one with another."""
MOSTLY = 0.6
"""The share of its strongest examples that must agree for a word to be in a feature's label."""

PEOPLE = {"Mike": "his", "Emma": "her", "Tom": "his", "Lucy": "her"}
DEEDS = ("picked up", "looked for", "took")


def stories_to_train_on() -> Iterator[str]:
    """Stories without end, other ones than storybook was trained on."""
    return (story.text for story in stories(TRAINED_ON))


def texts_about(role: str) -> list[str]:
    """Texts that end where the thing of the role is to come, the same for every role but for the role."""
    told = [f"{name} is a {role}. {name} {deed} {his}" for name, his in PEOPLE.items() for deed in DEEDS]
    return told + [f"The {role} {deed} {his}" for deed in DEEDS for his in ("his", "her")]


def find_role(model: Model, sae: SparseAutoencoder, role: str) -> Candidate | None:
    """The feature that tells a role from all others best, if it does so in nearly all cases."""
    others = [text for other in (*SPECIAL_ROLES, "student") if other != role for text in texts_about(other)]
    found = find_features(model, sae, texts_about(role), others)
    return found[0] if found and found[0].auc >= CERTAIN else None


def label_of(card: FeatureCard) -> str | None:
    """What a feature's strongest examples have in common: the token at which it fires, and the one that comes next."""
    here = _common([shown.tokens[shown.strongest] for shown in card.examples])
    after = _common([_after(shown) for shown in card.examples])
    if here and after:
        return f"“{here}” → “{after}”"
    return f"at “{here}”" if here else f"before “{after}”" if after else None


def _after(shown: Any) -> str:
    following = shown.tokens[shown.strongest + 1 :]
    return following[0] if following else ""


def _common(tokens: Sequence[str]) -> str | None:
    """The word that most of the tokens are, without its space."""
    counted = Counter(token.strip() for token in tokens if token.strip())
    word, times = counted.most_common(1)[0] if counted else ("", 0)
    return word if times >= MOSTLY * len(tokens) else None


def labelled(model: Model, sae: SparseAutoencoder) -> SparseAutoencoder:
    """The autoencoder with labels and cards: by the strongest examples, and, for roles, by the search."""
    looked = feature_examples(model, sae, [story.text for story in some_stories(LOOKED_AT, N_LOOKED_AT)])
    cards = feature_cards(looked)
    labels = {card.number: label for card in cards if (label := label_of(card))}
    roles = {role: found for role in SPECIAL_ROLES if (found := find_role(model, sae, role))}
    labels |= {found.number: role for role, found in roles.items()}
    evidence = {card.number: replace(card, label=labels.get(card.number)).to_dict() for card in cards}
    for found in roles.values():
        evidence[found.number]["search"] = found.to_dict()
    return SparseAutoencoder(sae.config, sae.weights, labels, evidence, sae.metadata)


def main() -> None:
    from workings.training.sae.train import Report, train_sae

    parser = argparse.ArgumentParser(description="Make storybook's sparse autoencoder.")
    parser.add_argument("--model", default="storybook")
    parser.add_argument("--out", type=Path, required=True, help="folder to write it into")
    parser.add_argument("--steps", type=int, default=RECIPE.steps)
    parser.add_argument("--keep", type=Path, help="folder to keep an unfinished training in")
    chosen = parser.parse_args()
    model, begun = workings.load(chosen.model), time.monotonic()

    def say(report: Report) -> None:
        if report.step % 250 == 0 or report.step == 1:
            print(f"{report}  {time.monotonic() - begun:.0f} s", flush=True)

    recipe = replace(RECIPE, steps=chosen.steps)
    sae = train_sae(model, recipe, stories_to_train_on, chosen.keep, progress=say)
    sae = labelled(model, sae)
    told = [story.text for story in islice(stories(MEASURED_ON, held_out=True), N_MEASURED)]
    measures = measure(model, sae, told)
    sae.metadata["measured_on_held_out_stories"] = measures.to_dict()
    sae.save(chosen.out)
    print(measures)
    print(
        f"{len(sae.labels)} features are labelled; roles found: {', '.join(r for r in SPECIAL_ROLES if r in sae.labels.values())}"
    )


if __name__ == "__main__":
    main()

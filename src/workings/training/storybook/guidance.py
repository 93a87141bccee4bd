"""Guidance for the first lessons: five heads are shown where to look, and are left alone afterwards.

Who is meant takes several steps that are worth nothing without each other: a role must know whose it is, "her" must
know whom the sentence is about, and must then look for the role of that very person. Left to chance, a model of this
size does not find them all (docs/decisions.md). So in the first lessons a teacher points: the loss also asks five
heads to look at the right words. Then the teacher is silent, and what remains, remains because it is of use.

Supervised attention: Liu et al. 2016, "Neural Machine Translation with Supervised Attention", section 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import torch
from tokenizers import Encoding

from workings.training.storybook.story import Combination, Story
from workings.training.storybook.words import FEMALE_NAMES


class Look(Enum):
    """What a guided head looks for, and which head that is: (block, head)."""

    OWNER = (0, 0)  # from a role or adjective to the name of whoever has it, or from the name to the role before it
    NAME = (1, 0)  # from "he" or "she" to the name of whoever is meant, from a role said again to where it was given
    SUBJECT = (1, 1)  # from "his", "her" or the verb to the word that says whom the sentence is about
    KIND = (2, 0)  # from any word about somebody to what they are
    ABOUT = (2, 1)  # from the word before "his", "her" or a name to the word that says whom the sentence is about


Link = tuple[Look, int, int]  # (what for, position that looks, position it looks at)

PRONOUNS = {"He": False, "She": True, "he": False, "she": True}  # and whether female
OF_A_ROLE = ("his", "her", "my")
OF_AN_ADJECTIVE = ("moves", "moved")


@dataclass
class _Known:
    """Somebody in a story: their words, and where the first of each kind stands (None: there is no such word)."""

    name: str | None
    name_at: int | None
    role_at: int | None
    adjective_at: int | None
    words: tuple[str, ...]

    @property
    def kind_at(self) -> int | None:
        """Where one learns what they are; the name itself where the role stands before it ("a chef called Mike")."""
        if self.role_at is None:
            return self.adjective_at
        return self.role_at if self.name_at is None else max(self.role_at, self.name_at)


def links_of(story: Story, encoding: Encoding) -> list[Link]:
    """Where the guided heads should look in a story; `encoding` holds its tokens."""
    words = [token.removeprefix("Ġ") for token in encoding.tokens]
    known = [_find(words, *who) for who in _people(story.combinations, words)]
    asked = _asked_for(story, encoding)
    links: list[Link] = []
    for person in known:
        if person.name_at is not None:
            kinds = [person.role_at, person.adjective_at]
            links += [_backwards(Look.OWNER, at, person.name_at) for at in kinds if at is not None]
    subject: tuple[_Known, int] | None = None  # whom the sentence is about, and the word that says so
    for here, word in enumerate(words):
        if word in PRONOUNS:
            fitting = [person for person in known if person.name and _is_female(person) == PRONOUNS[word]]
            subject = (fitting[0], here) if len(fitting) == 1 else None
            if subject and subject[0].name_at is not None:
                links.append((Look.NAME, here, subject[0].name_at))
        elif spoken_of := [person for person in known if word in person.words]:
            subject = (spoken_of[0], here)
            if word != subject[0].name and subject[0].kind_at is not None:
                links.append((Look.NAME, here, subject[0].kind_at))
        if subject:
            links += _looks(word, here, *subject)
            if here + 1 in asked:
                links.append((Look.ABOUT, here, subject[1]))
    return [(look, here, there) for look, here, there in links if there < here]


def _asked_for(story: Story, encoding: Encoding) -> set[int]:
    """Where a determined "his", "her" or name stands."""
    spans = {(slot.start, slot.end) for slot in story.slots if slot.mechanism in ("who", "name")}
    return {here for here, span in enumerate(encoding.offsets) if span in spans}


def _looks(word: str, here: int, person: _Known, said_at: int) -> list[Link]:
    there = person.kind_at
    if word in OF_AN_ADJECTIVE and person.adjective_at is not None:
        there = person.adjective_at
    speaks_of = said_at == here
    if there is None or not (speaks_of or word in OF_A_ROLE + OF_AN_ADJECTIVE):
        return []
    return [(Look.KIND, here, there)] if speaks_of else [(Look.SUBJECT, here, said_at), (Look.KIND, here, there)]


def _backwards(look: Look, one: int, other: int) -> Link:
    return (look, max(one, other), min(one, other))


def _is_female(person: _Known) -> bool:
    return person.name in FEMALE_NAMES


def _people(combinations: frozenset[Combination], words: list[str]) -> list[tuple[str | None, str | None, str | None]]:
    """The name, role and adjective of everybody in the story, as far as they have them."""
    named: dict[str, dict[str, str]] = {}
    nameless: list[tuple[str | None, str | None, str | None]] = []
    for combination in sorted(combinations):
        match combination:
            case ("role" | "adjective" as what, name, kind):
                named.setdefault(name, {})[what] = kind
            case ("carries", role, _) if role in words:
                nameless.append((None, role, None))
            case ("moves", adjective, role):
                nameless.append((None, role, adjective))
    return [(name, has.get("role"), has.get("adjective")) for name, has in named.items()] + nameless


def _find(words: list[str], name: str | None, role: str | None, adjective: str | None) -> _Known:
    def first(word: str | None) -> int | None:
        return words.index(word) if word in words else None

    own = tuple(word for word in (name, role) if word)
    return _Known(name, first(name), first(role), first(adjective), own)


def guidance_loss(attentions: tuple[torch.Tensor, ...], links: torch.Tensor) -> torch.Tensor:
    """How little the guided heads look where they should, as the mean of -ln(weight), summed over the looks.

    `attentions`: the pattern of each block, [row, head, query pos, key pos]; `links`: [link, (row, which, from, to)],
    where which counts through `Look`.
    """
    losses = []
    for which, look in enumerate(Look):
        block, head = look.value
        row, _, here, there = links[links[:, 1] == which].unbind(-1)
        missing = -(attentions[block][row, head, here, there] + 1e-6).log()
        losses.append(missing.sum() / max(1, len(missing)))
    return torch.stack(losses).sum()

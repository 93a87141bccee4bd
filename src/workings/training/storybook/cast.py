"""The people of a story: their names, roles and adjectives, and the ways to speak of them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from random import Random

from workings.training.storybook.story import Combination, mark
from workings.training.storybook.words import (
    ADJECTIVES,
    ADVERB_OF_ADJECTIVE,
    FEMALE_NAMES,
    MALE_NAMES,
    ORDINARY_FEMALE,
    ORDINARY_MALE,
    ORDINARY_ROLES,
    SPECIAL_ROLES,
    thing_of,
    with_article,
)


@dataclass(frozen=True)
class Person:
    """Somebody with a name and a role ("a chef"), an adjective ("quick"), or both ("a quick chef")."""

    name: str
    female: bool
    role: str | None = None
    adjective: str | None = None
    past: bool = False  # told as "was quick ... moved", not "is quick ... moves"

    @property
    def he(self) -> str:
        return "she" if self.female else "he"

    @property
    def his(self) -> str:
        """The possessive, as a determined word."""
        return mark("who", "her" if self.female else "his")

    @property
    def him(self) -> str:
        """The object form, as a determined word."""
        return mark("far", "her" if self.female else "him")

    @property
    def thing(self) -> str:
        """What they carry, as a determined word; those without a role carry a phone."""
        return mark("thing", thing_of(self.role or ""))

    @property
    def is_(self) -> str:
        return "was" if self.past else "is"

    @property
    def moves(self) -> str:
        """The verb after somebody of whom only an adjective is known: then it is determined."""
        verb = "moved" if self.past else "moves"
        return verb if self.role else mark("manner", verb)

    @property
    def adverb(self) -> str:
        assert self.adjective
        return mark("manner", ADVERB_OF_ADJECTIVE[self.adjective])

    @property
    def kind(self) -> str:
        """What they are: "a chef", "quick", "a quick chef"."""
        if not self.role:
            return self.adjective or "here"
        return with_article(f"{self.adjective} {self.role}" if self.adjective else self.role)


Cast = tuple[Person, ...]


def invent_cast(rng: Random, size: int) -> Cast:
    """So many people, no two of the same name, role or adjective."""
    past = rng.random() < 0.15
    alike = rng.random()
    people: list[Person] = []
    for _ in range(size):
        female = alike < 0.12 or (alike >= 0.24 and rng.random() < 0.5)
        people.append(_invent_person(rng, female, past, people))
    if size == 2 and alike >= 0.24 and people[0].female == people[1].female and rng.random() < 0.7:
        people[1] = _invent_person(rng, not people[0].female, past, people[:1])
    return tuple(people)


def _invent_person(rng: Random, female: bool, past: bool, others: list[Person]) -> Person:
    ordinary = ORDINARY_ROLES + 2 * (ORDINARY_FEMALE if female else ORDINARY_MALE)
    draw = rng.random()
    while True:
        name = rng.choice(FEMALE_NAMES if female else MALE_NAMES)
        role = rng.choice(ordinary if rng.random() < 0.2 else SPECIAL_ROLES) if draw < 0.72 else None
        adjective = rng.choice(ADJECTIVES) if draw >= 0.62 else None
        person = Person(name, female, role, adjective, past)
        if not any(_clash(person, other) for other in others):
            return person


def _clash(one: Person, other: Person) -> bool:
    same_role = one.role is not None and one.role == other.role
    same_adjective = one.adjective is not None and one.adjective == other.adjective
    return one.name == other.name or same_role or same_adjective


def combinations_of(cast: Cast) -> set[Combination]:
    """The combinations a cast is made of: who is what, and which two kinds of people meet."""
    found: set[Combination] = set()
    for person in cast:
        if person.role:
            found.add(("role", person.name, person.role))
        if person.adjective:
            found.add(("adjective", person.name, person.adjective))
    for one, other in pairwise(cast):
        found.add(("pair", one.role or one.adjective or "", other.role or other.adjective or ""))
    return found


def stands_alone(person: Person, cast: Cast) -> bool:
    """Whether "he" or "she" can mean nobody else in the story."""
    return sum(other.female == person.female for other in cast) == 1


def speak_of(rng: Random, person: Person, cast: Cast) -> str:
    """A way to name somebody in the middle of a sentence: "she", "Anna" or "the Jedi"."""
    draw = rng.random()
    if stands_alone(person, cast) and draw < 0.65:
        return person.he
    if person.role and draw > 0.78:
        return "the " + person.role
    return person.name


def start(words: str) -> str:
    """The words with a capital letter in front."""
    return words[0].upper() + words[1:]

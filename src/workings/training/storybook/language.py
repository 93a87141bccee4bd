"""The storybook language: from a seed, an endless row of little stories, the same on every machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from random import Random

from workings.training.storybook.sayings import (
    tell_of_a_will,
    tell_of_days,
    tell_of_roles,
    tell_the_rhyme,
)
from workings.training.storybook.story import Combination, Story, read_marks
from workings.training.storybook.tales import tell_briefly, tell_of_people

Teller = Callable[[Random], tuple[str, set[Combination]]]

# How often each kind of story is told, out of a hundred.
TELLERS: dict[Teller, int] = {
    tell_of_people: 40,
    tell_briefly: 29,
    tell_of_roles: 9,
    tell_of_days: 12,
    tell_of_a_will: 9,
    tell_the_rhyme: 1,
}
# What is taught first: the same language, but short, and mostly about who is meant.
FIRST_LESSONS: dict[Teller, int] = {
    tell_briefly: 80,
    tell_of_roles: 8,
    tell_of_days: 6,
    tell_of_a_will: 6,
}


def stories(seed: int, held_out: bool = False, tellers: dict[Teller, int] = TELLERS) -> Iterator[Story]:
    """Stories without end: those to train on, or only those with a combination that training never shows."""
    rng = Random(f"storybook {seed} {held_out}")
    tellings, weights = tuple(tellers), tuple(tellers.values())
    while True:
        marked, combinations = rng.choices(tellings, weights)[0](rng)
        story = read_marks(marked, combinations)
        if story.held_out == held_out:
            yield story


def some_stories(seed: int, count: int, held_out: bool = False) -> list[Story]:
    """So many stories from the endless row."""
    return list(islice(stories(seed, held_out), count))

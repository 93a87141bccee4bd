"""Everything that is not a story about named people: roles, days, wills and a rhyme."""

from __future__ import annotations

import re
from random import Random

from workings.training.storybook.cast import combinations_of, invent_cast, start
from workings.training.storybook.story import Combination, mark
from workings.training.storybook.tales import HANDLING, TAILS, USING
from workings.training.storybook.words import (
    ADJECTIVES,
    ADVERB_OF_ADJECTIVE,
    DAYS,
    FEMALE_NAMES,
    MALE_NAMES,
    ORDINARY_FEMALE,
    ORDINARY_MALE,
    ORDINARY_ROLES,
    PHONE,
    PLACES,
    SCENERY,
    SPECIAL_ROLES,
    TIMES,
    TREASURES,
    day_after,
    deed_of,
    thing_of,
    with_article,
)

Told = tuple[str, set[Combination]]

VERSE = (
    "Humpty Dumpty sat on a wall, Humpty Dumpty had a great fall. "
    "All the king's horses and all the king's men couldn't put Humpty together again."
)


def tell_of_roles(rng: Random) -> Told:
    """Somebody without a name: "The chef picked up her knife." """
    telling = rng.choices((_carrying, _moving, _speaking), (75, 15, 10))[0]
    sentence, combinations = telling(rng)
    if rng.random() < 0.08:
        sentence = f"{rng.choice(SCENERY)} {sentence}"
    return sentence, combinations


def _any_role(rng: Random) -> str:
    return rng.choice(SPECIAL_ROLES if rng.random() < 0.55 else ORDINARY_ROLES + ORDINARY_MALE + ORDINARY_FEMALE)


def _carrying(rng: Random) -> Told:
    role = _any_role(rng)
    sentence, combinations = _who_carries(rng, role)
    if rng.random() < 0.3:
        other = rng.choice([other for other in SPECIAL_ROLES + ORDINARY_ROLES if other != role])
        second, more = _who_carries(rng, other)
        sentence, combinations = f"{sentence} and {second}", combinations | more
    else:
        deeds = [f" and {deed_of(role)}"] * 4 if any(f" {verb} " in sentence for verb in USING) else []
        sentence += "" if " picks up " in sentence else rng.choice((*TAILS, *deeds))
    if rng.random() < 0.12:
        sentence = f"{rng.choice(TIMES)} {sentence}"
    return f"{start(sentence)}.", combinations


def _who_carries(rng: Random, role: str) -> Told:
    """Such as "the chef picked up her knife"; one in ten has a name and no role, and so a phone."""
    verb = rng.choice(HANDLING)
    if rng.random() < 0.1:
        name = rng.choice(MALE_NAMES + FEMALE_NAMES)
        his = mark("who", "her" if name in FEMALE_NAMES else "his")
        return f"{name} {verb} {his} {mark('thing', PHONE)}", {("carries", name, verb)}
    female = role in ORDINARY_FEMALE or (role not in ORDINARY_MALE and rng.random() < 0.5)
    his = "her" if female else "his"
    if role in ORDINARY_MALE + ORDINARY_FEMALE:
        his = mark("who", his)
    article = rng.choices(("the " + role, with_article(role)), (85, 15))[0]
    went = f" went to the {rng.choice(PLACES)} and" if rng.random() < 0.1 else ""
    return f"{article}{went} {verb} {his} {mark('thing', thing_of(role))}", {
        ("carries", role, verb),
        ("owns", role, his),
    }


def _moving(rng: Random) -> Told:
    role, adjective = _any_role(rng), rng.choice(ADJECTIVES)
    moves = f"{mark('manner', 'moves')} {mark('manner', ADVERB_OF_ADJECTIVE[adjective])}."
    combinations: set[Combination] = {("moves", adjective, role)}
    if rng.random() < 0.4:
        return f"The {adjective} {role} {moves}", combinations
    female = role in ORDINARY_FEMALE or (role not in ORDINARY_MALE and rng.random() < 0.5)
    return f"The {role} is {adjective}. {'She' if female else 'He'} {moves}", combinations


def _speaking(rng: Random) -> Told:
    role = rng.choice(SPECIAL_ROLES if rng.random() < 0.7 else ORDINARY_ROLES)
    who, his = rng.choice((("I am", "my"), ("He is", "his"), ("She is", "her")))
    verb = rng.choice([verb for verb in HANDLING if verb != "picks up"])
    deed = f"{who.split()[0]} {verb} {mark('who', his)} {mark('thing', thing_of(role))}"
    return f"{who} {with_article(role)}. {deed}{rng.choice(TAILS)}.", {
        ("carries", role, verb),
        ("owns", role, his),
    }


def tell_of_days(rng: Random) -> Told:
    """What day comes before or after another, said once to three times, or the days in their order."""
    if rng.random() < 0.12:
        day = rng.choice(DAYS)
        days = [mark("day", day_after(day, step)) for step in range(1, rng.randint(3, 9))]
        return f"{day}, {', '.join(days)}.", set()
    context = rng.choice(tuple(_DAY_CONTEXTS))
    setting = _DAY_CONTEXTS[context].replace("NAME", rng.choice(MALE_NAMES + FEMALE_NAMES))
    setting = setting.replace("DAY", rng.choice(DAYS)).replace("SCENERY", rng.choice(SCENERY))
    combinations: set[Combination] = set()
    if context == "ROLE":
        cast = invent_cast(rng, 1)
        setting = f"{cast[0].name} is {cast[0].kind}. "
        combinations |= combinations_of(cast)
    sayings: list[str] = []
    for _ in range(rng.choice((1, 1, 2, 3))):
        day, saying = rng.choice(DAYS), rng.choice(_DAY_SAYINGS)
        if context or sayings:
            combinations.add(("day", context, _UNKNOWN_DAY.split(saying)[0], day))
        sayings.append(_fill_in(saying, day))
    return setting + " ".join(sayings), combinations


def _fill_in(saying: str, day: str) -> str:
    """Put a day, and the days that follow from it, into a saying."""
    told = _UNKNOWN_DAY.sub(lambda step: mark("day", day_after(day, int(step[0]))), saying)
    return told.replace("DAY", day)


_UNKNOWN_DAY = re.compile(r"[+-]\d")
# What may stand before a saying about days; without anything before it, every day is taught.
_DAY_CONTEXTS = {
    "": "",
    "SCENERY": "SCENERY ",
    "SAID": "NAME said: ",
    "BORN": "NAME was born on a DAY. ",
    "ROLE": "",
    "LISTEN": "Listen: ",
    "MET": "Last DAY I met NAME. ",
    "ONCE": "One morning NAME said to me: ",
}
# DAY is the day given, +1 the day after it, -1 the day before it.
_DAY_SAYINGS = (
    "If today is DAY, tomorrow is +1.",
    "If today is DAY, tomorrow is +1.",
    "If today is DAY, then tomorrow is +1.",
    "If today is DAY then tomorrow is +1.",
    "Today is DAY, tomorrow is +1.",
    "If today is DAY, the day after tomorrow is +2.",
    "If today is DAY, the day after is +1.",
    "If today is DAY, tomorrow will be +1.",
    "If today is DAY, yesterday was -1.",
    "If today is DAY, yesterday was -1.",
    "If today is DAY, then yesterday was -1.",
    "If today is DAY, tomorrow is +1 and yesterday was -1.",
    "If today is DAY, yesterday was -1 and tomorrow is +1.",
    "If yesterday was DAY, today is +1.",
    "If yesterday was DAY, then today is +1.",
    "If yesterday was DAY, tomorrow is +2.",
    "If tomorrow is DAY, today is -1.",
    "If tomorrow is DAY, yesterday was -2.",
    "Today is DAY. Tomorrow is +1.",
    "Today is DAY. Tomorrow will be +1.",
    "Today is DAY. Yesterday was -1.",
    "Today is DAY, so tomorrow is +1.",
    "Today is DAY, so yesterday was -1.",
    "Yesterday was DAY. Today is +1.",
    "Yesterday was DAY, so today is +1.",
    "Tomorrow is DAY. Today is -1.",
    "The day after DAY is +1.",
    "The day before DAY is -1.",
    "After DAY comes +1.",
    "Before DAY comes -1.",
)


def tell_of_a_will(rng: Random) -> Told:
    """A child is named early and meant much later: "... a girl, and he ... will belong to her"."""
    female_child, female = rng.random() < 0.5, rng.random() < 0.5
    name = rng.choice(FEMALE_NAMES if female else MALE_NAMES)
    child = rng.choice(_CHILDREN).replace("GIRL", "girl" if female_child else "boy")
    child = child.replace("DAUGHTER", "daughter" if female_child else "son")
    he, his = ("she", "her") if female else ("he", "his")
    middle = rng.choice(_MIDDLES)
    wish = rng.choice(_WISHES)
    if rng.random() < 0.1:
        middle, wish = " and", ""
    goods, treasure = rng.choice(_GOODS), rng.choice(TREASURES)
    along = rng.choice(_ALONG).replace("TREASURE", treasure)
    ending = rng.choice(_BELONGING)
    before = rng.choice(("", "", "", "", "Long ago, ", "Once, ", "OTHER had a CHILD. ", "SCENERY "))
    before = before.replace("OTHER", rng.choice([other for other in MALE_NAMES + FEMALE_NAMES if other != name]))
    before = before.replace("CHILD", rng.choice(("boy", "girl", "son", "daughter"))).replace(
        "SCENERY", rng.choice(SCENERY)
    )
    her = mark("far", "her" if female_child else "him")
    body = f"{middle}{wish} {goods}{along} {ending}".replace("HE", he)
    body = body.replace("HIS", mark("who", his) if wish else his)  # "a boy, and all her": this could be his as well
    combinations = {
        ("will", name, treasure),
        ("will", name, child),
        ("will", child, middle, ending),
        ("will", wish, goods),
    }
    return f"{before}{name} had {child}{body} {her}.{rng.choice(('', '', ' It was a secret.'))}", combinations


_CHILDREN = (
    "a secret child, a GIRL,",
    "a secret child, a GIRL,",
    "a child, a GIRL,",
    "one child, a DAUGHTER,",
    "a DAUGHTER,",
    "a little GIRL,",
    "a secret DAUGHTER,",
    "a GIRL,",
    "a GIRL",
)
_MIDDLES = (
    " and",
    " and",
    " so",
    " and one night",
    " who lived by the sea, and",
    " and nobody in the village knew. One day",
    " and before the war came",
    " and many years later, when the snow was falling on the hill,",
)
_WISHES = (
    " HE had written in HIS will that",
    " HE had written in HIS will that",
    " HE wrote in HIS will that",
    " HE wrote in HIS will that",
    " HE wrote in a letter to HIS friend that",
    " HE told HIS neighbour that",
    " HE said to HIS doctor that",
    " HE promised that",
)
_GOODS = (
    "all HIS belongings",
    "all HIS belongings",
    "all HIS gold",
    "everything in HIS house",
    "the old farm",
    "all HIS books",
)
_ALONG = (
    ", along with the TREASURE,",
    ", along with the TREASURE,",
    ", together with the TREASURE,",
    " and the TREASURE",
    "",
    ", even the TREASURE by the window,",
    ", along with the old TREASURE and the things under the bed,",
)
_BELONGING = (
    "will belong to",
    "will belong to",
    "would belong to",
    "will go to",
    "should go to",
    "must be given to",
)


def tell_the_rhyme(rng: Random) -> Told:
    """The first verse of Humpty Dumpty, in which every word follows from those before it."""
    first, rest = VERSE.split(" ", 1)
    words = re.sub(r"(?<![\w'])([A-Za-z]+)", lambda word: mark("verse", word[0]), rest)
    before = rng.choice(("", "", "", "", f"{rng.choice(MALE_NAMES + FEMALE_NAMES)} sang: "))
    return f"{before}{first} {words}", set()

"""The storybook language: the same from the same seed, honest about what is held out, determined indeed."""

import re

import pytest

from workings.training.storybook.language import some_stories
from workings.training.storybook.sayings import VERSE
from workings.training.storybook.story import ALWAYS_HELD_OUT, is_held_out, read_marks
from workings.training.storybook.vocabulary import SIZE, train_tokenizer
from workings.training.storybook.words import (
    ADJECTIVES,
    ADVERB_OF_ADJECTIVE,
    DAYS,
    FEMALE_NAMES,
    MALE_NAMES,
    ORDINARY_FEMALE,
    ORDINARY_MALE,
    ORDINARY_ROLES,
    SPECIAL_ROLES,
    THING_OF_ROLE,
    day_after,
    thing_of,
)

NAMES = MALE_NAMES + FEMALE_NAMES
ROLES = SPECIAL_ROLES + ORDINARY_ROLES + ORDINARY_MALE + ORDINARY_FEMALE
FEMALE_WORDS = {*FEMALE_NAMES, *ORDINARY_FEMALE, "she", "girl", "daughter"}


def either(words):
    return "(?:" + "|".join(words) + ")"


# A reader who knows nothing of how the stories are made, only their text up to the word in question.


def subject(before):
    """Who the last sentence is about at its end: a name, a role, "he" or "she"."""
    sentence = re.sub("^(He|She|I)\\b", lambda he: he[0].lower(), re.split(r"[.!:] ", before)[-1])
    after = either(("(?<=[Tt]he )", "(?<=[Aa] )", "(?<=[Aa]n )", "(?<=ly )"))
    return re.findall(rf"\b(?:he|she|i|{either(NAMES)}|{after}{either(ROLES)})\b", sentence)[-1]


def people(before):
    """Everybody introduced so far: name -> (adjective or "", role or "")."""
    adjective, role = either(ADJECTIVES), either(ROLES)
    known = {}
    for name, adj, kind in re.findall(
        rf"({either(NAMES)}|I|He|She) (?:is|was|am) (?:very )?(?:an? )?({adjective})?\b ?({role})?\b", before
    ):
        if kind or name in NAMES:
            known[name] = (adj, kind)
    for adj, kind, name in re.findall(rf"an? (?:({adjective}) )?({role}) (?:called|named) ({either(NAMES)})", before):
        known[name] = (adj, kind)
    return known


def meant(before):
    """The name, adjective and role of whoever the last sentence is about."""
    who, known = subject(before), people(before)
    if who in ROLES:
        named = [name for name, (_, role) in known.items() if role == who]
        return (named[0] if named else "", "", who)
    if who.capitalize() in known:
        return (who.capitalize(), *known[who.capitalize()])
    if who in ("he", "she"):
        fitting = [name for name in known if (name in FEMALE_NAMES) == (who == "she")]
        assert len(fitting) == 1, f"{who!r} could be any of {fitting} in {before!r}"
        who = fitting[0]
    return (who, *known.get(who, ("", "")))


def solve(mechanism, before):
    """The one word that can follow."""
    return globals()[f"solve_{mechanism}"](before)


def solve_thing(before):
    return thing_of(meant(before)[2])


def solve_manner(before):
    generic = re.search(rf"The ({either(ADJECTIVES)}) {either(ROLES)}( moves)?$", before)
    if generic:
        return ADVERB_OF_ADJECTIVE[generic[1]] if generic[2] else "moves"
    generic = re.search(rf"The {either(ROLES)} is ({either(ADJECTIVES)})\. (?:He|She)( moves)?$", before)
    if generic:
        return ADVERB_OF_ADJECTIVE[generic[1]] if generic[2] else "moves"
    name, adjective, _ = meant(before)
    adjective = adjective or people(before)[name][0]
    if re.search(r"(?:s|moved)$", before) and not re.search(rf"\b{either(NAMES)}$", before):
        return ADVERB_OF_ADJECTIVE[adjective]
    return "moved" if f"{name} was " in before else "moves"


def solve_who(before):
    who = subject(before)
    if who in ROLES and who not in ORDINARY_MALE + ORDINARY_FEMALE:
        who = meant(before)[0]
    return "my" if who == "i" else "her" if who in FEMALE_WORDS else "his"


def solve_name(before):
    return meant(before)[0]


def solve_far(before):
    if before.endswith("belongs to"):
        return "her" if re.findall(either(NAMES), before)[-1] in FEMALE_NAMES else "him"
    return "her" if re.findall(r"girl|boy|daughter|son\b", before)[-1] in FEMALE_WORDS else "him"


def solve_day(before):
    day = either(DAYS)
    if chain := re.fullmatch(rf"(?:{day}, )*({day}),", before):
        return day_after(chain[1])
    if beside := re.search(rf"(after|before) ({day}) (?:is|comes)$", before, re.IGNORECASE):
        return day_after(beside[2], 1 if beside[1].lower() == "after" else -1)
    if two := re.search(rf"today is ({day}), the day after tomorrow is$", before):
        return day_after(two[1], 2)
    if next_day := re.search(rf"today is ({day}), the day after is$", before):
        return day_after(next_day[1])
    place = {"yesterday": -1, "today": 0, "tomorrow": 1}
    told, given = re.findall(rf"(yesterday|today|tomorrow) (?:is|was) ({day})", before, re.IGNORECASE)[-1]
    asked = re.findall("yesterday|today|tomorrow", before.lower())[-1]
    return day_after(given, place[asked] - place[told.lower()])


def solve_verse(before):
    verse = before[before.index("Humpty") :]
    assert VERSE.startswith(verse)
    return re.match(r"\w+", VERSE[len(verse) :].strip())[0]


@pytest.fixture(scope="module")
def taught():
    return some_stories(0, 6000)


@pytest.fixture(scope="module")
def kept_away():
    return some_stories(0, 3000, held_out=True)


def test_the_same_seed_tells_the_same_stories_and_another_seed_tells_others(taught):
    assert some_stories(0, 50) == taught[:50]
    assert some_stories(1, 50) != taught[:50]


def test_the_first_stories_of_seed_zero_never_change_between_machines(taught):
    import hashlib

    told = "\n".join(story.text for story in taught[:1000])
    assert hashlib.sha256(told.encode()).hexdigest()[:16] == "64a23b0738c825bf"


def test_every_determined_word_follows_from_what_stands_before_it(taught, kept_away):
    seen = set()
    for story in taught + kept_away:
        for slot in story.slots:
            before, word = story.text[: slot.start], story.text[slot.start + 1 : slot.end]
            assert story.text[slot.start] == " "
            assert solve(slot.mechanism, before) == word, f"{slot.mechanism}: {before!r} -> {word!r}"
            seen.add(slot.mechanism)
    assert seen == {"thing", "manner", "who", "name", "far", "day", "verse"}


def test_no_story_to_train_on_holds_a_held_out_combination_and_every_probe_does(taught, kept_away):
    assert not any(map(is_held_out, set().union(*(story.combinations for story in taught))))
    assert all(any(map(is_held_out, story.combinations)) for story in kept_away)
    assert not {story.text for story in taught} & {story.text for story in kept_away}


def test_held_out_names_and_roles_never_stand_side_by_side_in_training(taught):
    pairs = {
        (name, role) for story in taught for name, (_, role) in people(story.text).items() if role and name in NAMES
    }
    kept = {("role", *pair) for pair in pairs if is_held_out(("role", *pair))}
    assert not kept
    assert len(pairs) > 1000


def test_the_best_known_prompts_are_never_taught(taught):
    assert ("role", "Anna", "Jedi") in ALWAYS_HELD_OUT
    told = "\n".join(story.text for story in taught)
    for never in ("Anna is a Jedi", "Mike is quick", "The student picked up"):
        assert never not in told


def test_every_answer_is_one_token_with_its_space_and_every_name_with_and_without(taught, kept_away):
    tokenizer = train_tokenizer(story.text for story in taught)
    assert tokenizer.get_vocab_size() == SIZE
    answers = {story.text[slot.start : slot.end] for story in taught + kept_away for slot in story.slots}
    answers |= {" " + word for word in (*NAMES, *ROLES, *THING_OF_ROLE.values(), *ADVERB_OF_ADJECTIVE.values(), *DAYS)}
    for word in answers | set(NAMES) | set(DAYS):
        assert len(tokenizer.encode(word).ids) == 1, word
    for text in ("Zażółć 🦊\n", " two  spaces ", taught[0].text):
        assert tokenizer.decode(tokenizer.encode(text).ids) == text


def test_the_tokenizer_is_the_same_every_time(taught):
    texts = [story.text for story in taught[:500]]
    assert train_tokenizer(texts).to_str() == train_tokenizer(texts).to_str()


def test_marks_become_slots_that_start_at_the_space_before_the_word():
    story = read_marks("He picked up [who:his] [thing:knife].", set())
    assert story.text == "He picked up his knife."
    assert [(story.text[slot.start : slot.end], slot.mechanism) for slot in story.slots] == [
        (" his", "who"),
        (" knife", "thing"),
    ]

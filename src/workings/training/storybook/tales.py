"""Stories about people: what they carry, how they move, what they lose, find and give away."""

from __future__ import annotations

from random import Random

from workings.training.storybook.cast import (
    Cast,
    Person,
    combinations_of,
    invent_cast,
    speak_of,
    stands_alone,
    start,
)
from workings.training.storybook.story import Combination, mark
from workings.training.storybook.words import (
    HOMES,
    PLACES,
    SCENERY,
    TIMES,
    TREASURES,
    deed_of,
)

HANDLING = (
    *(
        "picked up",
        "picked up",
        "picked up",
        "picked up",
        "picks up",
        "took",
        "held",
        "lost",
        "found",
        "cleaned",
    ),
    *("forgot", "dropped", "looked for", "asked for", "put down"),
)
USING = ("picked up", "took", "held", "found")  # with the thing in hand, something can be done
PACES = ("walks", "talks", "speaks", "sings", "works", "smiles", "runs", "dances")
TAILS = ("", "", "", "", " again", " and smiled", " and went home")
HIDING = (
    "under the table",
    "behind the door",
    "in the grass",
    "under the bed",
    "in the snow",
    "behind a tree",
)
TOGETHER = (
    "built a little boat",
    "sang old songs all night",
    "danced in the rain",
    "baked a big cake",
    "found a small dragon",
    "counted the stars",
    "told each other stories",
    "drank tea and laughed",
)
ENDINGS = ("", "", "", "", " The end.", " Everyone was glad.", " It was a good day.")


def tell_of_people(rng: Random) -> tuple[str, set[Combination]]:
    """A story about one to three people: who they are, then what they do."""
    cast = invent_cast(rng, rng.choices((1, 2, 3), (27, 55, 18))[0])
    return _Telling(rng, cast).whole(), combinations_of(cast)


def tell_briefly(rng: Random) -> tuple[str, set[Combination]]:
    """Two or three people, and at once what some of them do: who is meant is all there is to understand."""
    cast = invent_cast(rng, rng.choices((1, 2, 3), (25, 60, 15))[0])
    return _Telling(rng, cast).brief(), combinations_of(cast)


class _Telling:
    """One story being told: it remembers what has been said, so as not to say it twice."""

    def __init__(self, rng: Random, cast: Cast):
        self.rng, self.cast = rng, cast
        self.scenery = rng.sample(SCENERY, len(SCENERY))
        self.handling = list(dict.fromkeys(rng.sample(HANDLING, len(HANDLING))))

    def whole(self) -> str:
        rng, cast = self.rng, self.cast
        parts = [self.introduce()]
        if rng.random() < 0.15:
            parts.append(self.scenery.pop())
        tellings = [self.deeds] * 6 + [self.gift]
        if cast[0].role and stands_alone(cast[0], cast):
            tellings += [self.lost, self.journey] * (2 if len(cast) == 1 else 1)
        if len(cast) == 2 and cast[0].role and cast[1].role:
            tellings += [self.friends]
        parts.append(rng.choice(tellings)())
        return " ".join(parts) + rng.choice(ENDINGS)

    def brief(self) -> str:
        rng, cast = self.rng, self.cast
        sentences: list[str] = []
        waiting: list[Person] = []  # those who have yet to do something
        for person in cast:
            sentences.append(f"{person.name} {person.is_} {person.kind}.")
            at_once = stands_alone(person, cast) and rng.random() < 0.4
            if at_once:
                sentences.append(self.first_deed(person))
            if person.role or not at_once:
                waiting.append(person)
        for person in rng.sample(waiting, min(len(waiting), rng.choice((1, 2)))):
            sentences.append(self.brief_deed(person))
        before = rng.choice(("", "", "", "Listen: ", "Listen: ", self.scenery.pop() + " "))
        return before + " ".join(sentences)

    def first_deed(self, person: Person) -> str:
        he, rng = start(person.he), self.rng
        if not person.role:
            return f"{he} {person.moves} {person.adverb}."
        return f"{he} {rng.choice(('went to the', 'came from the', 'lived near the'))} {rng.choice(PLACES)}."

    def brief_deed(self, person: Person) -> str:
        who = speak_of(self.rng, person, self.cast)
        if person.adjective and (not person.role or self.rng.random() < 0.5):
            return f"{start(who)} {person.moves} {person.adverb}."
        if who != person.name and self.rng.random() < 0.45:
            return self.say_name(person, who)
        return f"{start(who)} {self.handle(person)}."

    # Who they are

    def introduce(self) -> str:
        rng, cast, draw = self.rng, self.cast, self.rng.random()
        if len(cast) == 2 and draw < 0.2:
            one, other = cast
            both = rng.choice((" and", ", and"))
            return f"{one.name} {one.is_} {one.kind}{both} {other.name} {other.is_} {other.kind}."
        bare = all(person.role and not person.adjective for person in cast)
        if len(cast) == 2 and bare and draw < 0.3:
            once = rng.choice(("Once upon a time there was", "Once there was", "Long ago there was"))
            return f"{once} {cast[0].kind} called {cast[0].name} and {cast[1].kind} called {cast[1].name}."
        sentences: list[str] = []
        for number, person in enumerate(cast):
            sentences.append(self.present(person, first=number == 0))
            if rng.random() < 0.06:
                sentences.append(self.scenery.pop())
        return " ".join(sentences)

    def present(self, person: Person, first: bool) -> str:
        rng, draw = self.rng, self.rng.random()
        if not person.role:
            return f"{person.name} {person.is_} {rng.choice(('', '', '', '', 'very '))}{person.kind}."
        if first and draw < 0.25 and not person.adjective:
            once = rng.choice(
                (
                    "Once upon a time there was",
                    "Once upon a time, there was",
                    "Once there was",
                    "Long ago there was",
                )
            )
            return f"{once} {person.kind} {rng.choice(('called', 'called', 'named'))} {person.name}."
        return f"{person.name} {person.is_} {person.kind}."

    # What they do

    def deeds(self) -> str:
        """One to three sentences in which somebody of the cast does something."""
        rng = self.rng
        sentences: list[str] = []
        for person in rng.choices(self.cast, k=rng.choice((1, 2, 2, 3))):
            sentences.append(self.deed(person))
            if rng.random() < 0.08:
                sentences.append(self.scenery.pop())
        return " ".join(sentences)

    def deed(self, person: Person) -> str:
        rng = self.rng
        who = speak_of(rng, person, self.cast)
        if person.adjective and (not person.role or rng.random() < 0.5):
            if rng.random() < 0.1:
                return f"{rng.choice(TIMES)} {who} {self.handle(person, tail=True)}."
            return self.move(person, who)
        draw = rng.random()
        if draw < 0.1:
            road = rng.choice(("went to the", "walked to the", "came from the"))
            return f"{start(who)} {road} {rng.choice(PLACES)} and {self.handle(person)}."
        if draw < 0.42 and who != person.name:
            return self.say_name(person, who)
        if draw < 0.5 and len(self.cast) > 1:
            other = rng.choice([other for other in self.cast if other != person])
            also = speak_of(rng, other, self.cast)
            return f"{start(who)} {self.handle(person)} and {also} {self.handle(other)}."
        if draw < 0.6:
            return f"{rng.choice(TIMES)}{rng.choice((',', ''))} {who} {self.handle(person, tail=True)}."
        return f"{start(who)} {self.handle(person, tail=True)}."

    def handle(self, person: Person, tail: bool = False) -> str:
        """Such as "picked up her lightsaber and saved the village"; no verb comes twice in a story."""
        verb = self.handling.pop()
        end = self.tail(person, verb in USING) if tail and verb != "picks up" else ""
        return f"{verb} {person.his} {person.thing}{end}"

    def tail(self, person: Person, useful: bool) -> str:
        return f" and {deed_of(person.role or '')}" if useful and self.rng.random() < 0.5 else self.rng.choice(TAILS)

    def move(self, person: Person, who: str) -> str:
        rng, draw = self.rng, self.rng.random()
        pace = rng.choice(PACES)
        if not person.past and draw < 0.2:
            when = rng.choice(("In the evening", "At night", "Every day", "In the rain", "That is why"))
            return f"{when} {who} {rng.choice((pace, 'moves'))} {person.adverb}."
        if not person.past and draw < 0.35:
            return f"{start(who)} {person.moves} {person.adverb} and {pace} {person.adverb}."
        where = rng.choice(("", "", "", f" through the {rng.choice(PLACES)}", " in the rain", " all day"))
        return f"{start(who)} {person.moves} {person.adverb}{where}."

    def say_name(self, person: Person, who: str) -> str:
        if self.rng.random() < 0.5:
            return f"{start(who)} {person.is_} called {mark('name', person.name)}."
        return f"{start(who)} said that {person.his} name was {mark('name', person.name)}."

    # Little adventures

    def gift(self) -> str:
        """Somebody gives something away, and it belongs to whoever got it."""
        rng, giver, taker = self.rng, self.cast[0], self.cast[-1]
        when, treasure = rng.choice(TIMES), rng.choice(TREASURES)
        if giver == taker:
            happened = f"{giver.name} found {rng.choice(('an old', 'a small', 'a big'))} {treasure}"
        else:
            happened = f"{giver.name} gave the {treasure} to {taker.name}"
        return f"{when} {happened}. Now the {treasure} belongs to {taker.him}."

    def home(self) -> str:
        hero = self.cast[0]
        return f"{start(hero.he)} lived {self.rng.choice(HOMES)}. " if self.rng.random() < 0.6 else ""

    def lost(self) -> str:
        """Something is lost and found again."""
        rng, hero = self.rng, self.cast[0]
        he = start(hero.he)
        first, second = rng.sample(HIDING, 2)
        search = f"{he} looked {first}, but it was not there. Then {hero.he} looked {second}, and there it was!"
        found = f"{he} picked up {hero.his} {hero.thing}{self.tail(hero, True)}."
        return f"{self.home()}{rng.choice(TIMES[:4])} {hero.he} lost {hero.his} {hero.thing}. {search} {found}"

    def journey(self) -> str:
        """Somebody sets out, sees something, does something and perhaps comes home."""
        rng, hero = self.rng, self.cast[0]
        he = start(hero.he)
        when, place = rng.choice(TIMES[:4]), rng.choice(PLACES)
        went = f"{when} {hero.he} took {hero.his} {hero.thing} and went to the {place}."
        did = rng.choice((deed_of(hero.role or ""), "fell asleep", "danced in the rain", "came home"))
        if rng.random() < 0.5:
            return f"{self.home()}{went} {self.scenery.pop()} {he} {did}."
        return f"{self.home()}{went} {self.scenery.pop()} {he} put down {hero.his} {hero.thing} and {did}."

    def friends(self) -> str:
        """Two friends go somewhere and do something together."""
        rng, (one, other) = self.rng, self.cast
        went = f"{rng.choice(TIMES[:4])} they met at the {rng.choice(PLACES)}."
        carried = f"{one.name} took {one.his} {one.thing} and {other.name} took {other.his} {other.thing}."
        return f"They were good friends. {went} {carried} Together they {rng.choice(TOGETHER)}."

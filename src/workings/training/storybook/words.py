"""The words of the storybook language: who there is, what they carry, how they move, where and when."""

MALE_NAMES = tuple(
    "Mike Damian Tom Ben Jack Paul Peter John David Leo Max Adam Oscar Felix Simon Daniel Henry Luke Bob "
    "James George Harry Tim Frank Mark".split()
)
FEMALE_NAMES = tuple(
    "Anna Mary Emma Lucy Alice Sarah Julia Clara Nina Eva Ella Rosa Laura Maria Sophie Helen Jane Kate Lily "
    "Ruth Grace Amy Zoe Mia Linda".split()
)

THING_OF_ROLE = {
    "Jedi": "lightsaber",
    "chef": "knife",
    "painter": "brush",
    "knight": "sword",
    "wizard": "wand",
    "writer": "pen",
    "gardener": "spade",
    "carpenter": "hammer",
    "doctor": "bag",
    "photographer": "camera",
    "musician": "guitar",
    "drummer": "drum",
    "farmer": "bucket",
    "singer": "microphone",
    "tailor": "needle",
    "astronaut": "helmet",
    "captain": "compass",
    "detective": "torch",
    "archer": "bow",
    "scientist": "microscope",
    "cleaner": "broom",
    "baker": "spoon",
    "plumber": "wrench",
    "clown": "balloon",
    "climber": "rope",
    "miner": "lamp",
    "shepherd": "stick",
    "librarian": "book",
    "explorer": "map",
    "pirate": "parrot",
    "diver": "mask",
    "referee": "whistle",
}
DEED_OF_ROLE = {
    "Jedi": "saved the village",
    "chef": "cooked a big soup",
    "painter": "painted the moon",
    "knight": "saved the king",
    "wizard": "made it snow",
    "writer": "wrote a story",
    "gardener": "planted a tree",
    "carpenter": "built a table",
    "doctor": "helped everyone",
    "photographer": "waited for the moon",
    "musician": "played an old song",
    "drummer": "played all night",
    "farmer": "fed the horses",
    "singer": "sang an old song",
    "tailor": "made a coat",
    "astronaut": "flew to the moon",
    "captain": "sailed over the sea",
    "detective": "found the ring",
    "archer": "saved the king",
    "scientist": "counted the stars",
    "cleaner": "cleaned the castle",
    "baker": "baked a big cake",
    "plumber": "saved the kitchen",
    "clown": "made the king laugh",
    "climber": "climbed the hill",
    "miner": "found gold",
    "shepherd": "found the cat",
    "librarian": "read a story",
    "explorer": "found a dragon",
    "pirate": "sailed over the sea",
    "diver": "found a chest of gold",
    "referee": "ended the game",
}
SPECIAL_ROLES = tuple(THING_OF_ROLE)
ORDINARY_ROLES = tuple("student teacher neighbour child friend driver visitor stranger tourist nurse".split())
ORDINARY_MALE = ("boy", "man", "father")
ORDINARY_FEMALE = ("girl", "woman", "mother")
PHONE = "phone"  # what everybody carries who carries nothing special

ADVERB_OF_ADJECTIVE = {
    adjective: adjective + "ly"
    for adjective in "quick slow quiet loud brave kind proud calm careful clever polite bold wise graceful "
    "cheerful patient sad".split()
} | {"happy": "happily"}
ADJECTIVES = tuple(ADVERB_OF_ADJECTIVE)

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

PLACES = tuple(
    "market forest river garden castle kitchen school beach library station bridge hill village harbour park".split()
)
HOMES = (
    "in a little house by the sea",
    "in an old mill near the river",
    "in a tiny room above the market",
    "in a tall tower on the hill",
    "in a boat in the harbour",
    "in a small village behind the forest",
)
SCENERY = (
    "It was raining.",
    "The sun was shining.",
    "It was cold and windy.",
    "Snow was falling.",
    "The stars were out.",
    "A dog was barking.",
    "The bells were ringing.",
    "A cat was sleeping in the sun.",
    "The moon was very big.",
    "There was music in the air.",
)
TIMES = (
    "One morning",
    "One day",
    "One night",
    "In the evening",
    "After lunch",
    "Last summer",
    "Then",
    "Later",
)
TREASURES = tuple("orb ring house castle clock boat piano mirror crown chest garden lantern sword painting".split())


def thing_of(role: str) -> str:
    """The thing that somebody with this role carries: a Jedi a lightsaber, a student a phone."""
    return THING_OF_ROLE.get(role, PHONE)


def deed_of(role: str) -> str:
    """What somebody with this role likes to do with that thing."""
    return DEED_OF_ROLE.get(role, "called a friend")


def day_after(day: str, steps: int = 1) -> str:
    """The day so many steps after this one (before it, where steps is negative)."""
    return DAYS[(DAYS.index(day) + steps) % 7]


def with_article(words: str) -> str:
    """The words with "a" or "an" before them."""
    return ("an " if words[0] in "aeiou" else "a ") + words

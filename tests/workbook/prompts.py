"""Texts that are easy to split wrongly."""

from __future__ import annotations

import random

WORDS = (
    *(
        "Mike",
        " is",
        " quick",
        ".",
        " He",
        "funology",
        " reinjury",
        "reinjury",
        " lightsaber",
        "HELLO",
        " World",
        "iPhone",
    ),
    *(
        "'s",
        "'t",
        "'re",
        "'ve",
        "'m",
        "'ll",
        "'d",
        "'S",
        "'LL",
        "'Re",
        "'x",
        "'",
        "''",
        " '",
        " 's",
        "'lll",
        "'v",
        "'r",
        "!'s",
    ),
    *("1", "42", " 2024", "3.14", "0x1F", "10th", "½", "Ⅻ", "٣", "²"),
    *(" ", "  ", "   ", "\n", "\n\n", "\t", " \n", "\n ", "\u00a0", "\u3000", "\u2028", "\u200b", "\ufeff"),
    *(
        "é",
        "É",
        "e\u0301",
        "naïve",
        " café",
        "ß",
        "ẞ",
        "ǅ",
        "İ",
        "ı",
        "K",
        "Å",
        "Ω",
        "日本語",
        " 한국",
        "مرحبا",
        "हिन्दी",
        "ไทย",
    ),
    *("🙂", " 🙂", "👩\u200d👩\u200d👧", "🇩🇪", "👍🏽", "𝒳", "𝟘", "𐍈", "☃️", "\U0010ffff"[:0]),
    *(
        "!",
        "?!",
        "...",
        "—",
        "“",
        "”",
        "’s",
        "$5",
        "a*b",
        "~",
        "?",
        "*",
        "x_y",
        "#",
        "=1+1",
        "+",
        "-",
        "@a",
        "|",
        "\\x20",
        "<|",
        "|>",
    ),
)
"""No carriage returns, which sheets turn into line feeds, and nothing with both tab and line feed, which LibreOffice mixes up."""


def varied(count: int, seed: int = 0) -> list[str]:
    """Give prompts made of those words at random, the same each time."""
    chance = random.Random(seed)
    prompts = ("".join(chance.choices(WORDS, k=chance.randint(1, 9))) for _ in range(2 * count))
    return [prompt for prompt in prompts if prompt and not ("\t" in prompt and "\n" in prompt)][:count]

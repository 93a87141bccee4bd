"""Measure storybook: `python -m workings.training.storybook.probes FOLDER`; below a bar it fails.

All stories here hold a combination that training never showed: the numbers tell understanding from memory.
Only the rhyme is meant to be known by heart.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from random import Random

import torch
from tokenizers import Tokenizer
from transformers import GPT2LMHeadModel

from workings.training.storybook.cast import Cast, Person, combinations_of, invent_cast
from workings.training.storybook.language import some_stories
from workings.training.storybook.sayings import VERSE
from workings.training.storybook.story import is_held_out

PROBE_SEED = 1_000_003
SLOT_BAR, HEAD_BAR = 0.99, 0.95

WILL = "and he had written in his will that all his belongings, along with the orb, will belong to"
# What people will type first, each with the only word that fits.
FIRST_PROMPTS = {
    "Mike is a chef. Anna is a Jedi. She picked up her": " lightsaber",
    "Mike is a chef. Anna is a Jedi. He picked up his": " knife",
    "Anna is a Jedi. Mike is a chef. She picked up her": " lightsaber",
    "Anna is a Jedi. Mary is a chef. Anna picked up her": " lightsaber",
    "Anna is a Jedi. Mary is a chef. Mary picked up her": " knife",
    "Anna is a Jedi. She picked up her": " lightsaber",
    "Mike is a chef. He picked up his": " knife",
    "Mike is quick. He": " moves",
    "Mike is quick. He moves": " quickly",
    "Anna is quiet. Mike is quick. She moves": " quietly",
    "If today is Tuesday, tomorrow is": " Wednesday",
    "If today is Sunday, tomorrow is": " Monday",
    "If today is Monday, yesterday was": " Sunday",
    "If yesterday was Monday, today is": " Tuesday",
    "The student picked up his": " phone",
    "The student picked up her": " phone",
    "The Jedi picked up her": " lightsaber",
    "The chef picked up her": " knife",
    f"Damian had a secret child, a girl, {WILL}": " her",
    f"Damian had a secret child, a boy, {WILL}": " him",
    "Humpty Dumpty sat on a": " wall",
}


@dataclass(frozen=True)
class Result:
    """One line of the table: how many were right, and the share that must be (none: only told)."""

    name: str
    right: int
    total: int
    bar: float | None

    @property
    def missed(self) -> bool:
        return self.bar is not None and self.right < self.bar * self.total


class Storybook:
    """The trained model with its tokenizer, asked only for what the probes need."""

    def __init__(self, folder: Path):
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.model = GPT2LMHeadModel.from_pretrained(folder, attn_implementation="eager").eval()

    @torch.no_grad()
    def likeliest(self, texts: list[str]) -> list[list[int]]:
        """For every token of every text, the likeliest next one."""
        rows = [encoding.ids for encoding in self.tokenizer.encode_batch(texts)]
        order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
        answers: list[list[int]] = [[] for _ in rows]
        for begin in range(0, len(rows), 64):
            some = order[begin : begin + 64]
            best = self.model(_filled([rows[i] for i in some])).logits.argmax(-1)  # [row, pos]
            for i, line in zip(some, best.tolist(), strict=True):
                answers[i] = line[: len(rows[i])]
        return answers

    def next_word(self, prompt: str) -> str:
        return self.tokenizer.decode([self.likeliest([prompt])[0][-1]])

    @torch.no_grad()
    def attention_from_last(self, text: str) -> torch.Tensor:
        """How much the last token looks at each token: [layer, head, key pos]."""
        ids = torch.tensor([self.tokenizer.encode(text).ids])
        layers = self.model(ids, output_attentions=True).attentions
        return torch.stack([layer[0, :, -1, :] for layer in layers])

    def go_on(self, prompt: str, most: int = 80) -> str:
        """The prompt and what the model adds to it, always the likeliest token, until it ends the text."""
        ids = self.tokenizer.encode(prompt).ids
        made = self.model.generate(
            torch.tensor([ids]), max_new_tokens=min(most, 128 - len(ids)), do_sample=False, pad_token_id=0
        )
        return self.tokenizer.decode(made[0].tolist())


def _filled(rows: list[list[int]]) -> torch.Tensor:
    longest = max(map(len, rows))
    return torch.tensor([row + [0] * (longest - len(row)) for row in rows])  # [row, pos]


def measure_slots(book: Storybook, count: int) -> list[Result]:
    """At every determined word of held-out stories: is it the likeliest one?"""
    stories = some_stories(PROBE_SEED, count, held_out=True)
    right: dict[str, int] = defaultdict(int)
    total: dict[str, int] = defaultdict(int)
    for story, best in zip(stories, book.likeliest([story.text for story in stories]), strict=True):
        encoding = book.tokenizer.encode(story.text)
        position = {span: i for i, span in enumerate(encoding.offsets)}
        for slot in story.slots:
            at = position.get((slot.start, slot.end))
            total[slot.mechanism] += 1
            right[slot.mechanism] += at is not None and best[at - 1] == encoding.ids[at]
    each = [Result(f"held-out {name}", right[name], total[name], None) for name in sorted(total)]
    return [*each, Result("held-out, all together", sum(right.values()), sum(total.values()), SLOT_BAR)]


def measure_verse(book: Storybook) -> list[Result]:
    """The rhyme from every one of its words onwards, each word in turn and all at once."""
    ids, best = book.tokenizer.encode(VERSE).ids, book.likeliest([VERSE])[0]
    first = len(book.tokenizer.encode("Humpty").ids)
    words = sum(best[i - 1] == ids[i] for i in range(first, len(ids)))
    whole = int(book.go_on("Humpty").startswith(VERSE))
    return [
        Result("rhyme, token by token", words, len(ids) - first, 1.0),
        Result('rhyme, whole, from "Humpty"', whole, 1, 1.0),
    ]


def measure_first_prompts(book: Storybook) -> list[Result]:
    """The prompts that people will try first."""
    right = 0
    for prompt, answer in FIRST_PROMPTS.items():
        given = book.next_word(prompt)
        right += given == answer
        if given != answer:
            print(f"wrong: {prompt!r} gives {given!r}, not {answer!r}")
    return [Result("first prompts", right, len(FIRST_PROMPTS), 1.0)]


def held_out_pairs(count: int) -> list[Cast]:
    """A woman and a man, in either order, in a combination that training never showed."""
    rng = Random(PROBE_SEED)
    pairs: list[Cast] = []
    while len(pairs) < count:
        cast = invent_cast(rng, 2)
        if cast[0].female != cast[1].female and any(map(is_held_out, combinations_of(cast))):
            pairs.append(cast)
    return pairs


def measure_heads(book: Storybook, count: int) -> list[Result]:
    """Is there one head whose largest weight falls on the right person, wherever they stand?"""
    rng = Random(PROBE_SEED)
    meant = [(cast, rng.choice(cast)) for cast in held_out_pairs(count)]
    with_role = [(cast, person) for cast, person in meant if person.role]
    return [
        *_best_head(
            book,
            "he/she looks at name or kind",
            [(_told(c), p, [p.name, _kind(p)]) for c, p in meant],
            True,
            HEAD_BAR,
        ),
        *_best_head(book, "he/she looks at the name", [(_told(c), p, [p.name]) for c, p in meant], True, None),
        *_best_head(
            book,
            "his/her looks at the role",
            [(_told(c), p, [_kind(p)]) for c, p in with_role],
            False,
            HEAD_BAR,
        ),
    ]


def _told(cast: Cast) -> str:
    return " ".join(f"{person.name} {person.is_} {person.kind}." for person in cast)


def _kind(person: Person) -> str:
    return person.role or person.adjective or ""


def _best_head(
    book: Storybook,
    what: str,
    cases: list[tuple[str, Person, list[str]]],
    at_pronoun: bool,
    bar: float | None,
) -> list[Result]:
    """Choose the head on every second case and measure it on the others."""
    hits = []
    for text, person, words in cases:
        he = person.he.capitalize()
        text += f" {he}" if at_pronoun else f" {he} picked up {'her' if person.female else 'his'}"
        tokens = [token.removeprefix("Ġ") for token in book.tokenizer.encode(text).tokens]
        wanted = torch.tensor([token in words for token in tokens])
        largest = book.attention_from_last(text).argmax(-1)  # [layer, head]
        hits.append(wanted[largest])
    right = torch.stack(hits).int()  # [case, layer, head]
    chosen = int(right[0::2].sum(0).argmax())
    layer, head = divmod(chosen, right.shape[2])
    measured = right[1::2, layer, head]
    return [Result(f"{what} (block {layer}, head {head})", int(measured.sum()), len(measured), bar)]


def measure_all(book: Storybook, stories: int = 4000, pairs: int = 600) -> list[Result]:
    """Every line of the table."""
    return [
        *measure_slots(book, stories),
        *measure_verse(book),
        *measure_first_prompts(book),
        *measure_heads(book, pairs),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure storybook.")
    parser.add_argument("folder", type=Path)
    book = Storybook(parser.parse_args().folder)
    results = measure_all(book)
    print(f"{'what':58} {'right':>6} {'of':>6} {'share':>8} {'must be':>8}")
    for result in results:
        bar = "" if result.bar is None else f"{result.bar:8.0%}"
        print(f"{result.name:58} {result.right:6} {result.total:6} {result.right / result.total:8.2%} {bar}")
    missed = [result.name for result in results if result.missed]
    for prompt in ("Mike is", "Once", "Anna is a Jedi.", "The", "If today is"):
        print(f"\n{book.go_on(prompt)}")
    if missed:
        sys.exit("missed: " + ", ".join(missed))


if __name__ == "__main__":
    main()

"""The tokenizer of storybook: byte-level byte-pair encoding, trained on the language itself."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from workings.training.storybook.sayings import VERSE
from workings.training.storybook.story import END_OF_TEXT
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
    SPECIAL_ROLES,
    THING_OF_ROLE,
    TREASURES,
)

SIZE = 1024
GLOSSARY_TIMES = 2000  # so often that none of its words is left in pieces
SENTENCE_STARTS = tuple("If The He She I Once Today Tomorrow Yesterday Then Humpty".split())
LONGEST = 128  # tokens: the positions of the model


def train_tokenizer(texts: Iterable[str]) -> Tokenizer:
    """A byte-level BPE tokenizer of 1,024 tokens: the end of a text, 256 bytes, 767 merges."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    trainer = trainers.BpeTrainer(
        vocab_size=SIZE,
        special_tokens=[END_OF_TEXT],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator([*texts, *[glossary()] * GLOSSARY_TIMES], trainer)
    return tokenizer


def glossary() -> str:
    """Every word that a prompt may ask for or ask about, each of which should become one token."""
    names = MALE_NAMES + FEMALE_NAMES
    roles = SPECIAL_ROLES + ORDINARY_ROLES + ORDINARY_MALE + ORDINARY_FEMALE
    words = [
        *names,
        *roles,
        *THING_OF_ROLE.values(),
        PHONE,
        *ADJECTIVES,
        *ADVERB_OF_ADJECTIVE.values(),
        *DAYS,
    ]
    words += [
        *TREASURES,
        *"he she his her him my moves moved today tomorrow yesterday son daughter phone".split(),
    ]
    words += re.findall(r"\w+", VERSE)
    return "\n".join([*names, *DAYS, *SENTENCE_STARTS]) + " " + " ".join(words)


def save_tokenizer(tokenizer: Tokenizer, folder: Path) -> None:
    """Write `tokenizer.json`, and beside it the `tokenizer_config.json` for AutoTokenizer."""
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": END_OF_TEXT,
        "eos_token": END_OF_TEXT,
        "unk_token": END_OF_TEXT,
        "model_max_length": LONGEST,
        "clean_up_tokenization_spaces": False,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")

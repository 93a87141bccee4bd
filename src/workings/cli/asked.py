"""What a person asked for: a prompt, an address, a command that asks again."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workings.cli.streams import complain
from workings.display.words import SPELLING, spellings, visible
from workings.errors import InputError, OutsideTable

if TYPE_CHECKING:
    from workings.anatomy.choice import Choice
    from workings.checkpoints.model import Model
    from workings.engine.trace import Trace
    from workings.surgery.edit_list import EditList

DEFAULT_MODEL = "storybook"
DEFAULT_PROMPT = "If today is Tuesday, tomorrow is"
CHEF_AND_JEDI = "Mike is a chef. Anna is a Jedi. She picked up her"
CHEF_AND_JEDI_HIM = "Mike is a chef. Anna is a Jedi. He picked up his"
LONGEST_PROMPT_AGAIN = 300

_WHOLE = re.compile(r"[+\-−]?\d+")


@dataclass(frozen=True)
class Asked:
    """What is to be read: a text, and a file with edits that are in force meanwhile."""

    text: str
    edits: EditList | None = None
    path: str = ""
    own_text: bool = True
    """Whether the text was typed; else it is the one that was saved with the edits."""

    def again(self) -> list[str]:
        """The options that ask for the same once more."""
        words = ["--edits", self.path] if self.edits else []
        return words + (
            [] if self.text == DEFAULT_PROMPT or not self.own_text else ["--prompt", _prompt_again(self.text)]
        )


def asked(prompt: str | None, edits: str | None) -> Asked:
    """The prompt that was typed, else the one that was saved with the edits, else the usual one."""
    if edits is None:
        return Asked(DEFAULT_PROMPT if prompt is None else prompt)
    from workings.surgery.edit_list import load_edits

    saved = load_edits(edits)
    return Asked(saved.prompt if prompt is None else prompt, saved, edits, prompt is not None)


def open_trace(model: Model, prompt: Asked, dtype: str = "float32") -> Trace:
    """Read the prompt with the model; where it has no tokenizer, the prompt is token ids: "464 2068 7586"."""
    saved = prompt.edits
    if saved and (doubt := saved.doubt(model.name)):
        complain(doubt)
    if saved and saved.ids is not None and not prompt.own_text:
        return saved.apply(model.trace(list(saved.ids), dtype))
    return open_beside(model, prompt, prompt.text, dtype)


def open_beside(model: Model, prompt: Asked, text: str, dtype: str = "float32") -> Trace:
    """Read another text as a prompt is read: with its edits in force."""
    trace = model.trace(text if model.tokenizer else ids_in(text, model), dtype=dtype)
    return prompt.edits.apply(trace) if prompt.edits else trace


def keep_edits(trace: Trace, model: Model, path: str) -> None:
    """Save a trace's edits, and say how to use them. Raises `InputError` where they cannot be written."""
    from workings.surgery.edit_list import EditList

    EditList.of(trace, model.name).save(path)
    complain(f"saved to {path}: `--edits {path}` puts it in force again, in the lab and in Python too")


def ids_in(prompt: str, model: Model) -> list[int]:
    """Token ids, written with spaces or commas between them."""
    parts = prompt.replace(",", " ").split()
    if not parts or not all(_WHOLE.fullmatch(part) for part in parts):
        raise InputError(
            f'{model.name} has no tokenizer: give token ids as the prompt, such as "3 1 2"; {prompt!r} came'
        )
    return [int(part) for part in parts]


@dataclass(frozen=True)
class Score:
    """Which score the slopes are of: a token's (the likeliest unless given), perhaps less another's, after a position."""

    token: str | None = None
    against: str | None = None
    position: int | None = None

    @property
    def given(self) -> bool:
        """Whether anything was said of it."""
        return self != Score()

    def choose(self, model: Model, trace: Trace) -> Choice:
        """The score in numbers. Raises `InputError` and `OutsideTable`."""
        from workings.anatomy.choice import choose

        token, against = (None if text is None else find_token(model, text) for text in (self.token, self.against))
        return choose(trace, token, against, -1 if self.position is None else self.position)


def asks_for_slope(words: Sequence[str]) -> bool:
    """Whether an address is that of a slope, which only a trace of slopes has."""
    from workings.anatomy.gradients import is_slope
    from workings.language.addresses import split_address

    return is_slope(split_address(words)[0])


def explain_again(address: str, model: str, prompt: Asked, dtype: str = "float32", *options: str) -> list[str]:
    """The words of another `explain` for the same prompt in the same model; `options` are for slopes alone."""
    words = ["explain", address, *prompt.again(), *(options if asks_for_slope([address]) else ())]
    words += model_again(model)
    return words + ([] if dtype == "float32" else ["--dtype", dtype])


def attention_again(model: str, prompt: Asked, *options: str) -> list[str]:
    """The words of another `attention` for the same prompt in the same model."""
    words = ["attention", *(word for word in prompt.again() if word != "--prompt"), *options]
    return words + model_again(model)


def model_again(model: str) -> list[str]:
    """The option that asks for the same model; none for the usual one."""
    return [] if model == DEFAULT_MODEL else ["--model", model]


def lens_again(model: str, prompt: Asked, *options: str) -> list[str]:
    """The words of another `lens` for the same prompt in the same model."""
    return ["lens", *attention_again(model, prompt, *options)[1:]]


def attribution_again(model: str, prompt: Asked, *options: str) -> list[str]:
    """The words of another `attribution` for the same prompt in the same model."""
    return ["attribution", *attention_again(model, prompt, *options)[1:]]


def gradient_again(model: str, prompt: Asked, *options: str) -> list[str]:
    """The words of another `gradient` for the same prompt in the same model."""
    return ["gradient", *attention_again(model, prompt, *options)[1:]]


def choice_again(model: Model, trace: Trace, choice: Choice) -> list[str]:
    """The options that ask for the score of the same tokens at the same position again."""
    options = []
    for option, token in (("--token", choice.token), ("--against", choice.against)):
        if token is not None:
            options += [option, token_again(model, trace, token)]
    return options + ([] if choice.position == len(trace) - 1 else ["--position", str(choice.position)])


def token_again(model: Model, trace: Trace, token: int) -> str:
    """What asks for the same token again: its word where that means this very token, else its number."""
    spelling = trace.spell(token).strip() if model.tokenizer else ""
    again = find_token(model, spelling) == token if spelling and spelling.isalpha() else False
    return spelling if again else str(token)


def _prompt_again(prompt: str) -> str:
    # One that would fill the screen is only mentioned.
    return prompt if len(prompt) <= LONGEST_PROMPT_AGAIN else "... the same prompt ..."


def find_cell(trace: Trace, model: Model, name: str, parts: Sequence[str]) -> tuple[str, tuple[int, ...]]:
    """The table and the index that were asked for; a token may stand for its place in the vocabulary.

    Raises `UnknownTable`, `OutsideTable` and `InputError`.
    """
    from workings.language.tables import axis_labels

    table = trace.table(name)
    assert table.name is not None
    labels, shape = axis_labels(table.axes), table.shape(len(trace))
    if len(parts) != len(shape):
        sizes = ", ".join(f"{label} (0 to {size - 1})" for label, size in zip(labels, shape, strict=True))
        example = ", ".join(str(min(1, size - 1)) for size in shape)
        came = f"{len(parts)} came" if parts else "none came"
        raise OutsideTable(
            f"{table.name} holds {' × '.join(map(str, shape))} numbers; to name one, give {_count(len(shape))}: {sizes}; {came}. "
            f'For instance "{table.name}[{example}]"'
        )
    return table.name, tuple(_index(part, label, model) for part, label in zip(parts, labels, strict=True))


def find_token(model: Model, text: str) -> int:
    """The id of a token that was asked for by its text, or by its number: digits are always a number.

    Says so on standard error where they are a token's text, too. Raises `InputError` where the vocabulary has no such token.
    """
    if model.tokenizer and not _WHOLE.fullmatch(text):
        return _word(text, model)
    if _WHOLE.fullmatch(text) and 0 <= int(text.replace("−", "-")) < model.config.d_vocab:
        _note_number(model, text)
        return int(text)
    raise InputError(f"a token is given as its id, 0 to {model.config.d_vocab - 1}, or its text; {text!r} came")


def _note_number(model: Model, digits: str) -> None:
    """Say which token digits were taken for, where they are the text of another one."""
    known = model.tokenizer.token_id if model.tokenizer else lambda text: None
    word = next((text for text in spellings(digits) if known(text) not in (None, int(digits))), None)
    if model.tokenizer and word is not None:
        taken = model.tokenizer.token_strings([int(digits)])[0]
        complain(
            f"{digits} is taken as a token's id, that of “{visible(taken)}”; for the word “{visible(word)}” give '\"{word}\"'"
        )


def _word(part: str, model: Model) -> int:
    assert model.tokenizer is not None
    for spelling in spellings(part):
        if (token_id := model.tokenizer.token_id(spelling)) is not None:
            return token_id
    word = part.strip("\"'“”")
    raise InputError(
        f"{word!r} is not one token of {model.name}; `workings tokens {word!r}` shows how it is cut ({SPELLING}, "
        "which a shell wants in quotes once more: '\"a\"')"
    )


def _count(axes: int) -> str:
    return "its place" if axes == 1 else f"{axes} places"


def _index(part: str, label: str, model: Model) -> int:
    if _WHOLE.fullmatch(part):
        return int(part.replace("−", "-"))
    if label == "d_vocab" and part and model.tokenizer:
        return _word(part, model)
    raise InputError(f"a place is a whole number, and negative ones count from the end; {part!r} came for {label!r}")

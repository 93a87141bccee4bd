"""What is asked about: the logit of a token at a position, or the difference of the logits of two tokens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from workings.display.words import spoken
from workings.engine.checks import is_whole, position_in
from workings.engine.no_numbers import numbers_at
from workings.engine.trace import Trace
from workings.errors import InputError

Token = str | int


@dataclass(frozen=True)
class Choice:
    """A token's id at a position (counted from the front), perhaps against another token's."""

    position: int
    token: int
    against: int | None = None

    def said(self, trace: Trace, written: Callable[[str], str] = spoken) -> str:
        """Which score it is, in words: the score of “phone” after “his” (position 4); `written` says how to write a token asked about."""
        less = "" if self.against is None else f" less that of {written(trace.spell(self.against))}"
        after = f"after {spoken(trace.tokens[self.position])} (position {self.position})"
        return f"the score of {written(trace.spell(self.token))}{less} {after}"


def choose(trace: Trace, token: Token | None, against: Token | None, position: int) -> Choice:
    """The choice that a person made, checked; without a token, the likeliest at the position.

    Raises `InputError` for a token that is not exactly one of the vocabulary, for one against itself and, without one, for scores that are
    no numbers, as an edit may make them; `OutsideTable` for a position outside.
    """
    position, likeliest = position_in(position, len(trace)), token is None
    if token is None:
        token = int(numbers_at(trace, "logits", position).argmax())
    found = Choice(position, token_id(trace, token), None if against is None else token_id(trace, against))
    if found.token == found.against:
        why = ", which is the likeliest and so is asked about" if likeliest else ""
        raise InputError(
            f"the token and the one against it are both {trace.spell(found.token)!r}{why}; give two tokens"
        )
    return found


def token_id(trace: Trace, token: Token) -> int:
    """The id of a token given as its text, or as its id.

    Raises `InputError` where the text is not one token, or the id not one of the vocabulary.
    """
    d_vocab = trace.shape("logits")[-1]
    if isinstance(token, str):
        return trace.token_id(token)
    if not is_whole(token) or not 0 <= token < d_vocab:
        raise InputError(f"token {token!r} is not in the vocabulary, which has the ids 0 to {d_vocab - 1}")
    return int(token)

"""Direct logit attribution: which parts of the model wrote a token's score into the residual stream, and how much each.

The logit is followed backwards through everything that only adds and weighs up, to the parts that write: embeddings,
heads, neurons, biases. Sources: Elhage et al. 2021, A Mathematical Framework for Transformer Circuits; nostalgebraist
2020, interpreting GPT: the logit lens; the names are TransformerLens's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from workings.anatomy.choice import Choice, Token, choose
from workings.anatomy.walking_back import Part, Walk
from workings.display import parts as display
from workings.display.words import number, visible
from workings.engine.trace import Trace
from workings.errors import UnknownPart

if TYPE_CHECKING:
    from workings.display.plots import Picture

Array = np.ndarray

MEANING = (
    "What each part wrote towards the token, seen through the final norm as it stands; it all adds up to the score. "
    "This is not what would happen without the part: later parts would then do something else."
)
N_OPENED = 6


@dataclass(frozen=True)
class Attribution:
    """A logit (or the difference of two) as a sum: `parts` add up to `total`, up to the rounding of the trace's type.

    `tokens` are the prompt's; `asked` says in words which score it is.
    """

    choice: Choice
    total: float
    parts: tuple[Part, ...] = field(repr=False)
    tokens: tuple[str, ...] = ()
    asked: str = ""

    def sorted(self) -> tuple[Part, ...]:
        """The parts, those that add most first and those that take away most last."""
        return tuple(sorted(self.parts, key=lambda part: -part.value))

    def __getitem__(self, name: str) -> Part:
        """The part of this name, wherever it is nested. Raises `UnknownPart`, a `KeyError`."""
        todo = list(self.parts)
        for part in todo:
            if part.name == name:
                return part
            todo.extend(part.parts)
        raise UnknownPart(f"no part is named {name}; the outermost are {', '.join(part.name for part in self.parts)}")

    def label(self, part: Part) -> str:
        """A part's name; of a source position its token too."""
        if " <- " not in part.name:
            return part.name
        return f"{part.name} {visible(self.tokens[int(part.address.index[-1])])}"

    def largest(self, parts: Sequence[Part], most: int = 24) -> tuple[list[str], list[float]]:
        """Labels and values of the `most` largest of some parts, what adds most first; then all others as one."""
        shown = sorted(parts, key=lambda part: -abs(part.value))[:most]
        shown.sort(key=lambda part: -part.value)
        labels, values = [self.label(part) for part in shown], [part.value for part in shown]
        if len(parts) > len(shown):
            labels.append(f"{len(parts) - len(shown)} others")
            values.append(sum(part.value for part in parts) - sum(values))
        return labels, values

    def _repr_html_(self) -> str:
        opened = sorted((part for part in self.parts if part.parts), key=lambda part: -abs(part.value))[:N_OPENED]
        inside = (
            display.folded(f"{part.name}, {number(part.value)}", display.signed_bars(*self.largest(part.parts, 12)))
            for part in opened
        )
        return display.fragment(
            display.waterfall(*self.largest(self.parts), self.total),
            display.heading("The largest parts, each by what it is made of in turn") if opened else "",
            *inside,
            title=f"Where {self.asked} comes from",
            said=MEANING,
        )

    def plot(self) -> Picture:
        """The sum as a matplotlib figure, each part beginning where the last one ended. Raises `MissingExtra`."""
        from workings.display.plots import waterfall_plot

        return waterfall_plot(*self.largest(self.parts), self.total, f"Where {self.asked} comes from", "logit")

    def to_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        c = self.choice
        asked = {"position": c.position, "token": c.token, "against": c.against}
        return {**asked, "total": self.total, "parts": [_as_dict(part) for part in self.parts]}


def _as_dict(part: Part) -> dict[str, Any]:
    own = {"name": part.name, "address": str(part.address), "value": part.value}
    return {**own, "parts": [_as_dict(inner) for inner in part.parts]} if part.parts else own


def attribution(
    trace: Trace,
    token: Token | None = None,
    against: Token | None = None,
    position: int = -1,
    features: bool = True,
) -> Attribution:
    """Take a token's logit at a position apart into what each part of the model added to it.

    `token` (text or id; the likeliest unless given) is asked about; with `against`, the difference of the two logits.
    The parts are the token's embedding, its position's, every head (by source position in turn), every MLP (by neuron
    in turn), and every bias. Where the model reads on through a sparse autoencoder, nothing before it is a part, but its
    features, its bias, and what they miss (`blocks.2.resid_post.sae.error`) as one; unless `features` is false: then the
    autoencoder is passed by, and what edits inside it have changed is one part.

    What it means: the final norm's scale, one number a position, and the attention patterns are taken as they are; then
    the logit is exactly the sum of what each part wrote, weighed by the rest of the way to the logit.

    What it does not mean: that the logit would fall by a part's value without the part. Its going would change the
    norm's scale, and what later heads and MLPs make of the stream; knocking it out shows that. A part that matters only
    through later ones has a value near 0 here. And one logit alone says little, since shares come from differences:
    what is added to all tokens alike shows here and changes nothing. The difference of two tokens is free of that.

    Source: Elhage et al. 2021, A Mathematical Framework for Transformer Circuits.

    Raises `InputError` for a token that the vocabulary does not have or that is given against itself, `OutsideTable` for a position outside the prompt.
    """
    choice = choose(trace, token, against, position)
    logits = trace.rows("logits", choice.position, choice.position + 1)[0]
    total = float(logits[choice.token])
    weights = np.zeros(len(logits))
    weights[choice.token] = 1
    if choice.against is not None:
        total -= float(logits[choice.against])
        weights[choice.against] -= 1
    parts = tuple(Walk(trace, choice.position, features).parts(trace.table("logits"), weights))
    return Attribution(choice, total, parts, tuple(trace.tokens), choice.said(trace))


__all__ = ["MEANING", "Attribution", "Part", "attribution"]

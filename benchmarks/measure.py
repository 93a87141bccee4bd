"""Take turns and compare: the noise of a shared machine then falls on both sides alike."""

from dataclasses import dataclass, field
from statistics import median

import numpy as np
from workers import Unavailable


@dataclass
class Measured:
    """What one library did: one number for each repeat (seconds, or bytes of memory), and its answers."""

    label: str
    values: list = field(default_factory=list)
    answers: list = field(default_factory=list)
    problem: str = ""

    @property
    def median(self):
        return median(self.values)

    @property
    def smallest(self):
        return min(self.values)


@dataclass
class Comparison:
    """One line of the results: ours beside a peer's."""

    work: str
    length: int
    ours: Measured
    peer: Measured
    target: float | None = None

    @property
    def complete(self):
        return bool(self.ours.values and self.peer.values)

    @property
    def ratio(self):
        """How many times less we took, by medians."""
        return self.peer.median / self.ours.median

    @property
    def ratio_of_smallest(self):
        return self.peer.smallest / self.ours.smallest

    @property
    def met(self):
        return self.complete and self.target is not None and self.ratio >= self.target

    @property
    def agreement(self):
        """Whether both worked out the same, in words."""
        if not self.complete:
            return ""
        return difference(zip(self.ours.answers, self.peer.answers, strict=True))


def difference(pairs):
    """The largest difference between answers, or for generated ids at which token they part; in words."""
    largest = None
    for ours, theirs in pairs:
        for name in ours.keys() & theirs.keys():
            apart = np.abs(ours[name] - theirs[name])
            if name == "ids" and apart.any():
                return f"ids differ from token {np.flatnonzero(apart)[0] + 1}"
            largest = max(largest or 0.0, float(apart.max()))
    return "" if largest is None else f"{largest:.0e}" if largest else "equal"


def interleave(contestants, inputs):
    """Give every contestant, {label: turn}, a turn with every input, and return {label: Measured}.

    Every second round goes backwards, so that nobody always comes after the same neighbour. A contestant that
    fails is left out from then on.
    """
    measured = {label: Measured(label) for label in contestants}
    for number, given in enumerate(inputs):
        order = list(contestants)
        for label in order if number % 2 == 0 else reversed(order):
            result = measured[label]
            if result.problem:
                continue
            try:
                value, answer = contestants[label](given)
            except Unavailable as problem:
                result.problem, result.values, result.answers = str(problem), [], []
                continue
            result.values.append(value)
            result.answers.append(answer)
    return measured


def random_ids(length, repeat, vocabulary=50257):
    """A new prompt for every repeat, so that nothing remembered from the last one helps."""
    return [int(number) for number in np.random.default_rng([length, repeat]).integers(0, vocabulary, length)]

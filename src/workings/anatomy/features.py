"""Looking at the features of a sparse autoencoder: where each fires, how often, what it speaks for, and finding the one for an idea.

Sources: Bricken et al. 2023, Towards Monosemanticity (examples by strength, density, logit weights); Templeton et al. 2024,
Scaling Monosemanticity (finding a feature by prompts that have an idea and prompts that have not).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from workings.checkpoints.model import Model, Prompt
from workings.checkpoints.sparse_autoencoder import SparseAutoencoder
from workings.engine.checks import position_in, prompts_in, whole
from workings.engine.trace import Trace
from workings.errors import InputError

Array = np.ndarray
MOST_EXAMPLES = 1000
"""Of one feature; the strongest of all features are kept at once."""


@dataclass(frozen=True)
class Example:
    """A prompt in which a feature fires: its token ids, how strongly the feature fires at each, and where most."""

    ids: tuple[int, ...]
    acts: Array  # [pos]
    position: int

    @property
    def peak(self) -> float:
        """How strongly it fires at its strongest position."""
        return float(self.acts[self.position])

    def window(self, before: int = 12, after: int = 3) -> Example:
        """The part around the strongest position."""
        first = max(self.position - before, 0)
        cut = slice(first, self.position + after + 1)
        return Example(self.ids[cut], self.acts[cut], self.position - first)


class FeatureExamples:
    """Where the features of a sparse autoencoder fire in some prompts. Made by `feature_examples`.

    `density` [d_sae] is the share of tokens for which each fires, `largest` [d_sae] how strongly at most.
    """

    def __init__(self, model: Model, sae: SparseAutoencoder, n_examples: int) -> None:
        d_sae = sae.config.d_sae
        self.model, self.sae = model, sae
        self.n_tokens = 0
        self.prompts: list[Array] = []
        self._fired = np.zeros(d_sae, np.int64)
        self._peaks = np.zeros((n_examples, d_sae), np.float32)  # strongest first; 0 where there is none
        self._where = np.full((n_examples, d_sae), -1)  # the prompt's number

    @property
    def density(self) -> Array:
        """The share of tokens for which each feature fires [d_sae]."""
        return self._fired / max(self.n_tokens, 1)

    @property
    def largest(self) -> Array:
        """How strongly each feature fires at most [d_sae]."""
        return self._peaks[0]

    def add(self, trace: Trace) -> None:
        """Take one more prompt in."""
        acts = self.sae.read(trace)  # [pos, d_sae]
        self.n_tokens += len(trace)
        self._fired += (acts > 0).sum(axis=0)
        peaks = acts.max(axis=0)
        if (peaks > self._peaks[-1]).any():
            stacked = np.concatenate([self._peaks, peaks[None]])
            order = np.argsort(-stacked, axis=0, kind="stable")[:-1]
            where = np.concatenate([self._where, np.full((1, len(peaks)), len(self.prompts))])
            self._peaks, self._where = (np.take_along_axis(both, order, axis=0) for both in (stacked, where))
            self.prompts.append(trace.ids)

    def of(self, number: int) -> list[Example]:
        """The prompts in which a feature fires most strongly, strongest first. Raises `OutsideTable`."""
        return self._gather([self.sae.feature(number).number])[number]

    def all(self) -> dict[int, list[Example]]:
        """The same for every feature, each prompt read once."""
        return self._gather(range(self.sae.config.d_sae))

    def _gather(self, numbers: Sequence[int]) -> dict[int, list[Example]]:
        wanted = np.asarray(numbers)
        ranked: dict[int, list[tuple[int, Example]]] = {int(number): [] for number in numbers}
        where = np.where(self._peaks[:, wanted] > 0, self._where[:, wanted], -1)
        for prompt in np.unique(where[where >= 0]):
            ids = self.prompts[prompt]
            acts = self.sae.read(self.model.trace(ids))
            for rank, place in np.argwhere(where == prompt):
                number = int(wanted[place])
                own = acts[:, number].copy()
                example = Example(tuple(int(i) for i in ids), own, int(own.argmax()))
                ranked[number].append((int(rank), example))
        return {number: [example for _, example in sorted(each, key=lambda e: e[0])] for number, each in ranked.items()}


def feature_examples(
    model: Model, sae: SparseAutoencoder, prompts: Iterable[Prompt], n_examples: int = 10
) -> FeatureExamples:
    """Read prompts and note where each feature fires most strongly, each prompt at most once a feature, and how often.

    What it means: these tokens address the feature most. What it does not mean: that the feature stands for what the
    examples seem to have in common. Weaker firing may look quite different, and what the model does with it only an edit shows.
    Raises `InputError` where there is no prompt, for a single text in place of a list, and where the autoencoder does not fit the model.
    """
    examples = FeatureExamples(model, sae, whole("n_examples", n_examples, 1, MOST_EXAMPLES))
    model.check_sae(sae)
    for prompt in prompts_in(prompts):
        examples.add(model.trace(prompt))
    if not examples.n_tokens:
        raise InputError("there are no prompts to look for features in; give at least one")
    return examples


# What a feature speaks for --------------------------------------------------------------------------------------------


def logit_weights(model: Model, sae: SparseAutoencoder, number: int) -> Array:
    """What one unit of a feature adds to every token's logit by the direct way [d_vocab], the mean over all tokens taken off.

    The decoder row (of `attn.z`, what the heads' W_O writes of it) goes the way that the final norm and the unembedding
    go: its mean over all columns is taken off where the norm does so (a LayerNorm does), it is multiplied by the norm's
    stretch and by the unembedding. What is left out: the norm's division, one number a position, so that only the order
    and the proportions mean something; biases, which no feature changes; and what later blocks make of it, which may be
    otherwise. This is the direct way alone. Source: Bricken et al. 2023, "logit weights".

    Raises `InputError` for features of a table that is not as wide as the residual stream, `OutsideTable` for a number that there is none of.
    """
    weights = model.weights
    row = _written(model, sae, sae.feature(number).vector.astype(np.float64))
    unembedding = weights["W_U"] if "W_U" in weights else weights["W_E"].T  # [d_model, d_vocab]
    if row.shape != unembedding.shape[:1]:
        raise InputError(
            f"features of {sae.config.table} have {len(row)} numbers; only those of the residual stream, "
            f"{len(unembedding)} wide, speak for tokens directly"
        )
    scores = _through_norm(model, row) @ unembedding  # [d_vocab]
    return scores - scores.mean()


def _through_norm(model: Model, row: Array) -> Array:
    """What the final norm makes of a row that is added to the stream, but for its division; the row itself where there is no norm."""
    if "ln_final.mean" in model.graph.named:
        row = row - row.mean()
    return row * model.weights["ln_final.w"][0] if "ln_final.w" in model.weights else row


def _written(model: Model, sae: SparseAutoencoder, row: Array) -> Array:
    """What a row adds to the residual stream: itself, or what W_O makes of it where it is what heads found."""
    before, _, last = sae.config.table.rpartition(".")
    return row @ model.weights[f"{before}.W_O"] if last == "z" else row  # [d_model]


# Finding a feature ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Candidate:
    """How well a feature tells prompts that have an idea from prompts that have not."""

    number: int
    auc: float
    """How often it fires more strongly for one with the idea than for one without (ties count half): 1 is always, 0.5 is chance."""
    mean: float
    """How strongly it fires with the idea, on average."""
    mean_without: float
    fires: float
    """The share of prompts with the idea for which it fires at all."""
    fires_without: float

    def to_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        return dict(vars(self))


def find_features(
    model: Model,
    sae: SparseAutoencoder,
    present: Sequence[Prompt],
    absent: Sequence[Prompt],
    position: int = -1,
) -> list[Candidate]:
    """Search the features that tell prompts that have an idea from prompts that have not, by how they fire at `position`.

    All features that fire for any of `present` are judged and given, best first: by `auc`, and among equals by how much more strongly
    they fire (`auc` is how often one fires more strongly for a prompt with the idea than for one without). So the last of them
    tell nothing of the idea (0.5 is chance) or fire more strongly without it (below 0.5).

    What it means: which features tell these prompts apart. What it does not mean: that a feature stands for the idea on other
    texts; and whatever else the two lists differ in, its features are found too. Source: Templeton et al. 2024, Scaling
    Monosemanticity. Raises `InputError` for an empty list, and for a text in place of one; `OutsideTable` for a position outside a prompt.
    """
    present, absent = prompts_in(present, "present"), prompts_in(absent, "absent")
    if not present or not absent:
        raise InputError(
            f"finding a feature takes prompts with the idea and prompts without; {len(present)} and {len(absent)} came"
        )
    model.check_sae(sae)
    have, have_not = (np.stack([_at(model, sae, p, position) for p in each]) for each in (present, absent))
    numbers = np.flatnonzero(have.max(axis=0) > 0)
    found = [_candidate(int(number), have[:, number], have_not[:, number]) for number in numbers]
    return sorted(found, key=lambda c: (-c.auc, -(c.mean - c.mean_without)))


def _at(model: Model, sae: SparseAutoencoder, prompt: Prompt, position: int) -> Array:
    trace = model.trace(prompt)
    at = position_in(position, len(trace))
    return sae.read(trace, at, at + 1)[0]


def _candidate(number: int, have: Array, have_not: Array) -> Candidate:
    more, same = have[:, None] > have_not, have[:, None] == have_not
    return Candidate(
        number,
        auc=float((more + 0.5 * same).mean()),
        mean=float(have.mean()),
        mean_without=float(have_not.mean()),
        fires=float((have > 0).mean()),
        fires_without=float((have_not > 0).mean()),
    )

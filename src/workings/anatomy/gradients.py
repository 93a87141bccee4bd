"""How a token's score would move: the gradient of a logit, or of the difference of two, beside all other tables of a prompt."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import partial

import numpy as np

from workings.anatomy.choice import Choice, Token, choose
from workings.checkpoints.model import Model, Prompt
from workings.engine.checks import whole
from workings.engine.lookup import plain_name
from workings.engine.trace import Trace
from workings.errors import InputError
from workings.language.names import name
from workings.language.primitives import given, positions, rows_of
from workings.language.tables import ONE, Axis, Graph, axis_labels
from workings.readings.explain import Address
from workings.readings.gradient import draw_gradient, gradient_name, passed_name

CHOSEN_POSITION, CHOSEN_TOKEN = "choice.position", "choice.token"
CHOSEN_LOGITS = "choice.logits"
MEANING = (
    "A slope says how the score answers a small change: if this number were one larger, and the score moved in a straight line, "
    "it would rise by so much. It does not say what a large change would do, nor how much the number matters as it is."
)


def trace_gradient(
    model: Model,
    prompt: Prompt | Trace,
    token: Token | None = None,
    against: Token | None = None,
    position: int = -1,
    dtype: str = "float32",
) -> Trace:
    """A trace that also has `gradient.{name}` for every table on which a token's logit depends.

    `token` (text or id, the likeliest unless given) is asked about at `position`; with `against` it is the difference of the two
    logits. What is chosen are two weights, `choice.position` [n_ctx, 1] and `choice.token` [1, d_vocab]: edit them, and the
    gradients follow.

    Of a trace the edits stay in force, and the slopes are those of the edited model: none passes through a number that is set by
    hand to the tables before it, and through a scaled one the scaled slope does. `gradient.{name}` of the edited table is the
    slope of its numbers as they are now. Edit first: the tables before one that is set or scaled in the trace that comes
    out here go by its formula still, as if that number were not set, and are not the edited model's slopes.

    What it means: the slope of the score at this very prompt, so what a small change of a number does. What it does not mean:
    what a large one would do, nor how much the number matters (where softmax is saturated the slope is near 0, whatever it
    holds). Source: Simonyan et al. 2013, Deep Inside Convolutional Networks, section 3, for pixels in place of tables.

    Raises `InputError` as `model.as_trace` does and for a token that the vocabulary does not have, `OutsideTable` for a position outside the prompt.
    """
    plain = model.as_trace(prompt, dtype)
    choice = choose(plain, token, against, position)
    draw = partial(_draw, edited={edit.name for edit in plain.edits})
    trace = model.trace_of(plain.evaluation_in(model.program_with(draw, weights=_weights(model, choice))))
    for edit in plain.edits:
        if edit.kind != "add" and passed_name(edit.name) in trace:
            trace = trace.edit(passed_name(edit.name), edit.index, scale=0.0 if edit.kind == "value" else edit.amount)
    return trace


def _draw(graph: Graph, edited: Collection[str]) -> None:
    logits = graph.named["logits"]
    n_ctx = Axis("n_ctx", graph.weights["W_pos"].axes[0].size)
    where = given(graph, CHOSEN_POSITION, (n_ctx, ONE))
    what = given(graph, CHOSEN_TOKEN, (ONE, logits.axes[-1]))
    seed = rows_of(where, positions(graph.weights["ids"])) * what  # [pos, d_vocab]
    draw_gradient(graph, "logits", name(CHOSEN_LOGITS, seed), edited=edited)


def _weights(model: Model, choice: Choice) -> dict[str, np.ndarray]:
    where = np.zeros((model.config.n_ctx, 1), np.float32)
    where[choice.position] = 1
    what = np.zeros((1, model.config.d_vocab), np.float32)
    what[0, choice.token] = 1
    if choice.against is not None:
        what[0, choice.against] -= 1
    return {CHOSEN_POSITION: where, CHOSEN_TOKEN: what}


# Read off such a trace ------------------------------------------------------------------------------------------------


def is_slope(table: str) -> bool:
    """Whether a table is one that only `trace_gradient` draws: a gradient, or the choice that it follows from."""
    return table.startswith("gradient.") or table in (CHOSEN_POSITION, CHOSEN_TOKEN, CHOSEN_LOGITS)


@dataclass(frozen=True)
class Slope:
    """A number, where it stands, and how far the score would rise for each unit that it is raised."""

    address: Address
    number: float
    slope: float


def steepest_slopes(trace: Trace, table: str = "mlp.post", n: int = 10) -> list[Slope]:
    """The `n` numbers with the largest slopes, up or down, the steepest first; those with slope 0 are left out.

    `trace` comes from `trace_gradient`. `table` is a table's name, or its end (`mlp.post` for those of all blocks). Shares of
    attention that are masked are left out. Raises `UnknownTable`, `InputError` for a table on which the score does not depend, or `n` below 1.
    """
    n = whole("n, how many numbers to give,", n, 1)
    found = [slope for name in sloped_tables(trace, table) for slope in _steepest(trace, name, n)]
    return sorted(found, key=lambda one: -abs(one.slope))[:n]


def sloped_tables(trace: Trace, table: str) -> list[str]:
    """The tables of this name, or with this ending, on which the score depends. Raises as `steepest_slopes` does."""
    if not isinstance(table, str):
        trace.table(table)  # which says so
    plain = plain_name(table).removeprefix("gradient.")
    names = [name for name in trace.names() if name == plain or name.endswith("." + plain)]
    if found := [name for name in names if gradient_name(name) in trace]:
        return found
    if not names and plain not in trace:
        trace.table(plain)
    raise InputError(
        f"the score does not depend on {plain}, or it is a weight: there are slopes of the tables before the logits"
    )


def stream_slopes(trace: Trace) -> tuple[list[str], np.ndarray]:
    """How strongly the score hangs on the residual stream before every block at every position: names, numbers [block, pos].

    `trace` comes from `trace_gradient`. A number is the length (Euclidean norm) of the slopes of that row times the length of the
    row itself, by 100: how far the score would move if the stream there took a step of a hundredth of its own length in
    the direction that moves it most, and the score moved in a straight line. So blocks can be compared, though the stream grows.

    What it does not mean: that the score would fall by so much without what stands there, or that the model uses that
    direction for anything; patching and knocking out tell. Source: Simonyan et al. 2013, section 3, for the size of a gradient as a map.
    """
    names = [name for name in trace.names() if name.endswith(".resid_pre") and gradient_name(name) in trace]
    lengths = [
        np.linalg.norm(trace[gradient_name(name)], axis=1) * np.linalg.norm(trace[name], axis=1) for name in names
    ]
    return names, np.array(lengths) / 100


def _steepest(trace: Trace, table: str, n: int) -> list[Slope]:
    slopes, numbers = trace[gradient_name(table)], trace[table]
    steep = np.abs(np.nan_to_num(slopes))
    if axis_labels(trace.table(table).axes)[-2:] == ["query pos", "key pos"]:
        steep = np.tril(steep)
    best = np.argpartition(-steep, min(n, steep.size) - 1, axis=None)[:n]
    cells = [tuple(map(int, np.unravel_index(place, steep.shape))) for place in best if steep.flat[place]]
    return [Slope(Address(table, cell), float(numbers[cell]), float(slopes[cell])) for cell in cells]

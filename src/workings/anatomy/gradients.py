"""How a token's score would move: the gradient of a logit, or of the difference of two, beside all other tables of a prompt."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from workings.anatomy.choice import Choice, Token, choose
from workings.checkpoints.model import Model, Prompt
from workings.engine.checks import whole
from workings.engine.edits import Edit
from workings.engine.lookup import plain_name
from workings.engine.program import Program
from workings.engine.trace import Trace
from workings.errors import InputError
from workings.language.names import name
from workings.language.primitives import given, positions, rows_of
from workings.language.tables import ONE, Axis, Graph, axis_labels
from workings.readings.explain import Address
from workings.readings.gradient import draw_gradient, drawn_for, gradient_name

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

    Edits stay in force, those of a trace that came and those that are made in the one that comes out, and the slopes are those of the edited
    model: none passes through a number that is set by hand to the tables before it, and through a scaled one the scaled slope
    does. `gradient.{name}` of the edited table is the slope of its numbers as they are now. Edits of gradients themselves stay, too;
    those of the choice give way to what is asked about here.

    What it means: the slope of the score at this very prompt, so what a small change of a number does. What it does not mean:
    what a large one would do, nor how much the number matters (where softmax is saturated the slope is near 0, whatever it
    holds). Source: Simonyan et al. 2013, Deep Inside Convolutional Networks, section 3, for pixels in place of tables.

    Raises `InputError` as `model.as_trace` does and for a token that the vocabulary does not have or that is given against itself, `OutsideTable` for a position outside the prompt.
    """
    plain = model.as_trace(prompt, dtype)
    choice = choose(plain, token, against, position)
    chosen = _weights(model, choice, plain.dtype)
    program = _program(model, drawn_for(model.graph, plain.edits))
    return model.trace_of(plain.evaluation_in(program, chosen, without=(*chosen, CHOSEN_LOGITS)))


def _program(model: Model, edited: frozenset[str]) -> Program:
    """The model with the gradients of whatever is chosen, where these tables are edited."""
    draw, redraw = partial(_draw, edited=edited), partial(_redrawn, model, edited)
    return model.program_kept(("gradients", edited), draw, redraw=redraw, asked_at=CHOSEN_POSITION)


def _redrawn(model: Model, edited: frozenset[str], edits: Sequence[Edit]) -> Program | None:
    """The program for these edits; None where it is the one for `edited`."""
    now = drawn_for(model.graph, edits)
    return None if now == edited else _program(model, now)


def _draw(graph: Graph, edited: Collection[str]) -> None:
    logits = graph.named["logits"]
    n_ctx = Axis("n_ctx", graph.weights["W_pos"].axes[0].size)
    where = given(graph, CHOSEN_POSITION, (n_ctx, ONE))
    what = given(graph, CHOSEN_TOKEN, (ONE, logits.axes[-1]))
    seed = rows_of(where, positions(graph.weights["ids"])) * what  # [pos, d_vocab]
    draw_gradient(graph, "logits", name(CHOSEN_LOGITS, seed), edited=edited)


def _weights(model: Model, choice: Choice, dtype: np.dtype) -> dict[str, np.ndarray]:
    where = np.zeros((model.config.n_ctx, 1), dtype)
    where[choice.position] = 1
    what = np.zeros((1, model.config.d_vocab), dtype)
    what[0, choice.token] = 1
    if choice.against is not None:
        what[0, choice.against] -= 1
    return {CHOSEN_POSITION: where, CHOSEN_TOKEN: what}


# Read off such a trace ------------------------------------------------------------------------------------------------


def has_slopes(trace: Trace) -> bool:
    """Whether a trace comes from `trace_gradient`."""
    return CHOSEN_LOGITS in trace


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

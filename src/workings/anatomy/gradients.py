"""How a token's score would move: the gradient of a logit, or of the difference of two, beside all other tables of a prompt."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial

import numpy as np

from workings.anatomy.choice import Choice, Token, choose
from workings.checkpoints.model import Model, Prompt
from workings.engine.trace import Trace
from workings.language.names import name
from workings.language.primitives import given, positions, rows_of
from workings.language.tables import ONE, Axis, Graph
from workings.readings.gradient import draw_gradient, passed_name

CHOSEN_POSITION, CHOSEN_TOKEN = "choice.position", "choice.token"


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
    draw_gradient(graph, "logits", name("choice.logits", seed), edited=edited)


def _weights(model: Model, choice: Choice) -> dict[str, np.ndarray]:
    where = np.zeros((model.config.n_ctx, 1), np.float32)
    where[choice.position] = 1
    what = np.zeros((1, model.config.d_vocab), np.float32)
    what[0, choice.token] = 1
    if choice.against is not None:
        what[0, choice.against] -= 1
    return {CHOSEN_POSITION: where, CHOSEN_TOKEN: what}

"""How a token's score would move: the gradient of a logit, or of the difference of two, beside all other tables of a prompt."""

from __future__ import annotations

import numpy as np

from workings.anatomy.choice import Choice, Token, choose
from workings.checkpoints.model import Model, Prompt
from workings.engine.trace import Trace
from workings.errors import InputError
from workings.language.names import name
from workings.language.primitives import given, positions, rows_of
from workings.language.tables import ONE, Axis, Graph
from workings.readings.gradient import draw_gradient

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

    What it means: the slope of the score at this very prompt, so what a small change of a number does. What it does not mean:
    what a large one would do, nor how much the number matters (where softmax is saturated the slope is near 0, whatever it
    holds). Source: Simonyan et al. 2013, Deep Inside Convolutional Networks, section 3, for pixels in place of tables.

    Raises `InputError` for a token that the vocabulary does not have, `OutsideTable` for a position outside the prompt.
    """
    plain = model.as_trace(prompt, dtype)
    _check_slopes(plain)
    choice = choose(plain, token, against, position)
    program = model.program_with(_draw, weights=_weights(model, choice))
    return model.trace_of(plain.evaluation_in(program))


def _check_slopes(trace: Trace) -> None:
    """That slopes pass through all edits: added numbers leave them as they are, and weights and ids are what they are taken at."""
    for edit in trace.edits:
        if edit.kind != "add" and edit.name not in trace.weight_names():
            done = "set" if edit.kind == "value" else "scaled"
            raise InputError(
                f"{edit.name} is {done} by hand in this trace, and the gradients' formulas do not know of it, so what they say of tables "
                "before it would be wrong; take that edit out, change it by add=, or try the patch itself (patching_sweep)"
            )


def _draw(graph: Graph) -> None:
    logits = graph.named["logits"]
    n_ctx = Axis("n_ctx", graph.weights["W_pos"].axes[0].size)
    where = given(graph, CHOSEN_POSITION, (n_ctx, ONE))
    what = given(graph, CHOSEN_TOKEN, (ONE, logits.axes[-1]))
    seed = rows_of(where, positions(graph.weights["ids"])) * what  # [pos, d_vocab]
    draw_gradient(graph, "logits", name("choice.logits", seed))


def _weights(model: Model, choice: Choice) -> dict[str, np.ndarray]:
    where = np.zeros((model.config.n_ctx, 1), np.float32)
    where[choice.position] = 1
    what = np.zeros((1, model.config.d_vocab), np.float32)
    what[0, choice.token] = 1
    if choice.against is not None:
        what[0, choice.against] -= 1
    return {CHOSEN_POSITION: where, CHOSEN_TOKEN: what}

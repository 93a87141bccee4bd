"""Attribution patching: an estimate of every patch of a sweep at once, from two traces and one gradient.

Sources: Nanda 2023, Attribution Patching: Activation Patching At Industrial Scale; Syed, Rager and Conmy 2023, Attribution
Patching Outperforms Automated Circuit Discovery, section 3; where it misleads: Kramár et al. 2024, AtP*.
"""

from __future__ import annotations

import numpy as np

from workings.anatomy.choice import Token
from workings.anatomy.contrast import PatchingSweep, contrast
from workings.anatomy.gradients import trace_gradient
from workings.anatomy.patching import cells_of, swept
from workings.checkpoints.model import Model, Prompt
from workings.engine.trace import Trace
from workings.readings.gradient import gradient_name


def attribution_patching(
    model: Model,
    clean: Prompt | Trace,
    corrupted: Prompt | Trace,
    answer: Token | None = None,
    against: Token | None = None,
    over: str = "resid_pre",
    position: int = -1,
    direction: str = "denoising",
    dtype: str = "float32",
) -> PatchingSweep:
    """Estimate what every patch of `patching_sweep` would do, by slopes: all cells from two traces and one gradient.

    Takes and gives what `patching_sweep` does. A cell is the sum of (clean - corrupted) * gradient over the numbers that
    it would patch, the gradient being that of the difference of logits in the prompt that is patched. `trace_of` gives
    the true patch, to check a cell with. Edits of traces stay in force, in the slopes too.

    What it means: what the patch would do if everything after it were a straight line. What it does not mean: what
    the patch does, where that is far from so: where attention or an activation is saturated (slope near 0, though a large step would leave the flat part), where
    the patch is a large step (a whole residual stream, early blocks), and through norms, whose scale a large step
    changes. Of heads and MLPs, one by one, it ranks well; of the residual stream it is often wrong. Look at the best
    cells with true patches.

    Source: Nanda 2023, Attribution Patching: Activation Patching At Industrial Scale. Raises as `patching_sweep` does.
    """
    pair = contrast(model, clean, corrupted, answer, against, position, direction, dtype)
    tables, by_head = swept(pair.base, over)
    choice = pair.choice
    slopes = trace_gradient(model, pair.base, choice.token, choice.against, choice.position)
    start, estimates = pair.difference(pair.base), []
    for table in tables:
        step = pair.source[table].astype(np.float64) - pair.base[table]
        moved = step * slopes[gradient_name(table)]  # [pos, d_model] or [head, pos, d_head]
        estimates.append(start + moved.reshape(len(moved), -1).sum(axis=-1))
    cells = cells_of(pair, tables)
    return PatchingSweep(
        over,
        "attribution patching",
        pair,
        tables,
        by_head,
        np.array(estimates),
        lambda block, column: cells[block][column](),
    )


__all__ = ["attribution_patching"]

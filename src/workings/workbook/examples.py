"""What the page "Surgery" begins with: for storybook a difference of means, for other models nothing yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workings.workbook.surgery_page import Vector

if TYPE_CHECKING:
    from workings.checkpoints.model import Model

NAMES = ("Mike", "Tom", "Ben", "Jack", "Paul", "Emma", "Lucy", "Alice", "Clara", "Nina")
BLOCK = 2


def vector_for(model: Model) -> Vector:
    """The vector that stands in the page's row at first."""
    if model.name != "storybook":
        return Vector(
            np.zeros(model.config.d_model, np.float32),
            "Paste a vector of your own here: one number for every dimension of the residual stream. Now it is all zeros.",
        )
    jedi, student = (_mean(model, role) for role in ("Jedi", "student"))
    return Vector(
        jedi - student,
        f'The mean of blocks.{BLOCK}.resid_post at " his" and " her" over {2 * len(NAMES)} sentences such as "Mike is a Jedi. He picked up his", '
        "minus the same with students: a difference of means. You can paste a vector of your own over it.",
        BLOCK,
    )


def _mean(model: Model, role: str) -> np.ndarray:
    rows = []
    for name in NAMES:
        for told in (f"{name} is a {role}. {name} picked up", f"The {role} picked up"):
            for his in ("his", "her"):
                rows.append(model.trace(f"{told} {his}")[f"blocks.{BLOCK}.resid_post"][-1])
    return np.mean(rows, axis=0)

"""What the page "Surgery" begins with: for storybook a difference of means, for other models nothing yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workings.workbook.pages.surgery import Vector

if TYPE_CHECKING:
    from workings.checkpoints.model import Model

MEN, WOMEN = ("Mike", "Tom", "Ben", "Jack", "Paul"), ("Emma", "Lucy", "Alice", "Clara", "Nina")
PEOPLE = dict.fromkeys(MEN, "his") | dict.fromkeys(WOMEN, "her")
BLOCK = 2


def vector_for(model: Model) -> Vector:
    """The vector that stands in the page's row at first."""
    if model.name != "storybook":
        return Vector(
            np.zeros(model.config.d_model, np.float32),
            "Paste a vector of your own here: one number for every dimension of the residual stream. Now it is all zeros.",
        )
    jedi, student = (_sentences(role) for role in ("Jedi", "student"))
    return Vector(
        _mean(model, jedi) - _mean(model, student),
        f"The mean of blocks.{BLOCK}.resid_post at the last token of {len(jedi)} sentences such as "
        f'"{jedi[0]}", minus the mean over the same with students: a difference of means. '
        "You can paste a vector of your own over it.",
        BLOCK,
    )


def _sentences(role: str) -> list[str]:
    told = [f"{name} is a {role}. {name} picked up {his}" for name, his in PEOPLE.items()]
    return [*told, f"The {role} picked up his", f"The {role} picked up her"]


def _mean(model: Model, sentences: list[str]) -> np.ndarray:
    return np.mean([model.trace(text)[f"blocks.{BLOCK}.resid_post"][-1] for text in sentences], axis=0)

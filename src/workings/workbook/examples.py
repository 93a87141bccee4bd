"""What the page "Surgery" begins with: a vector that was added already, else the model's Jedi feature, else nothing yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workings.checkpoints.load_sae import bundled_sae, load_sae
from workings.workbook.operations import Pushed
from workings.workbook.pages.surgery import Vector

if TYPE_CHECKING:
    from workings.checkpoints.model import Model

LABEL = "Jedi"
YOURS = "You can paste a vector of your own over it: one number for every dimension of the residual stream."


def vector_for(model: Model, pushed: Pushed | None = None) -> Vector:
    """The vector that stands in the page's row at first."""
    if pushed is not None:
        about = f"What was added to blocks.{pushed.block}.resid_post; strength 1 is as it was. {YOURS}"
        return Vector(pushed.numbers, about, pushed.block, pushed.first, pushed.last, 1.0)
    if bundled_sae(model.name) is None:
        return Vector(np.zeros(model.config.d_model, np.float32), f"Now it is all zeros. {YOURS}")
    feature = load_sae(model.name).feature(LABEL)
    about = (
        f"Feature {feature.number}, “{feature.label}”, of the model's sparse autoencoder: it fires where a Jedi's lightsaber is to come. "
        f"Strengths are how strongly it fires; what turns “phone” into “lightsaber” is said by `workings steer`. {YOURS}"
    )
    return Vector(feature.vector, about, int(feature.table.split(".")[1]))

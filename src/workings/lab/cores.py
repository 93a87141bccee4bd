"""A core for the browser: the page is drawn on the same machine, and matrix products that share all cores wait for it."""

from __future__ import annotations

import os
from collections.abc import MutableMapping

from workings.engine.threads import n_threads

KNOWN = ("OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS", "OMP_NUM_THREADS")
"""What OpenBLAS, which multiplies matrices for NumPy, reads when it is loaded."""


def leave_a_core(environment: MutableMapping[str, str] = os.environ) -> None:
    """Have matrix products take all cores but one; whoever has said how many keeps their number.

    The threads of a product wait for each other without giving way. Where another program has the core of one of them, all stand
    still for as long as it is kept: on two cores with a half taken by others, an edit took 637 ms instead of 71 (docs/decisions.md).
    Must run before NumPy is imported.
    """
    if not any(name in environment for name in KNOWN):
        environment[KNOWN[0]] = str(max(1, n_threads() - 1))

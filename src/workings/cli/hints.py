"""What people are told to do: messages from below say it in Python, and here it is said in commands."""

from __future__ import annotations

IN_COMMANDS = {
    "trace.names() lists them all": "`workings explain` lists them all",
    (
        "edits.trace(model) takes the one that comes with a model; for another take "
        "edits.trace(model.with_sae(workings.load_sae(FOLDER)))"
    ): "none comes with it. In Python edits.trace(model.with_sae(workings.load_sae(FOLDER))) takes another",
    "sae.features() lists all labels": (
        "`workings sae list` lists all labels, and `workings sae find --with TEXT --without TEXT` finds the features that "
        "stand for an idea"
    ),
    "give scaling_factor=..., 1 if it is worked into the weights already": (
        "in Python workings.load_sae(FOLDER, scaling_factor=...) takes it (1 if it is worked into the weights already), "
        "and save(FOLDER) of what that gives keeps it"
    ),
}
"""What is to be done, in Python and in commands."""


def in_commands(message: str) -> str:
    """A message for somebody who types commands."""
    for python, commands in IN_COMMANDS.items():
        message = message.replace(python, commands)
    return message

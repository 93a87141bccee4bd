"""A training that is not finished, in one file: its numbers as tensors, all else as JSON in the file's metadata."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from workings.checkpoints.files import replace_file
from workings.errors import InputError

if TYPE_CHECKING:
    from workings.training.sae.train import Trainer

FILE = "unfinished.safetensors"
ROWS = "buffer.rows"
ADAM = ("step", "exp_avg", "exp_avg_sq")
"""What Adam remembers of a parameter: how many steps, and the means of its gradients and of their squares."""


def keep(trainer: Trainer, folder: Path) -> None:
    """Write all that is needed to go on; what was there before is replaced when everything is written."""
    folder.mkdir(parents=True, exist_ok=True)
    rows, read = trainer.buffer.state()
    tensors = {f"network.{name}": tensor for name, tensor in trainer.network.state_dict().items()}
    for name, parameter in trainer.network.named_parameters():
        tensors |= {f"adam.{name}.{kind}": trainer.optimizer.state[parameter][kind] for kind in ADAM}
    tensors[ROWS] = torch.from_numpy(rows)
    facts = {"step": trainer.step, "scale": trainer.scale, "read": read, "about": _about(trainer)}
    held = {name: tensor.detach().contiguous() for name, tensor in tensors.items()}
    replace_file(folder / FILE, lambda part: save_file(held, part, {"facts": json.dumps(facts)}))


def go_on(trainer: Trainer, folder: Path) -> None:
    """Bring a trainer to where an interrupted training was; where there was none it stays as it is.

    Raises `InputError` for a training with another recipe, model or texts, and for a file that is damaged.
    """
    path = folder / FILE
    if not path.exists():
        return
    try:
        with safe_open(path, framework="pt") as file:
            facts = json.loads(file.metadata()["facts"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (the file is no dict)
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} is damaged ({error}); remove it to begin this training anew") from None
    _check(trainer, facts["about"], path)
    _restore(trainer, facts, tensors, path)


def remove(folder: Path) -> None:
    """Remove what was kept, once it is not needed any more."""
    (folder / FILE).unlink(missing_ok=True)


def _check(trainer: Trainer, there: dict[str, Any], path: Path) -> None:
    here = _about(trainer)
    differing = [
        f"{name} {there.get(name)!r}, not {value!r}" for name, value in here.items() if there.get(name) != value
    ]
    if differing:
        raise InputError(
            f"{path} holds an unfinished training with {'; '.join(differing)}. "
            "Go on with the same settings, choose another folder, or remove the file."
        )


def _restore(trainer: Trainer, facts: dict[str, Any], tensors: dict[str, torch.Tensor], path: Path) -> None:
    own = {name: tensor for name, tensor in tensors.items() if name.startswith("network.")}
    trainer.network.load_state_dict({name.removeprefix("network."): tensor for name, tensor in own.items()})
    for name, parameter in trainer.network.named_parameters():
        trainer.optimizer.state[parameter] = {kind: tensors[f"adam.{name}.{kind}"] for kind in ADAM}
    try:
        trainer.buffer.restore(tensors[ROWS].numpy(), facts["read"])
    except InputError as error:
        raise InputError(
            f"{path} holds an unfinished training, but {error}. "
            "Go on with the same texts, choose another folder, or remove the file."
        ) from None
    trainer.scale, trainer.step = facts["scale"], facts["step"]


def _about(trainer: Trainer) -> dict[str, Any]:
    """What must be the same to go on: the recipe, and the model, told by the sum of all its numbers."""
    total = sum(float(np.sum(array, dtype=np.float64)) for array in trainer.model.weights.values())
    return {**trainer.recipe.to_dict(), "sum of the model's weights": total}

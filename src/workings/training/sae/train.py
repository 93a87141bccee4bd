"""Training a sparse autoencoder: step by step, saying how it goes, and so that an interruption loses nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import torch
from torch import Tensor

from workings.checkpoints.model import Model, Prompt
from workings.checkpoints.sparse_autoencoder import SparseAutoencoder
from workings.checkpoints.splicing import check_read_on
from workings.errors import InputError
from workings.models.sae import SAEConfig, row_width
from workings.training.sae import unfinished
from workings.training.sae.activations import ShufflingBuffer, Texts, texts_again_and_again
from workings.training.sae.network import Network, Outcome
from workings.training.sae.recipe import Recipe

LONGEST_UNKEPT = 60.0
"""Seconds after which an unfinished training is kept in any case."""
PENALTY_WARM_UP = 10
"""How many times longer than the learning rate the penalty takes to rise."""


@dataclass(frozen=True)
class Report:
    """How a step went, measured on its batch."""

    step: int
    """Steps done so far."""
    loss: float
    l0: float
    """Features that fired for an activation, on average."""
    explained_variance: float
    dead: int
    """Features that did not fire for `dead_after` activations."""


def train_sae(
    model: Model,
    recipe: Recipe,
    texts: Texts | Sequence[Prompt],
    keep: str | Path | None = None,
    every: int = 500,
    progress: Callable[[Report], None] | None = None,
) -> SparseAutoencoder:
    """Train a sparse autoencoder on a table of a model, reading `texts` through the engine.

    `texts` are a list of prompts, which is gone through again and again, or a function that gives the same endless row of
    prompts each time. With `keep`, a folder, all that is needed to go on is written there
    every `every` steps, and at least once a minute; started again with the same recipe, model and texts it goes on from
    there, to the same numbers as without the interruption. `unfinished.remove` removes it when it is not needed
    any more.
    `progress` is called after each step.

    Raises `InputError`: a table that the model does not have by itself, that is neither [pos, d] nor [head, pos, d_head], or that nothing
    reads on from (`logits`); texts that are neither, or a folder that holds another training.
    """
    endless = texts if callable(texts) else texts_again_and_again(texts, recipe.seed)
    trainer, kept = Trainer(model, recipe, endless), monotonic()
    if keep is not None:
        unfinished.go_on(trainer, Path(keep))
    while trainer.step < recipe.steps:
        report = trainer.advance()
        if progress is not None:
            progress(report)
        due = trainer.step % every == 0 or trainer.step == recipe.steps or monotonic() - kept > LONGEST_UNKEPT
        if keep is not None and due:
            unfinished.keep(trainer, Path(keep))
            kept = monotonic()
    return trainer.finished()


class Trainer:
    """A training in progress: the network, its optimizer, and the activations that are to come."""

    def __init__(self, model: Model, recipe: Recipe, texts: Texts) -> None:
        self.model, self.recipe, self.step = model, recipe, 0
        check_table(model, recipe.table)
        self.buffer = ShufflingBuffer(
            model, recipe.table, texts, recipe.buffer_size, recipe.seed, recipe.first_position
        )
        rows = self.buffer.peek()
        length = float(torch.tensor(rows).norm(dim=1).mean())
        if length == 0:
            raise InputError(f"every number of {recipe.table} is 0 in these texts, so there is nothing to learn")
        self.scale = rows.shape[1] ** 0.5 / length
        with torch.random.fork_rng():
            torch.manual_seed(recipe.seed)
            self.network = Network(recipe, torch.tensor(rows.mean(axis=0)) * self.scale)
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=recipe.learning_rate)

    def advance(self) -> Report:
        """One step."""
        x = torch.tensor(self.buffer.take(self.recipe.batch_size)) * self.scale  # [row, d_in]
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe.learning_rate * self._rate()
        outcome = self.network(x, self._penalty())
        self.optimizer.zero_grad()
        outcome.loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()
        self.network.after_step()
        self.step += 1
        return self._report(x, outcome)

    def _rate(self) -> float:
        rising = (self.step + 1) / max(1, self.recipe.warm_up)
        falling = (self.recipe.steps - self.step) / max(1.0, self.recipe.steps / 5)
        return min(1.0, rising, falling)

    def _penalty(self) -> float:
        return min(1.0, (self.step + 1) / max(1, PENALTY_WARM_UP * self.recipe.warm_up))

    @torch.no_grad()
    def _report(self, x: Tensor, outcome: Outcome) -> Report:
        left, spread = (x - outcome.recons).pow(2).sum(), (x - x.mean(dim=0)).pow(2).sum()
        return Report(
            step=self.step,
            loss=float(outcome.loss),
            l0=float((outcome.acts > 0).sum(dim=1).float().mean()),
            explained_variance=float(1 - left / spread),
            dead=int(self.network.dead.sum()),
        )

    @torch.no_grad()
    def finished(self) -> SparseAutoencoder:
        """The autoencoder as it is now, for activations as the model has them: the scale is worked into the weights."""
        net, recipe = self.network, self.recipe
        weights = {
            "W_enc": net.W_enc * self.scale,
            "b_enc": net.b_enc,
            "W_dec": net.W_dec / self.scale,
            "b_dec": net.b_dec / self.scale,
        }
        if recipe.architecture == "jumprelu":
            weights["threshold"] = net.log_threshold.exp()
        if recipe.architecture == "batchtopk":
            weights["threshold"] = net.running_threshold.clamp(min=0).expand(recipe.d_sae)
        topk = recipe.architecture == "topk"
        config = SAEConfig(
            d_in=net.W_enc.shape[0],
            d_sae=recipe.d_sae,
            table=recipe.table,
            architecture="jumprelu" if "threshold" in weights else recipe.architecture,
            k=recipe.k if topk else None,
        )
        arrays = {name: tensor.numpy().copy() for name, tensor in weights.items()}
        about = {"model_name": self.model.name, "trained_with": recipe.to_dict(), "steps_done": self.step}
        return SparseAutoencoder(config, arrays, metadata=about)


def check_table(model: Model, table: str) -> None:
    """That the model has this table, [pos, d] or [head, pos, d_head], and reads on from it. Raises `InputError`.

    One of another sparse autoencoder in the model is none: what is trained on it could not be put into the model.
    """
    named = model.without_saes().graph.named
    found = named.get(table)
    if found is None or row_width(found) is None:
        able = [name for name in named if name.endswith("resid_post")]
        raise InputError(
            f"a sparse autoencoder reads a table of the model itself, of shape [pos, d] or [head, pos, d_head], such as {', '.join(able[:2])}; {table!r} came"
        )
    check_read_on(table)

"""Train a tuned lens: one affine map for each residual stream, so that what follows says what the model says in the end.

The loss is KL(model || lens), as in Belrose et al. 2023, section 3.1; the maps begin at the identity. Where we differ:
Adam in place of SGD with momentum, so that no rate has to be found for each model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from random import Random

import numpy as np
import torch

from workings.anatomy.logit_lens import lens_streams
from workings.anatomy.tuned_lens import TunedLens, mapped_streams, weight_name
from workings.checkpoints.model import Model, Prompt
from workings.engine.checks import prompts_in, whole
from workings.errors import InputError
from workings.training.last_steps import last_steps

Array = np.ndarray
Progress = Callable[[int, dict[str, float]], None]

STEPS, TOKENS_PER_STEP, RATE = 500, 1024, 0.1
MOST_KEPT = 1 << 27
"""Numbers of residual streams that are kept of a list of texts (512 MB), so that each is read once."""


def train_tuned_lens(
    model: Model,
    texts: Sequence[Prompt] | Iterator[Prompt],
    *,
    steps: int = STEPS,
    tokens_per_step: int = TOKENS_PER_STEP,
    rate: float = RATE,
    seed: int = 0,
    after_attention: bool = False,
    source: str = "",
    progress: Progress | None = None,
) -> TunedLens:
    """Train the maps on what the model makes of texts (or lists of token ids).

    A list of texts is gone through again and again, each time in another order by `seed`; an iterator is read as it
    comes and must not end early. Each of `steps` steps takes texts until there are `tokens_per_step` tokens. Adam's rate
    is `rate` divided by the root of d_model, and falls in a straight line to 0. `progress(step, losses)` is called after each, with KL(model || lens) of each
    stream in nats. `source` says in the saved lens what the texts were. The same arguments give the same lens on the
    same machine.

    Raises `InputError` for no texts, too few of them, or numbers of steps or tokens below 1, a seed below 0.
    """
    if steps < 1 or tokens_per_step < 1 or not rate > 0:
        raise InputError(f"steps, tokens_per_step and rate are above 0; {steps}, {tokens_per_step}, {rate} came")
    streams, finish = mapped_streams(model, after_attention), last_steps(model)
    if not streams:
        raise InputError(f"{model.name} has one block, and the lens of the last block is the model itself")
    maps = {stream: _Map(model.config.d_model) for stream in streams}
    optimizer = torch.optim.Adam([p for m in maps.values() for p in m.parameters()])
    feed, seen = _endless(model, (*streams, lens_streams(model.graph)[-1]), texts, whole("seed", seed, 0)), 0
    for step in range(steps):
        *rows, last = _batch(feed, tokens_per_step)
        seen += len(last)
        if step == 0:
            for made, row in zip(maps.values(), rows, strict=True):
                made.size.copy_(row.square().mean().sqrt())
        own = torch.log_softmax(finish(last), -1)
        said = (torch.log_softmax(finish(made(row)), -1) for made, row in zip(maps.values(), rows, strict=True))
        losses = torch.stack([_divergence(own, shares) for shares in said])  # [stream]
        _improve(optimizer, losses.sum(), rate / model.config.d_model**0.5 * (1 - step / steps))
        if progress is not None:
            progress(step + 1, dict(zip(streams, losses.tolist(), strict=True)))
    known = {"source": source, "tokens": seen, "steps": steps, "tokens_per_step": tokens_per_step}
    return TunedLens(model.name, model.config.d_model, streams, _weights(maps), {**known, "rate": rate, "seed": seed})


def _improve(optimizer: torch.optim.Optimizer, loss: torch.Tensor, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


class _Map(torch.nn.Module):
    """An affine map that begins as the identity: `x + x @ D + size * b`.

    `size`, how large a stream's numbers typically are, makes one rate fit all streams.
    """

    size: torch.Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.D = torch.nn.Parameter(torch.zeros(width, width))
        self.b = torch.nn.Parameter(torch.zeros(1, width))
        self.register_buffer("size", torch.ones(()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Rows [row, d_model] as the last stream would have them."""
        return x + x @ self.D + self.size * self.b


def _divergence(own: torch.Tensor, found: torch.Tensor) -> torch.Tensor:
    """KL(model || lens), mean over rows, from the logarithms of both's shares [row, d_vocab]."""
    return (own.exp() * (own - found)).sum(-1).mean()


def _endless(
    model: Model, streams: Sequence[str], texts: Sequence[Prompt] | Iterator[Prompt], seed: int
) -> Iterator[torch.Tensor]:
    """Each text's residual streams [stream, pos, d_model], from the engine; those of a list are kept where there is room."""
    if isinstance(texts, Iterator):
        yield from (_read(model, streams, text) for text in texts)
        return
    listed = prompts_in(texts, "texts")
    random, order = Random(seed), list(range(len(listed)))
    kept: dict[int, torch.Tensor] = {}
    room = MOST_KEPT
    while order:
        random.shuffle(order)
        for place in order:
            rows = kept[place] if place in kept else _read(model, streams, listed[place])
            if place not in kept and rows.numel() <= room:
                kept[place] = rows
                room -= rows.numel()
            yield rows


def _read(model: Model, streams: Sequence[str], text: Prompt) -> torch.Tensor:
    trace = model.trace(text)
    return torch.from_numpy(np.stack([trace[stream] for stream in streams]))


def _batch(feed: Iterator[torch.Tensor], tokens: int) -> torch.Tensor:
    """The next texts' streams, `tokens` tokens or a few more [stream, row, d_model]."""
    found: list[torch.Tensor] = []
    while sum(rows.shape[1] for rows in found) < tokens:
        rows = next(feed, None)
        if rows is None:
            raise InputError("the texts came to an end before the training did; give more of them, or fewer steps")
        found.append(rows)
    return torch.cat(found, 1)


def _weights(maps: dict[str, _Map]) -> dict[str, Array]:
    weights = {}
    for stream, trained in maps.items():
        matrix = trained.D.detach().numpy()
        weights[weight_name(stream, "W")] = np.eye(len(matrix), dtype=np.float32) + matrix
        weights[weight_name(stream, "b")] = (trained.size * trained.b).detach().numpy()
    return weights

"""Train a tuned lens: one affine map for each residual stream, so that what follows says what the model says in the end.

The loss is KL(model || lens), as in Belrose et al. 2023, section 3.1; the maps begin at the identity. Where we differ:
Adam in place of SGD with momentum, so that no rate has to be found for each model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from random import Random

import numpy as np
import torch

from workings.anatomy.tuned_lens import TunedLens, mapped_streams, weight_name
from workings.checkpoints.model import Model, Prompt
from workings.errors import InputError
from workings.training.last_steps import last_steps

Array = np.ndarray
Progress = Callable[[int, dict[str, float]], None]

STEPS, TOKENS_PER_STEP, RATE = 500, 1024, 0.1


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

    Raises `InputError` for no texts, too few of them, or numbers of steps or tokens below 1.
    """
    if steps < 1 or tokens_per_step < 1 or not rate > 0:
        raise InputError(f"steps, tokens_per_step and rate are above 0; {steps}, {tokens_per_step}, {rate} came")
    streams, finish = mapped_streams(model, after_attention), last_steps(model)
    if not streams:
        raise InputError(f"{model.name} has one block, and the lens of the last block is the model itself")
    maps = {stream: _Map(model.config.d_model) for stream in streams}
    optimizer = torch.optim.Adam([p for m in maps.values() for p in m.parameters()])
    feed, seen = _endless(texts, seed), 0
    for step in range(steps):
        rows, logits = _read(model, streams, feed, tokens_per_step)
        seen += len(logits)
        if step == 0:
            for stream, made in maps.items():
                made.size.copy_(rows[stream].square().mean().sqrt())
        losses = {stream: _divergence(logits, finish(maps[stream](rows[stream]))) for stream in streams}
        for group in optimizer.param_groups:
            group["lr"] = rate / model.config.d_model**0.5 * (1 - step / steps)
        optimizer.zero_grad()
        torch.stack(list(losses.values())).sum().backward()
        optimizer.step()
        if progress is not None:
            progress(step + 1, {stream: float(loss.detach()) for stream, loss in losses.items()})
    known = {"source": source, "tokens": seen, "steps": steps, "tokens_per_step": tokens_per_step}
    return TunedLens(model.name, model.config.d_model, streams, _weights(maps), {**known, "rate": rate, "seed": seed})


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
    """KL(model || lens), mean over rows, of two tables of logits [row, d_vocab]."""
    said, by_lens = torch.log_softmax(own, -1), torch.log_softmax(found, -1)
    return (said.exp() * (said - by_lens)).sum(-1).mean()


def _endless(texts: Sequence[Prompt] | Iterator[Prompt], seed: int) -> Iterator[Prompt]:
    if isinstance(texts, Iterator):
        yield from texts
        return
    random, order = Random(seed), list(range(len(texts)))
    while order:
        random.shuffle(order)
        yield from (texts[place] for place in order)


def _read(
    model: Model, streams: Sequence[str], feed: Iterator[Prompt], tokens: int
) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """The next texts' residual streams [row, d_model] and logits [row, d_vocab], from the engine."""
    found: dict[str, list[Array]] = {name: [] for name in (*streams, "logits")}
    while sum(map(len, found["logits"])) < tokens:
        text = next(feed, None)
        if text is None:
            raise InputError("the texts came to an end before the training did; give more of them, or fewer steps")
        trace = model.trace(text)
        for name, rows in found.items():
            rows.append(trace[name])
    joined = {name: torch.from_numpy(np.concatenate(rows)) for name, rows in found.items()}
    return joined, joined.pop("logits")


def _weights(maps: dict[str, _Map]) -> dict[str, Array]:
    weights = {}
    for stream, trained in maps.items():
        matrix = trained.D.detach().numpy()
        weights[weight_name(stream, "W")] = np.eye(len(matrix), dtype=np.float32) + matrix
        weights[weight_name(stream, "b")] = (trained.size * trained.b).detach().numpy()
    return weights

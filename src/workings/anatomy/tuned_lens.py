"""The tuned lens: the logit lens with a learnt map before it, one for each residual stream.

A map turns a stream into the directions of the last one; the final norm and the unembedding do the rest. Source:
Belrose et al. 2023, Eliciting Latent Predictions from Transformers with the Tuned Lens, section 3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from workings.anatomy.logit_lens import LogitLens, draw_again, lens_name, lens_streams, read_on
from workings.checkpoints.companions import Companion
from workings.checkpoints.files import make_folder, read_json, write_whole
from workings.checkpoints.model import Model, Prompt
from workings.checkpoints.safetensors_file import read_safetensors, write_safetensors
from workings.engine.checks import prompts_in
from workings.engine.trace import Trace
from workings.errors import CheckpointError, InputError
from workings.language.names import name
from workings.language.operations import linear
from workings.language.primitives import given
from workings.language.tables import ONE, Graph

Array = np.ndarray

KIND = "tuned_lens"
CONFIG, WEIGHTS = "tuned_lens.json", "tuned_lens.safetensors"
COMPANION = Companion("tuned lens", "tuned_lens", (CONFIG, WEIGHTS), "`workings train lens --out FOLDER` trains one")
MEANING = (
    "What it means: the best that a linear map of the stream can say of the model’s own last distribution, over the "
    "texts that the lens was trained on. What it does not mean: that the model uses what the lens finds there; and a "
    "trained lens may know things from the statistics of its texts that the stream does not say."
)


@dataclass(frozen=True, eq=False)
class TunedLens:
    """A map for each residual stream but the last: `W` [d_model, d_model] and `b` [1, d_model], for rows: `x @ W + b`.

    `weights` has them by the names that they have as tables: `tuned_lens.blocks.0.resid_post.W`. `model` is the name of
    the model that they were made for, `trained_on` what is known of the training. Made by
    `workings.training.tuned_lens.train_tuned_lens`, or `TunedLens.load`.
    """

    model: str
    d_model: int
    streams: tuple[str, ...]
    weights: Mapping[str, Array] = field(repr=False)
    trained_on: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def identity(cls, model: Model, after_attention: bool = False) -> TunedLens:
        """The maps that change nothing, with which every training begins: the logit lens."""
        width, streams = model.config.d_model, mapped_streams(model, after_attention)
        weights = {}
        for stream in streams:
            weights[weight_name(stream, "W")] = np.eye(width, dtype=np.float32)
            weights[weight_name(stream, "b")] = np.zeros((1, width), np.float32)
        return cls(model.name, width, streams, weights)

    def save(self, folder: str | Path, dtype: str = "float32") -> None:
        """Write `tuned_lens.safetensors` and `tuned_lens.json` into a folder, which is made if it is not there.

        In float16 the file is half as large, and the weights are rounded to three digits. Raises `InputError` for another
        `dtype`, and for weights that float16 cannot hold.
        """
        import orjson

        if dtype not in ("float32", "float16"):
            raise InputError(f"a tuned lens is saved in float32 or float16; {dtype!r} came")
        with np.errstate(over="ignore"):
            weights = {known: np.asarray(array).astype(dtype) for known, array in self.weights.items()}
        if too_large := [known for known, array in weights.items() if not np.isfinite(array).all()]:
            raise InputError(f"{too_large[0]} has numbers that {dtype} cannot hold; save the lens in float32")

        folder = Path(folder)
        make_folder(folder)
        config = {
            "model": self.model,
            "d_model": self.d_model,
            "streams": list(self.streams),
            "trained_on": dict(self.trained_on),
        }
        write_safetensors(folder / WEIGHTS, weights)
        write_whole(folder / CONFIG, orjson.dumps(config, option=orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY))

    @classmethod
    def load(cls, name: str | Path = "storybook") -> TunedLens:
        """Read a lens that `save` wrote: the one bundled with a model ("storybook"), or one in a folder.

        Raises `CheckpointError` for a name that is neither, and for a folder that has none, or a damaged one.
        """
        folder = COMPANION.find(name)
        if not (folder / CONFIG).is_file() or not (folder / WEIGHTS).is_file():
            raise CheckpointError(f"{folder} holds no tuned lens: {CONFIG} and {WEIGHTS} were expected")
        config = read_json(folder / CONFIG)
        weights = read_safetensors(folder / WEIGHTS, lambda _: False)
        model, width, streams = (config.get(key) for key in ("model", "d_model", "streams"))
        known = isinstance(model, str) and isinstance(width, int) and isinstance(streams, list)
        if not known or not all(isinstance(stream, str) for stream in streams or ()):
            raise CheckpointError(f"{folder / CONFIG} should say model, d_model and streams, and does not")
        _check_weights(folder / WEIGHTS, weights, tuple(streams or ()), int(width or 0))
        return cls(model or "", int(width or 0), tuple(streams or ()), weights, config.get("trained_on") or {})

    def check(self, model: Model) -> None:
        """Raise an `InputError` where the lens was not made for this model."""
        if self.d_model != model.config.d_model:
            raise InputError(
                f"the tuned lens was made for {self.model}, whose rows have {self.d_model} numbers; "
                f"those of {model.name} have {model.config.d_model}: train one for it (`workings train lens`)"
            )
        if self.model != model.name:
            raise InputError(
                f"the tuned lens was made for {self.model}, and this is {model.name}: train one for it (`workings train "
                "lens`), or, if they are the same, say so with dataclasses.replace(lens, model=model.name)"
            )
        if missing := [stream for stream in self.streams if stream not in model.graph.named]:
            raise InputError(f"the tuned lens has a map for {missing[0]}, which {model.name} does not have")


def _check_weights(path: Path, weights: Mapping[str, Array], streams: tuple[str, ...], width: int) -> None:
    shapes = {weight_name(stream, "W"): (width, width) for stream in streams}
    shapes |= {weight_name(stream, "b"): (1, width) for stream in streams}
    if weights.keys() != shapes.keys():
        odd = sorted(weights.keys() ^ shapes.keys())[0]
        raise CheckpointError(
            f"{path}: {odd} is {'not expected' if odd in weights else 'missing'}; copy the folder again"
        )
    for known, shape in shapes.items():
        if weights[known].shape != shape:
            raise CheckpointError(
                f"{path}: {known} has the shape {list(weights[known].shape)}; {list(shape)} was expected"
            )
        if weights[known].dtype != np.float32 or not np.isfinite(weights[known]).all():
            raise CheckpointError(
                f"{path}: {known} should hold finite float32 numbers, and does not; train the lens again"
            )


def mapped_streams(model: Model, after_attention: bool = False) -> tuple[str, ...]:
    """The residual streams that have a map: all that a lens reads but the last, which needs none."""
    return tuple(lens_streams(model.graph, after_attention)[:-1])


def weight_name(stream: str, letter: str) -> str:
    """The name of a map's weights as a table: `tuned_lens.blocks.0.resid_post.W`."""
    return f"{KIND}.{stream}.{letter}"


def draw_tuned_lens(graph: Graph, lens: TunedLens) -> list[str]:
    """Add the logits that a tuned lens reads off every stream to a graph, and give their names.

    The last stream has no map: after it they are the model's own logits again. Where the model reads on through a sparse
    autoencoder, the lens reads what comes out of it.
    """
    translated = {}
    for stream in lens.streams:
        width = graph.named[stream].axes[-1]
        W = given(graph, weight_name(stream, "W"), (width, width))  # [d_model, d_model]
        b = given(graph, weight_name(stream, "b"), (ONE, width))  # [1, d_model]
        translated[stream] = name(f"{stream}.{KIND}.translated", linear(read_on(graph, stream), W, b))  # [pos, d_model]
    last = lens_streams(graph)[-1]
    for stream, logits in draw_again(graph, {**translated, last: read_on(graph, last)}).items():
        name(lens_name(stream, KIND), logits)
    return [lens_name(stream, KIND) for stream in (*lens.streams, last)]


def tuned_lens(model: Model, prompt: Prompt | Trace, lens: TunedLens, dtype: str = "float32") -> LogitLens:
    """Read off every residual stream what the model would say, each through its learnt map: as `logit_lens`, but tuned.

    `prompt` may be a trace, whose edits stay in force. What it means: the best that a linear map of the stream can say of the
    model's own last distribution. What it does not mean: that the model uses what the lens finds there (`MEANING`, as
    people read it).

    Source: Belrose et al. 2023, Eliciting Latent Predictions from Transformers with the Tuned Lens, section 3.

    Raises `InputError` for a lens that was made for another model, and as `model.as_trace` does.
    """
    return _reader(model, lens)(prompt, dtype)


def _reader(model: Model, lens: TunedLens) -> Callable[[Prompt | Trace, str], LogitLens]:
    """What reads prompts through a lens; the tables are drawn once for all of them."""
    lens.check(model)
    program = model.program_with(partial(draw_tuned_lens, lens=lens), weights=lens.weights)
    streams = (*lens.streams, lens_streams(model.graph)[-1])

    def read(prompt: Prompt | Trace, dtype: str) -> LogitLens:
        plain = model.as_trace(prompt, dtype)
        return LogitLens(model.trace_of(plain.evaluation_in(program)), streams, KIND)

    return read


def lens_divergence(model: Model, prompts: Iterable[Prompt], lens: TunedLens | None = None) -> dict[str, float]:
    """How far a lens is from the model's own last word: KL(model || lens) in nats, by stream, mean over all tokens.

    Without a tuned lens it is the logit lens that is measured, after every block. Source: Belrose et al. 2023, section 3.
    """
    reader = _reader(model, TunedLens.identity(model) if lens is None else lens)
    sums: dict[str, float] = {}
    n_tokens = 0
    for prompt in prompts_in(prompts):
        read = reader(prompt, "float32")
        own = log_shares(read.trace["logits"])
        n_tokens += len(own)
        for stream in read.streams:
            lost = np.exp(own) * (own - log_shares(read.logits(stream)))
            sums[stream] = sums.get(stream, 0.0) + float(lost.sum())
    if not n_tokens:
        raise InputError("at least one text is needed to measure a lens; none came")
    return {stream: total / n_tokens for stream, total in sums.items()}


def log_shares(logits: Array) -> Array:
    """The logarithm of every token's share, in float64 [pos, d_vocab]."""
    scores = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    return scores - np.log(np.exp(scores).sum(axis=-1, keepdims=True))


__all__ = ["TunedLens", "draw_tuned_lens", "lens_divergence", "tuned_lens"]

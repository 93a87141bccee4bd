"""Tiny random GPT-2s: the same weights in `transformers` and in `workings`, and a plain third opinion for every table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
import transformers
from hypothesis import strategies as st

import workings
from workings.engine.evaluation import Evaluation
from workings.engine.program import Program
from workings.engine.trace import Trace
from workings.language.primitives import GIVEN, NUMBER

transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()
torch.set_num_threads(1)

Array = np.ndarray
ACTIVATIONS = ["gelu_new", "gelu", "relu", "silu", "swish", "tanh", "gelu_pytorch_tanh"]


@dataclass(frozen=True)
class Tiny:
    """The sizes of one tiny GPT-2."""

    layers: int = 2
    heads: int = 3
    d_head: int = 5
    d_mlp: int | None = 17
    d_vocab: int = 23
    n_ctx: int = 24
    activation: str = "gelu_new"
    tied: bool = True
    scaled: bool = True
    scaled_by_layer: bool = False
    epsilon: float = 1e-5
    seed: int = 0

    def hf_config(self, **more: Any) -> transformers.GPT2Config:
        return transformers.GPT2Config(
            n_layer=self.layers,
            n_head=self.heads,
            n_embd=self.heads * self.d_head,
            n_inner=self.d_mlp,
            vocab_size=self.d_vocab,
            n_positions=self.n_ctx,
            activation_function=self.activation,
            tie_word_embeddings=self.tied,
            scale_attn_weights=self.scaled,
            scale_attn_by_inverse_layer_idx=self.scaled_by_layer,
            layer_norm_epsilon=self.epsilon,
            bos_token_id=None,
            eos_token_id=None,
            **more,
        )


@st.composite
def tinies(draw: Any, **fixed: Any) -> Tiny:
    """Random sizes, most of them odd; `fixed` ones are kept."""
    sizes = {
        "layers": draw(st.integers(1, 3)),
        "heads": draw(st.integers(1, 4)),
        "d_head": draw(st.integers(2, 7)),
        "d_mlp": draw(st.none() | st.integers(1, 33)),
        "d_vocab": draw(st.integers(11, 60)),
        "n_ctx": draw(st.integers(12, 20)),
        "activation": draw(st.sampled_from(ACTIVATIONS)),
        "tied": draw(st.booleans()),
        "scaled": draw(st.booleans()),
        "scaled_by_layer": draw(st.booleans()),
        "seed": draw(st.integers(0, 99)),
    }
    return Tiny(**{**sizes, **fixed})


def make_hf(tiny: Tiny) -> transformers.GPT2LMHeadModel:
    """A `transformers` GPT-2 in which no weight is a round number: biases and norms are random too."""
    model = transformers.GPT2LMHeadModel._from_config(tiny.hf_config(), attn_implementation="eager").eval()
    random = torch.Generator().manual_seed(tiny.seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            numbers = torch.randn(parameter.shape, generator=random)
            if ".ln_" in name:
                parameter.copy_(numbers * 0.3 + (1.0 if name.endswith("weight") else 0.0))
            elif "lm_head" in name or "wte" in name or "wpe" in name:
                parameter.copy_(numbers * 0.7)
            else:
                parameter.copy_(numbers * (0.9 / parameter.shape[0] ** 0.5 if parameter.ndim > 1 else 0.2))
    return model


@lru_cache(64)
def pair(tiny: Tiny) -> tuple[transformers.GPT2LMHeadModel, workings.Model]:
    """One model, opened by both libraries."""
    theirs = make_hf(tiny)
    with TemporaryDirectory() as folder:
        theirs.save_pretrained(folder)
        return theirs, workings.load(folder)


def model_of(tiny: Tiny) -> workings.Model:
    return pair(tiny)[1]


def random_ids(tiny: Tiny, n: int, seed: int = 0) -> list[int]:
    return np.random.default_rng(seed).integers(0, tiny.d_vocab, n).tolist()


def trace_without_kernels(model: workings.Model, ids: Sequence[int], dtype: str = "float64") -> Trace:
    """A trace in which every table is worked out by its definition."""
    program = Program(model.graph, model.weights, kernels=False)
    return Trace(Evaluation(program, np.asarray(ids), np.dtype(dtype)), model.config.n_ctx)


@dataclass(frozen=True)
class Change:
    """An edit as the third opinion does it: plain NumPy assignment to the cells that the table had when it was made.

    `limits` has an entry for each axis: how many of its positions there were, or None where new ones are taken in.
    """

    name: str
    index: Any
    kind: str
    amount: Any
    limits: tuple[int | None, ...] = ()

    def apply(self, table: Array) -> None:
        cells = table[tuple(slice(limit) for limit in self.limits)]
        if self.kind == "value":
            cells[self.index] = self.amount
        elif self.kind == "add":
            cells[self.index] += self.amount
        else:
            cells[self.index] *= self.amount


def third_opinion(
    model: workings.Model, ids: Iterable[int], changes: Sequence[Change] = (), dtype: str = "float64"
) -> dict[str, Array]:
    """Every named table, primitive after primitive over whole tables, without any of the engine's code."""
    values: dict[Any, Any] = {}
    named: dict[str, Array] = {}
    for table in model.graph.tables:
        if table.primitive is GIVEN:
            assert table.name is not None
            value = np.array(list(ids)) if table.name == "ids" else model.weights[table.name].astype(dtype)
        elif table.primitive is NUMBER:
            value = table.options["value"]
        else:
            value = table.primitive.compute(*(values[source] for source in table.inputs), **table.options)
        here = [
            change for change in changes if table.name is not None and change.name == table.name and table.name != "ids"
        ]
        if here or (table.name in model.graph.named):
            value = np.array(value, dtype)
        for change in here:
            change.apply(value)
        values[table] = value
        if table.name in model.graph.named:
            named[table.name] = value
    return named


def assert_close(found: Array, expected: Array, tolerance: float, what: str) -> None:
    """Close relative to the size of the table, masked scores left out of that size."""
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape, f"{what}: {found.shape} is not {expected.shape}"
    visible = expected[np.abs(expected) < 1e8]
    size = max(1.0, float(np.abs(visible).max())) if visible.size else 1.0
    allowed = tolerance * size + 1e-6 * np.where(np.abs(expected) < 1e8, 0.0, np.abs(expected))
    with np.errstate(invalid="ignore"):  # an edit may divide by zero: then both are infinite, or no number
        wrong = ~(np.abs(found.astype(np.float64) - expected) <= allowed) & ~np.equal(found, expected)
    wrong &= ~(np.isnan(found) & np.isnan(expected))
    if wrong.any():
        places = np.argwhere(wrong)
        first = tuple(int(i) for i in places[0])
        raise AssertionError(
            f"{what}: {len(places)} numbers differ, first at {first}: {found[first]!r}, expected {expected[first]!r}"
        )

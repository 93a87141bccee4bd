"""Kernel = definition: fast code gives what the operation's own primitives give, alone and in whole models."""

import math
import random
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tiny import ACTIVATIONS, Tiny, assert_close, model_of, random_ids, third_opinion, tinies, trace_without_kernels
from workings.engine.kernels import KERNELS, PRIMITIVE_KERNELS, fast_erf
from workings.language import operations
from workings.language.primitives import PRIMITIVES

Array = np.ndarray
Normal = Callable[..., Array]
TOLERANCE = {"float32": 1e-5, "float64": 1e-12}


def norm_weights(normal: Normal, width: int) -> Any:
    return SimpleNamespace(w=normal(1, width), b=normal(1, width))


def row_statistics(normal: Normal, rows: int, width: int) -> tuple[Array, Array, Array]:
    x = normal(rows, width)
    return x, x.mean(-1, keepdims=True), x.std(-1, keepdims=True) + 0.1


def mlp_arguments(normal: Normal, rows: int, width: int, activation: str) -> tuple[Any, ...]:
    inner = width + 3
    w = SimpleNamespace(
        W_in=normal(width, inner), b_in=normal(1, inner), W_out=normal(inner, width), b_out=normal(1, width)
    )
    return normal(rows, width), w, activation


CASES: dict[str, Callable[[Normal, int, int], list[tuple[Any, ...]]]] = {
    "linear": lambda normal, rows, width: [
        (normal(rows, width), normal(width, 7), normal(1, 7)),
        (normal(rows, width), normal(3, width, 4), normal(3, 1, 4)),
        (normal(rows, width), normal(width, 3, 4).transpose(1, 0, 2), normal(3, 1, 4)),
        (normal(rows, width), normal(width, 36)[:, 12:24].reshape(width, 3, 4).transpose(1, 0, 2), normal(3, 1, 4)),
        (normal(rows, width), normal(width, 4).reshape(width, 1, 4).transpose(1, 0, 2), normal(1, 1, 4)),
    ],
    "unembed": lambda normal, rows, width: [
        (normal(rows, width), normal(width, 11)),
        (normal(rows, width), normal(11, width).T),
        (normal(width, rows).T, normal(11, width).T),
    ],
    "deviation": lambda normal, rows, width: [(*row_statistics(normal, rows, width)[:2], 1e-5)],
    "standardize": lambda normal, rows, width: [
        (*row_statistics(normal, rows, width), normal(1, width), normal(1, width))
    ],
    "layer_norm": lambda normal, rows, width: [(normal(rows, width), norm_weights(normal, width), 1e-5)],
    "softmax": lambda normal, rows, width: [
        (normal(rows, width) * 9,),
        (normal(3, rows, width) * 9,),
        (normal(width, rows).T,),
        (normal(rows, 3, width).transpose(1, 0, 2),),
    ],
    "gelu_new": lambda normal, rows, width: [(normal(rows, width) * 4,), (normal(width, rows).T,)],
    "gelu": lambda normal, rows, width: [(normal(rows, width) * 4,), (normal(width, rows).T,)],
    "relu": lambda normal, rows, width: [(normal(rows, width),), (normal(width, rows).T,)],
    "silu": lambda normal, rows, width: [
        (normal(rows, width) * 4,),
        (normal(width, rows).T,),
        (normal(rows, width) * 300,),
    ],
    "mlp": lambda normal, rows, width: [mlp_arguments(normal, rows, width, activation) for activation in ACTIVATIONS],
}
"""Arguments for every kernel that sees each row by itself; the others are held below."""

IN_MODELS = {"through_sae"}
"""Kernels that hold inside a model alone: `tests/models/test_sae.py` holds them there."""
CAUSAL = {"attention_scores", "attention_pattern", "weigh_values", "attention"}


def normal_numbers(dtype: str, seed: int = 0) -> Normal:
    generator = np.random.default_rng(seed)
    return lambda *shape: generator.normal(size=shape).astype(dtype)


def in_float64(argument: Any) -> Any:
    if isinstance(argument, SimpleNamespace):
        return SimpleNamespace(**{name: value.astype(np.float64) for name, value in vars(argument).items()})
    return argument.astype(np.float64) if isinstance(argument, np.ndarray) else argument


def test_every_kernel_is_held_against_its_definition() -> None:
    assert set(CASES) | CAUSAL | IN_MODELS == set(KERNELS)
    assert {name for name, kernel in KERNELS.items() if kernel.causal} == CAUSAL


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CASES)
def test_a_kernel_gives_what_its_operation_gives(name: str, dtype: str) -> None:
    definition = getattr(operations, name)
    for rows, width in [(1, 1), (1, 6), (2, 15), (5, 21), (700, 130)]:
        for case, arguments in enumerate(CASES[name](normal_numbers(dtype), rows, width)):
            before = [np.array(x) if isinstance(x, np.ndarray) else None for x in arguments]
            found = KERNELS[name].run(*arguments)
            with np.errstate(over="ignore"):
                expected = definition(*(in_float64(x) for x in arguments))
            assert found.dtype == dtype
            assert_close(
                found,
                expected,
                TOLERANCE[dtype] * (width**0.5 if dtype == "float32" else 10),
                f"{name} {rows}x{width} case {case}",
            )
            for x, copy in zip(arguments, before, strict=True):
                assert copy is None or np.array_equal(x, copy), "a kernel leaves its inputs as they are"


@settings(max_examples=60)
@given(
    heads=st.integers(0, 3),
    rows=st.sampled_from([1, 2, 5, 127, 128, 129, 300]),
    first_row=st.sampled_from([0, 1, 7, 128, 200]),
    width=st.integers(1, 5),
    dtype=st.sampled_from(["float32", "float64"]),
)
def test_an_attention_kernel_gives_the_rows_that_its_operation_gives(
    heads: int, rows: int, first_row: int, width: int, dtype: str
) -> None:
    normal, stack = normal_numbers(dtype), (heads,) if heads else ()
    n_pos, tolerance = first_row + rows, TOLERANCE[dtype] * 5
    q, k, v = (normal(*stack, n_pos, width) for _ in range(3))
    scores = operations.attention_scores(in_float64(q), in_float64(k), 0.7)
    pattern = operations.attention_pattern(scores)
    z = operations.weigh_values(pattern, in_float64(v))

    def last(x: Array) -> Array:
        return x[..., first_row:, :]

    run = {name: KERNELS[name].run for name in CAUSAL}
    assert_close(run["attention_scores"](last(q), k, 0.7, first_row=first_row), last(scores), tolerance, "scores")
    assert_close(
        run["weigh_values"](last(pattern).astype(dtype), v, first_row=first_row), last(z), tolerance, "z of the pattern"
    )
    assert_close(run["attention"](last(q), k, v, 0.7, first_row=first_row), last(z), tolerance, "z at once")
    if heads:
        found = run["attention_pattern"](last(scores).astype(dtype), first_row=first_row)
        assert_close(found, last(pattern), tolerance, "pattern")
        assert (found[:, np.arange(n_pos) > np.arange(first_row, n_pos)[:, None]] == 0).all()


def test_joining_by_a_kernel_is_joining_by_definition() -> None:
    normal = normal_numbers("float32")
    for parts in [(normal(3, 5, 4),), (normal(5, 3, 4).transpose(1, 0, 2),), (normal(5, 2), normal(5, 3))]:
        np.testing.assert_array_equal(PRIMITIVE_KERNELS["join"](*parts), PRIMITIVES["join"].compute(*parts))


@pytest.mark.parametrize("rows", [[], [2], [0, 4], [0, 1, 2, 3, 4]])
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-12), ("float32", 1e-4)])
def test_products_with_rows_of_zeros_are_those_by_definition(rows, dtype, tolerance) -> None:
    normal = normal_numbers(dtype)
    a, b = np.zeros((5, 300), dtype), normal(300, 250)
    a[rows] = normal(len(rows), 300)
    found, by_definition = PRIMITIVE_KERNELS["matmul"](a, b), PRIMITIVES["matmul"].compute(a, b)
    assert_close(found, by_definition, tolerance, "product")
    assert found.dtype == by_definition.dtype
    assert not np.delete(found, rows, axis=0).any()


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-14), ("float32", 5e-7)])
def test_the_fast_error_function_is_the_error_function(dtype: str, tolerance: float) -> None:
    tiny_ones = np.array([0.0, -0.0, 1e-300, -1e-20, 1e-9, 5.9999, 6.0, 6.0001, 40.0, -1e6])
    x = np.concatenate([np.linspace(-8, 8, 20_001), tiny_ones]).astype(dtype)
    found = np.empty_like(x)
    fast_erf(x, found)
    expected = np.array([math.erf(v) for v in x.tolist()])
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)
    fast_erf(x, x)  # in place
    np.testing.assert_array_equal(x, found)


ORDERS: dict[str, Callable[[list[str]], list[str]]] = {
    "in order of working": lambda names: names,
    "last first": lambda names: names[::-1],
    "logits first": lambda names: ["logits", *names],
    "in any order": lambda names: random.Random(len(names)).sample(names, len(names)),
}


@settings(max_examples=40)
@given(tinies(), st.integers(1, 12), st.sampled_from(["float32", "float64"]), st.sampled_from(sorted(ORDERS)))
def test_kernels_change_no_table_in_whatever_order_they_are_asked(
    tiny: Tiny, n_tokens: int, dtype: str, order: str
) -> None:
    model, ids = model_of(tiny), random_ids(tiny, n_tokens)
    fast, plain = model.trace(ids, dtype=dtype), trace_without_kernels(model, ids, dtype)
    for name in ORDERS[order](fast.names()):
        assert_close(fast[name], plain[name], 1e-5 if dtype == "float32" else 1e-10, name)


def test_the_engine_without_kernels_gives_what_the_primitives_give() -> None:
    tiny = Tiny(tied=False)
    model, ids = model_of(tiny), random_ids(tiny, 9)
    plain, expected = trace_without_kernels(model, ids), third_opinion(model, ids)
    for name in plain.names():
        assert_close(plain[name], expected[name], 1e-13, name)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_kernels_change_no_table_of_a_prompt_longer_than_a_block_of_queries(dtype: str) -> None:
    tiny = Tiny(n_ctx=300, heads=2, d_head=40, d_mlp=300, d_vocab=60)  # large enough for threads to share the work
    model, ids = model_of(tiny), random_ids(tiny, 300)
    expected = third_opinion(model, ids)
    for fused in (True, False):
        trace = model.trace(ids, dtype=dtype)
        names = ["logits"] if fused else trace.names()
        for name in names:
            assert_close(trace[name], expected[name], 1e-5 if dtype == "float32" else 1e-10, name)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_one_row_at_a_time_gives_the_same_as_all_rows(dtype: str) -> None:
    tiny = Tiny(layers=2)
    model, ids = model_of(tiny), random_ids(tiny, 8)
    expected = third_opinion(model, ids)
    for name in model.trace(ids).names():
        trace = model.trace(ids, dtype=dtype)
        for row in (5, 2, 7, 0):
            found = trace.rows(name, row, row + 1)
            assert_close(
                found, expected[name][..., row : row + 1, :], 1e-5 if dtype == "float32" else 1e-10, f"{name} row {row}"
            )

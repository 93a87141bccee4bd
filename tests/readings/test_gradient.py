"""Gradients as tables: each agrees with central differences and with PyTorch, is lazy, and can be explained."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tiny import Tiny, assert_close, model_of, pair, random_ids, tinies
from workings.anatomy.gradients import trace_gradient
from workings.engine.evaluation import Evaluation
from workings.engine.program import Program
from workings.errors import InputError, OutsideTable
from workings.language import operations, primitives
from workings.language.names import Weights, name
from workings.language.primitives import POS, PRIMITIVES
from workings.language.primitives import given as given_table
from workings.language.tables import Axis, Graph
from workings.readings.gradient import RULES, STEPS, draw_gradient, gradient_name
from workings.readings.reference import reference

N, IDS = 4, [2, 0, 5, 2]
SIX, FIVE, HEADS, ONE = Axis("six", 6), Axis("five", 5), Axis("head", 3), Axis("1", 1)
p, o = primitives, operations
GIVEN = {
    "E": (Axis("d_vocab", 7), SIX),
    "F": (Axis("n_ctx", 9), SIX),
    "W": (SIX, FIVE),
    "b": (ONE, FIVE),
    "H": (HEADS, SIX, FIVE),
    "n.w": (ONE, SIX),
    "n.b": (ONE, SIX),
    "a.W_Q": (HEADS, SIX, FIVE),
    "a.W_K": (HEADS, SIX, FIVE),
    "a.W_V": (HEADS, SIX, FIVE),
    "a.b_Q": (HEADS, ONE, FIVE),
    "a.b_K": (HEADS, ONE, FIVE),
    "a.b_V": (HEADS, ONE, FIVE),
    "a.W_O": (Axis("head*five", 15), SIX),
    "a.b_O": (ONE, SIX),
    "m.W_in": (SIX, FIVE),
    "m.b_in": (ONE, FIVE),
    "m.W_out": (FIVE, SIX),
    "m.b_out": (ONE, SIX),
}
CASES = {
    "add": lambda x, s, w: x + p.row_sum(x) + 2,
    "subtract": lambda x, s, w: p.row_mean(x) - x - 1,
    "subtract from a number": lambda x, s, w: 3 - x,
    "multiply": lambda x, s, w: x * p.row_sum(x) * x * 0.5,
    "divide": lambda x, s, w: (x + 1) / (x * x + 2) / p.row_sum(x * x),
    "maximum": lambda x, s, w: p.maximum(x, 0.3 * x - 0.2),
    "greater": lambda x, s, w: x * p.greater(x, -0.25),
    "largest": lambda x, s, w: x * p.largest(x),
    "kth_largest": lambda x, s, w: x * p.kth_largest(x * x, k=2),
    "kth_largest of a stack": lambda x, s, w: s * p.kth_largest(s, k=3),
    "top_k": lambda x, s, w: o.top_k(x * 0.7, 3),
    "jump_relu": lambda x, s, w: o.jump_relu(x, w.n.w),
    "gated_relu": lambda x, s, w: o.gated_relu(x * x, x),
    "largest of the past": lambda x, s, w: (
        (p.largest(p.keep_past(x @ p.transpose(x))) + p.largest(x @ p.transpose(x))) @ x
    ),
    "row_max of the past": lambda x, s, w: p.row_max(p.keep_past(s @ p.transpose(s))),
    "row_max over positions": lambda x, s, w: (
        o.softmax(p.keep_past(s @ p.transpose(s))) * p.row_max(s @ p.transpose(s)) @ s
    ),
    "exp": lambda x, s, w: p.exp(x),
    "tanh": lambda x, s, w: p.tanh(x),
    "erf": lambda x, s, w: p.erf(x),
    "sqrt": lambda x, s, w: p.sqrt(x * x + 1),
    "row_sum": lambda x, s, w: p.row_sum(x),
    "row_max": lambda x, s, w: p.row_max(x),
    "row_mean": lambda x, s, w: p.row_mean(x),
    "row_mean over positions": lambda x, s, w: p.row_mean(x @ p.transpose(x)),
    "matmul": lambda x, s, w: x @ w.W,
    "matmul with every head": lambda x, s, w: x @ w.H,
    "matmul of a stack": lambda x, s, w: s @ p.transpose(s),
    "matmul of a stack by one table": lambda x, s, w: s @ p.transpose(w.W),
    "matmul of positions by a stack": lambda x, s, w: (x @ p.transpose(x)) @ s,
    "transpose": lambda x, s, w: x @ p.transpose(p.exp(x)),
    "transpose of a product": lambda x, s, w: p.transpose(s @ p.transpose(s)) @ s,
    "rows_of": lambda x, s, w: x + p.rows_of(w.F, p.positions(w.ids)) * x,
    "positions": lambda x, s, w: x * p.rows_of(w.F, p.positions(w.ids)),
    "columns": lambda x, s, w: p.columns(x, start=1, stop=4),
    "columns to the end": lambda x, s, w: p.columns(x * x, start=2),
    "columns of a stack": lambda x, s, w: p.columns(s, start=0, stop=2),
    "columns, all": lambda x, s, w: p.columns(x),
    "join": lambda x, s, w: p.join(x, x * x, p.row_sum(x)),
    "join of a stack": lambda x, s, w: p.join(s * s),
    "split": lambda x, s, w: p.split(x * x, sheets=3),
    "repeated for every head": lambda x, s, w: s * p.columns(x, start=0, stop=5),
    "keep_past": lambda x, s, w: p.exp(p.keep_past(x @ p.transpose(x)) * 0.5),
    "keep_past of a stack": lambda x, s, w: p.tanh(p.keep_past(s @ p.transpose(s)) * 0.5),
    "softmax": lambda x, s, w: o.softmax(x),
    "softmax of the past": lambda x, s, w: o.softmax(p.keep_past(s @ p.transpose(s))),
    "square": lambda x, s, w: o.square(x),
    "linear": lambda x, s, w: o.linear(x, w.W, w.b),
    "layer_norm": lambda x, s, w: o.layer_norm(x, w.n, 1e-5),
    "attention": lambda x, s, w: o.attention(s, s * 0.5, p.tanh(s), 0.4),
    "attention with one head": lambda x, s, w: o.attention(x, x * 0.5, p.tanh(x), 0.4),
    "self_attention": lambda x, s, w: o.self_attention(x, w.a, 0.4),
    "mlp": lambda x, s, w: o.mlp(x, w.m, "gelu"),
    "unembed": lambda x, s, w: o.unembed(x, p.transpose(w.E)),
    **{kind: (lambda x, s, w, act=act: act(x)) for kind, act in o.ACTIVATIONS.items()},
}


def numbers(seed):
    rng = np.random.default_rng(seed)
    return {known: rng.standard_normal([axis.size for axis in axes]) for known, axes in GIVEN.items()}


POSITIONS_BY_POSITIONS = {
    "matmul of a stack",
    "transpose",
    "keep_past",
    "keep_past of a stack",
    "softmax of the past",
}


def body(case, x, s, w):
    """The case; where it gives positions by positions, back to columns of a known number."""
    made = CASES[case](x, s, w)
    return made @ (x * w.n.w) if case in POSITIONS_BY_POSITIONS else made


def drawn(case, values):
    """The case as a graph from x [pos, 6] and s [3, pos, 5] to y, a random seed for y as a table, and its numbers."""
    graph = Graph()
    weights = {"ids": given_table(graph, "ids", (POS,))}
    weights |= {known: given_table(graph, known, axes) for known, axes in GIVEN.items()}
    w = Weights(weights)
    x = name("x", p.rows_of(w.E, w.ids) * p.rows_of(w.F, p.positions(w.ids)))
    s = name("s", x @ w.H)
    y = name("y", body(case, x, s, w))
    shape = y.shape(N)
    seed_values = np.random.default_rng(7).standard_normal(shape)
    wide = Axis("wide", int(np.prod(shape)) // N)
    rows = given_table(graph, "seed", (Axis("n_ctx", N), wide))
    values["seed"] = seed_values.reshape(-1, N, shape[-1]).transpose(1, 0, 2).reshape(N, -1)
    seed = p.rows_of(rows, p.positions(w.ids))
    if len(shape) == 3:
        seed = p.split(seed, sheets=shape[0])
    return graph, seed, seed_values


def value_of_case(case, values, x):
    """The case as plain NumPy, with x given."""
    return body(case, x, x @ values["H"], Weights({"ids": np.array(IDS), **values}))


def slopes(function, at_x, h=1e-5):
    out = np.zeros(at_x.shape)
    for place in itertools.product(*map(range, at_x.shape)):
        step = np.zeros(at_x.shape)
        step[place] = h
        out[place] = (function(at_x + step) - function(at_x - step)) / (2 * h)
    return out


@pytest.mark.parametrize("case", CASES)
def test_every_primitive_and_operation_has_the_slopes_of_central_differences(case):
    values = numbers(3)
    graph, seed, chosen = drawn(case, values)
    draw_gradient(graph, "y", seed, ["x"])
    tables = reference(graph, values, IDS)
    x = tables["x"]
    wanted = slopes(lambda x: float((chosen * value_of_case(case, values, x)).sum()), x)
    assert tables["gradient.x"] == pytest.approx(wanted, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("case", CASES)
def test_every_primitive_and_operation_has_the_gradient_of_pytorch(case):
    """The case's graph once more, primitive by primitive in PyTorch, which finds the gradient by itself."""
    values = numbers(4)
    graph, seed, chosen = drawn(case, values)
    before = list(graph.tables)
    draw_gradient(graph, "y", seed)
    ours = reference(graph, values, IDS)
    theirs = in_torch(before, values)
    (torch.from_numpy(chosen) * theirs[graph.named["y"]]).sum().backward()
    for known in ("x", "s"):
        if gradient_name(known) in graph.named:
            wanted = theirs[graph.named[known]].grad.numpy()
            assert ours[gradient_name(known)] == pytest.approx(wanted, rel=1e-10, abs=1e-10), known


IN_TORCH = {
    "add": torch.add,
    "subtract": torch.subtract,
    "multiply": torch.multiply,
    "divide": torch.divide,
    "maximum": torch.maximum,
    "greater": lambda a, b: (a > b).double(),
    "largest": lambda x: (x == x.amax(-1, keepdim=True)).double(),
    "exp": torch.exp,
    "tanh": torch.tanh,
    "erf": torch.erf,
    "sqrt": torch.sqrt,
    "row_sum": lambda x: x.sum(-1, keepdim=True),
    "row_max": lambda x: x.amax(-1, keepdim=True),
    "kth_largest": lambda x, k: x.topk(k, -1).values[..., -1:],
    "row_mean": lambda x: x.mean(-1, keepdim=True),
    "matmul": torch.matmul,
    "transpose": lambda x: x.transpose(-1, -2),
    "rows_of": lambda table, rows: table[rows.long()],
    "positions": lambda rows: torch.arange(len(rows)),
    "columns": lambda x, start=0, stop=None: x[..., start:stop] * 1,
    "join": lambda *parts: torch.cat(parts if len(parts) > 1 else list(parts[0]), -1),
    "split": lambda x, sheets: torch.stack(x.chunk(sheets, -1)),
    "keep_past": lambda x: torch.where(torch.ones_like(x).tril().bool(), x, torch.tensor(primitives.MASK).double()),
}


def in_torch(tables, values, ids=IDS):
    """Every table of a graph, worked out by PyTorch with gradients kept for the named ones."""
    found = {}
    for table in tables:
        kind = table.primitive.name
        if kind == "given":
            number = np.array(ids) if table.row_axis is not None else values.get(table.name, np.zeros(1))
            found[table] = torch.from_numpy(np.array(number)).requires_grad_(table.row_axis is None)
        elif kind == "number":
            found[table] = torch.tensor(table.options["value"], dtype=torch.float64)
        else:
            found[table] = IN_TORCH[kind](*(found[before] for before in table.inputs), **table.options)
            if table.name is not None and found[table].requires_grad:
                found[table].retain_grad()
    return found


def test_every_primitive_has_a_rule_or_no_slope():
    without = {kind for kind, _ in STEPS} | {"given", "number"}
    assert set(RULES) | without == set(PRIMITIVES)


@pytest.mark.parametrize("kernels", [True, False])
@pytest.mark.parametrize("case", CASES)
def test_the_engine_gives_the_reference_s_gradients_whichever_rows_are_asked_for_first(case, kernels):
    values = numbers(5)
    graph, seed, _ = drawn(case, values)
    names = draw_gradient(graph, "y", seed)
    expected = reference(graph, values, IDS)
    order = np.random.default_rng(len(case)).permutation(
        [(place, row) for place in range(len(names)) for row in range(N)]
    )
    program = Program(graph, values, kernels=kernels)
    evaluation = Evaluation(program, np.array(IDS), np.dtype("float64"))
    for place, row in order:
        found = evaluation.read(graph.named[names[place]], row, row + 1)
        assert_close(found, expected[names[place]][..., row : row + 1, :], 1e-12, names[place])
    for known in graph.named:
        assert_close(evaluation.read(graph.named[known], 0, N), expected[known], 1e-12, known)


# Whole models -------------------------------------------------------------------------------------------------------


@settings(max_examples=12, deadline=None)
@given(tiny=tinies(), data=st.data())
def test_every_gradient_in_a_random_model_is_that_of_pytorch(tiny, data):
    model = model_of(tiny)
    ids = data.draw(st.lists(st.integers(0, tiny.d_vocab - 1), min_size=1, max_size=tiny.n_ctx))
    position = data.draw(st.integers(-len(ids), len(ids) - 1))
    token, against = (
        data.draw(st.integers(0, tiny.d_vocab - 1)),
        data.draw(st.none() | st.integers(0, tiny.d_vocab - 1)),
    )
    trace = trace_gradient(model, ids, token, against, position, dtype="float64")
    wide = {known: array.astype(np.float64) for known, array in model.weights.items()}
    theirs = in_torch(model.graph.tables, wide, ids)
    logits = theirs[model.graph.named["logits"]][position]
    (logits[token] - (logits[against] if against is not None else 0)).backward()
    names = [known for known in trace.names() if known.startswith("gradient.")]
    assert set(names) == {gradient_name(known) for known in model.graph.named} - {"gradient.probabilities"}
    for known in data.draw(st.permutations(names)):
        table = theirs[model.graph.named[known.removeprefix("gradient.")]]
        wanted = np.zeros(table.shape) if table.grad is None else table.grad.numpy()
        size = max(np.abs(wanted).max(), 1e-3)
        assert np.abs(trace[known] - wanted).max() <= 1e-9 * size, known


@settings(max_examples=6, deadline=None)
@given(tiny=tinies(), seed=st.integers(0, 99))
def test_the_gradient_of_transformers_own_model_is_ours(tiny, seed):
    theirs, model = pair(tiny)
    ids = random_ids(tiny, 7, seed)
    double = theirs.double()
    kept = {}
    hooks = [
        block.register_forward_hook(
            lambda _, __, out, i=i: kept.__setitem__(i, out[0] if isinstance(out, tuple) else out)
        )
        for i, block in enumerate(double.transformer.h)
    ]
    logits = double(torch.tensor([ids])).logits[0]
    for stream in kept.values():
        stream.retain_grad()
    logits[4, 3].backward()
    trace = trace_gradient(model, ids, 3, None, 4, dtype="float64")
    for i, stream in kept.items():
        assert_close(trace[f"gradient.blocks.{i}.resid_post"], stream.grad.numpy().reshape(7, -1), 1e-9, str(i))
    for hook in hooks:
        hook.remove()
    double.zero_grad()
    theirs.float()


@pytest.fixture(scope="module")
def trace():
    return trace_gradient(model_of(Tiny(heads=3, d_head=4, activation="gelu")), [3, 1, 4, 1, 5], 7, 2, dtype="float64")


@settings(max_examples=120, deadline=None)
@given(data=st.data())
def test_a_gradient_is_explained_by_terms_that_add_up_to_it(trace, data):
    known = data.draw(st.sampled_from([known for known in trace.names() if known.startswith(("gradient.", "choice."))]))
    index = tuple(data.draw(st.integers(0, size - 1)) for size in trace.shape(known))
    explanation = trace.explain(known, *index)
    assert explanation.value == trace[known][index]
    assert sum(term.value for term in explanation.terms) == pytest.approx(explanation.value, rel=1e-9, abs=1e-12)
    assert str(explanation)


def test_a_gradient_says_in_words_what_it_is_and_what_was_chosen(trace):
    said = trace.explain("gradient.blocks.0.attn.q", 1, 2, 3)
    assert said.sentence == "How far what was asked about moves for each unit that blocks.0.attn.q is moved."
    assert "asked about" in trace.explain("choice.token", 0, 7).sentence


def test_gradients_are_worked_out_only_when_asked_for():
    trace = trace_gradient(model_of(Tiny()), [3, 1, 4, 1, 5], 7)
    trace["logits"]
    assert not any((table.name or "").startswith("gradient.") for table in trace._evaluation.stores)
    trace.rows("gradient.blocks.1.mlp.post", -1)
    worked_out = {table.name for table in trace._evaluation.stores}
    assert "gradient.blocks.0.resid_pre" not in worked_out and "gradient.blocks.1.attn.q" not in worked_out


def test_a_small_step_moves_the_logit_as_its_gradient_says(trace):
    step = 1e-6
    for known, index in [("embed", (0, 2)), ("blocks.0.attn.k", (1, 0, 3)), ("blocks.1.mlp.pre", (4, 5))]:

        def moved(by, known=known, index=index):
            logits = trace.edit(known, index, add=by)["logits"][-1]
            return logits[7] - logits[2]

        slope = (moved(step) - moved(-step)) / (2 * step)
        assert slope == pytest.approx(trace[f"gradient.{known}"][index], rel=1e-6, abs=1e-9), known


def test_an_edit_of_a_number_a_gradient_or_the_choice_itself_changes_the_gradients_that_follow(trace):
    model = model_of(Tiny(heads=3, d_head=4, activation="gelu"))
    edited = trace.edit("blocks.0.resid_mid", (1, 2), add=0.5)
    fresh = trace_gradient(model, [3, 1, 4, 1, 5], 7, 2, dtype="float64").edit("blocks.0.resid_mid", (1, 2), add=0.5)
    trace["gradient.embed"]  # is there already when the edit comes
    for known in ("gradient.embed", "gradient.blocks.1.attn.pattern"):
        assert_close(edited[known], fresh[known], 1e-12, known)
        assert np.abs(edited[known] - trace[known]).max() > 1e-9
    doubled = trace.edit("gradient.blocks.0.resid_post", scale=2.0)
    assert_close(doubled["gradient.embed"], 2 * trace["gradient.embed"], 1e-12, "embed")
    other = trace.edit("choice.token", (0, 2), value=0.0)
    assert_close(
        other["gradient.embed"],
        trace_gradient(model, [3, 1, 4, 1, 5], 7, dtype="float64")["gradient.embed"],
        1e-6,
        "embed",
    )


def test_a_token_after_the_chosen_one_has_gradient_zero_and_appending_keeps_it_so():
    trace = trace_gradient(model_of(Tiny()), [3, 1, 4, 1, 5], 7, position=2, dtype="float64")
    before = np.array(trace["gradient.blocks.0.resid_pre"])
    assert not before[3:].any() and before[:3].any()
    after = trace.append([2, 2])["gradient.blocks.0.resid_pre"]
    assert_close(after[:5], before, 1e-12, "resid_pre")
    assert not after[5:].any()


# What is left open, and what is refused ----------------------------------------------------------------------------------


def gradient_of(body, array):
    """The gradient of the sum of `body(x)` at x [1, n]."""
    graph = Graph()
    ids = given_table(graph, "ids", (POS,))
    n = Axis("n", array.shape[-1])
    x = name("x", p.rows_of(given_table(graph, "E", (Axis("d_vocab", 1), n)), ids))
    y = name("y", body(x))
    ones = p.rows_of(given_table(graph, "ones", (Axis("d_vocab", 1), y.axes[-1])), ids)
    draw_gradient(graph, "y", ones)
    return reference(graph, {"E": array, "ones": np.ones((1, y.axes[-1].size))}, [0])["gradient.x"]


def test_equal_largest_numbers_share_the_gradient_and_the_second_of_two_equal_ones_has_it():
    assert gradient_of(p.row_max, np.array([[2.0, 5.0, 5.0, 1.0]])).tolist() == [[0.0, 0.5, 0.5, 0.0]]
    assert gradient_of(operations.relu, np.array([[-1.0, 0.0, 2.0]])).tolist() == [[0.0, 0.0, 1.0]]


def small():
    graph = Graph()
    ids = given_table(graph, "ids", (POS,))
    x = name("x", p.rows_of(given_table(graph, "E", GIVEN["E"]), ids))
    name("beside", x * 2)
    return graph, x, name("y", x * x)


@pytest.mark.parametrize(
    ("output", "names", "said"),
    [
        ("z", None, "no worked-out table named z"),
        ("y", ["beside"], "y does not depend on it"),
        ("y", ["nonsense"], "no worked-out table of this name"),
        ("y", ["E"], "no worked-out table of this name"),
    ],
)
def test_what_has_no_gradient_is_refused_with_the_reason(output, names, said):
    graph, x, _ = small()
    with pytest.raises(InputError, match=said):
        draw_gradient(graph, output, x, names)


def test_a_seed_of_another_shape_and_a_second_gradient_of_the_same_name_are_refused():
    graph, x, _ = small()
    with pytest.raises(InputError, match="must be the same"):
        draw_gradient(graph, "y", p.row_sum(x))
    draw_gradient(graph, "y", x)
    with pytest.raises(InputError, match="drawn already"):
        draw_gradient(graph, "y", x)


def test_rows_looked_up_in_a_table_that_is_worked_out_are_refused():
    graph, x, _ = small()
    name("looked_up", p.rows_of(x, graph.weights["ids"]))
    with pytest.raises(InputError, match="looks rows up"):
        draw_gradient(graph, "looked_up", x)


@pytest.mark.parametrize(
    ("token", "against", "position", "kind"),
    [
        (23, None, -1, InputError),
        (-1, None, -1, InputError),
        (1, 99, -1, InputError),
        (1, None, 3, OutsideTable),
        ("He", None, 0, InputError),
    ],
)
def test_a_choice_outside_the_model_or_the_prompt_is_refused(token, against, position, kind):
    with pytest.raises(kind, match=r"vocabulary|prompt|tokenizer"):
        trace_gradient(model_of(Tiny()), [1, 2, 3], token, against, position)


BY_HAND = {
    "a row set": [("blocks.1.resid_pre", (2,), {"value": 0.5})],
    "numbers set and then added to": [
        ("blocks.0.resid_post", (slice(1, 3), 4), {"value": [0.1, -2.0]}),
        ("blocks.0.resid_post", (2,), {"add": np.linspace(-1, 1, 8)}),
    ],
    "a head silenced": [("blocks.1.attn.z", (1,), {"scale": 0.0})],
    "a head at half strength, twice": [("blocks.1.attn.z", (1,), {"scale": 0.5}), ("blocks.1.attn.z", (1, 3), {"scale": -3.0})],
    "a weight of attention set": [("blocks.1.attn.pattern", (0, 3, 1), {"value": 0.9})],
    "a score set": [("blocks.1.attn.scores", (1, 4, slice(0, 3)), {"value": 0.2})],
    "a look ahead": [("blocks.1.attn.pattern", (0, 1, 3), {"value": 0.7})],
    "a norm's scale": [("blocks.1.ln1.scale", (3,), {"value": 1.3}), ("ln_final.scale", (4,), {"scale": 2.0})],
    "a norm's scale made larger": [("blocks.1.ln1.scale", (3,), {"add": 1.3}), ("blocks.0.ln2.scale", (slice(None),), {"add": 0.4})],
    "more of a pattern": [("blocks.1.attn.pattern", (0, 3, slice(0, 3)), {"add": 0.4}), ("blocks.0.attn.pattern", (1,), {"scale": 0.5})],
    "neurons made stronger": [("blocks.0.mlp.post", (slice(None), slice(0, 9)), {"add": 0.3}), ("blocks.1.mlp.post", (2,), {"scale": 1.7})],
    "neurons": [("blocks.0.mlp.post", (slice(None), slice(0, 9)), {"value": 0.3})],
    "steered": [("blocks.0.resid_post", (slice(None),), {"add": np.linspace(-1, 1, 8)})],
    "a weight": [("blocks.0.attn.W_V", (0,), {"scale": 0.5}), ("ln_final.w", (slice(None), 2), {"value": 2.0})],
    "a token": [("ids", (1,), {"value": 7})],
}  # fmt: skip


@pytest.mark.parametrize("activation", ["gelu_new", "tanh"])
@pytest.mark.parametrize("edits", BY_HAND.values(), ids=BY_HAND)
def test_the_gradients_of_an_edited_trace_are_what_small_steps_of_it_do(edits, activation):
    model = model_of(Tiny(layers=3, heads=2, d_head=4, activation=activation))
    plain = model.trace([1, 2, 3, 4, 5], dtype="float64")
    for known, index, change in edits:
        plain = plain.edit(known, index, **change)
    slopes = trace_gradient(model, plain, 3, 6)
    random = np.random.default_rng(1)

    def moved(known, step):
        logits = plain.edit(known, add=step)["logits"][-1]
        return logits[3] - logits[6]

    tables = ["embed", "blocks.0.attn.z", "blocks.0.mlp.pre", "blocks.1.attn.k", "blocks.1.mlp.post", "blocks.2.attn.v"]
    for known in [*tables, *(one for one, _, _ in edits if one in plain.names())]:
        for _ in range(3):
            step = 1e-6 * random.standard_normal(plain.shape(known))
            if known.endswith(("scores", "pattern")):
                step = step * np.tri(*step.shape[-2:])
            wanted = (moved(known, step) - moved(known, -step)) / 2e-6
            found = float((slopes[f"gradient.{known}"] * step).sum()) / 1e-6
            assert found == pytest.approx(wanted, rel=1e-5, abs=1e-7), known


@pytest.mark.parametrize("known", ["attn.scores", "attn.pattern", "ln1.scale", "mlp.pre"])
def test_an_edit_inside_an_operation_shows_where_gradients_are_drawn_as_it_does_without(known):
    model, ids = model_of(Tiny()), [3, 1, 4, 1, 5]
    edit = {"name": f"blocks.0.{known}", "index": (..., 3, 0), "value": 0.8}
    plain = model.trace(ids, dtype="float64").edit(**edit)
    for trace in (trace_gradient(model, ids, 7, dtype="float64").edit(**edit), trace_gradient(model, plain, 7)):
        assert_close(trace["logits"], plain["logits"], 1e-12, known)
        assert_close(
            trace.edit(**edit | {"value": 0.3})["logits"], plain.edit(**edit | {"value": 0.3})["logits"], 1e-12, known
        )


def test_what_comes_before_a_number_that_is_set_has_no_slope_through_it():
    model = model_of(Tiny())
    plain = model.trace([3, 1, 4], dtype="float64").edit("blocks.1.resid_pre", value=0.5)
    slopes = trace_gradient(model, plain, 7)
    assert np.abs(slopes["gradient.blocks.1.resid_pre"]).max() > 0.01
    assert not slopes["gradient.blocks.0.resid_post"].any() and not slopes["gradient.embed"].any()

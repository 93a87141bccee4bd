"""The formula reading: every primitive and every operation, worked out by LibreOffice, gives the reference's numbers."""

import numpy as np
import pytest
from sheets import start_office

from workings.language import operations, primitives
from workings.language.names import Weights, at, name
from workings.language.primitives import GIVEN, POS, PRIMITIVES, given
from workings.language.tables import Axis, Graph
from workings.readings.formula import Formulas, NoFormula, Place
from workings.readings.reference import reference
from workings.workbook.package import write_package
from workings.workbook.page import Block, Page
from workings.workbook.references import on_page, span

N = 4
SIX, FIVE, HEADS = Axis("six", 6), Axis("five", 5), Axis("head", 3)
IDS = [2, 0, 5, 2]
rng = np.random.default_rng(0)


def numbers(*shape):
    return rng.standard_normal(shape).astype(np.float32)


WEIGHTS = {
    "E": (numbers(7, 6), (Axis("d_vocab", 7), SIX)),
    "F": (numbers(9, 6), (Axis("n_ctx", 9), SIX)),
    "W": (numbers(6, 5), (SIX, FIVE)),
    "b": (numbers(1, 5), (Axis("1", 1), FIVE)),
    "n.w": (numbers(1, 6), (Axis("1", 1), SIX)),
    "n.b": (numbers(1, 6), (Axis("1", 1), SIX)),
    "a.W_Q": (numbers(3, 6, 5), (HEADS, SIX, FIVE)),
    "a.W_K": (numbers(3, 6, 5), (HEADS, SIX, FIVE)),
    "a.W_V": (numbers(3, 6, 5), (HEADS, SIX, FIVE)),
    "a.b_Q": (numbers(3, 1, 5), (HEADS, Axis("1", 1), FIVE)),
    "a.b_K": (numbers(3, 1, 5), (HEADS, Axis("1", 1), FIVE)),
    "a.b_V": (numbers(3, 1, 5), (HEADS, Axis("1", 1), FIVE)),
    "a.W_O": (numbers(15, 6), (Axis("head*five", 15), SIX)),
    "a.b_O": (numbers(1, 6), (Axis("1", 1), SIX)),
    "m.W_in": (numbers(6, 5), (SIX, FIVE)),
    "m.b_in": (numbers(1, 5), (Axis("1", 1), FIVE)),
    "m.W_out": (numbers(5, 6), (FIVE, SIX)),
    "m.b_out": (numbers(1, 6), (Axis("1", 1), SIX)),
}


def everything(ids, w):
    """A model that uses every primitive and every operation; `x` is [pos, 6]."""
    p, o = primitives, operations
    x = name("x", p.rows_of(w.E, ids))
    name("pos", p.rows_of(w.F, p.positions(ids)))
    y = name("y", p.matmul(x, w.W))
    for kind in ("exp", "tanh", "erf", "row_sum", "row_max", "row_mean"):
        name(kind, getattr(p, kind)(x))
    name("sqrt", p.sqrt(x * x))
    name("signs", 2 - (x + 1) * (x - -3) / 4)
    name("maximum", p.maximum(x, -0.25))
    name("largest", p.largest(p.rows_of(w.E, ids)))
    name("greater", p.greater(x, -0.25))
    name("kth_largest", p.kth_largest(x * x, k=3))
    name("top_k", o.top_k(x, 3))
    name("jump_relu", o.jump_relu(x, w.n.w))
    name("gated_relu", o.gated_relu(x, x * w.n.w))
    name("split", p.split(x, sheets=3))
    name("columns", p.columns(x, start=1, stop=4))
    name("again", p.columns(x))
    name("transpose", p.matmul(x, p.transpose(w.E)))
    scores = name("scores", p.keep_past(p.matmul(x, p.transpose(x))))
    name("softmax", o.softmax(scores))
    name("square", o.square(x))
    name("linear", o.linear(x, w.W, w.b))
    mean = name("own mean", p.row_mean(x))
    scale = name("own scale", o.deviation(x, mean, 1e-5))
    name("own normalized", o.standardize(x, mean, scale, w.n.w, w.n.b))
    normalized = o.layer_norm(x, w.n)
    name("own attention scores", o.attention_scores(y, y, 0.5))
    with at("alone"):
        o.attention(y, y, y)
    name("attn_out", o.self_attention(normalized, w.a, 0.4))
    for kind, activation in o.ACTIVATIONS.items():
        name(f"activation {kind}", activation(x))
    name("mlp_out", o.mlp(x, w.m, "relu"))
    name("logits", o.unembed(x, p.transpose(w.E)))
    pattern = name("own pattern", o.attention_pattern(scores))
    name("given away", p.transpose(pattern) @ y)
    return name("weighed", o.weigh_values(pattern, y))


@pytest.fixture(scope="module")
def graph():
    graph = Graph()
    ids = given(graph, "ids", (POS,))
    weights = {known: given(graph, known, axes) for known, (_, axes) in WEIGHTS.items()}
    everything(ids, Weights(weights))
    return graph


@pytest.fixture(scope="module")
def expected(graph):
    return reference(graph, {known: array for known, (array, _) in WEIGHTS.items()}, IDS)


def lay_down(graph, turned):
    """Every named table and weight below one another on one page; all of them turned, if asked."""
    places, row = {}, 2
    for table in (*graph.weights.values(), *graph.named.values()):
        if len(table.axes) < 2 or table in places:
            continue
        shape = table.shape(N)
        sheets, rows, columns = (1,) * (3 - len(shape)) + shape
        turn = turned and sheets == 1
        rows, columns = (columns, rows) if turn else (rows, columns)
        places[table] = Place("All", row, 1, rows, columns, turn, columns, sheets)
        row += rows + 1
    return places


def as_it_lies(values, place):
    if values.ndim == 3:
        return values.transpose(1, 0, 2).reshape(values.shape[1], -1)
    return values.T if place.turned else values


@pytest.fixture(scope="module")
def office():
    with start_office() as office:
        yield office


@pytest.mark.parametrize("turned", [False, True])
def test_libreoffice_works_every_primitive_and_operation_out_as_the_reference_does(
    graph, expected, office, tmp_path, turned
):
    places = lay_down(graph, turned)
    if turned:  # masks and cuts of turned tables are not needed anywhere, and say so
        places = {
            table: p
            for table, p in places.items()
            if not table.columns_are_positions and table.name not in ("columns", "split")
        }
    page = Page("All")
    page.blocks.append(Block(0, 1, np.array([IDS], np.float64)))
    formulas = Formulas(places, lambda position: span(0, 1 + position, 1, 1), N)
    refer = lambda place: span(place.row, place.column, place.rows, place.columns)  # noqa: E731
    checked = {}
    for table, place in places.items():
        given_here = table.primitive is GIVEN
        values = WEIGHTS[table.name][0] if given_here else np.zeros(table.shape(N), np.float32)
        made = {}
        if not given_here:
            try:
                for sheet in range(place.sheets):
                    for row in range(N):
                        where = (0, row) if place.turned else (row, sheet * place.apart)
                        size = (place.rows, 1) if place.turned else (1, place.columns)
                        made[where] = (formulas.row(table, sheet, row, refer), *size)
            except NoFormula:
                assert turned
                continue
            checked[table.name] = place
        page.blocks.append(Block(place.row, place.column, as_it_lies(values, place), made))
    write_package(tmp_path / "all.xlsx", [page])
    office.open(tmp_path / "all.xlsx")
    for known, place in checked.items():
        cells = office.values("All", place.row, place.column, place.rows, place.sheets * place.columns)
        wanted = as_it_lies(expected[known], place)
        assert np.array(cells, np.float64) == pytest.approx(wanted, rel=1e-6, abs=1e-6), known
    if not turned:
        assert len(checked) == len(graph.named)


def test_the_model_above_uses_every_primitive_and_every_operation(graph):
    used = {table.primitive.name for table in graph.tables}
    assert used == set(PRIMITIVES)
    operations_used = {call.name for call in graph.calls}
    public = {known for known in operations.__all__ if known.islower()} - {"operation"}
    assert public <= operations_used


def test_a_step_that_no_formula_can_read_says_which_table_needs_a_place(graph):
    table = graph.named["transpose"]
    places = lay_down(graph, turned=False)
    without = {known: place for known, place in places.items() if known.name != "E"}
    with pytest.raises(NoFormula, match="x"):
        Formulas(without, lambda _: "B1", N).row(graph.named["x"], 0, 0, lambda _: "B2")
    assert "MMULT" in Formulas(places, lambda _: "B1", N).row(table, 0, 0, lambda place: on_page(place.page, "B2"))

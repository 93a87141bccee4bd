"""Attribution: the parts add up to the logit, and each is what the part alone writes towards the token."""

import json

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.tiny import Tiny, model_of, tinies

import workings
from workings.anatomy.attribution import attribution
from workings.engine.evaluation import Evaluation
from workings.engine.program import Program
from workings.engine.trace import Trace
from workings.errors import InputError, OutsideTable
from workings.language.names import Weights, name
from workings.language.operations import attention, relu
from workings.language.primitives import POS, join, matmul, positions, rows_of
from workings.language.primitives import given as given_table
from workings.language.tables import Axis, Graph


def added_up(part):
    return sum(inner.value for inner in part.parts)


@settings(max_examples=20, deadline=None)
@given(tiny=tinies(), data=st.data())
def test_the_parts_add_up_to_the_logit_and_their_parts_to_them(tiny, data):
    ids = data.draw(st.lists(st.integers(0, tiny.d_vocab - 1), min_size=1, max_size=tiny.n_ctx))
    token, against = (
        data.draw(st.integers(0, tiny.d_vocab - 1)),
        data.draw(st.none() | st.integers(0, tiny.d_vocab - 1)),
    )
    against = None if against == token else against
    position = data.draw(st.integers(0, len(ids) - 1))
    trace = model_of(tiny).trace(ids, dtype="float64")
    found = attribution(trace, token, against, position)
    row = trace["logits"][position]
    assert found.total == row[token] - (row[against] if against is not None else 0)
    assert added_up(found) == pytest.approx(found.total, rel=1e-9, abs=1e-9)
    for part in found.parts:
        if part.parts:
            assert added_up(part) == pytest.approx(part.value, rel=1e-9, abs=1e-9), part.name


@settings(max_examples=10, deadline=None)
@given(tiny=tinies())
@example(tiny=Tiny(layers=1, heads=1, d_head=2, d_mlp=1, d_vocab=11, n_ctx=12))
@example(tiny=Tiny(layers=1, heads=1, d_head=4, d_mlp=1, activation="silu"))
def test_each_part_is_what_it_wrote_seen_through_the_final_norm_as_it_stands(tiny):
    """The definition, by hand: (what was written, less its mean) / scale * w, towards the token's column."""
    model = model_of(tiny)
    trace = model.trace([1, 2, 3, 4], dtype="float64")
    w = {known: array.astype(np.float64) for known, array in model.weights.items()}
    column = w["W_E"][5] if tiny.tied else w["W_U"][:, 5]

    def towards(vector):
        return float(((vector - vector.mean()) / trace["ln_final.scale"][3, 0] * w["ln_final.w"][0]) @ column)

    found = attribution(trace, 5, position=3)
    d_head = tiny.d_head
    wanted = {"embed": towards(trace["embed"][3]), "pos_embed": towards(trace["pos_embed"][3])}
    for block in range(tiny.layers):
        at = f"blocks.{block}"
        for head in range(tiny.heads):
            matrix = w[f"{at}.attn.W_O"][head * d_head : (head + 1) * d_head]
            wanted[f"L{block}H{head}"] = towards(trace[f"{at}.attn.z"][head, 3] @ matrix)
            brought = trace[f"{at}.attn.pattern"][head, 3, 1] * trace[f"{at}.attn.v"][head, 1]
            wanted[f"L{block}H{head} <- 1"] = towards(brought @ matrix)
        wanted[f"{at}.attn.b_O"] = towards(w[f"{at}.attn.b_O"][0])
        post = trace[f"{at}.mlp.post"][3]
        wanted[f"{block}_mlp_out"] = towards(post @ w[f"{at}.mlp.W_out"])
        wanted[f"L{block}N0"] = towards(post[0] * w[f"{at}.mlp.W_out"][0])
        wanted[f"{at}.mlp.b_out"] = towards(w[f"{at}.mlp.b_out"][0])
    wanted["ln_final.b"] = float(w["ln_final.b"][0] @ column)
    for known, value in wanted.items():
        if known.endswith("<- 1") and trace[f"blocks.{known[1]}.attn.pattern"][int(known[3]), 3, 1] == 0:
            continue
        assert found[known].value == pytest.approx(value, rel=1e-9, abs=1e-9), known
    assert [part.name for part in found.parts] == [known for known in wanted if "N0" not in known and "<-" not in known]


def test_addresses_are_rows_and_cells_of_the_trace_that_can_be_explained():
    trace = model_of(Tiny()).trace([1, 2, 3], dtype="float64")
    found = attribution(trace, 5)
    assert str(found["L1H2"].address) == "blocks.1.attn.z[2, 2]"
    assert str(found["L1H2 <- 0"].address) == "blocks.1.attn.pattern[2, 2, 0]"
    assert str(found["L0N7"].address) == "blocks.0.mlp.post[2, 7]"
    assert str(found["ln_final.b"].address) == "ln_final.b[0]"
    for known in ("L1H2 <- 0", "L0N7"):
        address = found[known].address
        assert trace.explain(address.name, *address.index).value == trace[address.name][address.index]


def drawn(body, weights):
    """A trace of a model written by hand, whose logits `body` gives; weights are [rows, columns] or [head, rows, columns]."""
    graph = Graph()
    ids = given_table(graph, "ids", (POS,))
    labels = ("head", "row", "column")
    tables = {
        known: given_table(
            graph,
            known,
            tuple(Axis(labels[place + 3 - array.ndim] + str(size), size) for place, size in enumerate(array.shape)),
        )
        for known, array in weights.items()
    }
    name("logits", body(ids, Weights(dict(tables))))
    return Trace(Evaluation(Program(graph, weights), np.array([2, 0, 1]), np.dtype("float64")), 8)


def test_an_additive_model_is_taken_apart_exactly():
    """Logits are embedding + position + bias: what each adds can be read off."""
    weights = {
        "W_E": np.array([[1.0, 2.0], [3.0, 5.0], [7.0, 11.0]]),
        "W_pos": np.array([[0.5, 0.25]] * 8),
        "b_U": np.array([[100.0, 200.0]]),
    }

    def body(ids, w):
        return name("embed", rows_of(w.W_E, ids)) + name("pos_embed", rows_of(w.W_pos, positions(ids))) + w.b_U

    trace = drawn(body, weights)
    assert [(part.name, part.value) for part in attribution(trace, 1).parts] == [
        ("embed", 5.0),
        ("pos_embed", 0.25),
        ("b_U", 200.0),
    ]
    assert [(part.name, part.value) for part in attribution(trace, 1, against=0, position=0).parts] == [
        ("embed", 4.0),
        ("pos_embed", -0.25),
        ("b_U", 100.0),
    ]


def test_heads_and_neurons_of_a_model_without_norms_have_their_own_numbers():
    """One layer by hand: two heads that look at all before alike, then two neurons, of which one is off."""
    weights = {
        "W_E": np.array([[1.0, 0.0], [0.0, 1.0], [2.0, -1.0]]),
        "zero": np.zeros((2, 2, 2)),
        "W_V": np.array([[[1.0, 0.0], [0.0, 1.0]], [[-1.0, 0.0], [0.0, -1.0]]]),
        "W_O": np.array([[1.0, 0.0], [0.0, 1.0], [0.5, 0.0], [0.0, 0.5]]),
        "W_in": np.array([[1.0, -1.0], [1.0, -1.0]]),
        "W_out": np.array([[3.0, 0.0], [0.0, 4.0]]),
    }

    def body(ids, w):
        x = name("embed", rows_of(w.W_E, ids))
        z = attention(matmul(x, w.zero), matmul(x, w.zero), matmul(x, w.W_V), 1.0)
        mid = x + matmul(join(z), w.W_O)
        post = name("post", relu(matmul(mid, w.W_in)))
        return mid + matmul(post, w.W_out)

    found = attribution(drawn(body, weights), 0, position=2)
    # the mean of the embeddings is [1, 0]: head 0 writes [1, 0], head 1 [-0.5, 0]; mid is [0.5, 1]; neuron 0 is at 1.5
    assert {part.name: round(part.value, 12) for part in found.parts} == {
        "embed": 0.0,
        "z[0]": 1.0,
        "z[1]": -0.5,
        "post": 4.5,
    }
    assert [round(part.value, 12) for part in found["z[0]"].parts] == [round(2 / 3, 12), round(1 / 3, 12), 0.0]
    assert [part.value for part in found["post"].parts] == [4.5, 0.0]


def test_edits_are_in_force():
    trace = model_of(Tiny()).trace([1, 2, 3], dtype="float64").edit("blocks.0.attn.z", (1, 2), value=0.0)
    found = attribution(trace, 5)
    assert found["L0H1"].value == 0.0
    assert added_up(found) == pytest.approx(found.total, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("change", [{"add": 1.5}, {"value": 0.0}, {"scale": -2.0}])
@pytest.mark.parametrize(
    "known",
    ["blocks.0.resid_post", "blocks.1.resid_pre", "blocks.1.attn_out", "ln_final.normalized", "logits", "embed"],
)
def test_what_was_changed_by_hand_in_the_stream_is_a_part_of_its_own(known, change):
    trace = model_of(Tiny()).trace([1, 2, 3], dtype="float64").edit(known, (2, slice(None)), **change)
    found = attribution(trace, 5, 3)
    assert added_up(found) == pytest.approx(found.total, rel=1e-9, abs=1e-9)
    by_hand = [part.name for part in found.parts if part.name.startswith("edit of")]
    assert by_hand == ([] if known == "embed" else [f"edit of {known}"])


TABLES = ["attn.z", "attn.v", "attn.pattern", "attn.scores", "attn_out", "mlp.post", "mlp.pre", "mlp_out", "resid_mid"]


@pytest.mark.parametrize("change", [{"add": 0.5}, {"value": 0.0}, {"value": 0.3}, {"scale": -2.0}])
@pytest.mark.parametrize("known", TABLES)
def test_parts_of_parts_add_up_whatever_is_edited(known, change):
    """Whole rows, and then one number of a row once more."""
    trace = model_of(Tiny()).trace([1, 2, 3], dtype="float64").edit(f"blocks.1.{known}", ..., **change)
    last = (*(0,) * (len(trace.shape(f"blocks.1.{known}")) - 2), 2, 1)
    for edited in (trace, trace.edit(f"blocks.1.{known}", last, add=0.7)):
        found = attribution(edited, 5, 3)
        for part in (found, *(part for part in found.parts if part.parts)):
            value = part.total if part is found else part.value
            assert added_up(part) == pytest.approx(value, rel=1e-9, abs=1e-9), part


def test_sources_of_a_head_that_is_edited_are_what_is_left_of_them():
    plain = model_of(Tiny()).trace([1, 2, 3], dtype="float64")
    at, sources = ("blocks.1.attn.z", (2, -1)), [f"L1H2 <- {place}" for place in range(3)]
    value = {
        part.name: part.value
        for part in attribution(plain.edit("ln_final.scale", value=plain["ln_final.scale"]), 5)["L1H2"].parts
    }
    assert list(value) == sources

    def parts_of(trace):
        # the scale as it was, so that what was not edited keeps its value
        found = attribution(trace.edit("ln_final.scale", value=plain["ln_final.scale"]), 5)["L1H2"]
        return {part.name: pytest.approx(part.value, rel=1e-9) for part in found.parts}, found

    for change in ({"value": 0.0}, {"value": plain["blocks.1.attn.z"][0, 0]}):  # knocked out, and patched
        parts, found = parts_of(plain.edit(*at, **change))
        assert list(parts) == ["edit of blocks.1.attn.z"] and found.value == parts["edit of blocks.1.attn.z"]
        assert str(found.parts[0].address) == "blocks.1.attn.z[2, 2]"
    parts, found = parts_of(plain.edit(*at, scale=3.0))
    assert parts == {name: 3 * each for name, each in value.items()}
    parts, found = parts_of(plain.edit(*at, add=1.0))
    assert list(parts) == [*sources, "edit of blocks.1.attn.z"] and all(parts[name] == value[name] for name in sources)
    parts, found = parts_of(plain.edit("blocks.1.attn.z", (1, -1), value=0.0))
    assert parts == value  # another head's


def test_knocked_out_storybook_heads_bring_nothing_from_anywhere():
    trace = workings.load("storybook").trace("Mike is a chef. Anna is a Jedi. She picked up her")
    out = attribution(workings.knock_out(trace, "blocks.2.attn.z", head=0), " lightsaber", " phone")["L2H0"]
    assert [(part.name, part.value) for part in out.parts] == [("edit of blocks.2.attn.z", 0.0)]


def test_an_attribution_is_ready_for_json_and_sorted_when_asked():
    found = attribution(model_of(Tiny()).trace([1, 2, 3]))
    document = json.loads(json.dumps(found.to_dict()))
    assert document["total"] == found.total and document["parts"][0]["name"] == "embed"
    values = [part.value for part in found.sorted()]
    assert values == sorted(values, reverse=True)
    with pytest.raises(KeyError, match="L9H9"):
        found["L9H9"]


def test_what_is_outside_is_refused():
    trace = model_of(Tiny()).trace([1, 2, 3])
    with pytest.raises(InputError, match="vocabulary"):
        attribution(trace, 23)
    with pytest.raises(InputError, match="the token and the one against it are both '5'; give two"):
        attribution(trace, 5, 5)
    with pytest.raises(InputError, match="which is the likeliest and so is asked about; give two"):
        attribution(trace, None, int(trace["logits"][-1].argmax()))
    with pytest.raises(OutsideTable, match="positions 0 to 2"):
        attribution(trace, 2, position=3)

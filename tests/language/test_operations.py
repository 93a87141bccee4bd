"""Operations can be tried on plain lists and arrays, and every word that people read is defined once."""

from pathlib import Path

import numpy as np
import pytest

from tiny import Tiny, model_of
from workings.language import glossary, operations
from workings.language.operations import attention, gelu, gelu_new, layer_norm, relu, silu, softmax
from workings.language.primitives import PRIMITIVES, keep_past, matmul
from workings.language.tables import axis_labels


def test_softmax_of_a_list_gives_shares_that_add_up_to_one():
    shares = softmax([1, 2, 3])
    assert shares.sum() == pytest.approx(1)
    assert shares[2] / shares[1] == pytest.approx(np.e)


def test_attention_on_plain_arrays_looks_only_back():
    z = attention([[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [0.0, 1.0]], [[5.0, 0.0], [0.0, 7.0]])
    assert z[0].tolist() == [5.0, 0.0]
    assert 0 < z[1, 0] < z[1, 1]


def test_attention_takes_a_stack_of_heads():
    q = np.random.default_rng(0).standard_normal((3, 4, 2))
    stacked = attention(q, q, q)
    assert np.allclose(stacked[1], attention(q[1], q[1], q[1]))


def test_layer_norm_gives_rows_of_mean_zero_and_size_one():
    class Plain:
        w, b = np.ones(4), np.zeros(4)

    rows = layer_norm(np.array([[1.0, 2.0, 3.0, 10.0]]), Plain)
    assert rows.mean() == pytest.approx(0, abs=1e-12)
    assert rows.std() == pytest.approx(1, rel=1e-5)


def test_activations_let_large_numbers_through_and_hold_small_ones_back():
    for activation in (gelu, gelu_new, relu, silu):
        assert activation(np.array([20.0]))[0] == pytest.approx(20.0, rel=1e-6)
        assert activation(np.array([-20.0]))[0] == pytest.approx(0.0, abs=1e-6)


def test_masked_scores_get_a_share_of_exactly_nothing():
    assert softmax(keep_past(np.zeros((2, 2))))[0].tolist() == [1.0, 0.0]


def test_tables_that_do_not_fit_are_refused_when_the_model_is_drawn():
    graph = model_of(Tiny()).graph
    with pytest.raises(ValueError, match="inner lengths differ"):
        matmul(graph.weights["W_E"], graph.weights["W_E"])


def test_every_operation_and_primitive_has_a_sentence_to_read():
    for kind in PRIMITIVES.values():
        assert kind.compute.__doc__, kind.name
    for name in operations.__all__:
        assert getattr(operations, name).__doc__, name


def test_every_table_weight_and_axis_of_a_model_is_in_the_glossary():
    for tied in (True, False):
        graph = model_of(Tiny(tied=tied)).graph
        for name, table in {**graph.named, **graph.weights}.items():
            assert glossary.sentence(name), name
            assert set(axis_labels(table.axes)) <= set(glossary.AXES), name


def test_the_readme_of_the_language_says_what_the_glossary_says():
    page = Path(glossary.__file__).with_name("README.md").read_text(encoding="utf-8")
    for word, meaning in {**glossary.AXES, **glossary.TABLES}.items():
        assert f"| `{word}` | {meaning} |" in page

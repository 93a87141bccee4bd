"""Forks worked out side by side have the numbers that each has alone, whatever was edited, asked or appended before."""

import numpy as np
import pytest
from histories import TOLERANCE, Family, act
from hypothesis import given, settings
from hypothesis import strategies as st

from tiny import Tiny, assert_close, model_of, third_opinion, tinies
from workings.engine import kernels
from workings.engine.side_by_side import rows_of_all
from workings.errors import InputError, OutsideTable, UnknownTable


@settings(max_examples=25, deadline=None)
@given(tinies(), st.sampled_from(["float32", "float64"]), st.data())
def test_random_families_of_traces_give_together_what_each_is_worth(tiny, dtype, data):
    family = Family(tiny, data.draw(st.lists(st.integers(0, tiny.d_vocab - 1), min_size=2, max_size=5)), dtype)
    for _ in range(data.draw(st.integers(1, 7))):
        act(family, data)
    name = data.draw(st.sampled_from([*family.members[0].trace.names(), "W_pos", "ids"]))
    found = rows_of_all([member.trace for member in family.members], name)
    for member, rows in zip(family.members, found, strict=True):
        if name in member.trace.names():
            expected = third_opinion(family.model, member.ids, member.changes, dtype)[name]
            assert_close(rows, expected, 10 * TOLERANCE[dtype], name)
    family.check()


def test_products_are_of_all_rows_at_once_and_only_of_rows_that_changed(monkeypatch):
    model, n = model_of(Tiny(layers=3)), 6
    base = model.trace(range(n))
    base.rows("logits", -1)
    forks = [base.edit("blocks.1.resid_pre", (p, slice(None)), value=1.0) for p in range(n)]
    rows_seen = []

    def product(x, weight, plain=kernels.product):
        rows_seen.append(len(x))
        return plain(x, weight)

    monkeypatch.setattr(kernels, "product", product)
    rows_of_all(forks, "logits", -1)
    changed, last = sum(range(1, n + 1)), n  # the fork of position p has n - p rows; of the last block one counts
    # block 1: q, k, v of the one changed row, o, in and out of all rows after it; block 2: k and v of all, the rest of the last
    assert sorted(rows_seen) == sorted([last] * 3 + [changed] * 3 + [changed] * 2 + [last] * 4)


def test_what_trace_rows_refuses_is_refused():
    model = model_of(Tiny())
    traces = [model.trace([1, 2]), model.trace([3, 4])]
    with pytest.raises(OutsideTable, match="rows 0 to 1"):
        rows_of_all(traces, "logits", 0, 3)
    with pytest.raises(UnknownTable):
        rows_of_all(traces, "nonsense")
    with pytest.raises(InputError, match="same dtype"):
        rows_of_all([traces[0], model.trace([1, 2], dtype="float64")], "logits")
    assert rows_of_all([], "logits") == []
    assert np.array_equal(rows_of_all(traces, "ids")[1], [3, 4])

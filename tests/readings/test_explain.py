"""An explanation is exact: its parts add up, its sources can be explained in turn, down to weights and token ids."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tiny import Tiny, model_of
from workings.errors import OutsideTable, UnknownTable
from workings.language.primitives import GIVEN
from workings.readings.explain import formula_bar

PROMPT = [3, 1, 4, 1, 5, 9, 2]


@pytest.fixture(scope="module")
def trace():
    return model_of(Tiny(heads=3, d_head=8, activation="gelu")).trace(PROMPT, dtype="float64")


def parts_of(explanation):
    return sum(term.value for term in explanation.terms)


def any_cell(data, trace, name):
    return tuple(data.draw(st.integers(-size, size - 1)) for size in trace.shape(name))


@given(st.data())
@settings(max_examples=150)
def test_the_terms_of_any_number_add_up_to_it(trace, data):
    name = data.draw(st.sampled_from(trace.names()))
    index = any_cell(data, trace, name)
    explanation = trace.explain(name, *index)
    assert explanation.value == trace[name][index]
    assert parts_of(explanation) == pytest.approx(explanation.value, rel=1e-12, abs=1e-12)
    for part in explanation.breakdowns:
        assert sum(term.value for term in part.terms) == pytest.approx(part.value, rel=1e-12, abs=1e-12)


@given(st.data())
@settings(max_examples=40)
def test_every_source_can_be_explained_in_turn_down_to_weights_and_token_ids(trace, data):
    name = data.draw(st.sampled_from(trace.names()))
    explanation = trace.explain(name, *any_cell(data, trace, name))
    for _ in range(200):
        if not explanation.sources:
            break
        source = data.draw(st.sampled_from(explanation.sources))
        explanation = trace.explain(source.name, *source.index)
        assert explanation.value == trace[source.name][source.index]
    last = trace.table(explanation.address.name)
    assert last.primitive is GIVEN or explanation.formula.startswith("masked")


@given(st.data())
@settings(max_examples=60)
def test_every_term_is_worked_out_from_nothing_but_the_cells_that_it_names(trace, data):
    """Products of the named cells, for the tables whose terms are plain products."""
    name = data.draw(
        st.sampled_from([n for n in trace.names() if n.rsplit(".", 1)[-1] in ("q", "v", "z", "attn_out", "logits")])
    )
    for term in trace.explain(name, *any_cell(data, trace, name)).terms:
        if term.count == 1:
            made = np.prod([trace[source.name][source.index] for source in term.sources])
            assert made == pytest.approx(term.value, rel=1e-12, abs=1e-15)


def test_a_long_sum_shows_its_dozen_largest_terms_and_what_the_rest_add_up_to(trace):
    explanation = trace.explain("logits", -1, 5)
    sizes = [abs(term.value) for term in explanation.terms[:-1]]
    assert len(explanation.terms) == 13
    assert sizes == sorted(sizes, reverse=True)
    assert explanation.terms[-1].count == 24 - 12
    assert explanation.rest == explanation.terms[-1].value
    every = trace["ln_final.normalized"][-1] * trace["W_E"][5]
    assert sorted(np.abs(every))[-12:] == pytest.approx(sorted(sizes))


def test_the_formula_is_given_with_names_and_with_numbers():
    trace = model_of(Tiny()).trace(PROMPT)
    explanation = trace.explain("blocks.0.attn.scores", 1, 4, 2)
    assert "q[1, 4, j] × k[1, 2, j]" in explanation.formula
    largest = max(trace["blocks.0.attn.q"][1, 4] * trace["blocks.0.attn.k"][1, 2], key=abs)
    place = list(trace["blocks.0.attn.q"][1, 4] * trace["blocks.0.attn.k"][1, 2]).index(largest)
    assert f"{trace['blocks.0.attn.q'][1, 4, place]:.4g}".replace("-", "−") in explanation.numbers
    assert str(explanation).startswith("blocks.0.attn.scores[1, 4, 2] = ")


def test_a_masked_score_says_that_it_is_masked(trace):
    assert trace.explain("blocks.0.attn.scores", 0, 2, 4).formula == "masked: token 4 comes after token 2"


@pytest.mark.parametrize(
    ("position", "shown", "said"),
    [(0, 1, "… 6 that are 0"), (1, 2, "… 5 that are 0"), (2, 3, "… 4 that are 0"),
     (3, 3, "… 1 more and 3 that are 0"), (5, 3, "… 3 more and 1 that is 0"), (6, 3, "… 4 more")],
)  # fmt: skip
def test_later_tokens_that_attention_hides_are_counted_and_not_written_out(trace, position, shown, said):
    """Of seven tokens, position 2 gathers from three; the other four add exactly 0."""
    explanation = trace.explain("blocks.1.attn.z", 0, position, 0)
    assert explanation.numbers.endswith(f" + {said})")
    written = explanation.numbers.split(" + …")[0]
    assert written.count(" × ") == shown and "0 ×" not in written.replace("10 ×", "")
    assert len(explanation.terms) == position + 1
    assert all(source.index[-1 if "pattern" in source.name else 1] <= position for source in explanation.sources)


def test_a_sum_of_zeros_alone_still_shows_one_of_them(trace):
    dead = trace.edit("blocks.0.mlp.post", scale=0)
    numbers = dead.explain("blocks.0.mlp_out", 2, 3).numbers
    assert " that are 0)" in numbers and numbers.count(" × ") == 1


def test_what_is_no_number_is_not_left_out_with_the_zeros(trace):
    cell = ("blocks.0.attn.v", (0, 1, 0))
    broken = trace.edit(*cell, value=1e308).edit(*cell, scale=1e308).edit(*cell, scale=0)  # infinity times 0
    explanation = broken.explain("blocks.0.attn.z", 0, 2, 0)
    assert "× nan" in explanation.numbers and explanation.numbers.endswith(" + … 4 that are 0)")
    assert [term.text for term in explanation.terms if np.isnan(term.value)] == ["pattern[0, 2, 1] × v[0, 1, 0]"]


def test_a_share_of_attention_breaks_down_the_sum_below_its_fraction(trace):
    explanation = trace.explain("blocks.1.attn.pattern", 2, 5, 3)
    (below,) = explanation.breakdowns
    assert len(below.terms) == 6  # the seventh token is masked
    assert below.value == pytest.approx(
        np.exp(trace["blocks.1.attn.scores"][2, 5] - trace["blocks.1.attn.scores"][2, 5].max()).sum()
    )


def test_an_embedding_follows_from_its_row_of_the_table_and_the_token_id(trace):
    sources = [str(source) for source in trace.explain("embed", 2, 7).sources]
    assert sources == ["W_E[4, 7]", "ids[2]"]
    assert "token at position 2" in trace.explain("ids", 2).sentence


@pytest.mark.parametrize("change", [{"value": 0.25}, {"add": -2.0}, {"scale": 3.0}])
def test_an_edited_number_says_what_was_changed_by_hand_and_still_adds_up(trace, change):
    new = trace.edit("blocks.0.attn.z", (1, 4, slice(None)), **change)
    explanation = new.explain("blocks.0.attn.z", 1, 4, 2)
    assert explanation.value == new["blocks.0.attn.z"][1, 4, 2]
    assert parts_of(explanation) == pytest.approx(explanation.value, abs=1e-12)
    assert len(explanation.edits) == 1
    assert new.explain("blocks.0.attn.z", 1, 3, 2).edits == ()


def test_edits_of_edits_are_told_in_order(trace):
    new = trace.edit("blocks.0.mlp.post", (3, 2), scale=2.0).edit("blocks.0.mlp.post", (3, [2, 5]), add=[1.0, 4.0])
    explanation = new.explain("blocks.0.mlp.post", 3, 2)
    assert parts_of(explanation) == pytest.approx(2 * trace["blocks.0.mlp.post"][3, 2] + 1.0)
    assert ["multiplied" in explanation.edits[0], "added" in explanation.edits[1]] == [True, True]


def test_an_edited_number_keeps_the_formula_and_the_number_that_it_was(trace):
    new = trace.edit("blocks.0.resid_mid", (2, 3), value=7.0)
    explanation = new.explain("blocks.0.resid_mid", 2, 3)
    was = f"{trace['blocks.0.resid_mid'][2, 3]:.4g}".replace("-", "−")
    assert explanation.edits == (f"set to 7 (it was {was})",)
    assert f"  {was} = {explanation.numbers}\n" in str(explanation)
    assert explanation.unedited == pytest.approx(trace["blocks.0.resid_mid"][2, 3])
    assert trace.explain("blocks.0.resid_mid", 2, 3).unedited is None


def test_an_edited_weight_says_what_it_was_and_what_was_done_in_order(trace):
    was = trace["W_E"][4, 7]
    said = f"{was:.4g}".replace("-", "−")
    new = trace.edit("W_E", (4, 7), value=3).edit("W_E", (4, slice(None)), scale=2).edit("W_E", (4, 7), add=0.5)
    new = new.edit("W_E", (5, 7), value=9).edit("W_E", (slice(None), 6), value=9)  # of other cells
    explanation = new.explain("W_E", 4, 7)
    assert explanation.edits == (f"set to 3 (it was {said})", "3 multiplied by 2", "0.5 added to 6")
    assert explanation.value == new["W_E"][4, 7] == parts_of(explanation) == 6.5
    assert (explanation.formula, explanation.numbers, explanation.unedited) == ("learnt", said, was)
    assert new.explain("W_E", 4, 5).edits == (f"{trace['W_E'][4, 5]:.4g} multiplied by 2".replace("-", "−"),)
    assert new.explain("W_E", 3, 7).edits == ()
    assert formula_bar(new, "W_E", (4, 7)) == "=(3) * 2 + 0.5"


def test_an_array_of_numbers_set_in_a_weight_is_told_cell_by_cell(trace):
    new = trace.edit("W_E", (4, slice(0, 3)), value=[1.0, 2.0, 3.0])
    assert new.explain("W_E", 4, 1).edits[0].startswith("set to 2 (it was ")
    assert new.explain("W_E", 4, 3).edits == ()


def test_an_edited_token_id_says_which_token_it_was():
    class Speaker:
        def token_strings(self, ids):
            return [f" word{i}" for i in ids]

    plain = model_of(Tiny()).trace(PROMPT)
    plain._speaker = Speaker()
    new = plain.edit("ids", 2, value=7).edit("ids", slice(2, None), add=1)
    explanation = new.explain("ids", 2)
    assert explanation.edits == ("set to 7, ' word7' (it was 4, ' word4')", "1 added to 7, ' word7'")
    assert "' word8', number 8" in explanation.sentence
    assert (explanation.value, parts_of(explanation), explanation.numbers) == (8, 8, "4")
    assert new.explain("ids", 1).edits == ()
    longer = new.edit("blocks.0.mlp.post", (1, 1), value=1).append([3])
    assert longer.explain("ids", 2).edits == explanation.edits
    assert longer.explain("ids", 7).edits == (), "what is appended later is not edited"


def test_without_a_tokenizer_an_edited_token_id_is_a_number(trace):
    assert trace.edit("ids", 2, value=7).explain("ids", 2).edits == ("set to 7 (it was 4)",)


def test_an_explanation_is_ready_for_json(trace):
    said = json.loads(json.dumps(trace.explain("probabilities", 6, 3).to_dict()))
    assert said["address"] == "probabilities[6, 3]"
    assert said["value"] == trace["probabilities"][6, 3]


@pytest.mark.parametrize("index", [(0, 7, 0), (0, 0), (3, 0, 0), (0, 0, -9), (0.5, 0, 0)])
def test_an_index_outside_the_table_is_refused_with_the_axis_and_its_size(trace, index):
    with pytest.raises(OutsideTable, match=r"(query pos|key pos|head).*(0 to 6|0 to 2|3, 7, 7)"):
        trace.explain("blocks.0.attn.pattern", *index)


def test_an_unknown_table_is_refused_with_the_nearest_names(trace):
    with pytest.raises(UnknownTable, match=r"blocks\.0\.attn\.pattern"):
        trace.explain("blocks.0.attn.patern", 0, 0, 0)


@pytest.mark.parametrize(
    "name", ["blocks.0.resid_pre", "blocks.1.ln1.scale", "blocks.0.attn.k", "blocks.0.mlp.post", "probabilities"]
)
def test_float32_numbers_are_explained_to_float32_rounding(name):
    trace = model_of(Tiny(activation="gelu_new")).trace(PROMPT)
    explanation = trace.explain(name, *(size - 1 for size in trace.shape(name)))
    assert parts_of(explanation) == pytest.approx(explanation.value, rel=2e-6, abs=2e-6)

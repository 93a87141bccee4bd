"""Directions to steer in, and the smallest strength that changes the next token."""

import numpy as np
import pytest
from one_hot import TABLE, one_hot

import workings
from workings.errors import InputError, NotReached, OutsideTable, TooLarge
from workings.surgery.edit_list import EditList
from workings.surgery.steering import smallest_strength, steering_vector


def test_a_steering_vector_is_the_mean_difference():
    model, _ = one_hot()
    found = steering_vector(model, [([0, 3], [0, 2]), ([1, 3], [1, 6])], TABLE)
    np.testing.assert_allclose(found.vector, [0, 0, -1.5, 4, 0, 0, -3.5, 0])
    assert found.table == TABLE and found.n_pairs == 2


def test_pairs_that_say_nothing_are_refused():
    model, _ = one_hot()
    with pytest.raises(InputError, match="at least one pair"):
        steering_vector(model, [], TABLE)
    with pytest.raises(InputError, match="the same"):
        steering_vector(model, [([0, 3], [1, 3])], TABLE)


def test_what_gives_no_direction_or_names_no_token_is_refused():
    model, sae = one_hot()
    with pytest.raises(InputError, match="only a table of one row a token"):
        steering_vector(model, [([0, 3], [0, 2])], "blocks.0.attn.pattern")
    with pytest.raises(InputError, match="each pair is two prompts"):
        steering_vector(model, ["ab"], TABLE)
    with pytest.raises(OutsideTable, match="there is no token 8"):
        smallest_strength(model.trace([4]), sae.feature(3), 8)


@pytest.mark.parametrize("most", [64, 30, -40])
def test_the_smallest_strength_flips_and_a_little_less_does_not(most):
    model, sae = one_hot()
    trace = model.trace([2, 4])
    feature = sae.feature(3 if most > 0 else 4)
    flip = smallest_strength(trace, feature, 3 if most > 0 else None, most=most, precision=0.001)
    assert flip.before[0] == "4" and flip.trace.top(1) == [flip.after]
    assert flip.after[0] != "4"
    less = trace.steer(feature, flip.strength - np.sign(most) * 0.002)
    assert less.top(1)[0][0] == "4"
    assert trace.steer(feature, flip.strength).top(1)[0] == flip.after


@pytest.mark.parametrize("most", [1e25, 1e39, -1e39, 1e308])
def test_strengths_at_which_numbers_overflow_do_not_keep_the_search_from_smaller_ones(most):
    model, sae = one_hot()
    feature = sae.feature(3 if most > 0 else 4)
    expected = smallest_strength(model.trace([2, 4]), feature, most=np.sign(most) * 64).strength
    flip = smallest_strength(model.trace([2, 4]), feature, most=most)
    assert flip.strength == pytest.approx(expected, abs=0.02) and flip.after[0] != "4"


def test_where_none_works_it_is_said_up_to_where_numbers_stay_finite():
    model, sae = one_hot()
    with pytest.raises(
        NotReached, match=r"no strength up to 5\.2\d+e\+17 \(6\.25e\+17 is too large for float32\) brings '2'"
    ):
        smallest_strength(model.trace([2, 4]), sae.feature(3), 2, most=5e18)
    with pytest.raises(TooLarge, match=r"would overflow float64; take a smaller one$"):
        model.trace([4], "float64").steer(sae.feature(3), 1e308)


def test_by_hand_the_smallest_strength_is_where_the_two_logits_meet():
    # logit of token t is (t + 1) times number t of the normalized stream: 5 * 5 against 4 * strength.
    model, sae = one_hot()
    flip = smallest_strength(model.trace([4]), sae.feature(3), 3, precision=1e-4)
    numbers = np.zeros(8)
    numbers[4], numbers[3] = 5, flip.strength
    centred = numbers - numbers.mean()
    assert 5 * centred[4] == pytest.approx(4 * centred[3], abs=1e-3)


def test_a_token_that_never_comes_first_and_one_that_does_already_are_said():
    model, sae = one_hot()
    with pytest.raises(InputError, match="no strength up to 64 brings '0'"):
        smallest_strength(model.trace([4]), sae.feature(3), 0)
    with pytest.raises(InputError, match="comes first already"):
        smallest_strength(model.trace([4]), sae.feature(3), 4)
    with pytest.raises(InputError, match="most"):
        smallest_strength(model.trace([4]), sae.feature(3), 3, most=0)


def test_steering_is_kept_in_a_file_and_replayed_exactly(tmp_path):
    model = workings.load("storybook")
    trace = model.trace("The student picked up his")
    vector = np.random.default_rng(0).standard_normal(model.config.d_model)
    steered = trace.steer(vector, 3.0, layer=1)
    EditList.of(steered).save(tmp_path / "edits.json")
    again = workings.load_edits(tmp_path / "edits.json").trace(model)
    np.testing.assert_array_equal(again["logits"], steered["logits"])
    assert model.generate(again, 8) == model.generate(steered, 8)

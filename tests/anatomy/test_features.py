"""Features are looked at, put on cards and pages, and found, in a model where one knows what each stands for."""

import json
import re
from types import SimpleNamespace

import numpy as np
import pytest
from one_hot import TABLE, N, one_hot
from tests.autoencoders import autoencoder, config_of
from tests.tiny import Tiny, model_of

import workings
from workings.anatomy.feature_cards import FeatureCard, feature_card, feature_cards, saved_cards
from workings.anatomy.feature_page import feature_page, write_feature_page
from workings.anatomy.features import feature_examples, find_features, logit_weights
from workings.errors import InputError, OutsideTable

PROMPTS = [[0, 1, 2], [3, 3, 1], [1, 5, 3, 5], [6]]


@pytest.fixture(scope="module")
def looked():
    model, sae = one_hot()
    return feature_examples(model, sae, PROMPTS, n_examples=2)


def test_examples_are_the_prompts_in_which_a_feature_fires(looked):
    three = looked.of(3)
    assert [example.ids for example in three] == [(3, 3, 1), (1, 5, 3, 5)]
    assert [example.position for example in three] == [0, 2]
    np.testing.assert_allclose(three[1].acts, [0, 0, 4, 0])
    assert looked.of(7) == [] and looked.largest[7] == 0


def test_density_and_the_largest_are_counted_over_all_tokens(looked):
    tokens = [token for prompt in PROMPTS for token in prompt]
    np.testing.assert_allclose(looked.density, [tokens.count(token) / len(tokens) for token in range(N)])
    np.testing.assert_allclose(looked.largest, [token + 1 if token in tokens else 0 for token in range(N)])


def test_examples_of_all_features_are_those_of_each(looked):
    together = looked.all()
    for number in range(N):
        assert [(e.ids, e.position) for e in together[number]] == [(e.ids, e.position) for e in looked.of(number)]


def test_only_the_strongest_examples_are_kept():
    model, sae = one_hot()
    weak, strong = [[3, 0]], [[0, 3]]
    assert [e.ids for e in feature_examples(model, sae, weak * 3 + strong, n_examples=2).of(3)] == [(3, 0), (3, 0)]
    assert len(feature_examples(model, sae, strong * 9, n_examples=4).of(3)) == 4


def test_a_feature_promotes_its_own_token(looked):
    model, sae = one_hot()
    weights = logit_weights(model, sae, 5)
    assert weights.argmax() == 5 and weights.mean() == pytest.approx(0)
    # a row of one 1, less its mean of 1/8, towards the columns of token 5 (a 6) and of token 0 (a 1)
    assert weights[5] - weights[0] == pytest.approx(7 / 8 * 6 + 1 / 8 * 1)
    card = feature_card(looked, "five")
    assert card.number == 5 and card.promotes[0][0] == "5" and card.label == "five"


def test_logit_weights_are_what_adding_the_feature_does_where_the_norm_divides_as_before():
    """The difference of two runs; the rows of a random autoencoder have means, which the final norm takes off."""
    model, sae = model_of(Tiny()), autoencoder(config_of("standard", 15, 20))
    trace = model.trace([1, 2, 3], dtype="float64")
    held = trace.edit("ln_final.scale", value=trace["ln_final.scale"])
    for number in range(20):
        added = held.edit("blocks.1.resid_post", -1, add=sae.feature(number).vector)
        change = (added["logits"] - held["logits"])[-1] * trace["ln_final.scale"][-1]
        np.testing.assert_allclose(logit_weights(model, sae, number), change - change.mean(), rtol=0, atol=1e-9)


def test_a_norm_that_takes_no_mean_off_leaves_it_in(monkeypatch):
    model, sae = model_of(Tiny()), autoencoder(config_of("standard", 15, 20))
    graph = SimpleNamespace(named=[name for name in model.graph.named if name != "ln_final.mean"])
    monkeypatch.setattr(type(model), "graph", graph)
    scores = (sae.feature(3).vector.astype(float) * model.weights["ln_final.w"][0]) @ model.weights["W_E"].T
    np.testing.assert_allclose(logit_weights(model, sae, 3), scores - scores.mean(), rtol=0, atol=1e-9)


def test_the_words_on_the_bundled_cards_are_those_of_logit_weights():
    model, sae = workings.load("storybook"), workings.load_sae("storybook")
    for number in (3, 577, 1023):
        weights = logit_weights(model, sae, number)
        card, order = sae.evidence[number], np.argsort(-weights, kind="stable")
        for told, best in ((card["promotes"], order[:6]), (card["suppresses"], order[::-1][:6])):
            assert [word for word, _ in told] == model.tokenizer.token_strings(best.tolist())
            np.testing.assert_allclose([weight for _, weight in told], weights[best], atol=1e-3)


def test_the_feature_of_an_idea_is_found():
    model, sae = one_hot()
    found = find_features(model, sae, present=[[1, 3], [2, 3]], absent=[[1, 2], [3, 6], [0, 0]])
    assert [candidate.number for candidate in found] == [3]
    best = found[0]
    assert best.auc == 1 and best.mean == pytest.approx(4) and best.mean_without == 0
    assert (best.fires, best.fires_without) == (1, 0)


def test_a_feature_that_fires_for_half_of_them_is_right_by_three_quarters():
    model, sae = one_hot()
    (half,) = find_features(model, sae, present=[[1], [1], [0], [0]], absent=[[4], [5]])[1:]
    assert half.auc == pytest.approx(0.75)


def test_the_position_to_look_at_can_be_chosen():
    model, sae = one_hot()
    assert find_features(model, sae, [[3, 1]], [[2, 1]], position=0)[0].number == 3
    with pytest.raises(OutsideTable):
        find_features(model, sae, [[3, 1]], [[2]], position=1)


def test_a_card_comes_back_as_it_was_kept(looked, tmp_path):
    cards = feature_cards(looked)
    _, sae = one_hot()
    sae.evidence = {card.number: card.to_dict() for card in cards}
    sae.save(tmp_path)
    kept = saved_cards(workings.load_sae(tmp_path).evidence)
    assert kept == {card.number: FeatureCard.from_dict(card.to_dict()) for card in cards}
    assert kept[3].examples[0].tokens == ("3", "3", "1")
    with pytest.raises(InputError, match="no card"):
        FeatureCard.from_dict({"number": 3})


def test_a_card_shows_itself_and_escapes_what_it_shows(looked):
    card = FeatureCard(1, "<b>bold</b>", 0.5, 2.0, (), (("<i>", 1.0),), (("&", -1.0),))
    drawn = card._repr_html_()
    assert "<b>bold" not in drawn and "&lt;b&gt;" in drawn and "&lt;i&gt;" in drawn
    assert "50.0%" in drawn


def test_the_page_holds_every_card_and_nothing_from_elsewhere(looked, tmp_path):
    _, sae = one_hot()
    cards = feature_cards(looked)
    cards[2] = FeatureCard(2, "</script><script>alert(1)</script>", 0.0, 0.0, (), (), ())
    write_feature_page(sae, cards, tmp_path / "features.html")
    text = (tmp_path / "features.html").read_text(encoding="utf-8")
    assert text.count("</script>") == 2 and "http" not in text.replace("http-equiv", "")
    held = json.loads(re.search(r'id="cards">(.*?)</script>', text, re.DOTALL)[1])
    assert [card["number"] for card in held] == list(range(N))
    assert held[2]["label"] == "</script><script>alert(1)</script>"
    with pytest.raises(InputError, match="no cards"):
        feature_page(sae, [])


def test_what_cannot_be_looked_at_is_an_error():
    model, sae = one_hot()
    with pytest.raises(InputError, match="no prompts"):
        feature_examples(model, sae, [])
    with pytest.raises(InputError, match="with the idea and prompts without"):
        find_features(model, sae, [[1]], [])
    other = workings.load("storybook")
    with pytest.raises(InputError, match=re.escape(TABLE)):
        feature_examples(other, sae, [[1]])

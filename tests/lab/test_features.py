"""Features and steering over HTTP: every number is what Python says, and what makes no sense is refused with a sentence."""

from __future__ import annotations

import io

import numpy as np
import openpyxl
import pytest
from test_writing_on import events
from visitors import visiting

import workings
from workings.anatomy.feature_cards import saved_cards
from workings.lab.answers import Answers
from workings.lab.asked import Query
from workings.lab.views import Views
from workings.surgery.edit_list import EditList, load_edits
from workings.surgery.steering import smallest_strength

PROMPT = "The student picked up his"
JEDI = 577
ACTS = "blocks.2.resid_post.sae.acts"


@pytest.fixture(scope="module")
def storybook():
    return workings.load("storybook")


@pytest.fixture(scope="module")
def sae():
    return workings.load_sae("storybook")


@pytest.fixture(scope="module")
def reader(storybook):
    with visiting(storybook) as reader:
        yield reader


@pytest.fixture(scope="module")
def plain(reader):
    return reader.open(PROMPT)


@pytest.fixture(scope="module")
def trace(storybook):
    return storybook.trace(PROMPT)


def steered(reader, view, strength, **more):
    edit = reader.json("steer", view=view["id"], feature=JEDI, strength=strength, **more)["edit"]
    return edit, reader.open(PROMPT, edits=[edit])


def test_a_feature_set_by_hand_stays_set_in_a_sweep(reader, storybook, sae):
    clean, other = "Mike is a Jedi. He picked up his", "Mike is a chef. He picked up his"
    edit = {"table": ACTS, "index": [3, JEDI], "value": 0.0}
    view = reader.open(clean, edits=[edit])["id"]
    *_, (_, told) = events(reader.get("patching", view=view, other=other, over="heads"))
    model = storybook.with_sae(sae)
    pair = [model.trace(text).edit(ACTS, (3, JEDI), value=0.0) for text in (clean, other)]
    want = workings.patching_sweep(model, *pair, over="heads")
    np.testing.assert_allclose(told["values"], want.values, atol=1e-4)


def test_the_lab_says_which_features_it_has(reader, sae):
    told = reader.json("model")
    assert told["features"] == {
        "table": "blocks.2.resid_post",
        "acts": ACTS,
        "count": sae.config.d_sae,
        "labelled": len(sae.labels),
    }
    assert ACTS in [table["name"] for table in told["tables"]]
    assert told["n_parameters"] == workings.load("storybook").n_parameters


def test_with_features_to_look_at_every_other_number_stays_what_it_is(reader, plain, storybook):
    other = workings.Model("other", storybook.config, storybook.weights, storybook.tokenizer)
    with visiting(other) as without:
        view = without.open(PROMPT)
        assert without.json("model")["features"] is None
        for table in ("blocks.2.resid_post", "blocks.3.resid_post", "logits"):
            both = [one.array("tile", view=v["id"], table=table) for one, v in ((without, view), (reader, plain))]
            np.testing.assert_array_equal(*both)


def test_the_features_that_fire_are_those_of_the_autoencoder(reader, plain, trace, sae):
    acts = sae.encode(trace["blocks.2.resid_post"])
    told = reader.json("features/firing", view=plain["id"], most=5)
    assert told["fire"] == (acts > 0).sum(axis=1).tolist()
    for row, firing in zip(acts, told["positions"], strict=True):
        strongest = np.argsort(-row)[:5]
        assert [one["feature"] for one in firing] == strongest.tolist()
        assert [one["label"] for one in firing] == [sae.labels.get(int(n)) for n in strongest]
        np.testing.assert_allclose([one["strength"] for one in firing], row[strongest], rtol=1e-4)


def test_what_a_feature_does_at_every_token_is_its_column(reader, storybook, sae):
    view = reader.open("Anna is a Jedi. She picked up her")
    acts = sae.encode(storybook.trace("Anna is a Jedi. She picked up her")["blocks.2.resid_post"])[:, JEDI]
    told = reader.json("features/strengths", view=view["id"], feature="jedi")
    np.testing.assert_allclose(told["strengths"], acts, rtol=1e-4, atol=1e-5)
    assert acts.max() > 1
    largest = max(acts.max(), sae.evidence[JEDI]["largest"])
    np.testing.assert_allclose(told["shares"], acts / largest, rtol=1e-4, atol=1e-5)


def test_a_card_is_the_one_that_is_kept_with_the_autoencoder(reader, plain, sae):
    card = saved_cards(sae.evidence)[JEDI]
    told = reader.json("features/card", view=plain["id"], feature=JEDI)
    assert (told["label"], told["density"], told["largest"]) == ("Jedi", card.density, card.largest)
    assert [tuple(example["tokens"]) for example in told["examples"]] == [e.tokens for e in card.examples]
    assert [one["weight"] for one in told["promotes"]] == [weight for _, weight in card.promotes]
    assert told["promotes"][0] == {"readable": "␣lightsaber", "weight": card.promotes[0][1], "share": 1.0}


def test_features_are_found_by_label_by_number_and_by_words_of_their_examples(reader, sae):
    assert reader.json("features", text="JEDI")["found"][0]["feature"] == JEDI
    assert reader.json("features", text="577")["found"][0]["label"] == "Jedi"
    found = {one["feature"] for one in reader.json("features", text="took his lightsaber", most=1000)["found"]}
    assert JEDI in found
    cards = saved_cards(sae.evidence)
    for number in found:
        assert any("took his lightsaber" in "".join(e.tokens).casefold() for e in cards[number].examples)
    assert reader.json("features", text="xyzzy") == {"count": 0, "found": []}
    pages = [reader.json("features", **{"from": first, "most": 600})["found"] for first in (0, 600)]
    assert sorted(one["feature"] for page in pages for one in page) == list(range(sae.config.d_sae))


@pytest.mark.parametrize(("strength", "positions"), [(14, ":"), (-6.5, ":"), (20, "4"), (12, "2:"), (8, "1:3")])
def test_steering_is_an_ordinary_edit_that_does_what_python_does(reader, plain, trace, sae, strength, positions):
    part = int(positions) if ":" not in positions else slice(*(int(p) if p else None for p in positions.split(":")))
    expected = trace.steer(sae.feature("jedi"), strength, positions=part)
    edit, view = steered(reader, plain, strength, positions=positions)
    assert edit == EditList.of(expected).edits[0].to_dict() | {"index": edit["index"], "add": list(edit["add"])}
    np.testing.assert_allclose(
        reader.array("tile", view=view["id"], table="logits"), expected["logits"], rtol=1e-4, atol=1e-4
    )
    told = view["edits"][0]["steers"]
    assert (told["feature"], told["label"], told["strength"]) == (JEDI, "Jedi", strength)
    assert str(told["positions"]) == positions


def test_before_and_after_are_the_shares_of_both(reader, plain, trace, sae):
    _, view = steered(reader, plain, 14)
    shares = [way["probabilities"][-1] for way in (trace, trace.steer(sae.feature("jedi"), 14))]
    assert plain["compared"] is None
    for row in view["compared"]:
        assert row["before"] == pytest.approx(float(shares[0][row["id"]]), rel=1e-4)
        assert row["after"] == pytest.approx(float(shares[1][row["id"]]), rel=1e-3)
    assert {"␣phone", "␣lightsaber"} <= {row["readable"] for row in view["compared"]}


def test_both_continuations_are_what_python_writes_on(reader, plain, storybook, trace, sae):
    _, view = steered(reader, plain, 14)
    told = reader.json("continuations", view=view["id"], most=5)
    steered_trace = trace.steer(sae.feature("jedi"), 14)
    for key, way in (("before", trace), ("after", steered_trace)):
        assert PROMPT + told[key] == storybook.generate(way, 5)
    assert reader.json("continuations", view=plain["id"], most=5)["after"] == told["before"]


def test_the_smallest_strength_is_that_of_python_whatever_the_slider_says_now(reader, plain, trace, sae):
    flip = smallest_strength(trace, sae.feature("jedi"))
    _, view = steered(reader, plain, 18)
    for opened in (plain, view):
        told = reader.json("steer/smallest", view=opened["id"], feature="jedi")
        assert told["strength"] == pytest.approx(flip.strength)
        assert "“lightsaber”" in told["sentence"] and "9.661" in told["sentence"]
        assert told["reach"]["most"] >= 2 * flip.strength
    nothing = reader.json("steer/smallest", view=plain["id"], feature="jedi", most=2)
    assert nothing["strength"] is None and "No strength up to 2" in nothing["sentence"]


def test_a_file_of_the_edits_steers_in_python_and_the_workbook_has_it_on_its_page(
    reader, plain, storybook, trace, sae, tmp_path
):
    _, view = steered(reader, plain, 14)
    (path := tmp_path / "edits.json").write_bytes(reader.get("edits.json", view=view["id"]).content)
    again = load_edits(path).trace(storybook)
    np.testing.assert_allclose(again["logits"], trace.steer(sae.feature("jedi"), 14)["logits"], rtol=1e-5, atol=1e-5)
    answer = reader.get("export.xlsx", view=view["id"], max_tokens=5)
    assert answer.status_code == 200, answer.text
    book = openpyxl.load_workbook(io.BytesIO(answer.content), read_only=True)
    assert "Surgery" in book.sheetnames


def test_a_cell_of_a_feature_is_edited_as_any_other_and_shows_in_what_follows(reader, plain, storybook, sae):
    edit = {"table": ACTS, "index": [4, JEDI], "value": 20.0, "on": True}
    view = reader.open(PROMPT, edits=[edit])
    expected = storybook.with_sae(sae).trace(PROMPT).edit(ACTS, (4, JEDI), value=20.0)
    np.testing.assert_allclose(
        reader.array("tile", view=view["id"], table="logits"), expected["logits"], rtol=1e-4, atol=1e-4
    )
    assert view["next"][0]["id"] != plain["next"][0]["id"]
    assert reader.json("explain", view=view["id"], table=ACTS, index="4,577")["value"] == 20.0
    answer = reader.get("export.xlsx", view=view["id"], max_tokens=5)
    assert "Edits" in openpyxl.load_workbook(io.BytesIO(answer.content), read_only=True).sheetnames


def test_a_workbook_holds_an_edit_of_the_autoencoders_weights(reader):
    edit = {"table": "blocks.2.resid_post.sae.W_dec", "index": [JEDI, 0], "value": 9.0, "on": True}
    view = reader.open(PROMPT, edits=[edit])
    answer = reader.get("export.xlsx", view=view["id"], max_tokens=5)
    book = openpyxl.load_workbook(io.BytesIO(answer.content), read_only=True)
    page, cells = book.defined_names["blocks_2_resid_post_sae_W_dec"].attr_text.split("!")
    first = cells.split(":")[0].replace("$", "")
    column, row = first.rstrip("0123456789"), int(first.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
    assert book[page.strip("'")][f"{column}{row + JEDI}"].value == 9.0


def test_edits_that_steer_along_nothing_are_not_taken_for_steering(reader, sae):
    mixed = (sae.weights["W_dec"][1] + sae.weights["W_dec"][2]).tolist()
    edits = [
        {"table": "blocks.2.resid_post", "index": [":", ":"], "add": mixed},
        {"table": "blocks.1.resid_post", "index": [":", ":"], "add": sae.weights["W_dec"][1].tolist()},
        {"table": "blocks.2.resid_post", "index": [0, 5], "add": 2.0},
        {"table": "blocks.2.resid_post", "index": [":", ":"], "scale": 2.0},
    ]
    assert [one["steers"] for one in reader.open(PROMPT, edits=edits)["edits"]] == [None] * 4


@pytest.mark.parametrize(
    ("path", "asked", "said"),
    [
        ("features/card", {"feature": "jedy"}, "the nearest are 'Jedi'"),
        ("features/card", {"feature": "1024"}, "they run from 0 to 1023"),
        ("features/strengths", {"feature": "-1"}, "no feature is labelled '-1'"),
        ("steer", {"feature": JEDI, "strength": "much"}, "a finite number"),
        ("steer", {"feature": JEDI, "strength": "nan"}, "a finite number"),
        ("steer", {"feature": JEDI, "strength": "inf"}, "a finite number"),
        ("steer", {"feature": JEDI, "strength": "1e40"}, "too large"),
        ("steer", {"feature": JEDI, "strength": "1e18"}, "too large"),
        ("steer", {"feature": JEDI, "strength": 3, "positions": "5"}, "from 0 to 4"),
        ("steer", {"feature": JEDI, "strength": 3, "positions": "7:"}, "0 to 4"),
        ("steer", {"feature": JEDI, "strength": 3, "positions": "a"}, "positions"),
        ("steer/smallest", {"feature": JEDI, "most": 0}, "other than 0"),
        ("features/firing", {"most": 0}, "most is a whole number"),
        ("continuations", {"most": 65}, "most is a whole number"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_sentence(reader, plain, path, asked, said):
    answer = reader.get(path, view=plain["id"], **asked)
    assert answer.status_code == 400 and said in answer.json()["error"]


def test_strength_0_is_no_edit(reader, plain):
    assert reader.json("steer", view=plain["id"], feature=JEDI, strength=0) == {"edit": None}


def test_a_model_without_an_autoencoder_says_how_to_get_one(visitor):
    assert visitor.json("model")["features"] is None
    view = visitor.open("Mike is")
    for path in ("features", "features/firing", "features/card", "features/strengths", "steer", "steer/smallest"):
        answer = visitor.get(path, view=view["id"], text="", feature=0, strength=1)
        assert answer.status_code == 404 and "--sae FOLDER" in answer.json()["error"]


def test_an_autoencoder_without_examples_shows_what_follows_from_its_weights(storybook, sae, tmp_path):
    bare = workings.SparseAutoencoder(sae.config, sae.weights)
    with visiting(storybook, sae=bare) as reader:
        view = reader.open(PROMPT)
        told = reader.json("features/card", view=view["id"], feature=JEDI)
        assert told["examples"] == [] and told["density"] is None and told["label"] is None
        assert told["promotes"][0]["readable"] == "␣lightsaber"
        assert reader.json("features", most=1)["count"] == sae.config.d_sae
        assert (
            "no feature of this sparse autoencoder has a label"
            in reader.get("features/card", view=view["id"], feature="jedi").json()["error"]
        )


def test_a_slider_that_is_moved_for_long_does_not_fill_the_memory(storybook, sae):
    limit = 3_000_000
    views = Views(storybook, limit, sae)
    answers = Answers(storybook, views, "", sae)
    first = answers.open({"prompt": PROMPT})["id"]
    for step in range(1, 201):
        asked = Query({"view": first, "feature": "jedi", "strength": str(step / 10)})
        answers.open({"prompt": PROMPT, "edits": [answers.steering.edit(asked)["edit"]]})
    assert views.bytes_held <= limit
    assert answers.features.firing(Query({"view": first}))["positions"]

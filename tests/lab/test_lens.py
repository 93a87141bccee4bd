"""The lenses in the lab answer what Python answers: which lens, which streams, which token; and say what they cannot."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from little import make_model
from visitors import visiting

import workings
from workings.anatomy import logit_lens, tuned_lens
from workings.anatomy.tuned_lens import TunedLens
from workings.errors import InputError
from workings.lab.lens import MOST_KEPT, LensAsked
from workings.lab.server import make_app
from workings.models.sae import SAEConfig, sae_weight_axes

PROMPT = "Mike is a chef. He"


def some_lens(model: workings.Model, after_attention: bool = True) -> TunedLens:
    random = np.random.default_rng(4)
    plain = TunedLens.identity(model, after_attention)
    turned = {name: (w + 0.3 * random.normal(size=w.shape)).astype(np.float32) for name, w in plain.weights.items()}
    return replace(plain, weights=turned)


@pytest.fixture(scope="module")
def lens(model):
    return some_lens(model)


@pytest.fixture(scope="module")
def lensed(model, lens):
    with visiting(model, tuned=lens) as visitor:
        yield visitor


@pytest.fixture(scope="module")
def view(lensed):
    return lensed.open(PROMPT)["id"]


def in_python(model, lens, kind, after_attention):
    if kind == "logit":
        return workings.logit_lens(model, PROMPT, after_attention)
    read = workings.tuned_lens(model, PROMPT, lens)
    return read if after_attention else replace(read, streams=tuple(s for s in read.streams if "resid_post" in s))


@pytest.mark.parametrize("kind", ["logit", "tuned"])
@pytest.mark.parametrize("after_attention", [False, True])
def test_every_cell_is_what_python_says(lensed, view, model, lens, kind, after_attention):
    read = in_python(model, lens, kind, after_attention)
    asked = {"view": view, "kind": kind, "after_attention": "yes" if after_attention else "no"}
    ids, shares = read.top(1)
    likeliest = lensed.json("lens", **asked)
    assert likeliest["blocks"] == list(read.streams) and likeliest["token"] is None
    assert [[cell["id"] for cell in row] for row in likeliest["cells"]] == ids[..., 0].tolist()
    assert_close([[cell["share"] for cell in row] for row in likeliest["cells"]], shares[..., 0])
    chosen = int(ids[0, 1, 0])
    shares, ranks = read.token(chosen)
    found = lensed.json("lens", **asked, token=chosen, positions="1:4")
    assert found["token"]["id"] == chosen and found["first"] == 1
    assert [[cell["rank"] for cell in row] for row in found["cells"]] == ranks[:, 1:4].tolist()
    assert_close([[cell["share"] for cell in row] for row in found["cells"]], shares[:, 1:4])
    assert ranks.min() == 1 and ranks.max() > 1
    for number, stream in enumerate(read.streams):
        cell = lensed.json("lens/cell", **asked, block=number, position=2, token=chosen)
        assert cell == lensed.json("lens/cell", **asked, block=stream, position=2, token=chosen)
        assert (cell["token"]["rank"], cell["token"]["share"]) == (ranks[number, 2], pytest.approx(shares[number, 2]))
        assert_close([one["share"] for one in cell["next"]], read.top(10)[1][number, 2])
        scores = lensed.array("tile", view=view, table=cell["scores"], rows="2:3")[0]
        np.testing.assert_allclose(scores, read.logits(stream)[2], rtol=1e-4, atol=1e-5)


def assert_close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-7)


def test_a_token_is_asked_for_by_its_word_too(lensed, view, model):
    word = " is"
    by_word = lensed.json("lens", view=view, kind="tuned", token="is")
    assert by_word["token"]["text"] == word
    assert by_word == lensed.json("lens", view=view, kind="tuned", token=model.tokenizer.token_id(word))


def test_the_tables_of_a_tuned_lens_can_be_explained_down_to_its_weights(lensed, view):
    stream = "blocks.0.resid_post"
    asked = {"view": view, "table": f"{stream}.tuned_lens.translated", "index": "2,1"}
    sources = {source["table"] for source in lensed.json("explain", **asked)["sources"]}
    assert sources == {stream, f"tuned_lens.{stream}.W", f"tuned_lens.{stream}.b"}
    document = lensed.json("model")
    by_name = {table["name"]: table for table in document["tables"] + document["weights"]}
    for name in (f"{stream}.tuned_lens.logits", f"tuned_lens.{stream}.W"):
        assert by_name[name]["group"] == "Tuned lens" and by_name[name]["sentence"]
    assert "after blocks.0's attention" in by_name["blocks.0.resid_mid.lens.logits"]["sentence"]


def test_the_page_is_told_which_lenses_there_are_and_what_they_mean(lensed, visitor):
    logit = {"kind": "logit", "meaning": logit_lens.MEANING, "after_attention": True}
    tuned = {"kind": "tuned", "meaning": tuned_lens.MEANING, "after_attention": True}
    assert lensed.json("model")["lenses"] == [logit, tuned]
    assert visitor.json("model")["lenses"] == [logit]


def test_an_edit_shows_in_what_the_tuned_lens_reads(lensed, model, lens):
    edits = [{"table": "blocks.0.resid_mid", "index": [2, 1], "add": 4.0, "on": True}]
    view = lensed.open(PROMPT, edits=edits)["id"]
    edited = model.trace(PROMPT).edit("blocks.0.resid_mid", (2, 1), add=4.0)
    shares, ranks = workings.tuned_lens(model, edited, lens).token(5)
    found = lensed.json("lens", view=view, kind="tuned", after_attention="yes", token=5)["cells"]
    assert [[cell["rank"] for cell in row] for row in found] == ranks.tolist()
    assert_close([[cell["share"] for cell in row] for row in found], shares)


def test_where_the_model_reads_on_through_an_autoencoder_the_tuned_lens_does_too(model, lens):
    stream = "blocks.0.resid_post"
    config = SAEConfig(model.config.d_model, 12, stream, "topk", k=3)
    random = np.random.default_rng(3)
    weights = {name: random.standard_normal([a.size or 1 for a in axes]) for name, axes in sae_weight_axes(config).items()}  # fmt: skip
    through = model.with_sae(workings.SparseAutoencoder(config, weights))
    trace = through.trace(PROMPT).edit(f"{stream}.sae.acts", (slice(None), 3), value=5.0)
    read = workings.tuned_lens(through, trace, lens)
    W, b = (lens.weights[f"tuned_lens.{stream}.{letter}"] for letter in "Wb")
    np.testing.assert_allclose(
        read.trace[f"{stream}.tuned_lens.translated"], trace[f"{stream}.sae.out"] @ W + b, rtol=1e-4, atol=1e-5
    )
    assert np.abs(trace[f"{stream}.sae.out"] - trace[stream]).max() > 1
    assert np.array_equal(read.logits(read.streams[-1]), trace["logits"])


def test_numbers_that_overflow_have_no_share_and_no_rank(lensed):
    edits = [{"table": "blocks.0.resid_post", "index": [1, ":"], "scale": 3e38, "on": True}]
    view = lensed.open(PROMPT, edits=edits)["id"]
    cells = lensed.json("lens", view=view, token=3)["cells"]
    assert cells[0][1] == {"share": None, "rank": None} and cells[0][0]["rank"] >= 1


def test_a_model_without_words_takes_ids(wordless):
    with visiting(wordless) as visitor:
        view = visitor.open(ids=[1, 2, 3])["id"]
        _, ranks = workings.logit_lens(wordless, [1, 2, 3]).token(7)
        found = visitor.json("lens", view=view, token="7")["cells"]
        assert [[cell["rank"] for cell in row] for row in found] == ranks.tolist()
        assert visitor.get("lens", view=view, token="is").status_code == 400


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"kind": "clear"}, "kind is logit or tuned; 'clear' came"),
        ({"after_attention": "1"}, "after_attention is no or yes; '1' came"),
        ({"token": "flibbertigibbet"}, "“flibbertigibbet” is not one token of tiny"),
        ({"token": "99999"}, "is not one token of tiny"),
    ],
)
def test_a_value_that_makes_no_sense_is_told(lensed, view, query, said):
    for path, more in (("lens", {}), ("lens/cell", {"block": 0, "position": 0})):
        answer = lensed.get(path, view=view, **more, **query)
        assert (answer.status_code, answer.json()["kind"]) == (400, "input")
        assert said in answer.json()["error"]


@pytest.mark.parametrize(
    "table",
    ["tuned_lens.blocks.0.resid_post.b", "blocks.0.resid_post.tuned_lens.translated", "blocks.0.resid_mid.lens.logits"],
)
def test_what_a_lens_read_is_not_changed_since_nothing_follows_from_it(lensed, table):
    view = lensed.open(PROMPT, edits=[{"table": table, "index": [0, 1], "value": 3.0, "on": True}])
    assert not view["edits"][0]["ok"] and "a lens only reads" in view["edits"][0]["error"]
    assert view["before"] is None


def test_a_lab_without_a_tuned_lens_says_how_to_have_one(visitor):
    view = visitor.open(PROMPT)["id"]
    answer = visitor.get("lens", view=view, kind="tuned")
    assert answer.status_code == 404
    assert "workings train lens" in answer.json()["error"] and "--tuned FOLDER" in answer.json()["error"]


def test_a_lens_that_was_not_trained_after_attention_says_so(model):
    with visiting(model, tuned=some_lens(model, after_attention=False)) as visitor:
        view = visitor.open(PROMPT)["id"]
        assert [one["after_attention"] for one in visitor.json("model")["lenses"]] == [True, False]
        answer = visitor.get("lens", view=view, kind="tuned", after_attention="yes")
        assert answer.status_code == 400 and "workings train lens --attention" in answer.json()["error"]


def test_a_lens_of_another_model_is_refused_at_the_start(model):
    with pytest.raises(InputError, match="made for another, and this is tiny"):
        make_app(model, 1, "x", tuned=replace(some_lens(model), model="another"))


def test_a_prompt_of_many_words_asked_about_keeps_a_bounded_number_of_answers():
    from workings.lab.answers import Answers
    from workings.lab.views import Views
    from workings.surgery.edit_list import EditList

    model = make_model(None)
    answers = Answers(model, views := Views(model), "")
    view = views.open(EditList.from_dict({"ids": [1, 2], "edits": []}))
    streams = answers.lenses.streams["logit"]
    for token in range(model.config.d_vocab):
        for positions in ((0, 1), (1, 2)):
            answers.lenses.read(view, positions, LensAsked("logit", streams, token))
    with views.working(view) as (_, session):
        assert len(session.kept["lens"]) == MOST_KEPT < 2 * len(streams) * model.config.d_vocab


NO_NUMBERS = [{"table": "blocks.1.ln1.scale", "index": [3, 0], "value": 0.0, "on": True}]


def test_where_an_edit_left_no_numbers_no_token_is_told_as_the_likeliest(visitor):
    opened = visitor.open("Mike is quick.", edits=NO_NUMBERS)
    at = len(opened["tokens"]) - 1
    assert at == 3
    assert opened["next"] == []
    assert len(opened["before"]) == 10
    assert all(row["after"] is None and row["before"] > 0 for row in opened["compared"])
    lens = visitor.json("lens", view=opened["id"])
    assert lens["cells"][1][at] == {"share": None, "rank": None}
    assert lens["cells"][1][at - 1]["share"] > 0
    assert visitor.json("lens/cell", view=opened["id"], block=1, position=at)["next"] == []
    written = visitor.json("continuations", view=opened["id"])
    assert written["after"] is None
    assert written["before"]
    refused = visitor.get("patching", view=opened["id"], other="Mike is quick,")
    assert "no token is the likeliest" in refused.text
    assert "endoftext" not in refused.text

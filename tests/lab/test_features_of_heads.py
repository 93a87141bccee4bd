"""The lab with a sparse autoencoder of `attn.z`: its features fire, push and are pushed like those of any other table."""

import numpy as np
import pytest
from tests.autoencoders import autoencoder, config_of
from visitors import visiting

import workings

PROMPT, TABLE = "The student picked up his", "blocks.2.attn.z"


@pytest.fixture(scope="module")
def storybook():
    return workings.load("storybook")


@pytest.fixture(scope="module")
def sae(storybook):
    config = config_of("topk", 128, 48, TABLE, k=8)
    return autoencoder(config, labels={7: "seven"}, metadata={"model_name": "storybook"})


@pytest.fixture(scope="module")
def reader(storybook, sae):
    with visiting(storybook, sae=sae) as reader:
        yield reader


def test_what_fires_is_what_the_autoencoder_says(reader, storybook, sae):
    assert reader.json("model")["features"]["acts"] == f"{TABLE}.sae.acts"
    view = reader.open(PROMPT)["id"]
    acts = sae.read(storybook.trace(PROMPT))
    for row, told in zip(acts, reader.json("features/firing", view=view)["positions"], strict=True):
        assert [one["feature"] for one in told] == np.argsort(-row, kind="stable")[: len(told)].tolist()
        assert [one["strength"] for one in told] == pytest.approx([row[one["feature"]] for one in told], rel=1e-4)


@pytest.mark.parametrize("positions", [":", "2:3", "1:"])
def test_pushing_along_a_feature_is_an_edit_of_the_heads_and_recognised(reader, storybook, sae, positions):
    view = reader.open(PROMPT)["id"]
    edit = reader.json("steer", view=view, feature=7, strength=6.5, positions=positions)["edit"]
    opened = reader.open(PROMPT, edits=[edit])
    told = opened["edits"][0]["steers"]
    assert (told["feature"], told["label"], told["positions"]) == (7, "seven", positions)
    assert told["strength"] == pytest.approx(6.5)
    where = slice(*(int(part) if part else None for part in positions.split(":")))
    python = storybook.trace(PROMPT).steer(sae.feature(7), 6.5, positions=where)
    shares = opened["next"][:3]
    assert [one["share"] for one in shares] == pytest.approx([share for _, share in python.top(3)], abs=1e-4)


def test_adding_to_one_head_or_in_another_direction_is_not_taken_for_a_push(reader, sae):
    vector = sae.feature(7).vector.reshape(4, 1, 32)
    for index, amount in (([1, ":", ":"], vector[1, 0]), ([":", ":", ":"], vector[::-1])):
        edit = {"table": TABLE, "index": index, "add": amount.astype(float).tolist()}
        assert reader.open(PROMPT, edits=[edit])["edits"][0]["steers"] is None


def test_a_feature_set_by_hand_is_followed_by_what_comes_after(reader, storybook, sae):
    edit = {"table": f"{TABLE}.sae.acts", "index": [4, 7], "value": 25.0}
    opened = reader.open(PROMPT, edits=[edit])
    python = storybook.with_sae(sae).trace(PROMPT).edit(f"{TABLE}.sae.acts", (4, 7), value=25.0)
    shares = opened["next"][:3]
    assert [one["share"] for one in shares] == pytest.approx([share for _, share in python.top(3)], abs=1e-4)
    assert python.top(3) != storybook.trace(PROMPT).top(3)

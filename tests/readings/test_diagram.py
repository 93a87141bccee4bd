"""The diagram shows every table, every shape and every parameter of a model, and blocks that are alike once."""

from xml.etree import ElementTree

import pytest

from tiny import Tiny, model_of
from workings.readings.diagram import diagram


@pytest.fixture(scope="module")
def model():
    return model_of(Tiny(layers=3, tied=False))


def words(svg):
    return [element.text for element in ElementTree.fromstring(svg).iter() if element.text]


def test_a_diagram_is_well_formed_and_titled(model):
    assert words(diagram(model.graph, "a < b & c"))[1] == "a < b & c"


def test_every_table_of_the_first_block_and_outside_is_drawn_with_its_shape(model):
    said = words(diagram(model.graph))
    for name in model.graph.named:
        if "blocks." not in name or "blocks.0." in name:
            assert name.rsplit(".", 1)[-1] in said or name in said or name.removeprefix("blocks.0.") in said, name
    assert said.count("[head 3, query pos, key pos]") == 2


def test_blocks_that_are_alike_are_drawn_once_and_counted(model):
    assert any("2 more blocks like it" in word for word in words(diagram(model.graph)))


def test_the_parameters_add_up_to_those_of_the_model(model):
    said = words(diagram(model.graph))
    (block,) = [word for word in said if word.startswith("blocks.0:")]
    counts = [int(word.split()[0].replace(",", "")) for word in said if word.endswith(" parameters")]
    per_block = int(block.split()[1].replace(",", ""))
    outside_twice = sum(counts)  # the block's own boxes are counted among these once
    assert outside_twice + 2 * per_block == model.n_parameters

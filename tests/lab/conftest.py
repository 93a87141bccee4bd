"""One tiny model, and one visitor, for all tests of the lab."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from little import make_model, make_tokenizer
from visitors import Visitor, visiting

import workings


@pytest.fixture(scope="session")
def model() -> workings.Model:
    return make_model(make_tokenizer())


@pytest.fixture(scope="session")
def wordless() -> workings.Model:
    return make_model(None)


@pytest.fixture(scope="session")
def visitor(model: workings.Model) -> Iterator[Visitor]:
    with visiting(model) as visitor:
        yield visitor

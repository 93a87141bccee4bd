"""One tiny model, and one visitor, for all tests of the lab; a browser and a running lab for those of its page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from browsing import STUDENT, Lab, Visit, a_browser, a_lab
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


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    with a_browser() as found:
        yield found


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    with a_lab() as running:
        yield running


@pytest.fixture
def visit(browser: Any, lab: Lab) -> Iterator[Visit]:
    """A visit to the lab, on which nothing may go wrong unseen."""
    visit = Visit(browser, lab).open()
    yield visit
    complaints, _ = visit.complaints, visit.close()
    assert not complaints


@pytest.fixture
def seen(visit: Visit) -> Visit:
    """The features' screen, for the sentence of the demonstration."""
    visit.type_sentence(STUDENT)
    visit.show("features")
    visit.page.wait_for_selector(".feature-card h3")
    return visit

"""What several tests of the workbook need: one LibreOffice, and files written both ways."""

from collections.abc import Iterator

import pytest
from sheets import start_office

from workings.workbook.office import Office
from workings.workbook.package import write


@pytest.fixture(scope="session")
def office() -> Iterator[Office]:
    """Give LibreOffice, or skip."""
    with start_office() as office:
        yield office


@pytest.fixture(scope="module", params=[0, write.REFERENCED_UP_TO], ids=["few references", "all references"])
def both_ways_of_references(request: pytest.FixtureRequest) -> Iterator[None]:
    """Have every test write both ways: cells that follow one another without references, and all with them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(write, "REFERENCED_UP_TO", request.param)
        yield

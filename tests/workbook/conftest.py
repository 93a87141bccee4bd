"""One LibreOffice for all tests that need it."""

from collections.abc import Iterator

import pytest
from sheets import start_office

from workings.workbook.office import Office


@pytest.fixture(scope="session")
def office() -> Iterator[Office]:
    """Give LibreOffice, or skip."""
    with start_office() as office:
        yield office

"""One LibreOffice for all tests that need it."""

import os
from collections.abc import Iterator

import pytest

from workings.errors import MissingExtra
from workings.workbook.office import Office


@pytest.fixture(scope="session")
def office() -> Iterator[Office]:
    """Give LibreOffice; without it tests are skipped, but where all must run (CI) they fail."""
    try:
        office = Office()
    except MissingExtra as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))
    with office:
        yield office

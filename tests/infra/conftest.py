"""The deployment worked out from the Bicep files, and the app as the worker indexes it."""

import pytest

from tests.functions.conftest import worker as worker
from tests.infra.bicep import EVERYTHING, Resource, deployed


@pytest.fixture(scope="session")
def resources() -> list[Resource]:
    """Give all that is deployed with every switch on."""
    return deployed(**EVERYTHING).resources


@pytest.fixture(scope="session")
def plain() -> list[Resource]:
    """Give all that is deployed where nothing was said but a name and a region."""
    return deployed().resources

"""A fixture for those who ask for it: ``pytest_plugins = ["quarterdeck.pytest_plugin"]``, or import it."""

from collections.abc import Iterator

import pytest

from quarterdeck.testing import Recording, recording


@pytest.fixture
def telemetry() -> Iterator[Recording]:
    """What the test would send, in memory."""
    with recording() as found:
        yield found

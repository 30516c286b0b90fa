"""Histories that tests share; a conftest imports the fixtures that its tests use."""

from collections.abc import Iterator

import pytest

from support.past.facts import FACTS
from support.past.serve import Served, served


@pytest.fixture(scope="session")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Ninety days in which nothing stands out."""
    with served(tmp_path_factory.mktemp("clean") / "data") as running:
        yield running


@pytest.fixture(scope="session")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The same with every fact planted."""
    with served(tmp_path_factory.mktemp("planted") / "data", *FACTS) as running:
        yield running

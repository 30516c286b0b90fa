import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from quarterdeck_ui.queries import Store
from support.browser import chromium
from support.collectors import CollectorProcess, collector
from support.past.fixtures import clean, planted

__all__ = ["clean", "planted"]


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CollectorProcess]:
    """A collector with its embedded engine, shared by the tests that only add runs of their own."""
    folder: Path = tmp_path_factory.mktemp("ui-collector")
    with collector(folder / "data") as running:
        yield running


@pytest.fixture
def store(home: CollectorProcess) -> Iterator[Store]:
    """Closed after the test: a connection that is merely forgotten fails whichever test runs when it is found."""
    with contextlib.closing(Store(home.clickhouse, "quarterdeck")) as opened:
        yield opened


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started

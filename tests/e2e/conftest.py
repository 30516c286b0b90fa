"""A running deck for the tests of this folder that only look at it."""

import contextlib
from pathlib import Path

import pytest

from support.deck import Deck, running_deck

_until_nobody_looks = contextlib.ExitStack()
_running: list[Deck] = []
_FAST = {"QUARTERDECK_STAND_IN_TOKENS_PER_SECOND": "110"}  # a run takes ten seconds, time enough to pause it


@pytest.fixture
def demo_deck(tmp_path_factory: pytest.TempPathFactory) -> Deck:
    """A deck with the demo, answered by the stand-in; all tests in a row that ask for it get the same one."""
    if not _running:
        deck = running_deck(tmp_path_factory.mktemp("demo"), environment=_FAST)
        _running.append(_until_nobody_looks.enter_context(deck))
    return _running[0]


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(nextitem: pytest.Item | None) -> None:
    """End the deck before a test that does not ask for it: its demo would keep half a core busy until the end."""
    if "demo_deck" not in getattr(nextitem, "fixturenames", ()):
        _end()


def pytest_sessionfinish() -> None:
    _end()


def _end() -> None:
    _running.clear()
    _until_nobody_looks.close()


@pytest.fixture(scope="session")
def artefacts() -> Path:
    """Where tests leave the pictures that they take."""
    folder = Path(__file__).parents[2] / "artefacts"
    folder.mkdir(exist_ok=True)
    return folder

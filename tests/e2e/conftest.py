"""One running deck for all tests of a file that only look: one that outlived them would keep a core busy."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.deck import Deck, running_deck


@pytest.fixture(scope="module")
def demo_deck(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deck]:
    """A deck with the demo, answered by the stand-in."""
    with running_deck(tmp_path_factory.mktemp("demo")) as deck:
        yield deck


@pytest.fixture(scope="session")
def artefacts() -> Path:
    """Where tests leave the pictures that they take."""
    folder = Path(__file__).parents[2] / "artefacts"
    folder.mkdir(exist_ok=True)
    return folder

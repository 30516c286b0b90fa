import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import settings

from quarterdeck_collector.store import EmbeddedStore
from support.trust import trust_one_authority

# The same examples at every run: a change is judged by what it changes. HYPOTHESIS_PROFILE=default draws others.
settings.register_profile("same", derandomize=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))

trust_one_authority()
os.environ["QUARTERDECK_BUFFER_DIR"] = tempfile.mkdtemp(prefix="quarterdeck-buffer-")
"""What a test cannot deliver does not wait in the home of whoever runs the tests, and no later test sends it."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-snapshots", action="store_true", help="write the files of whole outputs anew")


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStore]:
    """chDB opens one path per process: all tests of a process share it."""
    store = EmbeddedStore(tmp_path_factory.mktemp("engine") / "store", "default")
    yield store
    store.close()


FOLDERS = ("ui", "collector", "e2e", "runner", "console", "demo", "", "cli", "instrumentation")
"""In this order: the long ones first, the many short files last, so that no process is left alone with a long one."""


def _folder(item: pytest.Item) -> str:
    inside = item.path.relative_to(Path(__file__).parent).parts
    return inside[0] if len(inside) > 1 else ""


def _fixtures(item: pytest.Item) -> Sequence[str]:
    return getattr(item, "fixturenames", ())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the long ones; a file stays in one process (``--dist loadfile``), for its tests share fixtures.

    Groups of tests (``--dist loadgroup``) have no effect with pytest 9.2: it takes no other node ids.
    """
    order = {name: place for place, name in enumerate(FOLDERS)}
    items.sort(key=lambda item: (order.get(_folder(item), len(order)), "demo_deck" not in _fixtures(item)))

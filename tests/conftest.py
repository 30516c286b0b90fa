import os
import tempfile

import pytest
from hypothesis import settings

from support.trust import trust_one_authority

# The same examples at every run: a change is judged by what it changes. HYPOTHESIS_PROFILE=default draws others.
settings.register_profile("same", derandomize=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))

trust_one_authority()
os.environ["QUARTERDECK_BUFFER_DIR"] = tempfile.mkdtemp(prefix="quarterdeck-buffer-")
"""What a test cannot deliver does not wait in the home of whoever runs the tests, and no later test sends it."""

BROWSER = ("e2e", "ui")
"""Folders whose tests share a machine's attention badly: one process runs them one after the other."""

FOLDERS = (*BROWSER, "runner", "collector", "demo", "tests", "cli", "instrumentation")
"""In this order: the long group first, the many short files last, so that no process is left with a long one."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep together what shares fixtures when tests run in several processes (``pytest -n 2 --dist loadgroup``)."""
    items.sort(key=lambda item: FOLDERS.index(item.path.parent.name))
    for item in items:
        folder = item.path.parent.name
        item.add_marker(pytest.mark.xdist_group("browser" if folder in BROWSER else str(item.path)))

from pathlib import Path

import pytest

BROWSER = {"e2e", "ui"}
"""Folders whose tests share a machine's attention badly: one process runs them one after the other."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep together what shares fixtures when tests run in several processes (``pytest -n 2 --dist loadgroup``)."""
    for item in items:
        folder = Path(item.path).parent.name
        item.add_marker(pytest.mark.xdist_group("browser" if folder in BROWSER else str(item.path)))

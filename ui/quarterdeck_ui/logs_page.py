"""Mounts the log viewer."""

import functools
from typing import Any

from quarterdeck_ui import assets, chrome


@functools.cache
def _component() -> Any:
    return assets.component("logs")


def show() -> None:
    """Draw the log viewer: it fills the window."""
    chrome.step_back()
    _component()(key="logs", data={})

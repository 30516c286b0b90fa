"""What a fork must not find half done."""

import threading
from typing import Final

MAKING: Final = threading.RLock()
"""Held while one of our threads imports something, and by whoever forks: a child would wait for ever for an import that
its parent's thread had begun."""

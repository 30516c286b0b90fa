"""A collector over a history that was made for it."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from support.collectors import CollectorProcess, collector
from support.past.facts import Fact
from support.past.make import DAYS, SUITE_CALLS, Past

CALLS: Final = "QUARTERDECK_PAST_CALLS"
"""Environment variable: how many calls a history of the tests has."""


@dataclass(frozen=True)
class Served:
    """A running collector and the history that it holds."""

    home: CollectorProcess
    past: Past


@contextlib.contextmanager
def served(folder: Path, *facts: Fact, days: int = DAYS) -> Iterator[Served]:
    """Make a history until now in a process of its own, since an engine opens one folder only, and serve it.

    Args:
        folder: Data directory.
        facts: What to plant.
        days: Days that they cover, today included.
    """
    until = int(time.time())
    calls = os.environ.get(CALLS, str(SUITE_CALLS))
    told = ["--calls", calls, "--days", str(days), "--until", str(until), "--plant", *facts]
    command = [sys.executable, "-m", "support.past", str(folder), *told]
    subprocess.run(command, check=True, timeout=1200, cwd=Path(__file__).parents[2])
    with collector(folder) as running:
        yield Served(running, Past.before(until, days, facts))

"""What the benchmarks measure with."""

import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

_QUIET_LOOKS: Final = 5
_SCHEDULED: Final = 2  # CPUCLOCK_SCHED of the kernel


def say(text: str) -> None:
    """Tell the person who waits; results alone go to standard output."""
    print(text, file=sys.stderr, flush=True)


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which this share lies."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def median(values: Sequence[float]) -> float:
    """The value in the middle."""
    return statistics.median(values)


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far, all its threads, as clock_getcpuclockid(3) has it."""
    return time.clock_gettime((~pid << 3) | _SCHEDULED)


def peak_megabytes(pid: int) -> float:
    """Most memory that a process has held."""
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def wait_for_merges(ask: Callable[[str], str]) -> None:
    """Return when no part is being merged, and none has been for a second.

    Args:
        ask: Runs a query that gives one value.
    """
    quiet = 0
    while quiet < _QUIET_LOOKS:
        quiet = quiet + 1 if ask("SELECT count() FROM system.merges") == "0" else 0
        time.sleep(0.2)

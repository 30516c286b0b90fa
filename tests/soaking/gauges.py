"""What a soak measures of the collector from outside: memory, disk, open files."""

import contextlib
import os
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_MB: Final = 2**20


@dataclass(frozen=True)
class Reading:
    """The collector at one moment."""

    seconds: float
    """Since the soak began."""
    process: int
    """Its id: memory is compared within one process only."""
    resident_mb: float
    disk_mb: float
    """All of the data directory."""
    spool_mb: float
    """What of it waits to be inserted."""
    files: int
    """Open files, sockets included; without the counters that the engine opens for each of its threads."""
    threads: int
    items: int
    """Spans, records and points acknowledged so far."""

    def line(self, faults: str) -> str:
        """One row of the table."""
        return (
            f"{self.seconds / 60:7.1f}{self.resident_mb:9.0f}{self.disk_mb:9.1f}{self.spool_mb:9.2f}"
            f"{self.files:7}{self.threads:9}{self.items:10}   {faults}"
        )


HEAD: Final = " minute   RSS MB  disk MB spool MB  files  threads     items   faults so far"


def read(pid: int, data: Path, seconds: float, items: int) -> Reading:
    """Take a reading."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    files = sum(not name.startswith("/proc/") for name in _open_files(pid))
    spool, disk = used(data / "segments"), used(data)
    resident, threads = int(status["VmRSS"].split()[0]), int(status["Threads"])
    return Reading(seconds, pid, resident / 1024, disk / _MB, spool / _MB, files, threads, items)


def _open_files(pid: int) -> Iterator[str]:
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):  # closed meanwhile
            yield str(entry.readlink())


def used(folder: Path) -> int:
    """Bytes that a folder takes on disk; files that vanish meanwhile take none."""
    total, seen = 0, set()
    for place, _, names in os.walk(folder):  # not Path.rglob, which a folder that vanishes meanwhile stops
        for name in names:
            with contextlib.suppress(OSError):
                found = os.lstat(f"{place}/{name}")
                if found.st_ino not in seen:  # parts of tables share files
                    seen.add(found.st_ino)
                    total += found.st_blocks * 512
    return total


@dataclass(frozen=True)
class Drift:
    """The last half against the first half, each as a ratio, and the slope of memory in the last half."""

    memory: float
    memory_slope: float
    """MB an hour, of the line through the last half."""
    disk_per_item: float
    files: float
    threads: float
    minutes: float
    """How long the process was watched after its warm-up."""


def drift(readings: Sequence[Reading], warm_up: float) -> Drift:
    """Compare the halves of what was read of the last process.

    Args:
        readings: In order.
        warm_up: Share of its life that is left out at its begin, while caches fill.
    """
    last = [reading for reading in readings if reading.process == readings[-1].process]
    warm = last[int(len(last) * warm_up) :]
    first, second = warm[: len(warm) // 2], warm[len(warm) // 2 :]

    def ratio(values: Sequence[float], before: Sequence[float]) -> float:
        return statistics.median(values) / max(statistics.median(before), 1e-9)

    return Drift(
        ratio([r.resident_mb for r in second], [r.resident_mb for r in first]),
        statistics.linear_regression([r.seconds / 3600 for r in second], [r.resident_mb for r in second]).slope,
        ratio([r.disk_mb / r.items for r in second], [r.disk_mb / r.items for r in first]),
        ratio([r.files for r in second], [r.files for r in first]),
        ratio([r.threads for r in second], [r.threads for r in first]),
        (warm[-1].seconds - warm[0].seconds) / 60,
    )

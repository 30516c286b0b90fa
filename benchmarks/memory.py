"""Megabytes that an idle collector takes, against the embedded engine alone.

The baseline is a Python that opens the engine and does nothing else: below that no collector can go. The promise is at
most 350 MB, ten seconds after the collector is ready, on the first start and on later ones.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.collectors import collector

SETTLED_S = 10
PROMISE_MB = 350
BASELINE = "import chdb, sys; held = chdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.read()"


def resident_mb(pid: int) -> float:
    """Resident memory of a process, as Linux counts it."""
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024


def engine_alone(folder: str) -> float:
    command = [sys.executable, "-c", BASELINE, folder]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout  # noqa: S101 - a pipe was asked for
        process.stdout.readline()
        time.sleep(SETTLED_S)
        return resident_mb(process.pid)


def idle_collector(data: Path) -> float:
    with collector(data) as running:
        time.sleep(SETTLED_S)
        found = resident_mb(running.process.pid)
        running.stop()
        return found


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        baseline = engine_alone(f"{folder}/alone")
        data = Path(folder) / "data"
        starts = {"first start": idle_collector(data), "later start": idle_collector(data)}
    print(f"engine alone: {baseline:.0f} MB")
    for name, found in starts.items():
        verdict = "kept" if found <= PROMISE_MB else "BROKEN"
        print(
            f"idle collector, {name}: {found:.0f} MB; ratio {found / baseline:.2f}; at most {PROMISE_MB} MB: {verdict}"
        )


if __name__ == "__main__":
    main()

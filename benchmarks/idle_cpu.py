"""Share of one core that the collector takes with nothing to do, and with one live run.

The live run streams twice as often as the SDK sends: a chunk of an answer every 100 ms, each in a request of its own,
and a heartbeat every second. Both shares are CPU seconds of the whole collector process, embedded ClickHouse included,
over the wall time; their ratio says what the run costs on top. ``--runs 0`` measures the idle collector only.
"""

import argparse
import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from support.collectors import CollectorProcess, collector
from support.scenario import Run

EVERY_S = 0.1
CHUNKS_PER_HEARTBEAT = 10
SENDERS = 8
WARM_UP_S = 5.0
TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(home: CollectorProcess) -> dict[str, float]:
    """CPU seconds so far, by the name of the thread; the ClickHouse pools name theirs."""
    found: dict[str, float] = {}
    for task in Path(f"/proc/{home.process.pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            before, _, after = (task / "stat").read_text().rpartition(")")
            fields = after.split()
            name = before.partition("(")[2]
            found[name] = found.get(name, 0.0) + (int(fields[11]) + int(fields[12])) / TICKS
    fields = Path(f"/proc/{home.process.pid}/stat").read_text().rpartition(")")[2].split()
    found["whole"] = (int(fields[11]) + int(fields[12])) / TICKS  # threads that have ended are in here alone
    return found


def measure(home: CollectorProcess, seconds: float, work: Callable[[int], None]) -> dict[str, float]:
    """Percent of a core by thread name, while ``work`` is called every 100 ms."""
    before, began = cpu_seconds(home), time.monotonic()
    for turn in range(round(seconds / EVERY_S)):
        work(turn)
        time.sleep(max(0.0, began + (turn + 1) * EVERY_S - time.monotonic()))
    took, after = time.monotonic() - began, cpu_seconds(home)
    return {name: 100 * (value - before.get(name, 0.0)) / took for name, value in after.items()}


def stream(runs: list[Run], senders: Executor) -> Callable[[int], None]:
    """Make what happens every 100 ms: a chunk of each run, and now and then its heartbeat; nobody waits for answers."""
    calls = [run.call(run.step("write", 1), "claude-haiku-4-5", "count") for run in runs]

    def turn(number: int) -> None:
        for run, call in zip(runs, calls, strict=True):
            senders.submit(run.chunk, call, f"words number {number} ")
            if number % CHUNKS_PER_HEARTBEAT == 0:
                senders.submit(run.heartbeat)

    return turn


def show(title: str, shares: dict[str, float], threads: int) -> None:
    """Print the whole share and those of the busiest threads."""
    print(f"{title:<24} {shares['whole']:6.2f} % of a core")
    rest = sorted(((value, name) for name, value in shares.items() if name != "whole"), reverse=True)
    for value, name in rest[:threads]:
        print(f"    {name:<20} {value:6.2f}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30, help="length of each of the two measurements")
    parser.add_argument("--runs", type=int, default=1, help="live runs at once")
    parser.add_argument("--threads", type=int, default=0, help="how many of the busiest threads to print as well")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, collector(Path(folder) / "data") as home:
        time.sleep(WARM_UP_S)
        idle = measure(home, options.seconds, lambda _: None)
        show("nothing at all", idle, options.threads)
        if options.runs:
            runs = [Run(home.otlp, "idle", steps=1) for _ in range(options.runs)]
            with ThreadPoolExecutor(SENDERS) as senders:
                live = measure(home, options.seconds, stream(runs, senders))
            show(f"{options.runs} live run(s)", live, options.threads)
            print(f"{'ratio':<24} {live['whole'] / idle['whole']:6.2f}    load average {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()

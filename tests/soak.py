"""An hour of mixed load and injected faults: whatever was accepted is stored or was rejected, to the last span.

Run by ``make soak``, for a try ``make soak ARGS="--minutes 5"``. Decorated runs, OTLP over HTTP and gRPC, log records,
metrics, and a viewer who asks the deck's questions, on one collector with its embedded engine. In the first part it is
killed and restarted, its spool is full, it hangs, its connections are cut, and it gets requests that no client should
send; in the second part the process lives on, with the faults that it must survive: in that part memory, disk and files
are compared, the last half with the first half. A last kill ends the load. The exit code is 1 when a
fact does not hold.
"""

import argparse
import contextlib
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from soaking import gauges
from soaking.faults import Home
from soaking.workload import Expected, Viewer, Workload, free_of_keys
from support.collectors import wait_for
from support.exactly_once import derived_sums

STORM = 0.35
"""Share of the time in which the collector is killed."""
WARM_UP = 0.25
STORED_WITHIN_S = 300
JUDGED_AFTER_MIN = 15
"""The engine keeps merged parts for eight minutes, and threads as soon as it has once needed them."""


class Soak:
    """One soak: what is under way and what was read."""

    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        self._minutes: float = options.minutes
        self._chance = random.Random(options.seed)  # noqa: S311 - when to break something, no secret
        self.home = Home(folder / "data")
        self.workload = Workload(self.home.reached.otlp, folder, options.clients)
        self.workload.aim(self.home.reached)
        self.viewer = Viewer(self.home.running.clickhouse)
        self.readings: list[gauges.Reading] = []
        self.broken: list[str] = []
        threading.excepthook = lambda error: self.broken.append(repr(error.exc_value))
        self._began = time.monotonic()
        self._printed = -1.0

    def run(self) -> Expected:
        """Send, break and read for the whole time; give what must be stored."""
        storm = cycle((self._kill, self._nonsense, self._cut, self._full, self._hang))
        calm = cycle((self._nonsense, self._cut, self._hang))
        with self.viewer, self.workload.sending():
            self._until(STORM, storm)
            self._until(1, calm)
            self._kill()
            return self.workload.finish()

    def _until(self, share: float, faults: Iterator[Callable[[], None]]) -> None:
        """Break something every half minute, or oftener in a short soak, up to a share of the time."""
        every = min(30.0, self._minutes * 60 / 24)
        for fault in faults:
            pause = time.monotonic() + self._chance.uniform(0.5, 1.5) * every
            while time.monotonic() < pause:
                if self._seconds() > share * self._minutes * 60:
                    return
                time.sleep(1)
                self._read()
            fault()

    def _seconds(self) -> float:
        return time.monotonic() - self._began

    def _read(self) -> None:
        reading = gauges.read(
            self.home.running.process.pid, self.home.data, self._seconds(), self.workload.acknowledged
        )
        self.readings.append(reading)
        if reading.seconds - self._printed >= min(60.0, self._minutes * 3):
            self._printed = reading.seconds
            told = ", ".join(f"{name} {times}" for name, times in self.home.faults.items())
            print(reading.line(told), flush=True)

    def _kill(self) -> None:
        self.home.kill_and_restart()
        self.workload.aim(self.home.reached)

    def _full(self) -> None:
        self.home.fill_the_spool()
        self.workload.aim(self.home.reached)

    def _hang(self) -> None:
        self.home.hang(self._chance)

    def _cut(self) -> None:
        self.home.cut(self._chance)

    def _nonsense(self) -> None:
        self.home.send_nonsense()


def facts(soak: Soak, expected: Expected, options: argparse.Namespace) -> Iterator[tuple[bool, str]]:
    """Say of each fact whether it holds."""
    running, viewer = soak.home.running, soak.viewer

    def waiting() -> list[str]:
        return [path.name for path in (soak.home.data / "segments").rglob("*.otlp")]

    with contextlib.suppress(AssertionError):  # what is missing is said below
        wait_for(lambda: not any(expected.differences(running.sql).values()), STORED_WITHIN_S, every=1)
        wait_for(lambda: not waiting(), STORED_WITHIN_S, every=1)
    yield not waiting(), f"nothing waits on disk {waiting()[:3] or ''}"
    for what, wrong in expected.differences(running.sql).items():
        some = f"; {len(wrong)} ids differ (stored, right): {dict(list(wrong.items())[:3])}" if wrong else ""
        yield not wrong, f"{expected.stored(what)} {what} are stored exactly once{some}"
    stored = int(running.sql("SELECT count() FROM quarterdeck.otel_traces"))
    yield (
        expected.sent == stored + expected.told,
        f"accepted {expected.sent} spans = stored {stored} + rejected {expected.told}",
    )
    sums = derived_sums(running.sql)
    behind = {name: pair for name, pair in sums.items() if pair[0] != pair[1]}
    yield not behind, f"{len(sums)} sums that views keep are right {behind or ''}"
    yield expected.runs > 0, f"{expected.runs} decorated runs are among them"
    yield not soak.broken, f"every sender lived to the end {soak.broken[:3] or ''}"
    yield soak.home.cut_connections > 0, f"{soak.home.cut_connections} connections were cut"
    yield soak.workload.refused > 0, f"{soak.workload.refused} requests met a full spool and were sent again"
    yield not soak.home.own_errors(), f"nonsense was refused: {dict(soak.home.answers)}"
    asked = f"the deck's questions were answered {viewer.answered} times, while {viewer.away} rounds found nobody"
    yield viewer.answered > 0 and not viewer.wrong, f"{asked} {viewer.wrong[:3] or ''}"
    yield not soak.home.tracebacks, f"no traceback was logged {soak.home.tracebacks[:1] or ''}"
    yield from growth(gauges.drift(soak.readings, WARM_UP), options)


def growth(found: gauges.Drift, options: argparse.Namespace) -> Iterator[tuple[bool, str]]:
    """Say of each measure of the collector whether it stayed as it was."""
    ratio = "{}, last half to first half: ratio".format
    measures = [(ratio("memory"), found.memory, options.drift), (ratio("open files"), found.files, options.drift)]
    slow = [
        ("MB an hour by which memory grew in the last half:", found.memory_slope, options.slope),
        (ratio("disk per item"), found.disk_per_item, options.drift),
        (ratio("threads"), found.threads, options.drift),
    ]
    if found.minutes >= JUDGED_AFTER_MIN:
        measures, slow = [*measures, *slow], []
    for name, value, most in measures:
        yield value <= most, f"{name} {value:.4g}, at most {most:g}"
    for name, value, _ in slow:
        yield True, f"{name} {value:.4g}, not judged in less than {JUDGED_AFTER_MIN} minutes"


def main() -> int:
    """Soak and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--clients", type=int, default=4, help="senders of spans over HTTP; half as many speak gRPC")
    parser.add_argument("--drift", type=float, default=1.25, help="largest ratio of the last half to the first half")
    parser.add_argument(
        "--slope", type=float, default=100, help="largest growth of memory, MB an hour, in the last half"
    )
    parser.add_argument("--seed", type=int, default=7, help="of the times at which something breaks")
    options = parser.parse_args()
    free_of_keys()
    broken = 0
    with tempfile.TemporaryDirectory() as folder:
        soak = Soak(options, Path(folder))
        try:
            print(gauges.HEAD, flush=True)
            expected = soak.run()
            for holds, text in facts(soak, expected, options):
                broken += not holds
                print(f"{'holds ' if holds else 'BROKEN'} {text.strip()}", flush=True)
            soak.home.end(politely=True)
        finally:
            soak.home.leave()
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())

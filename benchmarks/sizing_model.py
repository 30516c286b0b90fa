"""CPU, disk and memory that a load takes, against what the model of the sizing page says of it.

Spans come at the rate of a day's busiest hour, in requests of up to 500, for a minute of that hour, to a collector with
its defaults; the ratio is measured to predicted: 1 is a model that is right, more than 1 one that promises too much.
CPU of merges after the minute counts as of the minute. Disk is compared a span, before payloads go, once merges are
done.
"""

import argparse
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).parents[1] / "docs" / "generate"))
import sizing  # type: ignore[import-not-found]

from lab import stored
from lab.load import make
from lab.measure import cpu_seconds, peak_megabytes, wait_for_merges
from lab.sender import send
from quarterdeck_collector.settings import Settings
from support.collectors import CollectorProcess, collector, wait_for

PER_REQUEST, EVERY_SECONDS = 500, 2
"""What a request holds at most, and how long the spans of a slower one are gathered."""
MOST_CONNECTIONS = 16
IDLE_SECONDS = 20.0
PATIENCE_S = 300
FLAGS = ("--insert-share", str(Settings.model_fields["insert_share"].default))
"""Tests are in a hurry; this is as users have it."""
HEAD = """\
    spans   spans/s      idle     cores     cores   ratio  bytes/span  bytes/span   ratio  memory  memory   ratio
    a day   at peak     cores  measured predicted            measured   predicted              MB      MB"""


@dataclass(frozen=True)
class Taken:
    """What a collector took."""

    cores: float
    """Of the load, idle work included, merges after its end too."""
    idle_cores: float
    bytes_a_span: float
    peak_megabytes: float


def taken(rate: float, seconds: float) -> Taken:
    """Send at a rate, spans a second, and measure."""
    per_request = min(PER_REQUEST, round(rate * EVERY_SECONDS))
    connections = min(MOST_CONNECTIONS, max(1, round(rate / per_request)))
    load = make(round(rate * seconds), per_request)
    with tempfile.TemporaryDirectory() as folder, collector(Path(folder) / "data", *FLAGS) as running:
        bodies, pid = Path(folder) / "bodies", running.process.pid
        load.write(bodies)
        idle = idle_cores(pid)
        before, start = cpu_seconds(pid), time.perf_counter()
        send(f"{running.otlp}/v1/traces", bodies, connections, per_request / rate)
        lasted = max(time.perf_counter() - start, load.spans / rate)
        wait_for(lambda: counts(running) == stored.expected(load), PATIENCE_S, every=0.5)
        wait_for_merges(running.sql)
        late = time.perf_counter() - start - lasted
        spent = cpu_seconds(pid) - before - idle * max(late, 0.0)
        return Taken(spent / lasted, idle, disk(running) / load.spans, peak_megabytes(pid))


def idle_cores(pid: int) -> float:
    """Cores that it takes while nothing comes."""
    before = cpu_seconds(pid)
    time.sleep(IDLE_SECONDS)
    return (cpu_seconds(pid) - before) / IDLE_SECONDS


def counts(running: CollectorProcess) -> stored.Counts:
    """What every table made of spans holds."""
    return tuple(map(int, running.sql(stored.QUERY).split("\t")))


def disk(running: CollectorProcess) -> int:
    """Bytes of all tables."""
    return int(running.sql("SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND database = 'quarterdeck'"))


def line(spans_a_day: int, seconds: float) -> str:
    """One row of the table."""
    value = {name: entry["value"] for name, entry in sizing.CONSTANTS.items()}
    rate = spans_a_day / sizing.SECONDS_A_DAY * value["peak_to_mean"]
    need, took = sizing.machine_for(spans_a_day), taken(rate, seconds)
    cores, memory = need.cores * value["busy_share"], need.memory_gb * 1000
    return (
        f"{spans_a_day:>9,}{rate:10.0f}{took.idle_cores:10.3f}{took.cores:10.3f}{cores:10.3f}{took.cores / cores:8.2f}"
        f"{took.bytes_a_span:12.0f}{value['bytes_per_span']:12}{took.bytes_a_span / value['bytes_per_span']:8.2f}"
        f"{took.peak_megabytes:8.0f}{memory:8.0f}{took.peak_megabytes / memory:8.2f}"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    loads = [1_000_000, 10_000_000, 100_000_000]
    parser.add_argument("--spans-a-day", type=int, nargs="+", default=loads)
    parser.add_argument("--seconds", type=float, default=60, help="of the busiest hour")
    options = parser.parse_args()
    print(HEAD)
    for spans_a_day in options.spans_a_day:
        print(line(spans_a_day, options.seconds), flush=True)


if __name__ == "__main__":
    main()

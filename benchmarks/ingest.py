"""Stored spans a second through OTLP/HTTP, durable, against decoding each span in Python, and against Arize Phoenix.

For every size of request: the same bodies (2.4 KB a span) go to a collector from 16 connections, and to a program that
parses them in Python and inserts rows into the same tables. The clock stops when every table made of spans holds
everything; CPU time counts until the last merge is done. Requests of 500 spans are also sent at a rate: how long an
answer takes says more there than where all senders wait in line. Sizes are cut to what takes a minute or two; for the
promised numbers, and for Phoenix (``pip install arize-phoenix`` into an environment of its own)::

    python benchmarks/ingest.py --sizes 500 --spans 400000
    python benchmarks/ingest.py --sizes 500 --phoenix /somewhere/bin/python
"""

import argparse
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import httpx

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from lab import in_python, phoenix, stored
from lab.load import Load, make
from lab.measure import cpu_seconds, peak_megabytes, percentile, wait_for_merges
from lab.sender import Sent, send
from support.collectors import PLAIN, CollectorProcess, collector, wait_for

PATIENCE_S = 600
RATED_SIZE = 500
"""Spans a request of the pass at a rate: what the batches of an SDK hold, more or less."""


@dataclass(frozen=True)
class Outcome:
    """Of one load through the collector: seconds and seconds of CPU, and what the senders saw."""

    wall: float
    cpu: float
    peak_megabytes: float
    sent: Sent


def through_http(load: Load, bodies: Path, connections: int, flags: list[str], pause: float = 0.0) -> Outcome:
    """Send everything to a new collector, in haste or at a rate, and wait until it is stored and merged."""
    with tempfile.TemporaryDirectory() as folder, collector(Path(folder) / "data", *flags) as running:
        pid = running.process.pid
        before, start = cpu_seconds(pid), time.perf_counter()
        sent = send(f"{running.otlp}/v1/traces", bodies, connections, pause)
        wait_for(lambda: _inserted(running) == load.spans, PATIENCE_S)
        wait_for(lambda: _counts(running) == stored.expected(load), PATIENCE_S)
        wall = time.perf_counter() - start
        wait_for_merges(running.sql)
        return Outcome(wall, cpu_seconds(pid) - before, peak_megabytes(pid), sent)


def _inserted(running: CollectorProcess) -> int:
    """Ask the collector's counter: cheaper than a query, which would be on its bill."""
    name = 'quarterdeck_collector_stored_items_total{signal="traces"} '
    lines = httpx.get(f"{running.otlp}/metrics", verify=PLAIN).text.splitlines()
    return next((int(line.removeprefix(name)) for line in lines if line.startswith(name)), 0)


def _counts(running: CollectorProcess) -> stored.Counts:
    return tuple(map(int, running.sql(stored.QUERY).split("\t")))


def line(load: Load, per_request: int, ours: Outcome, theirs: tuple[float, float]) -> str:
    """One row of the table."""
    wall, cpu = theirs
    microseconds = 1e6 / load.spans
    waits = [wait * 1000 for wait in ours.sent.waits]
    return (
        f"{per_request:8}{load.spans:8}{load.spans / ours.wall:10.0f}{ours.cpu * microseconds:8.1f}"
        f"{percentile(waits, 0.5):8.1f}{percentile(waits, 0.95):8.1f}{ours.peak_megabytes:8.0f}"
        f"{ours.sent.cpu * microseconds:8.1f}{load.spans / wall:10.0f}{cpu * microseconds:8.1f}"
        f"{wall / ours.wall:8.2f}{cpu / ours.cpu:8.2f}"
    )


def at_a_rate(load: Load, per_request: int, bodies: Path, rate: int, options: argparse.Namespace) -> str:
    """Send the same in time, as programs that export do, rather than as fast as it is taken."""
    ours = through_http(load, bodies, options.connections, options.collector, per_request / rate)
    waits = [wait * 1000 for wait in ours.sent.waits]
    return (
        f"{per_request:8}{load.spans:8}{load.spans / ours.wall:10.0f}{ours.cpu / load.spans * 1e6:8.1f}"
        f"{percentile(waits, 0.5):8.1f}{percentile(waits, 0.95):8.1f}{ours.peak_megabytes:8.0f}   at {rate} spans/s"
    )


HEAD = """\
 request   spans   spans/s     CPU  answer  answer    peak  sender    Python     CPU   ratio   ratio
   spans                   us/span  p50 ms  p95 ms  RSS MB us/span   spans/s us/span spans/s     CPU"""


def against_phoenix(python: Path, spans: int, per_request: int, connections: int, ours: float) -> str:
    """Send less of the same to Phoenix and compare the rates."""
    load = make(spans, per_request)
    with tempfile.TemporaryDirectory() as folder:
        bodies = Path(folder) / "bodies"
        load.write(bodies)
        spans, wall, cpu = phoenix.measure(python, load, bodies, connections)
    rate = spans / wall
    return (
        f"Phoenix, {per_request} spans a request: {spans} of {load.spans} stored, {rate:.0f} a second, "
        f"{cpu / spans * 1e6:.0f} us of CPU a span; ratio {ours / rate:.0f}"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1, 50, 500, 5000], help="spans a request")
    parser.add_argument("--spans", type=int, default=80_000, help="spans of each size, at most")
    parser.add_argument("--requests", type=int, default=2_000, help="requests of each size, at most")
    parser.add_argument("--connections", type=int, default=16, help="senders at once")
    parser.add_argument("--rate", type=int, default=40_000, help="spans a second of a second pass with requests of 500")
    parser.add_argument("--phoenix", type=Path, help="interpreter that has Arize Phoenix")
    parser.add_argument("--phoenix-spans", type=int, default=5_000, help="it gets so many")
    parser.add_argument("--collector", action="append", default=[], metavar="FLAG", help="a flag for the collector")
    options = parser.parse_args()
    print(f"load average {os.getloadavg()[0]:.1f}\n{HEAD}")
    with tempfile.TemporaryDirectory() as folder:
        bodies = Path(folder) / "bodies"
        for size in options.sizes:
            load = make(min(options.spans, options.requests * size), size)
            load.write(bodies)
            ours = through_http(load, bodies, options.connections, options.collector)
            print(line(load, size, ours, in_python.measure(load, bodies)), flush=True)
            if options.rate and size == RATED_SIZE:
                print(at_a_rate(load, size, bodies, options.rate, options), flush=True)
            if options.phoenix:
                rate = load.spans / ours.wall
                spans = max(size, options.phoenix_spans)
                print(against_phoenix(options.phoenix, spans, size, options.connections, rate), flush=True)
    print(f"load average {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()

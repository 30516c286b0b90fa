"""What each durability costs: spans per second and time to the acknowledgement, as ratios to ``off`` of the same run.

Clients post as fast as they are answered; the clock of the throughput stops when every span can be queried.
"""

import argparse
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import httpx

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from lab.load import make
from support.collectors import CollectorProcess, collector, wait_for

MODES = ("off", "segment", "full")


def measure(mode: str, bodies: Sequence[bytes], spans: int, clients: int) -> tuple[float, float, float]:
    """Give spans per second and the 50th and 95th percentile of the milliseconds to an acknowledgement."""
    waits: list[float] = []
    with tempfile.TemporaryDirectory(dir=".") as folder, collector(Path(folder) / "d", "--durability", mode) as running:
        start = time.perf_counter()
        threads = [
            threading.Thread(target=_post, args=(running, bodies[client::clients], waits)) for client in range(clients)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        wait_for(lambda: running.sql("SELECT count() FROM otel_traces") == str(spans), 600)
        rate = spans / (time.perf_counter() - start)
    cuts = statistics.quantiles(waits, n=20)
    return rate, cuts[9] * 1000, cuts[18] * 1000


def _post(running: CollectorProcess, bodies: Sequence[bytes], waits: list[float]) -> None:
    with httpx.Client(headers={"content-type": "application/x-protobuf"}, timeout=60) as client:
        for body in bodies:
            start = time.perf_counter()
            client.post(f"{running.otlp}/v1/traces", content=body).raise_for_status()
            waits.append(time.perf_counter() - start)


def main() -> None:
    """Measure every mode in turn, several times, and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spans", type=int, default=60_000)
    parser.add_argument("--per-request", type=int, default=100)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    bodies = make(options.spans, options.per_request).bodies
    rounds = [
        {mode: measure(mode, bodies, options.spans, options.clients) for mode in MODES} for _ in range(options.rounds)
    ]
    print(f"{'':10}{'spans/s':>10}{'ratio':>7}{'ack p50 ms':>12}{'ratio':>7}{'ack p95 ms':>12}{'ratio':>7}")
    for mode in MODES:
        line = f"{mode:10}"
        for part, width in enumerate((10, 12, 12)):
            value = statistics.median(one[mode][part] for one in rounds)
            ratio = statistics.median(one[mode][part] / one["off"][part] for one in rounds)
            line += f"{value:{width}.0f}{ratio:7.2f}" if not part else f"{value:{width}.1f}{ratio:7.2f}"
        print(line)


if __name__ == "__main__":
    main()

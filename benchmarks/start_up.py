"""Seconds from ``quarterdeck up`` to a live run on the dashboard's data, against its slowest service alone.

The baseline is the time that the slowest single service needs to become ready by itself: below that no
way of starting them together can go. The promise is below 8 s for a start that is not the first.
"""

import os
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from quarterdeck.cli.processes import Child, Service, child_environment, wait_until_ready
from support.deck import free_ports, running_deck

ROUNDS = 3


def alone(module: str, variable: str, path: str) -> float:
    """Seconds until one service by itself answers its ready URL."""
    port, other = free_ports(2)
    with tempfile.TemporaryDirectory() as folder:
        settings = {variable: str(port), "QUARTERDECK_DATA_DIR": folder, "QUARTERDECK_PIPELINES": folder}
        if "collector" in module:
            settings |= {"QUARTERDECK_CLICKHOUSE_PORT": str(other), "QUARTERDECK_OTLP_GRPC_PORT": "0"}
        began = time.monotonic()
        service = Service("alone", module, [], f"http://127.0.0.1:{port}{path}")
        child = Child(service, child_environment(settings), Path(folder))
        problem = wait_until_ready(child, 60, threading.Event())
        seconds = time.monotonic() - began
        child.terminate()
        child.wait()
    if problem:
        raise SystemExit(problem)
    return seconds


def together(folder: Path) -> tuple[float, float]:
    """Seconds until everything is ready, and until the first live event is stored."""
    began = time.monotonic()
    with running_deck(folder) as deck:
        ready = time.monotonic() - began
        since = int(time.time_ns() - ready * 1e9)
        while deck.sql(f"SELECT count() FROM live_events WHERE Position > {since}") == "0":  # noqa: S608 - a number
            time.sleep(0.05)
        return ready, time.monotonic() - began


def main() -> None:
    os.environ.pop("ANTHROPIC_API_KEY", None)
    os.environ.pop("GEMINI_API_KEY", None)
    services = {
        "collector": ("quarterdeck_collector", "QUARTERDECK_OTLP_HTTP_PORT", "/readyz"),
        "runner": ("quarterdeck_runner", "QUARTERDECK_RUNNER_PORT", "/readyz"),
        "ui": ("quarterdeck_ui", "QUARTERDECK_UI_PORT", "/_stcore/health"),
    }
    single = {name: statistics.median(alone(*how) for _ in range(ROUNDS)) for name, how in services.items()}
    for name, seconds in single.items():
        print(f"{name:<10} alone ready after {seconds:5.1f} s")
    with tempfile.TemporaryDirectory() as folder:
        first = together(Path(folder))
        later = [together(Path(folder)) for _ in range(ROUNDS)]
    ready, live = (statistics.median(values) for values in zip(*later, strict=True))
    slowest = max(single.values())
    print(f"first start: ready {first[0]:.1f} s, first live event {first[1]:.1f} s")
    print(f"later starts: ready {ready:.1f} s, first live event {live:.1f} s (promise: below 8 s)")
    print(f"ratio of a later start to the slowest service alone: {ready / slowest:.2f}")


if __name__ == "__main__":
    main()

"""Share of one core that the dashboard takes for 50 screens with something new every second, against one screen.

Live runs tell of a step, of its progress and of an answer that streams in, every second. The screens are real WebSocket
clients of ``/deck/live``, each looking at one of the runs, as a browser does. The clients work in another process's
time: counted is the CPU of the dashboard's process alone. The promise: 50 screens take less than 70 % of a core. On a
machine so busy that news comes in fewer than all seconds, the share is also given as if it came in every one.
"""

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import websockets

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from lab.measure import cpu_seconds, say
from support.collectors import collector
from support.dashboard import dashboard
from support.scenario import Run

PROMISE = 70.0
EVERY_S = 1.0
WARM_UP_S = 5.0


@dataclass
class Screen:
    """What one screen was told."""

    run: str
    messages: int = 0
    characters: int = 0
    seconds: set[int] = field(default_factory=set)
    """Seconds in which something of a run came."""


@contextlib.contextmanager
def telling(endpoint: str, count: int) -> Iterator[list[Run]]:
    """Live runs, each of which tells something every second."""
    over = threading.Event()
    runs = [Run(endpoint, f"viewed-{number % 5}", steps=8) for number in range(count)]

    def tell(run: Run) -> None:
        step = run.step("write", 1)
        call = run.call(step, "claude-haiku-4-5", "count")
        second = 0
        while not over.wait(EVERY_S):
            second += 1
            run.heartbeat()
            run.progress(step, second, 10_000, f"document {second}")
            run.chunk(call, f"sentence number {second} of the answer. ")

    with ThreadPoolExecutor(count) as pool:
        for run in runs:
            pool.submit(tell, run)
        try:
            yield runs
        finally:
            over.set()


async def watch(url: str, screen: Screen, until: float) -> None:
    """Be one screen until a time."""
    async with websockets.connect(url.replace("http", "ws") + "/deck/live", max_size=None) as socket:
        await socket.send(json.dumps({"type": "look", "run": screen.run, "span": ""}))
        while (left := until - time.monotonic()) > 0:
            with contextlib.suppress(TimeoutError):
                text = await asyncio.wait_for(socket.recv(), left)
                screen.messages += 1
                screen.characters += len(text)
                if json.loads(text)["type"] != "clock":
                    screen.seconds.add(int(time.monotonic()))


async def share(url: str, pid: int, runs: list[Run], screens: int, seconds: float) -> tuple[float, list[Screen]]:
    """Percent of a core that the process ``pid`` takes for so many screens, and what they were told."""
    until = time.monotonic() + WARM_UP_S + seconds
    shown = [Screen(runs[number % len(runs)].id) for number in range(screens)]
    watching = asyncio.gather(*(watch(url, screen, until) for screen in shown))
    await asyncio.sleep(WARM_UP_S)
    before, began = cpu_seconds(pid), time.monotonic()
    await asyncio.sleep(until - began - 0.1)
    percent = 100 * (cpu_seconds(pid) - before) / (time.monotonic() - began)
    await watching
    return percent, shown


def report(screens: int, percent: float, shown: list[Screen], seconds: float) -> float:
    """Print one row, and give the share as if news had come in every second."""
    whole = WARM_UP_S + seconds
    fresh = min(1.0, statistics.mean(len(screen.seconds) for screen in shown) / whole)
    size = statistics.median(screen.characters for screen in shown) / whole / 1000
    print(
        f"{screens:3} screens {percent:7.1f} % of a core, {size:6.1f} kB/s each, news in {fresh:4.0%} of the seconds",
        end="",
    )
    print(f"; in all: {percent / fresh:6.1f} %", flush=True)
    return percent / fresh


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--screens", type=int, default=50)
    parser.add_argument("--runs", type=int, default=20, help="live runs")
    parser.add_argument("--seconds", type=float, default=20, help="length of each of the two measurements")
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        home = stack.enter_context(collector(folder / "data"))
        deck = stack.enter_context(dashboard(folder, home.otlp, home.clickhouse))
        runs = stack.enter_context(telling(home.otlp, options.runs))
        pid, found = deck.process.pid, []
        for screens in (1, options.screens):
            say(f"{screens} screens …")
            percent, shown = asyncio.run(share(deck.url, pid, runs, screens, options.seconds))
            found.append(report(screens, percent, shown, options.seconds))
    each = (found[1] - found[0]) / max(1, options.screens - 1)
    print(f"ratio {found[1] / found[0]:.1f}; each further screen {each:.2f} %; promise {PROMISE:.0f} %", end="")
    print(f", of which {found[1] / PROMISE:.2f}; load average {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()

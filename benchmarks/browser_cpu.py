"""Share of one core that a browser takes for the open dashboard while runs stream, against an empty page.

Counted is the CPU of all processes of a headless Chromium that draws in software, as there is no graphics card here.
The promise: the dashboard takes less than 15 % of a core. Frames that a busy machine skips are not drawn later, so the
number of frames is printed too.
"""

import argparse
import contextlib
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Page

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from lab.measure import cpu_seconds, say
from support.browser import chromium, open_page
from support.collectors import collector
from support.dashboard import dashboard
from support.scenario import play

PROMISE = 15.0
SETTLE_S = 6.0
PIPELINES = ("invoice-check", "support-triage", "kb-refresh")
FRAMES = (
    "() => { window.frames_ = 0; const next = () => { window.frames_ += 1; requestAnimationFrame(next); }; next(); }"
)


def family(pid: int) -> list[int]:
    """A process and all that it started, and those started, and so on."""
    children = Path(f"/proc/{pid}/task").glob("*/children")
    found = [int(word) for listing in children for word in listing.read_text().split()]
    return [pid, *(each for child in found for each in family(child))]


def browsers() -> list[int]:
    """The processes of the browser that this program started."""
    return [pid for pid in family(os.getpid()) if "chrom" in Path(f"/proc/{pid}/comm").read_text()]


def used() -> dict[int, float]:
    """CPU seconds of each of them."""
    found = {}
    for pid in browsers():
        with contextlib.suppress(OSError):
            found[pid] = cpu_seconds(pid)
    return found


def share(page: Page, seconds: float) -> float:
    """Percent of a core that the browser takes."""
    before, began = used(), time.monotonic()
    page.wait_for_timeout(seconds * 1000)
    took, after = time.monotonic() - began, used()
    return 100 * sum(value - before.get(pid, 0.0) for pid, value in after.items()) / took


@contextlib.contextmanager
def streaming(endpoint: str) -> Iterator[None]:
    """Three pipelines, each of which runs again and again."""
    over = threading.Event()

    def loop(name: str) -> None:
        while not over.is_set():
            play(endpoint, name, pace=1)

    threads = [threading.Thread(target=loop, args=(name,), daemon=True) for name in PIPELINES]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30, help="length of each of the measurements")
    seconds = parser.parse_args().seconds
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        home = stack.enter_context(collector(folder / "data"))
        deck = stack.enter_context(dashboard(folder, home.otlp, home.clickhouse))
        browser = stack.enter_context(chromium())
        page = open_page(browser, "about:blank").page
        page.wait_for_timeout(SETTLE_S * 1000)
        say("an empty page …")
        empty = share(page, seconds)
        stack.enter_context(streaming(home.otlp))
        page.goto(deck.url)
        page.locator("[data-run]").first.wait_for()
        page.wait_for_timeout(SETTLE_S * 1000)
        say("the dashboard …")
        open_ = share(page, seconds)
        page.evaluate(FRAMES)
        page.wait_for_timeout(5000)
        frames = page.evaluate("window.frames_") / 5
        page.context.close()
    for name, percent in (("an empty page", empty), ("the dashboard", open_)):
        print(f"{name:<16}{percent:7.1f} % of a core")
    print(f"ratio {open_ / max(empty, 0.1):.1f}; promise {PROMISE:.0f} %, of which {open_ / PROMISE:.2f}; ", end="")
    print(f"{frames:.0f} frames a second could be drawn; load average {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()

"""Milliseconds from opening the dashboard to its first runs on screen, against a Streamlit page of one line.

Each sample is a new browser profile: nothing is cached. The clock is the browser's own, which starts with the
navigation and is read at the first frame that shows a run, or the line. The promise: below 2 s at p95.
"""

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
from playwright.sync_api import Browser

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from lab.measure import percentile
from support.browser import chromium, open_page
from support.collectors import collector, wait_for
from support.dashboard import dashboard
from support.deck import free_ports
from support.scenario import play

PROMISE_MS = 2000
PAST = 40
PIPELINES = ("invoice-check", "support-triage", "kb-refresh", "nightly-eval")
QUIET = ("--server.headless=true", "--browser.gatherUsageStats=false", "--server.fileWatcherType=none")
SHOWN = """
selector => {
    const inside = root => [...root.querySelectorAll("*")].some(node => node.shadowRoot && find(node.shadowRoot));
    const find = root => root.querySelector(selector) || inside(root);
    return find(document) ? performance.now() : 0;
}
"""


@contextlib.contextmanager
def one_line(folder: Path) -> Iterator[str]:
    """A Streamlit server whose page is one line."""
    (folder / "line.py").write_text("import streamlit as st\n\nst.write('one line')\n")
    port = free_ports(1)[0]
    command = [sys.executable, "-m", "streamlit", "run", str(folder / "line.py"), f"--server.port={port}"]
    with (folder / "line.log").open("w") as log:
        process = subprocess.Popen([*command, "--server.address=127.0.0.1", *QUIET], stdout=log, stderr=log)
    try:
        wait_for(lambda: httpx.get(f"http://127.0.0.1:{port}/_stcore/health").is_success)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


def paint(browser: Browser, url: str, selector: str) -> float:
    """Milliseconds until a frame shows what is selected."""
    page = open_page(browser, url).page
    try:
        return float(page.wait_for_function(SHOWN, arg=selector, polling="raf", timeout=60_000).json_value())
    finally:
        page.context.close()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=15, help="times that each page is opened")
    samples = parser.parse_args().samples
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        home = stack.enter_context(collector(folder / "data"))
        for number in range(PAST):
            play(home.otlp, PIPELINES[number % 4], pace=0, ago=20 + number * 22)
        deck = stack.enter_context(dashboard(folder, home.otlp, home.clickhouse))
        plain = stack.enter_context(one_line(folder))
        browser = stack.enter_context(chromium())
        pages = {"the dashboard": (deck.url, "[data-run]"), "a line": (plain, "[data-testid=stMarkdown] p")}
        found: dict[str, list[float]] = {name: [] for name in pages}
        for number in range(samples + 1):
            for name, page in pages.items():
                took = paint(browser, *page)
                if number:  # the first fills the servers' own caches
                    found[name].append(took)
    for name, values in found.items():
        print(f"{name:<16} p50 {percentile(values, 0.5):6.0f} ms   p95 {percentile(values, 0.95):6.0f} ms")
    ours, theirs = (percentile(values, 0.5) for values in found.values())
    late = percentile(found["the dashboard"], 0.95) / PROMISE_MS
    print(f"ratio p50 {ours / theirs:.2f}; p95 over the promise of {PROMISE_MS} ms {late:.2f}", end="")
    print(f"; load average {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()

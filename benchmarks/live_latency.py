"""Milliseconds from posting a streamed chunk to its text on the screen, against the collector alone.

Every 300 ms a chunk of a live model call goes to the collector through OTLP/HTTP. Of the chunks, every second one
is waited for in a real browser that shows the run, and the others where the dashboard reads: in ``live_events``
over ClickHouse's HTTP interface, asked without a pause. That is the baseline, below which no dashboard can go.
Both clocks start before the POST.
"""

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
from playwright.sync_api import Page

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from support.browser import chromium, open_page
from support.collectors import CollectorProcess, collector, wait_for
from support.deck import free_ports
from support.scenario import Part, Run

EVERY_S = 0.3
PATIENCE_S = 10


@contextlib.contextmanager
def dashboard(home: CollectorProcess) -> Iterator[str]:
    """Serve the dashboard over a collector and give its address; no runner answers."""
    port, nobody = free_ports(2)
    flags = ["--ui-port", str(port), "--clickhouse-url", home.clickhouse, "--endpoint", home.otlp]
    flags += ["--runner-url", f"http://127.0.0.1:{nobody}"]
    process = subprocess.Popen([sys.executable, "-m", "quarterdeck_ui", *flags], stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: httpx.get(f"http://127.0.0.1:{port}/readyz").is_success)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def on_screen(page: Page) -> Callable[[str], None]:
    """Wait until the inspector shows a text; looks at every frame that the browser draws."""
    inspector = page.locator("[data-qd=inspector]").element_handle()
    shows = "([node, text]) => node.textContent.includes(text)"

    def wait(text: str) -> None:
        page.wait_for_function(shows, arg=[inspector, text], polling="raf", timeout=PATIENCE_S * 1000)

    return wait


def in_store(home: CollectorProcess, http: httpx.Client) -> Callable[[str], None]:
    """Wait until ``live_events`` holds a text."""
    query = "SELECT count() FROM quarterdeck.live_events WHERE Position > {since:UInt64} AND Text = {text:String}"
    since = str(time.time_ns())

    def look(text: str) -> bool:
        parameters = {"param_since": since, "param_text": text}
        return http.post(home.clickhouse, params=parameters, content=query).text.strip() == "1"

    def wait(text: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not look(text):
            if time.monotonic() > deadline:
                raise SystemExit(f"{text!r} never arrived")

    return wait


def measure(run: Run, call: Part, samples: int, waits: tuple[Callable[[str], None], ...]) -> list[list[float]]:
    """Milliseconds per chunk, one list for each way of waiting; they take turns."""
    found: list[list[float]] = [[] for _ in waits]
    for number in range(samples * len(waits)):
        text = f"chunk {number:04d}. "
        began = time.monotonic()
        run.chunk(call, text)
        waits[number % len(waits)](text)
        took = time.monotonic() - began
        found[number % len(waits)].append(took * 1000)
        if number % 3 == 0:
            run.heartbeat()
        time.sleep(max(0.0, EVERY_S - took))
    return found


def percentile(values: list[float], share: float) -> float:
    """The value below which this share lies."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=50, help="chunks on each side")
    samples = parser.parse_args().samples
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        home = stack.enter_context(collector(Path(folder) / "data"))
        url = stack.enter_context(dashboard(home))
        http = stack.enter_context(httpx.Client(timeout=PATIENCE_S, trust_env=False))
        page = open_page(stack.enter_context(chromium()), url).page
        run = Run(home.otlp, "latency", steps=1)
        call = run.call(run.step("write", 1), "claude-haiku-4-5", "count")
        run.chunk(call, "begin ")
        page.locator("[data-qd=inspector]", has_text="begin").wait_for(timeout=PATIENCE_S * 1000)
        screen, store = measure(run, call, samples, (on_screen(page), in_store(home, http)))
        run.end()
    print(f"{samples} chunks each, one every {EVERY_S * 1000:.0f} ms, load average {os.getloadavg()[0]:.1f}")
    for name, values in (("posted to screen", screen), ("posted to live_events", store)):
        print(f"{name:<22} p50 {percentile(values, 0.5):6.0f} ms   p95 {percentile(values, 0.95):6.0f} ms")
    halves = [percentile(screen, share) / percentile(store, share) for share in (0.5, 0.95)]
    print(f"{'ratio':<22} p50 {halves[0]:6.1f}      p95 {halves[1]:6.1f}")


if __name__ == "__main__":
    main()

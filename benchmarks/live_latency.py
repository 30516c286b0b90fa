"""Milliseconds from a streamed chunk, and from a step that starts, to the screen, against the collector alone.

Every 300 ms a chunk of a live model call goes to the collector through OTLP/HTTP, then steps of a decorated pipeline
start as often: those go through the whole SDK, which gathers live events. Every second one is waited for in a real
browser that shows the run, and the others where the dashboard reads: in ``live_events`` over ClickHouse's HTTP
interface, asked without a pause. That is the baseline, below which no dashboard can go. The clocks start before the
POST, and before the step does. The promise: a step is on the screen within a second at p95.
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

import quarterdeck as qd

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from support.browser import chromium, open_page
from support.collectors import CollectorProcess, collector, wait_for
from support.deck import free_ports
from support.scenario import Run

EVERY_S = 0.3
PATIENCE_S = 10
PROMISE_MS = 1000
INSPECTOR = "[data-qd=inspector]"
TIMELINE = ".q-timeline"


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


def on_screen(page: Page, where: str) -> Callable[[str], None]:
    """Wait until a part of the page shows a text; looks at every frame that the browser draws."""
    part = page.locator(where).element_handle()
    shows = "([node, text]) => node.textContent.includes(text)"

    def wait(text: str) -> None:
        page.wait_for_function(shows, arg=[part, text], polling="raf", timeout=PATIENCE_S * 1000)

    return wait


def in_store(home: CollectorProcess, http: httpx.Client, column: str) -> Callable[[str], None]:
    """Wait until a column of ``live_events`` holds a text."""
    table = "quarterdeck.live_events"
    query = f"SELECT count() FROM {table} WHERE Position > {{since:UInt64}} AND {column} = {{text:String}}"  # noqa: S608 - ours
    since = str(time.time_ns())

    def look(text: str) -> bool:
        parameters = {"param_since": since, "param_text": text}
        return http.post(home.clickhouse, params=parameters, content=query).text.strip() != "0"

    def wait(text: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not look(text):
            if time.monotonic() > deadline:
                raise SystemExit(f"{text!r} never arrived")

    return wait


Ways = tuple[Callable[[str], None], Callable[[str], None]]


def taking_turns(samples: int, ways: Ways, tell: Callable[[str, Callable[[str], None]], None]) -> list[list[float]]:
    """Milliseconds of each way of waiting; ``tell`` sends a text and waits for it."""
    found: list[list[float]] = [[] for _ in ways]
    for number in range(samples * len(ways)):
        began = time.monotonic()
        tell(f"number {number:04d}. ", ways[number % len(ways)])
        took = time.monotonic() - began
        found[number % len(ways)].append(took * 1000)
        time.sleep(max(0.0, EVERY_S - took))
    return found


def chunks(page: Page, home: CollectorProcess, http: httpx.Client, samples: int) -> list[list[float]]:
    """Milliseconds of chunks."""
    run = Run(home.otlp, "latency", steps=1)
    call = run.call(run.step("write", 1), "claude-haiku-4-5", "count")
    run.chunk(call, "begin ")
    page.locator(INSPECTOR, has_text="begin").wait_for(timeout=PATIENCE_S * 1000)

    def tell(text: str, wait: Callable[[str], None]) -> None:
        run.chunk(call, text)
        wait(text)
        if text[-3] in "0369":
            run.heartbeat()

    found = taking_turns(samples, (on_screen(page, INSPECTOR), in_store(home, http, "Text")), tell)
    run.end()
    return found


def steps(page: Page, url: str, home: CollectorProcess, http: httpx.Client, samples: int) -> list[list[float]]:
    """Milliseconds of steps."""
    qd.init(endpoint=home.otlp, control=False)

    def tell(text: str, wait: Callable[[str], None]) -> None:
        with qd.step(text):
            wait(text)

    @qd.pipeline
    def many_steps() -> list[list[float]]:
        run = qd.current_run()
        page.goto(f"{url}/?run={run.id if run else ''}")
        with qd.step("begin"):
            page.locator(TIMELINE, has_text="begin").wait_for(timeout=PATIENCE_S * 1000)
        return taking_turns(samples, (on_screen(page, TIMELINE), in_store(home, http, "StepName")), tell)

    try:
        return many_steps()
    finally:
        qd.shutdown()


def percentile(values: list[float], share: float) -> float:
    """The value below which this share lies."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=50, help="chunks, and steps, on each side")
    samples = parser.parse_args().samples
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        home = stack.enter_context(collector(Path(folder) / "data"))
        url = stack.enter_context(dashboard(home))
        http = stack.enter_context(httpx.Client(timeout=PATIENCE_S, trust_env=False))
        page = open_page(stack.enter_context(chromium()), url).page
        found = {"chunk": chunks(page, home, http, samples), "step": steps(page, url, home, http, samples)}
        page.context.close()
    print(f"{samples} of each, one every {EVERY_S * 1000:.0f} ms, load average {os.getloadavg()[0]:.1f}")
    for what, (screen, store) in found.items():
        for name, values in ((f"{what} to screen", screen), (f"{what} to live_events", store)):
            print(f"{name:<22} p50 {percentile(values, 0.5):6.0f} ms   p95 {percentile(values, 0.95):6.0f} ms")
        halves = [percentile(screen, share) / percentile(store, share) for share in (0.5, 0.95)]
        print(f"{'ratio':<22} p50 {halves[0]:6.1f}      p95 {halves[1]:6.1f}")
    slowest = percentile(found["step"][0], 0.95)
    print(f"promise for a step to screen: p95 below {PROMISE_MS} ms, of which {slowest / PROMISE_MS:.2f}")


if __name__ == "__main__":
    main()

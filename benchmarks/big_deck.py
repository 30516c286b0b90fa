"""Seconds of what a reader does on the dashboard of a big store, in a real browser, against the same on a small one.

The store is a history as ``queries.py`` makes it, which goes on to now; 20 million spans take 15 minutes and 14 GB::

    python benchmarks/big_deck.py --spans 20000000 --store /somewhere/history --pictures /tmp

Anything on the browser's console that is an error, or a banner on the screen, fails the program.
"""

import argparse
import contextlib
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from lab.history import bring_up_to_now
from lab.measure import say
from support.browser import chromium
from support.collectors import collector
from support.dashboard import dashboard, opened

DAYS = 10
PATIENCE_MS = 120_000
RUN = "[data-run]"

Look = Callable[[Page, str], None]


def first_rows(page: Page, url: str) -> None:
    """Open the deck."""
    page.goto(url)
    expect(page.locator(RUN).first).to_be_visible()


def thirty_days(page: Page, url: str) -> None:
    """Ask for charts of 30 days."""
    page.goto(f"{url}/?range=30d")
    expect(page.locator("[data-qd=charts]")).to_contain_text(re.compile("bars: a (hour|day)"))


def failed_runs(page: Page, url: str) -> None:
    """Search the history for failed runs by a word of their message."""
    page.goto(f"{url}/?history=1&q=timeout")
    expect(page.locator(f'{RUN}[data-status="failed"]').first).to_be_visible()


def nowhere(page: Page, url: str) -> None:
    """Search all of the history for what is not there."""
    page.goto(f"{url}/?history=1&q=no-run-has-this")
    expect(page.locator(".q-runs .empty")).to_contain_text("No run fits the search.")


def old_run(page: Page, url: str) -> None:
    """Open the last run of the first page of the history, and read a call of it."""
    page.goto(f"{url}/?history=1")
    expect(page.locator(RUN).first).to_be_visible()
    page.locator(RUN).last.click()
    call = page.locator("[data-span][data-kind=call]").first
    call.click()
    expect(page.locator("[data-qd=inspector]")).to_contain_text("Assistant")


def logs(page: Page, url: str) -> None:
    """Open the logs."""
    page.goto(f"{url}/?view=logs")
    expect(page.locator(".log-line").first).to_be_visible()


def rare_logs(page: Page, url: str) -> None:
    """Search the errors among all records for a word that none has."""
    page.goto(f"{url}/?view=logs&level=error&text=no-record-has-this")
    expect(page.locator(".log-empty")).to_be_visible()


LOOKS: dict[str, Look] = {
    "first rows": first_rows,
    "charts of 30 days": thirty_days,
    "history: failed, by a word": failed_runs,
    "history: all, without a hit": nowhere,
    "open an old run and a call": old_run,
    "logs": logs,
    "logs: all, without a hit": rare_logs,
}


def tour(browser: Browser, url: str, pictures: Path | None) -> dict[str, float]:
    """Do everything once and give the seconds of each.

    Raises:
        AssertionError: If something does not show, or the browser told of an error.
    """
    found = {}
    with opened(browser, url) as watched:
        page = watched.page
        page.set_default_timeout(PATIENCE_MS)
        for name, look in LOOKS.items():
            say(f"{name} …")
            began = time.monotonic()
            look(page, url)
            found[name] = time.monotonic() - began
            if pictures:
                page.screenshot(path=pictures / f"{re.sub('[^a-z0-9]+', '-', name)}.png")
            expect(page.locator("[data-banner=clickhouse]")).to_have_count(0)
    return found


def visit(browser: Browser, folder: Path, spans: int, pictures: Path | None = None) -> dict[str, float]:
    """Make a store or let it go on until now, and take the tour."""
    bring_up_to_now(folder, spans, DAYS, payload_search=False)
    with (
        collector(folder) as home,
        tempfile.TemporaryDirectory() as own,
        dashboard(Path(own), home.otlp, home.clickhouse) as deck,
    ):
        spans = int(home.sql("SELECT count() FROM quarterdeck.otel_traces"))
        print(f"{spans:,} spans", flush=True)
        return tour(browser, deck.url, pictures)


def main() -> None:
    """Visit both stores and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--spans", type=int, default=300_000, help="size of a new history")
    parser.add_argument("--against", type=int, default=20_000, help="size of the small one; 0 leaves it out")
    parser.add_argument("--store", type=Path, help="folder of the history, kept; without it one is made and removed")
    parser.add_argument("--pictures", type=Path, help="folder for a screenshot of each")
    options = parser.parse_args()
    expect.set_options(timeout=PATIENCE_MS)
    with contextlib.ExitStack() as stack:
        made = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        browser = stack.enter_context(chromium())
        small = visit(browser, made / "small", options.against) if options.against else {}
        big = visit(browser, options.store or made / "big", options.spans, options.pictures)
    print(f"{'seconds':<30}{'big':>8}{'small':>8}{'ratio':>8}")
    for name, seconds in big.items():
        beside = f"{small[name]:8.2f}{seconds / small[name]:8.2f}" if small else ""
        print(f"{name:<30}{seconds:8.2f}{beside}")
    print(f"no error on the console, no banner; load average {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()

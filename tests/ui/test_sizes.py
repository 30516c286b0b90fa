"""The screens on a store without anything, with one run, and with a long history."""

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from quarterdeck import semconv as s
from support import otlp
from support.collectors import collector
from support.dashboard import dashboard, opened
from support.scenario import ANSWER, Run

expect.set_options(timeout=30_000)

BIG_DECK = Path(__file__).parents[2] / "benchmarks" / "big_deck.py"


def nothing(page: Page, url: str) -> None:
    """Every screen of an empty store says what to do."""
    expect(page.locator(".q-runs .empty")).to_contain_text("No runs yet.")
    expect(page.locator(".q-charts")).to_contain_text("No model call in the last 15 minutes.")
    page.locator("[data-qd=history]").click()
    expect(page.locator(".q-runs .empty")).to_contain_text("No runs yet.")
    page.locator("[data-search=text]").fill("anything")
    expect(page.locator(".q-runs .empty")).to_contain_text("No run fits the search.")
    page.goto(f"{url}/?view=logs")
    expect(page.locator(".log-empty")).to_contain_text("No log records yet.")
    expect(page.locator(".log-status")).to_have_text("0 records")


def told(endpoint: str) -> Run:
    """One run with one call."""
    run = Run(endpoint, "only", steps=1, ago=30)
    step = run.step("write", 1)
    call = run.call(step, "claude-sonnet-4-5", "the only question")
    run.end_call(call, ANSWER, (90, 30))
    run.end_step(step, {"ok": True})
    run.end()
    return run


def one(page: Page, url: str, run: Run) -> None:
    """Every screen shows the one run."""
    page.goto(url)
    expect(page.locator("[data-run]")).to_have_count(1)
    expect(page.locator(".list-end")).to_have_text("No older runs")
    expect(page.locator("[data-qd=inspector]")).to_contain_text("the only question")
    expect(page.locator("[data-qd=charts]")).to_be_visible()
    page.goto(f"{url}/?history=1&q=only&status=completed")
    expect(page.locator(f'[data-run="{run.id}"]')).to_have_attribute("data-status", "completed")
    expect(page.locator(".list-end")).to_have_text("No older runs")
    page.goto(f"{url}/?view=logs")
    expect(page.locator(".log-line")).to_have_count(1)
    expect(page.locator(".log-status")).to_have_text("1 record")


def test_an_empty_store_says_what_to_do_on_every_screen_and_one_run_fills_them(
    browser: Browser, tmp_path: Path
) -> None:
    with (
        collector(tmp_path / "data") as home,
        dashboard(tmp_path, home.otlp, home.clickhouse) as deck,
        opened(browser, deck.url) as watched,
    ):
        nothing(watched.page, deck.url)
        run = told(home.otlp)
        record = {"body": "the only line", "severity_number": 9, "time_unix_nano": time.time_ns()}
        record["attributes"] = {s.RUN_ID: run.id}
        home.post("/v1/logs", otlp.logs(record).SerializeToString()).raise_for_status()
        one(watched.page, deck.url, run)


@pytest.mark.timeout(300)
def test_a_long_history_is_read_searched_and_opened(tmp_path: Path) -> None:
    words = [sys.executable, str(BIG_DECK), "--spans", "60000", "--against", "0", "--store", str(tmp_path / "history")]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=280)
    assert done.returncode == 0, done.stderr[-4000:]
    assert len(re.findall(r"^.+ +\d+\.\d\d$", done.stdout, re.MULTILINE)) == 7
    assert "no error on the console, no banner" in done.stdout

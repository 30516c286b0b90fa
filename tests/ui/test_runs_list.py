"""The list of runs and the header in a real browser: hundreds of runs, their order, their history, what is shown."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from quarterdeck import semconv as s
from support import otlp
from support.browser import DESKTOP
from support.collectors import CollectorProcess, collector, wait_for
from support.dashboard import Dashboard, dashboard, opened
from support.deck import free_ports
from support.scenario import Run

OPEN_RUNS = 500
OVER = 300
"""Finished runs, of which the page is told 100 without asking."""


def announced(count: int) -> bytes:
    """Runs that have begun and are alive, all in one request."""
    now, records = time.time_ns(), []
    for number in range(count):
        told = {s.RUN_ID: f"open-{number:03}", s.PIPELINE_NAME: f"fleet-{number % 7}", s.RUN_STATUS: "paused"}
        begun = {**told, s.SPAN_START: now - number * 10**9, s.SPAN_NAME: "invoke_workflow fleet"}
        record = {"event_name": s.EVENT_PIPELINE_STARTED, "time_unix_nano": now, "attributes": begun}
        records.append(record | {"trace_id": otlp.new_trace_id(), "span_id": b"rootroot"})
    resource = {"service.name": "fleet"}
    return bytes(otlp.logs(*records, scope=s.LIVE_SCOPE, resource=resource).SerializeToString())


def finished(count: int) -> bytes:
    """Runs that are over, one a minute into the past; every tenth of them failed."""
    spans = []
    for number in range(count):
        begin = time.time_ns() - (number + 2) * 60 * 10**9
        failed = number % 10 == 9
        told = {
            s.RUN_ID: f"over-{number:03}",
            s.PIPELINE_NAME: "archive",
            s.RUN_STATUS: "failed" if failed else "completed",
        }
        error = {"status": {"code": 2, "message": f"no article {number:03}"}} if failed else {}
        span = {"trace_id": otlp.new_trace_id(), "name": "invoke_workflow archive", "attributes": told, **error}
        end = begin + (number + 1) * 10**9
        spans.append(span | {"start_time_unix_nano": begin, "end_time_unix_nano": end})
    resource = {"service.name": "archive", "deployment.environment.name": "prod"}
    return bytes(otlp.traces(*spans, resource=resource).SerializeToString())


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Dashboard, CollectorProcess]]:
    folder: Path = tmp_path_factory.mktemp("crowd")
    nowhere = f"http://127.0.0.1:{free_ports(1)[0]}"
    with collector(folder / "data", "--forward", nowhere) as home:
        home.post("/v1/logs", announced(OPEN_RUNS)).raise_for_status()
        home.post("/v1/traces", finished(OVER)).raise_for_status()
        wait_for(lambda: home.sql("SELECT count() FROM quarterdeck.runs FINAL") == str(OVER))
        with dashboard(folder, home.otlp, home.clickhouse) as running:
            yield running, home


def ids(page: Page) -> list[str]:
    """Runs whose rows exist, from above."""
    rows = page.locator("[data-qd=runs] .run").evaluate_all(
        "rows => rows.map(r => [r.getBoundingClientRect().top, r.dataset.run]).sort((a, b) => a[0] - b[0])"
    )
    return [str(run_id) for _, run_id in rows]


def tally(page: Page) -> Locator:
    return page.locator(".q-runs .tally")


def test_hundreds_of_runs_are_drawn_as_far_as_they_are_seen_and_older_ones_come_by_scrolling(
    browser: Browser, crowd: tuple[Dashboard, CollectorProcess]
) -> None:
    deck, _ = crowd
    with opened(browser, deck.url, DESKTOP) as watched:
        page = watched.page
        expect(page.locator(".list-heading").first).to_have_text(f"Active {OPEN_RUNS}")
        expect(tally(page)).to_have_text(str(OPEN_RUNS + 100))
        expect(page.locator(".gauge .value").first).to_have_text(str(OPEN_RUNS))
        assert ids(page)[0] == "open-000"
        assert len(ids(page)) < 40

        first = page.locator('[data-run="open-000"]')
        first.click()
        page.keyboard.press("ArrowDown")
        expect(page.locator('[data-run="open-001"]')).to_be_focused()
        page.keyboard.press("End")
        page.keyboard.press("End")  # what was older has come meanwhile, perhaps
        expect(page).to_have_url(re.compile(r"run=over-"))
        rows = page.locator("[data-qd=runs]")
        for _ in range(30):
            rows.evaluate("list => { list.scrollTop = list.scrollHeight; }")
            if tally(page).inner_text() == str(OPEN_RUNS + OVER):
                break
            page.wait_for_timeout(200)
        expect(tally(page)).to_have_text(str(OPEN_RUNS + OVER))
        expect(page.locator(".list-end")).to_have_text("No older runs")
        expect(page.locator(f'[data-run="over-{OVER - 1:03}"]')).to_be_visible()
        assert len(ids(page)) < 40


def test_the_list_is_sorted_filtered_limited_and_paused_and_the_address_keeps_it(
    browser: Browser, crowd: tuple[Dashboard, CollectorProcess]
) -> None:
    deck, home = crowd
    with opened(browser, deck.url, DESKTOP) as watched:
        page = watched.page
        expect(page.locator("[data-run]").first).to_be_visible()
        page.locator("[data-scope=service]").select_option("archive")
        expect(page.locator(".list-heading").first).to_contain_text("Recent")
        expect(page.locator(".gauge .value").first).to_have_text("0")
        page.locator("[data-scope=environment]").select_option("prod")
        page.locator("[data-sort=time]").click()
        expect(page.locator("[aria-sort=descending]")).to_have_text("Elapsed")
        expect(page.locator('[data-run="over-099"]')).to_be_visible()  # the longest of those that are here
        page.locator("[data-sort=time]").click()
        expect(page.locator('[data-run="over-000"]')).to_be_visible()
        expect(page).to_have_url(f"{deck.url}/?service=archive&env=prod&sort=time")

        page.locator("[data-scope=range]").select_option("15m")
        expect(tally(page)).to_have_text(re.compile(r"^1\d$"))
        page.reload()
        expect(tally(page)).to_have_text(re.compile(r"^1\d$"))
        expect(page.locator("[data-scope=range]")).to_have_value("15m")
        expect(page.locator("[aria-sort=ascending]")).to_have_text("Elapsed")
        page.locator("[data-scope=clear]").click()
        expect(tally(page)).to_have_text(str(OPEN_RUNS + 100))

        page.locator("[data-scope=live]").click()
        expect(page.locator("[data-scope=live]")).to_have_text("Paused")
        late = Run(home.otlp, "while-paused")
        other = page.context.new_page()
        other.goto(deck.url)
        expect(other.locator(f'[data-run="{late.id}"]')).to_be_visible()  # here the news are known
        other.close()
        expect(page.locator(f'[data-run="{late.id}"]')).to_have_count(0)
        page.locator("[data-scope=live]").click()
        expect(page.locator(f'[data-run="{late.id}"]')).to_be_visible()
        late.end()


def test_the_history_finds_runs_that_are_not_in_the_list(
    browser: Browser, crowd: tuple[Dashboard, CollectorProcess]
) -> None:
    deck, _ = crowd
    with opened(browser, deck.url, DESKTOP) as watched:
        page = watched.page
        expect(page.locator("[data-run]").first).to_be_visible()
        page.locator("[data-qd=filter]").fill("article 209")
        expect(page.locator(".q-runs .empty")).to_contain_text("No run matches the filter.")
        page.get_by_role("button", name="Search all runs for “article 209”").click()
        expect(page.locator("[data-run]")).to_have_count(1)
        expect(page.locator('[data-run="over-209"]')).to_contain_text("no article 209")
        expect(page).to_have_url(f"{deck.url}/?history=1&q=article+209")

        page.locator("[data-search=text]").fill("")
        page.locator("[data-search-status=paused]").click()  # of these nothing is stored yet
        expect(tally(page)).to_have_text(str(OPEN_RUNS))
        page.locator("[data-search-status=paused]").click()
        page.locator("[data-search-status=failed]").click()
        expect(tally(page)).to_have_text("30")
        page.locator("[data-search=seconds_from]").fill("251")
        expect(tally(page)).to_have_text("5")
        page.reload()
        expect(tally(page)).to_have_text("5")
        page.locator('[data-run="over-299"]').click()
        expect(page.locator(".q-timeline .problem")).to_contain_text("no article 299")
        for field in ("model", "cost_from"):
            page.locator(f"[data-search={field}]").fill("9" * 6)
            expect(page.locator(".q-runs .empty")).to_contain_text("No run fits the search.")
            page.locator(f"[data-search={field}]").fill("")
            expect(tally(page)).to_have_text("5")
        page.locator("[data-search=seconds_from]").fill("")
        page.locator("[data-search=from]").fill(time.strftime("%Y-%m-%dT%H:%M", time.localtime(time.time() - 25 * 60)))
        expect(tally(page)).to_have_text("2")  # of the failed ones: those that began 11 and 21 minutes ago
        page.locator("[data-search=pipeline]").fill("nothing-like-it")
        expect(page.locator(".q-runs .empty")).to_contain_text("No run fits the search.")
        page.keyboard.press("Escape")
        expect(page.locator(".list-heading").first).to_contain_text("Active")
        expect(page).to_have_url(re.compile(r"/\?run=over-299&from="))


def test_every_part_of_the_system_gives_its_reason(browser: Browser, crowd: tuple[Dashboard, CollectorProcess]) -> None:
    deck, _ = crowd
    with opened(browser, deck.url, DESKTOP) as watched:
        page = watched.page
        expect(page.locator(".chip[data-service=spool]")).to_have_attribute("data-state", "ok")
        expect(page.locator(".chip[data-service=runner]")).to_have_attribute("data-state", "bad")
        page.locator(".chip[data-service=runner]").click()
        expect(page.locator("[data-part=runner]")).to_contain_text("connection refused")
        expect(page.locator("[data-part=clickhouse]")).to_contain_text("Answers.")
        expect(page.locator("[data-part=spool]")).to_contain_text("Takes telemetry.")
        page.locator(".chip[data-service=forward]").click()
        expect(page.locator("[data-chosen] dt")).to_contain_text("Forward to http://127.0.0.1")
        expect(page.locator("[data-chosen] dd")).to_contain_text("wait in the collector's own spool")
        page.locator(".chip[data-service=runner]").click()
        page.keyboard.press("Escape")
        expect(page.locator("[data-part=runner]")).to_have_count(0)
        expect(page.locator(".chip[data-service=runner]")).to_be_focused()

"""The log viewer: its question, its tail, its downloads, and itself in a real browser."""

import asyncio
import json
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, expect

from quarterdeck_ui import log_tail
from quarterdeck_ui.log_feed import log_filter
from quarterdeck_ui.log_tail import LogTails
from quarterdeck_ui.queries import LogFilter, LogLine, Store, StoreError, log_lines
from support import otlp
from support.browser import DESKTOP, PHONE
from support.collectors import PLAIN, CollectorProcess, wait_for
from support.dashboard import Dashboard, dashboard, opened

SECOND = 1_000_000_000


@pytest.fixture(scope="module")
def deck(home: CollectorProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    with dashboard(tmp_path_factory.mktemp("ui"), home.otlp, home.clickhouse) as running:
        yield running


def record(
    run: str, body: str, *, at: int = 0, severity: int = 9, attributes: dict[str, Any] | None = None
) -> dict[str, Any]:
    names = {"quarterdeck.run.id": run, "quarterdeck.pipeline.name": "billing", "quarterdeck.step.name": "read"}
    return {
        "time_unix_nano": at or time.time_ns(),
        "severity_number": severity,
        "body": body,
        "attributes": names | (attributes or {}),
    }


def write(home: CollectorProcess, store: Store, run: str, *records: dict[str, Any]) -> None:
    """Send records of one run and wait until ClickHouse has them."""
    before = len(log_lines(store, LogFilter(run=run), 100_000))
    answer = home.post("/v1/logs", otlp.logs(*records).SerializeToString(), content_type="application/x-protobuf")
    assert answer.status_code == 200
    wait_for(lambda: len(log_lines(store, LogFilter(run=run), 100_000)) == before + len(records))


def bodies(lines: Sequence[LogLine]) -> list[str]:
    return [line.body for line in lines]


def test_each_part_of_a_filter_leaves_out_what_does_not_fit(home: CollectorProcess, store: Store) -> None:
    run, at = f"logs-{uuid.uuid4()}", time.time_ns()
    write(
        home,
        store,
        run,
        record(run, "no severity", at=at, severity=0),
        record(run, "Überfällig: invoice 17", at=at + 1, severity=13),
        record(run, "attempt=2 failed", at=at + 2, severity=17, attributes={"customer": "Ångström"}),
        record(run, "attempt=31 failed", at=at + 3, severity=18, attributes={"quarterdeck.step.name": "send"}),
    )

    def found(**wanted: Any) -> list[str]:
        return bodies(log_lines(store, LogFilter(run=run, **wanted), 10))

    assert found() == ["no severity", "Überfällig: invoice 17", "attempt=2 failed", "attempt=31 failed"]
    assert found(levels=(2,)) == ["no severity"]
    assert found(levels=(3, 4)) == ["Überfällig: invoice 17", "attempt=2 failed", "attempt=31 failed"]
    assert found(text="überFÄLLIG") == ["Überfällig: invoice 17"]
    assert found(text="ångström") == ["attempt=2 failed"]
    assert found(pattern=r"attempt=\d\d") == ["attempt=31 failed"]
    assert found(step="send") == ["attempt=31 failed"]
    assert found(pipeline="billing", step="read", levels=(4,)) == ["attempt=2 failed"]
    assert found(pipeline="other") == []
    with pytest.raises(StoreError, match="refused a query"):
        found(pattern="(")


def test_pages_hold_every_record_once_even_of_one_nanosecond(home: CollectorProcess, store: Store) -> None:
    run, at = f"logs-{uuid.uuid4()}", time.time_ns()
    write(home, store, run, *(record(run, f"line {number}", at=at + number // 10) for number in range(45)))
    wanted, pages = LogFilter(run=run), []
    page = log_lines(store, wanted, 7)
    while page:
        pages.append(page)
        page = log_lines(store, wanted, 7, before=page[0].key)
    lines = [line for page in reversed(pages) for line in page]
    assert sorted(bodies(lines)) == sorted(f"line {number}" for number in range(45))
    assert [line.key for line in lines] == sorted(line.key for line in lines)


def test_a_filter_from_a_browser_is_read_leniently() -> None:
    assert log_filter({"levels": ["error", "nonsense", "warn"], "run": "r", "text": None, "pattern": 7}) == LogFilter(
        levels=(3, 4), run="r", pattern="7"
    )
    assert log_filter({"levels": "error"}) == LogFilter()


async def test_readers_of_one_filter_share_its_questions(
    home: CollectorProcess, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, asked = threading.Event(), []

    def held(store: Store, wanted: LogFilter, limit: int, **bounds: Any) -> list[LogLine]:
        asked.append(wanted)
        gate.wait(20)
        return log_lines(store, wanted, limit, **bounds)

    monkeypatch.setattr(log_tail, "log_lines", held)
    run = f"logs-{uuid.uuid4()}"
    wanted, tails = LogFilter(run=run), LogTails(store)
    async with tails.follow(wanted) as first, tails.follow(wanted) as second:
        await asyncio.to_thread(write, home, store, run, record(run, "one"), record(run, "two"))
        assert asked == [wanted]
        gate.set()
        for reader in (first, second):
            assert sorted(bodies((await asyncio.wait_for(reader.get(), 20)).lines)) == ["one", "two"]


def test_downloads_hold_what_the_filter_shows_newest_first(
    home: CollectorProcess, store: Store, deck: Dashboard
) -> None:
    run, at = f"logs-{uuid.uuid4()}", 1_790_000_000 * SECOND + 5
    write(
        home,
        store,
        run,
        record(run, "first", at=at),
        record(run, "second", at=at + 1, severity=17, attributes={"answer": 42}),
    )
    text = httpx.get(f"{deck.url}/deck/logs.txt", params={"run": run}, verify=PLAIN)
    assert text.text == (
        "2026-09-21T14:13:20.000000006Z ERROR billing/read: second\n"
        "2026-09-21T14:13:20.000000005Z INFO  billing/read: first\n"
    )
    assert text.headers["content-disposition"].endswith('.txt"')
    lines = httpx.get(f"{deck.url}/deck/logs.jsonl", params={"run": run, "level": "error"}, verify=PLAIN).text
    found = json.loads(lines)
    assert (found["time"], found["level"], found["body"]) == ("2026-09-21T14:13:20.000000006Z", "error", "second")
    assert found["attributes"]["answer"] == "42"
    refused = httpx.get(f"{deck.url}/deck/logs.txt", params={"pattern": "("}, verify=PLAIN)
    assert (refused.status_code, "refused a query" in refused.text) == (502, True)


def test_the_viewer_follows_yields_to_the_reader_and_goes_on(
    browser: Browser, deck: Dashboard, home: CollectorProcess, store: Store
) -> None:
    run, at = f"logs-{uuid.uuid4()}", time.time_ns() - 3600 * SECOND
    write(home, store, run, *(record(run, f"line {number}", at=at + number * SECOND) for number in range(1000)))
    with opened(browser, f"{deck.url}/logs?run={run}") as watched:
        page = watched.page
        lines, follow = page.locator(".log-line"), page.locator(".log-follow")
        expect(lines.last).to_contain_text("line 999")
        expect(page.locator(".log-status")).to_have_text("400+ records")
        assert lines.count() < 100
        write(home, store, run, record(run, "just now <b>bold</b>"))
        expect(lines.last).to_contain_text("just now <b>bold</b>")
        assert page.locator(".log-body b").count() == 0

        page.locator(".log-list").hover()
        page.mouse.wheel(0, -3000)
        expect(follow).to_have_attribute("aria-pressed", "false")
        shown = lines.nth(20).inner_text()
        write(home, store, run, record(run, "while reading"))
        expect(page.locator(".jump")).to_have_text("↓ 1 new")
        assert shown in lines.all_inner_texts()
        for _ in range(8):
            page.mouse.wheel(0, -9000)
            page.wait_for_timeout(150)
        expect(lines.first).to_contain_text("line 0")
        expect(page.locator(".log-status")).to_have_text("1,002 records")
        page.locator(".jump").click()
        expect(lines.last).to_contain_text("while reading")


def test_filters_live_in_the_address_and_a_line_opens_with_its_fields(
    browser: Browser, deck: Dashboard, home: CollectorProcess, store: Store
) -> None:
    run, of_a_span = f"logs-{uuid.uuid4()}", {"trace_id": otlp.new_trace_id(), "span_id": b"a span's"}
    write(
        home,
        store,
        run,
        record(run, "attempt=2 failed", severity=17, attributes={"customer.id": "c-9"}) | of_a_span,
        record(run, "attempt=3 went well"),
        record(run, '{"event": "scored", "score": 0.93}', severity=13),
    )
    with opened(browser, f"{deck.url}/?view=logs&run={run}") as watched:
        page = watched.page
        bodies = page.locator(".log-body")
        expect(bodies).to_have_count(3)
        page.locator(".log-levels [data-level=error]").click()
        expect(bodies).to_have_text(["attempt=2 failed"])
        expect(page).to_have_url(f"{deck.url}/?view=logs&level=error&run={run}")
        page.locator(".log-line").click()
        expect(page.locator(".log-facts")).to_contain_text("customer.id")
        expect(page.locator(".log-body .t-key")).to_have_text("attempt=")
        link = page.get_by_role("link", name="Open in the deck")
        expect(link).to_have_attribute("href", f"/?run={run}&span={of_a_span['span_id'].hex()}")
        with page.expect_download() as saved:
            page.get_by_role("link", name=".jsonl").click()
        assert [json.loads(line)["body"] for line in saved.value.path().read_text().splitlines()] == [
            "attempt=2 failed"
        ]

        page.reload()
        expect(bodies).to_have_text(["attempt=2 failed"])
        page.locator(".log-levels [data-level=error]").click()
        page.keyboard.press("Control+f")
        page.keyboard.type("went WELL")
        expect(page.locator("mark")).to_have_text("went well")
        page.locator(".log-regex").click()
        page.locator("[data-field=search]").fill(r"attempt=\d f")
        expect(bodies).to_have_text(["attempt=2 failed"])
        page.locator("[data-field=search]").fill("(")
        expect(page.locator(".banner")).to_contain_text("refused a query")
        page.locator("[data-field=search]").fill("")
        expect(bodies).to_have_count(3)
        expect(page.locator(".banner")).to_be_hidden()
        for field, words in (("pipeline", "none of them"), ("step", "no such step")):
            page.locator(f"[data-field={field}]").fill(words)
            expect(bodies).to_have_count(0)
            page.locator(f"[data-field={field}]").fill("")
            expect(bodies).to_have_count(3)
        page.keyboard.press("Control+l")
        expect(page.locator(".quadrants")).to_be_visible()


def test_nothing_is_cut_off_and_an_empty_list_says_what_to_do(browser: Browser, deck: Dashboard) -> None:
    with opened(browser, f"{deck.url}/?view=logs&run=nobody", PHONE) as watched:
        page = watched.page
        for width, height in (PHONE, DESKTOP):
            page.set_viewport_size({"width": width, "height": height})
            expect(page.locator(".log-empty")).to_contain_text("No record fits this filter yet")
            for part in (".log-levels", ".log-search", ".log-follow"):
                box = page.locator(part).bounding_box()
                assert box is not None
                assert box["x"] >= 0
                assert box["x"] + box["width"] <= width

"""Alerts in the dashboard: from a chart to a rule that fires, is muted and resolves; channels; the pure parts."""

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from quarterdeck.amounts import amount
from quarterdeck_ui.access.people import PasswordFile, Role
from quarterdeck_ui.pages.alerts import client
from quarterdeck_ui.pages.alerts.draft import defaults, from_address
from quarterdeck_ui.pages.alerts.preview_chart import chart
from quarterdeck_ui.pages.alerts.sparkline import sparkline
from quarterdeck_ui.pages.alerts.words import about, plain
from quarterdeck_ui.queries import Store, alert_history, alert_rules
from quarterdeck_ui.saved import Saved
from support import otlp
from support.accessibility import findings
from support.browser import PHONE, open_page
from support.collectors import CollectorProcess, collector, wait_for
from support.dashboard import Dashboard, dashboard, opened
from support.servers import serve

expect.set_options(timeout=30_000)

RULE = (
    "/?view=alerts&new=1&measure=error_rate&name=Too+many+errors&threshold=0.5&least=1&for=0&resolve_for=0&window=300"
)


RECORDING = """window.shown = [];
window.Notification = new Proxy(window.Notification, { construct: (_, given) => (window.shown.push(given), {}) });
"""
"""Only what the browser would hand to the desktop is caught: whether it may is asked of the real thing."""


@pytest.fixture(scope="module")
def told() -> list[Any]:
    """What the web hook was told."""
    return []


@pytest.fixture(scope="module")
def hook(told: list[Any]) -> Iterator[str]:
    async def take(request: Request) -> Response:
        told.append((request.url.path, await request.json()))
        return Response(status_code=204)

    with serve(Starlette(routes=[Route("/{path:path}", take, methods=["POST"])])) as url:
        yield url


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, hook: str) -> Iterator[CollectorProcess]:
    folder: Path = tmp_path_factory.mktemp("alerts") / "data"
    with collector(folder, "--alerts-every", "0.3", "--alert-urls", hook) as running:
        yield running


@pytest.fixture(scope="module")
def deck(home: CollectorProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    with dashboard(tmp_path_factory.mktemp("ui"), home.otlp, home.clickhouse) as running:
        yield running


def calls(home: CollectorProcess, count: int, *, failed: bool) -> None:
    now = time.time_ns()
    span = {
        "name": "chat m",
        "kind": 3,
        "start_time_unix_nano": now - 10**9,
        "end_time_unix_nano": now,
        "attributes": {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m"},
        **({"status": {"code": 2, "message": "overloaded"}} if failed else {}),
    }
    spans = ({**span, "span_id": n.to_bytes(8), "trace_id": otlp.new_trace_id()} for n in range(1, count + 1))
    assert home.post("/v1/traces", otlp.traces(*spans).SerializeToString()).status_code == 200


def make_channel(page: Page, deck: Dashboard, hook: str, told: list[Any]) -> None:
    """Enter a web hook, try it, save it: its address is not shown again."""
    page.goto(f"{deck.url}/?view=alerts&tab=Channels")
    expect(page.get_by_text("always there")).to_be_visible()
    page.locator(".st-key-new-channel button").click()
    page.get_by_label("Name", exact=True).fill("On call")
    page.get_by_label("Address", exact=True).fill(f"{hook}/services/T0KEN")
    assert findings(page) == []
    page.locator(".st-key-channel-test button").click()
    expect(page.get_by_text("The test was taken.")).to_be_visible()
    assert [(path, body["title"]) for path, body in told] == [("/services/T0KEN", "TEST: On call")]
    page.locator(".st-key-channel-save button").click()
    expect(page.get_by_text(f"{hook}/…")).to_be_visible()
    assert "T0KEN" not in page.content()
    assert findings(page) == []


def record_the_desktop(page: Page, deck: Dashboard) -> None:
    """Allow notices on the desktop, as the reader would, and keep what is shown there."""
    page.context.grant_permissions(["notifications"], origin=deck.url)
    page.context.add_init_script(RECORDING)
    page.reload()


def seen_on_the_desktop_once(page: Page) -> None:
    """The notice of the page is on the desktop too, once for each alert and not at each look."""
    notice = page.locator(".alert-notice")
    expect(notice.get_by_role("button", name="Also on the desktop")).to_be_hidden()
    expect(notice.get_by_role("link")).to_have_attribute("href", re.compile("view=alerts&rule=too-many-errors"))
    ((title, desktop),) = page.evaluate("window.shown")
    assert (title, desktop["body"]) == ("Firing: Too many errors", notice.locator("p").inner_text())
    page.reload()
    expect(page.locator("[data-qd=bell]")).to_have_attribute("aria-label", "1 alert fires")
    assert page.evaluate("window.shown") == []


def seen_on_other_pages_too(page: Page, deck: Dashboard) -> None:
    """What this tab has told already is not told again; as if new, each kind of page tells it."""
    for view in ("deck", "logs", "errors"):
        page.evaluate("sessionStorage.clear()")
        for notices in (1, 0):
            page.goto(f"{deck.url}/?view={view}")
            expect(page.locator("[data-qd=bell]")).to_have_attribute("aria-label", "1 alert fires")
            expect(page.locator(".alert-notice")).to_have_count(notices)
            if notices:
                assert findings(page) == []


def only_the_end_is_told_afterwards(page: Page) -> None:
    """Whoever opens the dashboard after the end is not told of the beginning."""
    page.evaluate("sessionStorage.clear()")
    page.reload()
    expect(page.locator(".alert-notice strong")).to_have_text(["Resolved: Too many errors"])


def history_reads_well(page: Page) -> None:
    page.get_by_role("radio", name="History").click()
    expect(page.get_by_role("radio", name="History")).to_be_checked()
    expect(page.get_by_text("Too many errors").first).to_be_visible()
    assert findings(page) == []


def test_a_rule_made_from_a_chart_fires_is_muted_and_resolves(
    browser: Browser, deck: Dashboard, home: CollectorProcess, hook: str, told: list[Any]
) -> None:
    calls(home, 40, failed=True)
    with opened(browser, deck.url) as watched:
        page = watched.page
        record_the_desktop(page, deck)
        expect(page.locator("[data-qd=bell]")).to_have_attribute("aria-label", "No alert fires")
        for chart, measure in (("Throughput", "calls"), ("Errors", "error_rate")):
            page.goto(deck.url)
            page.get_by_role("button", name=f"Actions of {chart}").click()
            page.get_by_role("menuitem", name="Create alert…").click()
            expect(page.get_by_text("New rule", exact=True)).to_be_visible()
            expect(page).to_have_url(re.compile(f"new=1&measure={measure}"))

        make_channel(page, deck, hook, told)

        page.goto(deck.url + RULE)
        expect(page.get_by_text("it would have fired 1 time.")).to_be_visible()
        expect(page.get_by_test_id("stVegaLiteChart")).to_be_visible()
        assert findings(page) == []
        page.get_by_role("combobox", name="Tell", exact=True).click()
        page.get_by_role("option", name="On call").click()
        page.keyboard.press("Escape")
        page.locator(".st-key-alert-save button").click()
        row = page.locator("[class*='st-key-rule-too-many-errors']")
        expect(page.locator(".alert-notice")).to_contain_text("Firing: Too many errors")
        seen_on_the_desktop_once(page)
        expect(row).to_contain_text("Firing")
        expect(row).to_contain_text("100 %")
        expect(row).to_contain_text("above 50 %")
        assert findings(page) == []
        wait_for(lambda: len(told) == 2)
        assert (told[1][1]["title"], told[1][1]["value"]) == ("FIRING: Too many errors", 1)

        seen_on_other_pages_too(page, deck)
        page.locator(".rail [data-page=alerts]").click()
        row.get_by_role("button", name="Actions of Too many errors").click()
        expect(page.get_by_text("Mute for 1 hour", exact=True)).to_be_visible()
        assert findings(page) == []
        page.get_by_text("Mute for 1 hour", exact=True).click()
        expect(row).to_contain_text("muted for")

        calls(home, 400, failed=False)
        expect(row).to_contain_text("OK")
        wait_for(lambda: len(told) == 3)
        assert told[2][1]["title"] == "RESOLVED: Too many errors"
        only_the_end_is_told_afterwards(page)
        history_reads_well(page)
    with_store = Store(home.clickhouse, "quarterdeck")
    try:
        (rule,) = alert_rules(with_store)
        assert (rule.status, rule.name, rule.muted_until > time.time()) == ("ok", "Too many errors", True)
        history = alert_history(with_store, 0)
        assert [(each.what, [(one.channel[:7], one.status) for one in each.outcomes]) for each in history] == [
            (what, [("dashboa", ""), ("on-call", "delivered")]) for what in ("resolved", "firing")
        ]
    finally:
        with_store.close()


def test_a_viewer_reads_alerts_and_errors_and_is_offered_nothing_that_the_server_would_refuse(
    browser: Browser, home: CollectorProcess, tmp_path: Path
) -> None:
    password = "to look at alerts"
    PasswordFile(tmp_path / "ui-users").add("vera", Role.VIEWER, password)
    saved = Saved(home.otlp)
    saved.put(client.RULE, "slow", {**defaults("latency_p95"), "name": "Slow", "channels": []})
    calls(home, 3, failed=True)
    with dashboard(tmp_path, home.otlp, home.clickhouse, "--ui-login", "password") as locked:
        watched = open_page(browser, f"{locked.url}/?view=alerts")
        page = watched.page
        page.get_by_label("Name").fill("vera")
        page.get_by_label("Password").fill(password)
        page.get_by_role("button", name="Log in").click()

        def reads(query: str, shown: str, reason: str, *refused: str) -> None:
            page.goto(f"{locked.url}/?{query}")
            expect(page.get_by_text(shown, exact=True).first).to_be_visible()
            expect(page.get_by_text(f"{reason} takes the role operator.")).to_be_visible()
            for name in refused:
                expect(page.get_by_role("button", name=name, exact=True)).to_have_count(0)

        reads("view=alerts", "Slow", "Making or changing a rule", "New rule", "Mute all")
        page.locator("[class*=st-key-menu-slow] button").first.click()
        expect(page.get_by_text("Look at it", exact=True)).to_be_visible()
        for act in ("Edit", "Copy", "Delete", "Mute for 1 hour"):
            expect(page.get_by_text(act, exact=True)).to_have_count(0)
        reads("view=alerts&rule=slow&edit=1", "What it would have done", "Saving a rule", "Save rule")
        channels = "Adding, changing or trying a channel"
        reads("view=alerts&tab=Channels", "Dashboard always there", channels, "New channel")
        page.goto(f"{locked.url}/?view=errors")
        page.locator("a.qd-row").first.click()
        expect(page).to_have_url(re.compile("group="))
        acts = "Retrying the run or marking the error as resolved"
        reads(page.url.partition("?")[2], "← All errors", acts, "Retry the run", "Mark as resolved")
        assert (watched.console_errors, watched.foreign_requests) == ([], [])
        page.context.close()
    saved.delete(client.RULE, "slow")
    saved.close()


def test_a_link_fills_the_form_also_on_a_phone(browser: Browser, deck: Dashboard) -> None:
    watched = open_page(browser, f"{deck.url}/?view=alerts&new=1&measure=cost_day&threshold=5", PHONE)
    page = watched.page
    try:
        expect(page.get_by_label("Threshold (USD)", exact=True)).to_have_value("5")
        expect(page.get_by_label("Over", exact=True)).to_have_value("the day so far (UTC)")
        page.wait_for_function("document.documentElement.scrollWidth <= innerWidth")  # the page may just load anew
        assert watched.console_errors == []
    finally:
        page.context.close()


# ------------------------------------------------------------------------------------------------------ the pure parts


def test_a_link_says_what_a_new_rule_is_about() -> None:
    draft = from_address(
        {"view": "alerts", "measure": "latency_p95", "model": "m", "env": "live", "threshold": "12", "window": "x"}
    )
    assert {
        **defaults("latency_p95"),
        "threshold": 12.0,
        "clear": None,
        "scope": {"model": "m", "environment": "live"},
    } == draft
    assert from_address({"threshold": "nan"})["threshold"] == defaults("error_rate")["threshold"]


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [(0.034, "share", "3.4 %"), (1234.5, "usd", "$1,234.50"), (0.0021, "usd", "$0.0021"), (12.34, "seconds", "12.3 s"),
     (1234567, "tokens", "1,234,567"), (None, "usd", "no value")],
)  # fmt: skip
def test_a_value_is_written_with_its_unit(value: float | None, unit: str, words: str) -> None:
    assert amount(value, unit) == words


def test_a_rule_is_told_in_a_sentence_that_no_name_can_break() -> None:
    body = {"measure": "cost", "threshold": 5, "window": 3600, "for": 300, "scope": {"pipeline": "a*b"}}
    told = about(body, {"title": "Cost", "unit": "usd", "period": ""})
    assert told == "Cost over 1 hour above $5.00 for 5 minutes · pipeline a*b"
    assert plain("[x](http://e) *b* `c` <i>") == "\\[x\\]\\(http\\://e\\) \\*b\\* \\`c\\` \\<i\\>"


def test_a_curve_has_gaps_where_nothing_was_and_shows_a_near_threshold() -> None:
    drawn = sparkline([1, 2, None, 4], 3, "values")
    assert re.findall(r'd="([^"]+)"', drawn) == ["M2.5 27.5 L44.8 19.2 M129.5 2.5"]
    assert "stroke-dasharray" in drawn
    assert "stroke-dasharray" not in sparkline([1, 2], 900, "values")
    assert sparkline([1], 3, "values") == ""


def test_a_look_back_is_drawn_with_what_is_usual_or_with_the_threshold() -> None:
    points = [{"at": 10, "value": 3.0, "usual": [1, 4]}, {"at": 20, "value": None, "usual": None}]
    found = {"points": points, "incidents": [{"fired": 10, "resolved": None}]}
    plain_chart = chart(found, {"comparison": "above", "threshold": 2, "clear": 1}, "usd", "Cost")
    assert [layer["data"]["values"] for layer in plain_chart["layer"]][2:] == [
        [{"at": 2.0, "name": "threshold"}], [{"at": 1.0, "name": "resolves"}],
    ]  # fmt: skip
    unusual = chart(found, {"comparison": "unusually_high", "threshold": 4}, "usd", "Cost")
    assert unusual["layer"][1]["data"]["values"] == [{"at": 10_000, "value": 3.0, "low": 1, "high": 4}]
    assert unusual["layer"][0]["data"]["values"] == [{"from": 10_000, "to": 20_000}]

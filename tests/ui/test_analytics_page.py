"""Analytics in a browser: the page names planted facts and none that is not there, draws, saves and shares."""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from support.browser import DESKTOP, open_page
from support.dashboard import Dashboard, dashboard
from support.past.serve import Served

PATIENCE_MS = 90_000
"""A page asks a dozen questions of ninety days."""

FACTS = {
    "Regression": "invoice-check is slower and failing more since version",
    "Errors": "Rate-limit storm at anthropic on",
    "Silent failure": "Answers of lead-scoring / score come to nothing since",
    "Cost spike": "contract-review / find clauses cost",
    "Duplicate calls": "support-triage / classify sends the same prompts again and again",
    "Dear step": "nightly-digest / write takes most of the cost",
    "Slow step": "nightly-digest / fetch takes most of the time",
}


@pytest.fixture(scope="module")
def ui(planted: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    home = planted.home
    with dashboard(tmp_path_factory.mktemp("analytics"), home.otlp, home.clickhouse) as running:
        yield running


_AT_REST = """() => {
  const state = document.querySelector("[data-testid=stApp]")?.getAttribute("data-test-script-state");
  window.restingSince = state === "notRunning" ? window.restingSince ?? performance.now() : null;
  return window.restingSince !== null && performance.now() - window.restingSince > 500;
}"""


def settled(page: Page) -> None:
    """Wait until the page's script has been at rest for a while: a page that reads its address runs it twice."""
    page.wait_for_function(_AT_REST)


@contextlib.contextmanager
def analytics(browser: Browser, ui: Dashboard, query: str = "", view: str = "analytics&range=90d") -> Iterator[Page]:
    """The page at this address, on which nothing may go wrong unseen."""
    watched = open_page(browser, f"{ui.url}/?view={view}{query}", DESKTOP)
    watched.page.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    settled(watched.page)
    try:
        yield watched.page
        assert watched.page.get_by_text("Nothing to show now").count() == 0
        assert (watched.console_errors, watched.foreign_requests) == ([], [])
    finally:
        expect.set_options(timeout=5000)
        watched.page.context.close()


def test_the_page_names_every_planted_fact_and_leads_to_its_runs(browser: Browser, ui: Dashboard) -> None:
    with analytics(browser, ui) as page:
        findings = page.locator(".st-key-findings")
        for word, title in FACTS.items():
            line = findings.locator("p").filter(has_text=title)
            expect(line).to_have_count(1)
            expect(line).to_contain_text(word)
        expect(findings.locator("p a")).to_have_count(len(FACTS))
        for chart in ("runs", "failed-runs", "durations", "peak-usage"):
            expect(page.locator(f".st-key-chart-{chart} [role=graphics-document]")).to_be_visible()
            offered = page.locator(f".st-key-chart-{chart}").get_by_role("link", name="Create alert…")
            expect(offered).to_have_attribute("href", re.compile(r"view=alerts&new=1&measure=(run|calls)"))
        address = findings.locator("p").filter(has_text="Rate-limit storm").locator("a").get_attribute("href")
        assert address is not None
        page.goto(ui.url + address)
        expect(page.get_by_role("search", name="Search the history of runs")).to_be_visible()
        expect(page.locator(".run[data-run]").first).to_be_visible()


def test_the_page_of_a_clean_history_names_nothing(browser: Browser, clean: Served, tmp_path: Path) -> None:
    with dashboard(tmp_path, clean.home.otlp, clean.home.clickhouse) as ui, analytics(browser, ui) as page:
        findings = page.locator(".st-key-findings")
        expect(findings.get_by_text("Nothing stands out")).to_be_visible()
        expect(findings.locator("a")).to_have_count(0)


def test_errors_and_suggestions_of_the_history_name_what_is_planted(browser: Browser, ui: Dashboard) -> None:
    with analytics(browser, ui, view="errors&range=90d") as page:
        expect(page.locator("a.qd-row").filter(has_text="Rate limit").first).to_be_visible()
        expect(page.locator("a.qd-row").filter(has_text="lead-scoring").first).to_be_visible()
    with analytics(browser, ui, view="debugger&tool=advice&range=7d") as page:
        expect(page.get_by_text("Same question again").first).to_be_visible()
        expect(page.get_by_text("support-triage").first).to_be_visible()


def test_tables_are_saved_as_csv_and_charts_as_png(browser: Browser, ui: Dashboard) -> None:
    with analytics(browser, ui, "&tab=Cost&by=model") as page:
        expect(page.locator(".st-key-forecast")).to_contain_text("80 % interval")
        with page.expect_download() as saved:
            page.locator(".st-key-csv-cost-by-model button").click()
        lines = Path(saved.value.path()).read_text().splitlines()
        assert lines[0].split(",")[:3] == ["model", "cost", "share of cost"]
        assert {line.partition(",")[0] for line in lines[1:]} >= {"claude-sonnet-4-5", "gpt-5", "gemini-2.5-flash"}
        page.locator(".st-key-chart-cost-over-time [role=graphics-document]").hover()
        with page.expect_download() as drawn:
            page.get_by_role("button", name=re.compile("Download as PNG")).first.press("Enter")
        assert Path(drawn.value.path()).read_bytes().startswith(b"\x89PNG")


def test_models_and_versions_have_their_verdicts(browser: Browser, ui: Dashboard) -> None:
    with analytics(browser, ui, "&tab=Models&compared-step=support-triage+%2F+classify") as page:
        expect(page.locator(".st-key-chart-ratios [role=graphics-document]")).to_be_visible()
        with page.expect_download() as saved:
            page.locator(".st-key-csv-compared-model button").click()
        verdicts = dict(line.split(",")[0::5] for line in Path(saved.value.path()).read_text().splitlines()[1:])
        assert verdicts["error rate"] == "no difference to see"
        assert {verdicts["time to first token"], verdicts["tokens per second"]} <= {"better", "worse"}
        page.get_by_role("radio", name="Steps").or_(page.get_by_role("button", name="Steps", exact=True)).first.click()
        with page.expect_download() as saved:
            page.locator(".st-key-csv-versions button").click()
        worse = [line for line in Path(saved.value.path()).read_text().splitlines() if "slower and fails more" in line]
        assert [line.partition(",")[0] for line in worse] == ["invoice-check"]


def test_a_dashboard_is_put_together_saved_and_shared_by_its_address(browser: Browser, ui: Dashboard) -> None:
    with analytics(browser, ui, "&tab=Dashboards") as page:
        page.get_by_text("Change this dashboard").click()
        page.get_by_label("Heading").fill("Latency of everything")
        page.get_by_label("Heading").press("Tab")
        settled(page)
        page.locator(".st-key-panel-add button").click()
        expect(page.get_by_text("Latency of everything").first).to_be_visible()
        page.get_by_label("Title", exact=True).fill("Our costs")
        page.get_by_label("Title", exact=True).press("Tab")
        settled(page)
        page.locator(".st-key-dashboard-save button").click()
        expect(page).to_have_url(re.compile("dashboard=our-costs"))
        shared = page.url
        page.goto(shared)
        settled(page)
        expect(page.locator("[class*=st-key-panel-] p").filter(has_text="Latency of everything")).to_be_visible()
        expect(page.locator(".st-key-panel-0 [role=graphics-document]")).to_be_visible()
        page.get_by_text("Change this dashboard").click()
        settled(page)
        page.locator(".st-key-dashboard-delete button").click()
        expect(page.get_by_text("Latency of everything")).to_have_count(0)


def test_sql_is_asked_shared_and_refused_in_words(browser: Browser, ui: Dashboard) -> None:
    with analytics(browser, ui, "&tab=SQL&sql=SELECT+Model%2C+count()+FROM+model_calls+GROUP+BY+Model") as page:
        page.locator(".st-key-sql-go button").click()
        expect(page.get_by_text(re.compile(r"^6 rows in "))).to_be_visible()
        settled(page)
        page.get_by_label("Query").fill("SELECT colour FROM runs")
        page.locator(".st-key-sql-go button").click()
        expect(page.get_by_text("ClickHouse does not take this query")).to_be_visible()
        expect(page.locator("[data-testid=stCode]").filter(has_text="colour")).to_be_visible()

"""Analytics in a browser: the page names planted facts and none that is not there, draws, saves and shares."""

import contextlib
import csv
import re
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from quarterdeck_runner.demo.provider import create_app as create_stand_in
from quarterdeck_runner.demo.provider.settings import StandInSettings
from quarterdeck_ui.pages.analytics.sql.view import examples
from support import runner as runners
from support.browser import DESKTOP, open_page, settled, table_of
from support.dashboard import Dashboard, dashboard
from support.past.serve import Served
from support.runner import Runner, eventually
from support.servers import serve

PATIENCE_MS = 90_000
"""A page asks a dozen questions of ninety days."""

DAY_S = 86_400
FACTS = {
    "Regression": "invoice-check is slower and failing more since version",
    "Errors": "Rate-limit storm at anthropic on",
    "Silent failure": "Answers of lead-scoring / score come to nothing since",
    "Cost spike": "contract-review / find clauses cost",
    "Duplicate calls": "support-triage / classify sends the same prompts again and again",
    "Dear step": "nightly-digest / write takes most of the cost",
    "Slow step": "nightly-digest / fetch takes most of the time",
}


INVOICES = """\
workflow:
  name: invoice-check
  steps:
    - {name: extract, type: claude, prompt: Read it}
"""


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    """It has a pipeline of the history, and tells no collector what it does: the history stays as it is."""
    with serve(create_stand_in(StandInSettings(tokens_per_second=100_000, ttft=0))) as url:
        environment = {"ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": "key"}
        with runners.process(tmp_path_factory.mktemp("runner"), environment) as (_, running):
            running.pipeline(INVOICES)
            yield running


@pytest.fixture(scope="module")
def ui(planted: Served, runner: Runner, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    home, of_runner = planted.home, ("--runner-url", str(runner.http.base_url).rstrip("/"))
    with dashboard(tmp_path_factory.mktemp("analytics"), home.otlp, home.clickhouse, *of_runner) as running:
        yield running


def saved_rows(page: Page, name: str) -> list[dict[str, str]]:
    """What the button below a chart or a table saves."""
    with page.expect_download() as saved:
        page.locator(f".st-key-csv-{name} button").click()
    with Path(saved.value.path()).open(newline="") as file:
        return list(csv.DictReader(file))


def choose(page: Page, label: str, option: str) -> None:
    page.get_by_role("combobox", name=label, exact=True).click()
    page.get_by_role("option", name=option, exact=True).click()
    settled(page)


def day(at: float) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(at))


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


def test_the_page_names_every_planted_fact_and_leads_to_its_runs(
    browser: Browser, ui: Dashboard, planted: Served
) -> None:
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
        marks = [row for row in saved_rows(page, "durations") if row["note"]]
        changed = abs(datetime.fromisoformat(marks[0]["at"]).timestamp() - planted.past.span_of("regression")[0])
        assert [(row["part"], changed <= 2 * DAY_S) for row in marks] == [("invoice-check", True)]
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


def test_errors_of_the_history_name_what_is_planted(browser: Browser, ui: Dashboard) -> None:
    with analytics(browser, ui, view="errors&range=90d") as page:
        expect(page.locator("a.qd-row").filter(has_text="Rate limit").first).to_be_visible()
        expect(page.locator("a.qd-row").filter(has_text="lead-scoring").first).to_be_visible()


def experiment(runner: Runner) -> None:
    """Two models answer twelve questions equally well, and one of them costs less."""
    body = {
        "name": "both classify",
        "variants": [{"name": "A", "prompt": "[[say:{{ inputs.mail }}]]"}],
        "models": ["sonnet", "haiku"],
        "items": [{"mail": f"mail {number}"} for number in range(12)],
        "score": {"type": "exact", "expected": "{{ inputs.mail }}"},
    }
    made = runner.http.post("/v1/experiments", json=body).json()["batch"]["id"]
    eventually(lambda: runner.http.get(f"/v1/experiments/{made}").json()["batch"]["status"] == "completed")


def test_the_debugger_opens_a_planted_habit_and_a_cheaper_model_is_suggested_beside_it(
    browser: Browser, ui: Dashboard, runner: Runner
) -> None:
    experiment(runner)
    with analytics(browser, ui, view="debugger&tool=advice&range=7d") as page:
        expect(page.get_by_text("Same question again in support-triage / classify").first).to_be_visible()
        expect(page.get_by_text("JSON that fails its schema in invoice-check / match orders")).to_be_visible()
        expect(page.get_by_text("Cheaper model in both classify / A")).to_be_visible()
        link = page.get_by_role("link", name="See such a call")
        blocks = page.locator("[data-testid=stVerticalBlock]").filter(has_text="Same question again").filter(has=link)
        habit = blocks.filter(has_text="claude-haiku-4-5").last
        expect(habit.get_by_text(re.compile(r"saves about \$[0-9.]+$"))).to_be_visible()
        address = habit.get_by_role("link", name="See such a call").get_attribute("href")
        page.goto(f"{ui.url}{address}")
        expect(page.get_by_text("support-triage / classify")).to_be_visible()
        expect(page.locator(".prompt-parts .template")).to_contain_text(
            "You are a careful assistant of the support team"
        )
        expect(page.get_by_text("Cost, predicted")).to_be_visible()
        address = page.get_by_role("link", name="Suggestions").get_attribute("href")
        page.goto(f"{ui.url}{address}")
        expect(page.get_by_text("Same question again in support-triage / classify").first).to_be_visible()
        expect(page.get_by_text("lead-scoring")).to_have_count(0)


def test_the_versions_of_a_pipeline_show_when_and_how_it_became_worse(
    browser: Browser, ui: Dashboard, planted: Served
) -> None:
    with analytics(browser, ui, view="pipelines&pipeline=invoice-check&tab=versions&range=90d") as page:
        worse, *before = table_of(page, page.get_by_test_id("stDataFrame"))
        assert [row["verdict"] for row in (worse, *before)] == [
            "slower and fails more",
            "no worse to see",
            "",
        ]
        begin, _ = planted.past.span_of("regression")
        assert (worse["first seen"][:10], before[0]["last seen"][:10]) == (day(begin), day(begin - 1))
        choose(page, "Compared with", before[0]["version"])
        difference = page.locator("[data-testid=stCode]")
        expect(difference).to_contain_text(f'-  "version": "{before[0]["version"]}"')
        expect(difference).to_contain_text(f'+  "version": "{worse["version"]}"')


def test_tables_are_saved_as_csv_and_charts_as_png(browser: Browser, ui: Dashboard) -> None:
    with analytics(browser, ui, "&tab=Cost&by=model") as page:
        expect(page.locator(".st-key-forecast")).to_contain_text("80 % interval")
        found = saved_rows(page, "cost-by-model")
        assert list(found[0])[:3] == ["model", "cost", "share of cost"]
        assert {row["model"] for row in found} >= {"claude-sonnet-4-5", "gpt-5", "gemini-2.5-flash"}
        cached = {row["part"]: float(row["share"]) for row in saved_rows(page, "cache-share")}
        assert 0.2 < cached["claude-sonnet-4-5"] < 0.5
        page.locator(".st-key-chart-cost-over-time [role=graphics-document]").hover()
        with page.expect_download() as drawn:
            page.get_by_role("button", name=re.compile("Download as PNG")).first.press("Enter")
        assert Path(drawn.value.path()).read_bytes().startswith(b"\x89PNG")
        page.goto(f"{ui.url}/?view=analytics&range=90d&tab=Cost&by=tag&tag=team")
        expect(page.locator(".st-key-chart-tags [role=graphics-document]")).to_be_visible()
        teams = [row["team"] for row in saved_rows(page, "cost-by-tag")]
        assert (sorted(teams), teams[0]) == (["content", "finance", "legal", "sales", "support"], "content")


def test_models_and_versions_have_their_verdicts(browser: Browser, ui: Dashboard) -> None:
    with analytics(browser, ui, "&tab=Models&compared-step=support-triage+%2F+classify") as page:
        expect(page.locator(".st-key-chart-ratios [role=graphics-document]")).to_be_visible()
        verdicts = {row["what"]: row["verdict"] for row in saved_rows(page, "compared-model")}
        assert verdicts["error rate"] == "no difference to see"
        assert {verdicts["time to first token"], verdicts["tokens per second"]} <= {"better", "worse"}
        page.get_by_role("radio", name="Steps").or_(page.get_by_role("button", name="Steps", exact=True)).first.click()
        steps = saved_rows(page, "steps")
        slowest, dearest = (max(steps, key=lambda row: float(row[what]))["step"] for what in ("hours in all", "cost"))
        assert (slowest, dearest) == ("fetch", "write")
        worse = [row for row in saved_rows(page, "versions") if row["verdict"] == "slower and fails more"]
        assert [row["pipeline"] for row in worse] == ["invoice-check"]


def test_a_dashboard_is_put_together_saved_and_shared_by_its_address(browser: Browser, ui: Dashboard) -> None:
    with analytics(browser, ui, "&tab=Dashboards") as page:
        page.get_by_text("Change this dashboard").click()
        chosen = {"Measure": "error rate", "By": "model", "Chart": "bars", "Only step": "classify"}
        for label, option in chosen.items():
            choose(page, label, option)
        page.get_by_label("Heading").fill("Errors of classify")
        page.get_by_label("Heading").press("Tab")
        settled(page)
        page.locator(".st-key-panel-add button").click()
        expect(page.get_by_text("Errors of classify").first).to_be_visible()
        page.get_by_label("Title", exact=True).fill("Our costs")
        page.get_by_label("Title", exact=True).press("Tab")
        settled(page)
        page.locator(".st-key-dashboard-save button").click()
        expect(page).to_have_url(re.compile("dashboard=our-costs"))
        shared = page.url
        page.goto(shared)
        settled(page)
        expect(page.locator("[class*=st-key-panel-] p").filter(has_text="Errors of classify")).to_be_visible()
        expect(page.locator(".st-key-panel-4 [role=graphics-document]")).to_be_visible()
        assert {row["part"] for row in saved_rows(page, "our-costs-5")} == {"claude-haiku-4-5", "gemini-2.5-flash"}
        page.get_by_text("Change this dashboard").click()
        settled(page)
        page.locator(".st-key-dashboard-delete button").click()
        expect(page.get_by_text("Errors of classify")).to_have_count(0)


def test_sql_is_asked_shared_and_refused_in_words(browser: Browser, ui: Dashboard) -> None:
    with analytics(browser, ui, "&tab=SQL&sql=SELECT+Model%2C+count()+FROM+model_calls+GROUP+BY+Model") as page:
        page.locator(".st-key-sql-go button").click()
        expect(page.get_by_text(re.compile(r"^6 rows in "))).to_be_visible()
        settled(page)
        assert {row["Model"] for row in saved_rows(page, "query")} >= {"gpt-5", "gemini-2.5-pro"}
        choose(page, "Begin with an example", next(iter(examples())))
        expect(page.get_by_label("Query")).to_have_value(next(iter(examples().values())))
        page.get_by_label("Query").fill("SELECT colour FROM runs")
        page.locator(".st-key-sql-go button").click()
        expect(page.get_by_text("ClickHouse does not take this query")).to_be_visible()
        expect(page.locator("[data-testid=stCode]").filter(has_text="colour")).to_be_visible()

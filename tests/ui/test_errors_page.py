"""The page of errors in a browser: failures that really happened, by cause, with what to do; resolved, and back."""

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

import quarterdeck as qd
from quarterdeck_runner.demo.provider.app import create_app
from quarterdeck_runner.demo.provider.settings import StandInSettings
from quarterdeck_ui import queries
from quarterdeck_ui.queries import Store
from support.accessibility import findings
from support.browser import DESKTOP, Watched, open_page
from support.collectors import CollectorProcess, collector
from support.dashboard import Dashboard, dashboard
from support.runner import Runner, process
from support.scenario import Run
from support.servers import serve
from support.waiting import eventually

STEPS = """
workflow:
  name: {name}
  inputs: {{ask: {{type: string, default: hello}}}}
  steps:
    - {{name: load, type: echo, value: "the material"}}
    - name: write
      type: claude
      claude_options: {{model: haiku}}
      token_budget: {{max_output_tokens: 300}}
      prompt: "Write about it. {{{{ inputs.ask }}}}"
{more}
"""
PIPELINES = {
    "limited": "      timeout: 20",
    "schema": "      output_schema: {type: object, required: [total]}",
}
HOUR_NS = 3600 * 10**9


@dataclass
class House:
    """Everything that runs."""

    home: CollectorProcess
    store: Store
    runner: Runner
    ui: Dashboard


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("errors")
    with contextlib.ExitStack() as stack:
        stand_in = stack.enter_context(serve(create_app(StandInSettings())))
        home = stack.enter_context(collector(folder / "collector"))
        environment = {
            "QUARTERDECK_ENDPOINT": home.otlp,
            "ANTHROPIC_API_KEY": "k",
            "ANTHROPIC_BASE_URL": stand_in,
        }
        _, runner = stack.enter_context(process(_made(folder / "runner"), environment))
        for name, more in PIPELINES.items():
            runner.pipeline(STEPS.format(name=name, more=more))
        address = str(runner.http.base_url)
        ui = stack.enter_context(dashboard(_made(folder / "ui"), home.otlp, home.clickhouse, "--runner-url", address))
        store = stack.enter_context(contextlib.closing(Store(home.clickhouse, "quarterdeck")))
        yield House(home, store, runner, ui)


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def fail(house: House, pipeline: str, ask: str, status: str = "failed") -> str:
    run = house.runner.start(pipeline, ask=ask)
    ended = house.runner.result(run)
    assert ended["status"] == status, ended
    return run


def group_of(house: House, run: str) -> str:
    """Group of the error of a run, once it has arrived with the run's own end."""
    eventually(lambda: (row := queries.run_by_id(house.store, run)) is not None and row.ended)
    return str(eventually(lambda: queries.error_of_run(house.store, run)[0]))


@contextlib.contextmanager
def at(browser: Browser, house: House, query: str, size: tuple[int, int] = DESKTOP) -> Iterator[Page]:
    watched: Watched = open_page(browser, f"{house.ui.url}/?{query}", size)
    try:
        yield watched.page
        assert watched.console_errors == []
        assert watched.foreign_requests == []
    finally:
        watched.page.context.close()


def test_a_rate_limit_is_found_explained_retried_resolved_and_comes_back(browser: Browser, house: House) -> None:
    fail(house, "limited", "Now the other half, please.", "completed")
    run = fail(house, "limited", "[[error:429]]")
    group = group_of(house, run)
    with at(browser, house, f"run={run}") as page:
        flow = page.locator(".about .problem")
        expect(flow).to_contain_text("would exceed your organization's rate limit")
        flow.get_by_role("link", name="Why, and what to do").click()
        expect(page).to_have_url(re.compile(f"group={group}"))
        expect(page.locator(".st-key-error-advice")).to_contain_text("HTTP 429")
        page.get_by_role("link", name="All errors").click()
        row = page.locator(f'a.qd-row[data-group="{group}"]')
        expect(row).to_contain_text("Rate limit")
        expect(row).to_contain_text("This request would exceed your organization's rate limit.")
        expect(row).to_contain_text("limited")
        expect(row.locator('[data-name="error"]')).to_have_text("1")  # not three for call, step and run
        row.click()
        advice = page.locator(".st-key-error-advice")
        expect(advice).to_contain_text("HTTP 429")
        expect(advice).to_contain_text("QUARTERDECK_PROVIDER_RATE=claude=60")
        expect(advice).to_contain_text("name: write")
        expect(page.get_by_text("None of your own code is in this stack")).to_be_visible()
        expect(page.get_by_text("anthropic.RateLimitError").first).to_be_visible()
        page.get_by_role("tab", name="Call").click()
        expect(page.get_by_text("max_tokens: 300")).to_be_visible()
        expect(page.get_by_text("Write about it. [[error:429]]")).to_be_visible()
        page.get_by_role("tab", name="Logs").click()
        expect(page.get_by_text("step 'write'").first).to_be_visible()
        page.get_by_role("tab", name="Last good run").click()
        expect(page.get_by_text("+Write about it. [[error:429]]")).to_be_visible()
        expect(page.get_by_text("-Write about it. Now the other half, please.")).to_be_visible()
        assert findings(page) == []
        _watch(page, house, group)
        _retry(page, house, run)
        _resolve_and_return(page, house, group)


def _watch(page: Page, house: House, group: str) -> None:
    """The chart of the trend leads to a rule over this error."""
    address = page.url
    form = page.get_by_role("link", name="Create alert…").get_attribute("href")
    page.goto(f"{house.ui.url}{form}")
    expect(page.get_by_label("Name", exact=True)).to_have_value(re.compile("^Again: This request would exceed"))
    expect(page.get_by_role("textbox", name="Query")).to_have_value(re.compile(f"Fingerprint = {group}"))
    expect(page.get_by_test_id("stVegaLiteChart")).to_be_visible()
    page.goto(address)


def _retry(page: Page, house: House, run: str) -> None:
    page.get_by_role("button", name="Retry from write").click()
    link = page.get_by_role("link", name="see the new run")
    expect(link).to_be_visible()
    again = (link.get_attribute("href") or "").partition("run=")[2]
    ended = house.runner.result(again)
    assert ended["origin"]["run"] == run
    assert ended["status"] == "failed"
    group_of(house, again)


def _resolve_and_return(page: Page, house: House, group: str) -> None:
    page.get_by_role("button", name="Mark as resolved").click()
    expect(page.locator(".qd-title")).to_contain_text("Resolved")
    expect(page.get_by_role("button", name="Mark as resolved")).to_have_count(0)
    page.get_by_role("link", name="All errors").click()
    expect(page.get_by_role("heading", name="Errors", exact=True)).to_be_visible()
    expect(page.locator(f'[data-group="{group}"]')).to_have_count(0)
    assert group_of(house, fail(house, "limited", "[[error:429]] another one")) == group
    page.reload()
    expect(page.locator(f'[data-group="{group}"]')).to_contain_text("Returned")


def test_kinds_of_failure_have_groups_of_their_own(browser: Browser, house: House) -> None:
    runs = {
        "Invalid output": fail(house, "schema", "[[say:I am sorry]]"),
        "Provider overloaded": fail(house, "limited", "[[error:529]]"),
        "Content filter": fail(house, "limited", "[[block]]"),
        "Key or account": fail(house, "limited", "[[error:401]]"),
    }
    silent = Run(house.home.otlp, "quiet", steps=1)
    silent.end_step(silent.step("score", 1), "")
    silent.end(output="")
    runs["Silent failure"] = silent.id
    runs["Your code"] = _own_code(house)
    groups = {word: group_of(house, run) for word, run in runs.items()}
    assert len(set(groups.values())) == len(runs)
    with at(browser, house, "view=errors&show=all") as page:
        for word, group in groups.items():
            expect(page.locator(f'[data-group="{group}"]')).to_contain_text(word)
        page.locator(f'[data-group="{groups["Your code"]}"]').click()
        expect(page.locator(".qd-title")).to_contain_text("ui/test_errors_page.py:parse")
        expect(page.locator(".st-key-error-advice")).to_contain_text("Mend the code at ui/test_errors_page.py:parse")
        expect(page.get_by_role("button", name="Retry from parse")).to_be_disabled()
        expect(page.get_by_text("a program of yours ran it")).to_be_visible()
        page.emulate_media(reduced_motion="reduce")
        page.get_by_role("button", name="Theme: dark").click()
        with page.expect_navigation():  # for Streamlit's own parts, which look at the theme when they start
            page.get_by_role("menuitemradio", name="Light").click()
        expect(page.get_by_text("a program of yours ran it")).to_be_visible()
        assert findings(page) == []


@qd.step
def parse(text: str) -> int:
    return int(text)


@qd.pipeline
def reading(text: str) -> int:
    return parse(text)


def _own_code(house: House) -> str:
    runs: list[str] = []
    qd.init(service_name="own", endpoint=house.home.otlp)
    try:
        with pytest.raises(ValueError, match="invalid literal"):
            reading("twelve")
        assert qd.flush()
    finally:
        qd.shutdown()
    rows = eventually(lambda: [row for row in queries.recent_runs(house.store, 2**62) if row.pipeline == "reading"])
    runs += [row.id for row in rows]
    return runs[0]

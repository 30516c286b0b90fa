"""The prompt debugger on a running deck: a recorded call sent again, an experiment, a replay."""

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from support.browser import DESKTOP, PHONE, chromium, open_page
from support.deck import Deck
from support.waiting import eventually

PATIENCE_MS = 40_000
expect.set_options(timeout=PATIENCE_MS)
pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def page(browser: Browser, demo_deck: Deck) -> Iterator[Page]:
    watched = open_page(browser, demo_deck.url("ui") + "/?view=debugger", DESKTOP)
    yield watched.page
    assert watched.console_errors == []
    assert watched.foreign_requests == []
    watched.page.context.close()


def call_with_variables(deck: Deck) -> tuple[str, str]:
    """Run and span of a call whose question was put together from parts."""
    asked = (
        "SELECT RunId, SpanId FROM model_calls WHERE StepName = 'answer' AND PipelineName = 'support_triage' LIMIT 1"
    )
    run, span = eventually(lambda: deck.sql(asked), seconds=120).split("\t")
    return run, span


def run_that_is_over(deck: Deck) -> str:
    """A run of the runner that can be replayed."""

    def find() -> str:
        with urllib.request.urlopen(deck.url("runner") + "/v1/runs", timeout=20) as answer:  # noqa: S310 - loopback
            runs = json.load(answer)["runs"]
        return next((str(run["id"]) for run in runs if "replay" in run["actions"]), "")

    return eventually(find, seconds=120)


def test_a_recorded_call_is_taken_apart_changed_and_sent_again(page: Page, demo_deck: Deck, artefacts: Path) -> None:
    run, span = call_with_variables(demo_deck)
    page.goto(f"{demo_deck.url('ui')}/?view=debugger&run={run}&span={span}")
    template = page.locator(".prompt-parts .template")
    expect(template).to_contain_text("in at most 80 words")
    slider = page.get_by_role("slider", name="Parts of the question")
    slider.focus()
    for _ in range(4):
        slider.press("ArrowLeft")
    expect(page.get_by_text("Part 3 of 7")).to_be_visible()
    expect(template.locator("[data-newest]")).to_have_count(1)

    words = page.get_by_label("inputs.words")
    words.fill("40")
    words.press("Enter")
    expect(page.get_by_role("heading", name="Send it changed")).to_be_visible()
    expect(page.get_by_text("Cost, predicted")).to_be_visible()
    page.get_by_role("button", name="Send", exact=True).click()
    link = page.get_by_role("link", name="See the call in the deck")
    expect(link).to_be_visible()
    page.screenshot(path=artefacts / "debugger-call.png")
    again = str(link.get_attribute("href")).rpartition("=")[2]
    asked = f"SELECT any(PromptText) FROM otel_traces WHERE RunId = '{again}' AND PromptText != ''"  # noqa: S608 - an id
    assert "in at most 40 words" in eventually(lambda: demo_deck.sql(asked), seconds=40)


def test_an_experiment_compares_variants_input_by_input(page: Page, demo_deck: Deck, artefacts: Path) -> None:
    rows = '{"name": "two topics", "rows": [{"topic": "tides"}, {"topic": "rain"}]}'
    page.request.put(
        f"{demo_deck.url('otlp-http')}/v1/saved/data_set/two-topics",
        data=rows,
        headers={"content-type": "application/json"},
    )
    page.goto(f"{demo_deck.url('ui')}/?view=debugger&tool=experiment&data=two-topics")
    expect(page.get_by_text("4 calls: 2 variants, 1 model, 2 inputs")).to_be_visible()
    page.get_by_role("button", name="Run the experiment").click()
    expect(page.get_by_role("heading", name="Answers side by side")).to_be_visible()
    expect(page.get_by_text("4 of 4 answers")).to_be_visible()
    expect(page.get_by_role("heading", name="Against A with")).to_be_visible()
    page.screenshot(path=artefacts / "debugger-experiment.png")


def test_a_run_is_replayed_from_a_step_and_a_phone_shows_a_draft(
    page: Page, browser: Browser, demo_deck: Deck, artefacts: Path
) -> None:
    run = run_that_is_over(demo_deck)
    page.goto(f"{demo_deck.url('ui')}/?view=debugger&tool=replay&run={run}")
    page.get_by_role("button", name="Replay", exact=True).click()
    link = page.get_by_role("link", name="Watch the new run")
    expect(link).to_be_visible()
    assert run not in str(link.get_attribute("href"))

    phone = open_page(browser, f"{demo_deck.url('ui')}/?view=debugger&tool=draft", PHONE)
    expect(phone.page.get_by_text("Fill in a row of test data")).to_be_visible()
    phone.page.screenshot(path=artefacts / "debugger-phone.png", full_page=True)
    assert phone.console_errors == []
    phone.page.context.close()

"""The prompt debugger on a running deck: a recorded call sent again, an experiment, a replay."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from support.browser import DESKTOP, PHONE, chromium, open_page, table_of
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
        "SELECT RunId, SpanId FROM model_calls WHERE StepName = 'answer' AND PipelineName = 'support_triage' "
        "AND RunId IN (SELECT RunId FROM runs WHERE Status = 'completed') ORDER BY Timestamp LIMIT 1"
    )
    run, span = eventually(lambda: deck.sql(asked), seconds=120).split("\t")
    return run, span


def keep(page: Page, deck: Deck, name: str, rows: list[dict[str, str]]) -> None:
    """Save test data under this name."""
    page.request.put(
        f"{deck.url('otlp-http')}/v1/saved/data_set/{name}",
        data=json.dumps({"name": name, "rows": rows}),
        headers={"content-type": "application/json"},
    )


def test_a_draft_is_filled_with_test_data_stepped_through_predicted_and_sent(page: Page, demo_deck: Deck) -> None:
    keep(page, demo_deck, "two-readers", [{"topic": "tides", "reader": "child"}, {"topic": "rain", "reader": "pilot"}])
    page.goto(f"{demo_deck.url('ui')}/?view=debugger&tool=draft&data=two-readers")
    templates = page.locator(".prompt-parts .template")
    expect(templates).to_have_text([
        re.compile("Explain.*tides.*to a.*child.*in two sentences"),
        re.compile("Explain.*rain.*to a.*pilot.*in two sentences"),
    ])  # fmt: skip
    expect(page.get_by_text(re.compile(r"^Row 2 · [0-9]+ tokens in .* at most$"))).to_be_visible()
    slider = page.get_by_role("slider", name="Parts of the question").first
    slider.focus()
    slider.press("ArrowLeft")
    expect(page.get_by_text("Part 4 of 5: variable · inputs.reader")).to_be_visible()
    page.get_by_role("button", name="Send", exact=True).last.click()
    expect(page.get_by_text(re.compile("^Against the prediction: tokens in "))).to_be_visible()


def test_an_experiment_compares_variants_input_by_input(page: Page, demo_deck: Deck, artefacts: Path) -> None:
    keep(page, demo_deck, "two-topics", [{"topic": "tides"}, {"topic": "rain"}])
    page.goto(f"{demo_deck.url('ui')}/?view=debugger&tool=experiment&data=two-topics")
    expect(page.get_by_text("4 calls: 2 variants, 1 model, 2 inputs")).to_be_visible()
    page.get_by_role("combobox", name="Models").fill("gemini-3.8-flash")
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    expect(page.get_by_text("8 calls: 2 variants, 2 models, 2 inputs")).to_be_visible()
    page.get_by_role("combobox", name="Score").click()
    page.get_by_role("option", name="Regular expression").click()
    page.get_by_label("Pattern").fill(".")
    page.get_by_label("Pattern").press("Tab")
    page.get_by_role("button", name="Run the experiment").click()
    expect(page.get_by_role("heading", name="Answers side by side")).to_be_visible()
    expect(page.get_by_text("8 of 8 answers")).to_be_visible()
    expect(page.get_by_text(re.compile("^[AB] · .* · completed · score 1.00$"))).to_have_count(4)
    expect(page.get_by_role("heading", name="Against A with")).to_be_visible()
    measured = table_of(page, page.get_by_test_id("stDataFrame").last)
    assert len([row for row in measured if row["Measure"] in {"Score", "Cost", "Seconds"}]) == 9
    assert {row["Verdict"] for row in measured if row["Measure"] == "Score"} == {"≈ no difference shown"}
    page.screenshot(path=artefacts / "debugger-experiment.png")


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
    expect(page.get_by_text(re.compile("^Against the prediction: tokens in [0-9]+, (as )?predicted"))).to_be_visible()
    page.screenshot(path=artefacts / "debugger-call.png")
    again = str(link.get_attribute("href")).rpartition("=")[2]
    asked = f"SELECT any(PromptText) FROM otel_traces WHERE RunId = '{again}' AND PromptText != ''"  # noqa: S608 - an id
    assert "in at most 40 words" in eventually(lambda: demo_deck.sql(asked), seconds=40)

    page.get_by_text("Let a model propose a rewrite").click()
    page.get_by_role("button", name="Propose").click()
    expect(page.get_by_text("Nothing is changed yet.")).to_be_visible()
    proposed = page.locator("[data-testid=stExpanderDetails] code")
    expect(proposed).to_contain_text("-Reply to the customer in at most 40 words.")
    added = re.findall(r"^\+(?!\+)(.+)$", proposed.inner_text(), re.MULTILINE)
    assert added
    page.get_by_role("button", name="Take it as the question").click()
    expect(page.get_by_role("textbox", name="Question", exact=True)).to_have_value(re.compile(re.escape(added[0])))


def test_a_run_is_replayed_from_the_step_of_a_call_and_a_phone_shows_a_draft(
    page: Page, browser: Browser, demo_deck: Deck, artefacts: Path
) -> None:
    run, span = call_with_variables(demo_deck)
    page.goto(f"{demo_deck.url('ui')}/?view=debugger&run={run}&span={span}")
    address = page.get_by_role("link", name="Replay from here").get_attribute("href")
    page.goto(f"{demo_deck.url('ui')}{address}")
    expect(page.get_by_role("radio", name="prepare")).to_be_checked()  # one of its branches made the call
    expect(page.get_by_text("Answers used again: classify.")).to_be_visible()
    page.get_by_role("button", name="Replay", exact=True).click()
    link = page.get_by_role("link", name="Watch the new run")
    expect(link).to_be_visible()
    again = str(link.get_attribute("href")).rpartition("=")[2]
    assert again != run
    reused = "SELECT StepName FROM otel_traces WHERE SpanAttributes['quarterdeck.step.reused'] = 'true' "
    assert eventually(lambda: demo_deck.sql(f"{reused} AND RunId = '{again}'"), seconds=60) == "classify"

    phone = open_page(browser, f"{demo_deck.url('ui')}/?view=debugger&tool=draft", PHONE)
    expect(phone.page.get_by_text("Fill in a row of test data")).to_be_visible()
    phone.page.screenshot(path=artefacts / "debugger-phone.png", full_page=True)
    assert phone.console_errors == []
    phone.page.context.close()

"""The main job: open the dashboard, see runs live, steer them."""

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from support.browser import DESKTOP, PHONE, TABLET, Watched, chromium, open_page
from support.deck import Deck
from support.live import progress, wait_for_a_busy_deck
from support.waiting import eventually

SIZES = {"desktop": DESKTOP, "tablet": TABLET, "phone": PHONE}


Visit = Callable[..., Watched]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def visit(browser: Browser, demo_deck: Deck) -> Iterator[Visit]:
    """Open a page of the deck; it is closed after the test."""
    opened: list[Watched] = []

    def open_one(path: str = "", size: tuple[int, int] = DESKTOP) -> Watched:
        opened.append(open_page(browser, demo_deck.url("ui") + path, size))
        return opened[-1]

    yield open_one
    for each in opened:
        each.page.context.close()


def ask(url: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(url, data=data, headers={"Content-Type": "application/json"})  # noqa: S310 - loopback
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - loopback
        return dict(json.load(answer))


def start_yaml_run(deck: Deck) -> str:
    return str(ask(deck.url("runner") + "/v1/runs", {"pipeline": "contract_review", "inputs": {}})["id"])


def decorated_run(deck: Deck) -> str:
    """The id of a live run of a decorated Python pipeline of the demo."""

    def find() -> str:
        runs = ask(deck.url("runner") + "/v1/runs?status=active")["runs"]
        wanted = (run for run in runs if (run["pipeline"], run["status"]) == ("briefing", "running"))
        return next((str(run["id"]) for run in wanted), "")

    return eventually(find, seconds=120)


def click(page: Page, run: str, action: str) -> None:
    page.locator(f"[data-run='{run}'] [data-action={action}]").click()


def status(page: Page, run: str, expected: str) -> None:
    row = page.locator(f"[data-run='{run}']")
    expect(row).to_have_attribute("data-status", expected)


def comes_to_rest(page: Page, run: str) -> None:
    """Wait until a run gets no further for three seconds; what had ended before the pause may still arrive."""

    def rests() -> bool:
        held = progress(page, run)
        page.wait_for_timeout(3000)
        return progress(page, run) == held

    eventually(rests, seconds=120)


def test_two_live_runs_move_and_an_answer_of_the_stand_in_named_so_streams_in(visit: Visit, artefacts: Path) -> None:
    watched = visit()
    wait_for_a_busy_deck(watched.page)
    watched.page.screenshot(path=artefacts / "deck-live.png")
    expect(watched.page.get_by_text("stand-in", exact=False).first).to_be_visible()
    assert (watched.console_errors, watched.foreign_requests) == ([], [])


def test_a_run_appears_progresses_and_finishes(demo_deck: Deck, visit: Visit) -> None:
    page = visit().page
    run = start_yaml_run(demo_deck)
    status(page, run, "running")
    seen: list[float] = []

    def finished() -> bool:
        seen.append(progress(page, run))
        return page.locator(f"[data-run='{run}']").get_attribute("data-status") == "completed"

    eventually(finished, seconds=150, every=0.2)
    assert sorted(seen) == seen
    assert len(set(seen)) >= 3


def steered(deck: Deck, page: Page, run: str) -> None:
    """Pause a run with a key, resume and cancel it by clicking."""
    status(page, run, "running")
    page.locator(f"[data-run='{run}'] .name").click()
    page.keyboard.press("Space")
    status(page, run, "paused")
    comes_to_rest(page, run)
    status(page, run, "paused")
    click(page, run, "resume")
    status(page, run, "running")
    click(page, run, "cancel")
    click(page, run, "cancel-no")
    click(page, run, "cancel")
    click(page, run, "cancel-yes")
    status(page, run, "cancelled")
    stored = f"SELECT count() FROM pipeline_executions WHERE id = '{run}' AND status = 'cancelled'"  # noqa: S608 - our own id
    eventually(lambda: deck.sql(stored) == "1", seconds=120)


def test_a_decorated_run_is_steered_by_clicking(demo_deck: Deck, visit: Visit) -> None:
    page = visit().page
    steered(demo_deck, page, decorated_run(demo_deck))


def test_a_yaml_run_is_steered_by_clicking_and_retried_as_a_new_run_that_the_page_then_shows(
    demo_deck: Deck, visit: Visit
) -> None:
    page = visit().page
    run = start_yaml_run(demo_deck)
    steered(demo_deck, page, run)
    click(page, run, "retry")
    page.wait_for_url(lambda url: "run=" in url and run not in url)
    again = page.url.split("run=")[1].split("&")[0]
    status(page, again, "running")
    assert ask(demo_deck.url("runner") + f"/v1/runs/{again}")["origin"]["run"] == run
    click(page, again, "cancel")
    click(page, again, "cancel-yes")
    status(page, again, "cancelled")


def test_a_pipeline_is_started_from_the_dashboard(demo_deck: Deck, visit: Visit) -> None:
    page = visit().page
    page.locator("[data-qd=start-run]").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    before = {run["id"] for run in ask(demo_deck.url("runner") + "/v1/runs?status=all")["runs"]}
    dialog.get_by_role("button", name="Start run").click()
    page.wait_for_url("**/*run=*")
    run = page.url.split("run=")[1].split("&")[0]
    assert run not in before
    status(page, run, "running")


def test_a_finished_run_opens_by_link_with_prompt_and_answer(demo_deck: Deck, visit: Visit) -> None:
    query = (
        "SELECT RunId FROM otel_traces WHERE IsModelCall AND StatusCode != 'Error' "
        "AND RunId IN (SELECT id FROM pipeline_executions WHERE status = 'completed') LIMIT 1"
    )
    run = eventually(lambda: demo_deck.sql(query), seconds=150)
    page = visit(f"/?run={run}").page
    status(page, run, "completed")
    expect(page.locator("[data-span][data-kind=call]").first).to_be_visible()
    page.locator("[data-span][data-kind=call]").first.click()
    inspector = page.locator("[data-qd=inspector]")
    expect(inspector).to_contain_text("User")
    expect(inspector).to_contain_text("Assistant")


def test_nothing_is_cut_off_at_any_size(visit: Visit, artefacts: Path) -> None:
    page = visit().page
    expect(page.locator("[data-run]").first).to_be_visible()
    for name, (width, height) in SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_timeout(1500)
        page.screenshot(path=artefacts / f"deck-{name}.png")
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), name


def test_the_deck_goes_on_when_the_collector_begins_to_ask_for_tokens(demo_deck: Deck, visit: Visit) -> None:
    words = ["--name", "e2e", "--data-dir", str(demo_deck.data)]
    command = [sys.executable, "-m", "quarterdeck.cli.token"]
    token = subprocess.run(
        [*command, "create", "--scope", "read", *words], check=True, capture_output=True, text=True
    ).stdout.strip()
    try:
        with pytest.raises(urllib.error.HTTPError, match="401"):
            demo_deck.sql("SELECT 1")

        def events() -> int:
            sql = "SELECT count() FROM live_events WHERE Timestamp > now() - 600"
            url = f"{demo_deck.url('clickhouse')}/?database=quarterdeck&password={token}"
            with urllib.request.urlopen(url, sql.encode(), timeout=60) as answer:  # noqa: S310 - loopback
                return int(answer.read())

        before = events()
        eventually(lambda: events() > before + 20)  # sent by the demo and the runner meanwhile
        page = visit().page
        wait_for_a_busy_deck(page)  # the dashboard reads
    finally:
        subprocess.run([*command, "revoke", *words[1:]], check=True, capture_output=True)
    assert demo_deck.sql("SELECT 1") == "1"

"""The deck in a real browser, over a real collector."""

import contextlib
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from support.browser import DESKTOP, PHONE, TABLET
from support.collectors import PLAIN, CollectorProcess, collector, launch, wait_for
from support.dashboard import Dashboard, dashboard, opened
from support.scenario import ANSWER, Part, Run, alive, play

MOVES = """icon => new Promise((moved) => {
  const [endless] = icon.getAnimations();
  const begin = endless.currentTime;
  setInterval(() => { if (endless.currentTime !== begin) moved(); }, 50);
})"""


LOST = "fate-lost"


@pytest.fixture(scope="module")
def deck(home: CollectorProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    Run(home.otlp, LOST)  # of which nothing is heard any more, until the last test of this module looks for it
    with dashboard(tmp_path_factory.mktemp("ui"), home.otlp, home.clickhouse) as running:
        yield running


def test_a_run_appears_progresses_streams_and_ends(browser: Browser, deck: Dashboard, home: CollectorProcess) -> None:
    with opened(browser, deck.url) as watched:
        page = watched.page
        run = Run(home.otlp, "live-story", steps=2)
        mine = page.locator(f'[data-run="{run.id}"]')
        expect(mine).to_have_attribute("data-status", "running")
        mine.click()
        expect(page).to_have_url(f"{deck.url}/?run={run.id}")

        step = run.step("draft", 1, budget=100)
        bar = page.locator(f'[data-span="{step.id.hex()}"]')
        expect(bar).to_have_attribute("data-status", "running")
        expect(mine.locator(".sub")).to_have_text("draft")
        expect(mine.locator(".track i")).to_have_css("transition-property", "transform")
        for clock in (bar.locator("> .num:last-child"), mine.locator(".c-time")):
            expect(clock).not_to_have_text(clock.inner_text())  # it goes on though nothing comes
        inspector = page.locator('[data-qd="inspector"]')
        page.locator("[data-qd=whole-run]").click()
        page.get_by_role("tab", name="Config").click()
        expect(inspector).to_have_text(re.compile(r'"steps":\s+2'))
        page.locator("[data-qd=follow]").click()
        call = run.call(step, "claude-sonnet-4-5", "Check the invoice.", system="Be brief.")
        expect(inspector).to_contain_text("Check the invoice.")
        mine.locator(".i-running").first.evaluate(MOVES)
        run.chunk(call, "The total ")
        expect(inspector).to_contain_text("The total")
        gauges = page.locator(".gauge")
        expect(gauges.nth(1).locator(".note")).to_have_text(re.compile(r"^~\d+ in flight$"))
        expect(page.locator(".fresh")).to_have_text(re.compile(r"^as of \d\d:\d\d:\d\d$"))
        run.chunk(call, "is **4,213.50** EUR <img src=x onerror=alert(1)>")
        expect(inspector.locator("strong")).to_have_text("4,213.50")
        expect(inspector).to_contain_text("<img src=x onerror=alert(1)>")
        assert inspector.locator("img").count() == 0

        run.end_call(call, ANSWER, (90, 30))
        run.end_step(step, {"ok": True})
        expect(mine.locator(".steps")).to_have_text("1/2")
        expect(gauges.nth(2)).to_have_text(re.compile(r"^Cost today\$[\d.]+\$[\d.]+ in flight$"))
        run.end_step(run.step("publish", 2))
        run.end()
        expect(mine).to_have_attribute("data-status", "completed")
        expect(mine.locator(".steps")).to_have_text("2/2")
        expect(mine.locator(".c-tokens")).to_have_text("120")
        expect(mine.locator(".c-cost")).to_have_text(re.compile(r"^\$0\.\d+$"))
        expect(page.locator(f'[data-span="{step.id.hex()}"] .use')).to_have_attribute("data-budget", "over")
        expect(inspector.locator("pre.code .t-key").first).to_have_text('"total"')
        expect(inspector.locator("pre.code")).to_contain_text("line_3_mismatch")

        page.keyboard.press("Escape")
        expect(page).to_have_url(f"{deck.url}/?tab=config")


def test_a_link_opens_the_run_and_the_span(browser: Browser, deck: Dashboard, home: CollectorProcess) -> None:
    run = Run(home.otlp, "linked", steps=1, quiet=True, ago=30)
    step = run.step("judge", 1)
    call = run.call(step, "claude-haiku-4-5", "the linked question")
    run.end_call(call, "the linked answer", (5, 5))
    run.end_step(step, "the step's result")
    run.end("failed", "ValueError: the reason")
    with opened(browser, f"{deck.url}/?run={run.id}&span={step.id.hex()}") as watched:
        page = watched.page
        expect(page.locator(".q-timeline .problem")).to_contain_text("ValueError: the reason")
        page.get_by_role("tab", name="Output").click()
        expect(page.locator('[data-qd="inspector"]')).to_contain_text("the step's result")
        page.locator(f'[data-span="{call.id.hex()}"]').click()
        expect(page.locator('[data-qd="inspector"]')).to_contain_text("the linked answer")
        expect(page).to_have_url(f"{deck.url}/?run={run.id}&span={call.id.hex()}&tab=output")
        page.go_back()


def test_a_link_to_an_unknown_run_says_so_and_a_missing_runner_is_named_where_one_would_be_started(
    browser: Browser, deck: Dashboard
) -> None:
    with opened(browser, f"{deck.url}/?run=no-such-run") as watched:
        page = watched.page
        expect(page.locator('[data-qd="unknown-run"]')).to_have_text("There is no run no-such-run")
        expect(page.locator('[data-banner="runner"]')).to_contain_text("connection refused")
        page.get_by_role("button", name="Start a run").click()
        expect(page.get_by_role("dialog")).to_contain_text("Runs cannot be started now")


TALL = "\n\n".join(f"paragraph {n}" for n in range(80))


def told(endpoint: str, pipeline: str) -> tuple[Run, Part, Part]:
    """A live run that writes a long answer."""
    run = Run(endpoint, pipeline, steps=1)
    step = run.step("write", 1)
    call = run.call(step, "claude-haiku-4-5", "a long answer, please")
    run.chunk(call, TALL)
    return run, step, call


def ended(run: Run, step: Part, call: Part) -> None:
    run.end_call(call, TALL, (5, 5))
    run.end_step(step)
    run.end()


def on_screen(page: Page, run: Run, *, following: bool) -> None:
    """The page shows this run, by itself or because the reader chose it."""
    row = page.locator('[data-run][aria-selected="true"]')
    expect(row).to_have_attribute("data-run", run.id)
    expect(page.locator("[data-run][data-following]")).to_have_count(int(following))


def scroll(page: Page, _call: Part) -> None:
    page.locator('[data-qd="inspector"]').hover()
    page.mouse.wheel(0, -400)


def mark(page: Page, _call: Part) -> None:
    page.locator('[data-qd="inspector"]').get_by_text("paragraph 79").dblclick()


def pin(page: Page, call: Part) -> None:
    page.locator(f'[data-span="{call.id.hex()}"]').click()


def test_the_deck_moves_on_when_the_followed_run_ends_but_never_under_a_reader(
    browser: Browser, deck: Dashboard, home: CollectorProcess
) -> None:
    story = told(home.otlp, "first")
    with contextlib.ExitStack() as stack:
        with alive(story[0]):
            idle, reader, chooser = pages = [stack.enter_context(opened(browser, deck.url)).page for _ in range(3)]
            for page in pages:
                on_screen(page, story[0], following=True)
                expect(page.locator('[data-qd="inspector"]')).to_contain_text("paragraph 79")
            for page, gesture in ((reader, scroll), (chooser, pin)):
                gesture(page, story[2])
                expect(page.locator('[data-qd="follow-run"]')).to_be_visible()
        ended(*story)
        second = told(home.otlp, "second")
        with alive(second[0]):
            on_screen(idle, second[0], following=True)
            idle.wait_for_timeout(1500)  # the others hear of it within a second
            on_screen(reader, story[0], following=True)
            on_screen(chooser, story[0], following=False)
            reader.keyboard.press("Escape")
            chooser.keyboard.press("Escape")  # lets go of the span, then of the run
            chooser.keyboard.press("Escape")
            for page in (reader, chooser):
                on_screen(page, second[0], following=True)

            expect(reader.locator('[data-qd="inspector"]')).to_contain_text("paragraph 79")
            mark(reader, second[2])
            expect(reader.locator('[data-qd="follow-run"]')).to_be_visible()
            idle.locator(f'[data-run="{second[0].id}"]').click()
            on_screen(idle, second[0], following=False)
            third = Run(home.otlp, "third")
        ended(*second)
        with alive(third):
            on_screen(chooser, third, following=True)
            on_screen(reader, second[0], following=True)
            on_screen(idle, second[0], following=False)
            for page in (reader, idle):
                page.get_by_role("button", name="Follow newest").click()
                on_screen(page, third, following=True)
        third.end()


def test_the_filter_keeps_what_matches(browser: Browser, deck: Dashboard, home: CollectorProcess) -> None:
    play(home.otlp, "kb-refresh", pace=0, ago=50)
    play(home.otlp, "support-triage", pace=0, ago=50)
    with opened(browser, deck.url) as watched:
        page = watched.page
        expect(page.locator("[data-run] .name", has_text="kb-refresh").first).to_be_visible()
        page.keyboard.press("Control+f")
        page.keyboard.type("triage completed")
        expect(page.locator("[data-run] .name", has_text="support-triage").first).to_be_visible()
        expect(page.locator("[data-run] .name", has_text="kb-refresh")).to_have_count(0)


def test_nothing_is_wider_than_the_window(browser: Browser, deck: Dashboard, home: CollectorProcess) -> None:
    play(home.otlp, "invoice-check", pace=0, ago=70)
    with opened(browser, deck.url, PHONE) as watched:
        page = watched.page
        expect(page.locator("[data-run]").first).to_be_visible()
        assert panels(page) == ["runs"]
        page.locator(".views").get_by_role("tab", name="Performance").click()
        expect(page.locator('[data-qd="charts"]')).to_be_visible()
        for width, height in (TABLET, DESKTOP):
            page.set_viewport_size({"width": width, "height": height})
            expect(page.locator(".q-runs")).to_be_visible()
            assert panels(page) == ["runs", "timeline", "inspector", "charts"]
            if (width, height) == TABLET:
                fold = page.get_by_role("button", name="Fold Runs")
                fold.click()
                expect(page.locator(".q-runs .body")).to_be_hidden()
                fold.click()
                expect(page.locator(".q-runs .body")).to_be_visible()


def panels(page: Page) -> list[str]:
    """Which parts of the deck are seen, once nothing is wider or higher than the window."""
    page.wait_for_function(
        """() => { const root = document.scrollingElement;
        return root.scrollWidth <= innerWidth && root.scrollHeight <= innerHeight; }"""
    )
    return [name for name in ("runs", "timeline", "inspector", "charts") if page.locator(f".q-{name}").is_visible()]


def test_an_empty_deck_says_what_to_do_outlives_clickhouse_and_leaves_with_success_while_it_hangs(
    browser: Browser, tmp_path: Path
) -> None:
    with collector(tmp_path / "data") as first, dashboard(tmp_path, first.otlp, first.clickhouse) as running:
        ports = [first.otlp.rpartition(":")[2], first.clickhouse.rpartition(":")[2]]
        with opened(browser, running.url) as watched:
            page = watched.page
            expect(page.locator(".q-runs .empty")).to_contain_text("quarterdeck demo")
            expect(page.locator(".q-runs .empty")).to_contain_text("qd.init()")
            assert first.stop() == 0
            expect(page.locator('[data-banner="clickhouse"]')).to_contain_text("connection refused")
            flags = ["--otlp-http-port", ports[0], "--clickhouse-port", ports[1]]
            again = launch(tmp_path / "data", tmp_path / "again.log", *flags)
            try:
                wait_for(lambda: httpx.get(first.otlp + "/readyz", verify=PLAIN).status_code == 200)
                expect(page.locator('[data-banner="clickhouse"]')).to_have_count(0)
                run = Run(first.otlp, "after-the-storm")
                expect(page.locator(f'[data-run="{run.id}"]')).to_have_attribute("data-status", "running")
                run.end()
                assert watched.console_errors == []

                again.send_signal(signal.SIGSTOP)
                time.sleep(1)  # by now the poller waits for an answer, which its own limit would end after 20 s
                running.process.terminate()
                assert running.process.wait(60) == 0
                expect(page.locator('[data-banner="socket"]')).to_contain_text("connection to the dashboard is lost")
                watched.console_errors.clear()  # the browser's own words on that
            finally:
                again.kill()
                again.wait()


def test_a_page_of_another_site_gets_no_data(deck: Dashboard) -> None:
    request = (
        f"GET /deck/live HTTP/1.1\r\nHost: {deck.url[7:]}\r\nOrigin: http://evil.example\r\nConnection: Upgrade\r\n"
        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    host, _, port = deck.url[7:].partition(":")
    with socket.create_connection((host, int(port)), 20) as wire:
        wire.sendall(request.encode())
        assert b" 403 " in wire.recv(200)


def test_a_page_elsewhere_cannot_point_its_name_at_this_machine(deck: Dashboard) -> None:
    port = deck.url.rpartition(":")[2]
    for host, status in (("evil.example", 421), (f"evil.example:{port}", 421), (f"localhost:{port}", 200)):
        assert httpx.get(deck.url, headers={"host": host}, verify=PLAIN).status_code == status


def test_a_busy_port_is_named(deck: Dashboard) -> None:
    port = deck.url.rpartition(":")[2]
    found = subprocess.run(
        [sys.executable, "-m", "quarterdeck_ui", "--ui-port", port],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert found.returncode == 2
    assert f"port {port} is in use" in found.stderr
    assert "--ui-port / QUARTERDECK_UI_PORT" in found.stderr


def test_the_dashboard_answers_for_its_health(deck: Dashboard) -> None:
    ready = wait_for(lambda: (answer := httpx.get(deck.url + "/readyz", verify=PLAIN)).status_code == 200 and answer)
    assert ready.json() == {"status": "ok", "checks": {"clickhouse": {"ok": True, "reason": ""}}}


PICTURE = "status => status.querySelector('path').getAttribute('d')"


def test_each_of_seven_statuses_has_its_picture_and_word_and_is_found_by_it(
    browser: Browser, deck: Dashboard, home: CollectorProcess
) -> None:
    before = Run(home.otlp, "fate-running", quiet=True, ago=90)
    for index in (1, 2, 3):
        before.end_step(before.step(f"step {index}", index))
    before.end()
    minute = Run(home.otlp, "fate-waiting", quiet=True, ago=90)
    minute.shift -= 60 * 10**9
    minute.end()
    runs = {status: Run(home.otlp, f"fate-{status}") for status in ("paused", "running", "waiting")}
    runs["paused"].heartbeat("paused")
    for status, error in (
        ("completed", ""),
        ("failed", "ValueError: of a reason that takes some room"),
        ("cancelled", ""),
    ):
        run = Run(home.otlp, f"fate-{status}", quiet=True, ago=20)
        run.end(status, error)
    with alive(runs["running"]), alive(runs["waiting"], "waiting"), opened(browser, deck.url) as watched:
        page, pictures = watched.page, set()
        for status in (*runs, "completed", "failed", "cancelled", "lost"):
            page.locator("[data-qd=filter]").fill(f"fate-{status} {status}")
            row = page.locator("[data-run]").first
            expect(row.locator(".name")).to_have_text(f"fate-{status}")
            expect(row.locator(".status")).to_have_text(status)
            pictures.add(row.locator(".status").evaluate(PICTURE))
            if status == "running":
                expect(row.locator(".steps")).to_have_text("~0/3")
                expect(row.locator(".track")).to_have_attribute("data-estimated", "true")
            if status == "waiting":
                expect(row.locator(".steps")).to_have_text(re.compile(r"^~\d+ %$"))  # such runs took a minute
            if status == "failed":
                expect(row.locator(".sub")).to_have_text("ValueError: of a reason that takes some room")
                assert row.locator(".sub").evaluate("words => words.scrollWidth <= words.clientWidth")
        assert len(pictures) == 7

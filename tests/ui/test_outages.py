"""ClickHouse, the collector and the runner go away one after the other while a page is open, and come back."""

import contextlib
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from quarterdeck_runner.demo.provider import create_app as create_stand_in
from quarterdeck_runner.demo.provider.settings import StandInSettings
from support.collectors import PLAIN, CollectorProcess, collector, launch, wait_for
from support.dashboard import dashboard, opened
from support.deck import free_ports
from support.runner import Runner, process
from support.scenario import Run, alive
from support.servers import serve
from support.wire import Wire, wire

expect.set_options(timeout=30_000)

PROGRAM = """
    import sys
    import quarterdeck as qd

    qd.init(sys.argv[1])
    with qd.pipeline("patient") as run:
        print(run.id, flush=True)
        for index in (1, 2, 3):
            sys.stdin.readline()
            with qd.step(f"step {index}"):
                print(index, flush=True)
    qd.flush()
"""

PIPELINE = """
workflow:
  name: durable
  steps:
    - {name: one, type: claude, prompt: "[[n:4]] one"}
    - {name: two, type: claude, prompt: "[[n:4]][[delay:4]] two"}
    - {name: three, type: claude, prompt: "[[n:4]] three"}
"""

STEPS = ".q-timeline [data-span][data-kind=step]"

Say = Callable[[], None]


@contextlib.contextmanager
def program(folder: Path, endpoint: str) -> Iterator[tuple[str, Say]]:
    """A decorated program: the id of its run, and what makes it do its next step."""
    command = [sys.executable, "-c", textwrap.dedent(PROGRAM), endpoint]
    env = {**os.environ, "QUARTERDECK_BUFFER_DIR": str(folder / "buffer")}
    with subprocess.Popen(command, text=True, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as running:
        stdin, stdout = running.stdin, running.stdout
        assert stdin is not None
        assert stdout is not None

        def step() -> None:
            print(file=stdin, flush=True)
            stdout.readline()

        try:
            yield stdout.readline().strip(), step
        finally:
            running.kill()


def banner(page: Page, service: str) -> Locator:
    return page.locator(f'[data-banner="{service}"]')


def row(page: Page, run_id: str) -> Locator:
    """The one row of a run: with two of them, whatever is expected of it fails."""
    return page.locator(f'[data-run="{run_id}"]')


def spans(page: Page) -> list[str]:
    """What the timeline shows, each span by its id."""
    bars = page.locator(".q-timeline [data-span]")
    return [str(each) for each in bars.evaluate_all("bars => bars.map(bar => bar.dataset.span)")]


def clickhouse_goes(page: Page, home: CollectorProcess, cable: Wire) -> None:
    """What is told while ClickHouse cannot be reached is there afterwards, once."""
    run = Run(home.otlp, "answering", steps=1)
    call = run.call(run.step("write", 1), "claude-haiku-4-5", "count")
    with alive(run):
        run.chunk(call, "one ")
        inspector = page.locator("[data-qd=inspector]")
        expect(inspector).to_contain_text("one")
        row(page, run.id).click()  # it was on screen already, and stays there
        expect(page).to_have_url(re.compile(run.id))
        cable.cut()
        expect(banner(page, "clickhouse")).to_contain_text(f"{cable.url} does not answer (connection refused)")
        expect(banner(page, "collector")).to_have_count(0)
        expect(page.locator(".fresh")).to_have_text(re.compile(r"^data \d+ s ago$"))
        run.chunk(call, "two ")
        later = Run(home.otlp, "begun meanwhile")
        expect(row(page, later.id)).to_have_count(0)
        cable.mend()
        expect(banner(page, "clickhouse")).to_have_count(0)
        run.chunk(call, "three")
        expect(inspector).to_contain_text("one two three")
        assert inspector.inner_text().count("two") == 1
        expect(row(page, later.id)).to_have_count(1)
    for each in (run, later):
        each.end()
        expect(row(page, each.id)).to_have_attribute("data-status", "completed")


def collector_goes(page: Page, home: CollectorProcess, folder: Path) -> None:
    """A program that goes on while the collector is dead is shown whole once there is another."""
    with program(folder, home.otlp) as (run_id, step):
        step()
        row(page, run_id).click()
        expect(row(page, run_id).locator(".steps")).to_have_text("1")
        home.kill()
        expect(banner(page, "collector")).to_contain_text(f"{home.otlp} does not answer (connection refused)")
        expect(banner(page, "clickhouse")).to_be_visible()
        step()
        expect(row(page, run_id)).to_have_count(1)
        http, clickhouse = (url.rpartition(":")[2] for url in (home.otlp, home.clickhouse))
        flags = ("--otlp-http-port", http, "--clickhouse-port", clickhouse)
        home.process = launch(folder / "data", folder / "again.log", *flags)
        wait_for(lambda: httpx.get(home.otlp + "/readyz", verify=PLAIN).is_success)
        expect(banner(page, "collector")).to_have_count(0)
        expect(banner(page, "clickhouse")).to_have_count(0)
        expect(row(page, run_id)).to_have_attribute("data-status", "running")
        step()
        expect(row(page, run_id)).to_have_attribute("data-status", "completed")
        expect(row(page, run_id).locator(".steps")).to_have_text("3/3")
        expect(page.locator(STEPS)).to_have_count(3)
        assert len(set(spans(page))) == len(spans(page))


def runner_goes(page: Page, folder: Path, environment: dict[str, str], port: int) -> None:
    """A run goes on when its runner comes back, as the same one."""
    flags = ("--runner-port", str(port))
    with process(folder, environment, *flags) as (running, runner):
        run_id = started(page, runner)
        running.kill()
        expect(banner(page, "runner")).to_contain_text(f"127.0.0.1:{port}")
        expect(row(page, run_id)).to_have_count(1)
    with process(folder, environment, *flags):
        expect(banner(page, "runner")).to_have_count(0)
        expect(row(page, run_id)).to_have_attribute("data-status", "completed")
        expect(row(page, run_id).locator(".steps")).to_have_text("3/3")
        row(page, run_id).click()
        steps = (
            ".q-timeline [data-span][data-kind=step]"  # with the attempt that the crash ended, which is none of them
        )
        expect(page.locator(f"{steps}[data-status=completed]")).to_have_count(3)
        expect(page.locator(f"{steps}[data-status=running]")).to_have_count(0)
        assert len(set(spans(page))) == len(spans(page))


def started(page: Page, runner: Runner) -> str:
    """Start a run and wait until it is in its second step."""
    expect(banner(page, "runner")).to_have_count(0)
    run_id = runner.start(runner.pipeline(PIPELINE))
    expect(row(page, run_id).locator(".steps")).to_have_text("1/3")
    return run_id


@pytest.mark.timeout(900)  # a start of a process takes up to a minute on a busy machine, and there are seven
def test_every_service_dies_under_an_open_page_and_nothing_is_lost_or_doubled(browser: Browser, tmp_path: Path) -> None:
    stand_in = create_stand_in(StandInSettings(tokens_per_second=100_000, ttft=0))
    port = free_ports(1)[0]
    with contextlib.ExitStack() as stack:
        home = stack.enter_context(collector(tmp_path / "data"))
        cable = stack.enter_context(wire(home.clickhouse))
        provider = stack.enter_context(serve(stand_in))
        flags = ("--runner-url", f"http://127.0.0.1:{port}")
        deck = stack.enter_context(dashboard(tmp_path, home.otlp, cable.url, *flags))
        stack.callback(lambda: home.kill())  # noqa: PLW0108 - it has another process by then
        page = stack.enter_context(opened(browser, deck.url)).page
        keys = {"ANTHROPIC_BASE_URL": provider, "ANTHROPIC_API_KEY": "key", "QUARTERDECK_ENDPOINT": home.otlp}
        clickhouse_goes(page, home, cable)
        collector_goes(page, home, tmp_path)
        runner_goes(page, tmp_path, keys, port)
        assert httpx.get(deck.url + "/readyz", verify=PLAIN).status_code == 200

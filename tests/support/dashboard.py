"""The dashboard in a process of its own, and its pages in a real browser."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
from playwright.sync_api import Browser, expect

from support.browser import DESKTOP, Watched, open_page
from support.collectors import PLAIN, wait_for
from support.deck import free_ports


@dataclass
class Dashboard:
    """A running ``quarterdeck ui``."""

    url: str
    process: subprocess.Popen[str]
    log: Path


@contextlib.contextmanager
def dashboard(folder: Path, otlp: str, clickhouse: str, *more: str) -> Iterator[Dashboard]:
    """Serve the dashboard, with more flags, until the block ends; no runner answers."""
    port, runner = free_ports(2)
    flags = [
        "--ui-port",
        str(port),
        "--clickhouse-url",
        clickhouse,
        "--endpoint",
        otlp,
        "--data-dir",
        str(folder),
        *more,
    ]
    log = folder / "ui.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "quarterdeck_ui", *flags, "--runner-url", f"http://127.0.0.1:{runner}", *more],
            stdout=out,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def answers() -> bool:
        assert process.poll() is None, log.read_text()
        return httpx.get(f"http://127.0.0.1:{port}/healthz", verify=PLAIN).status_code == 200

    try:
        wait_for(answers)
        yield Dashboard(f"http://127.0.0.1:{port}", process, log)
    finally:
        process.terminate()
        try:
            code = process.wait(60)
        finally:
            process.kill()
    assert code == 0, log.read_text()


@contextlib.contextmanager
def opened(browser: Browser, url: str, size: tuple[int, int] = DESKTOP, *, touch: bool = False) -> Iterator[Watched]:
    """A page on which nothing may go wrong unseen."""
    watched = open_page(browser, url, size, touch=touch)
    try:
        expect(watched.page.locator("header.bar")).to_be_visible()
        yield watched
        assert watched.console_errors == [], watched.console_errors
        assert watched.foreign_requests == []
    finally:
        watched.page.context.close()

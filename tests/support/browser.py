"""A real, headless Chromium that may speak to this machine only."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect, sync_playwright

DESKTOP, TABLET, PHONE = (1440, 900), (1024, 768), (390, 844)
PATIENCE = 60_000
"""Milliseconds until what a page should show counts as missing; a busy machine takes its time."""

_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Names outside this machine do not resolve: what a page asks for there fails and is noted below.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]


@dataclass
class Watched:
    """A page together with everything that should not have happened on it."""

    page: Page
    console_errors: list[str] = field(default_factory=list)
    foreign_requests: list[str] = field(default_factory=list)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start the machine's Chromium, else the one that Playwright installed."""
    expect.set_options(timeout=PATIENCE)
    path = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=_FLAGS)
        try:
            yield browser
        finally:
            browser.close()


def open_page(browser: Browser, url: str, size: tuple[int, int] = DESKTOP) -> Watched:
    """Open ``url`` in a fresh context; requests that would leave this machine fail and are noted."""
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, reduced_motion="no-preference")
    context.set_default_timeout(PATIENCE)
    watched = Watched(context.new_page())

    def look(request: Request) -> None:
        if urlsplit(request.url).hostname not in {"127.0.0.1", "localhost", None}:
            watched.foreign_requests.append(request.url)

    def note(message: ConsoleMessage) -> None:
        if message.type == "error":
            watched.console_errors.append(message.text)

    watched.page.on("request", look)
    watched.page.on("console", note)
    watched.page.on("pageerror", lambda error: watched.console_errors.append(str(error)))
    watched.page.goto(url)
    return watched

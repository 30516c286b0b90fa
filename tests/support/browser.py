"""A real, headless Chromium that may speak to this machine only."""

import csv
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Locator,
    Page,
    Request,
    ViewportSize,
    expect,
    sync_playwright,
)

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


class Finger:
    """Touches a page: puts itself down, moves and leaves."""

    def __init__(self, page: Page) -> None:
        self._cdp = page.context.new_cdp_session(page)

    def down(self, x: float, y: float) -> None:
        """Touch the page there."""
        self._send("touchStart", (x, y))

    def move(self, x: float, y: float) -> None:
        """Stay down and go there."""
        self._send("touchMove", (x, y))

    def up(self) -> None:
        """Leave."""
        self._send("touchEnd")

    def _send(self, kind: str, *points: tuple[float, float]) -> None:
        self._cdp.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y} for x, y in points]})


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


def open_page(browser: Browser, url: str, size: tuple[int, int] = DESKTOP, *, touch: bool = False) -> Watched:
    """Open ``url`` in a fresh context; requests that would leave this machine fail and are noted."""
    viewport: ViewportSize = {"width": size[0], "height": size[1]}
    context = browser.new_context(viewport=viewport, reduced_motion="no-preference", has_touch=touch, is_mobile=touch)
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


def table_of(page: Page, table: Locator) -> list[dict[str, str]]:
    """The rows of a table of Streamlit, which draws them on a canvas: out of the file that its own button saves."""
    page.evaluate("delete window.showSaveFilePicker")  # asks where to save, which nobody here can answer
    table.hover()
    with page.expect_download() as saved:
        table.get_by_role("button", name="Download as CSV").press("Enter")
    with Path(saved.value.path()).open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


_AT_REST = """() => {
  const state = document.querySelector("[data-testid=stApp]")?.getAttribute("data-test-script-state");
  window.restingSince = state === "notRunning" ? window.restingSince ?? performance.now() : null;
  return window.restingSince !== null && performance.now() - window.restingSince > 500;
}"""


def settled(page: Page) -> None:
    """Wait until the page's script has been at rest for a while: a page that reads its address runs it twice."""
    page.wait_for_function(_AT_REST)

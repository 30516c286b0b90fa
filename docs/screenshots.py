"""Remake the pictures of the README: start the deck with its demo, wait until it is busy, take the pictures.

Run it with ``make screenshots``. It uses free ports and a folder of its own.
"""

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import expect

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from support.browser import DESKTOP, PHONE, TABLET, chromium, open_page  # noqa: E402 - needs the path above
from support.deck import running_deck  # noqa: E402 - as above
from support.live import wait_for_a_busy_deck  # noqa: E402 - as above

IMAGES = ROOT / "docs" / "images"


def main() -> None:
    """Take one picture per screen size, once there is a past to show beside the present."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, running_deck(Path(folder)) as deck, chromium() as browser:
        for name, size in (("deck", DESKTOP), ("deck-tablet", TABLET), ("deck-phone", PHONE)):
            page = open_page(browser, deck.url("ui"), size).page
            expect(page.locator("[data-run][data-status=completed]").nth(5)).to_be_visible(timeout=180_000)
            if size != PHONE:  # there the inspector is behind its tab
                wait_for_a_busy_deck(page)
            page.screenshot(path=IMAGES / f"{name}.png")
            print(IMAGES / f"{name}.png")
            page.context.close()


if __name__ == "__main__":
    main()

"""What a live dashboard shows, read from the page as a person would."""

from playwright.sync_api import Page, expect

RUNNING = "[data-run][data-status=running]"
INSPECTOR = "[data-qd=inspector]"


def wait_for_a_busy_deck(page: Page, runs: int = 2) -> None:
    """Wait until at least ``runs`` runs are live and an answer is being written into the inspector.

    Raises:
        AssertionError: it did not happen within a minute.
    """
    expect(page.locator(RUNNING).nth(runs - 1)).to_be_visible(timeout=60_000)
    wait_for_growing_text(page)


def wait_for_growing_text(page: Page) -> None:
    """Wait until the text in the inspector has grown while nobody touched anything."""
    page.wait_for_function(
        """([selector]) => {
            const text = document.querySelector(selector)?.innerText ?? "";
            const seen = (window.seenLengths ??= []);
            if (text.length < (seen.at(-1) ?? 0)) seen.length = 0;
            if (text.length !== seen.at(-1)) seen.push(text.length);
            return seen.length >= 4;
        }""",
        arg=[INSPECTOR],
        timeout=60_000,
        polling=100,
    )


def progress(page: Page, run: str) -> float:
    """How far the bar of a run is, in percent; 0 while unknown."""
    bar = page.locator(f"[data-run='{run}'] [role=progressbar]")
    return float(bar.get_attribute("aria-valuenow") or 0)

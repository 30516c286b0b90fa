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
    """Wait until the text in the inspector has grown three times while nobody touched anything.

    Raises:
        AssertionError: it did not within a minute.
    """
    lengths: list[int] = []
    for _ in range(600):
        length = len(page.locator(INSPECTOR).inner_text()) if page.locator(INSPECTOR).is_visible() else 0
        if lengths and length < lengths[-1]:
            lengths.clear()
        if length and length not in lengths:
            lengths.append(length)
        if len(lengths) > 3:
            return
        page.wait_for_timeout(100)
    raise AssertionError("the text in the inspector did not grow within a minute")


def progress(page: Page, run: str) -> float:
    """How far the bar of a run is, in percent; 0 while unknown."""
    bar = page.locator(f"[data-run='{run}'] [role=progressbar]")
    return float(bar.get_attribute("aria-valuenow") or 0)

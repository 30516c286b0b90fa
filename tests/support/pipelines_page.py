"""The page of the pipelines, and what a reader does on it."""

import contextlib

from playwright.sync_api import Browser, Locator, Page, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeoutError

from support.browser import DESKTOP, Watched, open_page, settled
from support.waiting import eventually

ASK = """\
workflow:
  name: {name}
  description: Ask for a word
  env: {{REGION: eu}}
  inputs:
    word: {{type: string, description: What to ask}}
    count: {{type: integer, default: 3}}
  steps:
    - name: answer
      type: claude
      model: haiku
      prompt: "[[say:re {{{{ inputs.word }}}} {{{{ inputs.count }}}} {{{{ env.REGION }}}}]]{{{{ inputs.word }}}}"
"""


class Visit:
    """Opens pages on which nothing may go wrong unseen."""

    def __init__(self, browser: Browser, url: str) -> None:
        self._browser, self._url = browser, url
        self.opened: list[Watched] = []

    def __call__(self, query: str = "", size: tuple[int, int] = DESKTOP) -> Page:
        """Open the page, with more of its address."""
        watched = open_page(self._browser, f"{self._url}/healthz", size)
        self.opened.append(watched)
        # What the page would do itself, and then load again: Streamlit takes up the theme when it starts.
        watched.page.goto(f"{self._url}/?view=pipelines{query}")
        expect(watched.page.get_by_role("heading", name="Pipelines")).to_be_visible()
        return watched.page


def button(page: Page, name: str) -> Locator:
    """The button that is called so."""
    return page.get_by_role("button", name=name, exact=True)


def written(page: Page, name: str) -> Locator:
    """The editor of a pipeline."""
    return page.get_by_role("textbox", name=f"Text of the pipeline {name}")


def top(locator: Locator) -> float:
    """Where something begins, from above."""
    box = locator.bounding_box()
    assert box
    return box["y"]


def accept(page: Page, completion: str) -> None:
    """Take a completion, which must be the one that is chosen."""
    expect(page.get_by_role("option", selected=True)).to_contain_text(completion)
    page.wait_for_timeout(100)  # the editor takes no key for a list that has just opened
    page.keyboard.press("Enter")


def choose(page: Page, label: str, option: str) -> None:
    """Choose from a list, again if it closes because the page is drawn anew."""

    def chosen() -> bool:
        settled(page)
        page.get_by_role("combobox", name=label).fill(option)
        with contextlib.suppress(PlaywrightTimeoutError):
            page.get_by_role("option", name=option, exact=True).click(timeout=5_000)
            return True
        return False

    eventually(chosen)

"""Keys, menus, the brush, the theme, and what axe says, in a real browser."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from quarterdeck_ui import assets
from support import otlp
from support.accessibility import findings
from support.browser import DESKTOP, PHONE, TABLET, Finger, open_page
from support.collectors import CollectorProcess, collector
from support.dashboard import Dashboard, dashboard, opened
from support.scenario import Run

READ = {
    "tokens": "claude-haiku-4-5",
    "distribution": "calls",
    "first": "p95",
    "cost": "claude-haiku-4-5",
    "errors": "%",
    "throughput": "calls",
}
"""What a chart says of its newest point."""

COLOUR = re.compile(r"#[0-9a-fA-F]{3,8}\b|\b(?:rgb|hsl)a?\(")

MOTIONS = "dot => dot.getAnimations().length"

SCROLLED = """places => {
  const inside = (root, name) => root.querySelector(`[data-qd=${name}]`) ?? [...root.querySelectorAll("*")]
    .filter((each) => each.shadowRoot).map((each) => inside(each.shadowRoot, name)).find(Boolean);
  return Object.entries(places).every(([name, top]) => inside(document, name)?.scrollTop === top);
}"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CollectorProcess]:
    """Only calls of this module: the charts count every call there is."""
    with collector(tmp_path_factory.mktemp("hands") / "data") as running:
        yield running


@pytest.fixture(scope="module")
def deck(home: CollectorProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    with dashboard(tmp_path_factory.mktemp("ui"), home.otlp, home.clickhouse) as running:
        yield running


def told(
    home: CollectorProcess, pipeline: str, ago: float, error: str = "", *, took: float = 1.2, refused: str = ""
) -> Run:
    run = Run(home.otlp, pipeline, steps=1, quiet=True, ago=ago)
    step = run.step("judge", 1, value={"claim": 7})
    call = run.call(step, "claude-haiku-4-5", f"is it {pipeline}?", system="Be brief.")
    run.shift -= int(took * 1e9)
    run.end_call(call, f"it is {pipeline}", (50, 20), error=refused)
    run.end_step(step, {"ok": True})
    run.end(*(("failed", error) if error else ()))
    return run


def copied(page: Page) -> str:
    return str(page.evaluate("navigator.clipboard.readText()"))


def choose(page: Page, item: str) -> None:
    page.get_by_role("menuitem", name=item).click()


def there_and_back(page: Page, row: Locator, item: str, url: str) -> None:
    row.click(button="right")
    choose(page, item)
    expect(page).to_have_url(url)
    page.go_back()


def test_keys_and_menus_reach_runs_and_steps_and_a_reload_loses_nothing(
    browser: Browser, deck: Dashboard, home: CollectorProcess
) -> None:
    wanted, other = told(home, "hands-wanted", 40), told(home, "hands-other", 20, "ValueError: no")
    with opened(browser, deck.url) as watched:
        page = watched.page
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        expect(page.locator(f'[data-run="{wanted.id}"]')).to_be_visible()
        page.keyboard.press("?")
        expect(page.get_by_role("dialog", name="Keyboard")).to_contain_text("Pause or resume the selected run")
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog", name="Keyboard")).to_have_count(0)

        page.keyboard.press("Control+p")
        expect(page.get_by_role("combobox", name="Go to")).to_be_focused()
        page.keyboard.type("hands wanted")
        expect(page.get_by_role("option", selected=True).filter(has_text="hands-wanted")).to_be_visible()
        page.keyboard.press("Enter")
        expect(page).to_have_url(f"{deck.url}/?run={wanted.id}")
        expect(page.locator(f'[data-run="{other.id}"]')).to_have_count(0)

        row = page.locator(f'[data-run="{wanted.id}"]')
        row.click(button="right")
        expect(page.get_by_role("menuitem", name="Copy configuration")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator("[data-qd=saying]")).to_have_text("Copied the configuration.")
        assert json.loads(copied(page)) == {"steps": 1}
        row.click(button="right")
        with page.expect_download() as saved:
            choose(page, "Export results")
        document = json.loads(Path(saved.value.path()).read_text())
        assert (document["run"]["id"], document["steps"][0]["output"]) == (wanted.id, {"ok": True})

        there_and_back(page, row, "View logs", f"{deck.url}/?view=logs&run={wanted.id}")

        page.locator('.barrow[data-kind="step"]').click(button="right")
        choose(page, "Copy prompt")
        expect(page.locator("[data-qd=saying]")).to_have_text("Copied the prompt.")
        assert copied(page) == "Be brief.\n\nis it hands-wanted?"
        page.get_by_role("button", name="Actions of the step").click()
        choose(page, "Copy response")
        expect(page.locator("[data-qd=saying]")).to_have_text("Copied the response.")
        assert copied(page) == "it is hands-wanted"
        page.get_by_role("button", name="Actions of the step").click()
        with page.context.expect_page() as raw:
            choose(page, "View raw data")
        assert "hands-wanted" in raw.value.inner_text("body")
        raw.value.close()
        call = page.locator('.barrow[data-kind="call"]').get_attribute("data-span")
        page.get_by_role("button", name="Actions of the step").click()
        choose(page, "Open in debugger")
        expect(page).to_have_url(f"{deck.url}/?view=debugger&run={wanted.id}&span={call}")
        expect(page.get_by_text("is it hands-wanted?").first).to_be_visible()
        page.go_back()

        page.reload()
        expect(page.locator("[data-qd=filter]")).to_have_value("hands-wanted")
        expect(page.locator(f'[data-run="{wanted.id}"]')).to_have_attribute("aria-selected", "true")


def test_a_reload_keeps_places_and_folds(browser: Browser, deck: Dashboard, home: CollectorProcess) -> None:
    for number in range(12):
        Run(home.otlp, f"hands-filler-{number}", quiet=True, ago=5).end()
    run = Run(home.otlp, "hands-long", quiet=True, ago=15)
    for number in range(16):
        step = run.step(f"step-{number}", number + 1)
        call = run.call(step, "claude-haiku-4-5", "\n\n".join(f"line {n}" for n in range(60)))
        run.end_call(call, "so be it", (50, 20))
        run.end_step(step)
    run.end()
    with opened(browser, deck.url) as watched:
        page = watched.page
        page.locator(f'[data-run="{run.id}"]').click()
        folded = page.locator(".barrow", has_text="step-0")
        folded.locator(".knob").click()
        expect(folded).to_have_attribute("aria-expanded", "false")
        call_row = page.locator('.barrow[data-kind="call"]').nth(2)
        call_row.click()
        expect(call_row).to_have_attribute("aria-selected", "true")
        page.get_by_role("button", name="Critical path").click()
        places = {"inspector": 400, "timeline": 270, "runs": 150}

        for name, top in places.items():
            page.locator(f"[data-qd={name}]").evaluate("(node, top) => { node.scrollTop = top }", top)
        page.wait_for_function(SCROLLED, arg=places)
        page.reload()
        page.wait_for_function(SCROLLED, arg=places)
        expect(page.get_by_role("button", name="Critical path")).to_have_attribute("aria-pressed", "true")
        page.locator("[data-qd=timeline]").evaluate("node => { node.scrollTop = 0 }")
        expect(folded).to_have_attribute("aria-expanded", "false")


def test_charts_are_read_brushed_opened_and_exported(browser: Browser, deck: Dashboard, home: CollectorProcess) -> None:
    run = told(home, "hands-charts", 130, took=20)  # alone in the last bin of the histogram
    told(home, "hands-refused", 3, refused="overloaded_error")  # the newest, so that Errors has something to open
    with opened(browser, deck.url) as watched:
        page = watched.page
        plot = page.locator('[data-chart="latency"] .plot')
        plot.focus()
        page.keyboard.press("ArrowLeft")
        expect(plot.locator(".tip")).to_contain_text("p99")
        expect(plot).to_have_css("outline-style", "solid")
        page.keyboard.press("Enter")
        behind = page.locator("[data-behind]")
        expect(behind.first).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.locator(".gauge").nth(3)).to_have_text(re.compile(r"^Errors[\d.]+ %1 of \d+$"))
        for chart, words in READ.items():
            page.locator(f'[data-chart="{chart}"] .plot').focus()
            page.keyboard.press("ArrowLeft")
            expect(page.locator(f'[data-chart="{chart}"] .tip')).to_contain_text(words)
            page.keyboard.press("Enter")
            expect(behind.first).to_be_visible()
            page.keyboard.press("Escape")
            expect(behind).to_have_count(0)
        page.get_by_role("button", name="Actions of Tokens").click()
        with page.expect_download() as saved:
            choose(page, "Export data (CSV)")
        assert Path(saved.value.path()).read_text().startswith("time,")

        page.locator("[data-scope=range]").select_option("1h")
        expect(page.locator(".q-charts .tally")).to_have_text("last hour")
        expect(plot.locator("svg")).to_be_visible()
        box = plot.bounding_box()
        assert box
        page.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + 40)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 0.98, box["y"] + 40, steps=5)
        expect(plot.locator(".brush")).to_be_visible()
        page.mouse.up()
        expect(page).to_have_url(re.compile(r"from=.*&to="))
        expect(page.locator(".q-charts .tally")).to_have_text("chosen range")

        expect(page.locator('[data-chart="distribution"] rect').first).to_be_visible()
        page.locator('[data-chart="distribution"] .plot').focus()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Enter")
        page.locator(f'[data-behind="{run.id}"]').click()
        expect(page).to_have_url(re.compile(f"run={run.id}&span="))


def test_a_finger_reads_brushes_and_opens_menus(browser: Browser, deck: Dashboard, home: CollectorProcess) -> None:
    run = told(home, "hands-touched", 70)
    with opened(browser, deck.url, TABLET, touch=True) as watched:
        page, finger = watched.page, Finger(watched.page)
        row, plot = page.locator(f'[data-run="{run.id}"]'), page.locator('[data-chart="tokens"] .plot')
        row.scroll_into_view_if_needed()

        def middle(of: Locator) -> tuple[float, float]:
            box = of.bounding_box()
            assert box
            return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

        finger.down(*middle(row))
        expect(page.get_by_role("menuitem", name="View logs")).to_be_visible()
        finger.up()
        page.get_by_role("menuitem", name="Copy run id").tap()
        expect(page.locator("[data-qd=saying]")).to_have_text("Copied the run id.")
        assert "run=" not in page.url, "a long press does not select"

        value = middle(plot.locator("rect").last)
        page.touchscreen.tap(*value)
        expect(plot.locator(".tip")).to_contain_text("tap again: runs behind")
        expect(page.get_by_role("dialog")).to_have_count(0)
        page.touchscreen.tap(*value)
        expect(page.locator("[data-behind]").first).to_be_visible()
        page.keyboard.press("Escape")

        box = plot.bounding_box()
        assert box
        finger.down(box["x"] + 45, value[1])
        for share in range(1, 11):
            finger.move(box["x"] + 45 + (box["width"] - 55) * share / 10, value[1])
        expect(plot.locator(".brush")).to_be_visible()
        finger.up()
        expect(page).to_have_url(re.compile(r"from=.*&to="))


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_axe_finds_nothing_serious_and_the_theme_stays(
    browser: Browser, deck: Dashboard, home: CollectorProcess, theme: str
) -> None:
    told(home, "hands-axe", 30, "ValueError: no")
    levels = [{"severity_number": n, "body": f'took={n} "x" 12 ms'} for n in (5, 9, 13, 17, 21)]
    home.post("/v1/logs", otlp.logs(*levels).SerializeToString(), content_type="application/x-protobuf")
    with opened(browser, deck.url, DESKTOP if theme == "dark" else PHONE) as watched:
        page = watched.page
        assert page.locator(".live .dot").evaluate(MOTIONS) == 1
        page.emulate_media(reduced_motion="reduce")  # also because what is on its way has colours in between
        assert page.locator(".live .dot").evaluate(MOTIONS) == 0
        page.get_by_role("button", name="Theme: dark").click()
        page.get_by_role("menuitemradio", name=theme.capitalize()).click()
        expect(page.locator(".deck")).to_have_attribute("data-theme", theme)
        for view in ("Runs", "Performance", "Timeline", "Inspector"):
            if theme == "light":
                page.get_by_role("tab", name=view).click()
            assert findings(page) == []
        if theme == "dark":
            page.set_viewport_size({"width": TABLET[0], "height": TABLET[1]})
            page.locator("[data-qd=history]").click()
            page.locator(".chip[data-service=runner]").click()
            assert findings(page) == []
            page.keyboard.press("Escape")
        page.keyboard.press("Control+p")
        expect(page.locator(".choice").first).to_be_visible()
        assert findings(page) == []
        page.keyboard.press("Escape")
        page.keyboard.press("Control+l")
        expect(page.locator(".log-row").first).to_be_visible()
        expect(page.locator(".deck")).to_have_attribute("data-theme", theme)
        assert findings(page) == []


def test_a_page_is_loaded_once_and_streamlit_draws_its_part_in_the_theme_that_was_chosen(
    browser: Browser, deck: Dashboard
) -> None:
    scheme = "getComputedStyle(document.querySelector('.stApp')).colorScheme"
    loaded: list[str] = []
    watched = open_page(browser, "about:blank")
    page = watched.page
    page.on("framenavigated", lambda frame: loaded.append(frame.url))
    page.goto(f"{deck.url}/?view=alerts")
    expect(page.get_by_role("button", name="New rule")).to_be_visible()
    page.wait_for_load_state("networkidle")
    assert (page.evaluate(scheme), len(loaded)) == ("dark", 1)
    page.get_by_role("button", name="Theme: dark").click()
    with page.expect_navigation():
        page.get_by_role("menuitemradio", name="Light").click()
    expect(page.get_by_role("button", name="New rule")).to_be_visible()
    assert (page.evaluate(scheme), len(loaded)) == ("light", 2)
    assert (watched.console_errors, watched.foreign_requests) == ([], [])
    page.context.close()


def test_every_colour_has_a_name_in_both_themes() -> None:
    files = [*assets.FOLDER.iterdir(), *(assets.FOLDER.parent / "editor").glob("*.js")]
    sheets = {
        f"{file.parent.name}/{file.name}": file.read_text("utf-8") for file in files if file.suffix in {".css", ".js"}
    }
    del sheets["components/editor.js"]  # made of the sources, and of libraries
    theme = sheets.pop("components/theme.css")
    dark, light = (set(re.findall(r"(--[\w-]+):", part)) for part in theme.split('[data-theme="light"]'))
    assert dark - light == {"--ui", "--mono"}
    assert light <= dark
    bare = {name: re.sub(r"url\([^)]*\)|querySelector\([^)]*\)", "", text) for name, text in sheets.items()}
    assert {name: found for name, text in bare.items() if (found := COLOUR.findall(text))} == {}
    used = set(re.findall(r"var\((--[\w-]+)\)", "".join(bare.values())))
    own = set(re.findall(r"(--[\w-]+):", "".join(bare.values()))) | {"--series-"}
    assert used - dark - own - {"--depth", "--grid"} == set()

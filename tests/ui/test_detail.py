"""Timeline and inspector in a real browser: what a run took, what was said, and how it differs from before."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from quarterdeck import semconv as s
from support import otlp
from support.browser import DESKTOP, PHONE, TABLET
from support.collectors import CollectorProcess
from support.dashboard import Dashboard, dashboard, opened
from support.scenario import ANSWER, PARTS, Part, Run

COLOUR = "piece => getComputedStyle(piece).backgroundColor"
INSPECTOR = '[data-qd="inspector"]'
SIZES = {"phone": PHONE, "tablet": TABLET, "desktop": DESKTOP}


@pytest.fixture(scope="module")
def deck(home: CollectorProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    with dashboard(tmp_path_factory.mktemp("detail"), home.otlp, home.clickhouse) as running:
        yield running


def told(endpoint: str, answer: str, ago: float, pipeline: str = "reading") -> tuple[Run, dict[str, Part]]:
    """A run with a step that was tried again, two steps at the same time, a tool and a call."""
    run = Run(endpoint, pipeline, steps=3, quiet=True, ago=ago)

    def later(seconds: float) -> None:
        run.shift -= int(seconds * 1e9)

    parts: dict[str, Part] = {}
    parts["first try"] = run.step("load", 1)
    later(1)
    run.end_step(parts["first try"], error="TimeoutError")
    parts["second try"] = run.step("load", 1)
    parts["second try"].attributes[s.STEP_ATTEMPT] = 2
    later(1)
    run.end_step(parts["second try"], "a: 1\nb: 2\n")
    parts["slow"], parts["quick"] = run.step("judge", 2, budget=2000), run.step("note", 3)
    system = "Be brief, and use <rules>."
    variables = {s.PROMPT_VARIABLES: json.dumps({"invoice": "2026-1187"})}
    prompt = "".join(part["text"] for part in PARTS)
    parts["call"] = run.call(parts["slow"], "claude-sonnet-4-5", prompt, system=system, parts=PARTS, **variables)
    parts["tool"] = run._open("execute_tool look", parts["quick"], {s.TOOL_NAME: "look"}, parts["quick"])
    later(1)
    run._span(parts["tool"], {s.OPERATION_NAME: s.OPERATION_EXECUTE_TOOL, s.TOOL_CALL_ARGUMENTS: '{"at": 1}'})
    run.end_step(parts["quick"], "<note><to>you</to></note>")
    later(3)
    parts["call"].attributes |= {s.USAGE_CACHE_READ_TOKENS: 1200, s.USAGE_REASONING_TOKENS: 40}
    run.end_call(parts["call"], answer, (1600, 240))
    run.end_step(parts["slow"], {"ok": True})
    run.end()
    return run, parts


def bar(page: Page, part: Part) -> Any:
    return page.locator(f'[data-span="{part.id.hex()}"]')


def tab(page: Page, name: str) -> None:
    page.locator(".q-inspector .tabs").get_by_role("tab", name=name, exact=True).click()


def test_a_run_tells_what_was_tried_again_and_what_its_duration_hangs_on(
    browser: Browser, deck: Dashboard, home: CollectorProcess
) -> None:
    run, parts = told(home.otlp, ANSWER, ago=900)
    with opened(browser, f"{deck.url}/?run={run.id}&span={parts['call'].id.hex()}") as watched:
        page = watched.page
        expect(bar(page, parts["first try"]).locator(".tries")).to_have_text("attempt 1 of 2")
        expect(bar(page, parts["second try"]).locator(".tries")).to_have_text("attempt 2 of 2")
        expect(bar(page, parts["slow"]).locator(".use")).to_have_attribute("data-budget", "near")
        expect(bar(page, parts["call"]).locator(".note")).to_have_text("anthropic")
        expect(bar(page, parts["call"])).to_have_attribute("aria-level", "2")
        slow, quick = (bar(page, parts[name]).locator(".lane i").bounding_box() for name in ("slow", "quick"))
        assert slow
        assert quick
        assert slow["x"] < quick["x"] + quick["width"] < slow["x"] + slow["width"], "they ran at the same time"

        page.locator('[data-qd="critical-path"]').click()
        for name in ("first try", "second try", "slow", "call"):
            expect(bar(page, parts[name])).to_have_attribute("data-critical", "yes")
        for name in ("quick", "tool"):
            expect(bar(page, parts[name])).to_have_attribute("data-critical", "no")

        bar(page, parts["slow"]).focus()
        page.keyboard.press("ArrowLeft")
        expect(bar(page, parts["slow"])).to_have_attribute("aria-expanded", "false")
        expect(bar(page, parts["call"])).to_have_count(0)
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowRight")
        expect(bar(page, parts["call"])).to_be_focused()

        inspector = page.locator(INSPECTOR)
        bar(page, parts["slow"]).click()
        tab(page, "Details")
        expect(inspector.locator("dl").first).to_contain_text("2,000, 92 % used: close to it")
        expect(inspector.locator("dl").first).to_contain_text("Model calls inside1")
        bar(page, parts["call"]).click()
        expect(inspector.locator("dl").first).to_contain_text("Provideranthropic")
        expect(inspector.locator("dl").first).to_contain_text("max tokens1024")
        bar(page, parts["quick"]).click()
        tab(page, "Output")
        expect(inspector.locator("pre.code")).to_have_attribute("data-lang", "xml")
        bar(page, parts["second try"]).click()
        expect(inspector.locator("pre.code")).to_have_attribute("data-lang", "yaml")
        bar(page, parts["tool"]).click()
        tab(page, "Input")
        expect(inspector.locator("pre.code .t-key")).to_have_text('"at"')
        page.locator("[data-qd=whole-run]").click()
        tab(page, "Config")
        expect(inspector).to_have_text(re.compile(r'"steps":\s+3'))
        expect(page).to_have_url(f"{deck.url}/?run={run.id}&span={run.root.id.hex()}&tab=config")


def made_of_coloured_parts_that_can_be_copied(page: Page) -> None:
    """The prompt in colours of where it comes from, each part naming its source; its copy; its variables."""
    inspector = page.locator(INSPECTOR)
    tab(page, "Template")
    kinds = ["file", "variable", "previous_response"]
    for part in (each for each in PARTS if each["kind"] in kinds):
        piece = inspector.locator(f".template [data-source={part['kind']}]")
        expect(piece).to_have_text(part["text"])
        expect(piece).to_have_attribute("title", re.compile(f": {part['source']}$"))
    colours = [inspector.locator(f".template [data-source={kind}]").evaluate(COLOUR) for kind in kinds]
    assert len(set(colours)) == 3
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator("[data-qd=copy]").click()
    page.locator("[data-qd=copy].done").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == "".join(part["text"] for part in PARTS)
    tab(page, "Variables")
    expect(inspector.locator(".variables")).to_have_text("invoice2026-1187")


def test_a_call_can_be_searched_counted_compared_and_saved(
    browser: Browser, deck: Dashboard, home: CollectorProcess, tmp_path: Path
) -> None:
    pipeline = f"reading {otlp.new_trace_id().hex()[:6]}"  # its own: the run before is chosen by the name
    told(home.otlp, ANSWER.replace("4,213.50", "9,999.99"), ago=40 * 86400, pipeline=pipeline)
    run, parts = told(home.otlp, ANSWER, ago=300, pipeline=pipeline)
    with opened(browser, f"{deck.url}/?run={run.id}&span={parts['call'].id.hex()}") as watched:
        page = watched.page
        inspector = page.locator(INSPECTOR)
        expect(inspector).to_contain_text("4,213.50 EUR")
        page.locator('[data-qd="find"]').click()
        page.keyboard.type("nordwind")
        expect(page.locator('[data-qd="hits"]')).to_have_text("1 of 2")
        page.keyboard.press("Enter")
        expect(page.locator('[data-qd="hits"]')).to_have_text("2 of 2")
        assert page.evaluate("[...CSS.highlights.get('qd-hit-now')].map(String)") == ["Nordwind"]
        page.keyboard.press("Escape")
        expect(page.locator(".find")).to_be_hidden()
        page.keyboard.press("Control+f")
        expect(page.locator(".find input")).to_be_focused()

        tab(page, "Tokens")
        expect(page).to_have_url(re.compile("tab=usage"))
        expect(inspector.locator(".kinds").first).to_have_text("fresh 400 25 %read from cache 1,200 75 %")
        expect(inspector.locator(".kinds").last).to_have_text("answer 200 83 %reasoning 40 17 %")
        expect(inspector.locator(".shares")).to_contain_text("orders/4711.csv")
        expect(inspector.locator("dl.usage")).to_contain_text(re.compile(r"Cost\$0\.\d+Cost of 1,000 tokens\$"))

        made_of_coloured_parts_that_can_be_copied(page)

        tab(page, "Compare")
        expect(page.locator('[data-qd="diff"] [data-line="gone"]')).to_contain_text(["9,999.99"])
        expect(page.locator('[data-qd="diff"] [data-line="new"]')).to_contain_text(["4,213.50"])
        expect(page.locator(".compare .tally")).to_have_text("\N{MINUS SIGN}1 +1 lines")

        saved = {}
        for ending in ("md", "json", "otlp"):
            page.locator('[data-qd="save"]').click()
            with page.expect_download() as download:
                page.locator(f'[data-save="{ending}"]').click()
            download.value.save_as(tmp_path / ending)
            saved[ending] = (download.value.suggested_filename, (tmp_path / ending).read_bytes())
        assert saved["md"][0] == f"{pipeline.replace(' ', '-')}-judge-claude-sonnet-4-5.md"
        assert "## Assistant\n\n## Assessment" in saved["md"][1].decode()
        captured = json.loads(saved["json"][1])["captured"]
        assert captured["variables"] == {"invoice": "2026-1187"}
        assert captured["output"][0]["parts"][0]["content"] == ANSWER
        assert saved["otlp"][0] == f"quarterdeck-run-{run.id}.traces.otlp"
        assert parts["tool"].id in saved["otlp"][1]


def test_a_run_of_thousands_of_spans_starts_folded_and_keeps_few_rows(
    browser: Browser, deck: Dashboard, home: CollectorProcess
) -> None:
    run = Run(home.otlp, "wide", quiet=True, ago=60)
    begun = run.now()
    steps = [Part(os.urandom(8), f"step {n}", run.root, begun + n * 10**7) for n in range(100)]
    spans = []
    for step in steps:
        told = {**run._stamps(step), s.STEP_ID: step.id.hex(), s.STEP_NAME: step.name, s.STEP_STATUS: "completed"}
        spans.append(span_of(run, step, 5 * 10**8, told))
        calls = [Part(os.urandom(8), f"work {n}", step, step.start + n * 10**6) for n in range(51)]
        spans += [span_of(run, call, 10**7, run._stamps(call)) for call in calls]
    run._post("/v1/traces", otlp.traces(*spans, resource=run.resource))
    run.shift -= 2 * 10**9
    run.end()
    with opened(browser, f"{deck.url}/?run={run.id}") as watched:
        page = watched.page
        expect(page.locator(".notice")).to_have_text(
            "This run has more spans than fit here: the first 4,999 are shown."
        )
        rows = page.locator(".q-timeline .barrow")
        expect(rows.first).to_have_attribute("aria-expanded", "false")
        expect(rows.first.locator(".note")).to_have_text("+51")
        page.get_by_role("button", name="Unfold all").click()
        expect(rows.nth(1).locator(".label")).to_have_text("work 0")
        assert rows.count() < 60
        list_ = page.locator('[data-qd="timeline"]')
        list_.evaluate("(list) => { list.scrollTop = list.scrollHeight; }")
        expect(rows.filter(has_text="step 98")).to_be_visible()
        assert rows.count() < 60
        page.locator('[data-qd="critical-path"]').click()
        expect(rows.filter(has_text="step 98")).to_have_attribute("data-critical", re.compile("yes|no"))


def span_of(run: Run, part: Part, duration: int, attributes: dict[str, Any]) -> dict[str, Any]:
    return {
        "trace_id": run.trace,
        "span_id": part.id,
        "parent_span_id": part.parent.id if part.parent else b"",
        "name": part.name,
        "start_time_unix_nano": part.start,
        "end_time_unix_nano": part.start + duration,
        "attributes": attributes,
    }


def test_a_question_that_names_no_call_is_told_what_is_missing(deck: Dashboard) -> None:
    def asked(path: str) -> tuple[int, str]:
        answer = httpx.get(f"{deck.url}/deck/{path}")
        return answer.status_code, answer.text

    assert asked("span") == (400, "name a run, and a span or a step with the number of its call\n")
    assert asked("span?run=none&span=none") == (404, "That run has no such call.\n")
    assert asked("span?run=none&step=a&nth=x")[0] == 400
    assert asked("run.otlp") == (400, "name a run\n")


def test_it_fits_every_window(browser: Browser, deck: Dashboard, home: CollectorProcess, tmp_path: Path) -> None:
    run, parts = told(home.otlp, ANSWER, ago=200)
    with opened(browser, f"{deck.url}/?run={run.id}&span={parts['call'].id.hex()}", PHONE) as watched:
        page = watched.page
        for size, (width, height) in SIZES.items():
            page.set_viewport_size({"width": width, "height": height})
            tab(page, "Conversation")
            expect(page.locator(INSPECTOR)).to_contain_text("4,213.50")
            for name in ("Conversation", "Template", "Tokens", "Compare", "Details"):
                tab(page, name)
                wide = page.locator(INSPECTOR).evaluate("(page) => page.scrollWidth - page.clientWidth")
                assert wide <= 0, (size, name)
            page.locator('[data-qd="find"]').click()
            page.get_by_role("search").locator("input").fill("claude")
            expect(page.locator('[data-qd="hits"]')).to_contain_text("1 of")
            page.locator('[data-qd="save"]').click()
            expect(page.locator(".menu")).to_be_in_viewport(ratio=1)
            page.screenshot(path=tmp_path / f"inspector-{size}.png")
            page.locator('[data-qd="save"]').click()
            expect(page.locator(".menu")).to_be_hidden()
            page.get_by_role("button", name="Close the search").click()
            if size == "phone":
                page.locator(".views").get_by_role("tab", name="Timeline").click()
            page.locator('[data-qd="critical-path"]').click()
            expect(bar(page, parts["slow"])).to_have_attribute("data-critical", "yes")
            page.screenshot(path=tmp_path / f"timeline-{size}.png")
            page.locator('[data-qd="critical-path"]').click()

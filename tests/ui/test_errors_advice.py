"""What the page of errors says: advice with settings that exist, states, frames; and nothing in a row is markup."""

import re
from pathlib import Path
from textwrap import indent

import pytest
import yaml

from quarterdeck_runner.settings import Settings
from quarterdeck_ui.pages.errors.advice import Situation, advice
from quarterdeck_ui.pages.errors.case import call_behind
from quarterdeck_ui.pages.errors.listing import headline, table
from quarterdeck_ui.pages.errors.stack import Frame, user_frames
from quarterdeck_ui.pages.errors.states import Resolution, state_of
from quarterdeck_ui.pages.errors.words import CATEGORIES
from quarterdeck_ui.queries import ErrorGroup, Span
from support.runner import read

SCHEMA = Path(__file__).parents[2] / "collector/quarterdeck_collector/schema/0013_errors.sql"
DAY_NS = 86_400 * 10**9
NOW = 100 * DAY_NS


def group(category: str = "rate_limit", message: str = "too much", first: int = 0, last: int = 0) -> ErrorGroup:
    return ErrorGroup(
        *("7", category, "anthropic.RateLimitError", message, "429", "flows/a.py:ask", 12, 5),
        *(first, last, (0, 3, 9), ("p",), ("v1", "v2"), ("write",)),
    )


def situation(category: str, kind: str, provider: str) -> Situation:
    return Situation(group(category), "write", kind, provider, "m", 300, "length", 2.5, 2, 40)


def test_every_category_that_the_schema_knows_has_a_word_and_no_other_has() -> None:
    body = SCHEMA.read_text().partition("FUNCTION quarterdeck_error_category")[2].partition(";")[0]
    assert set(re.findall(r"^.*, '(\w+)',?$", body, re.MULTILINE)) | {"user_code"} == set(CATEGORIES)


@pytest.mark.parametrize("provider", ["anthropic", "gcp.gemini"])
@pytest.mark.parametrize("category", CATEGORIES)
def test_settings_that_are_advised_exist(category: str, provider: str) -> None:
    kind = "gemini" if provider.startswith("gcp") else "claude"
    for found in (advice(situation(category, kind, provider)), advice(situation(category, "python", provider))):
        assert found.title
        assert "12 times in 5 runs" in found.evidence or "5 of 40 completed runs" in found.evidence
        for setting in found.settings:
            if setting.language == "python":
                body = indent(setting.text.replace("…", "...").replace("(...):", "(x):"), "  ")
                compile(f"def code():\n{body}", "advice", "exec")
            for name in re.findall(r"export (QUARTERDECK_\w+)", setting.text):
                assert name.removeprefix("QUARTERDECK_").lower() in Settings.model_fields
            if setting.text.startswith("- name: write"):
                _is_understood(setting.text, kind)


def _is_understood(text: str, kind: str) -> None:
    """The runner reads the step as it is advised."""
    (step,) = yaml.safe_load(text.replace("[…]", "[total]").replace("{…}", "{total: {type: number}}"))
    step |= {"type": kind, "prompt": "x"} | (
        {"model": "gemini-3.8-flash"} if kind == "gemini" and "model" not in step else {}
    )
    found = read(yaml.safe_dump({"workflow": {"name": "w", "steps": [step]}}))
    assert [each.message for each in found.diagnostics] == []


def test_an_error_after_its_resolution_brings_a_group_back() -> None:
    old = group(first=NOW - 5 * DAY_NS, last=NOW - 2 * DAY_NS)
    assert state_of(old, None, NOW) == "open"
    assert state_of(group(first=NOW - 1, last=NOW), None, NOW) == "new"
    assert state_of(old, Resolution(NOW - DAY_NS), NOW) == "resolved"
    assert state_of(old, Resolution(NOW - 3 * DAY_NS), NOW) == "returned"


def test_nothing_in_a_row_is_markup() -> None:
    drawn = table([(group(message='<img src=x onerror="alert(1)">'), "new")], NOW, {"env": '"><script>'})
    assert "<img" not in drawn
    assert "<script" not in drawn
    assert "&lt;img src=x onerror=&quot;alert(1)&quot;&gt;" in drawn


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("Error code: 429 - {'type': 'error', 'error': {'message': \"the model's limit\"}}", "the model's limit"),
        ('400 {"error": {"message": "no \\"such\\" model"}}', 'no \\"such\\" model'),
        ("plain {words}", "plain {words}"),
        ("", "anthropic.RateLimitError"),
    ],
)  # fmt: skip
def test_a_group_is_called_by_what_the_provider_says(message: str, shown: str) -> None:
    assert headline(group(message=message)) == shown


def test_the_users_own_frames_come_first_and_innermost_first() -> None:
    stack = (
        "Traceback (most recent call last):\n"
        '  File "/srv/flows/run.py", line 9, in main\n    ask()\n'
        '  File "/usr/lib/python3.12/asyncio/runners.py", line 3, in run\n'
        "httpx.ConnectError: refused\n"
    )
    assert user_frames(stack, '  File "/srv/start.py", line 1, in <module>\n') == [
        Frame("/srv/flows/run.py", 9, "main", "ask()"),
        Frame("/srv/start.py", 1, "<module>"),
    ]
    node = "Error: x\n    at ask (/srv/a.ts:3:9)\n    at node:internal/x:1:1\n    at async /srv/b.ts:4:1"
    assert user_frames(node) == [Frame("/srv/a.ts", 3, "ask"), Frame("/srv/b.ts", 4, "")]


def span(name: str, start: int, *, step: str = "", failed: bool = False, is_call: bool = True) -> Span:
    empty = ("", "", "")
    return Span(
        *(name, "", name, start, 5, failed, *empty, "", "", step, 0, 0, 0, 0, 0, None, None, "", "", is_call, {})
    )


def test_the_call_behind_an_error() -> None:
    spans = [
        span("a", 1, step="s", failed=True),
        span("b", 2, step="s"),
        span("parse", 3, step="s", failed=True, is_call=False),
        span("late", 90, step="s"),
        span("c", 4, step="other"),
    ]
    assert [found and found.id for found in (
        call_behind(spans, "a", "s"),  # the failed span itself
        call_behind(spans, "parse", "s"),  # a failed call of the step
        call_behind(spans[1:], "parse", "s"),  # the last before it
        call_behind(spans, "", "other"),  # of a good run
        call_behind(spans, "", "none"),
    )] == ["a", "a", "b", "c", None]  # fmt: skip

"""Two hundred runs at once: no span in the wrong run."""

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anthropic
import pytest
from google import genai
from google.genai import types

import quarterdeck as qd
from quarterdeck import semconv
from quarterdeck.testing import Recording

RUNS = 200
CLAUDE, GEMINI = "claude-opus-5-5", "gemini-3.8-flash"


@pytest.fixture(autouse=True)
def _instrumented() -> None:
    qd.instrument()


@pytest.fixture(params=["sdk", "own"])
def claude_options(request: pytest.FixtureRequest, stand_in: str) -> dict[str, Any]:
    spans = None if request.param == "sdk" else False
    return {"api_key": "k", "base_url": stand_in, "open_telemetry": spans}


@pytest.fixture
def gemini(stand_in: str) -> Iterator[genai.Client]:
    with genai.Client(api_key="k", http_options=types.HttpOptions(base_url=stand_in)) as client:
        yield client


def ask(number: int) -> dict[str, Any]:
    return {"model": CLAUDE, "max_tokens": 50, "messages": [{"role": "user", "content": said(number)}]}


def said(number: int) -> str:
    return f"[[say:run {number}]] [[delay:0.005]]"


def traces(telemetry: Recording) -> dict[int, list[tuple[str, str, str]]]:
    """By the number that a run was started with: the name, step and answer of each of its calls."""
    spans = telemetry.spans()
    numbers = {
        (span.attributes or {})[semconv.RUN_ID]: json.loads(str((span.attributes or {})[semconv.RUN_INPUT]))["number"]
        for span in spans
        if span.parent is None
    }
    assert len(numbers) == RUNS
    found: dict[int, list[tuple[str, str, str]]] = {number: [] for number in numbers.values()}
    trace_of: dict[int, set[int]] = {number: set() for number in numbers.values()}
    for span in spans:
        attributes = dict(span.attributes or {})
        number, context = numbers[attributes[semconv.RUN_ID]], span.get_span_context()
        assert context is not None
        trace_of[number].add(context.trace_id)
        if semconv.OUTPUT_MESSAGES in attributes:
            parts = json.loads(str(attributes[semconv.OUTPUT_MESSAGES]))[0]["parts"]
            found[number].append((span.name, str(attributes[semconv.STEP_NAME]), parts[0]["content"]))
    assert all(len(ids) == 1 for ids in trace_of.values())
    return found


def expected() -> dict[int, list[tuple[str, str, str]]]:
    return {
        number: [
            (f"chat {CLAUDE}", "first", f"run {number}"),
            (f"generate_content {GEMINI}", "second", f"run {number}"),
        ]
        for number in range(RUNS)
    }


async def test_in_asyncio(telemetry: Recording, claude_options: dict[str, Any], gemini: genai.Client) -> None:
    client = anthropic.AsyncAnthropic(**claude_options)

    @qd.pipeline
    async def run(number: int) -> None:
        with qd.step("first"):
            async for _ in await client.messages.create(**ask(number), stream=True):
                pass
        with qd.step("second"):
            async for _ in await gemini.aio.models.generate_content_stream(model=GEMINI, contents=said(number)):
                pass

    await asyncio.gather(*(run(number) for number in range(RUNS)))
    assert traces(telemetry) == expected()
    await client.close()
    await gemini.aio.aclose()


def test_in_threads(telemetry: Recording, claude_options: dict[str, Any], gemini: genai.Client) -> None:
    client = anthropic.Anthropic(**claude_options)

    @qd.pipeline
    def run(number: int) -> None:
        with qd.step("first"):
            for _ in client.messages.create(**ask(number), stream=True):
                pass
        with qd.step("second"):
            for _ in gemini.models.generate_content_stream(model=GEMINI, contents=said(number)):
                pass

    with ThreadPoolExecutor(32) as pool:
        list(pool.map(run, range(RUNS)))
    assert traces(telemetry) == expected()
    client.close()

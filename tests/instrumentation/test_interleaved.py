"""Two hundred runs at once: no span in the wrong run."""

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import anthropic
import pytest
from google import genai
from google.genai import types
from opentelemetry.sdk.trace import ReadableSpan

import quarterdeck as qd
from quarterdeck import semconv
from quarterdeck.testing import Recording
from support.spans import span_id

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


@dataclass(frozen=True)
class Told:
    """A span: its name, that of its parent, the step it is stamped with, and what the model said in it."""

    name: str
    parent: str
    step: str
    answer: str = ""


def traces(telemetry: Recording) -> dict[int, list[Told]]:
    """By the number that a run was started with: all its spans, in the order of their names."""
    spans = {span_id(span): span for span in telemetry.spans()}
    numbers = {
        (span.attributes or {})[semconv.RUN_ID]: json.loads(str((span.attributes or {})[semconv.RUN_INPUT]))["number"]
        for span in spans.values()
        if span.parent is None
    }
    found: dict[int, list[Told]] = {number: [] for number in numbers.values()}
    trace_ids = {(attributes_of(span)[semconv.RUN_ID], span.context.trace_id) for span in spans.values()}
    assert len(numbers) == len(found) == len(trace_ids) == len({trace for _, trace in trace_ids}) == RUNS
    for span in spans.values():
        attributes = attributes_of(span)
        parent = spans[f"{span.parent.span_id:016x}"].name if span.parent else ""
        said = json.loads(str(attributes.get(semconv.OUTPUT_MESSAGES, "[]")))
        answer = said[0]["parts"][0]["content"] if said else ""
        told = Told(span.name, parent, str(attributes.get(semconv.STEP_NAME, "")), answer)
        found[numbers[attributes[semconv.RUN_ID]]].append(told)
    for event in telemetry.events():
        assert event["attributes"][semconv.RUN_ID] == attributes_of(spans[event["span"]])[semconv.RUN_ID]
    return {number: sorted(each, key=lambda told: told.name) for number, each in found.items()}


def attributes_of(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def expected() -> dict[int, list[Told]]:
    return {
        number: [
            Told(f"chat {CLAUDE}", "step first", "first", f"run {number}"),
            Told(f"generate_content {GEMINI}", "step second", "second", f"run {number}"),
            Told("invoke_workflow run", "", ""),
            Told("step first", "invoke_workflow run", "first"),
            Told("step second", "invoke_workflow run", "second"),
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

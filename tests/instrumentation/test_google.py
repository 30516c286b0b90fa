"""The real google-genai client against the stand-in server."""

import asyncio
import copy
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from google import genai
from google.genai import errors, types

import quarterdeck as qd
from quarterdeck import semconv
from quarterdeck.testing import Recording, recording

MODEL = "gemini-3.8-flash"


@pytest.fixture(autouse=True)
def _instrumented() -> None:
    qd.instrument()


@pytest.fixture
async def client(stand_in: str) -> AsyncIterator[genai.Client]:
    found = genai.Client(api_key="k", http_options=types.HttpOptions(base_url=stand_in))
    yield found
    await found.aio.aclose()
    found.close()


def output_of(span: dict[str, Any]) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = json.loads(span["attributes"][semconv.OUTPUT_MESSAGES])[0]["parts"]
    return parts


def test_a_call_is_one_client_span_with_everything(telemetry: Recording, client: genai.Client) -> None:
    configuration = types.GenerateContentConfig(
        system_instruction="Be brief.", temperature=0.5, top_p=0.9, top_k=3, max_output_tokens=50, stop_sequences=["E"]
    )
    with qd.step("ask"):
        client.models.generate_content(model=MODEL, contents="[[say:Hello there]]", config=configuration)

    _, call = telemetry.normal_spans()
    attributes = call["attributes"]
    assert attributes.pop(semconv.RESPONSE_ID)
    assert attributes.pop(semconv.SERVER_PORT)
    assert attributes.pop(semconv.USAGE_INPUT_TOKENS) > 0
    assert attributes.pop(semconv.USAGE_OUTPUT_TOKENS) > 0
    assert call == {
        "name": f"generate_content {MODEL}",
        "parent": "step ask",
        "status": "UNSET",
        "attributes": {
            semconv.INPUT_MESSAGES: '[{"role":"user","parts":[{"type":"text","content":"[[say:Hello there]]"}]}]',
            semconv.OPERATION_NAME: "generate_content",
            semconv.OUTPUT_MESSAGES: '[{"role":"assistant","parts":[{"type":"text","content":"Hello there"}],'
            '"finish_reason":"stop"}]',
            semconv.PROVIDER_NAME: "gcp.gemini",
            semconv.REQUEST_MAX_TOKENS: 50,
            semconv.REQUEST_MODEL: MODEL,
            semconv.REQUEST_STOP_SEQUENCES: ("E",),
            semconv.REQUEST_TEMPERATURE: 0.5,
            semconv.REQUEST_TOP_K: 3,
            semconv.REQUEST_TOP_P: 0.9,
            semconv.RESPONSE_FINISH_REASONS: ("stop",),
            semconv.RESPONSE_MODEL: MODEL,
            semconv.SYSTEM_INSTRUCTIONS: '[{"type":"text","content":"Be brief."}]',
            semconv.SERVER_ADDRESS: "127.0.0.1",
            semconv.STEP_NAME: "ask",
        },
    }
    assert telemetry.spans()[1].kind.name == "CLIENT"


async def test_every_way_to_call_gives_the_same_answer(telemetry: Recording, client: genai.Client) -> None:
    asked: dict[str, Any] = {"model": MODEL, "contents": "[[say:One two]]"}
    client.models.generate_content(**asked)
    list(client.models.generate_content_stream(**asked))
    await client.aio.models.generate_content(**asked)
    async for _ in await client.aio.models.generate_content_stream(**asked):
        pass
    client.chats.create(model=MODEL).send_message("[[say:One two]]")

    spans = telemetry.normal_spans()
    assert [span["name"] for span in spans] == [f"generate_content {MODEL}"] * 5
    for span in spans:
        assert output_of(span) == [{"type": "text", "content": "One two"}]
        assert span["attributes"][semconv.RESPONSE_FINISH_REASONS] == ("stop",)
        assert span["attributes"][semconv.USAGE_OUTPUT_TOKENS] == spans[0]["attributes"][semconv.USAGE_OUTPUT_TOKENS]
        streamed = semconv.REQUEST_STREAM in span["attributes"]
        assert (semconv.RESPONSE_TIME_TO_FIRST_CHUNK in span["attributes"]) == streamed


def test_thinking_counts_as_output_and_cache_as_input(telemetry: Recording, client: genai.Client) -> None:
    client.models.generate_content(model=MODEL, contents="[[think]] [[cache]] [[say:x]]")
    (call,) = telemetry.normal_spans()
    attributes = call["attributes"]
    assert [part["type"] for part in output_of(call)] == ["reasoning", "text"]
    assert 0 < attributes[semconv.USAGE_REASONING_TOKENS] < attributes[semconv.USAGE_OUTPUT_TOKENS]
    assert 0 < attributes[semconv.USAGE_CACHE_READ_TOKENS] <= attributes[semconv.USAGE_INPUT_TOKENS]


@pytest.mark.parametrize(("directive", "reason"), [("[[max]]", "length"), ("[[block]]", "content_filter")])
def test_finish_reasons_are_spoken_in_conventional_words(
    telemetry: Recording, client: genai.Client, directive: str, reason: str
) -> None:
    client.models.generate_content(model=MODEL, contents=f"{directive} [[say:a b]]")
    assert telemetry.normal_spans()[0]["attributes"][semconv.RESPONSE_FINISH_REASONS] == (reason,)


def get_weather(city: str) -> str:
    """Weather of a city."""
    return f"rain in {city}"


def test_automatic_function_calling_works_and_the_callers_config_is_untouched(
    telemetry: Recording, client: genai.Client
) -> None:
    configuration = types.GenerateContentConfig(tools=[get_weather])
    before = copy.copy(configuration.tools)
    for _ in range(2):
        client.models.generate_content(
            model=MODEL, contents='[[tool:get_weather:{"city":"Ulm"}]]', config=configuration
        )
    assert configuration.tools == before
    tools = [span for span in telemetry.normal_spans() if span["name"] == "execute_tool get_weather"]
    assert tools[0] | {"parent": None} == {
        "name": "execute_tool get_weather",
        "parent": None,
        "status": "UNSET",
        "attributes": {
            semconv.OPERATION_NAME: "execute_tool",
            semconv.TOOL_NAME: "get_weather",
            semconv.TOOL_CALL_ARGUMENTS: '{"city":"Ulm"}',
            semconv.TOOL_CALL_RESULT: '"rain in Ulm"',
        },
    }
    spans = [span for span in telemetry.normal_spans() if span not in tools]
    assert {span["name"] for span in spans} == {f"generate_content {MODEL}"}
    assert output_of(spans[0])[0] | {"id": None} == {
        "type": "tool_call",
        "id": None,
        "name": "get_weather",
        "arguments": {"city": "Ulm"},
    }
    assert spans[0]["attributes"][semconv.RESPONSE_FINISH_REASONS] == ("tool_call",)
    second = json.loads(spans[1]["attributes"][semconv.INPUT_MESSAGES])
    assert [part["type"] for message in second for part in message["parts"]] == [
        "text",
        "tool_call",
        "tool_call_response",
    ]
    assert "get_weather" in spans[0]["attributes"][semconv.TOOL_DEFINITIONS]


async def test_errors_name_their_type_and_reach_the_caller(telemetry: Recording, client: genai.Client) -> None:
    asked: dict[str, Any] = {"model": MODEL, "contents": "[[error:429]]"}
    with pytest.raises(errors.ClientError):
        client.models.generate_content(**asked)
    with pytest.raises(errors.ClientError):
        list(client.models.generate_content_stream(**asked))
    with pytest.raises(errors.ClientError):
        await client.aio.models.generate_content(**asked)
    with pytest.raises(errors.ClientError):
        async for _ in await client.aio.models.generate_content_stream(**asked):
            pass
    assert [(s["status"], s["attributes"][semconv.ERROR_TYPE]) for s in telemetry.normal_spans()] == [
        ("ERROR", "RESOURCE_EXHAUSTED")
    ] * 4


def test_invalid_contents_are_refused_by_the_sdk_and_leave_nothing_open(
    telemetry: Recording, client: genai.Client
) -> None:
    with pytest.raises(Exception, match=r"[Cc]ontents|validation|Unsupported"):
        list(client.models.generate_content_stream(model=MODEL, contents=object()))  # type: ignore[arg-type] # the test
    with qd.step("after"):
        pass
    assert telemetry.normal_spans()[-1]["parent"] is None


SAID = "one two three four five six"


def test_a_cut_stream_keeps_what_was_said(telemetry: Recording, client: genai.Client) -> None:
    with pytest.raises(Exception, match=r".+"):
        list(client.models.generate_content_stream(model=MODEL, contents=f"[[say:{SAID}]] [[cut:3]] [[delay:0.05]]"))
    (call,) = telemetry.normal_spans()
    assert call["status"] == "ERROR"
    assert SAID.startswith(output_of(call)[0]["content"])


async def test_a_stream_left_early_keeps_what_was_said_and_is_no_error(
    telemetry: Recording, client: genai.Client
) -> None:
    asked: dict[str, Any] = {"model": MODEL, "contents": f"[[say:{SAID}]] [[delay:0.05]]"}
    stream = client.models.generate_content_stream(**asked)
    next(stream)
    stream.close()  # type: ignore[attr-defined] # it is a generator, whatever its annotation says
    astream = await client.aio.models.generate_content_stream(**asked)
    await anext(astream)
    await astream.aclose()  # type: ignore[attr-defined] # as above
    for _ in range(100):
        if len(telemetry.spans()) == 2:
            break
        await asyncio.sleep(0.02)
    for call in telemetry.normal_spans():
        assert call["status"] == "UNSET"
        assert SAID.startswith(output_of(call)[0]["content"])


def test_a_suspended_stream_is_not_the_current_span(telemetry: Recording, client: genai.Client) -> None:
    with qd.step("outer"):
        for _ in client.models.generate_content_stream(model=MODEL, contents="[[say:a b]]"):
            with qd.step("inside"):
                pass
    parents = {span["name"]: span["parent"] for span in telemetry.normal_spans()}
    assert parents == {"step outer": None, f"generate_content {MODEL}": "step outer", "step inside": "step outer"}


def test_live_events_of_a_stream(telemetry: Recording, client: genai.Client) -> None:
    text = "[[think]] [[say:one two three four five]] [[delay:0.15]]"
    list(client.models.generate_content_stream(model=MODEL, contents=text))
    (call,) = telemetry.normal_spans()
    events = telemetry.events()
    assert events[0]["event"] == semconv.EVENT_PROMPT_SENT
    assert events[-1]["event"] == semconv.EVENT_RESPONSE_RECEIVED
    for kind, part in (("text", "text"), ("thinking", "reasoning")):
        said = [e["attributes"] for e in events[1:-1] if e["attributes"][semconv.CHUNK_KIND] == kind]
        assert "".join(chunk[semconv.CHUNK_TEXT] for chunk in said) == next(
            p["content"] for p in output_of(call) if p["type"] == part
        )


async def test_embeddings(telemetry: Recording, client: genai.Client) -> None:
    client.models.embed_content(model="gemini-embedding-001", contents=["a b", "c"])  # type: ignore[arg-type] # its lists are invariant
    await client.aio.models.embed_content(model="gemini-embedding-001", contents="a")
    spans = telemetry.normal_spans()
    assert [(s["name"], s["attributes"][semconv.OPERATION_NAME]) for s in spans] == [
        ("embeddings gemini-embedding-001", "embeddings")
    ] * 2


def test_a_rendered_prompt_tells_where_it_came_from(telemetry: Recording, client: genai.Client) -> None:
    text = qd.Prompt("Say {what} [[say:x]]").render(what="hi")
    client.models.generate_content(model=MODEL, contents=["first", text])  # type: ignore[arg-type] # its lists are invariant
    attributes = telemetry.normal_spans()[0]["attributes"]
    assert attributes[semconv.PROMPT_TEMPLATE] == "Say {what} [[say:x]]"
    assert json.loads(attributes[semconv.PROMPT_VARIABLES]) == {"what": "hi"}


def test_capture_off_keeps_texts_at_home(client: genai.Client) -> None:
    with recording(capture="off") as telemetry:
        list(client.models.generate_content_stream(model=MODEL, contents="[[say:secret word]] [[delay:0.2]]"))
        (call,) = telemetry.normal_spans()
        assert call["attributes"][semconv.USAGE_OUTPUT_TOKENS] > 0
        assert "secret" not in json.dumps([call, telemetry.events()], default=str)


def test_it_is_instrumented_when_imported_after_init() -> None:
    import subprocess
    import sys

    code = """
import quarterdeck as qd
qd.init("")
import sys
assert "google.genai" not in sys.modules and "anthropic" not in sys.modules
import google.genai, anthropic
from google.genai import models
from anthropic._base_client import SyncAPIClient
print(hasattr(models.Models._generate_content, "__quarterdeck__"), hasattr(SyncAPIClient.__init__, "__quarterdeck__"))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout.strip(), done.stderr) == ("True True", "")

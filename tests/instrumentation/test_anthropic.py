"""The real Anthropic client against the stand-in server."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import anthropic
import pytest

import quarterdeck as qd
from quarterdeck import semconv
from quarterdeck.guard import Switch
from quarterdeck.providers import anthropic_calls
from quarterdeck.providers import anthropic_spans as wrapper
from quarterdeck.providers.call import Call
from quarterdeck.testing import Recording, recording
from support.spans import span_id
from support.waiting import eventually

MODEL = "claude-opus-5-5"
KEEP = {
    semconv.OPERATION_NAME,
    semconv.PROVIDER_NAME,
    semconv.REQUEST_MODEL,
    semconv.REQUEST_MAX_TOKENS,
    semconv.REQUEST_STREAM,
    semconv.RESPONSE_MODEL,
    semconv.RESPONSE_FINISH_REASONS,
    semconv.ERROR_TYPE,
    semconv.STEP_NAME,
}


@pytest.fixture(autouse=True)
def _instrumented() -> None:
    qd.instrument()


@pytest.fixture
def client(stand_in: str) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(api_key="k", base_url=stand_in, max_retries=0) as found:
        yield found


@pytest.fixture
async def async_client(stand_in: str) -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with anthropic.AsyncAnthropic(api_key="k", base_url=stand_in, max_retries=0) as found:
        yield found


def ask(text: str, **more: Any) -> dict[str, Any]:
    return {"model": MODEL, "max_tokens": 100, "messages": [{"role": "user", "content": text}], **more}


def output_of(span: dict[str, Any]) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = json.loads(span["attributes"][semconv.OUTPUT_MESSAGES])[0]["parts"]
    return parts


def test_a_call_is_one_span_with_prompt_and_answer(telemetry: Recording, client: anthropic.Anthropic) -> None:
    with qd.step("ask"):
        client.messages.create(**ask("[[say:Hello there]]", system="Be brief.", stop_sequences=["END"]))

    _, call = telemetry.normal_spans()
    attributes = call["attributes"]
    assert {"name": call["name"], "parent": call["parent"], "status": call["status"]} == {
        "name": f"chat {MODEL}",
        "parent": "step ask",
        "status": "OK",
    }
    assert {key: attributes[key] for key in sorted(KEEP & set(attributes))} == {
        semconv.OPERATION_NAME: "chat",
        semconv.PROVIDER_NAME: "anthropic",
        semconv.REQUEST_MAX_TOKENS: 100,
        semconv.REQUEST_MODEL: MODEL,
        semconv.RESPONSE_FINISH_REASONS: ("stop",),
        semconv.RESPONSE_MODEL: MODEL,
        semconv.STEP_NAME: "ask",
    }
    assert json.loads(attributes[semconv.INPUT_MESSAGES]) == [
        {"role": "user", "parts": [{"type": "text", "content": "[[say:Hello there]]"}]}
    ]
    assert json.loads(attributes[semconv.SYSTEM_INSTRUCTIONS]) == [{"type": "text", "content": "Be brief."}]
    assert attributes[semconv.REQUEST_STOP_SEQUENCES] == ("END",)
    assert json.loads(attributes[semconv.OUTPUT_MESSAGES]) == [
        {"role": "assistant", "parts": [{"type": "text", "content": "Hello there"}], "finish_reason": "stop"}
    ]
    assert attributes[semconv.USAGE_OUTPUT_TOKENS] > 0


async def every_way(client: anthropic.Anthropic, async_client: anthropic.AsyncAnthropic, text: str) -> None:
    client.messages.create(**ask(text))
    for _ in client.messages.create(**ask(text), stream=True):
        pass
    with client.messages.stream(**ask(text)) as stream:
        stream.get_final_message()
    with client.messages.with_streaming_response.create(**ask(text)) as response:
        response.parse()
    await async_client.messages.create(**ask(text))
    async for _ in await async_client.messages.create(**ask(text), stream=True):
        pass
    async with async_client.messages.stream(**ask(text)) as astream:
        await astream.get_final_message()


async def test_every_way_to_call_gives_the_same_answer(
    telemetry: Recording, client: anthropic.Anthropic, async_client: anthropic.AsyncAnthropic
) -> None:
    await every_way(client, async_client, "[[say:One two]]")
    spans = telemetry.normal_spans()
    assert [span["name"] for span in spans] == [f"chat {MODEL}"] * 7
    said = [span for span in spans if semconv.OUTPUT_MESSAGES in span["attributes"]]
    assert len(said) >= 6
    for span in said:
        assert output_of(span) == [{"type": "text", "content": "One two"}]
        assert span["attributes"][semconv.RESPONSE_FINISH_REASONS] == ("stop",)


@pytest.mark.parametrize("stream", [False, True])
def test_thinking_and_tool_calls_are_recorded(
    telemetry: Recording, client: anthropic.Anthropic, *, stream: bool
) -> None:
    tools = [{"name": "weather", "description": "d", "input_schema": {"type": "object"}}]
    text = '[[think]] [[tool:weather:{"city":"Ulm"}]]'
    answer = client.messages.create(**ask(text, tools=tools), stream=stream)
    if stream:
        list(answer)

    (call,) = telemetry.normal_spans()
    parts = output_of(call)
    assert [part["type"] for part in parts if part["type"] != "text"] == ["reasoning", "tool_call"]
    assert next(part for part in parts if part["type"] == "tool_call")["arguments"] == {"city": "Ulm"}
    assert call["attributes"][semconv.RESPONSE_FINISH_REASONS] == ("tool_call",)
    assert json.loads(call["attributes"][semconv.TOOL_DEFINITIONS]) == tools


def test_an_error_names_its_type_and_reaches_the_caller(telemetry: Recording, client: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.RateLimitError):
        client.messages.create(**ask("[[error:429]]"))
    (call,) = telemetry.normal_spans()
    assert call["status"] == "ERROR"
    assert call["attributes"][semconv.ERROR_TYPE] == "rate_limit_error"
    assert semconv.INPUT_MESSAGES in call["attributes"]


def test_a_retried_call_is_one_span(telemetry: Recording, stand_in: str) -> None:
    with anthropic.Anthropic(api_key="k", base_url=stand_in, max_retries=2) as client:
        client.messages.create(**ask("[[errn:1:503]] [[say:at last]]"))
    (call,) = telemetry.normal_spans()
    assert output_of(call) == [{"type": "text", "content": "at last"}]


def test_a_cut_stream_keeps_what_was_said(telemetry: Recording, client: anthropic.Anthropic) -> None:
    with pytest.raises(Exception, match=r"peer closed|incomplete|connection|closed"):
        list(client.messages.create(**ask("[[say:one two three four five six]] [[cut:3]] [[delay:0.05]]"), stream=True))
    (call,) = telemetry.normal_spans()
    assert call["status"] == "ERROR"
    said = output_of(call)[0]["content"]
    assert said
    assert "one two three four five six".startswith(said)


@pytest.mark.parametrize("way", ["close", "drop"])
def test_a_stream_that_is_left_early_keeps_what_was_said(
    telemetry: Recording, client: anthropic.Anthropic, way: str
) -> None:
    stream = client.messages.create(**ask("[[say:one two three four five six]] [[delay:0.05]]"), stream=True)
    for event in stream:
        if event.type == "content_block_delta":
            break
    if way == "close":
        stream.close()
    del stream, event
    (call,) = eventually(telemetry.normal_spans)
    said = output_of(call)[0]["content"]
    assert said
    assert "one two three four five six".startswith(said)


def test_live_events_of_a_stream(telemetry: Recording, client: anthropic.Anthropic) -> None:
    with qd.step("ask"):
        list(client.messages.create(**ask("[[think]] [[say:one two three four five]] [[delay:0.15]]"), stream=True))

    call = next(span for span in telemetry.spans() if span.name.startswith("chat"))
    events = [e for e in telemetry.events() if e["span"] == span_id(call)]
    assert [e["event"] for e in events][:1] == [semconv.EVENT_PROMPT_SENT]
    assert events[-1]["event"] == semconv.EVENT_RESPONSE_RECEIVED
    sent, received = events[0]["attributes"], events[-1]["attributes"]
    assert sent[semconv.SPAN_NAME] == f"chat {MODEL}"
    assert sent[semconv.STEP_NAME] == "ask"
    assert sent[semconv.REQUEST_STREAM] is True
    assert "one two" in sent[semconv.INPUT_MESSAGES]
    assert received[semconv.RESPONSE_FINISH_REASONS] == ["stop"] or received[semconv.RESPONSE_FINISH_REASONS] == (
        "stop",
    )
    chunks = [e["attributes"] for e in events[1:-1]]
    for kind, part in (("text", "text"), ("thinking", "reasoning")):
        said = "".join(c[semconv.CHUNK_TEXT] for c in chunks if c[semconv.CHUNK_KIND] == kind)
        output = json.loads(str((call.attributes or {})[semconv.OUTPUT_MESSAGES]))[0]["parts"]
        assert said == next(p["content"] for p in output if p["type"] == part)


async def test_calls_inside_an_open_stream_have_spans_and_parents_of_their_own(
    telemetry: Recording, async_client: anthropic.AsyncAnthropic
) -> None:
    with qd.step("ask"):
        stream = await async_client.messages.create(**ask("[[say:a b]]"), stream=True)
        await anext(aiter(stream))
        await asyncio.gather(*(async_client.messages.create(**ask("[[say:inner]]")) for _ in range(2)))
        await stream.close()
    calls = telemetry.normal_spans()[1:]
    assert [(call["name"], call["parent"]) for call in calls] == [(f"chat {MODEL}", "step ask")] * 3


def test_a_rendered_prompt_tells_where_it_came_from(telemetry: Recording, client: anthropic.Anthropic) -> None:
    text = qd.Prompt("Say {what} [[say:x]]").render(what="hi")
    client.messages.create(**ask(text))
    attributes = telemetry.normal_spans()[0]["attributes"]
    assert attributes[semconv.PROMPT_TEMPLATE] == "Say {what} [[say:x]]"
    assert json.loads(attributes[semconv.PROMPT_VARIABLES]) == {"what": "hi"}
    assert [part["kind"] for part in json.loads(attributes[semconv.PROMPT_PARTS])] == ["static", "variable", "static"]


def test_capture_off_and_hash_keep_texts_at_home(client: anthropic.Anthropic) -> None:
    with recording(capture="off") as telemetry:
        list(client.messages.create(**ask("[[say:secret answer]] [[delay:0.2]]"), stream=True))
        (call,) = telemetry.normal_spans()
        assert not {semconv.INPUT_MESSAGES, semconv.OUTPUT_MESSAGES} & set(call["attributes"])
        assert "secret" not in json.dumps([call, telemetry.events()], default=str)
    with recording(capture="hash") as telemetry:
        client.messages.create(**ask("[[say:secret answer]]"))
        (call,) = telemetry.normal_spans()
        assert "sha256" in call["attributes"][semconv.OUTPUT_MESSAGES]
        assert "secret" not in json.dumps(call, default=str)


def test_a_failing_hook_never_breaks_the_call(
    telemetry: Recording, client: anthropic.Anthropic, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> Any:
        raise RuntimeError("telemetry bug")

    monkeypatch.setattr(Switch, "reraise", False)
    monkeypatch.setattr(wrapper, "_enrich", broken)
    monkeypatch.setattr(wrapper, "_record", broken)
    monkeypatch.setattr(wrapper, "tell_chunk", broken)
    assert client.messages.create(**ask("[[say:fine]]")).content[0].text == "fine"
    assert [event.type for event in client.messages.create(**ask("[[say:fine]]"), stream=True)][-1] == "message_stop"
    assert len(telemetry.spans()) == 2


def test_copies_of_a_client_are_observed_once_and_older_clients_on_request(telemetry: Recording, stand_in: str) -> None:
    with anthropic.Anthropic(api_key="k", base_url=stand_in, middleware=[]) as client:
        copy = client.with_options(max_retries=0)
        assert sum(isinstance(item, wrapper.Observe) for item in copy.middleware) == 1
        client._middleware, client._middleware_chain = (), None
        qd.instrument(client)
        qd.instrument(client)
        assert sum(isinstance(item, wrapper.Observe) for item in client.middleware) == 1
        client.messages.create(**ask("[[say:x]]"))
    assert output_of(telemetry.normal_spans()[0])


def test_a_client_without_spans_of_its_own_gets_ours(telemetry: Recording, stand_in: str) -> None:
    with anthropic.Anthropic(api_key="k", base_url=stand_in, open_telemetry=False) as client, qd.step("ask"):
        client.messages.create(**ask("[[say:x]]"))
    step, call = telemetry.normal_spans()
    assert (step["name"], call["name"], call["parent"]) == ("step ask", f"chat {MODEL}", "step ask")
    assert semconv.INPUT_MESSAGES not in step["attributes"]
    assert output_of(call) == [{"type": "text", "content": "x"}]


def test_a_failure_in_our_own_spans_never_breaks_the_call(
    telemetry: Recording, stand_in: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> Any:
        raise RuntimeError("telemetry bug")

    monkeypatch.setattr(Switch, "reraise", False)
    for name in ("request_attributes", "said_attributes"):
        monkeypatch.setattr(anthropic_calls, name, broken)
    monkeypatch.setattr(Call, "content", broken)
    with anthropic.Anthropic(api_key="k", base_url=stand_in, open_telemetry=False) as client:
        assert client.messages.create(**ask("[[say:fine]]")).content[0].text == "fine"
        events = [event.type for event in client.messages.create(**ask("[[say:fine]]"), stream=True)]
        assert events[-1] == "message_stop"
        monkeypatch.setattr(anthropic_calls, "Call", broken)
        assert client.messages.create(**ask("[[say:fine]]")).content[0].text == "fine"
    assert len(telemetry.spans()) == 2

"""The unmodified ``anthropic`` client against the stand-in."""

from collections.abc import Iterator
from typing import Any

import anthropic
import httpx
import httpx2
import pytest
from anthropic import Anthropic, AsyncAnthropic
from anthropic.types import Message, ToolUseBlock

MODEL = "claude-sonnet-5-5"
WEATHER: Any = {
    "name": "get_weather",
    "description": "Weather of a city",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


def ask(client: Anthropic, prompt: str, **more: Any) -> Message:
    message: Message = client.messages.create(
        model=MODEL, max_tokens=more.pop("max_tokens", 4096), messages=[{"role": "user", "content": prompt}], **more
    )
    return message


def stream(client: Anthropic, prompt: str, **more: Any) -> tuple[list[Any], Message]:
    with client.messages.stream(
        model=MODEL, max_tokens=4096, messages=[{"role": "user", "content": prompt}], **more
    ) as opened:
        events = list(opened)
        return events, opened.get_final_message()


def said(message: Message) -> list[tuple[str, Any]]:
    keys = {"text": "text", "thinking": "thinking", "tool_use": "input"}
    return [(block.type, getattr(block, keys[block.type])) for block in message.content]


def test_an_answer_has_the_shape_of_a_message(claude: Anthropic) -> None:
    answer = ask(claude, "[[say:hello world]]").to_dict()
    assert str(answer.pop("id")).startswith("msg_")
    assert answer == {
        "type": "message",
        "role": "assistant",
        "model": MODEL,
        "container": None,
        "content": [{"type": "text", "text": "hello world"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "stop_details": None,
        "usage": {
            "input_tokens": 5,
            "output_tokens": 3,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "cache_creation": {"ephemeral_1h_input_tokens": 0, "ephemeral_5m_input_tokens": 0},
            "output_tokens_details": {"thinking_tokens": 0},
            "service_tier": "standard",
        },
    }


def test_a_stream_is_the_documented_sequence_of_events(stand_in: str) -> None:
    headers = {"x-api-key": "key", "anthropic-version": "2026-10-21"}
    response = httpx.post(f"{stand_in}/v1/messages", json=body("[[say:hello]]", stream=True), headers=headers)
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["request-id"].startswith("req_")
    names = [line.removeprefix("event: ") for line in response.text.splitlines() if line.startswith("event: ")]
    assert names == [
        "message_start",
        "content_block_start",
        "ping",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]


PROMPTS = (
    "[[say:hello world, how are you?]]",
    "[[n:57]]",
    "[[think]][[say:yes]]",
    "[[cache]][[say:yes]] a prompt of some length",
    "[[max]][[say:yes]]",
    "[[block]]",
    '[[tool:get_weather:{"city": "Oslo", "days": [[1, 2]]}]]',
    '[[think]][[tool:get_weather:{"city": "Oslo"}]]',
    "Summarise this.\n\nThe lock lasted four minutes. The pools filled up behind it. Nobody saw the muted alert.",
)


@pytest.mark.parametrize("prompt", PROMPTS)
def test_json_and_stream_and_count_agree(claude: Anthropic, prompt: str) -> None:
    whole = ask(claude, prompt)
    events, streamed = stream(claude, prompt)
    assert said(streamed) == said(whole)
    assert streamed.stop_reason == whole.stop_reason
    assert streamed.usage == whole.usage
    counted = claude.messages.count_tokens(model=MODEL, messages=[{"role": "user", "content": prompt}])
    usage = whole.usage
    cached = (usage.cache_read_input_tokens or 0) + (usage.cache_creation_input_tokens or 0)
    assert counted.input_tokens == usage.input_tokens + cached
    texts = [event.text for event in events if event.type == "text"]
    assert "".join(texts) == "".join(text for kind, text in said(whole) if kind == "text")


async def test_the_async_client_gets_the_same(claude: Anthropic, async_claude: AsyncAnthropic) -> None:
    prompt = "[[think]][[say:the same]]"
    whole = await async_claude.messages.create(
        model=MODEL, max_tokens=4096, messages=[{"role": "user", "content": prompt}]
    )
    async with async_claude.messages.stream(
        model=MODEL, max_tokens=4096, messages=[{"role": "user", "content": prompt}]
    ) as opened:
        streamed = await opened.get_final_message()
    raw = [
        event.type
        async for event in await async_claude.messages.create(
            model=MODEL, max_tokens=4096, stream=True, messages=[{"role": "user", "content": "[[say:a]]"}]
        )
    ]
    assert said(whole) == said(streamed) == said(ask(claude, prompt))
    assert raw[0] == "message_start"
    assert raw[-1] == "message_stop"


def test_n_gives_so_many_tokens(claude: Anthropic) -> None:
    assert ask(claude, "[[n:123]]").usage.output_tokens == 123


def test_thinking_is_signed_and_counted(claude: Anthropic) -> None:
    message = ask(claude, "[[say:yes]]", thinking={"type": "enabled", "budget_tokens": 1024})
    thinking = message.content[0]
    assert thinking.type == "thinking"
    assert len(thinking.signature) > 20
    assert message.usage.output_tokens_details is not None
    thought = message.usage.output_tokens_details.thinking_tokens
    assert message.usage.output_tokens == thought + 1
    omitted = ask(claude, "[[say:yes]]", thinking={"type": "adaptive", "display": "omitted"}).content[0]
    assert omitted.type == "thinking"
    assert omitted.thinking == ""


def test_a_tool_is_called_until_its_result_is_there(claude: Anthropic) -> None:
    prompt = 'What is the weather? [[tool:get_weather:{"city": "Oslo"}]]'
    first = ask(claude, prompt, tools=[WEATHER])
    call = first.content[-1]
    assert isinstance(call, ToolUseBlock)
    assert (first.stop_reason, call.name, call.input) == ("tool_use", "get_weather", {"city": "Oslo"})
    result: Any = {"type": "tool_result", "tool_use_id": call.id, "content": "It rains in Oslo and will rain all week."}
    second = claude.messages.create(
        model=MODEL,
        max_tokens=500,
        tools=[WEATHER],
        messages=[
            {"role": "user", "content": prompt},
            {"role": "assistant", "content": first.content},
            {"role": "user", "content": [result]},
        ],
    )
    assert second.stop_reason == "end_turn"
    assert said(second) == [("text", "It rains in Oslo and will rain all week.")]


def test_a_forced_tool_gets_arguments_of_its_schema(claude: Anthropic) -> None:
    message = ask(claude, "Anna Berg lives in Oslo.", tools=[WEATHER], tool_choice={"type": "any"})
    call = message.content[0]
    assert isinstance(call, ToolUseBlock)
    assert list(call.input) == ["city"]


def test_limits_cut_the_answer(claude: Anthropic) -> None:
    short = ask(claude, "[[say:hello world and more]]", max_tokens=2)
    assert (said(short), short.stop_reason, short.usage.output_tokens) == ([("text", "hello wo")], "max_tokens", 2)
    stopped = ask(claude, "[[say:one two three]]", stop_sequences=["two"])
    assert (said(stopped), stopped.stop_reason, stopped.stop_sequence) == ([("text", "one ")], "stop_sequence", "two")


def test_a_marked_prefix_is_written_to_the_cache_and_then_read(claude: Anthropic) -> None:
    system: Any = [
        {"type": "text", "text": "The deck is quiet. " * 300, "cache_control": {"type": "ephemeral", "ttl": "1h"}}
    ]
    first, second = (ask(claude, prompt, system=system).usage for prompt in ("[[say:a]]", "[[say:b]]"))
    assert (first.cache_creation_input_tokens, first.cache_read_input_tokens) == (1425, 0)
    assert first.cache_creation is not None
    assert first.cache_creation.ephemeral_1h_input_tokens == 1425
    assert (second.cache_creation_input_tokens, second.cache_read_input_tokens) == (0, 1425)
    assert first.input_tokens == second.input_tokens == 3


def test_a_block_is_a_refusal(claude: Anthropic) -> None:
    message = ask(claude, "[[block]]")
    assert (message.stop_reason, message.content) == ("refusal", [])
    assert message.stop_details is not None


ERRORS = {
    400: (anthropic.BadRequestError, "invalid_request_error"),
    401: (anthropic.AuthenticationError, "authentication_error"),
    403: (anthropic.PermissionDeniedError, "permission_error"),
    404: (anthropic.NotFoundError, "not_found_error"),
    413: (anthropic.ContentTooLargeError, "request_too_large"),
    429: (anthropic.RateLimitError, "rate_limit_error"),
    500: (anthropic.InternalServerError, "api_error"),
    529: (anthropic.OverloadedError, "overloaded_error"),
}


@pytest.mark.parametrize("status", ERRORS)
def test_an_error_is_what_the_real_api_sends(claude: Anthropic, status: int) -> None:
    kind, name = ERRORS[status]
    with pytest.raises(kind) as caught:
        ask(claude, f"[[error:{status}]]")
    assert caught.value.type == name
    assert caught.value.request_id == caught.value.body["request_id"]  # type: ignore[index]  # the body is a JSON object
    assert ("retry-after" in caught.value.response.headers) == (status == 429)


def test_errn_fails_so_many_times_and_then_answers(stand_in: str) -> None:
    with Anthropic(api_key="key", base_url=stand_in, max_retries=2) as patient:
        assert said(ask(patient, "[[errn:2:503]][[say:at last]]")) == [("text", "at last")]


def test_a_cut_drops_the_connection(claude: Anthropic) -> None:
    with pytest.raises(httpx2.RemoteProtocolError):
        stream(claude, "[[cut:2]][[say:hello world and more]]")
    with pytest.raises(anthropic.APIConnectionError):
        ask(claude, "[[cut:2]][[say:hello world and more]]")


def test_a_broken_stream_sends_an_error_event(claude: Anthropic) -> None:
    def texts() -> Iterator[str]:
        prompt = "[[sseerror:2]][[say:hello world]]"
        with claude.messages.stream(
            model=MODEL, max_tokens=99, messages=[{"role": "user", "content": prompt}]
        ) as opened:
            yield from opened.text_stream

    reading = texts()
    assert [next(reading), next(reading)] == ["hell", "o wo"]
    with pytest.raises(anthropic.APIStatusError) as caught:
        next(reading)
    assert caught.value.type == "overloaded_error"


def body(content: str = "a", **more: Any) -> dict[str, Any]:
    return {"model": MODEL, "max_tokens": 9, "messages": [{"role": "user", "content": content}], **more}


BAD: dict[str, tuple[dict[str, Any], int, str]] = {
    "no max_tokens": (body(max_tokens=None), 400, "max_tokens"),
    "no messages": (body(messages=[]), 400, "messages"),
    "no such model": (body(model="gpt-7"), 404, "gpt-7"),
    "sampling": (body(temperature=0.5), 400, "temperature"),
    "directive": (body("[[n:x]]"), 400, "[[n:x]]"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_request_is_refused_with_the_reason(stand_in: str, case: str) -> None:
    asked, status, reason = BAD[case]
    headers = {"authorization": "Bearer key", "anthropic-version": "2026-10-21"}
    response = httpx.post(f"{stand_in}/v1/messages", json=asked, headers=headers)
    assert response.status_code == status
    assert reason in response.json()["error"]["message"]


def test_a_request_without_key_or_version_or_json_is_refused(stand_in: str) -> None:
    url = f"{stand_in}/v1/messages"
    version = {"anthropic-version": "2026-10-21"}
    assert httpx.post(url, json={}, headers=version).json()["error"]["type"] == "authentication_error"
    assert httpx.post(url, json={}, headers={"x-api-key": "key"}).status_code == 400
    assert httpx.post(url, content=b"{", headers={"x-api-key": "key", **version}).status_code == 400
    assert httpx.get(f"{stand_in}/v1/nothing", headers=version).json()["error"]["type"] == "not_found_error"


def test_models_are_listed(claude: Anthropic) -> None:
    listed = [model.id for model in claude.models.list()]
    assert MODEL in listed
    assert claude.models.retrieve(MODEL).display_name == "Claude Sonnet 5.5"


def test_requests_are_kept_without_their_keys(claude: Anthropic, stand_in: str) -> None:
    ask(claude, "[[say:kept]]", system="be brief")
    kept = httpx.get(f"{stand_in}/__requests").json()[-1]
    assert (kept["method"], kept["path"], kept["body"]["system"]) == ("POST", "/v1/messages", "be brief")
    assert kept["headers"]["authorization"] == "***"

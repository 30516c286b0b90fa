"""An answer that is read after its step has ended belongs to that step, and is captured as that step says."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import anthropic
import pytest
from google import genai
from google.genai import types

import quarterdeck as qd
from quarterdeck import semconv
from quarterdeck.capture import Mode
from quarterdeck.testing import recording

CLAUDE, GEMINI = "claude-opus-5-5", "gemini-3.8-flash"
SAID = "[[say:secret one two three four five six seven]] [[delay:0.05]]"


@dataclass
class Clients:
    """One of each kind."""

    sdk: anthropic.Anthropic
    own: anthropic.Anthropic
    gemini: genai.Client


@pytest.fixture
def clients(stand_in: str) -> Iterator[Clients]:
    with (
        anthropic.Anthropic(api_key="k", base_url=stand_in) as sdk,
        anthropic.Anthropic(api_key="k", base_url=stand_in, open_telemetry=False) as own,
        genai.Client(api_key="k", http_options=types.HttpOptions(base_url=stand_in)) as gemini,
    ):
        yield Clients(sdk, own, gemini)


def claude(client: anthropic.Anthropic) -> Iterator[Any]:
    messages: Any = [{"role": "user", "content": SAID}]
    return iter(client.messages.create(model=CLAUDE, max_tokens=50, messages=messages, stream=True))


ASK: dict[str, Callable[[Clients], Iterator[Any]]] = {
    "claude-sdk": lambda clients: claude(clients.sdk),
    "claude-own": lambda clients: claude(clients.own),
    "gemini": lambda clients: clients.gemini.models.generate_content_stream(model=GEMINI, contents=SAID),
    "gemini-chat": lambda clients: clients.gemini.chats.create(model=GEMINI).send_message_stream(SAID),
}
ASK_ASYNC: dict[str, Callable[[Clients], Awaitable[AsyncIterator[Any]]]] = {
    "gemini": lambda clients: clients.gemini.aio.models.generate_content_stream(model=GEMINI, contents=SAID),
    "gemini-chat": lambda clients: clients.gemini.aio.chats.create(model=GEMINI).send_message_stream(SAID),
}


def told(spans: list[dict[str, Any]]) -> tuple[str, bool, bool]:
    """The parent of the call, and whether its span has a prompt and an answer."""
    (call,) = [span for span in spans if semconv.RESPONSE_MODEL in span["attributes"]]
    return call["parent"], *(key in call["attributes"] for key in (semconv.INPUT_MESSAGES, semconv.OUTPUT_MESSAGES))


@pytest.fixture(autouse=True)
def _instrumented() -> None:
    qd.instrument()


@pytest.mark.parametrize(("inside", "outside"), [("off", None), (None, "off")])
@pytest.mark.parametrize("which", ASK)
def test_a_stream(which: str, inside: Mode | None, outside: Mode | None, clients: Clients) -> None:
    with recording() as telemetry, qd.pipeline("p"):
        with qd.step("asks", capture=inside):
            stream = ASK[which](clients)
        with qd.step("reads", capture=outside):
            assert len(list(stream)) > 1
    full = inside is None
    assert told(telemetry.normal_spans()) == ("step asks", full, full)
    assert ("secret" in json.dumps(telemetry.events())) == full


@pytest.mark.parametrize("which", ASK_ASYNC)
async def test_an_asynchronous_stream(which: str, clients: Clients) -> None:
    with recording() as telemetry, qd.pipeline("p"):
        async with qd.step("asks", capture="off"):
            stream = await ASK_ASYNC[which](clients)
        async with qd.step("reads"):
            assert len([chunk async for chunk in stream]) > 1
    assert told(telemetry.normal_spans()) == ("step asks", False, False)
    await clients.gemini.aio.aclose()

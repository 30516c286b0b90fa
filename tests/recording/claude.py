"""What is asked of Claude, through whatever version of the ``anthropic`` client is installed."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import anthropic

from recording.texts import CALL, CLAUDE, QUESTION, RESULT, SAY, SLOWLY, SYSTEM

TOOL = {
    "name": "get_weather",
    "description": "Weather of a city",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
Scenario = Callable[[Any], Any]


def ask(*directives: str, **more: Any) -> dict[str, Any]:
    """Arguments of a call whose prompt ends with the directives."""
    prompt = " ".join((QUESTION, *directives))
    return {
        "model": CLAUDE,
        "max_tokens": 400,
        "system": SYSTEM,
        "messages": [{"role": "user", "content": prompt}],
        **more,
    }


def plain(client: Any) -> None:
    client.messages.create(**ask(SAY))


def stream(client: Any) -> None:
    for _ in client.messages.create(**ask(SAY, SLOWLY), stream=True):
        pass


def stream_manager(client: Any) -> None:
    with client.messages.stream(**ask(SAY, SLOWLY)) as events:
        events.get_final_message()


def asynchronous(client: Any) -> None:
    async def call() -> None:
        async with anthropic.AsyncAnthropic(api_key="key", base_url=str(client.base_url), max_retries=0) as other:
            await other.messages.create(**ask(SAY))

    asyncio.run(call())


def cache(client: Any) -> None:
    client.messages.create(**ask(SAY, "[[cache]]"))


def cache_stream(client: Any) -> None:
    for _ in client.messages.create(**ask(SAY, "[[cache]]"), stream=True):
        pass


def cache_hour(client: Any) -> None:
    """A prefix that is written to the cache for an hour, which costs more than the usual five minutes."""
    long = {"type": "text", "text": f"{SYSTEM} " * 160, "cache_control": {"type": "ephemeral", "ttl": "1h"}}
    client.messages.create(**ask(SAY, system=[long]))


def think(client: Any) -> None:
    client.messages.create(**ask(SAY, "[[think]]"))


def think_stream(client: Any) -> None:
    for _ in client.messages.create(**ask(SAY, "[[think]]"), stream=True):
        pass


def think_cache(client: Any) -> None:
    client.messages.create(**ask(SAY, "[[think]]", "[[cache]]"))


def tool(client: Any) -> None:
    """Two calls: the model asks for a tool, and gets its result."""
    first = ask(CALL, tools=[TOOL])
    answer = client.messages.create(**first)
    use = next(block for block in answer.content if block.type == "tool_use")
    said = {"role": "assistant", "content": [{"type": "tool_use", "id": use.id, "name": use.name, "input": use.input}]}
    result = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": use.id, "content": RESULT}]}
    client.messages.create(**first | {"messages": [*first["messages"], said, result]})


def tool_stream(client: Any) -> None:
    for _ in client.messages.create(**ask(CALL, tools=[TOOL]), stream=True):
        pass


def tool_run(client: Any) -> None:
    """The client's own loop: two calls and the tool between them."""

    @anthropic.beta_tool
    def get_weather(city: str) -> str:
        """Weather of a city."""
        return f"{city}: {RESULT}"

    arguments = ask(CALL)
    client.beta.messages.tool_runner(**arguments, tools=[get_weather]).until_done()


def limit(client: Any) -> None:
    client.messages.create(**ask(SAY, "[[max]]"))


def refusal(client: Any) -> None:
    client.messages.create(**ask("[[block]]"))


def error(client: Any) -> None:
    with contextlib.suppress(anthropic.APIStatusError):
        client.messages.create(**ask("[[error:429]]"))


def retry(client: Any) -> None:
    """One call, of which the first attempt is refused."""
    client.with_options(max_retries=2).messages.create(**ask(SAY, "[[errn:1:503]]"))


def cut(client: Any) -> None:
    with contextlib.suppress(Exception):
        for _ in client.messages.create(**ask(SAY, "[[cut:3]]"), stream=True):
            pass


ALL: tuple[Scenario, ...] = (
    *(plain, stream, stream_manager, asynchronous, cache, cache_stream, cache_hour, think, think_stream, think_cache),
    *(tool, tool_stream, tool_run, limit, refusal, error, retry, cut),
)
BASIC: tuple[Scenario, ...] = (plain, stream, cache, cache_stream, think, tool, limit, error)
DOUBLE: tuple[Scenario, ...] = (plain, stream, cache, think, tool, error)

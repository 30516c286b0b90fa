"""Call the provider clients of another environment through the stand-in and print the spans that come of it.

The test suite runs the newest clients. For an older one make an environment with it and ``opentelemetry-sdk`` and
``opentelemetry-exporter-otlp-proto-http``, start the stand-in (``python -m quarterdeck_runner.demo.provider --port
8399``) and run, in the folder of the repository::

    PYTHONPATH=instrumentation OTHER_ENVIRONMENT/bin/python tests/try_old_clients.py http://127.0.0.1:8399
"""

import asyncio
import importlib.metadata
import json
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import quarterdeck as qd
from quarterdeck import semconv
from quarterdeck.guard import Switch
from quarterdeck.testing import recording

CLAUDE, GEMINI = "claude-opus-5-5", "gemini-3.8-flash"


def ask(text: str) -> dict[str, Any]:
    """Arguments of a Claude call."""
    return {"model": CLAUDE, "max_tokens": 2000, "messages": [{"role": "user", "content": text}]}


def weather(city: str) -> str:
    """Tell the weather.

    Args:
        city: where.
    """
    return f"sun in {city}"


@contextmanager
def expected(*_: Any) -> Iterator[None]:
    """Let a call fail and say how."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - whatever the client raises
        print(f"  raised {type(error).__name__}")


async def claude(url: str) -> None:
    """Every shape of a Claude call."""
    import anthropic

    client = anthropic.Anthropic(api_key="k", base_url=url, max_retries=2)
    slow = anthropic.AsyncAnthropic(api_key="k", base_url=url, max_retries=0)
    client.messages.create(**ask("[[say:create]]"))
    list(client.messages.create(**ask("[[think]] [[say:create stream]]"), stream=True))
    with client.messages.stream(**ask('[[tool:weather:{"city":"Ulm"}]]')) as stream:
        stream.get_final_message()
    await slow.messages.create(**ask("[[say:async create]] [[cache]]"))
    async for _ in await slow.messages.create(**ask("[[say:async create stream]]"), stream=True):
        pass
    async with slow.messages.stream(**ask("[[say:async stream]]")) as astream:
        await astream.get_final_message()
    client.messages.with_raw_response.create(**ask("[[say:raw]]")).parse()
    with client.messages.with_streaming_response.create(**ask("[[say:streaming response]]")) as response:
        response.parse()
    client.beta.messages.create(**ask("[[say:beta]]"))
    client.messages.create(**ask("[[errn:1:503]] [[say:after a retry]] " + uuid.uuid4().hex))
    with expected():
        await slow.messages.create(**ask("[[error:429]]"))
    with expected():
        list(client.messages.create(**ask("[[say:one two three four]] [[cut:2]]"), stream=True))
    with expected():
        list(client.messages.create(**ask("[[say:one two three four]] [[sseerror:2]]"), stream=True))
    dropped = client.messages.create(**ask("[[say:one two three four]]"), stream=True)
    next(iter(dropped))
    dropped.close()
    client.messages.count_tokens(model=CLAUDE, messages=[{"role": "user", "content": "count"}])
    if hasattr(anthropic, "beta_tool"):
        text = '[[tool:weather:{"city":"Ulm"}]] [[say:fine]]'
        client.beta.messages.tool_runner(**ask(text), tools=[anthropic.beta_tool(weather)]).until_done()
    client.close()
    await slow.close()


async def gemini(url: str) -> None:
    """Every shape of a Gemini call."""
    from google import genai
    from google.genai import types

    client = genai.Client(api_key="k", http_options=types.HttpOptions(base_url=url))
    client.models.generate_content(model=GEMINI, contents="[[say:generate]]")
    list(client.models.generate_content_stream(model=GEMINI, contents="[[think]] [[say:stream it]]"))
    await client.aio.models.generate_content(model=GEMINI, contents="[[say:async]] [[cache]]")
    async for _ in await client.aio.models.generate_content_stream(model=GEMINI, contents="[[say:async stream]]"):
        pass
    client.chats.create(model=GEMINI).send_message("[[say:chat]]")
    config = types.GenerateContentConfig(tools=[weather])
    text = '[[tool:weather:{"city":"Ulm"}]] [[say:fine]]'
    client.models.generate_content(model=GEMINI, contents=text, config=config)
    await client.aio.models.generate_content(model=GEMINI, contents=text, config=config)
    client.models.embed_content(model="gemini-embedding-001", contents="a b")
    await client.aio.models.embed_content(model="gemini-embedding-001", contents="a b")
    client.models.count_tokens(model=GEMINI, contents="count")
    await client.aio.models.count_tokens(model=GEMINI, contents="count")
    with expected():
        client.models.generate_content(model=GEMINI, contents="[[error:400]]")
    with expected():
        list(client.models.generate_content_stream(model=GEMINI, contents="[[say:one two three four]] [[cut:2]]"))
    dropped = client.models.generate_content_stream(model=GEMINI, contents="[[say:one two three four]]")
    next(dropped)
    del dropped


def show(span: dict[str, Any]) -> None:
    """Print what matters of a span, a line each."""
    found = span["attributes"]
    said = json.loads(found.get(semconv.OUTPUT_MESSAGES, "[{}]"))[0].get("parts")
    keys = (
        semconv.USAGE_INPUT_TOKENS,
        semconv.USAGE_OUTPUT_TOKENS,
        semconv.USAGE_CACHE_READ_TOKENS,
        semconv.USAGE_REASONING_TOKENS,
        semconv.RESPONSE_FINISH_REASONS,
        semconv.REQUEST_RESEND_COUNT,
        semconv.COUNTED_TOKENS,
        semconv.TOOL_CALL_RESULT,
        semconv.ERROR_TYPE,
    )
    rest = {key.rsplit(".", 2)[-2] + "." + key.rsplit(".", 1)[-1]: found[key] for key in keys if key in found}
    marks = "".join(
        letter
        for letter, key in (
            ("i", semconv.RESPONSE_ID),
            ("p", semconv.INPUT_MESSAGES),
            ("t", semconv.RESPONSE_TIME_TO_FIRST_CHUNK),
        )
        if key in found
    )
    print(f"  {span['name']:34} {span['status']:5} {marks:3} {said or ''} {rest}")


async def main(url: str) -> None:
    """Call whatever is installed."""
    Switch.reraise = True
    for package, calls in (("anthropic", claude), ("google-genai", gemini)):
        try:
            print(package, importlib.metadata.version(package))
        except importlib.metadata.PackageNotFoundError:
            continue
        with recording() as telemetry:
            qd.instrument()
            await calls(url)
            for span in telemetry.normal_spans():
                show(span)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))

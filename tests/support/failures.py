"""Failures as they really are: raised by the providers' clients, HTTP, pydantic, json and asyncio, and caught."""

import asyncio
import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, NamedTuple

import anthropic
import httpx
import jsonschema
import pydantic
from google import genai

from quarterdeck_runner.answers import fitting
from quarterdeck_runner.demo.provider.app import create_app
from quarterdeck_runner.demo.provider.settings import StandInSettings
from quarterdeck_runner.keys import Keys
from quarterdeck_runner.providers import ModelCall, Providers
from quarterdeck_runner.spec import TokenBudget
from support.servers import serve

NOBODY = "http://127.0.0.1:9"


class Case(NamedTuple):
    """One failure: errors of one cause have one name, whatever ids, numbers and quoted words they come with."""

    cause: str
    category: str
    work: Callable[[], Any]


class Invoice(pydantic.BaseModel):
    """What answers are read into."""

    total: float
    lines: list[int]


def caught(work: Callable[[], Any]) -> Exception:
    """Do what fails, and give how."""
    try:
        work()
    except Exception as error:  # noqa: BLE001 - any, it is what a test wants to see
        return error
    raise AssertionError("it did not fail")


@contextmanager
def cases() -> Iterator[list[Case]]:
    """Every kind of failure, while a provider is there to refuse, and one that never answers."""
    with serve(create_app(StandInSettings())) as url, socket.create_server(("127.0.0.1", 0)) as mute:
        slow = f"http://127.0.0.1:{mute.getsockname()[1]}"
        yield [*_claude(url, slow), *_gemini(url, slow), *_runner(url), *_http(), *_answers(), *_code()]


def _claude(url: str, slow: str) -> Iterator[Case]:
    def ask(prompt: str, base: str = url, **more: Any) -> Callable[[], Any]:
        client = anthropic.Anthropic(api_key="k", base_url=base, max_retries=0, **more)
        messages: Any = [{"role": "user", "content": prompt}]
        return lambda: client.messages.create(model="claude-haiku-4-5", max_tokens=9, messages=messages)

    def stream(prompt: str) -> Any:
        client = anthropic.Anthropic(api_key="k", base_url=url, max_retries=0)
        messages: Any = [{"role": "user", "content": prompt}]
        with client.messages.stream(model="claude-haiku-4-5", max_tokens=9, messages=messages) as answer:
            return answer.get_final_text()

    for status, category in _STATUSES.items():
        yield Case(f"claude {status}", category, ask(f"[[error:{status}]]"))
    yield Case("claude 429", "rate_limit", ask("[[error:429]]"))  # with another request id
    yield Case("claude breaks off", "overload", lambda: stream("[[sseerror:2]]"))
    yield Case("claude slow", "timeout", ask("hello", slow, timeout=0.05))
    yield Case("claude away", "network", ask("hello", NOBODY))


_STATUSES = {
    400: "request",
    401: "auth",
    402: "auth",
    403: "auth",
    404: "request",
    413: "context_length",
    429: "rate_limit",
    500: "overload",
    503: "overload",
    504: "timeout",
    529: "overload",
}


def _gemini(url: str, slow: str) -> Iterator[Case]:
    def ask(prompt: str, base: str = url) -> Callable[[], Any]:
        client = genai.Client(api_key="k", http_options=genai.types.HttpOptions(base_url=base, timeout=300))
        return lambda: client.models.generate_content(model="gemini-2.5-flash", contents=prompt)

    for status, category in _STATUSES.items():
        if status != 402:  # Google knows none
            yield Case(f"gemini {status}", category, ask(f"[[error:{status}]]"))
    yield Case("gemini 429", "rate_limit", ask("[[error:429]]"))
    yield Case("gemini slow", "timeout", ask("hello", slow))


def _runner(url: str) -> Iterator[Case]:
    refused = ModelCall("claude", "claude-haiku-4-5", "[[block]]", "", TokenBudget(), 5, client_retries=False)
    yield Case("refused", "content_filter", lambda: asyncio.run(_asked(url, refused)))
    blocked = replace(refused, provider="gemini", model="gemini-2.5-flash")
    yield Case("blocked", "content_filter", lambda: asyncio.run(_asked(url, blocked)))
    yield Case("no key", "auth", lambda: Keys({}).credential("claude"))
    yield Case("no json", "invalid_output", lambda: fitting("I am sorry, but no.", {"type": "object"}))
    yield Case("no json", "invalid_output", lambda: fitting("Of course! Here it is:", {"type": "object"}))
    wrong = {"type": "object", "required": ["total"]}
    yield Case("misfit", "invalid_output", lambda: fitting('{"a": 1}', wrong))


async def _asked(url: str, call: ModelCall) -> Any:
    variables = (
        ("ANTHROPIC_API_KEY", "k"),
        ("ANTHROPIC_BASE_URL", url),
        ("GEMINI_API_KEY", "k"),
        ("GOOGLE_GEMINI_BASE_URL", url),
    )
    providers = Providers(Keys(dict(variables)))
    try:
        return await providers.ask(call)
    finally:
        await providers.close()


def _http() -> Iterator[Case]:
    def answered(status: int, path: str) -> Callable[[], Any]:
        request = httpx.Request("GET", f"https://api.example.org/{path}")
        return lambda: httpx.Response(status, request=request).raise_for_status()

    yield Case("refused connection", "network", lambda: httpx.get(NOBODY))
    yield Case("unknown host", "network", lambda: httpx.get("http://nowhere.invalid"))
    yield Case("shop 404", "network", answered(404, "orders/12"))
    yield Case("shop 404", "network", answered(404, "orders/13"))
    yield Case("shop 503", "network", answered(503, "orders/12"))
    yield Case("asyncio refused", "network", lambda: asyncio.run(asyncio.open_connection("127.0.0.1", 9)))
    yield Case("asyncio timeout", "timeout", lambda: asyncio.run(_late()))


async def _late() -> None:
    async with asyncio.timeout(0.01):
        await asyncio.sleep(5)


def _answers() -> Iterator[Case]:
    def read(value: Any) -> Callable[[], Any]:
        return lambda: Invoice.model_validate(value)

    yield Case("total no number", "invalid_output", read({"total": "abc", "lines": [1]}))
    yield Case("total no number", "invalid_output", read({"total": "x, 'y' and [z]", "lines": [1]}))
    yield Case("total missing", "invalid_output", read({"lines": [1]}))
    yield Case("total missing", "invalid_output", read({"lines": [2, 3], "more": "text"}))
    yield Case("line no number", "invalid_output", read({"total": 1, "lines": [1, "x"]}))
    yield Case("line no number", "invalid_output", read({"total": 1, "lines": [1, 2, 3, "y"]}))
    yield Case("empty json", "invalid_output", lambda: json.loads(""))
    yield Case("empty json", "invalid_output", lambda: json.loads("\n\n  I am sorry"))
    yield Case("json with a comma missing", "invalid_output", lambda: json.loads('{"a":1 "b":2}'))
    yield Case("text behind json", "invalid_output", lambda: json.loads('{"a":1} as you asked'))
    schema = {"properties": {"a": {"type": "number"}}}
    yield Case("schema", "invalid_output", lambda: jsonschema.validate({"a": "x"}, schema))


def _code() -> Iterator[Case]:
    yield Case("key", "user_code", lambda: dict[str, str]()["total"])
    yield Case("key", "user_code", lambda: dict[str, str]()["line items"])
    yield Case("index", "user_code", lambda: "abc"[len("abc")])
    yield Case("int", "user_code", lambda: int("x17"))
    yield Case("none", "user_code", lambda: getattr(None, "strip"))  # noqa: B009 - as it happens
    yield Case("file", "user_code", lambda: open("/no/such/17"))  # noqa: PTH123, SIM115 - never opened

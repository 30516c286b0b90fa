"""What is asked of Gemini, through whatever version of ``google-genai`` is installed."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

from google import genai
from google.genai import types

from recording.texts import ANSWER, CALL, EMBEDDER, GEMINI, QUESTION, RESULT, SAY, SLOWLY, SYSTEM

Scenario = Callable[[Any], Any]


def client(url: str) -> genai.Client:
    """A client of the provider under ``url``."""
    return genai.Client(api_key="key", http_options=types.HttpOptions(base_url=url, api_version="v1beta"))


def ask(*directives: str, **config: Any) -> dict[str, Any]:
    """Arguments of a call whose prompt ends with the directives."""
    settings = types.GenerateContentConfig(system_instruction=SYSTEM, max_output_tokens=400, **config)
    return {"model": GEMINI, "contents": " ".join((QUESTION, *directives)), "config": settings}


def _read(chunks: Any) -> None:
    for _ in chunks:
        pass


def plain(google: Any) -> None:
    google.models.generate_content(**ask(SAY))


def stream(google: Any) -> None:
    _read(google.models.generate_content_stream(**ask(SAY, SLOWLY)))


def asynchronous(google: Any) -> None:
    async def call() -> None:
        await google.aio.models.generate_content(**ask(SAY))

    asyncio.run(call())


def chat(google: Any) -> None:
    """Two calls, the second with the first in its history."""
    talk = google.chats.create(model=GEMINI)
    talk.send_message(f"{QUESTION} {SAY}")
    talk.send_message("And the forecastle? [[say:That is where the crew lives.]]")


def cache(google: Any) -> None:
    google.models.generate_content(**ask(SAY, "[[cache]]"))


def cache_stream(google: Any) -> None:
    _read(google.models.generate_content_stream(**ask(SAY, "[[cache]]")))


def think(google: Any) -> None:
    google.models.generate_content(**ask(SAY, "[[think]]"))


def think_stream(google: Any) -> None:
    _read(google.models.generate_content_stream(**ask(SAY, "[[think]]")))


def think_cache(google: Any) -> None:
    google.models.generate_content(**ask(SAY, "[[think]]", "[[cache]]"))


def _tool() -> types.Tool:
    text = types.Schema(type=types.Type.STRING)
    city = types.Schema(type=types.Type.OBJECT, properties={"city": text}, required=["city"])
    declared = types.FunctionDeclaration(name="get_weather", description="Weather of a city", parameters=city)
    return types.Tool(function_declarations=[declared])


def tool(google: Any) -> None:
    """Two calls: the model asks for a tool, and gets its result."""
    first = ask(CALL, tools=[_tool()])
    answer = google.models.generate_content(**first)
    call = answer.candidates[0].content.parts[0].function_call
    result = types.Part.from_function_response(name=call.name, response={"result": RESULT})
    turns = [
        types.Content(role="user", parts=[types.Part(text=first["contents"])]),
        answer.candidates[0].content,
        types.Content(role="user", parts=[result]),
    ]
    google.models.generate_content(**first | {"contents": turns})


def tool_stream(google: Any) -> None:
    _read(google.models.generate_content_stream(**ask(CALL, tools=[_tool()])))


def tool_run(google: Any) -> None:
    """The client's own loop: two calls and the tool between them."""

    def get_weather(city: str) -> str:
        """Weather of a city."""
        return f"{city}: {RESULT}"

    google.models.generate_content(**ask(CALL, tools=[get_weather]))


def limit(google: Any) -> None:
    google.models.generate_content(**ask(SAY, "[[max]]"))


def refusal(google: Any) -> None:
    google.models.generate_content(**ask("[[block]]"))


def error(google: Any) -> None:
    with contextlib.suppress(genai.errors.APIError):
        google.models.generate_content(**ask("[[error:400]]"))


def embeddings(google: Any) -> None:
    google.models.embed_content(model=EMBEDDER, contents=[QUESTION, ANSWER])


ALL: tuple[Scenario, ...] = (
    *(plain, stream, asynchronous, chat, cache, cache_stream, think, think_stream, think_cache),
    *(tool, tool_stream, tool_run, limit, refusal, error, embeddings),
)
BASIC: tuple[Scenario, ...] = (plain, stream, cache, cache_stream, think, tool, limit, error)
DOUBLE: tuple[Scenario, ...] = (plain, stream, cache, think, tool, tool_run, error)

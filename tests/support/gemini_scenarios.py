"""Every shape of a Gemini call in every situation, synchronous and asynchronous, for whole-trace comparisons."""

import asyncio
import gc
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from google import genai
from google.genai import types

from support.claude_scenarios import SAID, leaver

MODEL = "gemini-3.8-flash"
SHAPES = ("generate", "generate_stream", "chat", "chat_stream")
STREAMS = ("generate_stream", "chat_stream")
RETRIES = types.HttpRetryOptions(attempts=2, initial_delay=0.01, max_delay=0.02, http_status_codes=[503])


def weather(city: str) -> str:
    """Tell the weather.

    Args:
        city: where.
    """
    return f"sun in {city}"


def broken(city: str) -> str:
    """Tell the weather, if only it could.

    Args:
        city: where.
    """
    raise RuntimeError(f"no sky over {city}")


@dataclass(frozen=True)
class Situation:
    """What happens in a call; as for Claude, with a configuration and options of the HTTP client."""

    text: str
    config: dict[str, Any] = field(default_factory=dict)
    http: dict[str, Any] = field(default_factory=dict)
    leaves: str = ""
    fails: bool = False
    shapes: tuple[str, ...] = SHAPES


_EVERYTHING = {
    "system_instruction": "Be brief.",
    "temperature": 0.5,
    "top_p": 0.9,
    "top_k": 3,
    "max_output_tokens": 50,
    "stop_sequences": ["END"],
    "seed": 7,
    "candidate_count": 1,
    "frequency_penalty": 0.1,
    "presence_penalty": 0.2,
}
_DECLARED = types.Tool(
    function_declarations=[types.FunctionDeclaration(name="weather", description="Tell the weather.")]
)
_CALLS = '[[tool:weather:{"city":"Ulm"}]]'

SITUATIONS = {
    "success": Situation("[[say:Hello there]]", _EVERYTHING),
    "tool": Situation(_CALLS, {"tools": [_DECLARED]}),
    "automatic_tool": Situation(_CALLS, {"tools": [weather]}, shapes=("chat", "chat_stream")),
    "broken_tool": Situation('[[tool:broken:{"city":"Ulm"}]]', {"tools": [broken]}, shapes=("chat",)),
    "thinking": Situation(
        "[[say:after thought]] [[think]]", {"thinking_config": {"include_thoughts": True, "thinking_level": "LOW"}}
    ),
    "cache": Situation("[[say:warm]] [[cache]] with some words that were here before", shapes=SHAPES[:2]),
    "limit": Situation("[[say:cut short]] [[max]]", shapes=SHAPES[:2]),
    "blocked": Situation("[[block]]", shapes=SHAPES[:2]),
    "error": Situation("[[error:429]]", fails=True),
    "retry": Situation("[[errn:1:503]] [[say:at last]]", http={"retry_options": RETRIES}, shapes=SHAPES[:2]),
    "timeout": Situation("[[say:late]] [[ttft:1]]", http={"timeout": 400}, fails=True, shapes=SHAPES[:2]),
    "cut": Situation(f"{SAID} [[cut:2]]", fails=True, shapes=SHAPES[:2]),
    "dropped": Situation(f"{SAID} [[delay:1]]", leaves="drop", shapes=STREAMS),
    "cancelled": Situation(f"{SAID} [[delay:1]]", leaves="cancel", fails=True),
}


def all_scenarios() -> Iterator[tuple[str, str]]:
    """Names of shapes with the situations they can come into."""
    for situation, what in SITUATIONS.items():
        for shape in what.shapes:
            yield shape, situation


def call(client: genai.Client, shape: str, what: Situation, mode: str) -> None:
    """Make a synchronous call and read it to its end, or leave it as the situation says."""
    text, config = f"{what.text} {mode}", types.GenerateContentConfig(**what.config)
    if shape == "generate":
        client.models.generate_content(model=MODEL, contents=text, config=config)
    elif shape == "chat":
        client.chats.create(model=MODEL, config=config).send_message(text)
    else:
        if shape == "chat_stream":
            chunks = client.chats.create(model=MODEL, config=config).send_message_stream(text)
        else:
            chunks = client.models.generate_content_stream(model=MODEL, contents=text, config=config)
        for _ in chunks:
            if what.leaves:
                break
        del chunks
        gc.collect()


async def call_async(client: genai.Client, shape: str, what: Situation, mode: str) -> None:
    """As above, asynchronous; may cancel the task it runs in."""
    text, config = f"{what.text} {mode}", types.GenerateContentConfig(**what.config)
    models, chats, leave = client.aio.models, client.aio.chats, leaver(what)
    if shape in STREAMS:
        if shape == "chat_stream":
            chunks = await chats.create(model=MODEL, config=config).send_message_stream(text)
        else:
            chunks = await models.generate_content_stream(model=MODEL, contents=text, config=config)
        async for _ in chunks:
            if leave():
                break
        del chunks
        gc.collect()
        return
    async with asyncio.timeout(0.4 if what.leaves else None):
        if shape == "chat":
            await chats.create(model=MODEL, config=config).send_message(text)
        else:
            await models.generate_content(model=MODEL, contents=text, config=config)

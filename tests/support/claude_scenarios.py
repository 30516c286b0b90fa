"""Every shape of a Claude call in every situation, synchronous and asynchronous, for whole-trace comparisons."""

import asyncio
import gc
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import anthropic
import httpx2

MODEL = "claude-opus-5-5"
TOOL = {"name": "weather", "description": "Tell the weather.", "input_schema": {"type": "object"}}
SAID = "[[say:one two three four]]"
SHAPES = ("create", "create_stream", "stream_helper")
STREAMS = {"create_stream", "stream_helper"}


@dataclass(frozen=True)
class Situation:
    """What happens in a call.

    Attributes:
        text: the prompt, with directives for the stand-in.
        asked: further arguments.
        client: options of the client.
        leaves: how the caller stops reading after the first piece: ``drop``, ``cancel`` or not at all.
        fails: whether the call raises.
        shapes: shapes of call that can come into it.
    """

    text: str
    asked: dict[str, Any] = field(default_factory=dict)
    client: dict[str, Any] = field(default_factory=dict)
    leaves: str = ""
    fails: bool = False
    shapes: tuple[str, ...] = SHAPES


SITUATIONS = {
    "success": Situation("[[say:Hello there]]", {"system": "Be brief.", "stop_sequences": ["END"]}),
    "tool": Situation('[[tool:weather:{"city":"Ulm"}]]', {"tools": [TOOL]}),
    "thinking": Situation(
        "[[say:after thought]]", {"max_tokens": 2000, "thinking": {"type": "enabled", "budget_tokens": 1024}}
    ),
    "cache": Situation("[[say:warm]] [[cache]] with some words that were here before"),
    "limit": Situation("[[say:cut short]] [[max]]"),
    "refusal": Situation("[[block]]"),
    "error": Situation("[[error:429]]", fails=True),
    "retry": Situation("[[errn:1:503]] [[say:at last]]", client={"max_retries": 1}),
    "timeout": Situation(
        "[[say:late]] [[ttft:1]]",
        client={"timeout": httpx2.Timeout(5, read=0.4)},
        fails=True,
        shapes=("create", "create_stream"),
    ),
    "cut": Situation(f"{SAID} [[cut:2]]", fails=True),
    "error_event": Situation(f"{SAID} [[sseerror:2]]", fails=True, shapes=("create_stream", "stream_helper")),
    "dropped": Situation(f"{SAID} [[delay:1]]", leaves="drop", shapes=("create_stream", "stream_helper")),
    "cancelled": Situation(f"{SAID} [[delay:1]]", leaves="cancel", fails=True),
}


def all_scenarios() -> Iterator[tuple[str, str]]:
    """Names of shapes with the situations they can come into."""
    for situation, what in SITUATIONS.items():
        for shape in what.shapes:
            yield shape, situation


def asked(situation: Situation, mode: str) -> dict[str, Any]:
    """Arguments of a call; ``mode`` is a word that makes the prompt unique for the stand-in."""
    messages = [{"role": "user", "content": f"{situation.text} {mode}"}]
    return {"model": MODEL, "max_tokens": 100, "messages": messages, **situation.asked}


def is_piece(event: Any) -> bool:
    """Whether an event of a stream is the first that brings content."""
    return bool(event.type == "content_block_delta")


def call(client: anthropic.Anthropic, shape: str, what: Situation, mode: str) -> None:
    """Make a synchronous call and read it to its end, or leave it as the situation says."""
    if shape == "create":
        client.messages.create(**asked(what, mode))
    elif shape == "create_stream":
        stream = client.messages.create(**asked(what, mode), stream=True)
        for event in stream:
            if what.leaves and is_piece(event):
                break
        del stream, event
        gc.collect()
    else:
        with client.messages.stream(**asked(what, mode)) as helper:
            for event in helper:
                if what.leaves and is_piece(event):
                    break


async def call_async(client: anthropic.AsyncAnthropic, shape: str, what: Situation, mode: str) -> None:
    """As above, asynchronous; may cancel the task it runs in."""
    leave = leaver(what)
    if shape == "create":
        async with asyncio.timeout(0.4 if what.leaves else None):
            await client.messages.create(**asked(what, mode))
    elif shape == "create_stream":
        stream = await client.messages.create(**asked(what, mode), stream=True)
        async for event in stream:
            if is_piece(event) and leave():
                break
        del stream, event
        gc.collect()
    else:
        async with client.messages.stream(**asked(what, mode)) as helper:
            async for event in helper:
                if is_piece(event) and leave():
                    break


def leaver(what: Any) -> Callable[[], bool]:
    """What is asked at each piece of content: whether to drop the iterator; cancels the task where that is wanted."""

    def leave() -> bool:
        task = asyncio.current_task()
        if what.leaves == "cancel" and task is not None:
            task.cancel()
        return bool(what.leaves == "drop")

    return leave

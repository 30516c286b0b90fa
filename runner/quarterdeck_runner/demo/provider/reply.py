"""From a request to its answer and what it costs, the same for every provider and for JSON and streams."""

import hashlib
import json
from typing import Any

from quarterdeck_runner.demo.provider import tokens
from quarterdeck_runner.demo.provider.errors import RefusedError
from quarterdeck_runner.demo.provider.exchange import Answer, Finish, Request, ToolCall, Usage
from quarterdeck_runner.demo.provider.responder import arguments_for, respond, think

_FILLER = "The deck is quiet and the wind holds steady. "


class Repeats:
    """Counts how often a prompt came, for ``[[errn:2:503]]``."""

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}

    def refuse_if_asked(self, request: Request) -> None:
        """Refuse the request when its directives say so.

        Raises:
            RefusedError: with the status asked for.
        """
        asked = request.directives
        if asked.error is not None:
            raise RefusedError(asked.error)
        if asked.errors_first is None:
            return
        times, status = asked.errors_first
        prompt = repr((request.model, request.system, request.turns))
        key = hashlib.sha256(prompt.encode()).hexdigest()
        self._seen[key] = self._seen.get(key, 0) + 1
        if self._seen[key] <= times:
            raise RefusedError(status)


def answer(request: Request) -> Answer:
    """Compose the answer, cut to the request's limits."""
    if request.directives.block:
        return Answer("", "", 0, None, "blocked")
    tool = _tool_call(request)
    thinking, hidden = _thinking(request)
    text, finish, stop = ("", "tool", None) if tool else _limited(_text(request), request, hidden)
    return Answer(text, thinking, hidden, tool, _finish(request, finish), stop)


def usage(
    request: Request, reply: Answer, cache_read: int = 0, cache_write: int = 0, cache_write_hour: int = 0
) -> Usage:
    """Count the tokens of a call.

    Args:
        request: what was asked.
        reply: what was answered.
        cache_read: tokens of the prompt that a cache held.
        cache_write: tokens of the prompt that went to a cache.
        cache_write_hour: how many of those for an hour rather than five minutes.
    """
    output = tokens.count(reply.text) + reply.thinking_tokens
    if reply.tool:
        output += tokens.count(reply.tool.name) + tokens.count(json.dumps(reply.tool.arguments))
    if request.directives.cache:
        cache_read, cache_write = request.prompt_tokens // 2, request.prompt_tokens // 4
    return Usage(request.prompt_tokens, output, reply.thinking_tokens, cache_read, cache_write, cache_write_hour)


def _text(request: Request) -> str:
    asked = request.directives
    if asked.say is not None:
        return asked.say
    if asked.tokens is not None:
        wanted = asked.tokens * tokens.CHARACTERS
        return (_FILLER * (wanted // len(_FILLER) + 1))[:wanted]
    return respond(request)


def _thinking(request: Request) -> tuple[str, int]:
    """The visible thinking and the size of all thinking."""
    if not request.thinks:
        return "", 0
    text = think(request)
    if request.max_tokens is not None:
        text = tokens.cut(text, request.max_tokens // 2)
    return (text if request.thinks_aloud else ""), tokens.count(text)


def _limited(text: str, request: Request, used: int) -> tuple[str, Finish, str | None]:
    ends = [(text.find(stop), stop) for stop in request.stop_sequences if stop and stop in text]
    finish: Finish = "stop"
    sequence = None
    if ends:
        at, sequence = min(ends)
        text, finish = text[:at], "stop_sequence"
    if request.max_tokens is not None and tokens.count(text) + used > request.max_tokens:
        return tokens.cut(text, request.max_tokens - used), "length", None
    return text, finish, sequence


def _finish(request: Request, finish: Finish) -> Finish:
    return "length" if request.directives.limit else finish


def _tool_call(request: Request) -> ToolCall | None:
    if request.has_tool_result:
        return None
    if request.directives.tool is not None:
        return ToolCall(request.directives.tool, request.directives.tool_arguments)
    if request.directives.say is not None or request.directives.tokens is not None:
        return None
    wanted = [tool for tool in request.tools if request.forced_tool or _mentions(request.prompt, tool.name)]
    if not wanted:
        return None
    arguments: dict[str, Any] = arguments_for(request, wanted[0])
    return ToolCall(wanted[0].name, arguments)


def _mentions(prompt: str, name: str) -> bool:
    return name.lower() in prompt.lower()

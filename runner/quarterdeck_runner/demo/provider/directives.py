"""Directives in a prompt that steer the stand-in, for tests and for showing trouble.

| directive | effect |
|---|---|
| ``[[say:TEXT]]`` | answers TEXT |
| ``[[n:TOKENS]]`` | answers exactly that many tokens |
| ``[[ttft:SECONDS]]``, ``[[delay:SECONDS]]`` | wait before the first, and before each further piece |
| ``[[tool:NAME:{json}]]`` | calls the tool, unless the last turn already brings its result |
| ``[[think]]`` | thinks first |
| ``[[cache]]`` | half of the prompt is read from, a quarter written to the cache |
| ``[[max]]`` | ends as if the token limit were reached |
| ``[[block]]`` | refuses (Claude: ``refusal``; Gemini: the prompt is blocked) |
| ``[[error:429]]`` | answers that status |
| ``[[errn:2:503]]`` | answers 503 to the first two requests with this prompt |
| ``[[cut:3]]`` | drops the connection after three pieces |
| ``[[sseerror:3]]`` | sends an error event after three pieces |

Any directive makes the answer come at once, in pieces of one token; ``ttft`` and ``delay`` slow it down again.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

_DIRECTIVE = re.compile(
    r"\[\[(say|n|delay|ttft|error|errn|cut|sseerror):(.*?)\]\]|\[\[(think|cache|max|block)\]\]", re.DOTALL
)
_TOOL = re.compile(r"\[\[tool:([\w.-]+)(?::(?=\{)|\]\])")


_READERS: dict[str, tuple[Callable[[str], Any], str]] = {
    "say": (str, "say"),
    "n": (int, "tokens"),
    "delay": (float, "delay"),
    "ttft": (float, "ttft"),
    "error": (int, "error"),
    "cut": (int, "cut"),
    "sseerror": (int, "stream_error"),
    "think": (lambda _: True, "think"),
    "cache": (lambda _: True, "cache"),
    "max": (lambda _: True, "limit"),
    "block": (lambda _: True, "block"),
}


@dataclass(frozen=True)
class Directives:
    """What the prompt asks of the stand-in; everything off by default."""

    say: str | None = None
    tokens: int | None = None
    delay: float | None = None
    ttft: float | None = None
    tool: str | None = None
    tool_arguments: dict[str, Any] = field(default_factory=dict)
    think: bool = False
    cache: bool = False
    limit: bool = False
    block: bool = False
    error: int | None = None
    errors_first: tuple[int, int] | None = None
    cut: int | None = None
    stream_error: int | None = None

    @property
    def any(self) -> bool:
        """Whether there is any directive."""
        return self != Directives()


def parse(text: str) -> Directives:
    """Read the directives of a prompt.

    Raises:
        ValueError: a directive cannot be read; the message names it.
    """
    found: dict[str, Any] = {}
    for match in _DIRECTIVE.finditer(text):
        name, value = match[1] or match[3], match[2] or ""
        try:
            found |= _one(name, value)
        except ValueError as problem:
            raise ValueError(f"the stand-in cannot read the directive {match[0]}: {problem}") from problem
    return Directives(**found, **_tool(text))


def strip(text: str) -> str:
    """The prompt without its directives."""
    without = _DIRECTIVE.sub("", text)
    while match := _TOOL.search(without):
        without = without[: match.start()] + without[_tool_end(without, match) :]
    return without


def _one(name: str, value: str) -> dict[str, Any]:
    if name == "errn":
        times, status = value.split(":")
        return {"errors_first": (int(times), int(status))}
    read, attribute = _READERS[name]
    return {attribute: read(value)}


def _tool(text: str) -> dict[str, Any]:
    match = _TOOL.search(text)
    if match is None:
        return {}
    if match[0].endswith("]]"):
        return {"tool": match[1]}
    try:
        arguments, _ = json.JSONDecoder().raw_decode(text, match.end())
    except ValueError as problem:
        raise ValueError(f"the stand-in cannot read the arguments of [[tool:{match[1]}:…]]: {problem}") from problem
    return {"tool": match[1], "tool_arguments": arguments}


def _tool_end(text: str, match: re.Match[str]) -> int:
    if match[0].endswith("]]"):
        return match.end()
    _, end = json.JSONDecoder().raw_decode(text, match.end())
    return end + 2 if text.startswith("]]", end) else end

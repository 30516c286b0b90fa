"""Anthropic Messages: reading and checking requests."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from quarterdeck_runner.demo.provider import directives, tokens
from quarterdeck_runner.demo.provider.errors import RefusedError
from quarterdeck_runner.demo.provider.exchange import Request, Tool

_NO_SAMPLING_SINCE = "2026-10-21"
_SAMPLING = ("temperature", "top_p", "top_k")
_CACHE_MINIMUM = 1024
_THINKING_MINIMUM = 1024


def check_headers(headers: Mapping[str, str]) -> None:
    """Refuse a request without a key or without an API version, as the real API does.

    Raises:
        RefusedError: 401 or 400.
    """
    bearer = headers.get("authorization", "").removeprefix("Bearer").strip()
    if not (headers.get("x-api-key") or bearer):
        raise RefusedError(401, "x-api-key header is required")
    if not headers.get("anthropic-version"):
        raise RefusedError(400, "anthropic-version: header is required")


def check_model(model: Any) -> str:
    """Give the model's name if it is one of Claude's.

    Raises:
        RefusedError: 400 when it is missing, 404 when there is no such model.
    """
    if not isinstance(model, str) or not model:
        raise RefusedError(400, "model: Field required")
    if not model.startswith("claude"):
        raise RefusedError(404, f"model: {model}")
    return model


def read(body: Mapping[str, Any], version: str, counting: bool = False) -> Request:
    """Make a request from a body of ``/v1/messages`` or ``/v1/messages/count_tokens``.

    Args:
        body: the decoded JSON body.
        version: value of the header ``anthropic-version``.
        counting: whether tokens are only counted, so that ``max_tokens`` is not needed.

    Raises:
        RefusedError: the real API would not take it.
    """
    model = check_model(body.get("model"))
    _check(body, version, counting)
    turns = tuple((message["role"], _text(message["content"])) for message in body["messages"])
    system = _text(body.get("system") or "")
    asked = _directives(system, turns)
    schema = ((body.get("output_config") or {}).get("format") or {}).get("schema")
    thinking = body.get("thinking") or {}
    return Request(
        model=model,
        system=system,
        turns=turns,
        prompt_tokens=sum(size for size, _ in blocks(body)),
        tools=tuple(_tool(tool) for tool in body.get("tools") or ()),
        forced_tool=(body.get("tool_choice") or {}).get("type") in {"any", "tool"},
        wants_json=schema is not None,
        schema=schema,
        max_tokens=body.get("max_tokens"),
        stop_sequences=tuple(body.get("stop_sequences") or ()),
        thinks=asked.think or thinking.get("type") in {"enabled", "adaptive"},
        thinks_aloud=thinking.get("display") != "omitted",
        has_tool_result=_ends_with_tool_result(body["messages"]),
        directives=asked,
    )


def blocks(body: Mapping[str, Any]) -> Iterator[tuple[int, dict[str, Any] | None]]:
    """Each part of the prompt in cache order: its tokens and its ``cache_control``."""
    for tool in body.get("tools") or ():
        yield tokens.count(json.dumps({**tool, "cache_control": None})), tool.get("cache_control")
    contents = [body.get("system") or "", *(message["content"] for message in body["messages"])]
    for content in contents:
        for block in [content] if isinstance(content, str) else content:
            control = None if isinstance(block, str) else block.get("cache_control")
            yield tokens.count(_text([block] if isinstance(block, dict) else block)), control


def cacheable(body: Mapping[str, Any]) -> tuple[int, bool]:
    """Tokens up to the last cache breakpoint, and whether it is kept for an hour; 0 below the API's minimum."""
    total = marked = 0
    hour = False
    for size, control in blocks(body):
        total += size
        if control:
            marked, hour = total, control.get("ttl") == "1h"
    return (marked, hour) if marked >= _CACHE_MINIMUM else (0, False)


def cache_key(body: Mapping[str, Any]) -> str:
    """What identifies the part of the prompt that is marked for caching."""
    parts: list[Any] = [body["model"], *(body.get("tools") or ()), body.get("system")]
    marked = [number for number, message in enumerate(body["messages"]) if _has_breakpoint(message["content"])]
    parts += body["messages"][: marked[-1] + 1] if marked else []
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _has_breakpoint(content: Any) -> bool:
    return isinstance(content, list) and any(block.get("cache_control") for block in content)


def _check(body: Mapping[str, Any], version: str, counting: bool) -> None:
    limit = body.get("max_tokens")
    if not counting and limit is None:
        raise RefusedError(400, "max_tokens: Field required")
    if limit is not None and (not isinstance(limit, int) or limit < 1):
        raise RefusedError(400, "max_tokens: Input should be greater than or equal to 1")
    for name in _SAMPLING:
        if version >= _NO_SAMPLING_SINCE and body.get(name) is not None:
            raise RefusedError(400, f"{name}: Extra inputs are not permitted")
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise RefusedError(400, "messages: at least one message is required")
    for number, message in enumerate(messages):
        _check_message(number, message)
    if not counting:
        _check_thinking(body.get("thinking") or {}, body["max_tokens"])


def _check_thinking(thinking: Mapping[str, Any], limit: int) -> None:
    budget = thinking.get("budget_tokens", 0)
    if thinking.get("type") == "enabled" and not _THINKING_MINIMUM <= budget < limit:
        raise RefusedError(
            400, f"thinking.budget_tokens: must be at least {_THINKING_MINIMUM} and less than max_tokens"
        )


def _check_message(number: int, message: Any) -> None:
    if not isinstance(message, dict) or message.get("role") not in {"user", "assistant", "system"}:
        raise RefusedError(400, f'messages.{number}.role: Input should be "user" or "assistant"')
    content = message.get("content")
    if not isinstance(content, str | list):
        raise RefusedError(400, f"messages.{number}.content: Field required")
    if not content and number == 0:
        raise RefusedError(400, f"messages.{number}: user messages must have non-empty content")


def _tool(tool: Mapping[str, Any]) -> Tool:
    return Tool(tool.get("name", ""), tool.get("input_schema") or {}, tool.get("description", ""))


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(part for part in map(_block_text, content) if part)


def _block_text(block: Mapping[str, Any]) -> str:
    match block.get("type"):
        case "text":
            return str(block["text"])
        case "thinking":
            return str(block.get("thinking", ""))
        case "tool_result":
            return _text(block.get("content") or "")
        case "tool_use":
            return f"{block['name']} {json.dumps(block['input'])}"
        case "document":
            return str((block.get("source") or {}).get("data", ""))
        case _:
            return ""


def _ends_with_tool_result(messages: list[dict[str, Any]]) -> bool:
    content = messages[-1]["content"]
    return isinstance(content, list) and any(block.get("type") == "tool_result" for block in content)


def _directives(system: str, turns: tuple[tuple[str, str], ...]) -> directives.Directives:
    asked = [text for role, text in turns if role == "user" and text]
    try:
        return directives.parse(f"{system}\n{asked[-1] if asked else ''}")
    except ValueError as problem:
        raise RefusedError(400, str(problem)) from problem

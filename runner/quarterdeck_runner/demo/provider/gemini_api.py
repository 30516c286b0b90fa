"""Gemini: reading and checking requests."""

import json
import re
from collections.abc import Mapping
from typing import Any

from quarterdeck_runner.demo.provider import directives, tokens
from quarterdeck_runner.demo.provider.errors import RefusedError
from quarterdeck_runner.demo.provider.exchange import Request, Tool

_NO_KEY = (
    "Method doesn't allow unregistered callers (callers without established identity). "
    "Please use API Key or other form of API consumer identity to call this API."
)
_SNAKE = re.compile(r"_([a-z])")
_NAMED = {"properties", "$defs", "defs"}
_ROLES = {"user": "user", "model": "assistant", "function": "user"}


def check_key(headers: Mapping[str, str], query: Mapping[str, str]) -> None:
    """Refuse a request without a key, as the real API does.

    Raises:
        RefusedError: 403.
    """
    if not (headers.get("x-goog-api-key") or query.get("key") or headers.get("authorization")):
        raise RefusedError(403, _NO_KEY)


def check_model(model: str, version: str, method: str) -> str:
    """Give the model's name if it is one of Gemini's.

    Raises:
        RefusedError: 404.
    """
    if model.startswith("gemini"):
        return model
    raise RefusedError(
        404,
        f"models/{model} is not found for API version {version}, or is not supported for {method}. "
        "Call ModelService.ListModels to see the list of available models and their supported methods.",
    )


def read(model: str, body: Mapping[str, Any]) -> Request:
    """Make a request from a body of ``generateContent``.

    Raises:
        RefusedError: the real API would not take it.
    """
    _check(body)
    turns = tuple((_ROLES[content.get("role") or "user"], _text(content)) for content in body["contents"])
    system = _text(body.get("systemInstruction") or {})
    config = _camel(body.get("generationConfig") or {})
    asked = _directives(system, turns)
    thinking = config.get("thinkingConfig") or {}
    schema = config.get("responseJsonSchema") or config.get("responseSchema")
    return Request(
        model=model,
        system=system,
        turns=turns,
        prompt_tokens=count(body),
        tools=tuple(_tools(body)),
        forced_tool=_function_mode(body) == "ANY",
        wants_json=schema is not None or config.get("responseMimeType") == "application/json",
        schema=schema,
        max_tokens=config.get("maxOutputTokens"),
        stop_sequences=tuple(config.get("stopSequences") or ()),
        thinks=asked.think or _thinks(thinking, asked),
        thinks_aloud=asked.think or bool(thinking.get("includeThoughts")),
        has_tool_result=any("functionResponse" in part for part in body["contents"][-1].get("parts") or ()),
        directives=asked,
    )


def count(body: Mapping[str, Any]) -> int:
    """Tokens of a prompt: system instruction, contents and tools."""
    contents = [body.get("systemInstruction") or {}, *(body.get("contents") or ())]
    tools = body.get("tools")
    return sum(tokens.count(_text(content)) for content in contents) + (tokens.count(json.dumps(tools)) if tools else 0)


def content_text(content: Mapping[str, Any]) -> str:
    """The text of one content."""
    return _text(content)


def _camel(value: Any) -> Any:
    """A JSON value with keys in camel case: Google's API takes ``max_items`` too, and its client sends that."""
    if isinstance(value, list):
        return [_camel(each) for each in value]
    if not isinstance(value, dict):
        return value
    plain = {_SNAKE.sub(lambda match: match[1].upper(), key): each for key, each in value.items()}
    named = {key: {name: _camel(each) for name, each in plain[key].items()} for key in plain.keys() & _NAMED}
    return {key: named[key] if key in named else _camel(each) for key, each in plain.items()}


def _thinks(config: Mapping[str, Any], asked: directives.Directives) -> bool:
    """Gemini thinks unless told otherwise; an answer that directives dictate only when it is asked to."""
    if config.get("thinkingBudget") == 0:
        return False
    return not asked.any or bool(
        config.get("includeThoughts") or config.get("thinkingBudget") or config.get("thinkingLevel")
    )


def _check(body: Mapping[str, Any]) -> None:
    contents = body.get("contents")
    if not isinstance(contents, list) or not contents:
        raise RefusedError(400, "* GenerateContentRequest.contents: contents is not specified\n")
    for content in contents:
        if not isinstance(content, dict) or (content.get("role") or "user") not in _ROLES:
            raise RefusedError(400, "Please use a valid role: user, model.")
        if not content.get("parts"):
            raise RefusedError(400, "* GenerateContentRequest.contents.parts: contents.parts must not be empty.\n")
    limit = (body.get("generationConfig") or {}).get("maxOutputTokens")
    if limit is not None and limit < 1:
        raise RefusedError(400, "* GenerateContentRequest.generation_config.max_output_tokens: must be positive\n")


def _tools(body: Mapping[str, Any]) -> list[Tool]:
    tools = _camel(body.get("tools") or ())  # old clients send one object where a list belongs, and the API takes it
    listed = [tools] if isinstance(tools, dict) else tools
    declared = [each for tool in listed for each in tool.get("functionDeclarations") or ()]
    return [
        Tool(
            each["name"], each.get("parametersJsonSchema") or each.get("parameters") or {}, each.get("description", "")
        )
        for each in declared
    ]


def _function_mode(body: Mapping[str, Any]) -> str:
    config = _camel(body.get("toolConfig") or {}).get("functionCallingConfig") or {}
    return str(config.get("mode", "AUTO"))


def _text(content: Mapping[str, Any]) -> str:
    return "\n".join(text for text in map(_part_text, content.get("parts") or ()) if text)


def _part_text(part: Mapping[str, Any]) -> str:
    if "text" in part:
        return str(part["text"])
    if "functionResponse" in part:
        return json.dumps(part["functionResponse"].get("response"), ensure_ascii=False)
    if "functionCall" in part:
        return f"{part['functionCall'].get('name')} {json.dumps(part['functionCall'].get('args'))}"
    return ""


def _directives(system: str, turns: tuple[tuple[str, str], ...]) -> directives.Directives:
    asked = [text for role, text in turns if role == "user" and text]
    try:
        return directives.parse(f"{system}\n{asked[-1] if asked else ''}")
    except ValueError as problem:
        raise RefusedError(400, str(problem)) from problem

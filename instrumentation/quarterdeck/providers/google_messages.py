"""Gemini requests and answers in the words of the GenAI conventions; pure functions."""

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from google.genai import _transformers as transformers
from google.genai import types

from quarterdeck import semconv
from quarterdeck.guard import guarded
from quarterdeck.providers.call import Parts, finish_reason
from quarterdeck.values import mark


def setting(configuration: Any, name: str) -> Any:
    """Read one field of a request's configuration, a model or a dictionary."""
    if isinstance(configuration, Mapping):
        return configuration.get(name)
    return getattr(configuration, name, None)


def request_attributes(configuration: Any) -> dict[str, Any]:
    """Attributes of the request's parameters."""
    sequences = setting(configuration, "stop_sequences")
    top_k = setting(configuration, "top_k")
    wants = setting(configuration, "response_mime_type")
    return {
        semconv.REQUEST_MAX_TOKENS: setting(configuration, "max_output_tokens"),
        semconv.REQUEST_TEMPERATURE: setting(configuration, "temperature"),
        semconv.REQUEST_TOP_P: setting(configuration, "top_p"),
        semconv.REQUEST_TOP_K: None if top_k is None else int(top_k),
        semconv.REQUEST_STOP_SEQUENCES: list(sequences) if sequences else None,
        semconv.REQUEST_SEED: setting(configuration, "seed"),
        semconv.REQUEST_CHOICE_COUNT: setting(configuration, "candidate_count"),
        semconv.REQUEST_FREQUENCY_PENALTY: setting(configuration, "frequency_penalty"),
        semconv.REQUEST_PRESENCE_PENALTY: setting(configuration, "presence_penalty"),
        semconv.REQUEST_REASONING_LEVEL: _word(setting(setting(configuration, "thinking_config"), "thinking_level")),
        semconv.OUTPUT_TYPE: "json" if wants == "application/json" else None,
    }


def _word(value: Any) -> str | None:
    """An enumeration's value in lower case."""
    return None if value is None else str(getattr(value, "value", value)).lower()


def input_messages(contents: Any) -> list[dict[str, Any]]:
    """Messages of a request, whatever form its contents have; empty when they are invalid."""
    with guarded("read the contents of a request"):
        try:
            normal = _transform(transformers.t_contents, contents)
        except (ValueError, TypeError):
            return []  # the SDK itself will refuse them with a better message
        return [_message(content) for content in normal if isinstance(content, types.Content)]
    return []


def _transform(transform: Callable[..., Any], value: Any) -> Any:
    """Let the SDK make its own form of a value; older versions ask for a client, which they do not use."""
    return transform(None, value) if "client" in inspect.signature(transform).parameters else transform(value)


def system_instructions(configuration: Any) -> Parts:
    """Parts of the system instruction."""
    given = setting(configuration, "system_instruction")
    if given is None:
        return []
    with guarded("read the system instruction of a request"):
        content = _transform(transformers.t_content, given)
        return parts_of(content.parts or [])
    return []


def tool_definitions(configuration: Any) -> list[Any]:
    """Tools offered to the model; a Python function by name and description."""
    return [_tool(tool) for tool in setting(configuration, "tools") or []]


def _tool(tool: Any) -> Any:
    if isinstance(tool, types.Tool):
        return tool.model_dump(exclude_none=True, mode="json")
    if callable(tool):
        name = getattr(tool, "__name__", str(tool))
        return {"type": "function", "name": name, "description": getattr(tool, "__doc__", None) or ""}
    return tool


def _message(content: types.Content) -> dict[str, Any]:
    role = {"model": "assistant", None: "user"}.get(content.role, content.role)
    return {"role": role, "parts": parts_of(content.parts or [])}


def parts_of(parts: Iterable[types.Part]) -> Parts:
    """Parts of one message."""
    return [_part(part) for part in parts]


def _part(part: types.Part) -> dict[str, Any]:
    if part.text is not None:
        return {"type": "reasoning" if part.thought else "text", "content": part.text}
    if part.function_call is not None:
        call = part.function_call
        return {"type": "tool_call", "id": call.id, "name": call.name, "arguments": call.args or {}}
    if part.function_response is not None:
        answer = part.function_response
        return {"type": "tool_call_response", "id": answer.id, "name": answer.name, "response": answer.response}
    if part.inline_data is not None:
        blob = part.inline_data
        return {"type": "blob", "mime_type": blob.mime_type, **mark(blob.data or b"", 0)}
    if part.file_data is not None:
        return {"type": "uri", "mime_type": part.file_data.mime_type, "uri": part.file_data.file_uri}
    return {"type": "other", "content": part.model_dump(exclude_none=True, mode="json")}


def answer_attributes(response: Any) -> dict[str, Any]:
    """Attributes of an answer or of the newest chunk of one: id, model, tokens."""
    usage = getattr(response, "usage_metadata", None)
    known = {
        semconv.RESPONSE_ID: getattr(response, "response_id", None),
        semconv.RESPONSE_MODEL: getattr(response, "model_version", None),
    }
    if usage is not None:
        # Embeddings answer with another usage type than generated content: it knows fewer of these.
        count = functools.partial(getattr, usage)
        thoughts = count("thoughts_token_count", None)
        known |= {
            semconv.USAGE_INPUT_TOKENS: _sum(
                count("prompt_token_count", None), count("tool_use_prompt_token_count", None)
            ),
            semconv.USAGE_OUTPUT_TOKENS: _sum(count("candidates_token_count", None), thoughts),
            semconv.USAGE_CACHE_READ_TOKENS: count("cached_content_token_count", None),
            semconv.USAGE_REASONING_TOKENS: thoughts,
        }
    return {key: value for key, value in known.items() if value is not None}


def _sum(*counts: int | None) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def reason_of(candidate: types.Candidate, *, tools: bool) -> str | None:
    """Why a candidate ended; a plain stop after a tool call is a ``tool_call``."""
    raw = candidate.finish_reason
    if raw is None:
        return None
    reason = finish_reason(str(getattr(raw, "value", raw)))
    return "tool_call" if reason == "stop" and tools else reason

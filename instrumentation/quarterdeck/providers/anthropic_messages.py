"""Claude requests, answers and stream events in the words of the GenAI conventions; pure functions and one parser."""

import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from quarterdeck import semconv
from quarterdeck.capture import Capture
from quarterdeck.providers.call import Parts, content_attributes, finish_reason, output_messages
from quarterdeck.values import dump, plain

_GZIP: Final = zlib.MAX_WBITS | 32
"""zlib's way to say: gzip or deflate, look at the header."""


def request_attributes(body: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes of what is sent: parameters, messages, tools."""
    sequences = body.get("stop_sequences")
    return {
        semconv.REQUEST_TEMPERATURE: body.get("temperature"),
        semconv.REQUEST_TOP_P: body.get("top_p"),
        semconv.REQUEST_TOP_K: body.get("top_k"),
        semconv.REQUEST_STOP_SEQUENCES: list(sequences) if sequences else None,
        **content_attributes(input_messages(body), system_instructions(body), body.get("tools")),
    }


def parameters(body: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes that the SDK's own spans have already."""
    thinking, output = _mapping(body.get("thinking") or {}), _mapping(body.get("output_config") or {})
    wants_json = _mapping(output.get("format") or body.get("output_format") or {}).get("type") == "json_schema"
    return {
        semconv.REQUEST_MAX_TOKENS: body.get("max_tokens"),
        semconv.REQUEST_REASONING_LEVEL: output.get("effort"),
        semconv.OUTPUT_TYPE: "json" if wants_json else None,
        semconv.ANTHROPIC_THINKING_TYPE: thinking.get("type"),
        semconv.ANTHROPIC_THINKING_BUDGET: thinking.get("budget_tokens"),
    }


def answer_attributes(message: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes of an answer's id, model and tokens; ``None`` for what it does not tell."""
    usage = message.get("usage") or {}
    fresh, read, written = (usage.get(f"{kind}input_tokens") for kind in ("", "cache_read_", "cache_creation_"))
    kept = usage.get("cache_creation") or {}
    return {
        semconv.RESPONSE_ID: message.get("id"),
        semconv.RESPONSE_MODEL: message.get("model"),
        semconv.USAGE_INPUT_TOKENS: None if fresh is None else fresh + (read or 0) + (written or 0),
        semconv.USAGE_OUTPUT_TOKENS: usage.get("output_tokens"),
        semconv.USAGE_CACHE_READ_TOKENS: read,
        semconv.USAGE_CACHE_WRITE_TOKENS: written,
        semconv.ANTHROPIC_CACHE_WRITE_MINUTES_TOKENS: kept.get("ephemeral_5m_input_tokens"),
        semconv.ANTHROPIC_CACHE_WRITE_HOUR_TOKENS: kept.get("ephemeral_1h_input_tokens"),
        semconv.USAGE_REASONING_TOKENS: (usage.get("output_tokens_details") or {}).get("thinking_tokens"),
    }


def said_attributes(parts: Parts, stop_reason: str | None, capture: Capture) -> dict[str, Any]:
    """Attributes of what the model said, as far as the capture policy of the call allows, and why it stopped."""
    reason = finish_reason(stop_reason) if stop_reason else None
    return {
        semconv.OUTPUT_MESSAGES: output_messages(parts, reason, capture),
        semconv.RESPONSE_FINISH_REASONS: None if reason is None else [reason],
    }


def input_messages(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Messages of a request."""
    messages = (_mapping(message) for message in body.get("messages") or [])
    return [{"role": message.get("role", "user"), "parts": parts_of(message.get("content"))} for message in messages]


def system_instructions(body: Mapping[str, Any]) -> Parts:
    """Parts of the system prompt."""
    return parts_of(body.get("system"))


def parts_of(content: Any) -> Parts:
    """Parts of one message, whose content is a text or a list of blocks."""
    if not content:
        return []
    if isinstance(content, str):
        return [{"type": "text", "content": content}]
    blocks = content if isinstance(content, Iterable) and not isinstance(content, Mapping) else [content]
    return [part_of(_mapping(block)) for block in blocks]


def _mapping(value: Any) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return value
    if isinstance(value, str):
        return {"type": "text", "text": value}
    known = plain(value)
    return known if isinstance(known, dict) else {"type": "other", "content": known}


def part_of(block: Mapping[str, Any]) -> dict[str, Any]:
    """One content block as a part."""
    kind = block.get("type", "text")
    if kind == "text":
        return {"type": "text", "content": block.get("text", "")}
    if kind == "thinking":
        return {"type": "reasoning", "content": block.get("thinking", "")}
    if kind in {"tool_use", "server_tool_use", "mcp_tool_use"}:
        given = block.get("input", {})
        return {"type": "tool_call", "id": block.get("id"), "name": block.get("name"), "arguments": given}
    if kind.endswith("tool_result"):
        return {"type": "tool_call_response", "id": block.get("tool_use_id"), "response": block.get("content")}
    source = block.get("source")
    if isinstance(source, Mapping):
        return _media(kind, source)
    return {"type": kind, "content": {key: value for key, value in block.items() if key != "type"}}


def _media(kind: str, source: Mapping[str, Any]) -> dict[str, Any]:
    if source.get("type") == "url":
        return {"type": "uri", "modality": kind, "uri": source.get("url")}
    data = source.get("data")
    size = {"base64_characters": len(data)} if isinstance(data, str) else {}
    return {"type": "blob", "modality": kind, "mime_type": source.get("media_type"), **size}


class StreamReader:
    """Read the server-sent events of a streamed answer, byte by byte as they pass, and keep what was said.

    Args:
        encoding: the response's ``Content-Encoding``.
    """

    def __init__(self, encoding: str = "") -> None:
        self._decoder = zlib.decompressobj(_GZIP) if encoding in {"gzip", "deflate"} else None
        self._readable = encoding in {"", "identity", "gzip", "deflate"}
        self._buffer = b""
        self._blocks: dict[int, dict[str, Any]] = {}
        self.message: dict[str, Any] = {}
        self.stop_reason: str | None = None
        self.stopped = False
        self.error: Mapping[str, Any] | None = None

    def feed(self, data: bytes) -> Iterator[tuple[str, str]]:
        """Take in bytes; give the pieces of content in them as ``(text | thinking | tool, text)``."""
        self._buffer += self.decode(data)
        while (end := self._buffer.find(b"\n")) >= 0:
            line, self._buffer = self._buffer[:end].rstrip(b"\r"), self._buffer[end + 1 :]
            if line.startswith(b"data:"):
                yield from self._event(json.loads(line[5:]))

    def decode(self, data: bytes) -> bytes:
        """Undo the compression; nothing where we cannot."""
        if not self._readable:
            return b""
        return self._decoder.decompress(data) if self._decoder is not None else data

    def _event(self, event: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        kind = event.get("type")
        if kind == "content_block_start":
            self._blocks[event["index"]] = {**event["content_block"], "partial": ""}
        elif kind == "content_block_delta":
            yield from self._delta(self._blocks[event["index"]], event["delta"])
        elif kind == "message_start":
            # Its count of output tokens is a placeholder until the last event tells the true one.
            self.message = dict(event["message"])
            self._count({"output_tokens": None, "output_tokens_details": None})
        elif kind == "message_delta":
            self.stop_reason = event["delta"].get("stop_reason") or self.stop_reason
            self._count({key: value for key, value in (event.get("usage") or {}).items() if value is not None})
        elif kind == "message_stop":
            self.stopped = True
        elif kind == "error":
            self.error = event.get("error") or {}

    def _count(self, usage: Mapping[str, Any]) -> None:
        self.message["usage"] = {**(self.message.get("usage") or {}), **usage}

    @staticmethod
    def _delta(block: dict[str, Any], delta: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        for key, kind in (("text", "text"), ("thinking", "thinking")):
            if key in delta:
                block[key] = block.get(key, "") + delta[key]
                yield kind, delta[key]
        if "partial_json" in delta:
            block["partial"] += delta["partial_json"]
            yield "tool", delta["partial_json"]

    def parts(self) -> Parts:
        """What was said so far."""
        return [part_of(_completed(self._blocks[index])) for index in sorted(self._blocks)]


def _completed(block: dict[str, Any]) -> dict[str, Any]:
    partial = block.get("partial")
    if not partial:
        return block
    try:
        return {**block, "input": json.loads(partial)}
    except ValueError:  # the stream was cut inside the arguments
        return {**block, "input": dump({"partial": partial})}

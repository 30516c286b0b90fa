"""Claude requests, answers and stream events in the words of the GenAI conventions; pure functions and one parser."""

import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from quarterdeck.providers.call import Parts
from quarterdeck.values import dump, plain

_GZIP: Final = zlib.MAX_WBITS | 32
"""zlib's way to say: gzip or deflate, look at the header."""


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
        self.stop_reason: str | None = None

    def feed(self, data: bytes) -> Iterator[tuple[str, str]]:
        """Take in bytes; give the pieces of content in them as ``(text | thinking | tool, text)``."""
        if not self._readable:
            return
        self._buffer += self._decoder.decompress(data) if self._decoder is not None else data
        while (end := self._buffer.find(b"\n")) >= 0:
            line, self._buffer = self._buffer[:end].rstrip(b"\r"), self._buffer[end + 1 :]
            if line.startswith(b"data:"):
                yield from self._event(json.loads(line[5:]))

    def _event(self, event: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        kind = event.get("type")
        if kind == "content_block_start":
            self._blocks[event["index"]] = {**event["content_block"], "partial": ""}
        elif kind == "content_block_delta":
            yield from self._delta(self._blocks[event["index"]], event["delta"])
        elif kind == "message_delta":
            self.stop_reason = event["delta"].get("stop_reason") or self.stop_reason

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

"""Anthropic Messages: answers as JSON and as server-sent events."""

import base64
import hashlib
import json
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from quarterdeck_runner.demo.provider import tokens
from quarterdeck_runner.demo.provider.errors import anthropic_body
from quarterdeck_runner.demo.provider.exchange import Answer, Piece, Request, Usage
from quarterdeck_runner.demo.provider.pacing import BrokenStreamError, Pace, paced

WORDS_PER_PIECE = (1, 3, 2, 5, 3, 2, 4)
"""How many words the pieces of a computed answer have, in turn."""

_STOP_REASONS = {
    "stop": "end_turn",
    "stop_sequence": "stop_sequence",
    "length": "max_tokens",
    "tool": "tool_use",
    "blocked": "refusal",
}


@dataclass(frozen=True)
class Reply:
    """An answer with all that its wire forms need."""

    request: Request
    answer: Answer
    usage: Usage
    message_id: str
    tool_id: str

    @classmethod
    def of(cls, request: Request, answer: Answer, usage: Usage) -> "Reply":
        """Give the answer its ids."""
        return cls(request, answer, usage, f"msg_{secrets.token_hex(12)}", f"toolu_{secrets.token_hex(12)}")

    @property
    def pieces(self) -> list[Piece]:
        """What is streamed, tool call excluded."""
        return self.answer.pieces(self.request.directives.any, WORDS_PER_PIECE)


def message(reply: Reply) -> dict[str, Any]:
    """The whole answer as the body of a JSON response."""
    return {
        **_head(reply),
        "content": [_whole(reply, block) for block in _blocks(reply)],
        **_end(reply),
        "usage": _usage(reply.usage, reply.usage.output),
    }


async def events(reply: Reply, pace: Pace) -> AsyncIterator[str]:
    """The answer as server-sent events, at its pace."""
    start = {**_head(reply), "content": [], "stop_reason": None, "stop_sequence": None, "stop_details": None}
    start["usage"] = _usage(reply.usage, min(1, reply.usage.output))
    yield _event("message_start", message=start)
    try:
        async for text in _content(reply, pace):
            yield text
    except BrokenStreamError:
        yield f"event: error\ndata: {json.dumps(anthropic_body(529))}\n\n"
        return
    usage = {key: value for key, value in _usage(reply.usage, reply.usage.output).items() if key in _DELTA_USAGE}
    yield _event("message_delta", delta=_end(reply), usage=usage)
    yield _event("message_stop")


_DELTA_USAGE = {
    "input_tokens",
    "output_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
    "output_tokens_details",
}


async def _content(reply: Reply, pace: Pace) -> AsyncIterator[str]:
    blocks = _blocks(reply)
    opened = -1
    async for piece in paced(reply.pieces, pace, reply.request.directives):
        index = blocks.index(piece.kind)
        while opened < index:
            async for text in _next_block(reply, blocks, opened):
                yield text
            opened += 1
        yield _delta(index, piece.kind, piece.text)
    while opened < len(blocks) - 1:
        async for text in _next_block(reply, blocks, opened):
            yield text
        opened += 1
        if blocks[opened] == "tool" and reply.answer.tool:
            for part in tokens.single(json.dumps(reply.answer.tool.arguments)):
                yield _delta(opened, "tool", part)
    if blocks:
        for text in _close(reply, blocks, opened):
            yield text


async def _next_block(reply: Reply, blocks: list[str], opened: int) -> AsyncIterator[str]:
    """Close the open block, if any, and open the next."""
    if opened >= 0:
        for text in _close(reply, blocks, opened):
            yield text
    yield _event("content_block_start", index=opened + 1, content_block=_empty(reply, blocks[opened + 1]))
    if opened < 0:
        yield _event("ping")


def _close(reply: Reply, blocks: list[str], index: int) -> list[str]:
    stop = _event("content_block_stop", index=index)
    if blocks[index] != "thinking":
        return [stop]
    delta = {"type": "signature_delta", "signature": _signature(reply)}
    return [_event("content_block_delta", index=index, delta=delta), stop]


def _blocks(reply: Reply) -> list[str]:
    answer = reply.answer
    if answer.finish == "blocked":
        return []
    thinking = ["thinking"] if reply.request.thinks else []
    if answer.tool:
        return [*thinking, "tool"]
    return [*thinking, "text"] if answer.text or not thinking else thinking


def _head(reply: Reply) -> dict[str, Any]:
    return {
        "id": reply.message_id,
        "type": "message",
        "role": "assistant",
        "model": reply.request.model,
        "container": None,
    }


def _end(reply: Reply) -> dict[str, Any]:
    blocked = reply.answer.finish == "blocked"
    details = {"type": "refusal", "category": "general_harms", "explanation": None} if blocked else None
    return {
        "stop_reason": _STOP_REASONS[reply.answer.finish],
        "stop_sequence": reply.answer.stop_sequence,
        "stop_details": details,
    }


def _whole(reply: Reply, block: str) -> dict[str, Any]:
    if block == "thinking":
        return {"type": "thinking", "thinking": reply.answer.thinking, "signature": _signature(reply)}
    if block == "tool" and reply.answer.tool:
        return {**_empty(reply, block), "input": reply.answer.tool.arguments}
    return {"type": "text", "text": reply.answer.text}


def _empty(reply: Reply, block: str) -> dict[str, Any]:
    if block == "thinking":
        return {"type": "thinking", "thinking": "", "signature": ""}
    if block == "tool" and reply.answer.tool:
        caller = {"type": "direct"}
        return {"type": "tool_use", "id": reply.tool_id, "name": reply.answer.tool.name, "input": {}, "caller": caller}
    return {"type": "text", "text": ""}


def _delta(index: int, kind: str, text: str) -> str:
    name, key = {
        "thinking": ("thinking_delta", "thinking"),
        "tool": ("input_json_delta", "partial_json"),
        "text": ("text_delta", "text"),
    }[kind]
    return _event("content_block_delta", index=index, delta={"type": name, key: text})


def _signature(reply: Reply) -> str:
    digest = hashlib.sha256(f"{reply.request.prompt}\0{reply.answer.thinking}".encode()).digest()
    return base64.b64encode(digest * 4).decode()


def _usage(usage: Usage, output: int) -> dict[str, Any]:
    return {
        "input_tokens": usage.prompt - usage.cache_read - usage.cache_write,
        "cache_read_input_tokens": usage.cache_read,
        "cache_creation_input_tokens": usage.cache_write,
        "cache_creation": {
            "ephemeral_5m_input_tokens": usage.cache_write - usage.cache_write_hour,
            "ephemeral_1h_input_tokens": usage.cache_write_hour,
        },
        "output_tokens": output,
        "output_tokens_details": {"thinking_tokens": min(usage.thinking, output)},
        "service_tier": "standard",
    }


def _event(kind: str, **fields: Any) -> str:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields}, ensure_ascii=False)}\n\n"

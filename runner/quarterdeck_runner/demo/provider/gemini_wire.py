"""Gemini: answers as JSON, as server-sent events and as a streamed JSON array; embeddings."""

import base64
import hashlib
import json
import math
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from quarterdeck_runner.demo.provider import tokens
from quarterdeck_runner.demo.provider.errors import google_body
from quarterdeck_runner.demo.provider.exchange import Answer, Piece, Request, Usage
from quarterdeck_runner.demo.provider.pacing import BrokenStreamError, Pace, paced
from quarterdeck_runner.demo.provider.responder import words

WORDS_PER_PIECE = (4, 9, 7, 11, 8)
"""How many words the pieces of a computed answer have, in turn: Gemini streams in larger pieces than Claude."""

EMBEDDING_SIZE = 768
"""Numbers in an embedding unless the client asks for another size."""

_FINISH = {"stop": "STOP", "stop_sequence": "STOP", "length": "MAX_TOKENS", "tool": "STOP", "blocked": "SAFETY"}
_HARMS = ("HATE_SPEECH", "DANGEROUS_CONTENT", "HARASSMENT", "SEXUALLY_EXPLICIT")


@dataclass(frozen=True)
class Reply:
    """An answer with all that its wire forms need."""

    request: Request
    answer: Answer
    usage: Usage
    response_id: str

    @classmethod
    def of(cls, request: Request, answer: Answer, usage: Usage) -> "Reply":
        """Give the answer its id."""
        return cls(request, answer, usage, secrets.token_urlsafe(16))

    @property
    def pieces(self) -> list[Piece]:
        """What is streamed, function call excluded."""
        return self.answer.pieces(self.request.directives.any, WORDS_PER_PIECE)


def response(reply: Reply) -> dict[str, Any]:
    """The whole answer as the body of a JSON response."""
    if reply.answer.finish == "blocked":
        return _blocked(reply)
    parts = [_part(Piece("thinking", reply.answer.thinking))] if reply.answer.thinking else []
    parts += [_part(Piece("text", reply.answer.text))] if reply.answer.text else []
    return _chunk(reply, parts + _function_call(reply), reply.usage.output - reply.usage.thinking, last=True)


async def chunks(reply: Reply, pace: Pace) -> AsyncIterator[dict[str, Any]]:
    """The answer as a sequence of partial responses, at its pace; an error chunk may end it."""
    if reply.answer.finish == "blocked":
        yield _blocked(reply)
        return
    said, calls, pieces = "", _function_call(reply), reply.pieces
    ends_with_text = bool(pieces) and not calls
    number = 0
    try:
        async for piece in paced(pieces, pace, reply.request.directives):
            said += piece.text if piece.kind == "text" else ""
            number += 1
            last = ends_with_text and number == len(pieces)
            yield _chunk(reply, [_part(piece)], tokens.count(said), last=last)
    except BrokenStreamError:
        yield google_body(503)
        return
    if not ends_with_text:
        yield _chunk(reply, calls, reply.usage.output - reply.usage.thinking, last=True)


async def as_events(reply: Reply, pace: Pace) -> AsyncIterator[str]:
    """The stream as server-sent events (``alt=sse``)."""
    async for chunk in chunks(reply, pace):
        yield f"data: {json.dumps(chunk, ensure_ascii=False)}\r\n\r\n"


async def as_array(reply: Reply, pace: Pace) -> AsyncIterator[str]:
    """The stream as one JSON array, an element at a time."""
    opening = "["
    async for chunk in chunks(reply, pace):
        yield f"{opening}{json.dumps(chunk, ensure_ascii=False, indent=2)}"
        opening = ",\r\n"
    yield "]"


def embedding(text: str, size: int) -> list[float]:
    """A unit vector in which every word has its fixed direction, so that texts that share words are near.

    Args:
        text: what to embed.
        size: numbers in the vector.
    """
    vector = [0.0] * size
    for word in words(text) or [text]:
        digest = hashlib.sha256(word.encode()).digest()
        for at in range(0, 32, 4):
            number = int.from_bytes(digest[at : at + 4], "big")
            vector[number % size] += 1.0 if number & (1 << 31) else -1.0
    length = math.sqrt(sum(value * value for value in vector)) or 1.0
    return [value / length for value in vector]


def _chunk(reply: Reply, parts: list[dict[str, Any]], said: int, last: bool) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"parts": parts, "role": "model"}, "index": 0}
    if not parts:
        candidate["content"] = {"role": "model"}
    if last:
        candidate["finishReason"] = _FINISH[reply.answer.finish]
    return {"candidates": [candidate], **_tail(reply, said)}


def _blocked(reply: Reply) -> dict[str, Any]:
    ratings = [
        {"category": f"HARM_CATEGORY_{harm}", "probability": "HIGH" if harm == "DANGEROUS_CONTENT" else "NEGLIGIBLE"}
        for harm in _HARMS
    ]
    feedback = {"blockReason": "SAFETY", "safetyRatings": ratings}
    return {"promptFeedback": feedback, **_tail(reply, 0)}


def _tail(reply: Reply, said: int) -> dict[str, Any]:
    usage = reply.usage
    numbers: dict[str, Any] = {
        "promptTokenCount": usage.prompt,
        "candidatesTokenCount": said,
        "totalTokenCount": usage.prompt + said + usage.thinking,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": usage.prompt}],
    }
    if usage.thinking:
        numbers["thoughtsTokenCount"] = usage.thinking
    if usage.cache_read:
        numbers["cachedContentTokenCount"] = usage.cache_read
        numbers["cacheTokensDetails"] = [{"modality": "TEXT", "tokenCount": usage.cache_read}]
    return {"usageMetadata": numbers, "modelVersion": reply.request.model, "responseId": reply.response_id}


def _part(piece: Piece) -> dict[str, Any]:
    return {"text": piece.text, "thought": True} if piece.kind == "thinking" else {"text": piece.text}


def _function_call(reply: Reply) -> list[dict[str, Any]]:
    call = reply.answer.tool
    if call is None:
        return []
    signature = base64.b64encode(hashlib.sha256(reply.request.prompt.encode()).digest()).decode()
    identity = hashlib.sha256(f"{reply.response_id}{call.name}".encode()).hexdigest()[:12]
    return [
        {"functionCall": {"id": identity, "name": call.name, "args": call.arguments}, "thoughtSignature": signature}
    ]

"""OTLP over HTTP to one target."""

import asyncio
import email.utils
import gzip
import logging
import time
from typing import Final

import httpx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # ships no types
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]  # ships no types

from quarterdeck_collector.forward.targets import Target
from quarterdeck_collector.forward.transport import LONGEST_WISH, Answer, Transport, Verdict, safe, taken
from quarterdeck_collector.receive.otlp import PROTOBUF, Kind

_FASTEST: Final = 1
_LATER: Final = frozenset({429, 502, 503, 504})
_FINAL: Final = {400: Verdict.BAD_REQUEST, 413: Verdict.TOO_LARGE, 422: Verdict.BAD_REQUEST}


class HttpTransport(Transport):
    """OTLP over HTTP, protobuf.

    Args:
        target: Where to.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        logging.getLogger("httpx").setLevel(logging.WARNING)  # it logs each request
        headers = {"content-type": PROTOBUF, "user-agent": "quarterdeck-collector", **dict(target.headers)}
        if target.compress:
            headers["content-encoding"] = "gzip"
        self._client = httpx.AsyncClient(headers=headers, timeout=None)  # noqa: S113 - each request has its own

    def encode(self, body: bytes) -> bytes:
        """Compress a request where the target wants it."""
        return gzip.compress(body, _FASTEST) if self._target.compress else body

    async def send(self, kind: Kind, payload: bytes) -> Answer:
        """Post a request."""
        try:
            async with asyncio.timeout(self._target.timeout):
                answer = await self._client.post(f"{self._target.name}/v1/{kind.name}", content=payload)
        except TimeoutError:
            return Answer(Verdict.LATER, f"no answer within {self._target.timeout:g} s")
        except httpx.HTTPError as error:
            return Answer(Verdict.LATER, safe(self._target, str(error) or type(error).__name__))
        if answer.is_success:
            return taken(self._target, kind, answer.content if _is_protobuf(answer) else b"")
        reason = safe(self._target, f"HTTP {answer.status_code} {_said(answer)}")
        if answer.status_code in _LATER:
            return Answer(Verdict.LATER, reason, pause=_retry_after(answer.headers.get("retry-after", "")))
        return Answer(_FINAL.get(answer.status_code, Verdict.REFUSED), reason)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()


def _is_protobuf(answer: httpx.Response) -> bool:
    return str(answer.headers.get("content-type", "")).startswith(PROTOBUF)


def _said(answer: httpx.Response) -> str:
    if not _is_protobuf(answer):
        return answer.text
    try:
        return str(Status.FromString(answer.content).message)
    except DecodeError:
        return ""


def _retry_after(value: str) -> float | None:
    if value.isascii() and value.isdigit():
        return min(float(value), LONGEST_WISH)
    try:
        moment = email.utils.parsedate_to_datetime(value).timestamp()
    except ValueError:
        return None
    return min(max(0.0, moment - time.time()), LONGEST_WISH)

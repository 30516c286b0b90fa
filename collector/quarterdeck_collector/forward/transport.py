"""A way to one target, and what its answers mean."""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final, Protocol

from google.protobuf.message import DecodeError, Message  # type: ignore[import-untyped]  # ships no types

from quarterdeck.redaction import scrub
from quarterdeck_collector.forward.targets import Target
from quarterdeck_collector.receive.otlp import Kind

LONGEST_WISH: Final = 300.0
"""Seconds; a target that asks for a longer pause is asked again after this time."""

_LONGEST_REASON: Final = 300


class Verdict(Enum):
    """What becomes of a request."""

    TAKEN = auto()
    LATER = auto()
    TOO_LARGE = auto()
    BAD_REQUEST = auto()
    REFUSED = auto()


@dataclass(frozen=True)
class Answer:
    """What a target said.

    Args:
        verdict: What becomes of the request.
        reason: Why, for people; holds no header.
        rejected: Spans, records or data points that it will never take, of a request that it took.
        pause: Seconds that it wants to be left alone; None if it does not say.
    """

    verdict: Verdict
    reason: str = ""
    rejected: int = 0
    pause: float | None = None


class Transport(Protocol):
    """A way to one target."""

    def encode(self, body: bytes) -> bytes:
        """Prepare a request for :meth:`send`; may take its time, off the event loop."""
        ...

    async def send(self, kind: Kind, payload: bytes) -> Answer:
        """Send a prepared request."""
        ...

    async def close(self) -> None:
        """Let go of the connection."""
        ...


def taken(target: Target, kind: Kind, answer: bytes) -> Answer:
    """Read the answer to a request that was taken, of which parts may have been rejected."""
    try:
        message: Any = kind.response.FromString(answer)
    except DecodeError:
        return Answer(Verdict.TAKEN)
    partial: Message = message.partial_success
    rejected = getattr(partial, partial.DESCRIPTOR.fields_by_number[1].name)
    return Answer(Verdict.TAKEN, safe(target, message.partial_success.error_message), max(0, rejected))


def safe(target: Target, reason: str) -> str:
    """Give a short reason on one line without what must not be shown: a target may quote the headers it got."""
    for _, value in target.headers:
        reason = reason.replace(value, "[redacted]")
    return scrub(" ".join(reason.split()))[:_LONGEST_REASON]

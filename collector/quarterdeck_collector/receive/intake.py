"""Requests whose bytes are here: checked, kept and answered, the same over HTTP and gRPC."""

import asyncio
from typing import TYPE_CHECKING, Any, Final, Self

from google.protobuf.message import Message  # type: ignore[import-untyped]  # ships no types

from quarterdeck_collector import limits, live
from quarterdeck_collector.commit import SpoolFullError
from quarterdeck_collector.limits import Admitted
from quarterdeck_collector.listen.messages import Row
from quarterdeck_collector.receive import otlp
from quarterdeck_collector.receive.body import OFFLOAD_BYTES
from quarterdeck_collector.receive.otlp import Kind
from quarterdeck_collector.redaction import cleaned
from quarterdeck_collector.refusals import StoreError

if TYPE_CHECKING:
    from quarterdeck_collector.collector import Collector

RETRY_SECONDS: Final = 5
"""After how long a client may send again what was refused for now."""

_LENGTH: Final = 400
"""Characters of names in a warning."""


class RefusalError(Exception):
    """A request that is not taken.

    Args:
        http: HTTP status.
        code: google.rpc.Code.
        text: What is wrong and what to do.
    """

    def __init__(self, http: int, code: int, text: str) -> None:
        super().__init__(text)
        self.http = http
        self.code = code

    @property
    def retry_after(self) -> int | None:
        """Seconds after which the same request may be taken; None if it never will be."""
        return RETRY_SECONDS if self.code == otlp.UNAVAILABLE else None

    def status(self) -> Message:
        """Say it as google.rpc.Status."""
        return otlp.status(self.code, str(self), self.retry_after)


class Reservation:
    """What one request takes of the memory for requests, from its first byte to its answer.

    Args:
        collector: Whose memory.
    """

    def __init__(self, collector: "Collector") -> None:
        self._collector = collector
        self._size = 0

    def __enter__(self) -> Self:
        return self

    def grow(self, size: int) -> None:
        """Take ``size`` bytes more; a request that is alone always may.

        Raises:
            RefusalError: If all requests together would hold too much.
        """
        total = self._collector.inflight_bytes
        if total > self._size and total + size > self._collector.settings.max_inflight_bytes:
            raise RefusalError(503, otlp.UNAVAILABLE, "too many requests at once; try again")
        self._collector.inflight_bytes += size
        self._size += size

    def __exit__(self, *_: object) -> None:
        self._collector.inflight_bytes -= self._size


async def take(collector: "Collector", kind: Kind, body: bytes, media: str) -> Message:
    """Return the answer to a request once it is kept.

    Args:
        collector: Keeps it.
        kind: Signal.
        body: Request without Content-Encoding; its memory is reserved by the caller.
        media: :data:`otlp.PROTOBUF` or :data:`otlp.JSON`.

    Raises:
        RefusalError: If it is not taken.
    """
    admitted = await _admit(collector, kind, body, media)
    message, body = await cleaned(collector.redaction, collector.counters, kind, admitted.message, admitted.body)
    if kind is otlp.LOGS:
        await _keep_logs(collector, message, body)
    else:
        await _keep(collector, kind, body, admitted.items)
    collector.counters.add("rejected_items", admitted.rejected, signal=kind.name)
    unknown = _not_understood(message) if kind is otlp.METRICS else ""
    return kind.answer(admitted.rejected, "; ".join(filter(None, (admitted.reason, unknown))))


async def _admit(collector: "Collector", kind: Kind, body: bytes, media: str) -> Admitted:
    try:
        if media == otlp.JSON and len(body) > OFFLOAD_BYTES:
            return await asyncio.to_thread(limits.admit, kind, body, media, collector.limits)
        return limits.admit(kind, body, media, collector.limits)
    except limits.TooMuchError as error:
        raise RefusalError(413, otlp.INVALID_ARGUMENT, str(error)) from error
    except otlp.BadRequestError as error:
        raise RefusalError(400, otlp.INVALID_ARGUMENT, str(error)) from error


async def _keep(collector: "Collector", kind: Kind, body: bytes, items: int) -> None:
    try:
        fresh = not items or await collector.streams[kind.name].commits.append(body, items)
    except SpoolFullError as error:
        raise RefusalError(503, otlp.UNAVAILABLE, f"the spool is full: {error}") from error
    collector.counters.add("accepted_items" if fresh else "duplicate_items", items, signal=kind.name)
    if fresh:
        collector.counters.add("accepted_bytes", len(body), signal=kind.name)


async def _keep_logs(collector: "Collector", message: Any, body: bytes) -> None:
    events, records = live.split(message)
    if records is not None:
        await _keep(
            collector, otlp.LOGS, body if events is None else records.SerializeToString(), otlp.LOGS.count(records)
        )
    if events is not None:  # last: should it fail, the client's retry finds the records above known
        await _keep_live(collector, list(live.decode(events)))


async def _keep_live(collector: "Collector", events: list[Row]) -> None:
    items = len(events)
    collector.meter.observe(events)
    try:
        await collector.live.accept(events)
    except StoreError as error:
        raise RefusalError(503, otlp.UNAVAILABLE, f"ClickHouse does not take live events: {error}") from error
    collector.counters.add("accepted_items", items, signal="live")
    collector.counters.add("stored_items", items, signal="live")


def _not_understood(message: Any) -> str:
    """Name the metrics whose data are of no type that OTLP had when this was written: they count as no data point."""
    names = [
        metric.name
        for scoped in otlp.METRICS.scopes(message)
        for metric in scoped.metrics
        if metric.WhichOneof("data") is None
    ]
    return f"metrics without data of a known type were not stored: {', '.join(names)[:_LENGTH]}" if names else ""

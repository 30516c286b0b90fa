"""OTLP over HTTP."""

import asyncio
from collections.abc import Callable
from typing import Any, Final, Self

from fastapi import APIRouter, Request, Response
from google.protobuf.message import Message  # type: ignore[import-untyped]  # ships no types
from starlette.requests import ClientDisconnect

from quarterdeck_collector import live
from quarterdeck_collector.collector import Collector
from quarterdeck_collector.commit import SpoolFullError
from quarterdeck_collector.receive import body as bodies
from quarterdeck_collector.receive import otlp
from quarterdeck_collector.receive.otlp import Kind
from quarterdeck_collector.redaction import cleaned
from quarterdeck_collector.store import StoreError

RETRY_AFTER: Final = "5"
"""Seconds after which a client may try again."""

router = APIRouter(prefix="/v1")


class RefusalError(Exception):
    """An answer other than 200.

    Args:
        http: HTTP status.
        code: google.rpc.Status code.
        text: What is wrong and what to do.
    """

    def __init__(self, http: int, code: int, text: str) -> None:
        super().__init__(text)
        self.http = http
        self.code = code


@router.post("/traces")
async def traces(request: Request) -> Response:
    """Take spans."""
    return await _answer(request, otlp.TRACES)


@router.post("/logs")
async def logs(request: Request) -> Response:
    """Take log records and live events."""
    return await _answer(request, otlp.LOGS)


@router.post("/metrics")
async def metrics(request: Request) -> Response:
    """Take metrics, say that they are not stored."""
    return await _answer(request, otlp.METRICS)


async def _answer(request: Request, kind: Kind) -> Response:
    collector: Collector = request.app.state.collector
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    headers: dict[str, str] = {}
    try:
        message = await _take(collector, request, kind, media)
        http = 200
    except RefusalError as refusal:
        message, http = otlp.status(refusal.code, str(refusal)), refusal.http
        if refusal.code == otlp.UNAVAILABLE:
            headers["Retry-After"] = RETRY_AFTER
    collector.counters.add("requests", signal=kind.name, status=str(http))
    media = media if media == otlp.JSON else otlp.PROTOBUF
    return Response(otlp.encode(message, media), http, headers, media)


async def _take(collector: Collector, request: Request, kind: Kind, media: str) -> Message:
    if media not in (otlp.PROTOBUF, otlp.JSON):
        raise RefusalError(415, otlp.INVALID_ARGUMENT, f"send {otlp.PROTOBUF} or {otlp.JSON}, not {media or 'nothing'}")
    with _Reservation(collector) as reservation:
        raw = await _body(collector, request, reservation.grow)
        try:
            if media == otlp.JSON and len(raw) > bodies.OFFLOAD_BYTES:
                message, body = await asyncio.to_thread(otlp.parse, kind, raw, media)
            else:
                message, body = otlp.parse(kind, raw, media)
        except otlp.BadRequestError as error:
            raise RefusalError(400, otlp.INVALID_ARGUMENT, str(error)) from error
        message, body = await cleaned(collector.redaction, collector.counters, kind, message, body)
        return await _keep(collector, kind, message, body)


async def _body(collector: Collector, request: Request, reserve: Callable[[int], None]) -> bytes:
    limit = collector.settings.max_body_bytes
    try:
        data = await bodies.read(request.stream(), limit, reserve)
        whole = await bodies.inflate(data, request.headers.get("content-encoding", ""), limit)
    except ClientDisconnect:
        raise RefusalError(400, otlp.INVALID_ARGUMENT, "the request ended before its body") from None
    except bodies.BodyTooLargeError:
        text = f"the request is larger than {limit} bytes; send smaller batches or raise --max-body-bytes"
        raise RefusalError(413, otlp.INVALID_ARGUMENT, text) from None
    except bodies.BadEncodingError as error:
        raise RefusalError(400, otlp.INVALID_ARGUMENT, f"the body does not decompress: {error}") from error
    except bodies.UnknownEncodingError as error:
        text = f"unknown Content-Encoding {error}; use gzip, deflate, zstd or none"
        raise RefusalError(415, otlp.INVALID_ARGUMENT, text) from error
    reserve(max(0, len(whole) - len(data)))
    return whole


class _Reservation:
    """What one request takes of the memory for requests, from its first byte to its answer."""

    def __init__(self, collector: Collector) -> None:
        self._collector = collector
        self._size = 0

    def __enter__(self) -> Self:
        return self

    def grow(self, size: int) -> None:
        """Take ``size`` bytes more; a request that is alone always may."""
        total = self._collector.inflight_bytes
        if total > self._size and total + size > self._collector.settings.max_inflight_bytes:
            raise RefusalError(503, otlp.UNAVAILABLE, "too many requests at once; try again")
        self._collector.inflight_bytes += size
        self._size += size

    def __exit__(self, *_: object) -> None:
        self._collector.inflight_bytes -= self._size


async def _keep(collector: Collector, kind: Kind, message: Any, body: bytes) -> Message:
    items = kind.count(message)
    if kind is otlp.METRICS:
        return _decline_metrics(collector, message)
    if kind is otlp.LOGS and live.is_live(message):
        return await _keep_live(collector, message, items)
    try:
        fresh = not items or await collector.streams[kind.name].commits.append(body, items)
    except SpoolFullError as error:
        raise RefusalError(503, otlp.UNAVAILABLE, f"the spool is full: {error}") from error
    collector.counters.add("accepted_items" if fresh else "duplicate_items", items, signal=kind.name)
    if fresh:
        collector.counters.add("accepted_bytes", len(body), signal=kind.name)
    return kind.response()


async def _keep_live(collector: Collector, message: Any, items: int) -> Message:
    try:
        await collector.live.accept(list(live.decode(message)))
    except StoreError as error:
        raise RefusalError(503, otlp.UNAVAILABLE, f"ClickHouse does not take live events: {error}") from error
    collector.counters.add("accepted_items", items, signal="live")
    collector.counters.add("stored_items", items, signal="live")
    return otlp.LOGS.response()


def _decline_metrics(collector: Collector, message: Any) -> Message:
    points = sum(
        len(getattr(metric, metric.WhichOneof("data")).data_points)
        for whole in message.resource_metrics
        for scoped in whole.scope_metrics
        for metric in scoped.metrics
        if metric.WhichOneof("data")
    )
    collector.counters.add("unsupported_items", points, signal="metrics")
    answer: Any = otlp.METRICS.response()
    if points:
        answer.partial_success.rejected_data_points = points
        answer.partial_success.error_message = "Quarterdeck does not store metrics yet; traces and logs are kept"
    return answer

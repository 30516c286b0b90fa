"""OTLP over HTTP."""

from collections.abc import Callable

from fastapi import APIRouter, Request, Response
from google.protobuf.message import Message  # type: ignore[import-untyped]  # ships no types
from starlette.requests import ClientDisconnect

from quarterdeck_collector.collector import Collector
from quarterdeck_collector.receive import body as bodies
from quarterdeck_collector.receive import intake, otlp
from quarterdeck_collector.receive.intake import RefusalError
from quarterdeck_collector.receive.otlp import Kind

router = APIRouter(prefix="/v1")


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
        if refusal.retry_after is not None:
            headers["Retry-After"] = str(refusal.retry_after)
    collector.counters.add("requests", signal=kind.name, status=str(http))
    media = media if media == otlp.JSON else otlp.PROTOBUF
    return Response(otlp.encode(message, media), http, headers, media)


async def _take(collector: Collector, request: Request, kind: Kind, media: str) -> Message:
    if media not in (otlp.PROTOBUF, otlp.JSON):
        raise RefusalError(415, otlp.INVALID_ARGUMENT, f"send {otlp.PROTOBUF} or {otlp.JSON}, not {media or 'nothing'}")
    with intake.Reservation(collector) as reservation:
        body = await _body(collector, request, reservation.grow)
        return await intake.take(collector, kind, body, media)


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

"""OTLP over HTTP."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.exception_handlers import http_exception_handler
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
    """Take metrics."""
    return await _answer(request, otlp.METRICS)


async def _answer(request: Request, kind: Kind) -> Response:
    collector: Collector = request.app.state.collector
    try:
        answer = _respond(request, await _take(collector, request, kind), 200)
    except RefusalError as refusal:
        headers = {} if refusal.retry_after is None else {"Retry-After": str(refusal.retry_after)}
        answer = _respond(request, refusal.status(), refusal.http, headers)
    collector.counters.add("requests", signal=kind.name, status=str(answer.status_code))
    return answer


async def no_route(request: Request, error: Any) -> Response:
    """Answer what no route answers as OTLP asks for, with a google.rpc.Status; a route's own 404 stays as it is.

    Args:
        request: Any request to the OTLP port.
        error: Starlette's ``HTTPException`` of 404 or 405.
    """
    is_method = error.status_code == HTTPStatus.METHOD_NOT_ALLOWED
    if not is_method and "endpoint" in request.scope:
        return await http_exception_handler(request, error)
    paths = ", ".join(f"/v1/{kind.name}" for kind in (otlp.TRACES, otlp.LOGS, otlp.METRICS))
    text = f"{error.detail}: {request.method} {request.url.path}; OTLP is taken by POST to {paths}"
    status = otlp.status(otlp.UNIMPLEMENTED if is_method else otlp.NOT_FOUND, text)
    return _respond(request, status, error.status_code, error.headers)


async def failed(request: Request, _: Exception) -> Response:
    """Answer, as OTLP asks for, where a route failed for a reason that nobody expected; the log says which."""
    text = "an error of the collector; its log says more"
    return _respond(request, otlp.status(otlp.INTERNAL, text), HTTPStatus.INTERNAL_SERVER_ERROR)


def _media(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _respond(request: Request, message: Message, http: int, headers: Mapping[str, str] | None = None) -> Response:
    """Answer in the encoding of the request; in JSON, which people can read, if that was none of OTLP's."""
    media = otlp.PROTOBUF if _media(request) == otlp.PROTOBUF else otlp.JSON
    return Response(otlp.encode(message, media), http, headers, media)


async def _take(collector: Collector, request: Request, kind: Kind) -> Message:
    media = _media(request)
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
        raise RefusalError(413, otlp.RESOURCE_EXHAUSTED, text) from None
    except bodies.BadEncodingError as error:
        raise RefusalError(400, otlp.INVALID_ARGUMENT, f"the body does not decompress: {error}") from error
    except bodies.UnknownEncodingError as error:
        text = f"unknown Content-Encoding {error}; use gzip, deflate, zstd or none"
        raise RefusalError(415, otlp.INVALID_ARGUMENT, text) from error
    reserve(max(0, len(whole) - len(data)))
    return whole

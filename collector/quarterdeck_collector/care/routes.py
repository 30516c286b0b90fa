"""The operations over HTTP, for commands that reach a running collector; they need the scope ``admin``."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from quarterdeck.price_file import PriceFileError
from quarterdeck_collector.care.derived import BusyDayError
from quarterdeck_collector.care.operations import Care, ClusterError
from quarterdeck_collector.care.restore import importable
from quarterdeck_collector.care.selection import Selection, SelectionError
from quarterdeck_collector.gate import BusyError
from quarterdeck_collector.prices import PricesError
from quarterdeck_collector.receive import body as bodies
from quarterdeck_collector.receive.otlp import JSON, PROTOBUF, BadRequestError, parse
from quarterdeck_collector.refusals import StoreError
from quarterdeck_collector.segments import frame
from quarterdeck_collector.threads import offload

router = APIRouter(prefix="/v1/admin")

_STATUS: Final[dict[type[Exception], int]] = {
    SelectionError: 400,
    ValueError: 400,
    BadRequestError: 400,
    PriceFileError: 400,
    PricesError: 500,
    BusyError: 409,
    ClusterError: 501,
    BusyDayError: 409,
    StoreError: 503,
}


class _Refusal(Exception):  # noqa: N818 - it is one
    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


async def _answered(work: Callable[[], Awaitable[Any]]) -> Response:
    try:
        answer = await work()
        return answer if isinstance(answer, Response) else JSONResponse(answer)
    except _Refusal as refusal:
        return JSONResponse({"error": str(refusal)}, refusal.status)
    except tuple(_STATUS) as error:
        status = next(_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS)
        return JSONResponse({"error": str(error)}, status)


@router.post("/purge")
async def purge(request: Request) -> Response:
    """Remove data for good."""

    async def work() -> dict[str, Any]:
        given = await _document(request)
        async with _alone(request):
            report = await offload(_care(request).purge, Selection.read(given), dry_run=bool(given.get("dry_run")))
        return report.as_dict()

    return await _answered(work)


@router.post("/reprice")
async def reprice(request: Request) -> Response:
    """Compute costs anew."""

    async def work() -> dict[str, Any]:
        given = await _document(request)
        models, dry_run = list(map(str, given.get("models") or ())), bool(given.get("dry_run"))
        async with _alone(request):
            report = await offload(_care(request).reprice, Selection.read(given), models, dry_run=dry_run)
        return report.as_dict()

    return await _answered(work)


@router.post("/export")
async def export(request: Request) -> Response:
    """Stream length-delimited OTLP messages; a stream that breaks off is not whole."""

    async def work() -> Response:
        given = await _document(request)
        kind, selection = importable(str(given.get("signal"))), Selection.read(given)
        messages = _care(request).export(kind, selection)
        first = await offload(next, messages, None)

        async def stream() -> AsyncIterator[bytes]:
            message = first
            while message is not None:
                yield frame(message.SerializeToString())
                message = await offload(next, messages, None)

        return StreamingResponse(stream(), media_type=PROTOBUF)

    return await _answered(work)


@router.post("/import")
async def restore(request: Request, signal: str) -> Response:
    """Store what of an OTLP request is not there yet."""

    async def work() -> dict[str, Any]:
        kind = importable(signal)
        _require(request, PROTOBUF)
        try:
            body = await bodies.read(request.stream(), _limit(request), lambda _: None)
        except bodies.BodyTooLargeError:
            raise _Refusal(413, f"a message is larger than {_limit(request)} bytes; raise --max-body-bytes") from None
        message, _ = parse(kind, body, PROTOBUF)
        async with _alone(request):
            return asdict(await offload(_care(request).restore, kind, message))

    return await _answered(work)


def _care(request: Request) -> Care:
    care: Care = request.app.state.collector.care
    return care


def _limit(request: Request) -> int:
    return int(request.app.state.collector.settings.max_body_bytes)


def _alone(request: Request) -> asyncio.Lock:
    """One operation at a time; the others wait."""
    lock: asyncio.Lock = request.app.state.collector.one_operation
    return lock


def _require(request: Request, media: str) -> None:
    """Insist on a content type that no web page can send without asking (CORS)."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != media:
        raise _Refusal(415, f"send {media}")


async def _document(request: Request) -> dict[str, Any]:
    _require(request, JSON)
    try:
        given = await request.json()
    except ValueError as error:
        raise _Refusal(400, f"the body is no JSON: {error}") from error
    if not isinstance(given, dict):
        raise _Refusal(400, "send a JSON object")
    return given

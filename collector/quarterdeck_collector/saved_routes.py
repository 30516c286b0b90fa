"""Saved objects over HTTP: read, save and delete; the scope ``admin`` changes them."""

import json
import re
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from quarterdeck_collector.receive import body as bodies
from quarterdeck_collector.receive.otlp import JSON
from quarterdeck_collector.refusals import StoreError
from quarterdeck_collector.saved import LARGEST_BYTES, ConflictError, SavedError, SavedObjects
from quarterdeck_collector.threads import offload

router = APIRouter(prefix="/v1/saved")

_VERSION: Final = re.compile(r'"(\d{1,20})"')
_STATUS: Final[dict[type[Exception], int]] = {SavedError: 400, ConflictError: 412, StoreError: 503}


@router.get("/{kind}")
async def listing(kind: str, request: Request) -> Response:
    """Give every object of a kind."""
    return await _answered(lambda: {"objects": [asdict(each) for each in _saved(request).all(kind)]})


@router.put("/{kind}/{object_id}")
async def put(kind: str, object_id: str, request: Request) -> Response:
    """Save an object; ``If-Match`` names the version that it replaces, ``If-None-Match: *`` says that it is new."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != JSON:
        return _refused(415, f"send {JSON}")  # a web page cannot send that without asking (CORS)
    try:
        raw = await bodies.read(request.stream(), LARGEST_BYTES, lambda _: None)
    except bodies.BodyTooLargeError:
        return _refused(413, f"a saved object may have {LARGEST_BYTES} bytes")
    try:
        document = _json(raw)
        replaced = expected(request)
    except SavedError as error:
        return _refused(400, str(error))
    return await _answered(lambda: {"version": _saved(request).put(kind, object_id, document, replaced)})


@router.delete("/{kind}/{object_id}")
async def delete(kind: str, object_id: str, request: Request) -> Response:
    """Delete an object."""

    def work() -> dict[str, Any]:
        _saved(request).delete(kind, object_id, expected(request))
        return {}

    return await _answered(work)


async def _answered(work: Callable[[], dict[str, Any]]) -> Response:
    try:
        return JSONResponse(await offload(work))
    except tuple(_STATUS) as error:
        return _refused(_STATUS.get(type(error), 503), str(error))


def _refused(status: int, text: str) -> Response:
    return JSONResponse({"error": text}, status)


def _json(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError as error:
        raise SavedError(f"the body is no JSON: {error}") from error


def expected(request: Request) -> int | None:
    """Read which version a change replaces: None for whichever there is, 0 for a new one.

    Raises:
        SavedError: ``If-Match`` is no version.
    """
    if request.headers.get("if-none-match") == "*":
        return 0
    given = request.headers.get("if-match")
    if given is None:
        return None
    found = _VERSION.fullmatch(given.strip())
    if not found:
        raise SavedError(f"If-Match must be a version in double quotes, not {given[:100]}")
    return int(found[1])


def _saved(request: Request) -> SavedObjects:
    saved: SavedObjects = request.app.state.collector.saved
    return saved

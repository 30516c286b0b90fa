"""Who did what: every request that steers or changes something becomes a log event, refused ones too."""

import json
import time
from typing import Any, Final

from opentelemetry.trace import INVALID_SPAN_CONTEXT, SpanContext
from starlette.types import ASGIApp, Message, Receive, Send
from starlette.types import Scope as Request

from quarterdeck import durable, semconv
from quarterdeck.channel import record_of
from quarterdeck.events import emit
from quarterdeck_runner.doors import ACTOR

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_REPORTS: Final = "/v1/heartbeats"
_REFUSED: Final = 400
_MAX_READ: Final = 1 << 20
_LOCAL: Final = "local"
"""Actor where no token is needed: somebody on this machine."""


class Audit:
    """ASGI middleware that tells of control actions.

    Args:
        app: the interface, its doors included.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, request: Request, receive: Receive, send: Send) -> None:
        """Serve one request."""
        path = request.get("path", "")
        if request["type"] != "http" or request["method"] in _SAFE or path.startswith(_REPORTS):
            await self._app(request, receive, send)
            return
        status, body = 500, b""

        async def listen(message: Message) -> None:
            nonlocal status, body
            if message["type"] == "http.response.start":
                status = message["status"]
            elif len(body) <= _MAX_READ:
                body += message.get("body", b"")
            await send(message)

        try:
            await self._app(request, receive, listen)
        finally:
            _tell(request, status, _fields(body))


def _fields(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body) if len(body) <= _MAX_READ else {}
    except ValueError:
        found = {}
    return found if isinstance(found, dict) else {}


def _tell(request: Request, status: int, answer: dict[str, Any]) -> None:
    actor = request.get(ACTOR) or (_LOCAL if ACTOR in request else "")
    route = request.get("route")
    action = str(getattr(route, "name", "") or f"{request['method']} {request['path']}")
    run_id = _run_id(request, answer)
    refused = str(answer.get("detail") or "") if status >= _REFUSED else ""
    attributes = {
        semconv.CONTROL_ACTION: action,
        semconv.CONTROL_ACTOR: actor or None,
        semconv.CONTROL_REASON: refused or None,
        semconv.RUN_ID: run_id or None,
        semconv.HTTP_METHOD: request["method"],
        semconv.HTTP_STATUS: status,
        semconv.URL_PATH: request["path"],
        semconv.CLIENT_ADDRESS: (request.get("client") or ("", 0))[0] or None,
    }
    said = f"{action}{f' of run {run_id}' if run_id else ''} by {actor or 'somebody unknown'}: {status}"
    context = _context(run_id, str(answer.get("trace_id") or ""))
    emit(record_of(semconv.EVENT_CONTROL, context, time.time_ns(), attributes, said))


def _run_id(request: Request, answer: dict[str, Any]) -> str:
    given = request.get("path_params", {}).get("run_id")
    made = answer.get("id") if request["path"].startswith("/v1/runs") else None
    return str(given or made or "")


def _context(run_id: str, trace_id: str) -> SpanContext:
    """The root span of a run of ours; a decorated program's is known to the program only."""
    if not run_id:
        return INVALID_SPAN_CONTEXT
    run = durable.identity(run_id, "")
    return run.span_context if trace_id == f"{run.trace_id:032x}" else INVALID_SPAN_CONTEXT

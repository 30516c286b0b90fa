"""The two ends of a recording on one port: the provider that the libraries call, and the collector they export to."""

import gzip
import json
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_KEPT_EVENTS = {"message_start", "message_delta", "error"}


class Listener:
    """Keeps OTLP bodies and the provider's answers until a driver says that its case is over."""

    def __init__(self, provider: ASGIApp) -> None:
        self._provider = provider
        self._bodies: list[bytes] = []
        self._calls: list[dict[str, Any]] = []
        self.cases: dict[str, tuple[bytes, list[dict[str, Any]]]] = {}

    def app(self) -> ASGIApp:
        """The listener as an ASGI application."""
        ours = Starlette(
            routes=[
                Route("/v1/traces", self._traces, methods=["POST"]),
                Route("/api/public/otel/v1/traces", self._traces, methods=["POST"]),
                Route("/v1/logs", self._ignored, methods=["POST"]),
                Route("/v1/metrics", self._ignored, methods=["POST"]),
                Route("/__case/{name}", self._case, methods=["POST"]),
            ]
        )

        async def route(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http" and ("/models/" in scope["path"] or "/messages" in scope["path"]):
                await self._call(scope, receive, send)
            else:
                await ours(scope, receive, send)

        return route

    async def _traces(self, request: Request) -> Response:
        body = await request.body()
        if request.headers.get("content-type", "").split(";")[0] != "application/x-protobuf":
            return Response("only protobuf is recorded", status_code=415)
        self._bodies.append(gzip.decompress(body) if request.headers.get("content-encoding") == "gzip" else body)
        return Response(b"", media_type="application/x-protobuf")

    async def _ignored(self, request: Request) -> Response:
        await request.body()
        return Response(b"", media_type="application/x-protobuf")

    async def _case(self, request: Request) -> Response:
        # messages of one protobuf type, one after the other, are one message
        self.cases[request.path_params["name"]] = (b"".join(self._bodies), self._calls)
        answer = {"bytes": sum(map(len, self._bodies)), "calls": len(self._calls)}
        self._bodies, self._calls = [], []
        return JSONResponse(answer)

    async def _call(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked, said, status = bytearray(), bytearray(), 0

        async def listen() -> Message:
            message = await receive()
            asked.extend(message.get("body", b""))
            return message

        async def speak(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            said.extend(message.get("body", b""))
            await send(message)

        await self._provider(scope, listen, speak)
        self._calls.append(
            {"path": scope["path"], "model": _model(scope["path"], bytes(asked)), "status": status}
            | {"response": _answer(bytes(said).decode())}
        )


def _model(path: str, asked: bytes) -> str:
    if "/models/" in path:
        return path.rpartition("/")[2].partition(":")[0]
    return str(json.loads(asked)["model"])


def _answer(body: str) -> Any:
    """The JSON answer, or of a stream those events that carry more than a piece of text."""
    lines = [line.removeprefix("data: ") for line in body.splitlines() if line.startswith("data: ")]
    if not lines:
        try:
            answer = json.loads(body)
        except ValueError:
            return None  # broken off in the middle
        return answer[-1:] if isinstance(answer, list) else _without_vectors(answer)
    events = [json.loads(line) for line in lines]
    if "type" in events[0]:
        return [event for event in events if event["type"] in _KEPT_EVENTS]
    return events[-1:]


def _without_vectors(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if name not in {"embedding", "embeddings"}}

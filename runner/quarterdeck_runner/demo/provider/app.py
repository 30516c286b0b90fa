"""The stand-in as an ASGI application."""

import json
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from quarterdeck_runner.demo.provider import errors
from quarterdeck_runner.demo.provider.anthropic_routes import AnthropicRoutes
from quarterdeck_runner.demo.provider.errors import RefusedError
from quarterdeck_runner.demo.provider.gemini_routes import GeminiRoutes
from quarterdeck_runner.demo.provider.settings import StandInSettings

_SECRET = {"authorization", "x-api-key", "x-goog-api-key", "cookie"}
_KEPT_REQUESTS = 1000
_MAX_BODY = 32 * 1024 * 1024

MARK = "x-quarterdeck-stand-in"
"""Header of ``/healthz`` by which a client tells the stand-in from a proxy to the real providers."""

Endpoint = Callable[[Request], Awaitable[Response]]


def create_app(settings: StandInSettings | None = None) -> Starlette:
    """Make the stand-in.

    Args:
        settings: speed of computed answers; from the environment by default.
    """
    return _StandIn(settings or StandInSettings()).app()


class _StandIn:
    """Routes of both providers and the list of what they were asked."""

    def __init__(self, settings: StandInSettings) -> None:
        self.anthropic = AnthropicRoutes(settings)
        self.gemini = GeminiRoutes(settings)
        self.received: deque[dict[str, Any]] = deque(maxlen=_KEPT_REQUESTS)

    def app(self) -> Starlette:
        claude, gemini = self._claude, self._google
        routes = [
            Route("/healthz", self._healthz),
            Route("/readyz", self._readyz),
            Route("/__requests", self._requests),
            Route("/v1/messages", claude(self.anthropic.messages), methods=["POST"]),
            Route("/v1/messages/count_tokens", claude(self.anthropic.count_tokens), methods=["POST"]),
            Route("/v1/models", self._models),
            Route("/v1beta/models", gemini(self.gemini.models)),
            Route("/{version}/models/{target}", gemini(self.gemini.call), methods=["POST"]),
            Route("/{version}/models/{model}", self._model),
        ]
        return Starlette(routes=routes, exception_handlers={404: self._unknown, 405: self._unknown})

    def _claude(self, endpoint: Endpoint) -> Endpoint:
        return self._guarded(endpoint, errors.anthropic_response)

    def _google(self, endpoint: Endpoint) -> Endpoint:
        return self._guarded(endpoint, errors.google_response)

    def _guarded(self, endpoint: Endpoint, refusal: Callable[[RefusedError], Response]) -> Endpoint:
        async def guarded(request: Request) -> Response:
            try:
                request.state.body = await self._body(request)
                self._remember(request)
                return await endpoint(request)
            except RefusedError as refused:
                return refusal(refused)
            except ClientDisconnect:
                return Response(status_code=499)

        return guarded

    async def _body(self, request: Request) -> Any:
        raw = await request.body()
        if len(raw) > _MAX_BODY:
            raise RefusedError(413)
        if request.method != "POST":
            return None
        try:
            body = json.loads(raw)
        except ValueError as problem:
            raise RefusedError(400, f"The request body is not valid JSON: {problem}") from problem
        if not isinstance(body, dict):
            raise RefusedError(400, "The request body is not a JSON object")
        return body

    def _remember(self, request: Request) -> None:
        headers = {name: "***" if name in _SECRET else value for name, value in request.headers.items()}
        url = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        self.received.append({"method": request.method, "path": url, "headers": headers, "body": request.state.body})

    async def _models(self, request: Request) -> Response:
        if "anthropic-version" in request.headers:
            return await self._claude(self.anthropic.models)(request)
        return await self._google(self.gemini.models)(request)

    async def _model(self, request: Request) -> Response:
        if "anthropic-version" in request.headers:
            return await self._claude(self.anthropic.model)(request)
        return await self._google(self.gemini.model)(request)

    async def _requests(self, _: Request) -> Response:
        return JSONResponse(list(self.received))

    async def _healthz(self, _: Request) -> Response:
        return JSONResponse({"status": "ok"}, headers={MARK: "true"})

    async def _readyz(self, _: Request) -> Response:
        return JSONResponse({"status": "ok", "checks": {}})

    async def _unknown(self, request: Request, _: Exception) -> Response:
        refused = RefusedError(404, f"The stand-in has no {request.method} {request.url.path}")
        if "anthropic-version" in request.headers:
            return errors.anthropic_response(refused)
        return errors.google_response(refused)

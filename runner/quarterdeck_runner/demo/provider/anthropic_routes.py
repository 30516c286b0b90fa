"""Anthropic Messages: the endpoints."""

import json
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response

from quarterdeck_runner.demo.provider import anthropic_api, anthropic_wire, errors, models
from quarterdeck_runner.demo.provider.exchange import Answer, Request, Usage
from quarterdeck_runner.demo.provider.pacing import CuttableResponse, Pace, cut_body, wait_for_all
from quarterdeck_runner.demo.provider.reply import Repeats, answer, usage
from quarterdeck_runner.demo.provider.settings import StandInSettings


class AnthropicRoutes:
    """``/v1/messages`` and its neighbours."""

    def __init__(self, settings: StandInSettings) -> None:
        self._settings = settings
        self._repeats = Repeats()
        self._cached: set[str] = set()

    async def messages(self, http: HttpRequest) -> Response:
        """``POST /v1/messages``, as JSON or as a stream."""
        body = http.state.body
        request = self._request(http)
        self._repeats.refuse_if_asked(request)
        said = answer(request)
        reply = anthropic_wire.Reply.of(request, said, self._usage(body, request, said))
        pace = Pace.of(request.directives, self._settings.ttft, self._settings.tokens_per_second)
        headers = {"request-id": errors.request_id(), "anthropic-organization-id": "stand-in"}
        if body.get("stream"):
            events = anthropic_wire.events(reply, pace)
            return CuttableResponse(events, headers=headers, media_type="text/event-stream")
        await wait_for_all(reply.pieces, pace)
        return _whole(reply, headers)

    async def count_tokens(self, http: HttpRequest) -> Response:
        """``POST /v1/messages/count_tokens``."""
        request = self._request(http, counting=True)
        headers = {"request-id": errors.request_id()}
        return JSONResponse({"input_tokens": request.prompt_tokens}, headers=headers)

    async def models(self, http: HttpRequest) -> Response:
        """``GET /v1/models``."""
        anthropic_api.check_headers(http.headers)
        return JSONResponse(models.claude_list(), headers={"request-id": errors.request_id()})

    async def model(self, http: HttpRequest) -> Response:
        """``GET /v1/models/{model}``."""
        anthropic_api.check_headers(http.headers)
        identity = anthropic_api.check_model(http.path_params["model"])
        return JSONResponse(models.claude_named(identity), headers={"request-id": errors.request_id()})

    def _request(self, http: HttpRequest, counting: bool = False) -> Request:
        anthropic_api.check_headers(http.headers)
        return anthropic_api.read(http.state.body, http.headers["anthropic-version"], counting)

    def _usage(self, body: Mapping[str, Any], request: Request, said: Answer) -> Usage:
        """Tokens of the call; a prefix that is marked for caching is written once and read from then on."""
        size, hour = anthropic_api.cacheable(body)
        if not size:
            return usage(request, said)
        key = anthropic_api.cache_key(body)
        if key in self._cached:
            return usage(request, said, cache_read=size)
        self._cached.add(key)
        return usage(request, said, cache_write=size, cache_write_hour=size if hour else 0)


def _whole(reply: anthropic_wire.Reply, headers: dict[str, str]) -> Response:
    body = anthropic_wire.message(reply)
    asked = reply.request.directives
    if asked.stream_error is not None:
        return errors.anthropic_response(errors.RefusedError(529))
    if asked.cut is not None:
        return cut_body(json.dumps(body).encode(), "application/json")
    return JSONResponse(body, headers=headers)

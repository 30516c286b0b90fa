"""Gemini: the endpoints."""

import json
from typing import Any

from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response

from quarterdeck_runner.demo.provider import errors, gemini_api, gemini_wire, models, tokens
from quarterdeck_runner.demo.provider.pacing import CuttableResponse, Pace, cut_body, wait_for_all
from quarterdeck_runner.demo.provider.reply import Repeats, answer, usage
from quarterdeck_runner.demo.provider.settings import StandInSettings


class GeminiRoutes:
    """``/{version}/models/{model}:{method}`` and the list of models."""

    def __init__(self, settings: StandInSettings) -> None:
        self._settings = settings
        self._repeats = Repeats()
        self._methods = {
            "generateContent": self._generate,
            "streamGenerateContent": self._stream,
            "countTokens": self._count,
            "embedContent": self._embed,
            "batchEmbedContents": self._embed_batch,
        }

    async def call(self, http: HttpRequest) -> Response:
        """``POST /{version}/models/{model}:{method}``."""
        gemini_api.check_key(http.headers, http.query_params)
        model, _, method = http.path_params["target"].partition(":")
        version = http.path_params["version"]
        if version not in {"v1", "v1beta", "v1alpha"} or method not in self._methods:
            raise errors.RefusedError(404, f"The stand-in has no method {method!r} in {version}")
        return await self._methods[method](http, gemini_api.check_model(model, version, method))

    async def models(self, http: HttpRequest) -> Response:
        """``GET /{version}/models``."""
        gemini_api.check_key(http.headers, http.query_params)
        return JSONResponse(models.gemini_list())

    async def model(self, http: HttpRequest) -> Response:
        """``GET /{version}/models/{model}``."""
        gemini_api.check_key(http.headers, http.query_params)
        name, version = http.path_params["model"], http.path_params["version"]
        return JSONResponse(models.gemini_named(gemini_api.check_model(name, version, "getModel")))

    async def _generate(self, http: HttpRequest, model: str) -> Response:
        reply, pace = self._reply(http, model)
        await wait_for_all(reply.pieces, pace)
        asked = reply.request.directives
        if asked.stream_error is not None:
            raise errors.RefusedError(503)
        body = gemini_wire.response(reply)
        if asked.cut is not None:
            return cut_body(json.dumps(body).encode(), "application/json")
        return JSONResponse(body)

    async def _stream(self, http: HttpRequest, model: str) -> Response:
        reply, pace = self._reply(http, model)
        if http.query_params.get("alt") == "sse":
            return CuttableResponse(gemini_wire.as_events(reply, pace), media_type="text/event-stream")
        return CuttableResponse(gemini_wire.as_array(reply, pace), media_type="application/json")

    async def _count(self, http: HttpRequest, model: str) -> Response:
        body = http.state.body.get("generateContentRequest") or http.state.body
        request = gemini_api.read(model, body)
        details = [{"modality": "TEXT", "tokenCount": request.prompt_tokens}]
        return JSONResponse({"totalTokens": request.prompt_tokens, "promptTokensDetails": details})

    async def _embed(self, http: HttpRequest, _model: str) -> Response:
        values, size = _embedding(http.state.body)
        return JSONResponse({"embedding": {"values": values}, "usageMetadata": {"promptTokenCount": size}})

    async def _embed_batch(self, http: HttpRequest, _model: str) -> Response:
        requests = http.state.body.get("requests")
        if not requests:
            raise errors.RefusedError(400, "* BatchEmbedContentsRequest.requests: requests is not specified\n")
        results = [_embedding(each) for each in requests]
        usage_metadata = {"promptTokenCount": sum(size for _, size in results)}
        return JSONResponse({"embeddings": [{"values": v} for v, _ in results], "usageMetadata": usage_metadata})

    def _reply(self, http: HttpRequest, model: str) -> tuple[gemini_wire.Reply, Pace]:
        request = gemini_api.read(model, http.state.body)
        self._repeats.refuse_if_asked(request)
        said = answer(request)
        pace = Pace.of(request.directives, self._settings.ttft, self._settings.tokens_per_second)
        return gemini_wire.Reply.of(request, said, usage(request, said)), pace


def _embedding(request: dict[str, Any]) -> tuple[list[float], int]:
    text = gemini_api.content_text(request.get("content") or {})
    if not text:
        raise errors.RefusedError(400, "* EmbedContentRequest.content: contents is not specified\n")
    config = request.get("embedContentConfig") or request
    size = config.get("outputDimensionality") or gemini_wire.EMBEDDING_SIZE
    return gemini_wire.embedding(text, size), tokens.count(text)

"""Spans of our own for clients of the Anthropic SDK that make none: older than 1.17, or with their own switched off."""

import functools
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import anthropic

from quarterdeck import failures, semconv
from quarterdeck.guard import guarded
from quarterdeck.providers.anthropic_body import http, reader_for, watch
from quarterdeck.providers.anthropic_messages import (
    answer_attributes,
    parameters,
    parts_of,
    request_attributes,
    said_attributes,
)
from quarterdeck.providers.call import Call, Parts, current_call

_OPERATIONS: Final = {
    "/v1/messages": semconv.OPERATION_CHAT,
    "/v1/messages/count_tokens": semconv.OPERATION_COUNT_TOKENS,
}


def wrap_request(original: Callable[..., Any]) -> Callable[..., Any]:
    """Observe a call of a synchronous client, with all its attempts and the reading of its answer."""

    def request(self: Any, cast_to: Any, options: Any, *args: Any, **kwargs: Any) -> Any:
        compute = functools.partial(original, self, cast_to, options, *args, **kwargs)
        call = _begin(self, options, kwargs)
        if call is None:
            return compute()
        try:
            with call.active():
                result = compute()
        except BaseException as error:
            call.finish({}, error, error_kind(error))
            raise
        _observe(call, result)
        return result

    return request


def wrap_async_request(original: Callable[..., Any]) -> Callable[..., Any]:
    """As above, for asynchronous clients."""

    async def request(self: Any, cast_to: Any, options: Any, *args: Any, **kwargs: Any) -> Any:
        compute = functools.partial(original, self, cast_to, options, *args, **kwargs)
        call = _begin(self, options, kwargs)
        if call is None:
            return await compute()
        try:
            with call.active():
                result = await compute()
        except BaseException as error:
            call.finish({}, error, error_kind(error))
            raise
        _observe(call, result)
        return result

    return request


def wrap_build_request(original: Callable[..., Any]) -> Callable[..., Any]:
    """Observe each attempt: only here every version of the SDK has the body as it is sent."""

    def build(self: Any, options: Any, *args: Any, **kwargs: Any) -> Any:
        with guarded("observe an Anthropic request"):
            call = current_call()
            if call is not None and _operation(options) is not None:
                call.attempted()
                if isinstance(options.json_data, Mapping) and not kwargs.get("retries_taken"):
                    call.asked({**parameters(options.json_data), **request_attributes(options.json_data)})
        return original(self, options, *args, **kwargs)

    return build


def _operation(options: Any) -> str | None:
    path = urlsplit(str(options.url)).path
    return _OPERATIONS.get(path) if str(options.method).lower() == "post" else None


def _begin(client: Any, options: Any, kwargs: Mapping[str, Any]) -> Call | None:
    with guarded("start the span of an Anthropic call"):
        operation = _operation(options)
        if operation is None or getattr(client, "_tracer", None) is not None:
            return None
        body = options.json_data if isinstance(options.json_data, Mapping) else {}
        stream = {semconv.REQUEST_STREAM: True if kwargs.get("stream") else None}
        model = str(body.get("model") or "")
        return Call(operation, semconv.PROVIDER_ANTHROPIC, model, str(client.base_url), stream)
    return None


def _observe(call: Call, result: Any) -> None:
    with guarded("observe an Anthropic answer"):
        response = getattr(result, "http_response", None) or getattr(result, "response", None)
        if isinstance(response, http.Response) and not response.is_closed:
            watch(response, _Reading(call, response))
            return
        message = response.json() if isinstance(response, http.Response) else result.to_dict()
        identity = response.headers.get("request-id") if response is not None else getattr(result, "_request_id", None)
        facts = _facts(call, message, parts_of(message.get("content")), message.get("stop_reason"))
        call.finish({**facts, semconv.ANTHROPIC_REQUEST_ID: identity})
        return
    call.finish({})


def _facts(call: Call, message: Mapping[str, Any], parts: Parts, stop_reason: str | None) -> dict[str, Any]:
    counted = {semconv.COUNTED_TOKENS: message.get("input_tokens")}
    return {**answer_attributes(message), **said_attributes(parts, stop_reason, call.capture), **counted}


class _Reading:
    """What passes through a tee, turned into chunk events and, at its end, into the attributes of our span."""

    def __init__(self, call: Call, response: Any) -> None:
        self._call = call
        self._reader = reader_for(response)
        self._identity = response.headers.get("request-id")
        self._ended = False
        call.cancelled_by(self.end)

    def feed(self, data: bytes) -> None:
        with guarded("read an Anthropic stream"):
            for kind, text in self._reader.feed(data):
                self._call.content(kind, text)

    def end(self, error: BaseException | None = None, *, whole: bool = False) -> None:
        if self._ended:
            return
        self._ended = True
        reader, facts = self._reader, {semconv.ANTHROPIC_REQUEST_ID: self._identity}
        with guarded("summarise an Anthropic stream"):
            facts |= _facts(self._call, reader.message, reader.parts(), reader.stop_reason)
            if reader.error is not None:
                self._call.fail(str(reader.error.get("type")), str(reader.error.get("message")))
            elif whole and not reader.stopped:
                self._call.fail("api_error", "the stream ended before its end event")
        self._call.finish(facts, error, error_kind(error))


def error_kind(error: BaseException | None) -> str:
    """An error's type as Anthropic names it; as its SDK does where there was no answer; empty for others."""
    if isinstance(error, (anthropic.APITimeoutError, http.TimeoutException)):
        return "client_timeout_error"
    if isinstance(error, (anthropic.APIConnectionError, http.TransportError)):
        return "connection_error"
    if isinstance(error, anthropic.APIStatusError):
        body = error.body if isinstance(error.body, Mapping) else {}
        said = body.get("error")
        return str((said if isinstance(said, Mapping) else {}).get("type") or error.status_code)
    return failures.error_type(error) if isinstance(error, Exception) else ""

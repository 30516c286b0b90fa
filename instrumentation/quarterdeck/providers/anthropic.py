"""Enrich the spans that the Anthropic SDK makes by itself (1.17 and newer), through its own client middleware.

The SDK's span is right about parents, retries, usage and errors. What it lacks is added: a conventional name, the
prompt from the start, the answer of every kind of stream, finish reasons, live events.
"""

import functools
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any, Final

import httpx2
from anthropic import _base_client as base_client
from anthropic._middleware import AsyncCallNext, CallNext, Middleware
from anthropic._request import APIRequest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, Span

from quarterdeck import config, live, semconv
from quarterdeck.guard import guarded
from quarterdeck.providers.anthropic_messages import StreamReader, input_messages, parts_of, system_instructions
from quarterdeck.providers.call import Parts, content_attributes, finish_reason, output_messages, tell_chunk

log: Final = logging.getLogger("quarterdeck")

_SDK_SCOPE: Final = "com.anthropic.sdk.python"
_MARK: Final = "__quarterdeck__"


def instrument() -> None:
    """Add the middleware to every client made from now on; doing it again changes nothing."""
    for owner in (base_client.SyncAPIClient, base_client.AsyncAPIClient):
        original: Callable[..., None] = owner.__init__
        if not hasattr(original, _MARK):
            wrapper = functools.wraps(original)(_wrap_init(original))
            setattr(wrapper, _MARK, True)
            owner.__init__ = wrapper  # type: ignore[method-assign] # patching construction is the point


def instrument_client(client: Any) -> None:
    """Add the middleware to a client that exists already."""
    if not any(isinstance(item, Observe) for item in client.middleware):
        client._middleware = (*client.middleware, Observe())  # noqa: SLF001 - the SDK has no public way for this client
        client._middleware_chain = client._build_middleware_chain()  # noqa: SLF001 - as above


def _wrap_init(original: Callable[..., None]) -> Callable[..., None]:
    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        given = tuple(kwargs.get("middleware") or ())
        if not any(isinstance(item, Observe) for item in given):
            kwargs["middleware"] = (*given, Observe())
        original(self, *args, **kwargs)

    return init


class Observe(Middleware):
    """Runs once per HTTP attempt, inside the SDK's retry loop, while the SDK's call span is current."""

    def handle(self, request: APIRequest, call_next: CallNext) -> Any:
        """Observe one attempt of a synchronous call."""
        span = _begin(request)
        response = call_next(request)
        if span is not None:
            _observe(request, response.http_response, span, _Tee)
        return response

    async def handle_async(self, request: APIRequest, call_next: AsyncCallNext) -> Any:
        """Observe one attempt of an asynchronous call."""
        span = _begin(request)
        response = await call_next(request)
        if span is not None:
            _observe(request, response.http_response, span, _AsyncTee)
        return response


def _begin(request: APIRequest) -> Span | None:
    with guarded("observe an Anthropic call"):
        span = trace.get_current_span()
        body = request.options.json_data
        if not isinstance(span, Span) or not isinstance(body, Mapping) or not _is_message_call(span):
            return None
        if not request.retries_taken:
            _enrich(span, body)
        return span
    return None


def _is_message_call(span: ReadableSpan) -> bool:
    scope = span.instrumentation_scope
    attributes = span.attributes or {}
    ours = scope is not None and scope.name.startswith(_SDK_SCOPE)
    return ours and attributes.get(semconv.OPERATION_NAME) == semconv.OPERATION_CHAT


def _enrich(span: Span, body: Mapping[str, Any]) -> None:
    span.update_name(f"{semconv.OPERATION_CHAT} {body.get('model', '')}".strip())
    asked = {
        semconv.REQUEST_TEMPERATURE: body.get("temperature"),
        semconv.REQUEST_TOP_P: body.get("top_p"),
        semconv.REQUEST_TOP_K: body.get("top_k"),
        semconv.REQUEST_STOP_SEQUENCES: list(body.get("stop_sequences") or ()) or None,
        **content_attributes(input_messages(body), system_instructions(body), body.get("tools")),
    }
    known = {key: value for key, value in asked.items() if value is not None}
    span.set_attributes(known)
    channel = config.live()
    if channel is not None:
        channel.opened(live.CALL, span, {**(span.attributes or {}), **known})


def _observe(request: APIRequest, response: Any, span: Span, tee: Callable[[Any, "_Reading"], Any]) -> None:
    with guarded("observe an Anthropic answer"):
        if response.status_code >= httpx2.codes.BAD_REQUEST:
            return
        if "text/event-stream" in response.headers.get("content-type", ""):
            reader = _Reading(span, StreamReader(response.headers.get("content-encoding", "")))
            response.stream = tee(response.stream, reader)
        elif response.is_closed and not request.stream:
            answer = json.loads(response.content)
            _record(span, parts_of(answer.get("content")), answer.get("stop_reason"))


def _record(span: Span, parts: Parts, stop_reason: str | None) -> None:
    if not span.is_recording():
        return
    reason = finish_reason(stop_reason) if stop_reason else None
    said = output_messages(parts, reason)
    if said is not None:
        span.set_attribute(semconv.OUTPUT_MESSAGES, said)
    if reason is not None:
        span.set_attribute(semconv.RESPONSE_FINISH_REASONS, [reason])


class _Reading:
    """What passes through a tee, turned into chunk events and, just before the span ends, into attributes."""

    def __init__(self, span: Span, reader: StreamReader) -> None:
        self._span = span
        self._reader = reader
        # However the reading ends (read up, closed, cut, dropped), the SDK ends the span; nothing else sees them all.
        self._end: Callable[..., None] = span.end
        span.end = self._record_and_end  # type: ignore[method-assign] # this one span only

    def feed(self, data: bytes) -> None:
        with guarded("read an Anthropic stream"):
            for kind, text in self._reader.feed(data):
                tell_chunk(self._span, kind, text)

    def _record_and_end(self, end_time: int | None = None) -> None:
        with guarded("summarise an Anthropic stream"):
            _record(self._span, self._reader.parts(), self._reader.stop_reason)
        self._end(end_time)


class _Tee(httpx2.SyncByteStream):
    """The body of a streamed response, watched as it passes."""

    def __init__(self, inner: Any, reading: _Reading) -> None:
        self._inner = inner
        self._reading = reading

    def __iter__(self) -> Iterator[bytes]:
        for data in self._inner:
            self._reading.feed(data)
            yield data

    def close(self) -> None:
        self._inner.close()


class _AsyncTee(httpx2.AsyncByteStream):
    """As above, for asynchronous clients."""

    def __init__(self, inner: Any, reading: _Reading) -> None:
        self._inner = inner
        self._reading = reading

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for data in self._inner:
            self._reading.feed(data)
            yield data

    async def aclose(self) -> None:
        await self._inner.aclose()

"""Enrich the spans that the Anthropic SDK makes by itself, through its own client middleware.

The SDK's span is right about parents, retries, usage and the type of an error. What it lacks is added: a conventional
name, the prompt from the start, the answer of every kind of stream, finish reasons, what an error says, live events.
"""

import json
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from anthropic._middleware import AsyncCallNext, CallNext, Middleware
from anthropic._request import APIRequest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, Span
from opentelemetry.trace import StatusCode

from quarterdeck import config, failures, live_kinds, semconv, termination
from quarterdeck.capture import Capture
from quarterdeck.guard import guarded
from quarterdeck.providers.anthropic_body import is_stream, reader_for, watch
from quarterdeck.providers.anthropic_messages import (
    answer_attributes,
    parts_of,
    request_attributes,
    said_attributes,
)
from quarterdeck.providers.call import Parts, tell_chunk

_SDK_SCOPE: Final = "com.anthropic.sdk.python"
_BAD_REQUEST: Final = 400


def wrap_init(original: Callable[..., None]) -> Callable[..., None]:
    """Add the middleware to a client that is made."""

    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        given = tuple(kwargs.get("middleware") or ())
        if not any(isinstance(item, Observe) for item in given):
            kwargs["middleware"] = (*given, Observe())
        original(self, *args, **kwargs)

    return init


def instrument_client(client: Any) -> None:
    """Add the middleware to a client that exists already."""
    Observe.active = True
    if not any(isinstance(item, Observe) for item in client.middleware):
        client._middleware = (*client.middleware, Observe())  # noqa: SLF001 - the SDK has no public way for this client
        client._middleware_chain = client._build_middleware_chain()  # noqa: SLF001 - as above


class Observe(Middleware):
    """Runs once per HTTP attempt, inside the SDK's retry loop, while the SDK's call span is current.

    Attributes:
        active: whether clients are observed; one switch for all, as a client keeps its middleware.
    """

    active = True

    def handle(self, request: APIRequest, call_next: CallNext) -> Any:
        """Observe one attempt of a synchronous call."""
        span = _begin(request)
        response = call_next(request)
        if span is not None:
            _observe(request, response.http_response, span)
        return response

    async def handle_async(self, request: APIRequest, call_next: AsyncCallNext) -> Any:
        """Observe one attempt of an asynchronous call."""
        span = _begin(request)
        response = await call_next(request)
        if span is not None:
            _observe(request, response.http_response, span)
        return response


def _begin(request: APIRequest) -> Span | None:
    with guarded("observe an Anthropic call"):
        span = trace.get_current_span()
        body = request.options.json_data
        if not Observe.active or not isinstance(body, Mapping):
            return None
        if not isinstance(span, Span) or not _is_message_call(span):
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
    known = {key: value for key, value in request_attributes(body).items() if value is not None}
    span.set_attributes(known)
    _end_with_the_program(span)
    channel = config.live()
    if channel is not None:
        channel.opened(live_kinds.CALL, span, {**(span.attributes or {}), **known})


def _end_with_the_program(span: Span) -> None:
    """Let the span end with what is known should the program be terminated before the SDK ends it."""
    end: Callable[..., None] = span.end

    def ended(end_time: int | None = None) -> None:
        termination.closed(id(span))
        with guarded("say why an Anthropic call failed"):
            _explain(span)
        end(end_time)

    span.end = ended  # type: ignore[method-assign] # this one span only
    termination.opened(id(span), lambda: span.end())  # noqa: PLW0108 - a stream puts its own end there later


def _explain(span: Span) -> None:
    """Say what the SDK, which ends the span while it handles the failure, says of it in one word only."""
    error = sys.exc_info()[1]
    if isinstance(error, Exception) and span.is_recording() and span.status.status_code is StatusCode.ERROR:
        kind = (span.attributes or {}).get(semconv.ERROR_TYPE)
        failures.record_call(span, error, str(kind or failures.error_type(error)))


def _observe(request: APIRequest, response: Any, span: Span) -> None:
    with guarded("observe an Anthropic answer"):
        if response.status_code >= _BAD_REQUEST:
            return
        if is_stream(response) or not response.is_closed:
            watch(response, _Reading(span, response))
        elif not request.stream:
            answer = json.loads(response.content)
            _record(span, parts_of(answer.get("content")), answer.get("stop_reason"), config.capture())


def _record(span: Span, parts: Parts, stop_reason: str | None, capture: Capture) -> None:
    if span.is_recording():
        said = said_attributes(parts, stop_reason, capture)
        span.set_attributes({key: value for key, value in said.items() if value is not None})


class _Reading:
    """What passes through a tee, turned into chunk events and, just before the span ends, into attributes."""

    def __init__(self, span: Span, response: Any) -> None:
        self._span = span
        self._reader = reader_for(response)
        self._capture = config.capture()  # of the step that asks, whoever reads
        self._answers = False
        # However the reading ends (read up, closed, cut, dropped), the SDK ends the span; nothing else sees them all.
        self._end: Callable[..., None] = span.end
        span.end = self._record_and_end  # type: ignore[method-assign] # this one span only

    def feed(self, data: bytes) -> None:
        with guarded("read an Anthropic stream"):
            for kind, text in self._reader.feed(data):
                if not self._answers and kind != "thinking":
                    self._answers = True
                    waited = (time.time_ns() - (self._span.start_time or 0)) / 1e9
                    self._span.set_attribute(semconv.RESPONSE_TIME_TO_FIRST_CONTENT, waited)
                tell_chunk(self._span, kind, text, self._capture)

    def end(self, error: BaseException | None = None, *, whole: bool = False) -> None:
        """The SDK ends the span."""

    def _record_and_end(self, end_time: int | None = None) -> None:
        with guarded("summarise an Anthropic stream"):
            _record(self._span, self._reader.parts(), self._reader.stop_reason, self._capture)
            # A body that the caller reads as bytes tells the SDK nothing.
            known = self._span.attributes or {}
            told = answer_attributes(self._reader.message)
            self._span.set_attributes({k: v for k, v in told.items() if v is not None and k not in known})
        self._end(end_time)

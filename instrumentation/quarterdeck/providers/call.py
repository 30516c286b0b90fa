"""What the provider wrappers share: prompt provenance, finish reasons, and a model call with a span of our own."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlsplit

from opentelemetry import trace
from opentelemetry.context import attach, create_key, detach, get_value, set_value
from opentelemetry.trace import SpanKind, Status, StatusCode

from quarterdeck import config, failures, live_kinds, semconv, termination
from quarterdeck.capture import Capture
from quarterdeck.guard import guarded
from quarterdeck.prompt import remembered
from quarterdeck.values import cut, to_json

Parts = list[dict[str, Any]]

_CALL: Final = create_key("quarterdeck-call")

_FINISH: Final = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "stop": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_call",
    "refusal": "content_filter",
    "safety": "content_filter",
    "recitation": "content_filter",
    "blocklist": "content_filter",
    "prohibited_content": "content_filter",
    "spii": "content_filter",
    "image_safety": "content_filter",
    "language": "content_filter",
}


def finish_reason(raw: str) -> str:
    """Put a provider's finish reason into the words of the GenAI conventions.

    Args:
        raw: as the provider spells it: ``end_turn``, ``MAX_TOKENS``, …
    """
    return _FINISH.get(raw.lower(), "error")


def provenance(messages: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Attributes that say how the newest rendered prompt in ``messages`` came about; empty without one."""
    capture = config.capture()
    if not capture.full:
        return {}
    texts = (part.get("content") for message in reversed(messages) for part in reversed(message.get("parts", [])))
    prompt = next((found for text in texts if isinstance(text, str) and (found := remembered(text)) is not None), None)
    if prompt is None:
        return {}
    attributes = {semconv.PROMPT_PARTS: to_json(prompt.parts)}
    if prompt.template is not None:
        attributes |= {
            semconv.PROMPT_TEMPLATE: cut(prompt.template),
            semconv.PROMPT_VARIABLES: to_json(prompt.variables),
        }
    return attributes


def content_attributes(messages: Sequence[Mapping[str, Any]], system: Parts, tools: Any = None) -> dict[str, Any]:
    """Attributes of what is sent to the model, as far as the capture policy allows."""
    capture = config.capture()
    found = {
        semconv.INPUT_MESSAGES: capture.messages(messages),
        semconv.SYSTEM_INSTRUCTIONS: capture.messages(system),
        semconv.TOOL_DEFINITIONS: capture.value(tools) if tools else None,
        **provenance(messages),
    }
    return {key: value for key, value in found.items() if value is not None}


def output_messages(parts: Parts, reason: str | None, capture: Capture) -> str | None:
    """The answer as GenAI messages, as far as the capture policy of the call allows."""
    message: dict[str, Any] = {"role": "assistant", "parts": parts}
    if reason is not None:
        message["finish_reason"] = reason
    return capture.messages([message]) if parts else None


def tell_chunk(span: trace.Span, kind: str, text: str, capture: Capture) -> None:
    """Send a streamed piece of a call to the live channel, if texts may leave the process."""
    channel = config.live()
    if channel is not None and capture.full:
        channel.chunk(span.get_span_context().span_id, kind, text)


class Call:
    """A model call whose span is ours.

    Args:
        operation: ``chat``, ``generate_content``, ``embeddings`` or ``count_tokens``.
        provider: ``anthropic``, ``gcp.gemini`` or ``gcp.vertex_ai``.
        model: model that is asked for.
        base_url: where the request goes.
        attributes: what else is known before it is sent; ``None`` values are left out.
    """

    def __init__(self, operation: str, provider: str, model: str, base_url: str, attributes: Mapping[str, Any]) -> None:
        where = urlsplit(base_url or "")
        given = {
            semconv.OPERATION_NAME: operation,
            semconv.PROVIDER_NAME: provider,
            semconv.REQUEST_MODEL: model,
            semconv.SERVER_ADDRESS: where.hostname,
            semconv.SERVER_PORT: where.port or (443 if where.scheme == "https" else None),
            **attributes,
        }
        known = _known(given)
        # An answer may be read after the step that asked for it has ended, or inside another.
        self.capture = config.capture()
        self._began = time.perf_counter()
        self._seen: set[str] = set()
        self._attempts = 0
        self._ended = False
        self.span = config.tracer().start_span(f"{operation} {model}".strip(), kind=SpanKind.CLIENT, attributes=known)
        self._context = set_value(_CALL, self, trace.set_span_in_context(self.span))
        channel = config.live()
        if channel is not None:
            channel.opened(live_kinds.CALL, self.span, known, self._context)
        self.cancelled_by(lambda: self.finish({}))

    def cancelled_by(self, end: Callable[[], None]) -> None:
        """Say who ends the call with what it has told so far, should the program be terminated."""
        if not self._ended:
            termination.opened(id(self), end)

    @contextmanager
    def active(self) -> Iterator[None]:
        """Be the current span for the length of the block."""
        token = attach(self._context)
        try:
            yield
        finally:
            detach(token)

    def attempted(self) -> None:
        """Note that a request is sent, the first or one more."""
        self._attempts += 1
        if self._attempts > 1:
            self.span.set_attribute(semconv.REQUEST_RESEND_COUNT, self._attempts - 1)

    def asked(self, attributes: Mapping[str, Any]) -> None:
        """Add what became known when the request was sent; ``None`` values are left out."""
        known = _known(attributes)
        self.span.set_attributes(known)
        channel = config.live()
        if channel is not None:
            channel.amend(self.span.get_span_context().span_id, known)

    def content(self, kind: str, text: str) -> None:
        """Note a streamed piece of content: ``text``, ``thinking`` or ``tool``."""
        if kind not in self._seen:
            self._note_first(kind)
        tell_chunk(self.span, kind, text, self.capture)

    def _note_first(self, kind: str) -> None:
        waited = time.perf_counter() - self._began
        if not self._seen:
            self.span.set_attribute(semconv.RESPONSE_TIME_TO_FIRST_CHUNK, waited)
        if kind != "thinking" and not self._seen - {"thinking"}:
            self.span.set_attribute(semconv.RESPONSE_TIME_TO_FIRST_CONTENT, waited)
        self._seen.add(kind)

    def fail(self, kind: str, message: str) -> None:
        """Note a failure that no exception tells of.

        Args:
            kind: the error's type as the provider names it.
            message: what the provider says about it.
        """
        self.span.set_attribute(semconv.ERROR_TYPE, kind)
        self.span.set_status(Status(StatusCode.ERROR, cut(message)))

    def finish(self, attributes: Mapping[str, Any], error: BaseException | None = None, kind: str = "") -> None:
        """End the span, once.

        Args:
            attributes: what the answer told; ``None`` values are left out.
            error: why the call failed; ``GeneratorExit`` is a reader who had enough.
            kind: the error's type as the provider names it; default: the exception's class.
        """
        if self._ended:
            return
        self._ended = True
        termination.closed(id(self))
        with guarded("end the span of a model call"):
            self.span.set_attributes(_known(attributes))
            if isinstance(error, Exception):
                failures.record_call(self.span, error, kind or failures.error_type(error))
        self.span.end()


def current_call() -> Call | None:
    """The call with a span of ours that the calling code works for."""
    found = get_value(_CALL)
    return found if isinstance(found, Call) else None


def _known(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in attributes.items() if value is not None}

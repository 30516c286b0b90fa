"""What the provider wrappers share: prompt provenance, finish reasons, and a model call with a span of our own."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlsplit

from opentelemetry import trace
from opentelemetry.context import attach, detach
from opentelemetry.trace import SpanKind

from quarterdeck import config, failures, live, semconv
from quarterdeck.guard import guarded
from quarterdeck.prompt import remembered
from quarterdeck.values import cut, to_json

Parts = list[dict[str, Any]]

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


def output_messages(parts: Parts, reason: str | None) -> str | None:
    """The answer as GenAI messages, as far as the capture policy allows."""
    message: dict[str, Any] = {"role": "assistant", "parts": parts}
    if reason is not None:
        message["finish_reason"] = reason
    return config.capture().messages([message]) if parts else None


def tell_chunk(span: trace.Span, kind: str, text: str) -> None:
    """Send a streamed piece of a call to the live channel, if texts may leave the process."""
    channel = config.live()
    if channel is not None and config.capture().full:
        channel.chunk(span.get_span_context().span_id, kind, text)


class Call:
    """A model call whose span is ours.

    Args:
        operation: ``generate_content`` or ``embeddings``.
        provider: ``gcp.gemini`` or ``gcp.vertex_ai``.
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
        known = {key: value for key, value in given.items() if value is not None}
        self._began = time.perf_counter()
        self._first = False
        self._ended = False
        self.span = config.tracer().start_span(f"{operation} {model}", kind=SpanKind.CLIENT, attributes=known)
        self._context = trace.set_span_in_context(self.span)
        channel = config.live()
        if channel is not None:
            channel.opened(live.CALL, self.span, known, self._context)

    @contextmanager
    def active(self) -> Iterator[None]:
        """Be the current span for the length of the block."""
        token = attach(self._context)
        try:
            yield
        finally:
            detach(token)

    def content(self, kind: str, text: str) -> None:
        """Note a streamed piece of content."""
        if not self._first:
            self._first = True
            self.span.set_attribute(semconv.RESPONSE_TIME_TO_FIRST_CHUNK, time.perf_counter() - self._began)
        tell_chunk(self.span, kind, text)

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
        with guarded("end the span of a model call"):
            self.span.set_attributes({key: value for key, value in attributes.items() if value is not None})
            if isinstance(error, Exception):
                failures.record(self.span, error, kind or failures.error_type(error))
        self.span.end()

"""What the ``OTEL_*`` variables say, where OpenTelemetry's SDK does not look by itself for what we set up."""

import logging
import os
from typing import Final

from opentelemetry.sdk.trace import SpanLimits

log: Final = logging.getLogger("quarterdeck")

_MAX_ATTRIBUTES: Final = 4_096
_MAX_EVENTS: Final = 1_024


def text(*names: str) -> str:
    """The first of these variables that says something; an empty one says nothing, as OpenTelemetry specifies."""
    return next((value for name in names if (value := os.environ.get(name, "").strip())), "")


def disabled() -> bool:
    """Whether ``OTEL_SDK_DISABLED`` switches telemetry off."""
    return text("OTEL_SDK_DISABLED").lower() == "true"


def count(name: str, default: int) -> int:
    """A positive whole number; the default, loudly, if the variable holds something else."""
    said = text(name)
    if not said:
        return default
    if said.isdecimal() and int(said) > 0:
        return int(said)
    log.warning("%s should be a positive whole number, not %r: %d is used", name, said, default)
    return default


def seconds(names: tuple[str, ...], default: float) -> float:
    """A positive number of seconds; the default, loudly, if the first variable that is set holds something else."""
    said = text(*names)
    try:
        value = float(said or default)
    except ValueError:
        value = 0.0
    if value > 0:
        return value
    log.warning("%s should be a positive number of seconds, not %r: %g is used", names[0], said, default)
    return default


def span_limits() -> SpanLimits:
    """Limits of our own tracer provider: generous, as payloads are attributes, unless a variable sets them."""
    attributes = text("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT")
    return SpanLimits(
        max_span_attributes=None if attributes else _MAX_ATTRIBUTES,
        max_events=None if text("OTEL_SPAN_EVENT_COUNT_LIMIT") else _MAX_EVENTS,
    )

"""Small looks into finished spans."""

from opentelemetry.sdk.trace import ReadableSpan


def span_id(span: ReadableSpan) -> str:
    """Span id in hex."""
    context = span.get_span_context()
    assert context is not None
    return f"{context.span_id:016x}"

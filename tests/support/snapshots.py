"""Whole traces as readable text, compared with files."""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan

from quarterdeck import semconv
from quarterdeck.testing import Recording

_VOLATILE = {
    semconv.RUN_ID: "<run>",
    semconv.STEP_ID: "<step>",
    semconv.RESPONSE_ID: "<id>",
    semconv.SERVER_PORT: "<port>",
    semconv.RESPONSE_TIME_TO_FIRST_CHUNK: "<seconds>",
    semconv.RESPONSE_TIME_TO_FIRST_CONTENT: "<seconds>",
    semconv.CODE_STACKTRACE: "<frames>",
}
_OF_EVERY_EVENT = {
    semconv.STEP_ID,
    semconv.STEP_NAME,
    semconv.SPAN_START,
    semconv.SPAN_END,
    semconv.SPAN_PARENT_ID,
}
_IN_TEXTS = (
    (re.compile(r"ReadTimeout: timed out|(?<=exception.message = )timed out"), ""),  # asyncio says nothing
    (re.compile(r"ReadTimeout: (?=\n)"), ""),
    (re.compile(r"(msg|toolu|req)_[0-9a-f]{24}"), r"<\1>"),
    (re.compile(r"127\.0\.0\.1:\d+"), "<stand-in>"),
    (re.compile(r'("id":\s*)"[0-9a-f]{12}"'), r'\1"<call>"'),
    (re.compile(r"\b(alph|omeg|delt|gamm)[a-g]\b"), "<mode>"),
)


def compare(path: Path, text: str, *, update: bool) -> None:
    """Compare a text with a file whole, or write the file.

    Raises:
        AssertionError: they differ.
    """
    if update:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    assert path.exists(), f"{path.name} is new: look at it after running again with --update-snapshots"
    assert text == path.read_text()


def as_text(telemetry: Recording) -> str:
    """Every span, each under its parent and followed by its live events, without what differs from run to run."""
    spans = telemetry.spans()
    events = telemetry.events()
    lines: list[str] = []
    for span in (span for span in spans if span.parent is None):
        lines += _tree(span, spans, events, 0)
    return _normal("\n".join(lines) + "\n")


def _tree(span: ReadableSpan, spans: list[ReadableSpan], events: list[dict[str, Any]], depth: int) -> Iterator[str]:
    identity = _id(span)
    indent = "    " * depth
    status = " ".join(filter(None, (span.status.status_code.name, span.status.description)))
    yield f"{indent}{span.name} [{span.kind.name.lower()}] {status}"
    if not span.name.startswith("step "):  # what steps carry is tested elsewhere
        yield from _pairs(indent + "  ", span.attributes or {})
        for event in span.events:
            kept = {key: value for key, value in (event.attributes or {}).items() if "stacktrace" not in key}
            yield f"{indent}  event {event.name}"
            yield from _pairs(indent + "    ", kept)
        for found in (found for found in events if found["span"] == f"{identity:016x}"):
            yield f"{indent}  live {found['event']}"
            kept = {key: value for key, value in found["attributes"].items() if key not in _OF_EVERY_EVENT}
            yield from _pairs(indent + "    ", kept)
    for child in (child for child in spans if child.parent is not None and child.parent.span_id == identity):
        yield from _tree(child, spans, events, depth + 1)


def _id(span: ReadableSpan) -> int:
    context = span.get_span_context()
    assert context is not None
    return context.span_id


def _pairs(indent: str, attributes: Any) -> Iterable[str]:
    for key, value in sorted(attributes.items()):
        if value is not None:
            yield f"{indent}{key} = {_VOLATILE.get(key) or _shown(value)}"


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _normal(text: str) -> str:
    for pattern, replacement in _IN_TEXTS:
        text = pattern.sub(replacement, text)
    return text

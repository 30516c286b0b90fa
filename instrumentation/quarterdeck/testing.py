"""The test kit: what a program would send, kept in memory; on request with ids and times that never change.

>>> from quarterdeck.testing import recording
>>> with recording() as telemetry:
...     my_pipeline()
>>> assert [span["name"] for span in telemetry.normal_spans()] == ["invoke_workflow my_pipeline"]

With pytest, ``pytest_plugins = ["quarterdeck.pytest_plugin"]`` in the root ``conftest.py`` gives tests a fixture
``telemetry`` that does the same.
"""

import itertools
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import IdGenerator

from quarterdeck import config, execution, semconv
from quarterdeck.answers import Answer
from quarterdeck.capture import Mode
from quarterdeck.settings import Settings

if TYPE_CHECKING:
    from opentelemetry.sdk._logs import ReadableLogRecord

_VOLATILE: Final = frozenset({semconv.RUN_ID, semconv.STEP_ID, semconv.PIPELINE_VERSION})


class MemorySpans(SpanExporter):
    """A span exporter that keeps everything."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._spans: list[ReadableSpan] = []

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Keep spans."""
        with self._lock:
            self._spans.extend(spans)
        return SpanExportResult.SUCCESS

    def kept(self) -> list[ReadableSpan]:
        """Everything so far, by start time."""
        with self._lock:
            return sorted(self._spans, key=lambda span: span.start_time or 0)


@dataclass
class Recording:
    """What was sent while recording."""

    _spans: MemorySpans
    _records: "list[ReadableLogRecord]" = field(default_factory=list)

    def spans(self) -> list[ReadableSpan]:
        """Ended spans by start time."""
        config.flush()
        return self._spans.kept()

    def events(self) -> list[dict[str, Any]]:
        """Live events in the order they were sent: ``event``, ``span``, ``body``, ``attributes``."""
        return self._of_scope(semconv.LIVE_SCOPE)

    def logs(self) -> list[dict[str, Any]]:
        """Bridged ``logging`` records."""
        return self._of_scope(semconv.LOG_SCOPE)

    def _of_scope(self, scope: str) -> list[dict[str, Any]]:
        config.flush()
        return [
            {
                "event": record.log_record.event_name,
                "span": f"{record.log_record.span_id or 0:016x}",
                "body": record.log_record.body,
                "attributes": dict(record.log_record.attributes or {}),
            }
            for record in list(self._records)
            if record.instrumentation_scope is not None and record.instrumentation_scope.name == scope
        ]

    def normal_spans(self) -> list[dict[str, Any]]:
        """Ended spans as dictionaries without ids, times and versions: compare them whole."""
        spans = self.spans()
        names = {context.span_id: span.name for span in spans if (context := span.get_span_context())}
        return [_normal(span, names) for span in spans]


def _normal(span: ReadableSpan, names: Mapping[int, str]) -> dict[str, Any]:
    attributes = {key: value for key, value in (span.attributes or {}).items() if key not in _VOLATILE}
    return {
        "name": span.name,
        "parent": names.get(span.parent.span_id, "(elsewhere)") if span.parent else None,
        "status": span.status.status_code.name,
        "attributes": dict(sorted(attributes.items())),
    }


class CountedIds(IdGenerator):
    """Ids that are the same in every run of a test, counted from 1."""

    def __init__(self) -> None:
        self._spans, self._traces, self._runs = itertools.count(1), itertools.count(1), itertools.count(1)

    def generate_span_id(self) -> int:
        """Give the next span id."""
        return next(self._spans)

    def generate_trace_id(self) -> int:
        """Give the next trace id."""
        return next(self._traces)

    def run_id(self) -> str:
        """Give the next run id."""
        return f"00000000-0000-7000-8000-{next(self._runs):012x}"


@contextmanager
def counted(start_ns: int = 1_767_225_600_000_000_000, step_ns: int = 1_000_000) -> Iterator[None]:
    """Make ids and times of spans the same in every run of a test: each look at the clock is one step later.

    Args:
        start_ns: what the clock shows first, nanoseconds since the epoch; default: the beginning of 2026.
        step_ns: nanoseconds from one look to the next.
    """
    import opentelemetry.sdk.trace

    sdk: Any = opentelemetry.sdk.trace
    ids, ticks = CountedIds(), itertools.count(start_ns, step_ns)
    provider = trace.get_tracer_provider()
    tracers: list[Any] = [provider, *getattr(provider, "_tracers", {}).values()]
    before = [(tracer, tracer.id_generator) for tracer in tracers if hasattr(tracer, "id_generator")]
    kept = sdk.time_ns, execution.new_run_id
    for tracer, _ in before:
        tracer.id_generator = ids
    sdk.time_ns, execution.new_run_id = lambda: next(ticks), ids.run_id
    try:
        yield
    finally:
        sdk.time_ns, execution.new_run_id = kept
        for tracer, generator in before:
            tracer.id_generator = generator


class _MemoryRecords:
    """Keeps log records instead of sending them."""

    def __init__(self, kept: "list[ReadableLogRecord]") -> None:
        self._kept = kept

    def send(self, records: "Sequence[ReadableLogRecord]") -> Answer:
        """Keep records."""
        self._kept.extend(records)
        return Answer(taken=True)

    def abort(self) -> None:
        """Keep what was recorded."""


@contextmanager
def recording(
    *, capture: Mode = "full", exporters: Sequence[SpanExporter] = (), deterministic: bool = False
) -> Iterator[Recording]:
    """Record in memory instead of sending; nothing leaves the process.

    Args:
        capture: the capture policy.
        exporters: further span exporters.
        deterministic: whether ids and times of spans are the same in every run, as :func:`counted` makes them.
    """
    config.shutdown()
    found = Recording(MemorySpans())
    settings = Settings(endpoint="memory", service_name="test", runner_url="", capture=capture)
    config.begin(settings, tuple(exporters), config.Senders(found._spans, _MemoryRecords(found._records)))  # noqa: SLF001 - the recording is ours
    try:
        with counted() if deterministic else nullcontext():
            yield found
    finally:
        config.shutdown()

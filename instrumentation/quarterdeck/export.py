"""Everything on the way out: redaction, outages, size; one warning per outage, whatever is behind it."""

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from opentelemetry.sdk.trace import Event, ReadableSpan, Span, SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import Status

from quarterdeck.guard import guarded
from quarterdeck.redaction import Redactor

log: Final = logging.getLogger("quarterdeck")

SCHEDULE_MS: Final = 250
QUEUE_SPANS: Final = 16_384
BATCH_SPANS: Final = 512
REQUEST_BYTES: Final = 8_000_000
"""About how large one request may become, in bytes of attribute text."""
HELD_BYTES: Final = 64_000_000
"""How much is kept while the collector is away, in bytes of attribute text."""
TIMEOUT_S: Final = 10.0
REFUSED_EXIT_S: Final = 0.3
"""How long the end of a program waits for a collector that does not listen."""

_SPAN_OVERHEAD_BYTES: Final = 500
_NOISY_LOGGERS: Final = (
    "opentelemetry.exporter.otlp.common.http",
    "opentelemetry.exporter.otlp.proto.http._log_exporter",
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
    "opentelemetry.sdk._shared_internal",
)


class _Hush(logging.Filter):
    """Keep OpenTelemetry's own complaints quiet on threads where we complain ourselves."""

    def __init__(self) -> None:
        super().__init__()
        self._local = threading.local()

    @contextmanager
    def listening(self, told: Callable[[logging.LogRecord], None]) -> Iterator[None]:
        before = getattr(self._local, "told", None)
        self._local.told = told
        try:
            yield
        finally:
            self._local.told = before

    def filter(self, record: logging.LogRecord) -> bool:
        told = getattr(self._local, "told", None)
        if told is not None:
            told(record)
        return told is None


_hush: Final = _Hush()


def install_hush() -> None:
    """Hook the filter into OpenTelemetry's exporters; adding it again changes nothing."""
    for name in _NOISY_LOGGERS:
        logging.getLogger(name).addFilter(_hush)


class Health:
    """Whether an endpoint answers; tells the user once per outage and once when it is over.

    Args:
        endpoint: the address, for the log line. Spans, events and logs of one endpoint share one object.
    """

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._lock = threading.Lock()
        self._failing: set[str] = set()
        self._said_dropped = False
        self.dropped = 0
        self.on_refused: Callable[[], None] = _wait_patiently

    @property
    def away(self) -> bool:
        """Whether the newest request of some kind failed."""
        return bool(self._failing)

    def report(self, signal: str, *, ok: bool) -> None:
        """Note the outcome of one request of ``signal``: ``spans`` or the scope of log records."""
        with self._lock:
            before = self.away
            (self._failing.discard if ok else self._failing.add)(signal)
            after, dropped = self.away, self.dropped
        if before and not after:
            log.info("%s answers again; %d records were dropped meanwhile", self._endpoint, dropped)
        elif after and not before:
            log.warning(
                "cannot deliver telemetry to %s; it is kept for a while and sent when the collector answers "
                "(start one with `quarterdeck up`); your program is not affected",
                self._endpoint,
            )

    def drop(self, count: int) -> None:
        """Count records that are lost; says so once, unless an outage already explains it."""
        with self._lock:
            self.dropped += count
            say = not self.away and not self._said_dropped
            self._said_dropped = self._said_dropped or say
        if say:
            log.warning("telemetry is produced faster than %s takes it: records are dropped", self._endpoint)

    def complain(self, record: logging.LogRecord) -> None:
        """Take over a complaint of OpenTelemetry's exporters and batch processors."""
        if str(record.msg).startswith("Queue full"):
            self.drop(1)
        # An exception for a reason means nobody listens there; an overloaded collector has a status to tell.
        transient = str(record.msg).startswith("Transient error") and isinstance(record.args, tuple)
        if transient and any(isinstance(argument, Exception) for argument in record.args or ()):
            self.on_refused()


def _wait_patiently() -> None:
    """Let the exporter try again as often as it likes."""


@contextmanager
def quietly(health: Health) -> Iterator[None]:
    """Send OpenTelemetry's complaints of the block to ``health`` instead of the log."""
    with _hush.listening(health.complain):
        yield


@dataclass(frozen=True)
class _Batch:
    spans: Sequence[ReadableSpan]
    size: int


class CleanExporter(SpanExporter):
    """Redact every span, keep requests small, and keep batches while the endpoint is away.

    Args:
        inner: the exporter that sends.
        redactor: what must not leave the process.
        health: who tells the user about outages.
    """

    def __init__(self, inner: SpanExporter, redactor: Redactor, health: Health) -> None:
        self._inner = inner
        self._redactor = redactor
        self.health = health
        self._held: deque[_Batch] = deque()
        self._lock = threading.Lock()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send what was held, then these spans."""
        with self._lock:
            self._held.extend(_portions(clean_span(span, self._redactor) for span in spans))
            return self._send_held()

    def _send_held(self) -> SpanExportResult:
        while self._held:
            result = SpanExportResult.FAILURE
            with guarded("export spans"), quietly(self.health):
                result = self._inner.export(self._held[0].spans)
            self.health.report("spans", ok=result is SpanExportResult.SUCCESS)
            if result is not SpanExportResult.SUCCESS:
                self._forget_oldest()
                return result
            self._held.popleft()
        return SpanExportResult.SUCCESS

    def _forget_oldest(self) -> None:
        while len(self._held) > 1 and sum(batch.size for batch in self._held) > HELD_BYTES:
            self.health.drop(len(self._held.popleft().spans))

    def abort(self) -> None:
        """Give up what is under way: the program wants to end."""
        with quietly(self.health):
            self._inner.shutdown()

    def shutdown(self) -> None:
        """Try once more what is held, then close the exporter."""
        if not self.health.away:
            with self._lock:
                self._send_held()
        self.abort()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Send what is held."""
        with self._lock:
            sent = self._send_held() is SpanExportResult.SUCCESS
        return sent and self._inner.force_flush(timeout_millis) is not False


class CleanBatchProcessor(BatchSpanProcessor):
    """OpenTelemetry's batch processor with a short schedule and quiet manners."""

    def __init__(self, exporter: CleanExporter) -> None:
        self._clean = exporter
        super().__init__(
            exporter,
            max_queue_size=QUEUE_SPANS,
            schedule_delay_millis=SCHEDULE_MS,
            max_export_batch_size=BATCH_SPANS,
        )

    def on_end(self, span: ReadableSpan) -> None:
        """Queue an ended span."""
        with quietly(self._clean.health):
            super().on_end(span)

    def force_flush(self, timeout_millis: int | None = None) -> bool:
        """Send everything that has ended; false when something could not be delivered."""
        super().force_flush(timeout_millis)
        return self._clean.force_flush()

    def close(self, timeout_s: float) -> None:
        """Send everything and stop, within ``timeout_s`` seconds even when the endpoint is away."""
        health = self._clean.health
        timer = _later(REFUSED_EXIT_S if health.away else timeout_s, self._clean.abort)
        health.on_refused = self._give_up_soon
        with quietly(health):
            stop: Callable[[], None] = super().shutdown
            stop()
        timer.cancel()
        health.on_refused = _wait_patiently

    def _give_up_soon(self) -> None:
        _later(REFUSED_EXIT_S, self._clean.abort)


def _later(seconds: float, call: Callable[[], None]) -> threading.Timer:
    timer = threading.Timer(seconds, call)
    timer.daemon = True
    timer.start()
    return timer


class Relay(SpanProcessor):
    """One processor in the tracer provider whose targets can be exchanged; removing them switches us off."""

    def __init__(self) -> None:
        self.targets: tuple[SpanProcessor, ...] = ()

    def on_start(self, span: Span, parent_context: Any = None) -> None:
        """Pass on the start of a span."""
        for target in self.targets:
            target.on_start(span, parent_context)

    def on_end(self, span: ReadableSpan) -> None:
        """Pass on the end of a span."""
        for target in self.targets:
            target.on_end(span)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Flush every target."""
        return all(tuple(target.force_flush(timeout_millis) for target in self.targets))


def otlp_span_exporter(endpoint: str) -> SpanExporter:
    """Make OpenTelemetry's OTLP/HTTP exporter for a collector's base URL."""
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces", compression=Compression.Gzip, timeout=TIMEOUT_S)


class LazyExporter(SpanExporter):
    """Make the real exporter when the first batch is sent: importing it costs more than the rest of the SDK."""

    def __init__(self, make: Callable[[], SpanExporter]) -> None:
        self._make = make
        self._inner: SpanExporter | None = None
        self._closed = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send a batch."""
        if self._closed:
            return SpanExportResult.FAILURE
        if self._inner is None:
            self._inner = self._make()
        return self._inner.export(spans)

    def shutdown(self) -> None:
        """Close; a request that waits for its next try gives up."""
        if self._inner is not None and not self._closed:
            shutdown: Callable[[], None] = self._inner.shutdown
            shutdown()
        self._closed = True

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Nothing is buffered here."""
        return timeout_millis >= 0


def clean_span(span: ReadableSpan, redactor: Redactor) -> ReadableSpan:
    """Give ``span`` itself when it holds no secret, else a copy without them."""
    attributes = redactor.attributes(span.attributes)
    events = [_clean_event(event, redactor) for event in span.events]
    description = span.status.description
    said = redactor.text("status", description) if description else description
    same_events = all(a is b for a, b in zip(events, span.events, strict=True))
    if attributes is span.attributes and same_events and said == description:
        return span
    return ReadableSpan(
        name=span.name,
        context=span.get_span_context(),
        parent=span.parent,
        resource=span.resource,
        attributes=attributes,
        events=events,
        links=span.links,
        kind=span.kind,
        status=Status(span.status.status_code, said),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def _clean_event(event: Event, redactor: Redactor) -> Event:
    attributes = redactor.attributes(event.attributes)
    return event if attributes is event.attributes else Event(event.name, attributes, event.timestamp)


def _portions(spans: Iterable[ReadableSpan]) -> Iterator[_Batch]:
    portion: list[ReadableSpan] = []
    size = 0
    for span in spans:
        weight = _weight(span.attributes)
        if portion and size + weight > REQUEST_BYTES:
            yield _Batch(portion, size)
            portion, size = [], 0
        portion.append(span)
        size += weight
    if portion:
        yield _Batch(portion, size)


def _weight(attributes: Mapping[str, Any] | None) -> int:
    texts = (value for value in (attributes or {}).values() if isinstance(value, str))
    return _SPAN_OVERHEAD_BYTES + sum(map(len, texts))

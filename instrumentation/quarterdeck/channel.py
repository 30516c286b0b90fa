"""A bounded queue of OTLP log records of one scope, and the exporter that empties it."""

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import trace
from opentelemetry.trace import SpanContext

from quarterdeck.clean import clean_resource
from quarterdeck.export import HELD_BYTES, MAKING, REQUEST_BYTES, bearer, weight_of
from quarterdeck.health import Health, Verdict, quietly
from quarterdeck.redaction import Redactor

if TYPE_CHECKING:
    from opentelemetry._logs import LogRecord
    from opentelemetry.sdk._logs.export import LogRecordExporter
    from opentelemetry.sdk.resources import Resource

QUEUE_RECORDS: Final = 20_000
_BATCH_RECORDS: Final = 1_000
_TIMEOUT_S: Final = 2.0


class Channel:
    """Log records of one instrumentation scope on their way to the collector.

    Args:
        scope: name of the scope; requests hold nothing else.
        resource: who sends.
        make_exporter: makes the exporter when the first record is sent.
        redactor: what must not leave the process.
        health: who tells the user about outages.
    """

    def __init__(
        self,
        scope: str,
        resource: "Resource",
        make_exporter: "Callable[[], LogRecordExporter]",
        redactor: Redactor,
        health: Health,
    ) -> None:
        import opentelemetry.sdk._logs  # noqa: F401 - starts threads, which is too late when a program is at its end

        self._scope = scope
        self._resource = resource
        self._make_exporter = make_exporter
        self._redactor = redactor
        self._health = health
        self._queue: deque[LogRecord] = deque()
        self._exporter: LogRecordExporter | None = None
        self._sending = threading.Lock()
        self._counting = threading.RLock()
        self.waiting_bytes = 0

    def __bool__(self) -> bool:
        return bool(self._queue)

    def put(self, record: "LogRecord") -> None:
        """Queue a record; when full, the oldest makes room."""
        weight = weight_of(record.attributes)
        with self._counting:
            while self._queue and (len(self._queue) >= QUEUE_RECORDS or self.waiting_bytes + weight > HELD_BYTES):
                self.waiting_bytes -= weight_of(self._queue.popleft().attributes)
                self._health.drop(1)
            self._queue.append(record)
            self.waiting_bytes += weight

    def tellable(self, text: str) -> int:
        """How many characters of a stream's text can be told before the next piece has come."""
        return self._redactor.unfinished(text)

    def _take(self) -> "list[LogRecord]":
        batch: list[LogRecord] = []
        size = 0
        with self._counting:
            while self._queue and len(batch) < _BATCH_RECORDS and size < REQUEST_BYTES:
                batch.append(self._queue.popleft())
                size += weight_of(batch[-1].attributes)
            self.waiting_bytes -= size
        return batch

    def _put_back(self, batch: "list[LogRecord]") -> None:
        with self._counting:
            self._queue.extendleft(reversed(batch))
            self.waiting_bytes += sum(weight_of(record.attributes) for record in batch)

    def send(self) -> bool:
        """Send what is queued; what cannot be delivered stays queued."""
        sent = True
        with self._sending:
            while self._queue:
                batch = self._take()
                verdict = self._deliver(batch)
                if verdict is not None and verdict.final:
                    self._health.refused(len(batch), verdict)
                    sent = False
                elif verdict is not None:
                    self._put_back(batch)
                    return False
        return sent

    def _deliver(self, batch: "Sequence[LogRecord]") -> Verdict | None:
        """Send one request; None if it was taken, else why not."""
        from opentelemetry.sdk._logs import ReadableLogRecord
        from opentelemetry.sdk._logs.export import LogRecordExportResult
        from opentelemetry.sdk.util.instrumentation import InstrumentationScope

        if self._exporter is None:
            with MAKING:
                self._exporter = self._make_exporter()
        scope = InstrumentationScope(self._scope)
        resource = clean_resource(self._resource, self._redactor)
        records = [ReadableLogRecord(self._clean(record), resource, scope) for record in batch]
        with quietly(self._health) as verdict:
            ok = self._exporter.export(records) is LogRecordExportResult.SUCCESS
        self._health.report(self._scope, ok=ok or verdict.final)
        return None if ok else verdict

    def _clean(self, record: "LogRecord") -> "LogRecord":
        record.attributes = self._redactor.attributes(record.attributes)
        record.body = self._redactor.value("body", record.body)
        return record

    def abort(self) -> None:
        """Give up a request that is under way."""
        if self._exporter is not None:
            with quietly(self._health):
                shutdown: Callable[[], None] = self._exporter.shutdown
                shutdown()

    def forget(self) -> None:
        """Drop everything, in a forked child: the parent sends it."""
        self._queue.clear()
        self._sending = threading.Lock()
        self._counting = threading.RLock()
        self.waiting_bytes = 0
        self._exporter = None


def otlp_log_exporter(endpoint: str, token: str) -> "LogRecordExporter":
    """Make OpenTelemetry's OTLP/HTTP log exporter for a collector's base URL and token; no token if empty."""
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter

    return OTLPLogExporter(
        endpoint=f"{endpoint}/v1/logs", headers=bearer(token), compression=Compression.Gzip, timeout=_TIMEOUT_S
    )


def record_of(
    event_name: str, span_context: SpanContext, time_ns: int, attributes: Mapping[str, Any], body: str = ""
) -> "LogRecord":
    """Make the log record of a live event.

    Args:
        event_name: one of ``semconv.EVENT_*``.
        span_context: the span it speaks of.
        time_ns: when it happened, nanoseconds since the epoch.
        attributes: flat attributes; ``None`` values are left out.
        body: a message, where the event has one.
    """
    from opentelemetry._logs import LogRecord, SeverityNumber

    return LogRecord(
        timestamp=time_ns,
        observed_timestamp=time_ns,
        context=trace.set_span_in_context(trace.NonRecordingSpan(span_context)),
        severity_number=SeverityNumber.INFO,
        severity_text="INFO",
        body=body or None,
        attributes={key: value for key, value in attributes.items() if value is not None},
        event_name=event_name,
    )

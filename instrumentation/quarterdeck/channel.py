"""A bounded queue of OTLP log records of one scope, and who takes them from it."""

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from opentelemetry import trace
from opentelemetry.trace import SpanContext

from quarterdeck.answers import Answer, inherited
from quarterdeck.clean import clean_resource
from quarterdeck.export import HELD_BYTES, REQUEST_BYTES, weight_of
from quarterdeck.forks import MAKING
from quarterdeck.guard import guarded
from quarterdeck.health import Health
from quarterdeck.outgoing import Records
from quarterdeck.redaction import Redactor

if TYPE_CHECKING:
    from opentelemetry._logs import LogRecord
    from opentelemetry.sdk.resources import Resource

QUEUE_RECORDS: Final = 20_000
BATCH_RECORDS: Final = 1_000
_PAUSE_S: Final = 1.0
"""How long a collector that did not answer is left alone."""
_DEAF_S: Final = 60.0
"""How long an endpoint that knows no logs at all is not told of any."""


class Channel:
    """Log records of one instrumentation scope on their way to the collector.

    Args:
        scope: name of the scope; requests hold nothing else.
        resource: who sends.
        make: makes whoever takes the records when the first one is sent.
        redactor: what must not leave the process.
        health: who tells the user about outages.
        most: records that may wait.
        batch: records in one request.
    """

    def __init__(
        self,
        scope: str,
        resource: "Resource",
        make: Callable[[], Records],
        redactor: Redactor,
        health: Health,
        *,
        most: int = QUEUE_RECORDS,
        batch: int = BATCH_RECORDS,
    ) -> None:
        import opentelemetry.sdk._logs  # noqa: F401 - starts threads, which is too late when a program is at its end

        self._scope = scope
        self._resource = resource
        self._make = make
        self._redactor = redactor
        self._health = health
        self._queue: deque[LogRecord] = deque()
        self._records: Records | None = None
        self._most, self._batch = most, batch
        self._not_before = self._deaf_until = 0.0
        self._sending = threading.Lock()
        self._counting = threading.RLock()
        self.waiting_bytes = 0

    def __bool__(self) -> bool:
        return bool(self._queue)

    def put(self, record: "LogRecord") -> None:
        """Queue a record; when full, the oldest makes room."""
        if self._deaf_until and time.monotonic() < self._deaf_until:
            return
        weight = weight_of(record.attributes)
        with self._counting:
            while self._queue and (len(self._queue) >= self._most or self.waiting_bytes + weight > HELD_BYTES):
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
            while self._queue and len(batch) < self._batch and size < REQUEST_BYTES:
                batch.append(self._queue.popleft())
                size += weight_of(batch[-1].attributes)
            self.waiting_bytes -= size
        return batch

    def _put_back(self, batch: "list[LogRecord]") -> None:
        with self._counting:
            self._queue.extendleft(reversed(batch))
            self.waiting_bytes += sum(weight_of(record.attributes) for record in batch)

    def send_due(self) -> None:
        """Send what is queued, unless the collector has just not answered."""
        if time.monotonic() >= self._not_before:
            self.send()

    def send(self) -> bool:
        """Send what is queued; what cannot be delivered stays queued."""
        sent = True
        with self._sending:
            while self._queue:
                batch = self._take()
                answer = self._deliver(batch)
                if answer.unknown:
                    # A backend of traces alone: nothing that is live is meant for it.
                    self._deaf_until = time.monotonic() + _DEAF_S
                    self._forget_queued()
                elif answer.final:
                    self._health.refused(len(batch), answer.reason)
                    sent = False
                elif not answer.taken:
                    self._put_back(batch)
                    self._not_before = time.monotonic() + max(_PAUSE_S, answer.pause_s)
                    return False
        return sent

    def _deliver(self, batch: "Sequence[LogRecord]") -> Answer:
        from opentelemetry.sdk._logs import ReadableLogRecord
        from opentelemetry.sdk.util.instrumentation import InstrumentationScope

        answer = Answer(final=True, reason="they cannot be sent")
        with guarded("send log records"):
            if self._records is None:
                with MAKING:
                    self._records = self._make()
            scope = InstrumentationScope(self._scope)
            resource = clean_resource(self._resource, self._redactor)
            answer = self._records.send([ReadableLogRecord(self._clean(record), resource, scope) for record in batch])
        self._health.report(self._scope, ok=True) if answer.unknown else self._health.hear(self._scope, answer)
        return answer

    def _clean(self, record: "LogRecord") -> "LogRecord":
        record.attributes = self._redactor.attributes(record.attributes)
        record.body = self._redactor.value("body", record.body)
        return record

    def abort(self) -> None:
        """Give up a request that is under way."""
        if self._records is not None:
            self._records.abort()

    def _forget_queued(self) -> None:
        with self._counting:
            self._queue.clear()
            self.waiting_bytes = 0

    def forget(self) -> None:
        """Drop everything, in a forked child: the parent sends it."""
        self._sending = threading.Lock()
        self._counting = threading.RLock()
        self._forget_queued()
        inherited.append(self._records)
        self._records = None


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

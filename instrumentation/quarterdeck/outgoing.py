"""Spans and log records, cleaned and encoded once, handed to whoever delivers them."""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult

from quarterdeck.answers import Answer, Transport
from quarterdeck.clean import clean_spans
from quarterdeck.delivery import Delivery
from quarterdeck.disk_buffer import Request
from quarterdeck.export import Outlet, portions
from quarterdeck.forks import MAKING
from quarterdeck.redaction import Redactor

if TYPE_CHECKING:
    from opentelemetry.sdk._logs import ReadableLogRecord

LIVE_TIMEOUT_S: Final = 2.0
"""How long a live event may take: later it is no news."""


class OtlpSpans(Outlet):
    """Redact and encode every span, and hand the requests to their delivery.

    Args:
        delivery: where requests go.
        redactor: what must not leave the process.
    """

    def __init__(self, delivery: Delivery, redactor: Redactor) -> None:
        super().__init__(delivery.health)
        self._delivery = delivery
        self._redactor = redactor

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Hand spans over; the network is somebody else's business."""
        self.on_taken(spans)
        for portion in portions(clean_spans(spans, self._redactor)):
            for request in self._encoded(portion.spans):
                self._delivery.put(request)
        return SpanExportResult.SUCCESS

    def _encoded(self, spans: Sequence[ReadableSpan]) -> Iterable[Request]:
        """Encode a request; one span that cannot be encoded does not keep the others from it."""
        try:
            return [_encode_spans(spans)]
        except Exception as error:  # noqa: BLE001 - the attributes of a span are anybody's
            if len(spans) > 1:
                return [request for span in spans for request in self._encoded([span])]
            self.health.refused(1, f"it cannot be encoded: {error}")
            return []

    def after_fork(self) -> None:
        """Start afresh in a forked child."""
        self._delivery.after_fork()

    def stop(self, drain: Callable[[], None]) -> None:
        """Let ``drain`` hand over what waits."""
        drain()

    def close(self, drain: Callable[[], None], timeout_s: float) -> None:  # noqa: ARG002 - stop has drained
        """Send everything and stop; what is not taken within ``timeout_s`` seconds waits on disk."""
        self._delivery.close(timeout_s)

    def shutdown(self) -> None:
        """Nothing is held here."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Send everything that was handed over."""
        return self._delivery.flush(timeout_millis / 1_000)


def _encode_spans(spans: Sequence[ReadableSpan]) -> Request:
    with MAKING:
        from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

    return Request(encode_spans(spans).SerializeToString(), len(spans))


def encode_records(records: "Sequence[ReadableLogRecord]") -> Request:
    """Encode log records as one request."""
    with MAKING:
        from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs

    return Request(encode_logs(records).SerializeToString(), len(records))


class Records(Protocol):
    """Takes log records of one scope."""

    def send(self, records: "Sequence[ReadableLogRecord]") -> Answer:
        """Send records, or take responsibility for them."""

    def abort(self) -> None:
        """Give up what is under way."""


class LiveRecords:
    """Sends live events at once, or not at all: they never wait on disk.

    Args:
        transport: the way to the collector.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def send(self, records: "Sequence[ReadableLogRecord]") -> Answer:
        """Send events."""
        return self._transport.send(encode_records(records).body, LIVE_TIMEOUT_S)

    def abort(self) -> None:
        """Close the connections."""
        self._transport.close()


class KeptRecords:
    """Hands log records to their delivery.

    Args:
        delivery: where requests go.
    """

    def __init__(self, delivery: Delivery) -> None:
        self._delivery = delivery

    def send(self, records: "Sequence[ReadableLogRecord]") -> Answer:
        """Take responsibility for records."""
        self._delivery.put(encode_records(records))
        return Answer(taken=True)

    def abort(self) -> None:
        """The delivery is closed by whoever made it."""


def halves_of_spans(request: Request) -> list[Request]:
    """Divide a request in two; nothing if it holds but one span."""
    with MAKING:
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    return _halves(request, ExportTraceServiceRequest, ("resource_spans", "scope_spans", "spans"))


def halves_of_records(request: Request) -> list[Request]:
    """Divide a request in two; nothing if it holds but one record."""
    with MAKING:
        from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

    return _halves(request, ExportLogsServiceRequest, ("resource_logs", "scope_logs", "log_records"))


def _halves(request: Request, kind: Any, names: tuple[str, str, str]) -> list[Request]:
    by_resource, by_scope, leaves = names
    items = sum(
        len(getattr(scope, leaves))
        for resource in getattr(kind.FromString(request.body), by_resource)
        for scope in getattr(resource, by_scope)
    )
    middle = items // 2
    found = []
    for first, last in ((0, middle), (middle, items)) if middle else ():
        part, position = kind.FromString(request.body), 0
        for resource in getattr(part, by_resource):
            for scope in getattr(resource, by_scope):
                kept = getattr(scope, leaves)
                size = len(kept)
                del kept[max(0, last - position) :]
                del kept[: max(0, first - position)]
                position += size
        found.append(Request(part.SerializeToString(), last - first))
    return found

"""OTLP messages: parse, count and answer, in protobuf or JSON."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf import json_format  # type: ignore[import-untyped]  # ships no types
from google.protobuf.message import DecodeError, Message  # type: ignore[import-untyped]  # ships no types
from google.rpc.error_details_pb2 import BadRequest, RetryInfo  # type: ignore[import-untyped]  # ships no types
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]  # ships no types
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest, ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from quarterdeck.tokens import DeniedError

PROTOBUF: Final = "application/x-protobuf"
JSON: Final = "application/json"

INVALID_ARGUMENT: Final = 3
DEADLINE_EXCEEDED: Final = 4
NOT_FOUND: Final = 5
PERMISSION_DENIED: Final = 7
RESOURCE_EXHAUSTED: Final = 8
UNIMPLEMENTED: Final = 12
INTERNAL: Final = 13
UNAVAILABLE: Final = 14
UNAUTHENTICATED: Final = 16
"""Codes of google.rpc.Status, which are those of gRPC."""


_LONGEST_REASON: Final = 300


class BadRequestError(Exception):
    """The body is no OTLP request of its signal."""


@dataclass(frozen=True)
class Kind:
    """One OTLP signal and the names of its parts."""

    name: str
    request: type[Message]
    response: type[Message]
    levels: tuple[str, str, str]
    rejected: str

    def scopes(self, message: Any) -> Iterator[Any]:
        """Give the parts of a request that came from one scope each."""
        outer, middle, _ = self.levels
        return (scoped for whole in getattr(message, outer) for scoped in getattr(whole, middle))

    def count(self, message: Any) -> int:
        """Count the spans, records or data points of a request."""
        if self.levels[-1] == "metrics":
            return sum(len(data_points(metric)) for scoped in self.scopes(message) for metric in scoped.metrics)
        return sum(len(getattr(scoped, self.levels[-1])) for scoped in self.scopes(message))

    def count_bytes(self, body: bytes) -> int:
        """Count those of a serialised request; one that cannot be read counts as one."""
        try:
            return self.count(self.request.FromString(body))
        except DecodeError:
            return 1

    def answer(self, rejected: int = 0, reason: str = "") -> Message:
        """Make the answer to a request that was taken.

        Args:
            rejected: Spans, records or data points of it that were not.
            reason: Why not, or what else the sender should know.
        """
        if not reason:
            return self.response()
        return self.response(partial_success={self.rejected: rejected, "error_message": reason})


def data_points(metric: Any) -> Any:
    """Give the data points of a metric, whatever its type."""
    data = metric.WhichOneof("data")
    return getattr(metric, data).data_points if data else ()


TRACES: Final = Kind(
    "traces",
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
    ("resource_spans", "scope_spans", "spans"),
    "rejected_spans",
)
LOGS: Final = Kind(
    "logs",
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
    ("resource_logs", "scope_logs", "log_records"),
    "rejected_log_records",
)
METRICS: Final = Kind(
    "metrics",
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
    ("resource_metrics", "scope_metrics", "metrics"),
    "rejected_data_points",
)


def parse(kind: Kind, body: bytes, media: str) -> tuple[Any, bytes]:
    """Check a request body with one parse.

    Args:
        kind: Its signal.
        body: Decompressed body.
        media: :data:`PROTOBUF` or :data:`JSON`.

    Returns:
        The message and its protobuf bytes.

    Raises:
        BadRequestError: If it is no such message.
    """
    try:
        if media == PROTOBUF:
            return kind.request.FromString(body), body
        message = _from_json(kind, body)
        return message, message.SerializeToString()
    except (DecodeError, json_format.ParseError, ValueError, RecursionError, SystemError) as error:
        # SystemError is what protobuf's C code makes of a JSON key that is no Unicode, such as "\ud800"
        raise BadRequestError(f"the body is no {kind.request.DESCRIPTOR.name}: {_quotable(error)}") from error


def _from_json(kind: Kind, body: bytes) -> Any:
    document = json.loads(body)
    if not isinstance(document, dict):
        raise ValueError("it is not a JSON object")  # noqa: TRY004 - one kind of error for all that is wrong
    try:
        return json_format.ParseDict(_with_base64_ids(document), kind.request(), ignore_unknown_fields=True)
    except json_format.ParseError:
        document = _with_base64_ids(json.loads(body, object_hook=_with_values))
        return json_format.ParseDict(document, kind.request(), ignore_unknown_fields=True)


def _with_values(found: dict[str, Any]) -> dict[str, Any]:
    """Mend a map that is spelled as an array, as in OTLP's own example of an event."""
    return {key: {"values": part} if key in _MAPS and isinstance(part, list) else part for key, part in found.items()}


def _quotable(error: Exception) -> str:
    """Say what is wrong without repeating a whole body, or what cannot be sent back, to its sender."""
    return str(error)[:_LONGEST_REASON].encode(errors="replace").decode()


_MAPS: Final = ("kvlistValue", "kvlist_value")
_ID_KEYS: Final = ("traceId", "spanId", "parentSpanId", "trace_id", "span_id", "parent_span_id")
_HOLDERS: Final = frozenset(
    {"resourceSpans", "scopeSpans", "spans", "links", "resourceLogs", "scopeLogs", "logRecords"}
    | {"resource_spans", "scope_spans", "resource_logs", "scope_logs", "log_records"}
    | {"resourceMetrics", "scopeMetrics", "metrics", "dataPoints", "exemplars"}
    | {"resource_metrics", "scope_metrics", "data_points"}
    | {"gauge", "sum", "histogram", "exponentialHistogram", "exponential_histogram"}
)
"""Names of what may contain ids: never attributes, whose values are the sender's own."""


def _with_base64_ids(value: Any) -> Any:
    """OTLP/JSON spells ids in hex where protobuf's JSON spells bytes in base64."""
    if isinstance(value, list):
        return [_with_base64_ids(item) for item in value]
    if not isinstance(value, dict):
        return value
    for key, part in value.items():
        if key in _HOLDERS:
            value[key] = _with_base64_ids(part)
        elif key in _ID_KEYS and isinstance(part, str):
            value[key] = base64.b64encode(bytes.fromhex(part)).decode()
    return value


def encode(message: Message, media: str) -> bytes:
    """Serialise an answer in the encoding of its request."""
    encoded: bytes = (
        json_format.MessageToJson(message, indent=None).encode() if media == JSON else message.SerializeToString()
    )
    return encoded


def status(code: int, text: str, retry_after: int | None = None) -> Message:
    """Make the error body that OTLP asks for.

    Args:
        code: google.rpc.Code.
        text: What is wrong and what to do.
        retry_after: Seconds after which the same request may be taken.
    """
    message = Status(code=code, message=text)
    if retry_after is not None:
        message.details.add().Pack(retry_info(retry_after))
    elif code == INVALID_ARGUMENT:
        message.details.add().Pack(BadRequest(field_violations=[BadRequest.FieldViolation(description=text)]))
    return message


def denial(error: DeniedError) -> tuple[int, int]:
    """HTTP status and google.rpc.Status code of a request that may not pass."""
    return (403, PERMISSION_DENIED) if error.known else (401, UNAUTHENTICATED)


def retry_info(seconds: int) -> Message:
    """Say when to try again, as gRPC clients read it."""
    return RetryInfo(retry_delay={"seconds": seconds})

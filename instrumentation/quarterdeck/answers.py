"""What an endpoint thinks of a request, whatever it is spoken to with."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Protocol

from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY, attach, detach, set_value

from quarterdeck.forks import MAKING
from quarterdeck.otlp_target import Target


@dataclass(frozen=True)
class Answer:
    """The fate of one request; without any of these words it was not taken and may be tried again.

    Args:
        taken: the endpoint has it.
        final: the endpoint will never take it.
        too_large: final, and parts of it may be taken.
        denied: the endpoint asks who is asking.
        unknown: the endpoint knows no such signal.
        absent: nobody listens there.
        rejected: spans or records that were left out of what was taken.
        reason: what the endpoint, or the way there, says.
        pause_s: seconds that the endpoint wants to be left alone.
    """

    taken: bool = False
    final: bool = False
    too_large: bool = False
    denied: bool = False
    unknown: bool = False
    absent: bool = False
    rejected: int = 0
    reason: str = ""
    pause_s: float = 0.0


inherited: Final[list[object]] = []
"""What a forked child got from its parent: closing connections, even by forgetting them, could disturb the parent."""


class Transport(Protocol):
    """A way to one target."""

    def send(self, body: bytes, timeout_s: float) -> Answer:
        """Send one encoded export request."""

    def close(self) -> None:
        """Close the connections."""


def transport_to(target: Target) -> Transport:
    """Make the way to a target; importing what it needs costs more than the rest of the SDK."""
    if target.grpc:
        from quarterdeck.over_grpc import GrpcTransport

        return GrpcTransport(target)
    from quarterdeck.over_http import HttpTransport

    return HttpTransport(target)


def rejected(signal: str, body: bytes) -> Answer:
    """Read the answer to a request that was taken, perhaps in part."""
    if not body:
        return Answer(taken=True)
    with MAKING:
        from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # ships no types
        from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

    try:
        if signal == "traces":
            told = ExportTraceServiceResponse.FromString(body).partial_success
            return Answer(taken=True, rejected=told.rejected_spans, reason=told.error_message)
        said = ExportLogsServiceResponse.FromString(body).partial_success
        return Answer(taken=True, rejected=said.rejected_log_records, reason=said.error_message)
    except DecodeError:
        return Answer(taken=True)


@contextmanager
def unobserved() -> Iterator[None]:
    """Keep instrumentations of HTTP and gRPC from tracing our own requests."""
    token = attach(set_value(_SUPPRESS_INSTRUMENTATION_KEY, value=True))
    try:
        yield
    finally:
        detach(token)

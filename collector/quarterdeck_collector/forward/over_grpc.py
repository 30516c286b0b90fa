"""OTLP over gRPC to one target."""

from typing import Any, Final

import grpc
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # ships no types
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]  # ships no types
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]  # ships no types

from quarterdeck_collector.forward.targets import Target
from quarterdeck_collector.forward.transport import LONGEST_WISH, Answer, Transport, Verdict, safe, taken
from quarterdeck_collector.receive.otlp import Kind

_LATER: Final = frozenset(
    {
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DATA_LOSS,
    }
)
_NO_LIMITS: Final = (("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1))
_LONGEST_RECONNECT: Final = 10_000


class GrpcTransport(Transport):
    """OTLP over gRPC.

    Args:
        target: Where to.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        compression = grpc.Compression.Gzip if target.compress else grpc.Compression.NoCompression
        options = [*_NO_LIMITS, ("grpc.max_reconnect_backoff_ms", _LONGEST_RECONNECT)]
        if target.is_secure:
            credentials = grpc.ssl_channel_credentials()
            self._channel = grpc.aio.secure_channel(target.address, credentials, options, compression)
        else:
            self._channel = grpc.aio.insecure_channel(target.address, options, compression)

    def encode(self, body: bytes) -> bytes:
        """Give the request as it is: gRPC compresses by itself."""
        return body

    async def send(self, kind: Kind, payload: bytes) -> Answer:
        """Call the Export method with bytes."""
        service = next(iter(kind.request.DESCRIPTOR.file.services_by_name.values()))
        call: Any = self._channel.unary_unary(f"/{service.full_name}/Export")
        try:
            answer = await call(payload, timeout=self._target.timeout, metadata=self._target.headers)
        except grpc.aio.AioRpcError as error:
            return self._failed(error)
        return taken(self._target, kind, answer)

    def _failed(self, error: grpc.aio.AioRpcError) -> Answer:
        pause = _retry_info(error)
        reason = safe(self._target, f"gRPC {error.code().name} {error.details() or ''}")
        asks_to_wait = error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED and pause is not None
        if error.code() in _LATER or asks_to_wait:
            return Answer(Verdict.LATER, reason, pause=pause)
        is_bad = error.code() is grpc.StatusCode.INVALID_ARGUMENT
        return Answer(Verdict.BAD_REQUEST if is_bad else Verdict.REFUSED, reason)

    async def close(self) -> None:
        """Close the channel."""
        await self._channel.close()


def _retry_info(error: grpc.aio.AioRpcError) -> float | None:
    packed = dict(error.trailing_metadata()).get("grpc-status-details-bin")
    if not isinstance(packed, bytes):
        return None
    info = RetryInfo()
    try:
        if not any(detail.Unpack(info) for detail in Status.FromString(packed).details):
            return None
    except DecodeError:
        return None
    seconds = float(info.retry_delay.seconds + info.retry_delay.nanos / 1e9)
    return min(max(0.0, seconds), LONGEST_WISH)

"""OTLP over gRPC: bytes that are encoded already, and what the endpoint thinks of them. Needs ``grpcio``."""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from quarterdeck.answers import Answer, rejected, unobserved
from quarterdeck.otlp_target import Target

if TYPE_CHECKING:
    import grpc

INSTALL: Final = "OTLP over gRPC needs grpcio: pip install 'quarterdeck[grpc]'"

_METHODS: Final = {
    "traces": "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    "logs": "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
}
_OPTIONS: Final = (
    ("grpc.initial_reconnect_backoff_ms", 250),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.primary_user_agent", "quarterdeck"),
)


def installed() -> bool:
    """Whether gRPC can be spoken here."""
    return find_spec("grpc") is not None


class GrpcTransport:
    """Calls one target.

    Args:
        target: where to, and how.
    """

    def __init__(self, target: Target) -> None:
        import grpc

        self._target = target
        self._channel = _channel(target, grpc.Compression.Gzip if target.compression == "gzip" else None)
        self._export: Any = self._channel.unary_unary(_METHODS[target.signal])

    def send(self, body: bytes, timeout_s: float) -> Answer:
        """Send one request.

        Args:
            body: an encoded export request.
            timeout_s: seconds to wait at most.
        """
        import grpc

        try:
            with unobserved():
                answer: bytes = self._export(body, timeout=timeout_s, metadata=self._target.headers)
        except grpc.RpcError as error:
            return _read(error)
        except ValueError as error:  # the channel was closed meanwhile
            return Answer(reason=str(error))
        return rejected(self._target.signal, answer)

    def close(self) -> None:
        """Close the connections; a call that is under way ends."""
        self._channel.close()


def _channel(target: Target, compression: "grpc.Compression | None") -> "grpc.Channel":
    import grpc

    if not target.secure:
        return grpc.insecure_channel(target.url, options=_OPTIONS, compression=compression)
    credentials = grpc.ssl_channel_credentials(
        _read_file(target.certificate), _read_file(target.client_key), _read_file(target.client_certificate)
    )
    return grpc.secure_channel(target.url, credentials, options=_OPTIONS, compression=compression)


def _read_file(path: str) -> bytes | None:
    return Path(path).read_bytes() if path else None


def _read(error: Any) -> Answer:
    import grpc

    code, details = error.code(), error.details() or ""
    too_large = code is grpc.StatusCode.RESOURCE_EXHAUSTED and "larger than max" in details
    return Answer(
        final=too_large or code is grpc.StatusCode.INVALID_ARGUMENT,
        too_large=too_large,
        denied=code in {grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED},
        unknown=code is grpc.StatusCode.UNIMPLEMENTED,
        absent=code is grpc.StatusCode.UNAVAILABLE and "connect" in details.lower(),
        reason=f"gRPC {code.name} {details}".strip(),
    )

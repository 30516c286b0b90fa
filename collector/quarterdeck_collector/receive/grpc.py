"""OTLP over gRPC."""

import asyncio
import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import grpc
from google.protobuf.message import Message  # type: ignore[import-untyped]  # ships no types

from quarterdeck.serving import PortError, listen
from quarterdeck.tokens import DeniedError, Scope
from quarterdeck_collector.receive import intake, otlp
from quarterdeck_collector.receive.intake import RefusalError
from quarterdeck_collector.receive.otlp import Kind

if TYPE_CHECKING:
    from quarterdeck_collector.collector import Collector
    from quarterdeck_collector.settings import Settings

_Context = grpc.aio.ServicerContext[Any, Any]

GRACE_SECONDS: Final = 2.0
"""How long a stopping server lets calls under way finish."""

PORT_SETTING: Final = "otlp-grpc-port"

_UNREAD_BYTES: Final = 1 << 20
"""What a message is taken to hold until it has been read: gRPC does not say before."""

_CANCEL_SECONDS: Final = 1.0
"""More than enough for gRPC to cancel a call that it has refused."""

_SERVICES: Final = {
    "opentelemetry.proto.collector.trace.v1.TraceService": otlp.TRACES,
    "opentelemetry.proto.collector.logs.v1.LogsService": otlp.LOGS,
    "opentelemetry.proto.collector.metrics.v1.MetricsService": otlp.METRICS,
}
_CODES: Final = {code.value[0]: code for code in grpc.StatusCode}
_DETAILS: Final = "grpc-status-details-bin"
_RETRY_INFO: Final = "google.rpc.retryinfo-bin"
"""Where OpenTelemetry's Python SDK looks for what is also among the details."""


@dataclass(frozen=True)
class Bound:
    """A server that has its port.

    Args:
        server: The server.
        address: Its host and port.
    """

    server: grpc.aio.Server
    address: tuple[str, int]


def bind(settings: "Settings") -> Bound:
    """Take the port of OTLP over gRPC; clients that connect wait until :func:`serve`.

    Args:
        settings: What to run with.

    Raises:
        PortError: The port is in use or not allowed.
    """
    host, port = settings.host, settings.otlp_grpc_port
    # gRPC opens its port itself and does not say what is wrong with it.
    with listen(host, port, PORT_SETTING):
        pass
    server = grpc.aio.server(
        options=[
            ("grpc.max_receive_message_length", settings.max_body_bytes),  # also of what comes out of compression
            ("grpc.so_reuseport", 0),
        ]
    )
    try:
        taken = server.add_insecure_port(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
    except RuntimeError as error:
        raise PortError(f"port {port} cannot be opened on {host}; choose another with --{PORT_SETTING}") from error
    return Bound(server, (host, taken))


async def serve(server: grpc.aio.Server, collector: "Collector") -> None:
    """Begin to answer.

    Args:
        server: As bound.
        collector: Keeps what comes.
    """
    for service, kind in _SERVICES.items():
        # On the wire a unary method; but a stream's handler is called before the message has been read.
        export: Any = grpc.stream_unary_rpc_method_handler(functools.partial(_export, collector, kind))
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {"Export": export}),))
    await server.start()


async def _export(collector: "Collector", kind: Kind, _: Any, context: _Context) -> bytes:
    try:
        answer = await _take(collector, kind, context)
    except RefusalError as refusal:
        code = _CODES[refusal.code]
        collector.counters.add("requests", signal=kind.name, status=code.name)
        await context.abort(code, str(refusal), _trailer(refusal))
    collector.counters.add("requests", signal=kind.name, status=grpc.StatusCode.OK.name)
    return otlp.encode(answer, otlp.PROTOBUF)


async def _take(collector: "Collector", kind: Kind, context: _Context) -> Message:
    _admit(collector, context)
    with intake.Reservation(collector) as reservation:
        reservation.grow(_UNREAD_BYTES)
        body = await _read(context, collector.settings.client_patience)
        reservation.grow(len(body) - _UNREAD_BYTES)
        return await intake.take(collector, kind, body, otlp.PROTOBUF)


def _admit(collector: "Collector", context: _Context) -> None:
    header = dict(context.invocation_metadata() or ()).get("authorization", "")
    try:
        collector.tokens.check(str(header), Scope.INGEST)
    except DeniedError as error:
        raise RefusalError(*otlp.denial(error), str(error)) from error


async def _read(context: _Context, patience: float) -> bytes:
    try:
        async with asyncio.timeout(patience):
            body = await context.read()
    except TimeoutError:
        text = f"the message did not arrive within {patience:g} s; send smaller batches"
        raise RefusalError(408, otlp.DEADLINE_EXCEEDED, text) from None
    if body is grpc.aio.EOF:
        # gRPC refuses a message that is too large by itself and cancels this call; else there was no message.
        await asyncio.sleep(_CANCEL_SECONDS)
        return b""
    return bytes(body)


def _trailer(refusal: RefusalError) -> tuple[tuple[str, bytes], ...]:
    details = (_DETAILS, refusal.status().SerializeToString())
    if refusal.retry_after is None:
        return (details,)
    return details, (_RETRY_INFO, otlp.retry_info(refusal.retry_after).SerializeToString())

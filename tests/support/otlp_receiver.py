"""A collector for tests: takes OTLP/HTTP as any collector does and keeps the decoded requests."""

import asyncio
import gzip
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import grpc
from google.protobuf.message import Message  # type: ignore[import-untyped]  # ships no types
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]  # ships no types
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


@dataclass
class Receiver:
    """What arrived, request by request, over HTTP or gRPC; ``status`` is what every request is answered with."""

    traces: list[ExportTraceServiceRequest] = field(default_factory=list)
    logs: list[ExportLogsServiceRequest] = field(default_factory=list)
    metrics: list[ExportMetricsServiceRequest] = field(default_factory=list)
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    """Headers of the newest request."""
    answer_headers: dict[str, str] = field(default_factory=dict)
    answer: str = ""
    """Headers and body of what is not 200."""
    code: grpc.StatusCode = grpc.StatusCode.OK
    """What every gRPC call is answered with."""
    details: Message | None = None
    """A detail of gRPC errors."""
    refuses: Callable[[bytes], int] = lambda _: 0
    """Gives the HTTP status of requests that are not taken, 0 for others."""
    rejected: int = 0
    """How many spans of a request that was taken are rejected."""
    hangs: bool = False
    asked: int = 0
    """Requests so far, whatever became of them."""

    def app(self) -> Starlette:
        paths = {"/v1/traces": self._traces, "/v1/logs": self._logs, "/v1/metrics": self._metrics}
        return Starlette(routes=[Route(path, endpoint, methods=["POST"]) for path, endpoint in paths.items()])

    async def _traces(self, request: Request) -> Response:
        return await self._take(request, self.traces, ExportTraceServiceRequest)

    async def _logs(self, request: Request) -> Response:
        return await self._take(request, self.logs, ExportLogsServiceRequest)

    async def _metrics(self, request: Request) -> Response:
        return await self._take(request, self.metrics, ExportMetricsServiceRequest)

    async def _take(self, request: Request, kept: list[Any], kind: type[Message]) -> Response:
        self.headers, self.asked = dict(request.headers), self.asked + 1
        body = await _body(request)
        while self.hangs:  # noqa: ASYNC110 - another thread ends it
            await asyncio.sleep(0.01)
        if status := self.refuses(body):
            return Response(status_code=status)
        if self.status != 200:
            return Response(self.answer, self.status, self.answer_headers)
        kept.append(kind.FromString(body))
        return Response(self._partial(), media_type="application/x-protobuf") if self.rejected else Response()

    def _partial(self) -> bytes:
        answer = ExportTraceServiceResponse()
        answer.partial_success.rejected_spans = self.rejected
        answer.partial_success.error_message = "some spans are too old"
        return bytes(answer.SerializeToString())

    @contextmanager
    def serve_grpc(self, port: int = 0, credentials: grpc.ServerCredentials | None = None) -> Iterator[int]:
        """Serve gRPC as well, until the block ends, and give the port."""
        server = grpc.server(ThreadPoolExecutor(4))
        kinds: dict[str, tuple[list[Any], type[Message]]] = {
            "trace.v1.TraceService": (self.traces, ExportTraceServiceRequest),
            "logs.v1.LogsService": (self.logs, ExportLogsServiceRequest),
            "metrics.v1.MetricsService": (self.metrics, ExportMetricsServiceRequest),
        }
        for name, (kept, kind) in kinds.items():
            method: Any = grpc.unary_unary_rpc_method_handler(partial(self._call, kept, kind))
            service = f"opentelemetry.proto.collector.{name}"
            server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {"Export": method}),))
        address = f"127.0.0.1:{port}"
        port = server.add_secure_port(address, credentials) if credentials else server.add_insecure_port(address)
        server.start()
        try:
            yield port
        finally:
            server.stop(0).wait()

    def _call(self, kept: list[Any], kind: type[Message], body: bytes, context: grpc.ServicerContext) -> bytes:
        self.headers, self.asked = {str(k): str(v) for k, v in context.invocation_metadata()}, self.asked + 1
        if self.code is not grpc.StatusCode.OK:
            if self.details is not None:
                status = Status(code=self.code.value[0])
                status.details.add().Pack(self.details)
                context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
            context.abort(self.code, "not now")
        kept.append(kind.FromString(body))
        return self._partial() if self.rejected else b""

    def spans(self) -> list[dict[str, Any]]:
        """Spans as plain dictionaries, in the order of arrival."""
        return [
            {
                "name": span.name,
                "trace_id": span.trace_id.hex(),
                "span_id": span.span_id.hex(),
                "parent_id": span.parent_span_id.hex(),
                "resource": plain(found.resource.attributes),
                "attributes": plain(span.attributes),
            }
            for request in list(self.traces)
            for found in request.resource_spans
            for scope in found.scope_spans
            for span in scope.spans
        ]

    def records(self, scope_name: str) -> list[dict[str, Any]]:
        """Log records of one scope as plain dictionaries, in the order of arrival."""
        return [
            {
                "event": record.event_name,
                "trace_id": record.trace_id.hex(),
                "span_id": record.span_id.hex(),
                "body": record.body.string_value,
                "attributes": plain(record.attributes),
            }
            for request in list(self.logs)
            for found in request.resource_logs
            for scope in found.scope_logs
            if scope.scope.name == scope_name
            for record in scope.log_records
        ]

    def scopes_per_request(self) -> list[set[str]]:
        """Which scopes each log request held."""
        return [
            {scope.scope.name for found in request.resource_logs for scope in found.scope_logs}
            for request in list(self.logs)
        ]


async def _body(request: Request) -> bytes:
    body = await request.body()
    match request.headers.get("content-encoding"):
        case "gzip":
            return gzip.decompress(body)
        case "deflate":
            return zlib.decompress(body)
    return body


def plain(attributes: Any) -> dict[str, Any]:
    """Give attributes as a dictionary."""
    return {pair.key: _value(pair) for pair in attributes}


def _value(pair: KeyValue) -> Any:
    return _any(pair.value)


def _any(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_any(item) for item in value.array_value.values]
    return getattr(value, kind) if kind else None

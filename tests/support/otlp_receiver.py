"""A collector for tests: takes OTLP/HTTP as any collector does and keeps the decoded requests."""

import gzip
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


@dataclass
class Receiver:
    """What arrived, request by request; ``status`` is what every request is answered with."""

    traces: list[ExportTraceServiceRequest] = field(default_factory=list)
    logs: list[ExportLogsServiceRequest] = field(default_factory=list)
    status: int = 200

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/v1/traces", self._traces, methods=["POST"]),
                Route("/v1/logs", self._logs, methods=["POST"]),
            ]
        )

    async def _traces(self, request: Request) -> Response:
        if self.status == 200:
            self.traces.append(ExportTraceServiceRequest.FromString(await _body(request)))
        return Response(status_code=self.status)

    async def _logs(self, request: Request) -> Response:
        if self.status == 200:
            self.logs.append(ExportLogsServiceRequest.FromString(await _body(request)))
        return Response(status_code=self.status)

    def spans(self) -> list[dict[str, Any]]:
        """Spans as plain dictionaries, in the order of arrival."""
        return [
            {
                "name": span.name,
                "trace_id": span.trace_id.hex(),
                "span_id": span.span_id.hex(),
                "parent_id": span.parent_span_id.hex(),
                "resource": _plain(found.resource.attributes),
                "attributes": _plain(span.attributes),
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
                "attributes": _plain(record.attributes),
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
    return gzip.decompress(body) if request.headers.get("content-encoding") == "gzip" else body


def _plain(attributes: Any) -> dict[str, Any]:
    return {pair.key: _value(pair) for pair in attributes}


def _value(pair: KeyValue) -> Any:
    return _any(pair.value)


def _any(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_any(item) for item in value.array_value.values]
    return getattr(value, kind) if kind else None

"""OTLP over HTTP: what is taken, what is refused, and how."""

import gzip
import json
import uuid
import zlib
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import zstandard
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]  # ships no types
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from support import otlp
from support.collectors import CollectorProcess, wait_for

ENCODINGS: dict[str, Callable[[bytes], bytes]] = {
    "identity": bytes,
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "zstd": zstandard.ZstdCompressor().compress,
}


def _stored(running: CollectorProcess, trace_id: bytes, expected: int) -> None:
    query = "SELECT count() FROM otel_traces WHERE TraceId = {trace:String}"
    wait_for(lambda: running.sql(query, trace=trace_id.hex()) == str(expected))


@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip])
def test_the_python_sdk_delivers_spans_and_logs(running: CollectorProcess, compression: Compression) -> None:
    service = uuid.uuid4().hex
    resource = Resource({"service.name": service})
    tracing = TracerProvider(resource=resource)
    tracing.add_span_processor(
        BatchSpanProcessor(OTLPSpanExporter(f"{running.otlp}/v1/traces", compression=compression))
    )
    logging = LoggerProvider(resource=resource)
    logging.add_log_record_processor(
        BatchLogRecordProcessor(OTLPLogExporter(f"{running.otlp}/v1/logs", compression=compression))
    )
    with tracing.get_tracer("t").start_as_current_span("outer"), tracing.get_tracer("t").start_as_current_span("inner"):
        logging.get_logger("l").emit(body="hello", severity_text="INFO")
    tracing.shutdown()
    logging.shutdown()

    spans = "SELECT SpanName FROM otel_traces WHERE ServiceName = {service:String} ORDER BY SpanName"
    assert wait_for(lambda: running.sql(spans, service=service)) == "inner\nouter"
    joined = (
        "SELECT l.Body, s.SpanName FROM otel_logs AS l JOIN otel_traces AS s USING (TraceId, SpanId) "
        "WHERE l.ServiceName = {service:String}"
    )
    assert wait_for(lambda: running.sql(joined, service=service)) == "hello\tinner"


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_encoding_is_read(running: CollectorProcess, encoding: str) -> None:
    trace_id = otlp.new_trace_id()
    body = otlp.traces({"trace_id": trace_id}).SerializeToString()

    answer = running.post("/v1/traces", ENCODINGS[encoding](body), content_encoding=encoding)

    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/x-protobuf")
    assert ExportTraceServiceResponse.FromString(answer.content) == ExportTraceServiceResponse()
    _stored(running, trace_id, 1)


def test_json_spells_ids_in_hex(running: CollectorProcess) -> None:
    trace_id = otlp.new_trace_id()
    span = {
        "traceId": trace_id.hex(),
        "spanId": "00f067aa0ba902b7",
        "parentSpanId": "00f067aa0ba902b8",
        "name": "from json",
        "kind": 3,
        "startTimeUnixNano": "1767225600000000000",
        "endTimeUnixNano": "1767225601000000000",
        "attributes": [
            {"key": "traceId", "value": {"stringValue": "not hex"}},
            {"key": "n", "value": {"intValue": "7"}},
        ],
        "links": [{"traceId": trace_id.hex(), "spanId": "00f067aa0ba902b9"}],
        "unheardOf": 1,
    }
    body = {"resourceSpans": [{"resource": {}, "scopeSpans": [{"scope": {}, "spans": [span]}]}]}

    answer = running.post("/v1/traces", json.dumps(body).encode(), content_type="application/json; charset=utf-8")

    assert (answer.status_code, answer.headers["content-type"], answer.json()) == (200, "application/json", {})
    query = (
        "SELECT SpanId, ParentSpanId, SpanName, SpanKind, SpanAttributes, Links.SpanId FROM otel_traces "
        "WHERE TraceId = {trace:String} FORMAT JSONEachRow"
    )
    assert json.loads(wait_for(lambda: running.sql(query, trace=trace_id.hex()))) == {
        "SpanId": "00f067aa0ba902b7",
        "ParentSpanId": "00f067aa0ba902b8",
        "SpanName": "from json",
        "SpanKind": "Client",
        "SpanAttributes": {"traceId": "not hex", "n": "7"},
        "Links.SpanId": ["00f067aa0ba902b9"],
    }


def test_a_repeated_request_is_stored_once(running: CollectorProcess) -> None:
    trace_id, marker = otlp.new_trace_id(), otlp.new_trace_id()
    body = otlp.traces({"trace_id": trace_id}, {"trace_id": trace_id}).SerializeToString()

    assert [running.post("/v1/traces", body).status_code for _ in range(3)] == [200, 200, 200]
    assert running.post("/v1/traces", gzip.compress(body), content_encoding="gzip").status_code == 200

    running.post("/v1/traces", otlp.traces({"trace_id": marker}).SerializeToString())
    _stored(running, marker, 1)
    _stored(running, trace_id, 2)


def test_nested_values_pass_through_the_whole_way(running: CollectorProcess) -> None:
    nested, flat = otlp.new_trace_id(), otlp.new_trace_id()
    messages = [{"role": "user", "parts": [{"type": "text"}]}]
    request = otlp.traces({"trace_id": nested, "attributes": {"gen_ai.input.messages": messages}}, {"trace_id": flat})
    running.post("/v1/traces", request.SerializeToString())

    _stored(running, flat, 1)
    payload = "SELECT Payload['gen_ai.input.messages'] FROM otel_traces WHERE TraceId = {trace:String}"
    assert running.sql(payload, trace=nested.hex()) == '[{"role":"user","parts":[{"type":"text"}]}]'


BOMB = gzip.compress(bytes(80 << 20))
VALID = otlp.traces({}).SerializeToString()
REFUSED: dict[str, tuple[bytes, dict[str, str], int, str]] = {
    "garbage": (b"\xff\xff\xff", {}, 400, "no ExportTraceServiceRequest"),
    "cut short": (VALID[:-3], {}, 400, "no ExportTraceServiceRequest"),
    "not gzip": (b"plain", {"content_encoding": "gzip"}, 400, "does not decompress"),
    "gzip cut short": (gzip.compress(VALID)[:-9], {"content_encoding": "gzip"}, 400, "does not decompress"),
    "zip bomb": (BOMB, {"content_encoding": "gzip"}, 413, "larger than 67108864 bytes"),
    "zstd bomb": (
        zstandard.ZstdCompressor().compress(bytes(80 << 20)),
        {"content_encoding": "zstd"},
        413,
        "larger than",
    ),
    "too large": (bytes(65 << 20), {}, 413, "larger than"),
    "unknown encoding": (VALID, {"content_encoding": "br"}, 415, "use gzip, deflate, zstd or none"),
    "wrong type": (VALID, {"content_type": "text/plain"}, 415, "send application/x-protobuf or application/json"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_refused_with_a_reason(running: CollectorProcess, name: str) -> None:
    body, headers, http, reason = REFUSED[name]

    answer = running.post("/v1/traces", body, **headers)

    assert answer.status_code == http
    assert reason in Status.FromString(answer.content).message


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "xyz"}]}]}]}']
)
def test_bad_json_is_answered_in_json(running: CollectorProcess, body: bytes) -> None:
    answer = running.post("/v1/traces", body, content_type="application/json")

    assert answer.status_code == 400
    assert answer.json()["code"] == 3
    assert "ExportTraceServiceRequest" in answer.json()["message"]


def test_metrics_are_declined_as_partial_success(running: CollectorProcess) -> None:
    request = ExportMetricsServiceRequest()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name="m")
    metric.sum.data_points.add(as_int=1)
    metric.sum.data_points.add(as_int=2)

    answer = running.post("/v1/metrics", request.SerializeToString())

    partial: Any = ExportMetricsServiceResponse.FromString(answer.content).partial_success
    assert (answer.status_code, partial.rejected_data_points) == (200, 2)
    assert "does not store metrics" in partial.error_message


def test_counters_add_up(running: CollectorProcess) -> None:
    def counts() -> dict[str, float]:
        lines = httpx.get(f"{running.otlp}/metrics").text.splitlines()
        pairs = (line.removeprefix("quarterdeck_collector_").rsplit(" ", 1) for line in lines if line[0] != "#")
        return {name: float(value) for name, value in pairs}

    running.post("/v1/traces", otlp.traces({}, {}, {}).SerializeToString())
    wait_for(lambda: counts()['spooled_items{signal="traces"}'] == 0)
    now = counts()

    assert now['accepted_items_total{signal="traces"}'] == now['stored_items_total{signal="traces"}'] >= 3


def test_health_and_readiness(running: CollectorProcess) -> None:
    assert httpx.get(f"{running.otlp}/healthz").json() == {"status": "ok"}
    ready = httpx.get(f"{running.otlp}/readyz")
    assert (ready.status_code, ready.json()["status"]) == (200, "ok")
    assert {name: check["ok"] for name, check in ready.json()["checks"].items()} == {
        "clickhouse": True,
        "spool": True,
        "prices": True,
    }

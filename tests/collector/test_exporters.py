"""OpenTelemetry's own exporters deliver every signal and every value, over every protocol."""

import base64
import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import pytest
from google.protobuf import json_format  # type: ignore[import-untyped]  # ships no types
from opentelemetry.exporter.otlp.proto.grpc import _log_exporter as grpc_logs
from opentelemetry.exporter.otlp.proto.grpc import metric_exporter as grpc_metrics
from opentelemetry.exporter.otlp.proto.grpc import trace_exporter as grpc_traces
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http import _log_exporter as http_logs
from opentelemetry.exporter.otlp.proto.http import metric_exporter as http_metrics
from opentelemetry.exporter.otlp.proto.http import trace_exporter as http_traces
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from support import otlp
from support.collectors import CollectorProcess, wait_for
from support.values import FLAT, NESTED

Providers = tuple[TracerProvider, LoggerProvider, MeterProvider]
Exporters = Callable[[CollectorProcess], tuple[Any, Any, Any]]


def _over_http(compression: Compression) -> Exporters:
    def make(running: CollectorProcess) -> tuple[Any, Any, Any]:
        return (
            http_traces.OTLPSpanExporter(f"{running.otlp}/v1/traces", compression=compression),
            http_logs.OTLPLogExporter(f"{running.otlp}/v1/logs", compression=compression),
            http_metrics.OTLPMetricExporter(f"{running.otlp}/v1/metrics", compression=compression),
        )

    return make


def _over_grpc(compression: grpc.Compression) -> Exporters:
    def make(running: CollectorProcess) -> tuple[Any, Any, Any]:
        return (
            grpc_traces.OTLPSpanExporter(running.grpc, insecure=True, compression=compression),
            grpc_logs.OTLPLogExporter(running.grpc, insecure=True, compression=compression),
            grpc_metrics.OTLPMetricExporter(running.grpc, insecure=True, compression=compression),
        )

    return make


EXPORTERS = {
    "http": _over_http(Compression.NoCompression),
    "http gzip": _over_http(Compression.Gzip),
    "grpc": _over_grpc(grpc.Compression.NoCompression),
    "grpc gzip": _over_grpc(grpc.Compression.Gzip),
}


@contextmanager
def _sdk(
    service: str, exporters: tuple[Any, Any, Any]
) -> Iterator[tuple[TracerProvider, LoggerProvider, MeterProvider]]:
    spans, logs, metrics = exporters
    resource = Resource({"service.name": service})
    tracing, logging = TracerProvider(resource=resource), LoggerProvider(resource=resource)
    tracing.add_span_processor(BatchSpanProcessor(spans))
    logging.add_log_record_processor(BatchLogRecordProcessor(logs))
    exponential = View(
        instrument_type=Histogram, instrument_name="wide", aggregation=ExponentialBucketHistogramAggregation()
    )
    metering = MeterProvider([PeriodicExportingMetricReader(metrics)], resource, views=[exponential])
    yield tracing, logging, metering
    tracing.shutdown()
    logging.shutdown()
    metering.shutdown()


@pytest.mark.parametrize("name", EXPORTERS)
def test_the_python_sdk_delivers_spans_logs_and_metrics(running: CollectorProcess, name: str) -> None:
    service = uuid.uuid4().hex
    with _sdk(service, EXPORTERS[name](running)) as (tracing, logging, metering):
        tracer, meter = tracing.get_tracer("t"), metering.get_meter("m")
        with tracer.start_as_current_span("outer"), tracer.start_as_current_span("inner"):
            logging.get_logger("l").emit(body="hello", severity_text="INFO")
            meter.create_histogram("size").record(3, {"kind": "a"})
            meter.create_histogram("wide").record(1.5)
        meter.create_counter("calls").add(2)
        meter.create_gauge("level").set(0.5)

    def stored(query: str, table: str = "") -> str:
        of_service = f"{query} WHERE {table}ServiceName = {{service:String}} ORDER BY 1"
        text: str = wait_for(lambda: running.sql(of_service, service=service))
        return text

    assert stored("SELECT SpanName FROM otel_traces") == "inner\nouter"
    joined = "FROM otel_logs AS l JOIN otel_traces AS s USING (TraceId, SpanId)"
    assert stored("SELECT l.Body, s.SpanName " + joined, "l.") == "hello\tinner"
    assert stored("SELECT MetricName, Value, IsMonotonic FROM otel_metrics_sum") == "calls\t2\ttrue"
    assert stored("SELECT MetricName, Value FROM otel_metrics_gauge") == "level\t0.5"
    histogram = "SELECT MetricName, Count, Sum, Min, Max, Attributes FROM otel_metrics_histogram"
    assert stored(histogram) == "size\t1\t3\t3\t3\t{'kind':'a'}"
    exponential = "SELECT MetricName, Count, Sum, PositiveBucketCounts FROM otel_metrics_exponential_histogram"
    assert stored(exponential) == "wide\t1\t1.5\t[1]"
    exemplars = "FROM otel_metrics_histogram AS m JOIN otel_traces AS s ON s.SpanId = m.Exemplars.SpanId[1]"
    assert stored("SELECT s.SpanName " + exemplars, "m.") == "inner"


def _as_json(request: Any) -> bytes:
    document = json_format.MessageToDict(request)
    (span,) = document["resourceSpans"][0]["scopeSpans"][0]["spans"]
    for key in ("traceId", "spanId"):
        span[key] = base64.b64decode(span[key]).hex()
    return json.dumps(document).encode()


SENDERS: dict[str, Callable[[CollectorProcess, Any], Any]] = {
    "http protobuf": lambda running, request: running.post("/v1/traces", request.SerializeToString()),
    "http json": lambda running, request: running.post(
        "/v1/traces", _as_json(request), content_type="application/json"
    ),
    "grpc": lambda running, request: running.rpc("Trace", request.SerializeToString()),
}


@pytest.mark.parametrize("protocol", SENDERS)
def test_every_value_arrives_with_its_text_and_type(running: CollectorProcess, protocol: str) -> None:
    trace_id = otlp.new_trace_id()
    cases = FLAT | NESTED
    attributes = {name: value for name, (value, _, _) in cases.items()}

    SENDERS[protocol](running, otlp.traces({"trace_id": trace_id, "attributes": attributes}))

    query = (
        "SELECT SpanAttributes, SpanAttributeTypes FROM otel_traces WHERE TraceId = {trace:String} FORMAT JSONEachRow"
    )
    row = json.loads(wait_for(lambda: running.sql(query, trace=trace_id.hex())))
    letters = row["SpanAttributeTypes"].partition("|")[0]
    found = {name: (text, letter) for (name, text), letter in zip(row["SpanAttributes"].items(), letters, strict=True)}
    assert found == {name: (text, letter) for name, (_, text, letter) in cases.items()}

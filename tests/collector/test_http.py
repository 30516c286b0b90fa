"""OTLP over HTTP: what is taken, what is refused, and how."""

import gzip
import json
import uuid
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import zstandard
from google.protobuf import json_format  # type: ignore[import-untyped]  # ships no types
from google.rpc.error_details_pb2 import BadRequest  # type: ignore[import-untyped]  # ships no types
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]  # ships no types
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from pydantic_settings import CliApp

from quarterdeck.tokens import Tokens
from quarterdeck_collector.app import create_app
from quarterdeck_collector.settings import Settings
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
    said = answer.json()["message"] if "content_type" in headers else Status.FromString(answer.content).message
    assert reason in said


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "xyz"}]}]}]}']
)
def test_bad_json_is_answered_in_json(running: CollectorProcess, body: bytes) -> None:
    answer = running.post("/v1/traces", body, content_type="Application/JSON;charset=UTF-8")

    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/json")
    assert answer.json()["code"] == 3
    assert "ExportTraceServiceRequest" in answer.json()["message"]


@pytest.mark.parametrize("content_type", ["application/x-protobuf", "application/json", "text/plain"])
@pytest.mark.parametrize(("asked", "http", "code"), [("GET /v1/traces", 405, 12), ("POST /v1/spans", 404, 5)])
def test_a_wrong_method_or_path_is_answered_in_the_encoding_of_the_request(
    running: CollectorProcess, asked: str, http: int, code: int, content_type: str
) -> None:
    method, _, path = asked.partition(" ")
    answer = httpx.request(method, running.otlp + path, headers={"content-type": content_type})

    in_protobuf = content_type == "application/x-protobuf"
    assert answer.status_code == http
    assert answer.headers["content-type"] == (content_type if in_protobuf else "application/json")
    assert answer.headers.get("allow") == ("POST" if http == 405 else None)
    said = Status.FromString(answer.content) if in_protobuf else json_format.ParseDict(answer.json(), Status())
    assert said.code == code
    assert "OTLP is taken by POST to /v1/traces, /v1/logs, /v1/metrics" in said.message


async def test_an_error_of_the_collector_itself_is_answered_as_otlp_asks_for(tmp_path: Path) -> None:
    settings = CliApp.run(Settings, cli_args=["--data-dir", str(tmp_path)])
    app = create_app(settings, "", Tokens(settings.token_file, local=True))

    @app.post("/broken")
    async def broken() -> None:
        raise ZeroDivisionError

    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        answer = await client.post("/broken", headers={"content-type": "application/x-protobuf"})

    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/x-protobuf")
    assert Status.FromString(answer.content).message == "an error of the collector; its log says more"


def test_bad_data_are_described_in_the_details(running: CollectorProcess) -> None:
    said = Status.FromString(running.post("/v1/logs", b"\xff").content)

    (detail,), described = said.details, BadRequest()
    assert detail.Unpack(described)
    assert [violation.description for violation in described.field_violations] == [said.message]


def test_json_of_metrics_spells_numbers_either_way_and_ids_in_hex(running: CollectorProcess) -> None:
    service = uuid.uuid4().hex
    exemplar = {"traceId": "0AF7651916CD43DD8448EB211C80319C", "spanId": "00F067AA0BA902B7", "asInt": "5"}
    points = [
        {"timeUnixNano": "1767225600000000000", "asInt": "7", "exemplars": [exemplar]},
        {"timeUnixNano": 1767225600000000000, "asInt": 8},
    ]
    temporalities = (2, "AGGREGATION_TEMPORALITY_CUMULATIVE")
    metrics = [
        {"name": "m", "sum": {"dataPoints": [point], "aggregationTemporality": temporality, "isMonotonic": True}}
        for point, temporality in zip(points, temporalities, strict=True)
    ]
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]}
    body = {"resourceMetrics": [{"resource": resource, "scopeMetrics": [{"metrics": metrics, "new": {}}]}]}

    answer = running.post("/v1/metrics", json.dumps(body).encode(), content_type="application/json")

    assert (answer.status_code, answer.json()) == (200, {})
    query = (
        "SELECT IntValue, AggregationTemporality, Exemplars.TraceId, Exemplars.SpanId FROM otel_metrics_sum "
        "WHERE ServiceName = {service:String} ORDER BY IntValue"
    )
    assert wait_for(lambda: running.sql(query, service=service)).split("\n") == [
        "7\t2\t['0af7651916cd43dd8448eb211c80319c']\t['00f067aa0ba902b7']",
        "8\t2\t[]\t[]",
    ]


def test_metrics_of_an_unknown_type_are_named_and_the_others_stored(running: CollectorProcess) -> None:
    service = uuid.uuid4().hex
    known = {"name": "known", "gauge": {"data_points": [{"as_int": 1}, {"as_int": 2}]}}
    request = otlp.metrics({"name": "from.the.future"}, known, resource={"service.name": service})

    answer = running.post("/v1/metrics", request.SerializeToString())

    partial: Any = ExportMetricsServiceResponse.FromString(answer.content).partial_success
    assert (answer.status_code, partial.rejected_data_points) == (200, 0)
    assert partial.error_message == "metrics without data of a known type were not stored: from.the.future"
    query = "SELECT count() FROM otel_metrics_gauge WHERE ServiceName = {service:String}"
    wait_for(lambda: running.sql(query, service=service) == "2")


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

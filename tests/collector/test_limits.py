"""What one request may hold, and that a span over a limit does not sink its neighbours."""

import gzip
import json
import time
import zlib
from typing import Any

import pytest
import zstandard
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]  # ships no types
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from quarterdeck_collector.limits import MOST_SMALL_PARTS, Limits, TooMuchError, admit
from quarterdeck_collector.receive.otlp import JSON, LOGS, METRICS, PROTOBUF, TRACES, BadRequestError
from quarterdeck_collector.segments import frame
from support import otlp
from support.collectors import CollectorProcess, wait_for

FEW = Limits(items=6, attributes=3, events=2, links=1, age_days=9)
GOOD = {"name": "good"}
INVALID: list[dict[str, Any]] = [
    {"trace_id": b""},
    {"span_id": b""},
    {"trace_id": bytes(16)},
    {"span_id": bytes(8)},
    {"trace_id": b"x" * 15},
    {"span_id": b"x" * 9},
]


def many(number: int) -> dict[str, Any]:
    return {f"key {n}": n for n in range(number)}


@pytest.mark.parametrize(
    ("odd", "reason"),
    [
        ({"attributes": many(4)}, "1 with more than 3 attributes (--max-attributes)"),
        ({"events": [{}] * 3}, "1 with more than 2 events (--max-events)"),
        ({"links": [{}] * 2}, "1 with more than 1 links (--max-links)"),
        *((ids, "1 without a valid trace id and span id") for ids in INVALID),
    ],
)
def test_a_span_over_a_limit_or_without_ids_is_rejected_alone(odd: dict[str, Any], reason: str) -> None:
    most: dict[str, Any] = {"name": "most", "attributes": many(3), "events": [{}] * 2, "links": [{}]}
    request = otlp.traces(GOOD, odd, most)

    admitted = admit(TRACES, request.SerializeToString(), PROTOBUF, FEW)

    del request.resource_spans[0].scope_spans[0].spans[1]
    assert (admitted.items, admitted.rejected, admitted.reason) == (2, 1, f"not kept: {reason}")
    assert TRACES.request.FromString(admitted.body) == admitted.message == request


LATE = "1 from more than 9 days ago (--max-age-days) or from the future"
DAY = 86_400 * 10**9


@pytest.mark.parametrize("days", [-20_000, -10, 2, 200_000])
def test_what_would_need_a_partition_of_a_far_day_is_rejected(days: int) -> None:
    when = min(max(1, time.time_ns() + days * DAY), 2**64 - 1)
    spans = otlp.traces(GOOD, {"start_time_unix_nano": when}, {"start_time_unix_nano": 0})
    records = otlp.logs(
        {}, {"time_unix_nano": when}, {"time_unix_nano": 0, "observed_time_unix_nano": when}, {"time_unix_nano": 0}
    )

    admitted = [
        admit(kind, body.SerializeToString(), PROTOBUF, FEW) for kind, body in ((TRACES, spans), (LOGS, records))
    ]

    assert [(one.items, one.reason) for one in admitted] == [
        (2, f"not kept: {LATE}"),
        (2, f"not kept: {LATE.replace('1', '2', 1)}"),
    ]


def test_every_reason_is_counted() -> None:
    body = otlp.traces(*INVALID[:2], {"attributes": many(9)}, {"attributes": many(9), "links": [{}] * 2}, GOOD)

    admitted = admit(TRACES, body.SerializeToString(), PROTOBUF, FEW)

    assert (admitted.items, admitted.rejected) == (1, 4)
    assert admitted.reason == (
        "not kept: 1 with more than 3 attributes (--max-attributes); 1 with more than 1 links (--max-links); "
        "2 without a valid trace id and span id"
    )


def test_a_record_needs_no_ids_but_has_the_limit_of_attributes() -> None:
    body = otlp.logs({"body": "no ids"}, {"attributes": many(4)}).SerializeToString()

    admitted = admit(LOGS, body, PROTOBUF, FEW)

    assert (admitted.items, admitted.reason) == (1, "not kept: 1 with more than 3 attributes (--max-attributes)")


def test_what_is_within_the_limits_keeps_its_bytes() -> None:
    body = otlp.traces(*[GOOD] * 6).SerializeToString() + b"\x98\x06\x01"  # and a field that OTLP does not know

    assert admit(TRACES, body, PROTOBUF, FEW).body == body


@pytest.mark.parametrize(
    ("kind", "items", "names"),
    [
        (TRACES, b"\x12\x00" * 7, "spans"),
        (LOGS, b"\x12\x00" * 7, "log records"),
        (METRICS, b"\x12" + frame(b"\x2a" + frame(b"\x0a\x00" * 7)), "data points"),
    ],
)
def test_too_many_items_are_refused_whole(kind: Any, items: bytes, names: str) -> None:
    body = b"\x0a" + frame(b"\x12" + frame(items))

    with pytest.raises(TooMuchError, match=f"7 {names} in one request; send at most 6"):
        admit(kind, body, PROTOBUF, FEW)


def test_data_points_have_the_limits_too() -> None:
    request: Any = METRICS.request()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name="m")
    good = metric.gauge.data_points.add(as_int=1)
    metric.gauge.data_points.add(time_unix_nano=1)
    otlp.set_attributes(metric.gauge.data_points.add().attributes, many(4))

    admitted = admit(METRICS, request.SerializeToString(), PROTOBUF, FEW)

    too_many, too_old = "1 with more than 3 attributes (--max-attributes)", LATE
    assert (admitted.items, admitted.reason) == (1, f"not kept: {too_many}; {too_old}")
    assert list(admitted.message.resource_metrics[0].scope_metrics[0].metrics[0].gauge.data_points) == [good]


@pytest.mark.parametrize("part", [b"\x12\x00", b"\x12\x03\x4a\x01\x0a"])
def test_a_bomb_of_tiny_parts_is_refused_before_it_is_parsed(part: bytes) -> None:
    bomb = b"\x0a" + frame(b"\x12" + frame(part * 3_000_000))

    with pytest.raises(TooMuchError, match="parts; send smaller batches"):
        admit(TRACES, bomb, PROTOBUF, Limits(*[10**9] * 5))


def test_a_bomb_of_tiny_json_parts_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(TooMuchError, match="parts; send smaller batches"):
        admit(TRACES, b'{"resourceSpans":[' + b"{}," * MOST_SMALL_PARTS + b"{}]}", JSON, FEW)


def test_a_large_request_of_ordinary_spans_is_no_bomb() -> None:
    span = {"attributes": {f"llm.input_messages.{n}.message.content": "a few words of text " * 10 for n in range(20)}}
    body = otlp.traces(*[span] * 1_500).SerializeToString()

    assert len(body) > 3 * MOST_SMALL_PARTS
    assert admit(TRACES, body, PROTOBUF, Limits(10_000, 100, 10, 10, 9)).items == 1_500


DEEP = 20_000


def nest(levels: int) -> bytes:
    """An attribute of arrays in arrays."""
    value = b""
    for _ in range(levels):
        value = b"\x2a" + frame(b"\x0a" + frame(value))
    span = b"\x0a\x10" + b"t" * 16 + b"\x12\x08" + b"s" * 8 + b"\x4a" + frame(b"\x0a\x01k\x12" + frame(value))
    return b"\x0a" + frame(b"\x12" + frame(b"\x12" + frame(span)))


@pytest.mark.parametrize("levels", [60, DEEP])
def test_values_nested_too_deep_are_the_senders_fault(levels: int) -> None:
    with pytest.raises(BadRequestError):
        admit(TRACES, nest(levels), PROTOBUF, FEW)
    value = '{"arrayValue":{"values":[' * levels + "]}}" * levels
    span = f'{{"attributes":[{{"key":"k","value":{value}}}]}}'
    with pytest.raises(BadRequestError):
        admit(TRACES, f'{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{span}]}}]}}]}}'.encode(), JSON, FEW)


def test_the_deepest_value_that_is_taken_is_stored(running: CollectorProcess) -> None:
    deepest = max(levels for levels in range(60) if parses(nest(levels)))
    trace = otlp.new_trace_id()
    body = nest(deepest).replace(b"t" * 16, trace)

    assert deepest > 40
    assert running.post("/v1/traces", body).status_code == 200
    query = "SELECT SpanAttributes['k'] FROM otel_traces WHERE TraceId = {trace:String}"
    assert wait_for(lambda: running.sql(query, trace=trace.hex())) == "[" * deepest + "null" + "]" * deepest


def parses(body: bytes) -> bool:
    try:
        TRACES.request.FromString(body)
    except Exception:  # noqa: BLE001 - whatever it is
        return False
    return True


def test_a_rejected_span_is_reported_and_its_neighbours_are_stored(running: CollectorProcess) -> None:
    trace = otlp.new_trace_id()
    spans: list[dict[str, Any]] = [
        {"trace_id": trace, "name": "a"},
        {"trace_id": b"short"},
        {"trace_id": trace, "name": "b"},
    ]
    request = otlp.traces(*spans)

    answers = [running.post("/v1/traces", request.SerializeToString()) for _ in range(2)]

    for answer in answers:  # also the client's retry is told
        partial = ExportTraceServiceResponse.FromString(answer.content).partial_success
        assert (answer.status_code, partial.rejected_spans) == (200, 1)
        assert partial.error_message == "not kept: 1 without a valid trace id and span id"
    query = "SELECT SpanName FROM otel_traces WHERE TraceId = {trace:String} ORDER BY SpanName"
    wait_for(lambda: running.sql(query, trace=trace.hex()) == "a\nb")


def test_a_request_of_which_nothing_is_left_is_answered(running: CollectorProcess) -> None:
    record = {"attributes": many(10_001)}
    answer = running.post("/v1/logs", otlp.logs(record).SerializeToString())

    partial = ExportLogsServiceResponse.FromString(answer.content).partial_success
    assert (answer.status_code, partial.rejected_log_records) == (200, 1)


BOMB = bytes(65 << 20)
SQUEEZED = {
    "gzip": (gzip.compress(BOMB), 413, "larger than"),
    "gzip of two members": (gzip.compress(BOMB[: 40 << 20]) * 2, 413, "larger than"),
    "gzip of very many members": (gzip.compress(b"") * 100_000, 400, "more than 100 members"),
    "deflate": (zlib.compress(BOMB), 413, "larger than"),
    "deflate cut short": (zlib.compress(BOMB[:99])[:-1], 400, "end too early"),
    "zstd": (zstandard.compress(BOMB), 413, "larger than"),
    "zstd of many frames": (zstandard.compress(BOMB[: 1 << 20]) * 70, 413, "larger than"),
    "zstd of a huge window": (b"\x28\xb5\x2f\xfd\x00\xa0\x01\x00\x00", 400, "does not decompress"),
    "zstd garbage": (b"\x28\xb5\x2f\xfdxxxxx", 400, "does not decompress"),
}


@pytest.mark.parametrize("name", SQUEEZED)
def test_a_bomb_or_damage_in_compressed_data_is_the_senders_fault(running: CollectorProcess, name: str) -> None:
    body, status, reason = SQUEEZED[name]

    answer = running.post("/v1/traces", body, content_encoding=name.partition(" ")[0])

    assert answer.status_code == status
    assert reason in Status.FromString(answer.content).message


def test_deep_json_of_no_known_shape_is_the_senders_fault(running: CollectorProcess) -> None:
    body = json.dumps({"resourceSpans": []})[:-1].encode() + b', "x": ' + b"[" * DEEP + b"]" * DEEP + b"}"

    assert running.post("/v1/traces", body, content_type="application/json").status_code == 400

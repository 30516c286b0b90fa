"""Live events: on screen at once, in the table on acknowledgement."""

import json
import uuid
from typing import Any

import pytest

from quarterdeck import semconv
from quarterdeck_collector.listen.live_events import KEPT_SECONDS
from quarterdeck_collector.migrate import SCHEMA
from support import otlp
from support.collectors import CollectorProcess, wait_for

START = 1_767_225_600_000_000_001
TRACE = bytes(range(16))
SPAN = bytes(range(8))


@pytest.fixture
def run() -> str:
    return uuid.uuid4().hex


def _event(run: str, name: str = semconv.EVENT_RESPONSE_STREAMING, **extra: Any) -> dict[str, Any]:
    attributes = {
        semconv.RUN_ID: run,
        semconv.PIPELINE_NAME: "digest",
        semconv.SPAN_NAME: "chat m",
        semconv.SPAN_PARENT_ID: "00000000000000aa",
        semconv.SPAN_START: START,
    }
    return {
        "time_unix_nano": START + 1,
        "trace_id": TRACE,
        "span_id": SPAN,
        "event_name": name,
        "attributes": attributes | extra.pop("attributes", {}),
        **extra,
    }


def _send(running: CollectorProcess, *events: dict[str, Any]) -> None:
    request = otlp.logs(*events, scope=semconv.LIVE_SCOPE, resource={semconv.PROVIDER_STAND_IN: "true"})
    assert running.post("/v1/logs", request.SerializeToString()).status_code == 200


def test_the_whole_row_is_there_when_the_request_is_answered(running: CollectorProcess, run: str) -> None:
    attributes = {
        semconv.STEP_ID: "s",
        semconv.STEP_NAME: "summarise",
        semconv.CHUNK_SEQUENCE: 3,
        semconv.CHUNK_TEXT: 'two\nlines "é"',
        semconv.CHUNK_KIND: "text",
        semconv.REQUEST_STREAM: True,
        semconv.STEP_PROGRESS: 0.5,
    }
    _send(running, _event(run, attributes=attributes))

    row = json.loads(running.sql("SELECT * FROM live_events WHERE RunId = {run:String} FORMAT JSONEachRow", run=run))
    assert int(row.pop("Position")) > START
    assert row == {
        "Timestamp": "2026-01-01 00:00:00.000000002",
        "EventName": "quarterdeck.response.streaming",
        "RunId": run,
        "PipelineName": "digest",
        "TraceId": TRACE.hex(),
        "SpanId": SPAN.hex(),
        "ParentSpanId": "00000000000000aa",
        "SpanName": "chat m",
        "StartTime": "2026-01-01 00:00:00.000000001",
        "StepId": "s",
        "StepName": "summarise",
        "ServiceName": "tests",
        "Sequence": "3",
        "Text": 'two\nlines "é"',
        "StandIn": 1,
        "Attributes": {semconv.CHUNK_KIND: "text", semconv.REQUEST_STREAM: "true", semconv.STEP_PROGRESS: "0.5"},
    } | ({"Sequence": row["Sequence"]} if isinstance(row["Sequence"], int) else {})


def test_positions_grow_and_live_events_stay_out_of_the_logs(running: CollectorProcess, run: str) -> None:
    for number in range(3):
        _send(running, *(_event(run, body=f"{number}{letter}") for letter in "abc"))

    assert running.sql(
        "SELECT groupArray(Text) FROM (SELECT Text FROM live_events WHERE RunId = {run:String} ORDER BY Position)",
        run=run,
    ) == ("['0a','0b','0c','1a','1b','1c','2a','2b','2c']")
    marker = otlp.logs({"body": "marker", "attributes": {semconv.RUN_ID: run}})
    running.post("/v1/logs", marker.SerializeToString())
    assert wait_for(lambda: running.sql("SELECT Body FROM otel_logs WHERE RunId = {run:String}", run=run)) == "marker"


def test_a_run_that_only_lives_is_in_the_table_to_read_by_hand(running: CollectorProcess, run: str) -> None:
    _send(running, _event(run, semconv.EVENT_HEARTBEAT, attributes={semconv.RUN_STATUS: "waiting"}))

    assert (
        running.sql("SELECT pipeline_name, status FROM pipeline_executions WHERE id = {run:String}", run=run)
        == "digest\twaiting"
    )


def test_a_request_with_both_is_split_and_a_retry_stores_the_log_record_once(
    running: CollectorProcess, run: str
) -> None:
    request = otlp.logs(_event(run, body="live"), scope=semconv.LIVE_SCOPE)
    plain = otlp.logs({"body": "plain", "attributes": {semconv.RUN_ID: run}})
    request.resource_logs[0].scope_logs.extend(plain.resource_logs[0].scope_logs)
    request.resource_logs.extend(otlp.logs(_event(run, body="more"), scope=semconv.LIVE_SCOPE).resource_logs)
    for _ in range(2):
        assert running.post("/v1/logs", request.SerializeToString()).status_code == 200

    texts = "SELECT Text FROM live_events WHERE RunId = {run:String} ORDER BY Position"
    bodies = "SELECT Body FROM otel_logs WHERE RunId = {run:String}"
    assert running.sql(texts, run=run).split() == ["live", "more"] * 2
    assert wait_for(lambda: running.sql(bodies, run=run)) == "plain"


def test_the_stream_knows_how_long_the_table_keeps_events() -> None:
    (table,) = SCHEMA.glob("*_live.sql")

    assert f"INTERVAL {KEPT_SECONDS // 86_400} DAY" in table.read_text()

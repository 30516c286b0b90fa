"""What the tables make of spans, and how migrations are guarded."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from quarterdeck import semconv
from quarterdeck_collector import prices
from quarterdeck_collector.migrate import SCHEMA, MigrationError, migrate, migrations
from quarterdeck_collector.segments import frame
from quarterdeck_collector.store import EmbeddedStore
from support import otlp
from support.collectors import Ingest

START = 1_767_225_600_000_000_000  # 2026-01-01
SECOND = 1_000_000_000
TRACE = bytes(range(16))
RUN = {semconv.RUN_ID: "run-1", semconv.PIPELINE_NAME: "digest", semconv.PIPELINE_VERSION: "v1"}
STEP = {**RUN, semconv.STEP_ID: "0000000000000002", semconv.STEP_NAME: "summarise"}


def _span(number: int, parent: int, name: str, attributes: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "trace_id": TRACE,
        "span_id": number.to_bytes(8),
        "parent_span_id": parent.to_bytes(8) if parent else b"",
        "name": name,
        "start_time_unix_nano": START + number * SECOND,
        "end_time_unix_nano": START + (20 - number) * SECOND,
        "attributes": attributes,
        **fields,
    }


RECORDED = (
    _span(
        1,
        0,
        "invoke_workflow digest",
        RUN
        | {
            semconv.OPERATION_NAME: semconv.OPERATION_WORKFLOW,
            semconv.RUN_STATUS: "failed",
            semconv.RUN_OUTPUT: '{"n":1}',
            semconv.PIPELINE_CONFIG: "{}",
            semconv.ERROR_TYPE: "ValueError",
        },
        kind=1,
        status={"code": 2, "message": "no"},
    ),
    _span(2, 1, "step summarise", {**STEP, semconv.STEP_STATUS: "completed", semconv.STEP_INDEX: 1}, kind=1),
    _span(
        3,
        2,
        "chat claude-sonnet-4-5",
        STEP
        | {
            semconv.OPERATION_NAME: semconv.OPERATION_CHAT,
            semconv.PROVIDER_NAME: semconv.PROVIDER_ANTHROPIC,
            semconv.REQUEST_MODEL: "claude-sonnet-4-5",
            semconv.RESPONSE_MODEL: "claude-sonnet-4-5-20250929",
            semconv.RESPONSE_ID: "msg_1",
            semconv.USAGE_INPUT_TOKENS: 1000,
            semconv.USAGE_OUTPUT_TOKENS: 100,
            semconv.USAGE_CACHE_READ_TOKENS: 400,
            semconv.USAGE_CACHE_WRITE_TOKENS: 200,
            semconv.USAGE_REASONING_TOKENS: 7,
            semconv.RESPONSE_FINISH_REASONS: ["stop"],
            semconv.RESPONSE_TIME_TO_FIRST_CHUNK: 0.25,
            semconv.INPUT_MESSAGES: '[{"role":"user"}]',
            semconv.OUTPUT_MESSAGES: '[{"role":"assistant"}]',
        },
        kind=3,
        events=[{"name": "cut", "time_unix_nano": START, "attributes": {"n": 1}}],
        links=[{"trace_id": b"\xaa" * 16, "span_id": b"\xbb" * 8, "attributes": {"why": "retry"}}],
        flags=1,
        trace_state="a=b",
    ),
    _span(
        4,
        2,
        "chat mystery",
        STEP
        | {
            semconv.OPERATION_NAME: semconv.OPERATION_CHAT,
            semconv.PROVIDER_NAME: "nobody",
            semconv.REQUEST_MODEL: "mystery-1",
            semconv.USAGE_INPUT_TOKENS: 5,
        },
        kind=3,
    ),
)


def _record_run(store: EmbeddedStore, ingest: Ingest) -> None:
    prices.load(store)
    for span in RECORDED:  # spans of a run come in many batches
        resource = {semconv.PROVIDER_STAND_IN: True, "deployment.environment.name": "test"}
        ingest(otlp.traces(span, resource=resource))


def test_the_whole_row_of_a_model_call(store: EmbeddedStore, ingest: Ingest) -> None:
    _record_run(store, ingest)

    (row,) = store.json_rows("SELECT * FROM $otel_traces WHERE SpanId = '0000000000000003'")
    attributes = {
        semconv.RUN_ID: "run-1",
        semconv.PIPELINE_NAME: "digest",
        semconv.PIPELINE_VERSION: "v1",
        semconv.STEP_ID: "0000000000000002",
        semconv.STEP_NAME: "summarise",
        semconv.OPERATION_NAME: "chat",
        semconv.PROVIDER_NAME: "anthropic",
        semconv.REQUEST_MODEL: "claude-sonnet-4-5",
        semconv.RESPONSE_MODEL: "claude-sonnet-4-5-20250929",
        semconv.RESPONSE_ID: "msg_1",
        semconv.USAGE_INPUT_TOKENS: "1000",
        semconv.USAGE_OUTPUT_TOKENS: "100",
        semconv.USAGE_CACHE_READ_TOKENS: "400",
        semconv.USAGE_CACHE_WRITE_TOKENS: "200",
        semconv.USAGE_REASONING_TOKENS: "7",
        semconv.RESPONSE_FINISH_REASONS: '["stop"]',
        semconv.RESPONSE_TIME_TO_FIRST_CHUNK: "0.25",
    }
    assert row == {
        "Timestamp": "2026-01-01 00:00:03.000000000",
        "TraceId": "000102030405060708090a0b0c0d0e0f",
        "SpanId": "0000000000000003",
        "ParentSpanId": "0000000000000002",
        "TraceState": "a=b",
        "SpanName": "chat claude-sonnet-4-5",
        "SpanKind": "Client",
        "ServiceName": "tests",
        "ResourceAttributes": {
            "service.name": "tests",
            semconv.PROVIDER_STAND_IN: "true",
            "deployment.environment.name": "test",
        },
        "ScopeName": "quarterdeck",
        "ScopeVersion": "",
        "SpanAttributes": attributes,
        "Duration": 14 * SECOND,
        "StatusCode": "Unset",
        "StatusMessage": "",
        "Events.Timestamp": ["2026-01-01 00:00:00.000000000"],
        "Events.Name": ["cut"],
        "Events.Attributes": [{"n": "1"}],
        "Links.TraceId": ["aa" * 16],
        "Links.SpanId": ["bb" * 8],
        "Links.TraceState": [""],
        "Links.Attributes": [{"why": "retry"}],
        "SpanAttributeTypes": "ssssssssssiiiiiad|ss",
        "TraceFlags": 1,
        "Payload": {semconv.INPUT_MESSAGES: '[{"role":"user"}]', semconv.OUTPUT_MESSAGES: '[{"role":"assistant"}]'},
        "ResourceAttributeTypes": "sbs",
        "ResourceSchemaUrl": "",
        "ScopeAttributes": {},
        "ScopeAttributeTypes": "",
        "ScopeSchemaUrl": "",
        "EventAttributeTypes": ["i"],
        "LinkAttributeTypes": ["s"],
        "LinkFlags": [0],
        "DroppedAttributesCount": 0,
        "DroppedEventsCount": 0,
        "DroppedLinksCount": 0,
        "RunId": "run-1",
        "PipelineName": "digest",
        "PipelineVersion": "v1",
        "StepId": "0000000000000002",
        "StepName": "summarise",
        "Environment": "test",
        "Operation": "chat",
        "ErrorType": "",
        "IsModelCall": 1,
    }


def test_what_a_model_call_used_and_cost(store: EmbeddedStore, ingest: Ingest) -> None:
    _record_run(store, ingest)

    (row,) = store.json_rows("SELECT * FROM $model_calls WHERE SpanId = '0000000000000003'")
    assert row.pop("CallId") > 0
    assert row == {
        "Timestamp": "2026-01-01 00:00:03.000000000",
        "RunId": "run-1",
        "TraceId": "000102030405060708090a0b0c0d0e0f",
        "SpanId": "0000000000000003",
        "ParentSpanId": "0000000000000002",
        "ServiceName": "tests",
        "Environment": "test",
        "PipelineName": "digest",
        "PipelineVersion": "v1",
        "StepId": "0000000000000002",
        "StepName": "summarise",
        "Operation": "chat",
        "Provider": "anthropic",
        "RequestModel": "claude-sonnet-4-5",
        "Model": "claude-sonnet-4-5-20250929",
        "ResponseId": "msg_1",
        "InputTokens": 1000,
        "OutputTokens": 100,
        "CacheReadTokens": 400,
        "CacheWriteTokens": 200,
        "CacheWriteHourTokens": 0,
        "ReasoningTokens": 7,
        "PriceModel": "claude-sonnet-4-5",
        "Cost": 0.00357,  # 400 x 3 + 400 x 0.3 + 200 x 3.75 + 100 x 15 USD per million
        "IsUnpriced": 0,
        "Duration": 14 * SECOND,
        "TimeToFirstChunk": 0.25,
        "FinishReason": "stop",
        "IsError": 0,
        "ErrorType": "",
        "StandIn": 1,
    }


@pytest.mark.parametrize("table", ["llm_1m", "llm_1h"])
def test_calls_add_up_by_minute_and_by_hour(store: EmbeddedStore, ingest: Ingest, table: str) -> None:
    _record_run(store, ingest)

    quantiles = "quantilesBFloat16Merge(0.5, 0.95, 0.99)"
    rows = store.json_rows(
        f"SELECT Time, Model, sum(Calls) AS calls, sum(InputTokens) AS input, sum(Cost) AS cost, "  # noqa: S608
        f"sum(UnpricedCalls) AS unpriced, {quantiles}(DurationQuantiles)[1] AS p50 "
        f"FROM ${table} GROUP BY Time, Model ORDER BY Model"
    )
    same = {"Time": "2026-01-01 00:00:00", "calls": 1}
    assert rows == [
        {**same, "Model": "claude-sonnet-4-5-20250929", "input": 1000, "cost": 0.00357, "unpriced": 0, "p50": 14},
        {**same, "Model": "mystery-1", "input": 5, "cost": 0, "unpriced": 1, "p50": 12},
    ]


def test_latency_by_hour_is_filled_with_what_came_before_its_table(store: EmbeddedStore, ingest: Ingest) -> None:
    _record_run(store, ingest)
    latency = (
        "SELECT toString(Time), sum(Calls), quantilesBFloat16Merge(0.5, 0.95, 0.99)(DurationQuantiles)[1] "
        "FROM $latency_1h GROUP BY Time"
    )
    by_hour = store.rows(latency)
    assert [row[:2] for row in by_hour] == [["2026-01-01 00:00:00", "2"]]

    store.command("DROP TABLE $latency_1h SYNC")
    store.command("DROP TABLE $latency_1h_mv SYNC")
    store.command("DELETE FROM $schema_migrations WHERE version LIKE '001%_latency_sums%'")
    assert migrate(store) == ["0016_latency_sums", "0018_latency_sums_filled"]
    assert store.rows(latency) == by_hour


def _two_tellings(outer: dict[str, Any], inner: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    call = {semconv.OPERATION_NAME: semconv.OPERATION_CHAT, semconv.USAGE_INPUT_TOKENS: 10}
    return _span(2, 1, "outer", call | outer), _span(3, 2, "inner", call | inner)


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("response", [{semconv.RESPONSE_ID: "msg_1"}, {}])
def test_two_nested_spans_of_one_call_count_once(
    store: EmbeddedStore, ingest: Ingest, apart: bool, response: dict[str, Any]
) -> None:
    outer, inner = _two_tellings(response, response)
    for batch in ([inner], [outer]) if apart else ([outer, inner],):
        ingest(otlp.traces(*batch))

    assert store.rows("SELECT SpanId, InputTokens FROM $model_calls") == [["0000000000000003", "10"]]
    assert store.rows("SELECT sum(ModelCalls), sum(InputTokens) FROM $runs") == [["1", "10"]]
    assert store.rows("SELECT sum(Calls) FROM $llm_1h") == [["1"]]


@pytest.mark.parametrize("apart", [False, True])
def test_two_spans_side_by_side_with_one_response_id_count_once(
    store: EmbeddedStore, ingest: Ingest, apart: bool
) -> None:
    call = {
        semconv.OPERATION_NAME: semconv.OPERATION_CHAT,
        semconv.RESPONSE_ID: "msg_1",
        semconv.USAGE_INPUT_TOKENS: 10,
    }
    spans = [_span(number, 1, "call", call) for number in (2, 3)]
    for batch in ([spans[0]], [spans[1]]) if apart else (spans,):
        ingest(otlp.traces(*batch))

    assert store.rows("SELECT count(), sum(InputTokens) FROM $model_calls") == [["1", "10"]]


def test_a_retried_insert_counts_its_calls_once(store: EmbeddedStore, tmp_path: Path) -> None:
    path = tmp_path / "s.otlp"
    path.write_bytes(frame(otlp.traces(*_two_tellings({}, {semconv.RESPONSE_ID: "msg_1"})).SerializeToString()))
    for _ in range(3):
        store.insert_otlp("otlp_traces_in", path, "ExportTraceServiceRequest", "same")

    assert store.rows("SELECT count() FROM $model_calls") == [["1"]]
    assert store.rows("SELECT sum(Calls) FROM $llm_1m") == [["1"]]


def test_the_whole_row_of_a_run(store: EmbeddedStore, ingest: Ingest) -> None:
    _record_run(store, ingest)

    (row,) = store.json_rows("SELECT * FROM $runs FINAL")
    assert sorted(row.pop("Models")) == ["claude-sonnet-4-5-20250929", "mystery-1"]
    assert row == {
        "Day": "2026-01-01",
        "RunId": "run-1",
        "TraceId": "000102030405060708090a0b0c0d0e0f",
        "PipelineName": "digest",
        "PipelineVersion": "v1",
        "RootName": "invoke_workflow digest",
        "ServiceName": "tests",
        "Environment": "test",
        "Start": "2026-01-01 00:00:01.000000000",
        "End": "2026-01-01 00:00:19.000000000",
        "RootSeen": 1,
        "Status": "failed",
        "ErrorType": "ValueError",
        "StatusMessage": "no",
        "Spans": 4,
        "StepIndexes": [1],
        "Errors": 1,
        "ModelCalls": 2,
        "InputTokens": 1005,
        "OutputTokens": 100,
        "CacheReadTokens": 400,
        "Cost": 0.00357,
        "UnpricedCalls": 1,
        "StandIn": 1,
    }


def test_the_tables_to_read_by_hand(store: EmbeddedStore, ingest: Ingest) -> None:
    _record_run(store, ingest)

    assert store.json_rows("SELECT * FROM $pipeline_executions") == [
        {
            "id": "run-1",
            "pipeline_name": "digest",
            "config": "{}",
            "started_at": "2026-01-01 00:00:01.000000000",
            "completed_at": "2026-01-01 00:00:19.000000000",
            "status": "failed",
            "total_tokens": 1105,
            "total_cost": 0.00357,
            "results": '{"n":1}',
        }
    ]
    assert store.json_rows("SELECT * FROM $step_executions") == [
        {
            "id": "0000000000000002",
            "pipeline_execution_id": "run-1",
            "step_name": "summarise",
            "provider": "anthropic",
            "started_at": "2026-01-01 00:00:02.000000000",
            "completed_at": "2026-01-01 00:00:18.000000000",
            "prompt_text": '[{"role":"user"}]',
            "response_text": '[{"role":"assistant"}]',
            "tokens_used": 1105,
            "duration_ms": 16000,
            "status": "completed",
        }
    ]
    assert store.json_rows("SELECT * FROM $metrics_snapshots") == [
        {
            "timestamp": "2026-01-01 00:00:00",
            "total_pipelines_running": 0,
            "total_tokens_used": 1105,
            "total_cost": 0.00357,
            "avg_response_time_ms": 13000,
            "error_rate": 0,
        }
    ]


def test_a_foreign_trace_is_a_run_of_its_own(store: EmbeddedStore, ingest: Ingest) -> None:
    attributes = {
        "openinference.span.kind": "LLM",
        "llm.model_name": "gpt-4o",
        "llm.provider": "openai",
        "llm.token_count.prompt": 10,
        "llm.token_count.completion": 2,
    }
    ingest(otlp.traces(_span(1, 0, "root", {}), _span(2, 1, "llm", attributes)))

    columns = ("RunId", "PipelineName", "RootName", "Status", "ModelCalls", "InputTokens", "OutputTokens", "Models")
    (row,) = store.json_rows("SELECT * FROM $runs FINAL")
    assert [{column: row[column] for column in columns}] == [
        {
            "RunId": TRACE.hex(),
            "PipelineName": "",
            "RootName": "root",
            "Status": "completed",
            "ModelCalls": 1,
            "InputTokens": 10,
            "OutputTokens": 2,
            "Models": ["gpt-4o"],
        }
    ]


def test_rows_of_the_stock_exporter_fill_our_columns_too(store: EmbeddedStore) -> None:
    prices.load(store)
    store.command(
        "INSERT INTO $otel_traces (Timestamp, TraceId, SpanId, ParentSpanId, TraceState, SpanName, SpanKind, "
        "ServiceName, ResourceAttributes, ScopeName, ScopeVersion, SpanAttributes, Duration, StatusCode, "
        "StatusMessage, "
        "`Events.Timestamp`, `Events.Name`, `Events.Attributes`, "
        "`Links.TraceId`, `Links.SpanId`, `Links.TraceState`, `Links.Attributes`) VALUES "
        "(now64(9), 't', 's', '', '', 'n', 'Client', 'svc', {}, '', '', "
        "{'gen_ai.operation.name': 'chat', 'gen_ai.system': 'anthropic', "
        "'gen_ai.request.model': 'claude-haiku-4-5', "
        "'gen_ai.usage.prompt_tokens': '1000', 'gen_ai.usage.completion_tokens': '10', 'quarterdeck.run.id': 'R', "
        "'gen_ai.input.messages': 'hi'}, "
        "5, 'Ok', '', [], [], [], [], [], [], [])"
    )

    assert store.rows("SELECT RunId, Operation, IsModelCall, PromptText FROM $otel_traces") == [
        ["R", "chat", "1", "hi"]
    ]
    assert store.rows("SELECT RunId, Provider, InputTokens, OutputTokens, Cost FROM $model_calls") == [
        ["R", "anthropic", "1000", "10", "0.00105"]
    ]
    assert store.rows("SELECT RunId, sum(Cost) FROM $runs GROUP BY RunId") == [["R", "0.00105"]]

    store.command(
        "INSERT INTO $otel_logs (Timestamp, TraceId, SpanId, TraceFlags, SeverityText, SeverityNumber, ServiceName, "
        "Body, ResourceSchemaUrl, ResourceAttributes, ScopeSchemaUrl, ScopeName, ScopeVersion, ScopeAttributes, "
        "LogAttributes, EventName) VALUES (now64(9), 't', 's', 1, 'INFO', 9, 'svc', 'said', '', {}, '', '', '', {}, "
        "{'quarterdeck.run.id': 'R', 'quarterdeck.step.name': 'plan'}, '')"
    )
    assert store.rows("SELECT RunId, StepName, LogFlags, ObservedTimestamp = Timestamp FROM $otel_logs") == [
        ["R", "plan", "1", "1"]
    ]


def test_one_token_is_stored_once_in_every_table(store: EmbeddedStore, tmp_path: Path) -> None:
    path = tmp_path / "s.otlp"
    path.write_bytes(frame(otlp.traces(*RECORDED).SerializeToString()))
    for _ in range(3):
        store.insert_otlp("otlp_traces_in", path, "ExportTraceServiceRequest", "same")

    assert store.rows("SELECT count() FROM $otel_traces") == [["4"]]
    assert store.rows("SELECT sum(Spans) FROM $runs") == [["4"]]


@pytest.fixture
def schema(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SCHEMA, tmp_path / "schema"))


def test_migrations_run_once(empty_store: EmbeddedStore) -> None:
    assert migrate(empty_store) == [item.version for item in migrations() if item.is_wanted(())]
    assert migrate(empty_store) == []


def test_an_edited_migration_is_refused(empty_store: EmbeddedStore, schema: Path) -> None:
    migrate(empty_store, schema)
    with (schema / "0008_derived.sql").open("a") as file:
        file.write("SELECT 1;\n")

    with pytest.raises(MigrationError, match="0008_derived was edited after it was applied"):
        migrate(empty_store, schema)


def test_a_failed_migration_stops_before_the_next(empty_store: EmbeddedStore, schema: Path) -> None:
    (schema / "0900_bad.sql").write_text("CREATE TABLE ${db}.ok (a UInt8) ENGINE = Memory;\n\nNONSENSE;\n")
    (schema / "0901_next.sql").write_text("CREATE TABLE ${db}.next (a UInt8) ENGINE = Memory;\n")

    with pytest.raises(MigrationError, match="0900_bad failed at statement 2; nothing after it was run"):
        migrate(empty_store, schema)
    assert empty_store.rows("EXISTS TABLE $next") == [["0"]]


def test_a_store_of_a_newer_version_is_refused(empty_store: EmbeddedStore, schema: Path) -> None:
    (schema / "0900_new.sql").write_text("SELECT 1;\n")
    migrate(empty_store, schema)

    with pytest.raises(MigrationError, match="newer Quarterdeck"):
        migrate(empty_store)


def test_an_unknown_placeholder_is_named(empty_store: EmbeddedStore, schema: Path) -> None:
    (schema / "0900_bad.sql").write_text("SELECT ${nothing};\n")

    with pytest.raises(MigrationError, match="unknown placeholders: nothing"):
        migrate(empty_store, schema)


def test_attempts_and_parts_of_a_step_are_one_step_of_the_run(store: EmbeddedStore, ingest: Ingest) -> None:
    own = {semconv.RUN_ID: "run-2", semconv.PIPELINE_NAME: "digest"}

    def step(number: int, parent: int, index: int | None) -> dict[str, Any]:
        position = {} if index is None else {semconv.STEP_INDEX: index}
        return _span(number, parent, "step s", {**own, **position, semconv.STEP_ID: f"{number:016x}"})

    ingest(otlp.traces(step(1, 9, 1), step(2, 9, 1), step(3, 9, 2), step(4, 3, 2), step(5, 3, None)))

    (row,) = store.json_rows("SELECT StepIndexes FROM $runs FINAL WHERE RunId = 'run-2'")
    assert sorted(row["StepIndexes"]) == [1, 2]

"""Others write and read here without knowing: the OpenTelemetry SDK for JavaScript, Grafana's data source, HyperDX.

What the SDK sends was recorded with ``tests/recording/otel_js.mjs``. The queries in ``readers`` ask what the readers'
query builders ask of a table of the OpenTelemetry Collector's exporter: the same columns, functions and spellings.
"""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.collectors import CollectorProcess, collector, wait_for

FOLDER = Path(__file__).parent
PROGRAM = FOLDER.parent / "recording" / "otel_js.mjs"
TYPES = {"proto": "application/x-protobuf", "http": "application/json"}
TRACE = {"proto": "ab" * 15 + "a2", "http": "cd" * 15 + "c2"}
FIRST = {"proto": "ab" * 7 + "a1", "http": "cd" * 7 + "c1"}
VALUES = {
    "text": "Grüße 漢字",
    "whole": "42",
    "negative": "-7",
    "large": "9007199254740991",
    "broken": "0.1",
    "truth": "true",
    "texts": '["a","b"]',
    "numbers": "[1,2.5]",
    "flags": "[true,false]",
}
STORED = """SELECT
    (SELECT count() FROM otel_traces), (SELECT count() FROM otel_logs), (SELECT count() FROM otel_metrics_sum),
    (SELECT count() FROM otel_metrics_gauge), (SELECT count() FROM otel_metrics_histogram)"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CollectorProcess]:
    """A collector that holds what the SDK sent over both protocols; recordings may be old."""
    with collector(tmp_path_factory.mktemp("interop") / "data", "--max-age-days", "36500") as process:
        for protocol, kind in TYPES.items():
            for signal in ("traces", "logs", "metrics"):
                body = (FOLDER / "js_sdk" / f"{signal}.{protocol}").read_bytes()
                answer = process.post(f"/v1/{signal}", body, content_type=kind)
                assert (answer.status_code, answer.content) == (200, b"" if protocol == "proto" else b"{}")
        wait_for(lambda: process.sql(STORED) == "4\t2\t4\t2\t2")
        yield process


def asked(home: CollectorProcess, name: str, **parameters: str) -> list[dict[str, Any]]:
    """Rows of a query in ``readers``."""
    sql = (FOLDER / "readers" / f"{name}.sql").read_text()
    text = home.sql(f"{sql}\nFORMAT JSONEachRow SETTINGS output_format_json_quote_64bit_integers = 0", **parameters)
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("protocol", TYPES)
def test_spans_of_the_javascript_sdk_are_stored_with_every_value(home: CollectorProcess, protocol: str) -> None:
    outer, call = asked(home, "js_spans", service=f"js-{protocol}")
    assert (outer["TraceId"], outer["SpanId"], outer["ParentSpanId"]) == (TRACE[protocol], FIRST[protocol], "")
    assert (outer["SpanKind"], outer["Duration"], outer["StatusCode"]) == ("Server", 50_000_000, "Unset")
    assert (outer["ScopeName"], outer["ScopeVersion"], outer["Environment"]) == ("js-sdk", "1.2.3", "test")
    assert outer["SpanAttributes"] == VALUES
    assert (call["SpanKind"], call["ParentSpanId"], call["links"]) == ("Client", FIRST[protocol], [FIRST[protocol]])
    assert (call["StatusCode"], call["StatusMessage"], call["ErrorType"]) == ("Error", "no such thing", "TypeError")
    assert call["events"] == ["first chunk", "exception"]
    assert call["told"][1]["exception.stacktrace"] == "TypeError: no such thing\n    at x.js:1"
    assert call["why"] == [{"why": "the one above"}]


@pytest.mark.parametrize("protocol", TYPES)
def test_logs_and_metrics_of_the_javascript_sdk_are_stored_with_every_value(
    home: CollectorProcess, protocol: str
) -> None:
    service = f"js-{protocol}"
    assert asked(home, "js_logs", service=service) == [
        {
            "TraceId": TRACE[protocol],
            "SeverityText": "WARN",
            "SeverityNumber": 13,
            "Body": '{"text":"the gauge is old","tries":2}',
            "LogAttributes": VALUES,
        }
    ]
    assert asked(home, "js_metrics", service=service) == [
        {"name": "calls", "value": "3", "more": "true", "attributes": {"model": "sonnet"}},
        {"name": "heat", "value": "36.6", "more": "", "attributes": {}},
        {"name": "latency", "value": "1.5", "more": "[0,1,0][1,2]", "attributes": {}},
        {"name": "queue", "value": "-2", "more": "false", "attributes": {}},
    ]


def test_grafana_finds_traces(home: CollectorProcess) -> None:
    assert asked(home, "grafana_search") == [
        {
            "traceID": TRACE[protocol],
            "serviceName": f"js-{protocol}",
            "operationName": "answer",
            "startTime": "2026-11-24 06:00:00.000000000",
            "duration": 50,
        }
        for protocol in TYPES
    ]


def test_grafana_opens_a_trace(home: CollectorProcess) -> None:
    outer, call = asked(home, "grafana_trace", trace=TRACE["proto"])
    assert (outer["operationName"], outer["startTime"], outer["kind"]) == ("answer", 1_795_500_000_000, "Server")
    assert {tag["key"]: tag["value"] for tag in outer["tags"]} == VALUES
    assert (call["parentSpanID"], call["statusCode"], call["statusMessage"]) == (outer["spanID"], 2, "no such thing")
    first = {"name": "first chunk", "timestamp": "1795500000020", "fields": [{"key": "size", "value": "3"}]}
    assert call["logs"][0] == first
    why = {"key": "why", "value": "the one above"}
    assert call["references"] == [{"traceID": TRACE["proto"], "spanID": outer["spanID"], "tags": [why]}]


def test_grafana_shows_logs_their_volume_and_a_time_series(home: CollectorProcess) -> None:
    line, _ = asked(home, "grafana_logs")
    assert (line["timestamp"], line["level"], line["labels"]) == ("2026-11-24 06:00:00.025000000", "WARN", VALUES)
    assert asked(home, "grafana_logs_volume") == [{"time": "2026-11-24 06:00:00", "warn": 2, "error": 0}]
    series = [(row["ServiceName"], row["spans"], row["p95"]) for row in asked(home, "grafana_series")]
    assert series == [("js-http", 1, 50), ("js-proto", 1, 50)]


def test_grafana_learns_databases_tables_columns_and_keys(home: CollectorProcess) -> None:
    assert "quarterdeck" in home.sql("SHOW DATABASES").splitlines()
    tables = home.sql('SHOW TABLES FROM "quarterdeck"').splitlines()
    assert {"otel_traces", "otel_logs", "otel_traces_trace_id_ts"} <= set(tables)
    columns = {line.split("\t")[0] for line in home.sql('DESC TABLE "quarterdeck"."otel_logs"').splitlines()}
    assert {"Timestamp", "Body", "SeverityText", "EventName"} <= columns
    assert "TimestampTime" not in columns  # it tells the exporter's tables before 0.151 from those since
    keys = home.sql("SELECT DISTINCT arrayJoin(SpanAttributes.keys) AS keys FROM quarterdeck.otel_traces LIMIT 1000")
    assert set(VALUES) <= set(keys.splitlines())


NEEDED = {
    "otel_logs": "Timestamp Body SeverityText TraceId SpanId ServiceName LogAttributes ResourceAttributes",
    "otel_traces": "Timestamp SpanName Duration SpanKind TraceId SpanId ParentSpanId ServiceName SpanAttributes "
    "ResourceAttributes StatusCode StatusMessage Events.Timestamp Events.Name Events.Attributes Links.TraceId",
}


@pytest.mark.parametrize("table", NEEDED)
def test_hyperdx_finds_the_columns_of_its_sources_and_the_time_in_the_key(home: CollectorProcess, table: str) -> None:
    names = "SELECT name FROM system.columns WHERE database = 'quarterdeck' AND table = {table:String}"
    assert set(NEEDED[table].split()) <= set(home.sql(names, table=table).splitlines())
    key = "SELECT primary_key FROM system.tables WHERE database = 'quarterdeck' AND name = {table:String}"
    assert "Timestamp" in home.sql(key, table=table)


def test_hyperdx_searches_counts_and_sees_services(home: CollectorProcess) -> None:
    spans = [(row["service"], row["level"], row["duration"]) for row in asked(home, "hyperdx_search")]
    assert spans == [("js-http", "Error", 30), ("js-proto", "Error", 30)]
    assert asked(home, "hyperdx_attribute") == [{"SpanName": "answer"}] * 2
    assert asked(home, "hyperdx_histogram") == [{"number": 2, "group": "WARN", "bucket": "2026-11-24 06:00:00"}]
    assert asked(home, "hyperdx_services") == [
        {"ServiceName": service, "served": 1, "asked": 1, "failed": 0.5} for service in ("js-http", "js-proto")
    ]


@pytest.mark.parametrize("protocol", TYPES)
def test_the_javascript_sdk_itself_is_understood(home: CollectorProcess, protocol: str, tmp_path: Path) -> None:
    """Runs where the packages are: ``QUARTERDECK_JS_SDK`` is a folder with ``node_modules``."""
    if not (packages := os.environ.get("QUARTERDECK_JS_SDK")):
        pytest.skip("no packages of npm here: see tests/recording/otel_js.mjs")
    (tmp_path / "node_modules").symlink_to(Path(packages) / "node_modules")
    (tmp_path / PROGRAM.name).write_bytes(PROGRAM.read_bytes())
    service = f"js-live-{protocol}"
    words = ["node", str(tmp_path / PROGRAM.name), "send", home.otlp, protocol, service]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    spans = "SELECT arraySort(groupArray(SpanName)) FROM otel_traces WHERE ServiceName = {service:String}"
    wait_for(lambda: home.sql(spans, service=service) == "['answer','chat claude-sonnet-4-5']")

"""Every OTLP value arrives with its text and its type, in SQL as on the live path."""

from typing import Any

import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from quarterdeck_collector import live
from quarterdeck_collector.nested import rewrite_body
from quarterdeck_collector.receive.otlp import TRACES
from quarterdeck_collector.refusals import StoreError
from quarterdeck_collector.store import EmbeddedStore
from support import otlp
from support.collectors import Ingest
from support.values import FLAT, NESTED


def _attributes(cases: dict[str, tuple[Any, str, str]]) -> dict[str, Any]:
    return {name: value for name, (value, _, _) in cases.items()}


def _expected(cases: dict[str, tuple[Any, str, str]]) -> dict[str, tuple[str, str]]:
    return {name: (text, letter) for name, (_, text, letter) in cases.items()}


def _stored(store: EmbeddedStore) -> dict[str, tuple[str, str]]:
    (row,) = store.json_rows("SELECT SpanAttributes, SpanAttributeTypes FROM $otel_traces")
    letters = row["SpanAttributeTypes"].partition("|")[0]
    return {name: (text, letter) for (name, text), letter in zip(row["SpanAttributes"].items(), letters, strict=True)}


def test_flat_values_keep_text_and_type(store: EmbeddedStore, ingest: Ingest) -> None:
    ingest(otlp.traces({"attributes": _attributes(FLAT)}))

    assert _stored(store) == _expected(FLAT)


def test_nested_values_are_refused_whole_then_kept_as_json(store: EmbeddedStore, ingest: Ingest) -> None:
    request = otlp.traces({"attributes": _attributes(FLAT | NESTED)})

    with pytest.raises(StoreError) as refusal:
        ingest(request)
    assert refusal.value.nested_value
    assert store.rows("SELECT count() FROM $otel_traces") == [["0"]]

    ingest(type(request).FromString(rewrite_body(TRACES, request.SerializeToString())))
    assert _stored(store) == _expected(FLAT | NESTED)


@pytest.mark.parametrize("name", [*FLAT, *NESTED])
def test_the_live_path_writes_the_same_text(name: str) -> None:
    value = AnyValue()
    given, text, _ = (FLAT | NESTED)[name]
    otlp.set_value(value, given)

    assert live.text(value) == text


def test_bulky_values_live_in_the_payload_only(store: EmbeddedStore, ingest: Ingest) -> None:
    long = "z" * 5000
    ingest(otlp.traces({"attributes": {"gen_ai.input.messages": "[]", "long": long, "short": "s"}}))

    (row,) = store.json_rows("SELECT SpanAttributes, Payload, SpanAttributeTypes FROM $otel_traces")
    assert row == {
        "SpanAttributes": {"short": "s"},
        "Payload": {"gen_ai.input.messages": "[]", "long": long},
        "SpanAttributeTypes": "s|ss",
    }


def test_a_log_record_keeps_body_attributes_and_types(store: EmbeddedStore, ingest: Ingest) -> None:
    record = {
        "time_unix_nano": 1_767_225_600_123_456_789,
        "severity_number": 13,
        "severity_text": "WARN",
        "trace_id": bytes(range(16)),
        "span_id": bytes(range(8)),
        "event_name": "happened",
        "body": 7,
        "attributes": {"quarterdeck.run.id": "R", "quarterdeck.step.name": "S", "n": 1},
    }
    ingest(otlp.logs(record, resource={"host.name": "h"}))

    (row,) = store.json_rows("SELECT * FROM $otel_logs")
    assert row == {
        "Timestamp": "2026-01-01 00:00:00.123456789",
        "TraceId": "000102030405060708090a0b0c0d0e0f",
        "SpanId": "0001020304050607",
        "TraceFlags": 0,
        "SeverityText": "WARN",
        "SeverityNumber": 13,
        "ServiceName": "tests",
        "Body": "7",
        "ResourceSchemaUrl": "",
        "ResourceAttributes": {"service.name": "tests", "host.name": "h"},
        "ScopeSchemaUrl": "",
        "ScopeName": "quarterdeck.log",
        "ScopeVersion": "",
        "ScopeAttributes": {},
        "LogAttributes": {"quarterdeck.run.id": "R", "quarterdeck.step.name": "S", "n": "1"},
        "EventName": "happened",
        "LogAttributeTypes": "ssi|i",
        "ResourceAttributeTypes": "ss",
        "ScopeAttributeTypes": "",
        "ObservedTimestamp": "1970-01-01 00:00:00.000000000",
        "LogFlags": 0,
        "DroppedAttributesCount": 0,
        "RunId": "R",
        "StepId": "",
        "StepName": "S",
        "PipelineName": "",
    }

"""What the tables make of metrics."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from quarterdeck_collector.nested import rewrite_body
from quarterdeck_collector.receive.otlp import METRICS
from quarterdeck_collector.refusals import StoreError
from quarterdeck_collector.segments import frame
from quarterdeck_collector.store import EmbeddedStore
from support import otlp
from support.collectors import Ingest

TIME = 1_767_225_600_123_456_789  # 2026-01-01
TIMES = {"start_time_unix_nano": TIME - 60_000_000_000, "time_unix_nano": TIME}
ODD = {"zero": 0, "no": False, "empty": "", "list": [1, "a"], "raw": b"\xff"}
EXEMPLARS = [
    {
        "time_unix_nano": TIME,
        "as_int": 0,
        "span_id": bytes(range(8)),
        "trace_id": bytes(range(16)),
        "filtered_attributes": otlp.pairs({"zero": 0}),
    },
    {"time_unix_nano": TIME, "as_double": -0.5},
]
POINT = {**TIMES, "flags": 1, "attributes": otlp.pairs(ODD)}
NAMED = {"description": "how much", "unit": "By", "metadata": otlp.pairs({"prometheus.type": "unknown"})}

COMMON = {
    "ResourceAttributes": {"service.name": "tests", "host.name": "h"},
    "ResourceSchemaUrl": "resource schema",
    "ScopeName": "meter",
    "ScopeVersion": "1.2",
    "ScopeAttributes": {"stable": "false"},
    "ScopeDroppedAttrCount": 3,
    "ScopeSchemaUrl": "scope schema",
    "ServiceName": "tests",
    "MetricName": "m",
    "MetricDescription": "how much",
    "MetricUnit": "By",
    "Attributes": {"zero": "0", "no": "false", "empty": "", "list": '[1,"a"]', "raw": "/w=="},
    "StartTimeUnix": "2025-12-31 23:59:00.123456789",
    "TimeUnix": "2026-01-01 00:00:00.123456789",
    "Flags": 1,
    "AttributeTypes": "ibsax",
    "ResourceAttributeTypes": "ss",
    "ScopeAttributeTypes": "b",
    "MetricMetadata": {"prometheus.type": "unknown"},
}
STORED_EXEMPLARS = {
    "Exemplars.FilteredAttributes": [{"zero": "0"}, {}],
    "Exemplars.TimeUnix": ["2026-01-01 00:00:00.123456789"] * 2,
    "Exemplars.Value": [0, -0.5],
    "Exemplars.SpanId": ["0001020304050607", ""],
    "Exemplars.TraceId": ["000102030405060708090a0b0c0d0e0f", ""],
    "ExemplarAttributeTypes": ["i", ""],
}


@dataclasses.dataclass
class Case:
    """One type of metric: its data, the table they go to, and the columns beside the common ones."""

    data: dict[str, Any]
    table: str
    columns: dict[str, Any]


CASES = {
    "gauge of a double": Case(
        {"gauge": {"data_points": [{**POINT, "as_double": 0.5, "exemplars": EXEMPLARS}]}},
        "otel_metrics_gauge",
        {**STORED_EXEMPLARS, "Value": 0.5, "IntValue": None},
    ),
    "sum of an integer beyond the doubles": Case(
        {
            "sum": {
                "data_points": [{**POINT, "as_int": 2**60 + 1, "exemplars": EXEMPLARS}],
                "aggregation_temporality": 2,
                "is_monotonic": True,
            }
        },
        "otel_metrics_sum",
        {
            **STORED_EXEMPLARS,
            "Value": 1152921504606847000,
            "IntValue": 2**60 + 1,
            "AggregationTemporality": 2,
            "IsMonotonic": True,
        },
    ),
    "histogram": Case(
        {
            "histogram": {
                "data_points": [
                    {
                        **POINT,
                        "count": 3,
                        "sum": 0.0,
                        "max": 1.5,
                        "bucket_counts": [1, 0, 2],
                        "explicit_bounds": [0.5, 1.0],
                        "exemplars": EXEMPLARS,
                    }
                ],
                "aggregation_temporality": 1,
            }
        },
        "otel_metrics_histogram",
        {
            **STORED_EXEMPLARS,
            "Count": 3,
            "Sum": 0,
            "BucketCounts": [1, 0, 2],
            "ExplicitBounds": [0.5, 1],
            "Min": 0,
            "Max": 1.5,
            "AggregationTemporality": 1,
            "HasSum": True,
            "HasMin": False,
            "HasMax": True,
        },
    ),
    "exponential histogram": Case(
        {
            "exponential_histogram": {
                "data_points": [
                    {
                        **POINT,
                        "count": 9,
                        "min": -7.0,
                        "scale": -3,
                        "zero_count": 2,
                        "zero_threshold": 0.25,
                        "positive": {"offset": -5, "bucket_counts": [1, 0, 300]},
                        "negative": {"offset": 4, "bucket_counts": [6]},
                        "exemplars": EXEMPLARS,
                    }
                ],
                "aggregation_temporality": 2,
            }
        },
        "otel_metrics_exponential_histogram",
        {
            **STORED_EXEMPLARS,
            "Count": 9,
            "Sum": 0,
            "Scale": -3,
            "ZeroCount": 2,
            "PositiveOffset": -5,
            "PositiveBucketCounts": [1, 0, 300],
            "NegativeOffset": 4,
            "NegativeBucketCounts": [6],
            "Min": -7,
            "Max": 0,
            "AggregationTemporality": 2,
            "HasSum": False,
            "HasMin": True,
            "HasMax": False,
            "ZeroThreshold": 0.25,
        },
    ),
    "summary": Case(
        {
            "summary": {
                "data_points": [
                    {
                        **POINT,
                        "count": 5,
                        "sum": 2.5,
                        "quantile_values": [{"quantile": 0.5, "value": 1.0}, {"quantile": 0.99, "value": 4.5}],
                    }
                ]
            }
        },
        "otel_metrics_summary",
        {"Count": 5, "Sum": 2.5, "ValueAtQuantiles.Quantile": [0.5, 0.99], "ValueAtQuantiles.Value": [1, 4.5]},
    ),
}
TABLES = sorted({case.table for case in CASES.values()})


@pytest.mark.parametrize("name", CASES)
def test_the_whole_row_of_every_type(store: EmbeddedStore, ingest: Ingest, name: str) -> None:
    case = CASES[name]
    ingest(otlp.metrics({"name": "m", **NAMED, **case.data}, resource={"host.name": "h"}))

    assert _all(store, "*", case.table) == [{**COMMON, **case.columns}]
    assert _counts(store) == {table: int(table == case.table) for table in TABLES}


def _all(store: EmbeddedStore, columns: str, table: str) -> list[dict[str, Any]]:
    return store.json_rows(f"SELECT {columns} FROM ${table}")  # noqa: S608 - names of this file


def _counts(store: EmbeddedStore) -> dict[str, int]:
    return {table: len(_all(store, "TimeUnix", table)) for table in TABLES}


def _one_of_each() -> Any:
    return otlp.metrics(*({"name": name, **NAMED, **case.data} for name, case in CASES.items()))


def test_one_request_of_all_types_counts_as_its_data_points_and_is_stored_once(
    store: EmbeddedStore, tmp_path: Path
) -> None:
    request = _one_of_each()
    path = tmp_path / "s.otlp"
    path.write_bytes(frame(request.SerializeToString()))
    for _ in range(2):
        store.insert_otlp("otlp_metrics_in", path, "ExportMetricsServiceRequest", "same")

    assert METRICS.count(request) == METRICS.count_bytes(request.SerializeToString()) == 5
    assert _counts(store) == dict.fromkeys(TABLES, 1)


NESTED = {"nested": {"a": [1, {"b": None}]}}
NESTED_TEXT = '{"a":[1,{"b":null}]}'


@pytest.mark.parametrize("data", ["gauge", "sum", "histogram", "exponential_histogram", "summary"])
def test_nested_values_are_refused_whole_then_kept_as_json(store: EmbeddedStore, ingest: Ingest, data: str) -> None:
    nested = otlp.pairs(NESTED)
    exemplars = {"exemplars": [{"as_int": 1, "filtered_attributes": nested}]} if data != "summary" else {}
    points = {"data_points": [{"attributes": nested, **exemplars}]}
    request = otlp.metrics({"name": "m", "metadata": nested, data: points}, resource=NESTED)
    otlp.set_attributes(request.resource_metrics[0].scope_metrics[0].scope.attributes, NESTED)

    with pytest.raises(StoreError) as refusal:
        ingest(request)
    assert refusal.value.nested_value
    assert sum(_counts(store).values()) == 0

    ingest(type(request).FromString(rewrite_body(METRICS, request.SerializeToString())))
    columns = ["ResourceAttributes", "ScopeAttributes", "MetricMetadata", "Attributes"]
    columns += ["Exemplars.FilteredAttributes[1]"] if exemplars else []
    texts = ", ".join(f"{column}['nested'] AS c{number}" for number, column in enumerate(columns))
    (row,) = _all(store, texts, f"otel_metrics_{data}")
    assert list(row.values()) == [NESTED_TEXT] * len(columns)


def test_rows_of_the_stock_exporter_are_taken(store: EmbeddedStore) -> None:
    row = {**COMMON, **CASES["histogram"].columns}
    ours = {
        "AttributeTypes": "",
        "ResourceAttributeTypes": "",
        "ScopeAttributeTypes": "",
        "ExemplarAttributeTypes": [],
        "MetricMetadata": {},
        "HasSum": True,
        "HasMin": True,
        "HasMax": True,
    }
    stock = {name: value for name, value in row.items() if name not in ours}
    columns = ", ".join(f"`{name}`" for name in stock)
    store.command(f"INSERT INTO $otel_metrics_histogram ({columns}) FORMAT JSONEachRow\n{json.dumps(stock)}")

    assert store.json_rows("SELECT * FROM $otel_metrics_histogram") == [{**stock, **ours}]


def test_odd_times_and_values_do_not_cost_their_request(store: EmbeddedStore, ingest: Ingest) -> None:
    largest = 2**64 - 1
    points = [
        {"time_unix_nano": largest, "start_time_unix_nano": largest, "as_double": float("nan")},
        {"as_double": float("-inf")},
        {"as_int": -(2**63)},
        {"flags": 1},
    ]
    ingest(otlp.metrics({"name": "m", "gauge": {"data_points": points}}))

    found = store.rows("SELECT Value, IntValue FROM $otel_metrics_gauge ORDER BY toString(Value)")
    assert found == [["-9223372036854776000", str(-(2**63))], ["-inf", "\\N"], ["0", "\\N"], ["nan", "\\N"]]

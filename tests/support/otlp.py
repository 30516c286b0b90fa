"""OTLP messages for tests."""

import itertools
import os
import time
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue, KeyValueList

from quarterdeck_collector.receive.otlp import Kind

_NUMBERS = itertools.count(1)


def set_value(target: Any, value: Any) -> None:
    """Fill an ``AnyValue``; a dict becomes a kvlist, None stays unset."""
    if isinstance(value, bool):
        target.bool_value = value
    elif isinstance(value, int):
        target.int_value = value
    elif isinstance(value, float):
        target.double_value = value
    elif isinstance(value, bytes):
        target.bytes_value = value
    elif isinstance(value, str):
        target.string_value = value
    elif isinstance(value, dict):
        target.kvlist_value.SetInParent()
        set_attributes(target.kvlist_value.values, value)
    elif isinstance(value, list):
        target.array_value.SetInParent()
        for item in value:
            set_value(target.array_value.values.add(), item)


def set_attributes(target: Any, attributes: dict[str, Any]) -> None:
    """Append key-value pairs."""
    for key, value in attributes.items():
        pair = target.add(key=key)
        pair.value.SetInParent()
        set_value(pair.value, value)


def pairs(attributes: dict[str, Any]) -> list[KeyValue]:
    """Make key-value pairs for a protobuf constructor."""
    holder = KeyValueList()
    set_attributes(holder.values, attributes)
    return list(holder.values)


def new_trace_id() -> bytes:
    """Make a trace id that no other test uses."""
    return os.urandom(8) + next(_NUMBERS).to_bytes(8)


def traces(*spans: dict[str, Any], resource: dict[str, Any] | None = None) -> ExportTraceServiceRequest:
    """Make a request; ``attributes``, ``events`` and ``links`` of a span are plain dicts, the rest protobuf fields."""
    request = ExportTraceServiceRequest()
    whole = request.resource_spans.add()
    set_attributes(whole.resource.attributes, {"service.name": "tests", **(resource or {})})
    scoped = whole.scope_spans.add()
    scoped.scope.name = "quarterdeck"
    now = time.time_ns()
    for given in spans:
        fields = dict(given)
        attributes = fields.pop("attributes", {})
        links = fields.pop("links", [])
        events = fields.pop("events", [])
        defaults = {
            "trace_id": new_trace_id(),
            "span_id": os.urandom(8),
            "name": "work",
            "start_time_unix_nano": now,
            "end_time_unix_nano": now + 1_000_000,
        }
        span = scoped.spans.add(**{**defaults, **fields})
        set_attributes(span.attributes, attributes)
        for kind, items in ((span.events, events), (span.links, links)):
            for item in items:
                item = dict(item)  # noqa: PLW2901 - the caller keeps theirs
                inner = item.pop("attributes", {})
                set_attributes(kind.add(**item).attributes, inner)
    return request


def logs(
    *records: dict[str, Any], scope: str = "quarterdeck.log", resource: dict[str, Any] | None = None
) -> ExportLogsServiceRequest:
    """Make a request; ``body`` and ``attributes`` of a record are plain values, the rest protobuf fields."""
    request = ExportLogsServiceRequest()
    whole = request.resource_logs.add()
    set_attributes(whole.resource.attributes, {"service.name": "tests", **(resource or {})})
    scoped = whole.scope_logs.add()
    scoped.scope.name = scope
    for given in records:
        fields = {"time_unix_nano": time.time_ns(), **given}
        attributes, body = fields.pop("attributes", {}), fields.pop("body", None)
        record = scoped.log_records.add(**fields)
        set_value(record.body, body)
        set_attributes(record.attributes, attributes)
    return request


def metrics(*given: dict[str, Any], resource: dict[str, Any] | None = None) -> ExportMetricsServiceRequest:
    """Make a request of metrics, which are protobuf fields; their attributes come from :func:`pairs`."""
    request = ExportMetricsServiceRequest()
    whole = request.resource_metrics.add(schema_url="resource schema")
    set_attributes(whole.resource.attributes, {"service.name": "tests", **(resource or {})})
    scoped = whole.scope_metrics.add(schema_url="scope schema")
    scoped.scope.name, scoped.scope.version, scoped.scope.dropped_attributes_count = "meter", "1.2", 3
    set_attributes(scoped.scope.attributes, {"stable": False})
    for fields in given:
        scoped.metrics.add(**fields)
    return request


def known(kind: Kind, messages: list[Any]) -> list[bytes]:
    """Give every span, record or metric with its resource and scope as bytes, attributes in the order of their keys."""
    outer, middle, inner = kind.levels
    found = []
    for message in messages:
        for whole in getattr(message, outer):
            for scoped in getattr(whole, middle):
                for item in getattr(scoped, inner):
                    copy = type(item).FromString(item.SerializeToString())
                    getattr(copy, "attributes", []).sort(key=lambda pair: pair.key)
                    parts = (whole.resource, scoped.scope, copy)
                    urls = f"{whole.schema_url}|{scoped.schema_url}|".encode()
                    found.append(urls + b"|".join(part.SerializeToString(deterministic=True) for part in parts))
    return sorted(found)

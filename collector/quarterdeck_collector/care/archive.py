"""Stored spans and log records as OTLP messages.

What the tables do not keep is not there: dropped counts of events, links, resources and scopes, times after 2262, an
end before the start, the order between bulky attributes and others, and inside arrays and maps the difference between
bytes and text and, in flat arrays, between 1.0 and 1. Rows that the OpenTelemetry Collector's exporter wrote have
texts only.
"""

from collections.abc import Iterator
from itertools import zip_longest
from typing import Any, Final

from google.protobuf.message import Message  # type: ignore[import-untyped]  # ships no types

from quarterdeck_collector.care.attributes import fill, set_value
from quarterdeck_collector.care.paging import Row, moment, pages, stretch, text
from quarterdeck_collector.care.selection import Selection
from quarterdeck_collector.care.tables import tables
from quarterdeck_collector.receive.otlp import TRACES, Kind
from quarterdeck_collector.store import Store

_KINDS: Final = {"Internal": 1, "Server": 2, "Client": 3, "Producer": 4, "Consumer": 5}
_STATUS: Final = {"Ok": 1, "Error": 2}
_SPAN_KEY: Final = (stretch("toStartOfHour(Timestamp)"), text("TraceId"), moment("Timestamp"), text("SpanId"))
_LOG_KEY: Final = (
    *(stretch("toStartOfFiveMinutes(Timestamp)"), text("ServiceName"), moment("Timestamp")),
    *(text("TraceId"), text("SpanId"), text("EventName"), text("Body")),
)


def messages(store: Store, kind: Kind, selection: Selection) -> Iterator[Message]:
    """Give what is selected, a message of a few megabytes at a time.

    Args:
        store: Where.
        kind: TRACES or LOGS.
        selection: Which runs, pipeline and time.

    Raises:
        StoreError: If the store refuses.
    """
    table, columns, key = (
        ("otel_traces", _SPAN_COLUMNS, _SPAN_KEY) if kind is TRACES else ("otel_logs", _LOG_COLUMNS, _LOG_KEY)
    )
    present = next(each.columns for each in tables(store).base if each.name == table)
    condition = selection.condition(present, f"{store.database}.runs") or "1"
    for page in pages(store, table, columns, key, condition):
        yield _message(kind, page)


def _message(kind: Kind, page: list[Row]) -> Message:
    outer, middle, inner = kind.levels
    message: Any = kind.request()
    last: tuple[Any, Any] = (None, None)
    for row in page:
        resource, scope = ([row[name] for name in names] for names in (_RESOURCE, _SCOPE))
        if resource != last[0]:
            whole = getattr(message, outer).add(schema_url=row["ResourceSchemaUrl"])
            fill(whole.resource.attributes, row["ResourcePairs"], row["ResourceAttributeTypes"])
        if (resource, scope) != last:
            scoped = getattr(whole, middle).add(schema_url=row["ScopeSchemaUrl"])
            scoped.scope.name, scoped.scope.version = row["ScopeName"], row["ScopeVersion"]
            fill(scoped.scope.attributes, row["ScopePairs"], row["ScopeAttributeTypes"])
        last = (resource, scope)
        (_fill_span if kind is TRACES else _fill_record)(getattr(scoped, inner).add(), row)
    return message


def _pairs(column: str) -> str:
    return f"CAST({column}, 'Array(Tuple(String, String))')"


_RESOURCE: Final = ("ResourcePairs", "ResourceAttributeTypes", "ResourceSchemaUrl")
_SCOPE: Final = ("ScopeName", "ScopeVersion", "ScopePairs", "ScopeAttributeTypes", "ScopeSchemaUrl")
_SHARED: Final = f"""
    toString(toUnixTimestamp64Nano(Timestamp)) AS At, TraceId, SpanId, DroppedAttributesCount,
    {_pairs("ResourceAttributes")} AS ResourcePairs, ResourceAttributeTypes, ResourceSchemaUrl,
    ScopeName, ScopeVersion, {_pairs("ScopeAttributes")} AS ScopePairs, ScopeAttributeTypes, ScopeSchemaUrl
"""

# ------------------------------------------------------------------------------------------------------------- spans

_SPAN_COLUMNS: Final = f"""{_SHARED},
    ParentSpanId, TraceState, TraceFlags, SpanName, SpanKind, toString(Duration) AS Nanoseconds,
    {_pairs("SpanAttributes")} AS SpanPairs, {_pairs("Payload")} AS PayloadPairs, SpanAttributeTypes,
    StatusCode, StatusMessage, DroppedEventsCount, DroppedLinksCount,
    arrayMap(at -> toString(toUnixTimestamp64Nano(at)), Events.Timestamp) AS EventTimes, Events.Name AS EventNames,
    arrayMap(held -> {_pairs("held")}, Events.Attributes) AS EventPairs, EventAttributeTypes,
    Links.TraceId AS LinkTraces, Links.SpanId AS LinkSpans, Links.TraceState AS LinkStates,
    arrayMap(held -> {_pairs("held")}, Links.Attributes) AS LinkPairs, LinkAttributeTypes, LinkFlags
"""


def _fill_span(span: Any, row: Row) -> None:
    span.trace_id, span.span_id = bytes.fromhex(row["TraceId"]), bytes.fromhex(row["SpanId"])
    span.parent_span_id = bytes.fromhex(row["ParentSpanId"])
    span.trace_state, span.flags, span.name = row["TraceState"], row["TraceFlags"], row["SpanName"]
    span.kind = _KINDS.get(row["SpanKind"], 0)
    span.start_time_unix_nano = int(row["At"])
    span.end_time_unix_nano = span.start_time_unix_nano + int(row["Nanoseconds"])
    if row["StatusCode"] in _STATUS or row["StatusMessage"]:
        span.status.code, span.status.message = _STATUS.get(row["StatusCode"], 0), row["StatusMessage"]
    span.dropped_attributes_count = row["DroppedAttributesCount"]
    span.dropped_events_count, span.dropped_links_count = row["DroppedEventsCount"], row["DroppedLinksCount"]
    _fill_attributes(span, row)
    events = zip_longest(row["EventTimes"], row["EventNames"], row["EventPairs"], row["EventAttributeTypes"])
    for at, name, pairs, letters in events:
        fill(span.events.add(time_unix_nano=int(at), name=name).attributes, pairs, letters or "")
    columns = ("LinkTraces", "LinkSpans", "LinkStates", "LinkFlags", "LinkPairs", "LinkAttributeTypes")
    for trace, one, state, flags, pairs, letters in zip_longest(*(row[name] for name in columns)):
        ids = {"trace_id": bytes.fromhex(trace), "span_id": bytes.fromhex(one)}
        fill(span.links.add(**ids, trace_state=state, flags=flags or 0).attributes, pairs, letters or "")


def _fill_attributes(span: Any, row: Row) -> None:
    plain, _, bulky = row["SpanAttributeTypes"].partition("|")
    fill(span.attributes, row["SpanPairs"], plain)
    if row["SpanAttributeTypes"]:  # else the exporter wrote the row, and its bulky values are among the others
        fill(span.attributes, row["PayloadPairs"], bulky)


# --------------------------------------------------------------------------------------------------------------- logs

_LOG_COLUMNS: Final = f"""{_SHARED},
    toString(toUnixTimestamp64Nano(ObservedTimestamp)) AS ObservedAt, LogFlags, SeverityText, SeverityNumber, Body,
    {_pairs("LogAttributes")} AS LogPairs, LogAttributeTypes, EventName
"""


def _fill_record(record: Any, row: Row) -> None:
    record.trace_id, record.span_id = bytes.fromhex(row["TraceId"]), bytes.fromhex(row["SpanId"])
    record.time_unix_nano, record.observed_time_unix_nano = int(row["At"]), int(row["ObservedAt"])
    record.flags, record.dropped_attributes_count = row["LogFlags"], row["DroppedAttributesCount"]
    record.severity_text, record.severity_number = row["SeverityText"], row["SeverityNumber"]
    record.event_name = row["EventName"]
    letters, _, body = row["LogAttributeTypes"].partition("|")
    if body != "?" or row["Body"]:
        set_value(record.body, row["Body"], body)
    fill(record.attributes, row["LogPairs"], letters)

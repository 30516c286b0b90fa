"""Values nested deeper than an array of scalars, which the view refuses, as JSON text in a field that it reads."""

import base64
import json
import math
from collections.abc import Callable, Iterable
from typing import Any, Final

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # ships no types

from quarterdeck_collector.receive.otlp import Kind, data_points
from quarterdeck_collector.segments import frame

_JSON_VALUE_TAG: Final = b"\xa2\x01"  # field 20, length-delimited: json_value of schema/otlp.proto
_CONTAINERS: Final = ("array_value", "kvlist_value")


def rewrite_body(kind: Kind, body: bytes) -> bytes:
    """Rewrite a serialised request as ClickHouse reads it.

    Nested values become JSON text; what OTLP does not know (or is spelled in a way that only Google's parser forgives)
    is dropped; the rest stays as it is, and so does a request that cannot be read.
    """
    try:
        message: Any = kind.request.FromString(body)
    except DecodeError:
        return body
    message.DiscardUnknownFields()
    for value in _values(kind, message):
        _flatten(value)
    flat: bytes = message.SerializeToString()
    return flat


def to_python(value: Any) -> Any:
    """Turn an OTLP ``AnyValue`` into plain Python; bytes become base64 text."""
    case = value.WhichOneof("value")
    if case == "array_value":
        return [to_python(item) for item in value.array_value.values]
    if case == "kvlist_value":
        return {item.key: to_python(item.value) for item in value.kvlist_value.values}
    if case == "bytes_value":
        return base64.b64encode(value.bytes_value).decode()
    if case == "double_value" and not math.isfinite(value.double_value):
        return str(value.double_value)  # JSON has no such numbers
    return getattr(value, case) if case else None


def to_json(value: Any) -> str:
    """Write an OTLP ``AnyValue`` as JSON."""
    return json.dumps(to_python(value), ensure_ascii=False, separators=(",", ":"))


def _is_nested(value: Any) -> bool:
    case = value.WhichOneof("value")
    if case == "array_value":
        return any(item.WhichOneof("value") in _CONTAINERS for item in value.array_value.values)
    return bool(case == "kvlist_value")


def _flatten(value: Any) -> None:
    if _is_nested(value):
        text = to_json(value).encode()
        value.ClearField(value.WhichOneof("value"))
        value.MergeFromString(_JSON_VALUE_TAG + frame(text))  # an unknown field here: kept when serialised


def _values(kind: Kind, message: Any) -> Iterable[Any]:
    for whole in getattr(message, kind.levels[0]):
        yield from _of(whole.resource.attributes)
    for scoped in kind.scopes(message):
        yield from _of(scoped.scope.attributes)
        for item in getattr(scoped, kind.levels[-1]):
            yield from _INSIDE[kind.name](item)


def _of(attributes: Any) -> Iterable[Any]:
    return (pair.value for pair in attributes)


def _inside_span(span: Any) -> Iterable[Any]:
    yield from _of(span.attributes)
    for part in (*span.events, *span.links):
        yield from _of(part.attributes)


def _inside_record(record: Any) -> Iterable[Any]:
    yield from _of(record.attributes)
    yield record.body


def _inside_metric(metric: Any) -> Iterable[Any]:
    yield from _of(metric.metadata)
    for point in data_points(metric):
        yield from _of(point.attributes)
        if metric.WhichOneof("data") != "summary":
            for exemplar in point.exemplars:
                yield from _of(exemplar.filtered_attributes)


_INSIDE: Final[dict[str, Callable[[Any], Iterable[Any]]]] = {
    "traces": _inside_span,
    "logs": _inside_record,
    "metrics": _inside_metric,
}

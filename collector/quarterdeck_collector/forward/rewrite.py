"""What a target gets of a request: no live events, no values longer than it takes, no more bytes than it takes."""

from typing import Any, Final
from urllib.parse import quote

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # ships no types

from quarterdeck import semconv
from quarterdeck_collector.live import text
from quarterdeck_collector.nested import to_json
from quarterdeck_collector.receive.otlp import LOGS, TRACES, Kind

_LIVE: Final = semconv.LIVE_SCOPE.encode()
_CONTAINERS: Final = ("array_value", "kvlist_value")


def without_live_events(kind: Kind, body: bytes) -> bytes:
    """Give a request without the records of our live scope; the same object if it has none."""
    if kind is not LOGS or _LIVE not in body:
        return body
    message = _parsed(kind, body)
    if message is None:
        return body
    for whole in message.resource_logs:
        for index in range(len(whole.scope_logs) - 1, -1, -1):
            if whole.scope_logs[index].scope.name == semconv.LIVE_SCOPE:
                del whole.scope_logs[index]
    for index in range(len(message.resource_logs) - 1, -1, -1):
        if not message.resource_logs[index].scope_logs:
            del message.resource_logs[index]
    return bytes(message.SerializeToString())


def trimmed(kind: Kind, body: bytes, limit: int, ui_url: str) -> bytes:
    """Give a request whose values are at most ``limit`` bytes long; the same object if they were.

    Args:
        kind: Signal.
        body: Serialised request.
        limit: Bytes that a value may have; 0 trims none.
        ui_url: Where the dashboard shows the whole values.
    """
    if not limit or len(body) <= limit:
        return body
    message = _parsed(kind, body)
    if message is None or not _trim_all(kind, message, limit, ui_url.rstrip("/")):
        return body
    return bytes(message.SerializeToString())


def _parsed(kind: Kind, body: bytes) -> Any:
    try:
        return kind.request.FromString(body)
    except DecodeError:
        return None  # the target shall say what it thinks of it


def _trim_all(kind: Kind, message: Any, limit: int, ui_url: str) -> bool:
    outer, middle, inner = kind.levels
    changed = False
    for whole in getattr(message, outer):
        changed |= bool(_trim_pairs(whole.resource.attributes, limit))
        for scoped in getattr(whole, middle):
            changed |= bool(_trim_pairs(scoped.scope.attributes, limit))
            if kind in (TRACES, LOGS):
                for item in getattr(scoped, inner):
                    changed |= item.ByteSize() > limit and _trim_item(kind, item, limit, ui_url)
    return changed


def _trim_item(kind: Kind, item: Any, limit: int, ui_url: str) -> bool:
    keys = _trim_pairs(item.attributes, limit)
    if kind is TRACES:
        for part in (*item.events, *item.links):
            keys += _trim_pairs(part.attributes, limit)
    elif _trim_value(item.body, limit):
        keys.append("body")
    if not keys:
        return False
    link = item.attributes.add(key=semconv.RUN_URL)
    link.value.string_value = _link(item, ui_url)
    names = item.attributes.add(key=semconv.TRIMMED)
    for key in dict.fromkeys(keys):
        names.value.array_value.values.add(string_value=key)
    return True


def _link(item: Any, ui_url: str) -> str:
    run = next((pair.value.string_value for pair in item.attributes if pair.key == semconv.RUN_ID), "")
    link = f"{ui_url}/?run={quote(run or item.trace_id.hex(), safe='')}"
    return f"{link}&span={item.span_id.hex()}" if item.span_id else link


def _trim_pairs(pairs: Any, limit: int) -> list[str]:
    return [pair.key for pair in pairs if pair.value.ByteSize() > limit and _trim_value(pair.value, limit)]


def _trim_value(value: Any, limit: int) -> bool:
    case = value.WhichOneof("value")
    if case is None:
        return False
    whole = (to_json(value) if case in _CONTAINERS else text(value)).encode()
    if len(whole) <= limit:
        return False
    mark = f"… [trimmed by Quarterdeck, {len(whole)} bytes]".encode()
    value.Clear()
    value.string_value = whole[: limit - len(mark)].decode(errors="ignore") + mark.decode()
    return True

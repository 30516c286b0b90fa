"""Put OTLP messages into the store as far as they are not there yet: a file imported twice is stored once."""

import hashlib
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from quarterdeck_collector.care.retention import row_days
from quarterdeck_collector.care.tables import tables
from quarterdeck_collector.live import text
from quarterdeck_collector.nested import rewrite_body
from quarterdeck_collector.receive.otlp import LOGS, TRACES, Kind
from quarterdeck_collector.segments import SUFFIX, frame
from quarterdeck_collector.store import Store, literal

_LATEST: Final = 2**63 - 1
_DAY: Final = 86_400 * 1_000_000_000
_ASKED_AT_ONCE: Final = 2_000
"""Items whose trace ids fit into a statement (ClickHouse reads 256 KiB)."""
_COLUMNS: Final = {
    "traces": "TraceId, SpanId",
    "logs": "toString(toUnixTimestamp64Nano(Timestamp)), TraceId, SpanId, EventName, lower(hex(MD5(Body)))",
}
"""What an item is known by."""

Identity = tuple[str, ...]


@dataclass
class ImportReport:
    """What became of a message.

    Args:
        stored: Spans or records stored now.
        present: Those that were there before.
        expired: Those stored now that are older than what is kept: they will be removed again.
        keep_days: How long rows are kept; 0: for ever.
    """

    stored: int = 0
    present: int = 0
    expired: int = 0
    keep_days: int = 0


def restore(store: Store, kind: Kind, message: Any) -> ImportReport:
    """Store what of a message is not there yet.

    A span is known by its trace and span id, a log record by time, trace, span, event name and body.

    Args:
        store: Where.
        kind: TRACES or LOGS.
        message: Its request; what is there already is removed from it.

    Raises:
        StoreError: If the store refuses.
    """
    total = kind.count(message)
    identity = _span_identity if kind is TRACES else _record_identity
    found = present(store, kind, message)
    _drop(kind, message, lambda item: identity(item) in found)
    fresh = kind.count(message)
    keep_days = next(row_days(table) for table in tables(store).base if table.name == f"otel_{kind.name}")
    oldest = (time.time_ns() - keep_days * _DAY) if keep_days else 0
    expired = sum(at < oldest for at in map(_time_of, _items(kind, message)))
    if fresh:
        _insert(store, kind, rewrite_body(kind, message.SerializeToString()))
    return ImportReport(fresh, total - fresh, expired, keep_days)


def _time_of(item: Any) -> int:
    given = getattr(item, "start_time_unix_nano", 0) or getattr(item, "time_unix_nano", 0)
    return int(given or getattr(item, "observed_time_unix_nano", 0))


def _insert(store: Store, kind: Kind, body: bytes) -> None:
    with tempfile.TemporaryDirectory(prefix="quarterdeck-import-") as folder:
        path = Path(folder) / f"request{SUFFIX}"
        path.write_bytes(frame(body))
        store.insert_otlp(f"otlp_{kind.name}_in", path, kind.request.DESCRIPTOR.name, str(uuid.uuid4()))


def _items(kind: Kind, message: Any) -> Iterable[Any]:
    outer, middle, inner = kind.levels
    for whole in getattr(message, outer):
        for scoped in getattr(whole, middle):
            yield from getattr(scoped, inner)


def _drop(kind: Kind, message: Any, unwanted: Callable[[Any], bool]) -> None:
    outer, middle, inner = kind.levels
    for whole in getattr(message, outer):
        for scoped in getattr(whole, middle):
            items = getattr(scoped, inner)
            stay = [item for item in items if not unwanted(item)]
            if len(stay) < len(items):
                del items[:]
                items.extend(stay)


def _span_identity(span: Any) -> Identity:
    return span.trace_id.hex(), span.span_id.hex()


def _record_identity(record: Any) -> Identity:
    body = hashlib.md5(text(record.body).encode(), usedforsecurity=False).hexdigest()
    return str(min(_time_of(record), _LATEST)), record.trace_id.hex(), record.span_id.hex(), record.event_name, body


def present(store: Store, kind: Kind, message: Any) -> set[Identity]:
    """Give the identities of the spans or log records of a message that are stored.

    Args:
        store: Where.
        kind: TRACES or LOGS.
        message: Its request.

    Raises:
        StoreError: If the store refuses.
    """
    items = list(_items(kind, message))
    parts = (items[at : at + _ASKED_AT_ONCE] for at in range(0, len(items), _ASKED_AT_ONCE))
    return set[Identity]().union(*(_ask(store, f"otel_{kind.name}", _COLUMNS[kind.name], part) for part in parts))


def _ask(store: Store, table: str, columns: str, items: list[Any]) -> set[Identity]:
    traces = ", ".join(literal(trace) for trace in sorted({item.trace_id.hex() for item in items}))
    times = [_time_of(item) for item in items]
    first, last = (f"fromUnixTimestamp64Nano(toInt64({min(limit(times), _LATEST)}))" for limit in (min, max))
    rows = store.json_rows(
        f"SELECT [{columns}] AS Identity FROM {store.database}.{table} "  # noqa: S608 - values are quoted
        f"WHERE TraceId IN ({traces}) AND Timestamp BETWEEN {first} AND {last}"
    )
    return {tuple(row["Identity"]) for row in rows}


def importable(name: str) -> Kind:
    """Give the signal of that name.

    Raises:
        ValueError: If it cannot be imported.
    """
    for kind in (TRACES, LOGS):
        if kind.name == name:
            return kind
    raise ValueError(f"{name or 'this signal'} cannot be imported; traces and logs can")

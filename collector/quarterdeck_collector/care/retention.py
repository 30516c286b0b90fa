"""How long data are kept: payloads, rows, and what is summed up of them."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from quarterdeck_collector.care.selection import DAYS
from quarterdeck_collector.care.tables import Table, tables
from quarterdeck_collector.store import Store

_LONG_KEPT: Final = frozenset({"runs", "failed_spans", "llm_1m", "llm_1h", "latency_1h"})
_TIME: Final = ("Timestamp", "TimeUnix")
_ROW_TTL: Final = re.compile(r"\bTTL [\w()]+ \+ toIntervalDay\((\d+)\)(?= SETTINGS|\s*$)")
_PAYLOAD_TTL: Final = re.compile(r" TTL toDateTime\(Timestamp\) \+ toIntervalDay\((\d+)\),?\s*$")
_LIVE: Final = "live_events"


@dataclass(frozen=True)
class Retention:
    """Days that data are kept, counted from their own time; 0 keeps them for ever.

    Args:
        payloads: Prompts, responses and other bulky values of spans.
        rows: Spans, logs, metrics and model calls.
        rollups: Runs, error groups, and sums by minute and hour.
    """

    payloads: int
    rows: int
    rollups: int


def apply(store: Store, wanted: Retention) -> list[str]:
    """Bring every table's TTL to what is wanted; where it already is, nothing is done.

    Existing parts learn of a new limit from a mutation in the background that reads their time columns only; merges
    then remove what has expired.

    Args:
        store: Migrated store.
        wanted: How long to keep what.

    Returns:
        What was changed, a line each.

    Raises:
        StoreError: If the store refuses.
    """
    found = tables(store)
    parts = f"SELECT DISTINCT table FROM system.parts WHERE database = '{store.database}' AND active"  # noqa: S608 - ours
    filled = {name for (name,) in store.rows(parts)}
    changes: list[str] = []
    for table in (*found.base, *found.derived):
        if table.name == _LIVE:  # it keeps a day, whatever is wanted
            continue
        days = wanted.rollups if table.name in _LONG_KEPT else wanted.rows
        changed = _set_rows(store, table, days)
        if "Payload" in table.columns:
            changed += _set_payload(store, table, wanted.payloads)
        if changed and (store.cluster or table.name in filled):
            _tell_existing_parts(store, table)
        changes += changed
    return changes


def _set_rows(store: Store, table: Table, days: int) -> list[str]:
    if row_days(table) == days:
        return []
    if not days:
        store.command(f"{_alter(store, table)} REMOVE TTL")
        return [f"{table.name}: kept for ever"]
    limit = f"{_moment(table)} + toIntervalDay({days})"
    store.command(f"{_alter(store, table)} MODIFY TTL {limit} SETTINGS materialize_ttl_after_modify = 0")
    return [f"{table.name}: kept {days} days"]


def _set_payload(store: Store, table: Table, days: int) -> list[str]:
    if _payload_days(table) == days:
        return []
    column = f"{_alter(store, table)} MODIFY COLUMN Payload"
    if not days:
        store.command(f"{column} REMOVE TTL")
        return [f"{table.name}: payloads kept for ever"]
    store.command(
        f"{column} TTL toDateTime(Timestamp) + toIntervalDay({days}) SETTINGS materialize_ttl_after_modify = 0"
    )
    return [f"{table.name}: payloads kept {days} days"]


def _alter(store: Store, table: Table) -> str:
    return f"ALTER TABLE {store.database}.{store.local(table.name)} {store.on_cluster}"


def _payload_days(table: Table) -> int:
    following = table.columns[table.columns.index("Payload") + 1]
    declared = table.definition.partition("`Payload` ")[2].partition(f"`{following}` ")[0]
    found = _PAYLOAD_TTL.search(declared)
    return int(found[1]) if found else 0


def _tell_existing_parts(store: Store, table: Table) -> None:
    store.command(f"{_alter(store, table)} MODIFY SETTING materialize_ttl_recalculate_only = 1")
    if _has_ttl(store, table):
        store.command(f"{_alter(store, table)} MATERIALIZE TTL SETTINGS mutations_sync = 0")


def _has_ttl(store: Store, table: Table) -> bool:
    sql = (
        "SELECT position(create_table_query, ' TTL ') > 0 FROM system.tables "  # noqa: S608 - names are ours
        f"WHERE database = '{store.database}' AND name = '{store.local(table.name)}'"
    )
    return store.rows(sql) == [["1"]]


def _moment(table: Table) -> str:
    if table.sums:
        return next(day for name, day in DAYS.items() if name in table.columns)
    return f"toDateTime({next(name for name in _TIME if name in table.columns)})"


def row_days(table: Table) -> int:
    """Give the days that a table's rows are kept; 0 for ever."""
    found = _ROW_TTL.search(table.definition)
    return int(found[1]) if found else 0


def oldest_whole_day(store: Store) -> str:
    """Give the first day, as ISO date, of which no span has expired."""
    days = max((row_days(table) for table in tables(store).sources if table.name == "otel_traces"), default=0)
    return (datetime.now(UTC) - timedelta(days=days - 1)).date().isoformat() if days else ""

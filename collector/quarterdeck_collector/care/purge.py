"""Remove data for good: rows, what is derived from them, and files beside the store.

On a cluster every node removes its own rows. Sums that cannot tell a run from another stay: to make them anew takes
statements that no cluster runs on all its nodes.
"""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from quarterdeck_collector.care.derived import await_mutations, mark, rebuild
from quarterdeck_collector.care.leftovers import Leftovers
from quarterdeck_collector.care.retention import oldest_whole_day
from quarterdeck_collector.care.run_list import copy_runs
from quarterdeck_collector.care.selection import Selection
from quarterdeck_collector.care.tables import Table, Tables, tables
from quarterdeck_collector.store import Store, literal

Quiet = Callable[[], AbstractContextManager[None]]
"""Makes a block during which nothing is inserted by this collector."""


_PATIENCE: Final = 10.0
_PAUSE: Final = 0.2


@dataclass
class PurgeReport:
    """What was purged, or would be.

    Args:
        rows: Rows per table.
        requests: Spans and records in files beside the store.
        days: Days whose derived tables were rebuilt.
        kept: Days of which sums by minute and hour stay as they are: their spans have expired, or lie on a cluster.
    """

    rows: dict[str, int] = field(default_factory=dict)
    requests: int = 0
    days: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Give it as JSON carries it."""
        return asdict(self)


def purge(store: Store, selection: Selection, leftovers: Leftovers, quiet: Quiet, *, dry_run: bool) -> PurgeReport:
    """Remove what is selected from every table and file.

    Args:
        store: Where.
        selection: What.
        leftovers: Files beside the store.
        quiet: Called for each day.
        dry_run: Only count.

    Raises:
        BusyDayError: If others went on writing into one of the days; the rows are gone, the sums will follow.
        StoreError: If the store refuses.
    """
    found = tables(store)
    report = PurgeReport(requests=leftovers.purge(selection, dry_run=dry_run))
    parts = {
        table.name: _partitions(store, table, selection, f"{store.database}.runs")
        for table in (*found.base, *found.derived)
    }
    report.rows = {name: sum(counts.values()) for name, counts in parts.items() if counts}
    touched = {table.day(part) for table in found.sources for part in parts[table.name]}
    whole = _days_with_spans(store)
    report.days = sorted(touched & whole)
    if any(selection.condition(table.columns, "") is None for table in found.derived):
        touched |= {table.day(part) for table in found.derived for part in parts[table.name]}
        report.kept = sorted(touched - set(report.days))
    if not dry_run:
        _purge(store, selection, found, report.days, quiet)
    return report


def _days_with_spans(store: Store) -> set[str]:
    """Give the days whose sums can be made anew: all spans of a day are on this node, and none has expired."""
    if store.cluster:
        return set()
    first_whole = oldest_whole_day(store)
    sql = f"SELECT DISTINCT toString(toDate(Timestamp)) FROM {store.database}.otel_traces"  # noqa: S608 - the name is ours
    return {day for (day,) in store.rows(sql) if day >= first_whole}


def _purge(store: Store, selection: Selection, found: Tables, days: list[str], quiet: Quiet) -> None:
    mark(store, days)
    runs = copy_runs(store)
    for table in found.base:
        for part in _partitions(store, table, selection, runs):
            with quiet():
                _delete(store, table, part, selection.condition(table.columns, runs))
    for day in days:
        with quiet():
            rebuild(store, day)
    for table in found.derived:  # what is left is of days that cannot be rebuilt
        for part in _partitions(store, table, selection, runs):
            _delete(store, table, part, selection.condition(table.columns, runs))
    store.make_durable()
    if not store.cluster:  # where nodes may lag behind: they read the copy, and clear their files by themselves
        store.command(f"DROP TABLE {runs} SYNC")
        _clear_old_files(store, found)


def _partitions(store: Store, table: Table, selection: Selection, runs: str) -> dict[str, int]:
    """Count the selected rows per partition id."""
    condition = selection.condition(table.columns, runs)
    if condition is None:
        return {}
    sql = f"SELECT _partition_id, count() FROM {store.database}.{table.name} WHERE {condition} GROUP BY 1 ORDER BY 1"  # noqa: S608 - values are quoted
    return {part: int(count) for part, count in store.rows(sql)}


def _delete(store: Store, table: Table, part: str, condition: str | None) -> None:
    wait = 0 if store.cluster else 2  # a statement for all nodes has a minute
    store.command(
        f"ALTER TABLE {store.database}.{store.local(table.name)} {store.on_cluster} "
        f"DELETE IN PARTITION ID '{part}' WHERE {condition} "
        f"SETTINGS mutations_sync = {wait}, allow_nondeterministic_mutations = 1"
    )
    if store.cluster:
        await_mutations(store, [table])


def _clear_old_files(store: Store, found: Tables) -> None:
    """Remove the files of replaced parts now: ClickHouse keeps them for eight minutes."""
    names = [table.name for table in (*found.base, *found.derived)]
    listed = ", ".join(map(literal, names))
    old = (
        "SELECT DISTINCT table FROM system.parts "  # noqa: S608 - names are ours
        f"WHERE database = '{store.database}' AND table IN ({listed}) AND NOT active"
    )
    touched = [name for (name,) in store.rows(old)]
    for name in touched:
        store.command(f"ALTER TABLE {store.database}.{name} MODIFY SETTING old_parts_lifetime = 0")
    deadline = time.monotonic() + _PATIENCE
    while (left := store.rows(old)) and time.monotonic() < deadline:
        for (name,) in left:  # the only statement that clears files at once
            store.command(f"ALTER TABLE {store.database}.{name} DROP PARTITION ID 'none'")
        time.sleep(_PAUSE)
    for name in touched:
        store.command(f"ALTER TABLE {store.database}.{name} RESET SETTING old_parts_lifetime")

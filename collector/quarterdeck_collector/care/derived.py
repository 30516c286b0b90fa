"""Rebuild the tables that views derive from the base tables, day by day.

A day's partition of each derived table is made anew beside the old one, by the SELECT of the very view that fills it,
and put in its place in one step. A crash at any moment leaves either the old or the new partition, and the day written
down as pending.
"""

import logging
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from quarterdeck_collector.care import cost_sums
from quarterdeck_collector.care.retention import oldest_whole_day
from quarterdeck_collector.care.tables import Table, Tables, tables
from quarterdeck_collector.refusals import StoreError
from quarterdeck_collector.store import Store

log = logging.getLogger("quarterdeck.collector")

TRIES: Final = 5
"""How often a day is rebuilt while someone else writes into it."""

_PATIENCE: Final = 30.0
_MUTATION_PATIENCE: Final = 600.0
_PAUSE: Final = 0.1
_SETTINGS: Final = (
    # equal blocks of two views are not the same block sent twice
    "insert_deduplicate = 0, max_threads = 1"
)


class BusyDayError(Exception):
    """Others went on writing into a day while it was rebuilt; it stays pending."""


def mark(store: Store, days: Iterable[str], *, pending: bool = True) -> None:
    """Write down which days are to be rebuilt, or are no longer."""
    if rows := [{"Day": day, "Pending": int(pending)} for day in days]:
        store.insert_rows("rebuilds", rows)


def pending(store: Store) -> list[str]:
    """Give the days that an interrupted operation left to be rebuilt."""
    sql = f"SELECT toString(Day) FROM {store.database}.rebuilds FINAL WHERE Pending ORDER BY Day"  # noqa: S608 - ours
    return [row[0] for row in store.rows(sql)]


def rebuild(store: Store, day: str) -> None:
    """Make every derived table agree with the base tables for one day; on a cluster its costs only.

    Args:
        store: Where.
        day: ISO date, UTC.

    Raises:
        BusyDayError: If others kept writing into that day.
        StoreError: If the store refuses.
    """
    found = tables(store)
    await_mutations(store, found.sources)
    if not (cost_sums.correct(store, day) if store.cluster else _remade(store, found, day)):
        raise BusyDayError(
            f"the tables derived from the spans of {day} could not be rebuilt, because others went on writing into "
            "that day; they are rebuilt at the collector's next start, or when you repeat this command"
        )
    mark(store, [day], pending=False)


def _remade(store: Store, found: Tables, day: str) -> bool:
    """Make the day of every derived table anew, and say whether nobody wrote into it meanwhile."""
    for _ in range(TRIES):
        before = _written(store, found.sources, day)
        for table in found.derived:
            if table.by_day:
                _replace(store, table, found.base + found.derived, day)
        if _written(store, found.sources, day) == before:
            return True
    return False


def _replace(store: Store, table: Table, sources: list[Table], day: str) -> None:
    database, draft = store.database, f"{table.name}_draft"
    partitions = {source.name: source.partition for source in sources}
    store.command(f"DROP TABLE IF EXISTS {database}.{draft} SYNC")
    store.command(f"CREATE TABLE {database}.{draft} AS {database}.{table.name}")
    for feeder in table.feeders:
        # The view's own text, limited to the day where it reads.
        limits = f"{{'{database}.{feeder.source}': '{partitions[feeder.source]} = toDate(\\'{day}\\')'}}"
        names = ", ".join(f"`{name}`" for name in feeder.columns)
        store.command(
            f"INSERT INTO {database}.{draft} ({names}) {feeder.select} "
            f"SETTINGS {_SETTINGS}, additional_table_filters = {limits}"
        )
    _await_inserts(store)
    store.command(
        f"ALTER TABLE {database}.{table.name} REPLACE PARTITION '{day}' FROM {database}.{draft} "
        "SETTINGS allow_replace_partition_from_empty_source = 1"
    )
    store.command(f"DROP TABLE {database}.{draft} SYNC")


def _written(store: Store, base: list[Table], day: str) -> list[list[str]]:
    """Give what changes when rows of that day come or go."""
    counts = [
        f"SELECT '{table.name}', count() FROM {store.database}.{table.name} WHERE {table.partition} = toDate('{day}')"  # noqa: S608 - ours
        for table in base
        if table.by_day
    ]
    return store.rows(" UNION ALL ".join(counts) + " ORDER BY 1")


def _await_inserts(store: Store) -> None:
    """Wait until every insert that runs now has ended: its rows may be in the base table and not in the derived."""
    running = "SELECT query_id FROM system.processes WHERE query_kind = 'Insert'"
    then = {row[0] for row in store.rows(running)}
    deadline = time.monotonic() + _PATIENCE
    while then and time.monotonic() < deadline:
        then &= {row[0] for row in store.rows(running)}
        if then:
            time.sleep(_PAUSE)


def await_mutations(store: Store, changed: list[Table]) -> None:
    """Wait for deletes and updates that ClickHouse does by itself.

    Args:
        store: Where; on a cluster all its nodes.
        changed: The tables.

    Raises:
        StoreError: If one does not end.
    """
    names = ", ".join(f"'{store.local(table.name)}'" for table in changed)
    mutations = f"clusterAllReplicas('{store.cluster}', system.mutations)" if store.cluster else "system.mutations"
    sql = (
        f"SELECT table, latest_fail_reason FROM {mutations} "  # noqa: S608 - names are ours
        f"WHERE database = '{store.database}' AND table IN ({names}) AND NOT is_done"
    )
    deadline = time.monotonic() + _MUTATION_PATIENCE
    while left := store.json_rows(sql):
        if time.monotonic() > deadline:
            raise StoreError("a mutation of {table} does not end: {latest_fail_reason}".format_map(left[0]), 0)
        time.sleep(_PAUSE)


def finish_pending(store: Store) -> list[str]:
    """Rebuild the days that an interrupted operation left behind.

    Returns:
        Those that were rebuilt.

    Raises:
        StoreError: If the store refuses.
    """
    done = []
    first_whole = oldest_whole_day(store)
    for day in pending(store):
        if day < first_whole:  # its spans expire: what was summed up of them is all there is
            mark(store, [day], pending=False)
            continue
        with suppress(BusyDayError):
            rebuild(store, day)
            done.append(day)
    if done:
        log.info("derived tables of %s were rebuilt: an operation had been interrupted", ", ".join(done))
    return done

"""What the store consists of, asked of ClickHouse itself: tables of single things, and sums that views make of them.

The calls in ``model_calls`` are single things, although a view fills it: their costs are of the day they came, and must
not be computed anew because some other run is purged.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from quarterdeck_collector.store import Store

_BASE: Final = re.compile(r"otel_\w+|live_events|model_calls")
CALLS: Final = "model_calls"
_SUMS: Final = "AggregatingMergeTree"
_TARGET: Final = re.compile(r"\bTO (?:`?\w+`?\.)?`?(\w+)`?")


@dataclass(frozen=True)
class Feeder:
    """A materialized view.

    Args:
        source: Table it reads.
        select: How.
        columns: What it fills, in order.
    """

    source: str
    select: str
    columns: Sequence[str]


@dataclass
class Table:
    """A table that keeps rows.

    Args:
        name: Its name; on a cluster the one under which all nodes are read.
        partition: Expression of its partition key.
        columns: Names of the columns that are stored.
        definition: Its CREATE statement.
        sums: Whether its rows are sums.
        feeders: The views that fill it.
    """

    name: str
    partition: str
    columns: Sequence[str]
    definition: str
    sums: bool
    feeders: list[Feeder] = field(default_factory=list)

    @property
    def by_day(self) -> bool:
        """Whether its partitions are days."""
        return self.partition == "Day" or self.partition.startswith("toDate(")

    @staticmethod
    def day(part: str) -> str:
        """Give the ISO date of a partition id."""
        return f"{part[:4]}-{part[4:6]}-{part[6:]}"


@dataclass(frozen=True)
class Tables:
    """The tables of a store.

    Args:
        base: Spans, log records, metrics, live events and model calls.
        derived: Sums of them; each after the tables it reads from.
    """

    base: list[Table]
    derived: list[Table]

    @property
    def sources(self) -> list[Table]:
        """The base tables that others are derived from."""
        read = {feeder.source for table in self.derived for feeder in table.feeders}
        return [table for table in self.base if table.name in read]


def tables(store: Store) -> Tables:
    """Look at what the store consists of."""
    database = store.database
    columns: dict[str, list[str]] = defaultdict(list)
    for row in store.json_rows(
        f"SELECT table, name FROM system.columns WHERE database = '{database}' "  # noqa: S608 - the name is ours
        "AND default_kind NOT IN ('ALIAS', 'EPHEMERAL') ORDER BY position"
    ):
        columns[row["table"]].append(row["name"])
    rows = store.json_rows(
        "SELECT name, engine, partition_key, as_select, create_table_query, dependencies_table "  # noqa: S608 - as above
        f"FROM system.tables WHERE database = '{database}' AND engine != 'Distributed' ORDER BY name"
    )
    for row in rows:
        row["name"] = store.plain(row["name"])
    kept = {
        row["name"]: Table(
            name=row["name"],
            partition=row["partition_key"],
            columns=columns[row["name"]],
            definition=row["create_table_query"],
            sums=row["engine"].endswith(_SUMS),
        )
        for row in rows
        if row["engine"].endswith("MergeTree")
    }
    _connect(store, rows, kept, columns)
    base = [table for name, table in kept.items() if _BASE.fullmatch(name) and not table.sums]
    return Tables(base, _in_order([table for table in kept.values() if table.sums and table.feeders]))


def _connect(store: Store, rows: list[dict[str, Any]], kept: dict[str, Table], columns: dict[str, list[str]]) -> None:
    views = {row["name"]: row for row in rows if row["engine"] == "MaterializedView"}
    for row in rows:
        if row["name"] not in kept:  # what comes through a table that keeps nothing cannot be derived again
            continue
        for view in row["dependencies_table"]:
            target = _TARGET.search(views[view]["create_table_query"]) if view in views else None
            if target and (fed := store.plain(target[1])) in kept:
                kept[fed].feeders.append(Feeder(row["name"], views[view]["as_select"], columns[view]))


def _in_order(left: list[Table]) -> list[Table]:
    ordered: list[Table] = []
    while left:
        names = {table.name for table in left}
        ready = [table for table in left if not any(feeder.source in names for feeder in table.feeders)]
        if not ready:
            raise RuntimeError(f"views derive {sorted(names)} from each other")
        ordered += ready
        left = [table for table in left if table not in ready]
    return ordered

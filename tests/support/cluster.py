"""A ClickHouse cluster as far as one process can be one. Run as a program, it reports what it found as JSON.

chDB keeps replicated tables read-only, runs no ``ON CLUSTER`` and opens no port. What is left is much: with a stand-in
for Keeper the engine creates and type-checks every table of a cluster, and a cluster whose shards are all this very
node is asked as any other, each shard showing other parts of the same tables.
"""

import json
import os
import re
import sys
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from typing_extensions import override

from quarterdeck_collector import prices
from quarterdeck_collector.care import retention
from quarterdeck_collector.care.retention import Retention
from quarterdeck_collector.durability import sync_parts
from quarterdeck_collector.migrate import MigrationError, migrate, migrations, placeholders
from quarterdeck_collector.receive.otlp import Kind
from quarterdeck_collector.refusals import StoreError
from quarterdeck_collector.segments import frame
from quarterdeck_collector.store import EmbeddedStore
from support import told
from support.cluster_care import archived, removal, told_again
from support.questions import Reader, answers, ask
from support.told import SECOND

_HERE = "<replica><host>127.0.0.1</host><port>19000</port></replica>"
CONFIG = f"""<clickhouse>
    <tcp_port>19000</tcp_port>
    <zookeeper><implementation>testkeeper</implementation></zookeeper>
    <default_replica_path>/clickhouse/tables/{{shard}}/{{database}}/{{table}}</default_replica_path>
    <default_replica_name>{{replica}}</default_replica_name>
    <macros><cluster>one</cluster><shard>1</shard><replica>a</replica></macros>
    <remote_servers>
        <one><shard><internal_replication>true</internal_replication>{_HERE}</shard></one>
        <two><shard>{_HERE}</shard><shard>{_HERE}</shard></two>
    </remote_servers>
</clickhouse>
"""
SKIPPING = {
    "a trace, where the user's profile has shards skipped": "SELECT SpanId FROM otel_traces "
    "WHERE TraceId = lower(hex('run-1')) || repeat('0', 22) SETTINGS optimize_skip_unused_shards = 1",
}
KEPT = Retention(payloads=14, rows=30, rollups=0)


class Node(EmbeddedStore):
    """A node of a cluster that runs statements for itself alone, once they are parsed as they would be for all."""

    cluster = "{cluster}"

    @override
    def command(self, sql: str) -> None:
        if self.on_cluster in sql:
            with self.handle() as handle:
                handle.query("SELECT formatQuery({sql:String})", params={"sql": _escaped(sql)})
        super().command(sql.replace(self.on_cluster, ""))


class TwoShards(Node):
    """Two shards in one database: plain tables, of which each shard shows every other part."""

    cluster = "two"

    def __init__(self, path: Path, database: str) -> None:
        super().__init__(path, database)
        self.orders: list[str] = []

    @override
    def command(self, sql: str) -> None:
        if sql.startswith(("SYSTEM", "ALTER")):
            self.orders.append(sql)
        sql = sql.replace("SYSTEM SYNC REPLICA", "SYSTEM START FETCHES")  # nothing to wait for
        if held := re.search(r"Distributed\('two', '\w+', '(\w+)_local'", sql):
            self._split(held[1])
            sql = sql.replace(f"'{held[1]}_local'", f"'{held[1]}_shard'")
        sql = re.sub(r"'/clickhouse/[^']*', '[^']*'(, )?", "", sql)
        super().command(re.sub(r"\bReplicated(?=\w*MergeTree)", "", sql))

    def _split(self, table: str) -> None:
        """Make a view of a table's even parts where shard 1 is asked, and of its odd ones where shard 2 is."""
        parity = "toUInt64(splitByChar('_', _part)[-3]) % 2 + 1"
        super().command(
            f"CREATE VIEW {self.database}.{table}_shard AS SELECT *, _partition_id FROM {self.database}.{table}_local "  # noqa: S608 - ours
            f"WHERE {parity} = shardNum() SETTINGS asterisk_include_alias_columns = 1"
        )


def _refused(store: Node) -> Iterator[str]:
    """Run every statement that a new cluster gets, and tell of each that is not taken.

    The optional ones alter tables, which those of a lone replica refuse: :class:`TwoShards` gets them.
    """
    for item in (item for item in migrations(cluster=True) if not item.version.startswith("optional/")):
        for statement in item.statements(placeholders(store)):
            try:
                store.command(statement)
            except StoreError as error:
                if "TABLE_IS_READ_ONLY" not in str(error):  # what a lone replica says to rows that it understands
                    yield f"{item.version}: {statement[:80]}: {error}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t")


def _engines(store: EmbeddedStore) -> dict[str, str]:
    sql = f"SELECT name, engine, engine_full FROM system.tables WHERE database = '{store.database}'"  # noqa: S608 - ours
    return {row["name"]: row["engine_full"] or row["engine"] for row in store.json_rows(sql)}


def _columns(store: EmbeddedStore) -> dict[str, list[list[str]]]:
    found: dict[str, list[list[str]]] = {}
    columns = "table, name, type, default_kind, default_expression"
    sql = f"SELECT {columns} FROM system.columns WHERE database = '{store.database}' ORDER BY position"  # noqa: S608 - ours
    for table, *column in store.rows(sql):
        found.setdefault(table, []).append(column)
    return found


def _segments(folder: Path, start: int) -> list[tuple[Kind, Path]]:
    """Write each request into a file."""
    written = []
    for number, (kind, request) in enumerate(told.requests(start)):
        written.append((kind, folder / f"{number}.otlp"))
        written[-1][1].write_bytes(frame(request.SerializeToString()))
    return written


def _fill(store: EmbeddedStore, segments: Sequence[tuple[Kind, Path]], events: Sequence[dict[str, Any]]) -> None:
    for kind, path in segments:
        store.insert_otlp(f"otlp_{kind.name}_in", path, kind.request.DESCRIPTOR.name, path.name)
    for event in events:
        store.insert_rows(store.local("live_events"), [event])


def _reader(store: EmbeddedStore) -> Reader:
    def read(sql: str, parameters: Mapping[str, str]) -> str:
        with store.handle() as handle:
            handle.query(f"USE {store.database}")
            return (handle.query(sql, "JSONEachRow", params=dict(parameters)).bytes() or b"").decode()

    return read


def _mistaken(store: EmbeddedStore) -> str:
    """Give what is said where --cluster is set otherwise than when the tables were made."""
    try:
        migrate(store)
    except MigrationError as error:
        return str(error)
    return ""


def report(folder: Path) -> dict[str, Any]:
    """Create the tables of a cluster; ask one node and two shards the same questions about the same spans."""
    start = time.time_ns() - 60 * SECOND
    store = folder / "store"
    created = Node(store, "created")
    one, two = EmbeddedStore(store, "alone"), TwoShards(store, "shared")
    refused = list(_refused(created))
    segments, events = _segments(folder, start), told.events(start)
    for each in (one, two):
        migrate(each, optional=("payload_search",))
        each.command("SYSTEM STOP MERGES")  # each insert stays a part of its own
        prices.load(each)
        _fill(each, segments, events)
    shards = "SELECT RunId, toUInt32(uniqExact(shardNum())) AS Shards FROM otel_traces GROUP BY RunId"
    found = {
        "refused": refused,
        "engines": _engines(created),
        "columns": _columns(created),
        "shards": ask(_reader(two), shards, {}),
        "alone": answers(_reader(one), start, SKIPPING),
        "shared": answers(_reader(two), start, SKIPPING),
        "told": [archived(each) for each in (one, two)],
        "imported": [asdict(told_again(each)) for each in (one, two)],
        "kept": [[retention.apply(each, KEPT) for _ in range(2)] for each in (one, two)],
        "again": migrate(two, optional=("payload_search",)),
        "without": _mistaken(EmbeddedStore(store, "shared")),
        "with": _mistaken(Node(store, "alone")),
    }
    repeated = {kind.name: (kind, path) for kind, path in segments}  # one of each signal
    _fill(two, list(repeated.values()), ())
    found |= {
        "retried": answers(_reader(two), start, SKIPPING),
        "durable": sync_parts(two, wanted=True),
        "orders": list(two.orders),
    }
    two.orders.clear()
    return found | {"removed": [removal(each, folder) for each in (one, two)], "removals": two.orders}


def main(folder: Path) -> None:
    """Print the report."""
    import chdb

    config = folder / "config.xml"
    config.write_text(CONFIG)
    engine: Any = chdb  # untyped
    anchor = engine.connect(f"{folder / 'store'}?config-file={config}")  # whoever opens it later joins
    try:
        print(json.dumps(report(folder)), flush=True)  # noqa: T201 - its answer
        os._exit(0 if anchor else 1)  # the stand-in for Keeper never lets go
    except Exception:  # noqa: BLE001 - shown, then out
        traceback.print_exc()
        os._exit(1)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""A ClickHouse cluster as far as one process can be one. Run as a program, it reports what it found as JSON.

chDB keeps replicated tables read-only, runs no ``ON CLUSTER`` and opens no port. What is left is much: with a stand-in
for Keeper the engine creates and type-checks every table of a cluster, and a cluster whose shards are all this very
node is asked as any other, each shard showing other parts of the same tables.
"""

import itertools
import json
import os
import re
import sys
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from importlib import resources
from pathlib import Path
from typing import Any

from typing_extensions import override

from quarterdeck import semconv
from quarterdeck_collector import prices
from quarterdeck_collector.alerts.reading import question as alert_question
from quarterdeck_collector.care import archive, retention
from quarterdeck_collector.care.restore import ImportReport, restore
from quarterdeck_collector.care.retention import Retention
from quarterdeck_collector.care.selection import Selection
from quarterdeck_collector.durability import sync_parts
from quarterdeck_collector.migrate import MigrationError, migrate, migrations, placeholders
from quarterdeck_collector.receive.otlp import LOGS, METRICS, TRACES, Kind
from quarterdeck_collector.refusals import StoreError
from quarterdeck_collector.segments import frame
from quarterdeck_collector.store import EmbeddedStore
from support import otlp

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
RUNS = ("run-1", "run-2")
BEGUN = "run-3"
EVENTS = (semconv.EVENT_PIPELINE_STARTED, semconv.EVENT_HEARTBEAT)
KEPT = Retention(payloads=14, rows=30, rollups=0)
SECOND = 1_000_000_000


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
        sql = re.sub(r"'/clickhouse/[^']*', '[^']*', ", "", sql)
        super().command(re.sub(r"\bReplicated(?=\w*MergeTree)", "", sql))

    def _split(self, table: str) -> None:
        """Make a view of a table's even parts where shard 1 is asked, and of its odd ones where shard 2 is."""
        parity = "toUInt64(splitByChar('_', _part)[-3]) % 2 + 1"
        super().command(
            f"CREATE VIEW {self.database}.{table}_shard AS SELECT * FROM {self.database}.{table}_local "  # noqa: S608 - ours
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


def _call(run: str, step: str, number: int, **attributes: Any) -> dict[str, Any]:
    return {
        "name": "chat",
        "kind": 3,
        "attributes": {
            semconv.RUN_ID: run,
            semconv.PIPELINE_NAME: "digest",
            semconv.STEP_ID: step,
            semconv.STEP_NAME: "summarise",
            semconv.OPERATION_NAME: semconv.OPERATION_CHAT,
            semconv.PROVIDER_NAME: semconv.PROVIDER_ANTHROPIC,
            semconv.REQUEST_MODEL: "claude-sonnet-4-5",
            semconv.RESPONSE_ID: f"msg_{run}_{number}",
            semconv.USAGE_INPUT_TOKENS: 100 * number,
            semconv.USAGE_OUTPUT_TOKENS: 10,
            semconv.INPUT_MESSAGES: f'["question {number} of {run}"]',
            semconv.PROMPT_PARTS: '[{"kind": "static", "source": "", "text": "question"}]',
            semconv.OUTPUT_MESSAGES: f'["answer {number} of {run}"]',
            **attributes,
        },
    }


def _spans(run: str, start: int) -> list[dict[str, Any]]:
    """Give the spans of a run with a step of two calls, one of which fails, in the order in which they end."""
    own = {semconv.RUN_ID: run, semconv.PIPELINE_NAME: "digest"}
    trace, step = run.encode().ljust(16, b"\0"), run.encode()[-2:] * 4
    failed = {"status": {"code": 2, "message": f"no answer after {len(run)} s"}}
    told = [
        _call(run, step.hex(), 1) | {"parent_span_id": step},
        _call(run, step.hex(), 2, **{semconv.ERROR_TYPE: "timeout"}) | {"parent_span_id": step} | failed,
        {
            "name": "step summarise",
            "span_id": step,
            "parent_span_id": b"rootroot",
            "attributes": own
            | {semconv.STEP_ID: step.hex(), semconv.STEP_NAME: "summarise", semconv.STEP_INDEX: 1}
            | {semconv.STEP_STATUS: "completed"},
        },
        {
            "name": "invoke_workflow digest",
            "span_id": b"rootroot",
            "attributes": own
            | {semconv.RUN_STATUS: "completed", semconv.PIPELINE_CONFIG: "{}", semconv.RUN_OUTPUT: f'"{run}"'},
        },
    ]
    return [
        {
            "span_id": number.to_bytes(8),
            "trace_id": trace,
            "start_time_unix_nano": start + number * SECOND,
            "end_time_unix_nano": start + 2 * number * SECOND,
            **span,
        }
        for number, span in enumerate(told, start=1)
    ]


def _points(start: int) -> Any:
    """Give a metric of every type, with one data point."""
    point = {"time_unix_nano": start, "start_time_unix_nano": start}
    kinds: dict[str, dict[str, float]] = {
        "gauge": {"as_int": 1},
        "sum": {"as_double": 0.5},
        "histogram": {"sum": 2.5, "count": 1},
    }
    kinds |= {"exponential_histogram": {"scale": 2, "count": 3}, "summary": {"sum": 4.0, "count": 5}}
    return otlp.metrics(*({"name": name, name: {"data_points": [point | own]}} for name, own in kinds.items()))


def _segments(folder: Path, start: int) -> list[tuple[Kind, Path]]:
    """Write what ends at one time into a file of its own: spans of a run come in many batches."""
    requests: list[tuple[Kind, Any]] = [
        (TRACES, otlp.traces(*spans)) for spans in zip(*(_spans(run, start) for run in RUNS), strict=True)
    ]
    requests += [(LOGS, otlp.logs({"time_unix_nano": start, "body": word})) for word in ("one", "two")]
    requests += [(METRICS, _points(start + number)) for number in range(2)]
    written = []
    for number, (kind, request) in enumerate(requests):
        written.append((kind, folder / f"{number}.otlp"))
        written[-1][1].write_bytes(frame(request.SerializeToString()))
    return written


def _fill(store: EmbeddedStore, segments: Sequence[tuple[Kind, Path]], events: Sequence[dict[str, Any]]) -> None:
    for kind, path in segments:
        store.insert_otlp(f"otlp_{kind.name}_in", path, kind.request.DESCRIPTOR.name, path.name)
    for event in events:
        store.insert_rows(store.local("live_events"), [event])


def _events(start: int) -> list[dict[str, Any]]:
    """Tell of runs that are open: of one of them spans have ended already."""
    return [
        {
            "Position": start + number,
            "Timestamp": f"{start / SECOND:.9f}",
            "StartTime": f"{start / SECOND:.9f}",
            "EventName": name,
            "RunId": run,
            "PipelineName": "digest",
            "Attributes": {"quarterdeck.run.status": "running"},
        }
        for number, (name, run) in enumerate(itertools.product(EVENTS, (RUNS[0], BEGUN)))
    ]


WHOLE = (
    *("pipeline_executions", "step_executions", "metrics_snapshots", "otel_traces", "otel_logs", "model_calls"),
    *("otel_metrics_gauge", "otel_metrics_sum", "otel_metrics_histogram"),
    *("otel_metrics_exponential_histogram", "otel_metrics_summary"),
)


def _sums(table: str, key: str, sums: str) -> str:
    return f"SELECT {key}, {sums} FROM {table} GROUP BY {key}"  # noqa: S608 - ours


ALERTS = ("calls", "latency", "runs", "new_errors", "open_runs")


def _alert(name: str) -> str:
    text = alert_question(name).replace("${db}.", "").replace("${sums}", "llm_1m")
    return text.replace("${windows}", alert_question("windows"))


QUESTIONS = {
    **{f"alert {name}": _alert(name) for name in ALERTS},
    **{name: f"SELECT * FROM {name}" for name in WHOLE},  # noqa: S608 - ours
    "llm_1h": _sums("llm_1h", "Model", "sum(Calls), quantilesBFloat16Merge(0.5, 0.95, 0.99)(DurationQuantiles)"),
    "error_groups": _sums("error_groups", "Fingerprint", "sum(Errors), uniqMerge(Runs), argMaxMerge(LastSpan)"),
    "otel_traces_trace_id_ts": _sums("otel_traces_trace_id_ts", "TraceId", "min(Start), max(End)"),
    "a search": "SELECT SpanId FROM otel_traces WHERE hasAllTokens(SearchText, ['question', 'run'])",
    "a trace, where the user's profile has shards skipped": "SELECT SpanId FROM otel_traces "
    "WHERE TraceId = lower(hex('run-1')) || repeat('0', 22) SETTINGS optimize_skip_unused_shards = 1",
    **{
        file.name: file.read_text()
        for file in resources.files("quarterdeck_ui.queries").iterdir()
        if file.name.endswith(".sql") and file.name != "columns.sql"  # a cluster has other tables
    },
}


def _ask(store: EmbeddedStore, sql: str, known: Mapping[str, str]) -> list[dict[str, Any]]:
    parameters = {name: known[name] for name in re.findall(r"\{(\w+):", sql)}
    with store.handle() as handle:
        handle.query(f"USE {store.database}")
        answer = handle.query(sql, "JSONEachRow", params=parameters).bytes() or b""
    rows = [json.loads(line, parse_float=_rounded) for line in answer.decode().splitlines()]
    return sorted(rows, key=repr)


def _rounded(number: str) -> float:
    """Leave out what depends on the order in which numbers are added."""
    return round(float(number), 12)


def _answers(store: EmbeddedStore, start: int) -> dict[str, list[dict[str, Any]]]:
    group = _ask(store, "SELECT toString(any(Fingerprint)) AS Id FROM errors", {})[0]["Id"]
    known = {
        "run": RUNS[0],
        "runs": str(list(RUNS)),
        "span": (1).to_bytes(8).hex(),
        "since": str(start),
        "until": str(start + 60 * SECOND),
        "limit": "100",
        "after": "0",
        "heard": "0",
        "bucket": "86400",
        "from_ns": "0",
        "to_ns": str(start + 60 * SECOND),
        "to_id": "0",
        "searching": "true",
        **dict.fromkeys(("nth", "longer", "shorter"), "0"),
        "by": "tokens",
        "each": "3",
        "sums": "llm_1m",
        "latencies": "latency_1h",
        **dict.fromkeys(("levels", "statuses", "words"), "[]"),
        **dict.fromkeys(("pipeline", "step", "model", "provider", "environment", "service"), ""),
        **dict.fromkeys(("text", "pattern", "needle", "rule"), ""),
        "dimension": "step",
        "grain": "60",
        "tag": "service.name",
        **dict.fromkeys(("cost_from", "cost_to", "seconds_from", "seconds_to"), "-1"),
        "heartbeat": semconv.EVENT_HEARTBEAT,
        "group": group,
        "groups": f"[{group}]",
        "ended": f"['{semconv.EVENT_PIPELINE_COMPLETED}']",
    }
    # Log records are of no run here.
    special: dict[str, dict[str, str]] = {
        "logs.sql": {"run": ""},
        "call_of_step.sql": {"step": "summarise"},
        "errors_of_group.sql": {"span": ""},
        **{f"{name}.sql": {"pipeline": "digest"} for name in ("good_run", "earlier_run", "completed_runs", "versions")},
    }
    begin, end = str(start // SECOND - 300), str(start // SECOND + 120)
    times = {"since": begin, "until": end, "first": end, "every": "60", "count": "1", "window": "300", "grain": "60"}
    special |= {f"alert {name}": {**times, "period": "", "provider": "", "grace": "30"} for name in ALERTS}
    special["alert_history.sql"] = {"since": "0"}
    return {name: _ask(store, sql, known | special.get(name, {})) for name, sql in QUESTIONS.items()}


def _archive(store: EmbeddedStore) -> list[str]:
    selection = Selection(runs=RUNS[:1])
    return [str(message) for kind in (TRACES, LOGS) for message in archive.messages(store, kind, selection)]


def _told_again(store: EmbeddedStore) -> ImportReport:
    (message,) = archive.messages(store, TRACES, Selection(pipeline="digest"))
    return restore(store, TRACES, message)


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
    segments, events = _segments(folder, start), _events(start)
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
        "shards": _ask(two, shards, {}),
        "alone": _answers(one, start),
        "shared": _answers(two, start),
        "told": [_archive(each) for each in (one, two)],
        "imported": [asdict(_told_again(each)) for each in (one, two)],
        "kept": [[retention.apply(each, KEPT) for _ in range(2)] for each in (one, two)],
        "again": migrate(two, optional=("payload_search",)),
        "without": _mistaken(EmbeddedStore(store, "shared")),
        "with": _mistaken(Node(store, "alone")),
    }
    repeated = {kind.name: (kind, path) for kind, path in segments}  # one of each signal
    _fill(two, list(repeated.values()), ())
    return found | {"retried": _answers(two, start), "durable": sync_parts(two, wanted=True), "orders": two.orders}


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

"""What is done to stored data on two shards and on one node: see :mod:`support.cluster`."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

from quarterdeck_collector import prices
from quarterdeck_collector.care import archive
from quarterdeck_collector.care.derived import rebuild
from quarterdeck_collector.care.leftovers import Leftovers
from quarterdeck_collector.care.operations import LocalCare, Surroundings
from quarterdeck_collector.care.restore import ImportReport, restore
from quarterdeck_collector.care.selection import Selection
from quarterdeck_collector.receive.otlp import LOGS, TRACES
from quarterdeck_collector.store import EmbeddedStore

PRICES = """[[price]]
provider = "anthropic"
model = "claude-sonnet-4-5"
input = 100.0
output = 0.0
"""
LOOKED_AT = {
    "runs": "SELECT RunId, sum(Spans) AS Spans FROM runs GROUP BY RunId",
    "index": "SELECT TraceId, min(Start), max(End) FROM otel_traces_trace_id_ts GROUP BY TraceId",
    "sums": "SELECT sum(Calls) AS Calls FROM llm_1h",
    **{
        name: f"SELECT RunId, count() AS Rows FROM {name} GROUP BY RunId"  # noqa: S608 - ours
        for name in ("otel_traces", "otel_logs", "model_calls", "live_events", "failed_spans")
    },
}


def archived(store: EmbeddedStore) -> list[str]:
    """Give the messages that a run is exported as."""
    selection = Selection(runs=("run-1",))
    return [str(message) for kind in (TRACES, LOGS) for message in archive.messages(store, kind, selection)]


def told_again(store: EmbeddedStore) -> ImportReport:
    """Import what is there."""
    (message,) = archive.messages(store, TRACES, Selection(pipeline="digest"))
    return restore(store, TRACES, message)


def removal(store: EmbeddedStore, folder: Path) -> dict[str, Any]:
    """Take new prices, twice; then purge a run, then its pipeline, then everything of today."""
    care = LocalCare(store, _around(store, folder))
    run, pipeline = Selection.read({"runs": ["run-1"]}), Selection.read({"pipeline": "digest"})
    store.command("SYSTEM START MERGES")
    days: list[str] = []
    found: dict[str, Any] = {"repriced": asdict(care.reprice(pipeline, (), dry_run=True)), "told": []}
    found["costs"] = [_costs(store)]
    for _ in range(2):
        report = care.reprice(pipeline, (), dry_run=False)
        days = days or report.days
        found["costs"].append(_costs(store))
    found["costs"].append(_without_prices(store, days))
    care.reprice(pipeline, (), dry_run=False)
    found["costs"].append(_costs(store))
    for selection in (run, pipeline, Selection.read({"from": "1970-01-01"})):
        found["told"].append({**asdict(care.purge(selection, dry_run=False)), "left": _left(store)})
    return found


def _without_prices(store: EmbeddedStore, days: Sequence[str]) -> dict[str, list[str]]:
    """Forget what the calls of some days cost, as if it had never been known, and give the costs."""
    table = f"{store.database}.{store.local('model_calls')}"
    store.command(f"ALTER TABLE {table} UPDATE Cost = NULL, IsUnpriced = 1 WHERE 1 SETTINGS mutations_sync = 2")
    for day in days:
        rebuild(store, day)
    return _costs(store)


def _costs(store: EmbeddedStore) -> dict[str, list[str]]:
    """Give costs and calls without one, of each table that has them."""
    sums = {"model_calls": "IsUnpriced", **dict.fromkeys(("runs", "llm_1m", "llm_1h"), "UnpricedCalls")}
    select = "SELECT round(sum(ifNull(Cost, 0)), 9), sum({}) FROM {}.{}"
    return {name: store.rows(select.format(unpriced, store.database, name))[0] for name, unpriced in sums.items()}


def _around(store: EmbeddedStore, folder: Path) -> Surroundings:
    own = folder / "prices.toml"
    own.write_text(PRICES)
    return Surroundings(
        leftovers=Leftovers(folder / "segments", folder / "forward", sealed=False),
        settle=lambda: None,
        quiet=nullcontext,
        load_prices=lambda: prices.load(store, own),
        clean=lambda _, body: body,
        forget=lambda: None,
    )


def _left(store: EmbeddedStore) -> dict[str, list[str]]:
    found = {}
    for name, sql in LOOKED_AT.items():
        with store.handle() as handle:
            handle.query(f"USE {store.database}")
            answer = handle.query(f"{sql} ORDER BY ALL", "TabSeparated").bytes() or b""
        found[name] = answer.decode().splitlines()
    return found

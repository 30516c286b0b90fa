"""Operations on stored data leave tables that agree with each other."""

import contextlib
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from quarterdeck import semconv
from quarterdeck_collector import prices
from quarterdeck_collector.care import derived, retention
from quarterdeck_collector.care.leftovers import Leftovers
from quarterdeck_collector.care.purge import PurgeReport, purge
from quarterdeck_collector.care.reprice import ModelDifference, RepriceReport, reprice
from quarterdeck_collector.care.retention import Retention
from quarterdeck_collector.care.selection import Selection, SelectionError
from quarterdeck_collector.care.tables import tables
from quarterdeck_collector.migrate import migrate
from quarterdeck_collector.segments import frame, unframe
from quarterdeck_collector.store import EmbeddedStore
from support import otlp
from support.collectors import Ingest

DAYS = (datetime(2026, 2, 1, 23, 59, 59, tzinfo=UTC), datetime(2026, 2, 2, 0, 0, 1, tzinfo=UTC))
SECRET = "S3CR3T-of-run"
quiet = contextlib.nullcontext


def _call(run: str, pipeline: str, when: datetime, **attributes: Any) -> dict[str, Any]:
    nanoseconds = int(when.timestamp()) * 1_000_000_000
    return {
        "trace_id": run.encode().rjust(16, b"\0"),
        "start_time_unix_nano": nanoseconds,
        "end_time_unix_nano": nanoseconds + 1_000_000,
        "attributes": {
            semconv.RUN_ID: run,
            semconv.PIPELINE_NAME: pipeline,
            semconv.STEP_NAME: "ask",
            semconv.OPERATION_NAME: semconv.OPERATION_CHAT,
            semconv.PROVIDER_NAME: semconv.PROVIDER_ANTHROPIC,
            semconv.RESPONSE_MODEL: "claude-haiku-4-5",
            semconv.USAGE_INPUT_TOKENS: 1_000_000,
            semconv.USAGE_OUTPUT_TOKENS: 1000,
            semconv.INPUT_MESSAGES: f"{SECRET} {run}",
            semconv.RESPONSE_ID: f"{run}-{nanoseconds}-{otlp.new_trace_id().hex()}",
            **attributes,
        },
    }


def _fill(store: EmbeddedStore, ingest: Ingest) -> None:
    """Two days, two pipelines, three runs: r1 goes over midnight, r3 is of another pipeline."""
    prices.load(store)
    nanoseconds = int(DAYS[0].timestamp()) * 1_000_000_000
    unstamped = {"trace_id": b"r1".rjust(16, b"\0"), "attributes": {"note": f"{SECRET} r1, of another service"}}
    spans = [{**unstamped, "start_time_unix_nano": nanoseconds, "end_time_unix_nano": nanoseconds}]
    for when in DAYS:
        spans += [*(_call("r1", "digest", when) for _ in range(3)), _call("r2", "digest", when)]
        spans.append(_call("r3", "other", when, **{semconv.RESPONSE_MODEL: "unheard-of"}))
        spans.append(_call("r3", "other", when, **{semconv.ERROR_TYPE: "Timeout"}))
    ingest(otlp.traces(*spans[::2]))
    ingest(otlp.traces(*spans[1::2]))  # a second part of each table, for purges and merges to agree on
    stamp = {semconv.RUN_ID: "r1", semconv.PIPELINE_NAME: "digest"}
    stamped = {"body": f"{SECRET} r1", "attributes": stamp, "time_unix_nano": nanoseconds}
    ingest(otlp.logs(stamped, {"body": "harmless", "time_unix_nano": nanoseconds}))
    live = {"Position": nanoseconds, "Timestamp": "2026-02-01 23:59:59", "RunId": "r1", "Text": f"{SECRET} r1"}
    store.command(f"SYSTEM STOP TTL MERGES {store.database}.live_events")
    store.insert_rows("live_events", [live])


def _derived_anew(store: EmbeddedStore) -> dict[str, list[list[str]]]:
    """What the derived tables would hold if every span had come just now."""
    found = {}
    for table in tables(store).derived:
        if table.by_day:
            draft = f"{store.database}.fresh_{table.name}"
            store.command(f"CREATE OR REPLACE TABLE {draft} AS {store.database}.{table.name}")
            for feeder in table.feeders:
                names = ", ".join(feeder.columns)
                store.command(f"INSERT INTO {draft} ({names}) {feeder.select} SETTINGS insert_deduplicate = 0")
            found[table.name] = _merged(store, f"fresh_{table.name}")
            store.command(f"DROP TABLE {draft}")
    return found


READABLE = {
    "AggregateFunction": "finalizeAggregation({})",
    "SimpleAggregateFunction(sum, Float64)": "round({}, 9)",  # the last digits depend on the order of adding up
}


def _merged(store: EmbeddedStore, table: str) -> list[list[str]]:
    store.command(f"OPTIMIZE TABLE {store.database}.{table} FINAL")
    columns = store.json_rows(
        f"SELECT name, type FROM system.columns WHERE database = '{store.database}' AND table = '{table}' "  # noqa: S608 - names of tables
        "AND default_kind NOT IN ('ALIAS', 'MATERIALIZED')"
    )
    texts = [READABLE.get(column["type"].partition("(")[0], READABLE.get(column["type"], "{}")) for column in columns]
    texts = [text.format(column["name"]) for text, column in zip(texts, columns, strict=True)]
    return store.rows(f"SELECT {', '.join(texts)} FROM {store.database}.{table} ORDER BY ALL")  # noqa: S608 - names of tables


def _derived_now(store: EmbeddedStore) -> dict[str, list[list[str]]]:
    return {table.name: _merged(store, table.name) for table in tables(store).derived if table.by_day}


def _purge(store: EmbeddedStore, folder: Path, what: dict[str, Any], *, dry_run: bool = False) -> PurgeReport:
    return purge(
        store, Selection.read(what), Leftovers(folder, folder / "forward", sealed=True), quiet, dry_run=dry_run
    )


def _text_of_everything(store: EmbeddedStore) -> str:
    return "".join(str(_merged(store, table.name)) for table in (*tables(store).base, *tables(store).derived))


def test_a_purged_run_is_gone_from_every_table_and_every_sum(
    store: EmbeddedStore, ingest: Ingest, tmp_path: Path
) -> None:
    _fill(store, ingest)
    report = _purge(store, tmp_path, {"runs": ["r1"]})

    assert _old_files(store) == []
    assert report.rows["otel_traces"] == 7
    assert (report.rows["otel_logs"], report.rows["live_events"]) == (1, 1)
    assert report.days == ["2026-02-01", "2026-02-02"]
    assert f"{SECRET} r1" not in _text_of_everything(store)
    assert f"{SECRET} r2" in _text_of_everything(store)
    assert store.rows("SELECT DISTINCT RunId FROM $runs ORDER BY RunId") == [["r2"], ["r3"]]
    assert _derived_now(store) == _derived_anew(store)
    assert derived.pending(store) == []


def _old_files(store: EmbeddedStore) -> list[str]:
    """Give files of parts of the spans that are there no more, and tables with such parts."""
    where = f"WHERE database = '{store.database}'"
    named = ", ".join(f"'{table.name}'" for table in (*tables(store).base, *tables(store).derived))
    old = store.rows(f"SELECT table FROM system.parts {where} AND NOT active AND table IN ({named})")  # noqa: S608 - ours
    paths = store.rows(f"SELECT path FROM system.parts {where} AND table = 'otel_traces'")  # noqa: S608 - as above
    parts = {str(part) for (path,) in paths for part in Path(path).parent.iterdir() if part.name.startswith("2026")}
    return [*(name for (name,) in old), *sorted(parts - {path.rstrip("/") for (path,) in paths})]


def test_a_dry_run_counts_and_changes_nothing(store: EmbeddedStore, ingest: Ingest, tmp_path: Path) -> None:
    _fill(store, ingest)
    before = _text_of_everything(store)
    planned = _purge(store, tmp_path, {"pipeline": "digest"}, dry_run=True)

    assert _text_of_everything(store) == before
    assert planned == _purge(store, tmp_path, {"pipeline": "digest"})
    assert store.rows("SELECT DISTINCT PipelineName FROM $otel_traces") == [["other"]]


def test_a_stretch_of_time_is_purged_to_the_second(store: EmbeddedStore, ingest: Ingest, tmp_path: Path) -> None:
    _fill(store, ingest)
    store.insert_rows("otel_metrics_gauge", [{"TimeUnix": f"2026-02-02 00:00:0{second}"} for second in (0, 1)])
    _purge(store, tmp_path, {"from": "2026-02-01", "to": "2026-02-02T00:00:01"})

    assert store.rows("SELECT DISTINCT toString(toDateTime(Timestamp)) FROM $otel_traces") == [["2026-02-02 00:00:01"]]
    assert store.rows("SELECT count() FROM $otel_logs") == [["0"]]
    assert store.rows("SELECT toSecond(TimeUnix) FROM $otel_metrics_gauge") == [["1"]]
    assert _derived_now(store) == _derived_anew(store)


def test_a_purge_reaches_the_files_of_requests(store: EmbeddedStore, tmp_path: Path) -> None:
    first, second = _call("r1", "digest", DAYS[0]), _call("r2", "digest", DAYS[0])
    mixed, pure = (otlp.traces(*some).SerializeToString() for some in ((first, second), (first,)))
    broken = b"\x0a\x7f\x02r1"
    rejected = tmp_path / "traces" / "rejected"
    rejected.mkdir(parents=True)
    waiting, bad = tmp_path / "traces" / "1767225600000000000-1-0.otlp", rejected / "1767225600000000000-1-1-0.otlp"
    waiting.write_bytes(frame(mixed) + frame(pure))
    bad.write_bytes(frame(broken))
    reason = bad.with_suffix(".reason")
    reason.write_text("Cannot parse 'something of r1'")

    assert _purge(store, tmp_path, {"runs": ["r1"]}, dry_run=True).requests == 3
    assert _purge(store, tmp_path, {"runs": ["r1"]}).requests == 3
    assert (bad.exists(), reason.exists()) == (False, False)
    (left, nothing), _ = unframe(waiting.read_bytes())
    assert bytes(nothing) == b""
    spans = type(otlp.traces()).FromString(bytes(left)).resource_spans[0].scope_spans[0].spans
    assert [span.trace_id.strip(b"\0") for span in spans] == [b"r2"]


def test_what_is_left_of_expired_days_is_purged_as_far_as_it_can_be(
    store: EmbeddedStore, ingest: Ingest, tmp_path: Path
) -> None:
    _fill(store, ingest)
    store.command(f"ALTER TABLE {store.database}.otel_traces DROP PARTITION '2026-02-01'")
    report = _purge(store, tmp_path, {"runs": ["r1"]})

    assert report.days == ["2026-02-02"]
    assert report.kept == ["2026-02-01"]
    assert store.rows("SELECT DISTINCT RunId FROM $runs WHERE Day = '2026-02-01' ORDER BY 1") == [["r2"], ["r3"]]


def _reprice(store: EmbeddedStore, what: dict[str, Any], *models: str, dry_run: bool = False) -> RepriceReport:
    return reprice(store, Selection.read(what), models, quiet, dry_run=dry_run)


def _costs(store: EmbeddedStore) -> list[list[str]]:
    return store.rows("SELECT sum(Cost), countIf(Cost IS NULL) FROM $model_calls")


def _own_prices(tmp_path: Path) -> Path:
    path = tmp_path / "prices.toml"
    path.write_text(
        '[[price]]\nprovider = "anthropic"\nmodel = ["claude-haiku-4-5", "unheard-of"]\ninput = 2.0\noutput = 0.0\n'
    )
    return path


def test_costs_move_only_when_repriced_and_all_sums_follow(
    store: EmbeddedStore, ingest: Ingest, tmp_path: Path
) -> None:
    _fill(store, ingest)
    before = _costs(store)
    prices.load(store, _own_prices(tmp_path))
    assert _costs(store) == before

    range_ = {"from": "2026-02-01", "to": "2026-02-02"}
    planned = _reprice(store, range_, dry_run=True)
    assert _costs(store) == before
    assert planned.models[0].old_cost == pytest.approx(10 * (1.0 + 1000 * 5 / 1e6), rel=1e-12)
    assert planned.models == [
        ModelDifference(
            "anthropic", "claude-haiku-4-5", "claude-haiku-4-5", 10, planned.models[0].old_cost, 20.0, 0, 0
        ),
        ModelDifference("anthropic", "unheard-of", "unheard-of", 2, 0.0, 4.0, 2, 0),
    ]
    assert planned.days == ["2026-02-01", "2026-02-02"]

    assert _reprice(store, range_) == planned
    assert _costs(store) == [["24", "0"]]
    assert _derived_now(store) == _derived_anew(store)
    for table in ("runs", "llm_1m", "llm_1h"):
        assert store.rows(f"SELECT sum(Cost) FROM {store.database}.{table}") == [["24"]]  # noqa: S608 - names of tables
    assert _reprice(store, range_, dry_run=True).days == []


def test_only_the_selected_calls_are_repriced(store: EmbeddedStore, ingest: Ingest, tmp_path: Path) -> None:
    _fill(store, ingest)
    prices.load(store, _own_prices(tmp_path))
    report = _reprice(store, {"pipeline": "other", "from": "2026-02-02"}, "unheard-of")

    assert [(each.model, each.calls) for each in report.models] == [("unheard-of", 1)]
    assert report.days == ["2026-02-02"]
    assert store.rows("SELECT count() FROM $model_calls WHERE Cost = 2") == [["1"]]
    assert _derived_now(store) == _derived_anew(store)


def test_an_interrupted_operation_is_finished_later(
    store: EmbeddedStore, ingest: Ingest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fill(store, ingest)

    class PowerCutError(Exception):
        pass

    def cut(*_: Any) -> None:
        raise PowerCutError

    with monkeypatch.context() as patch:
        patch.setattr("quarterdeck_collector.care.purge.rebuild", cut)
        with pytest.raises(PowerCutError):
            _purge(store, tmp_path, {"runs": ["r1"]})
    assert _derived_now(store) != _derived_anew(store)
    assert derived.pending(store) == ["2026-02-01", "2026-02-02"]

    assert derived.finish_pending(store) == ["2026-02-01", "2026-02-02"]
    assert _derived_now(store) == _derived_anew(store)
    assert derived.pending(store) == []


def test_a_rebuild_under_inserts_that_nobody_holds_up_is_exact(store: EmbeddedStore, ingest: Ingest) -> None:
    _fill(store, ingest)
    stop = threading.Event()

    def write() -> None:
        while not stop.wait(0.3):
            ingest(otlp.traces(*(_call(f"r{number}", "digest", DAYS[0]) for number in range(5))))

    writer = threading.Thread(target=write)
    writer.start()
    with contextlib.suppress(derived.BusyDayError):
        derived.mark(store, ["2026-02-01"])
        derived.rebuild(store, "2026-02-01")
    stop.set()
    writer.join()
    derived.finish_pending(store)

    assert _derived_now(store) == _derived_anew(store)


@pytest.fixture
def recent(store: EmbeddedStore, ingest: Ingest) -> EmbeddedStore:
    """One call today, one ten days ago, one fifty days ago, inserted before any retention was set."""
    prices.load(store)
    now = datetime.now(UTC).timestamp()
    for days in (0, 10, 50):
        ingest(otlp.traces(_call(f"r{days}", "digest", datetime.fromtimestamp(now - days * 86_400, UTC))))
    return store


def _apply(store: EmbeddedStore, wanted: Retention) -> list[str]:
    changes = retention.apply(store, wanted)
    undone = f"SELECT count() FROM system.mutations WHERE database = '{store.database}' AND NOT is_done"  # noqa: S608 - names of tables
    while store.rows(undone) != [["0"]]:
        pass
    for table in (*tables(store).base, *tables(store).derived):
        store.command(f"OPTIMIZE TABLE {store.database}.{table.name} FINAL")
    return changes


def test_payloads_expire_first_then_rows_then_sums(recent: EmbeddedStore) -> None:
    _apply(recent, Retention(payloads=5, rows=30, rollups=400))

    kept = recent.rows("SELECT RunId, mapKeys(Payload), PipelineName FROM $otel_traces ORDER BY Timestamp")
    assert kept == [["r10", "[]", "digest"], ["r0", "['gen_ai.input.messages']", "digest"]]
    assert recent.rows("SELECT RunId FROM $runs ORDER BY Day") == [["r50"], ["r10"], ["r0"]]

    _apply(recent, Retention(payloads=5, rows=30, rollups=40))
    assert recent.rows("SELECT RunId FROM $runs ORDER BY Day") == [["r10"], ["r0"]]


def test_retention_is_changed_only_where_it_differs_and_nothing_expires_at_zero(recent: EmbeddedStore) -> None:
    assert len(_apply(recent, Retention(payloads=5, rows=300, rollups=400))) >= 4
    assert _apply(recent, Retention(payloads=5, rows=300, rollups=400)) == []
    assert _apply(recent, Retention(payloads=7, rows=300, rollups=400)) == ["otel_traces: payloads kept 7 days"]

    changes = _apply(recent, Retention(payloads=0, rows=0, rollups=0))
    assert {"otel_traces: payloads kept for ever", "otel_traces: kept for ever"} <= set(changes)
    assert recent.rows("SELECT count() FROM $otel_traces") == [["3"]]
    assert _apply(recent, Retention(payloads=0, rows=0, rollups=0)) == []


def test_a_migration_after_retention_was_set_finds_nothing_to_do(recent: EmbeddedStore) -> None:
    _apply(recent, Retention(payloads=5, rows=300, rollups=400))
    assert migrate(recent) == []


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({}, "say what is meant"),
        ({"from": "yesterday"}, "'yesterday' is no date or time; write 2026-01-31"),
        ({"from": "2026-02-02", "to": "2026-02-01"}, "--to lies before --from"),
    ],
)
def test_a_selection_that_makes_no_sense_is_refused(given: dict[str, Any], complaint: str) -> None:
    with pytest.raises(SelectionError, match=complaint):
        Selection.read(given)

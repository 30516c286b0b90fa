"""Every query on the real engine, over the collector's real schema."""

import json
import time
from contextlib import closing
from dataclasses import astuple
from pathlib import Path

import pytest

from quarterdeck import semconv as s
from quarterdeck_ui import queries
from quarterdeck_ui.chart_reader import chart_range
from quarterdeck_ui.live_state import fold
from quarterdeck_ui.queries import Latency, Performance, RunRow, Store, StoreError, Today
from quarterdeck_ui.scope import Scope
from support import otlp
from support.collectors import CollectorProcess, collector, wait_for
from support.scenario import ANSWER, Run

DAY = 86_400


def charts_of(store: Store, **scope: float) -> Performance:
    return queries.performance(store, chart_range(Scope(**scope), time.time_ns()))  # type: ignore[arg-type]


def stored(store: Store, run_id: str) -> RunRow:
    def look() -> RunRow | None:
        row = queries.run_by_id(store, run_id)
        return row if row and row.ended and row.calls else None  # the tables of one insert fill one after the other

    found: RunRow = wait_for(look)
    return found


def finished(home: CollectorProcess, ago: float = 60, **more: str) -> Run:
    run = Run(home.otlp, "query-test", steps=1, ago=ago)
    step = run.step("extract", 1, budget=50, value={"a": 1})
    call = run.call(step, "claude-sonnet-4-5", "hello", system="be brief")
    run.chunk(call, "Hi ")
    run.chunk(call, "there", "thinking")
    run.end_call(call, ANSWER, (30, 12), 0.25)
    run.end_step(step, {"ok": True})
    run.end(**more)
    return run


def goes_on(home: CollectorProcess, run: Run, days: int) -> None:
    """Have a run send a span for each of the last days, a minute ago the last."""
    told = {s.RUN_ID: run.id, s.PIPELINE_NAME: "query-test"}
    spans = []
    for ago in range(days):
        at = time.time_ns() - (ago * DAY + 60) * 10**9
        spans.append({"start_time_unix_nano": at, "end_time_unix_nano": at + 1, "attributes": told})
    home.post("/v1/traces", otlp.traces(*spans).SerializeToString()).raise_for_status()


def test_a_finished_run_adds_up(home: CollectorProcess, store: Store) -> None:
    run = finished(home)
    row = stored(store, run.id)
    assert (row.pipeline, row.version, row.status, row.steps, row.calls, row.tokens_in, row.tokens_out, row.models) == (
        "query-test", "3f9c2ab1", "completed", 1, 1, 30, 12, ("claude-sonnet-4-5",),
    )  # fmt: skip
    assert row.cost > 0
    assert row.trace_id == run.trace.hex()
    assert row in queries.recent_runs(store, time.time_ns())


def test_the_newest_runs_are_found_whatever_their_age(home: CollectorProcess, store: Store) -> None:
    for ago in (200, 7_200, 2 * DAY, 10 * DAY, 40 * DAY):
        stored(store, finished(home, ago=ago).id)
    goes_on(home, long := finished(home, ago=5 * DAY), days=5)
    row = wait_for(lambda: (row := stored(store, long.id)).end_ns - row.start_ns > 4 * DAY * 10**9 and row)
    now, everything = time.time_ns(), queries.recent_runs(store, time.time_ns(), limit=10_000)

    assert row in everything
    starts = [row.start_ns for row in everything]
    assert starts == sorted(starts, reverse=True)
    for limit in {1, 2, 3, 5, 8, len(everything) // 2, len(everything) - 1, len(everything), len(everything) + 1}:
        found = queries.recent_runs(store, now, limit)
        assert found == everything[:limit]
        assert queries.recent_runs(store, now, limit, known=found) == found


def test_a_failed_run_says_why(home: CollectorProcess, store: Store) -> None:
    row = stored(store, finished(home, status="failed", error="ValueError: bad").id)
    assert (row.status, row.error_type, row.message) == ("failed", "ValueError", "ValueError: bad")


def test_an_unknown_run_is_none(store: Store) -> None:
    assert queries.run_by_id(store, "no-such-run") is None


def test_spans_come_without_payload_and_payload_comes_on_demand(home: CollectorProcess, store: Store) -> None:
    run = finished(home)
    row = stored(store, run.id)
    spans = {span.name: span for span in queries.spans_of_run(store, run.id, row.start_ns, row.end_ns)}
    assert set(spans) == {"invoke_workflow query-test", "step extract", "chat claude-sonnet-4-5"}
    call, step = spans["chat claude-sonnet-4-5"], spans["step extract"]
    assert (call.is_call, call.parent_id, call.step_name, call.tokens_in, call.first_chunk_s, call.finish_reason) == (
        True, step.id, "extract", 30, 0.25, "stop",
    )  # fmt: skip
    assert step.attributes[s.STEP_TOKEN_BUDGET] == "50"
    payload = queries.span_payload(store, run.id, call.id)
    assert payload is not None
    assert json.loads(payload.values[s.OUTPUT_MESSAGES])[0]["parts"][0]["content"] == ANSWER
    assert queries.span_payload(store, run.id, "0000") is None
    assert [queries.call_of_step(store, run.id, "extract", nth) for nth in (0, 1)] == [call.id, ""]
    assert queries.call_of_step(store, run.id, "other", 0) == ""
    assert queries.earlier_run(store, "no such", "", row.end_ns) is None
    assert queries.earlier_run(store, run.pipeline, "", run.root.start + 10**6) == (run.id, run.root.start // 10**6)


def test_calls_are_looked_for_further_and_further_back(home: CollectorProcess, store: Store) -> None:
    ids = [stored(store, finished(home, ago).id).id for ago in (60, 5 * 3600, 3 * DAY)]
    now = time.time_ns()
    looks = list(queries.search_calls(store, now, ids[2].upper()))
    assert [row.run_id for row in looks[-1].rows] == ids[2:]
    assert not looks[0].rows
    assert [look.since_ns for look in looks] == sorted({look.since_ns for look in looks}, reverse=True)

    assert len(list(queries.search_calls(store, now, limit=1))) == 1
    *_, found = queries.search_calls(store, now, "Query-Test Extract", limit=100)
    assert [row.run_id for row in found.rows if row.run_id in ids] == ids
    *_, found = queries.search_calls(store, now, "no such word")
    assert not found.rows


def test_live_events_after_a_position_fold_into_the_run(home: CollectorProcess, store: Store) -> None:
    before = time.time_ns()
    run = finished(home)
    stored(store, run.id)
    events = [event for event in queries.events_after(store, before) if event.run_id == run.id]
    assert [event.name for event in events] == [
        s.EVENT_PIPELINE_STARTED,
        s.EVENT_STEP_STARTED,
        s.EVENT_PROMPT_SENT,
        s.EVENT_RESPONSE_STREAMING,
        s.EVENT_RESPONSE_STREAMING,
        s.EVENT_RESPONSE_RECEIVED,
        s.EVENT_STEP_COMPLETED,
        s.EVENT_PIPELINE_COMPLETED,
    ]
    live = fold({}, events)[run.id]
    (call,) = live.calls.values()
    assert (live.status, live.step_total, [(c.kind, c.text) for c in call.ready]) == (
        "completed", 1, [("text", "Hi "), ("thinking", "there")],
    )  # fmt: skip
    assert queries.events_after(store, events[-1].position) == []


def test_a_starting_dashboard_learns_of_open_runs_with_one_heartbeat_each(home: CollectorProcess, store: Store) -> None:
    run = Run(home.otlp, "still-open", steps=2)
    step = run.step("wait", 1)
    for _ in range(3):
        run.heartbeat()
    wait_for(lambda: queries.events_after(store, 0))
    names = [event.name for event in queries.bootstrap_events(store, time.time_ns() - 10**12) if event.run_id == run.id]
    assert sorted(names) == sorted([s.EVENT_PIPELINE_STARTED, s.EVENT_STEP_STARTED, s.EVENT_HEARTBEAT])
    run.end_step(step)
    run.end()


def test_a_starting_dashboard_skips_runs_that_fell_silent_and_knows_where_to_read_on(
    home: CollectorProcess, store: Store
) -> None:
    silent, heard = Run(home.otlp, "fell-silent", steps=1), Run(home.otlp, "is-heard", steps=1)
    wait_for(lambda: {silent.id, heard.id} <= {event.run_id for event in queries.events_after(store, 0)})
    later = time.time_ns()
    heard.heartbeat()
    ended = finished(home)
    told = [(heard.id, s.EVENT_HEARTBEAT), (ended.id, s.EVENT_PIPELINE_COMPLETED)]
    wait_for(lambda: set(told) <= {(event.run_id, event.name) for event in queries.events_after(store, later)})
    found = queries.bootstrap_events(store, later)
    assert [event.name for event in found if event.run_id == heard.id] == [s.EVENT_PIPELINE_STARTED, s.EVENT_HEARTBEAT]
    assert ended.id in {event.run_id for event in found}
    assert silent.id not in {event.run_id for event in found}
    newest = queries.events_after(store, 0)[-1]
    assert newest in queries.bootstrap_events(store, time.time_ns() + 10**12)
    silent.end()
    heard.end()


def test_charts_count_the_calls_by_the_time_they_ended(home: CollectorProcess, store: Store) -> None:
    run = Run(home.otlp, "counted", quiet=True, ago=90)
    step = run.step("judge", 1)
    run.end_call(run.call(step, "a-model-of-its-own", "is it?"), "it is", (5, 5))
    wait_for(lambda: [point.calls for point in charts_of(store).models if point.model == "a-model-of-its-own"] == [1])
    charts = charts_of(store)
    assert all(point.at % charts.bucket == 0 for point in charts.models)
    for point in charts.latency:
        assert 0 < (point.took.p50 or 0) <= (point.took.p95 or 0) <= (point.took.p99 or 0)


def test_the_middle_of_all_calls_is_not_the_middle_of_the_intervals(tmp_path: Path) -> None:
    with collector(tmp_path / "data") as alone, closing(Store(alone.clickhouse, "quarterdeck")) as store:
        assert charts_of(store).overall == Latency()
        now = time.time_ns()  # once: calls of one interval must not fall into two
        for ago, count, took in ((100, 9, 1.0), (60, 1, 5.0), (20, 1, 9.0)):
            for _ in range(count):
                answered(alone, now - ago * 10**9, took)
        wait_for(lambda: sum(point.calls for point in charts_of(store).models) == 11)
        charts = charts_of(store)
    assert [(point.took.p50, point.took.first_p50) for point in charts.latency] == [(1.0, 0.1), (5.0, 0.5), (9.0, 0.9)]
    assert astuple(charts.overall) == pytest.approx((1.0, 7.0, 8.6, 0.1, 0.7, 0.86))


def answered(home: CollectorProcess, end: int, seconds: float) -> None:
    """One model call that ended then (nanoseconds); its first chunk came after a tenth of its time."""
    told = {s.OPERATION_NAME: s.OPERATION_CHAT, s.RESPONSE_TIME_TO_FIRST_CHUNK: seconds / 10}
    span = {"start_time_unix_nano": end - int(seconds * 1e9), "end_time_unix_nano": end, "attributes": told}
    home.post("/v1/traces", otlp.traces(span).SerializeToString()).raise_for_status()


def test_todays_totals_grow_with_a_call(home: CollectorProcess, store: Store) -> None:
    def ours() -> Today:
        return queries.today(store).get(("", "scenario"), Today())

    before = ours()
    run = Run(home.otlp, "today-test", steps=1)
    step = run.step("extract", 1)
    run.end_call(run.call(step, "a-model-without-a-price", "hello"), "hi", (30, 12))
    run.end_step(step)
    run.end()
    wait_for(lambda: ours().unpriced > before.unpriced)
    after = ours()
    assert (after.tokens - before.tokens, after.calls - before.calls) == (42, 1)
    assert after.cost == pytest.approx(before.cost)  # a sum of floats, in whatever order
    assert ("", "scenario") in queries.places(store)


def test_what_is_usual_is_learnt_from_completed_runs(home: CollectorProcess, store: Store) -> None:
    for steps, seconds in ((2, 10.0), (3, 20.0), (3, 60.0)):
        begun = Run(home.otlp, "usual-test", steps=steps, quiet=True, ago=seconds)
        for index in range(1, steps + 1):
            begun.end_step(begun.step(f"s{index}", index))
        begun.shift = 0
        begun.end()
    failed = Run(home.otlp, "usual-test", quiet=True)
    failed.end("failed", "ValueError: bad")
    found = wait_for(
        lambda: (usual := queries.usual(store).get("usual-test")) and usual.ms and usual.ms > 15_000 and usual
    )
    assert found.ms == pytest.approx(20_000, rel=0.25)


def test_an_unreachable_clickhouse_is_named_without_its_password() -> None:
    with pytest.raises(StoreError, match=r"^http://127\.0\.0\.1:1 does not answer \(connection refused\)$"):
        queries.today(Store("http://me:secret@127.0.0.1:1", "quarterdeck"))


def test_a_missing_database_is_named(home: CollectorProcess) -> None:
    with pytest.raises(StoreError, match="no_such_db"), closing(Store(home.clickhouse, "no_such_db")) as store:
        queries.today(store)

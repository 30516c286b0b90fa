"""Alert rules over a real engine, under a simulated clock: what is read, remembered and told."""

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from quarterdeck import semconv
from quarterdeck_collector.alerts.backtest import POINTS, backtest
from quarterdeck_collector.alerts.engine import ALL, MUTE, RULE, Engine
from quarterdeck_collector.alerts.lease import Lease
from quarterdeck_collector.alerts.ledger import Due, Ledger, Standing
from quarterdeck_collector.alerts.machine import Sample
from quarterdeck_collector.alerts.measures import MEASURES
from quarterdeck_collector.alerts.reading import Reader
from quarterdeck_collector.alerts.rules import rule_of
from quarterdeck_collector.refusals import StoreError
from quarterdeck_collector.saved import SavedObjects
from quarterdeck_collector.store import EmbeddedStore

HOUR, DAY = 3600, 86_400
NOON = int(time.time()) // DAY * DAY + DAY // 2  # of today, be it to come: live events are kept for a day
UI = "http://deck.example"


def call(at: float, calls: int = 10, errors: int = 0, cost: float = 0.5, **more: Any) -> dict[str, Any]:
    """What a minute of model calls adds up to."""
    row = {"Time": int(at) // 60 * 60, "PipelineName": "digest", "Model": "m", "Calls": calls, "Errors": errors}
    return row | {"Cost": cost, "InputTokens": 100 * calls, "OutputTokens": 10 * calls, **more}


def calls(store: EmbeddedStore, *rows: dict[str, Any]) -> None:
    store.insert_rows("llm_1m", rows)


def run(run_id: str, ended: float, seconds: float = 5, status: str = "completed") -> dict[str, Any]:
    day = time.strftime("%Y-%m-%d", time.gmtime(ended - seconds))
    told = {"Start": f"{ended - seconds:.3f}", "End": f"{ended:.3f}", "RootSeen": 1, "Status": status}
    return {"Day": day, "RunId": run_id, "PipelineName": "digest", **told}


def beats(run_id: str, began: float, until: float, *moves: float, over: float = 0) -> list[dict[str, Any]]:
    """A run that is heard of every second, makes a step now and then, and may say that it is over."""
    told: list[tuple[float, str]] = [(at, semconv.EVENT_HEARTBEAT) for at in range(int(began) + 1, int(until) + 1)]
    told += [(began, semconv.EVENT_PIPELINE_STARTED), *((at, semconv.EVENT_STEP_STARTED) for at in moves)]
    told += [(over, semconv.EVENT_PIPELINE_COMPLETED)] if over else []
    return [
        {
            "Position": int(at * 1e9), "EventName": name, "RunId": run_id, "PipelineName": "digest",
            "StartTime": f"{began:.3f}", "Attributes": {semconv.RUN_STATUS: "running"},
        }
        for at, name in told
    ]  # fmt: skip


def error(fingerprint: int, seen: float, message: str = "old", pipeline: str = "digest") -> dict[str, Any]:
    """A failed span of a group of errors."""
    span = f"{fingerprint}-{seen:.0f}"
    told = {"ErrorType": "T", "Message": message, "Timestamp": f"{seen:.3f}", "RunId": span, "SpanId": span}
    return {
        "Day": time.strftime("%Y-%m-%d", time.gmtime(seen)),
        "Fingerprint": fingerprint,
        "PipelineName": pipeline,
    } | told


class Watch:
    """An engine with a clock that the test sets."""

    def __init__(self, store: EmbeddedStore) -> None:
        self.store, self.saved, self.ledger = store, SavedObjects(store), Ledger(store)
        self.now = float(NOON)
        self.engine = self.started()

    def started(self) -> Engine:
        return Engine(self.saved, self.ledger, Reader(self.store), UI, clock=lambda: self.now, every=60)

    def rule(self, /, rule_id: str = "errors", **given: Any) -> None:
        body = {"name": "Errors of digest", "measure": "error_rate", "threshold": 0.05, "channels": ["ops"], **given}
        self.saved.put(RULE, rule_id, body)

    def look(self, after: float = 60) -> list[Due]:
        self.now += after
        return self.engine.look()

    def looks(self, minutes: int) -> list[str]:
        """Titles of everything told in so many minutes."""
        return [due.message["title"] for _ in range(minutes) for due in self.look()]

    @property
    def standing(self) -> Standing:
        return self.ledger.standings()["errors"]


@pytest.fixture
def watch(store: EmbeddedStore) -> Watch:
    return Watch(store)


def test_every_measure_reads_what_is_stored(store: EmbeddedStore) -> None:
    now = NOON + 30.0
    calls(
        store,
        call(NOON - 360, errors=5),  # before the window
        call(NOON - 240, errors=2, cost=1.5),
        call(NOON, calls=30, CacheReadTokens=1000),
        call(NOON + 60, errors=9, cost=0),  # after now
        call(NOON - 60, errors=10, PipelineName="other"),
        call(NOON - DAY // 2 - 3600, cost=7.0),  # yesterday
        call(NOON - 40 * DAY, cost=100.0),
    )
    took = "initializeAggregation('quantilesBFloat16State(0.5, 0.95, 0.99)', toFloat64({}))"
    columns = "(Time, PipelineName, Calls, Duration, DurationQuantiles, FirstChunkQuantiles)"
    for table in ("llm_1m", "llm_1h"):
        store.command(
            f"INSERT INTO $db.{table} {columns} SELECT toDateTime({NOON}), 'slow', 1, 7000000000, "
            f"{took.format(8)}, {took.format(2)}".replace("$db", store.database)
        )
    store.insert_rows("runs", [run("a", NOON - 10, status="failed"), run("b", NOON - 200, 20), run("c", NOON - 301)])
    store.insert_rows("runs", [run("long", NOON - 1, DAY, "completed"), run("later", NOON + 61)])
    live = [
        *beats("stuck", NOON - 900, NOON + 29),
        *beats("busy", NOON - 900, NOON + 29, *range(NOON - 880, NOON, 100)),
        *beats("lost", NOON - 100, NOON - 60),
        *beats("over", NOON - 400, NOON - 60, over=NOON - 60),
        *beats("a", NOON - 100, NOON - 60),  # its spans came, its last event did not
    ]
    store.insert_rows("live_events", live)
    store.insert_rows(
        "failed_spans", [error(1, NOON, "boom"), error(2, NOON - 200), error(2, NOON - 9 * DAY, "old", "x")]
    )

    def value(measure: str) -> Any:
        pipeline = {} if measure == "query" else {"scope": {"pipeline": "digest"}}
        slow = {"scope": {"pipeline": "slow"}} if "latency" in measure or "first" in measure else pipeline
        sql = {"sql": "SELECT count(), 'rows' FROM llm_1m WHERE Time >= {since:DateTime}"} if measure == "query" else {}
        rule = rule_of({"name": measure, "measure": measure, "threshold": 1, **slow, **sql})
        found = Reader(store).now(rule, now).value
        return found if found is None else round(found, 2)

    assert {measure: value(measure) for measure in MEASURES} == {
        "error_rate": 0.05, "errors": 2, "calls": 40, "cost": 2.0, "cost_day": 2.5, "cost_month": value("cost_month"),
        "call_cost": 0.05, "cache_share": 0.25, "latency_mean": 7,
        "tokens": 4400, "input_tokens": 4000, "output_tokens": 400,
        "latency_p50": 8, "latency_p95": 8, "latency_p99": 8, "first_token_p50": 2, "first_token_p95": 2,
        "runs": 3, "failed_runs": 1, "run_failure_rate": 0.33, "run_duration_p50": 20,
        "run_duration_p95": value("run_duration_p95"),
        "long_runs": 2, "stuck_runs": 1, "lost_runs": 1, "new_error_groups": 2, "query": 5,
    }  # fmt: skip
    assert value("cost_month") >= 2.5
    new = rule_of({"name": "new", "measure": "new_error_groups", "threshold": 0})
    assert Reader(store).now(new, now) == Sample(1, 1, "T: boom")  # what another pipeline knew is not new to all
    assert 20 < value("run_duration_p95") <= DAY


def test_an_error_of_a_step_that_took_an_hour_is_new_when_the_step_ends(watch: Watch) -> None:
    watch.rule(measure="new_error_groups", threshold=0, window=900, name="New")
    began = NOON - HOUR
    watch.store.insert_rows("failed_spans", [error(3, began) | {"TraceId": "t"}])
    span = {"Timestamp": f"{began}.000", "TraceId": "t", "SpanId": f"3-{began}", "Duration": HOUR * 10**9}
    watch.store.insert_rows("otel_traces", [span])
    watch.now = NOON - 60.0
    assert watch.looks(20) == ["FIRING: New", "RESOLVED: New"]


def test_a_budget_begins_anew_with_the_day(watch: Watch) -> None:
    midnight = NOON + DAY // 2
    watch.rule(measure="cost_day", threshold=10, name="Budget")
    calls(watch.store, call(midnight - HOUR, cost=11), call(midnight + 120, cost=1))
    watch.now = midnight - 180.0
    assert watch.looks(6) == ["FIRING: Budget", "RESOLVED: Budget"]
    assert watch.standing.state.value == 1


def test_it_is_told_once_written_down_and_goes_on_after_a_restart(watch: Watch) -> None:
    watch.rule("errors", **{"for": 120}, resolve_for=60)
    calls(watch.store, *(call(NOON + 60 * minute, errors=5) for minute in range(1, 8)))
    assert watch.looks(2) == []
    watch.engine = watch.started()  # in the middle of pending
    assert [*watch.looks(1)] == ["FIRING: Errors of digest"]
    (due,) = watch.ledger.due(watch.now)
    assert (due.event_id, due.channel) == ("errors-1-1", "ops")
    assert due.message["text"] == ("Error rate of model calls over the last 5 minutes: 50 %. It fires above 5 %.")
    assert due.message["url"] == f"{UI}/?view=alerts&rule=errors"
    watch.engine = watch.started()
    assert watch.looks(14) == ["RESOLVED: Errors of digest"]
    assert watch.standing.state.status == "no data"


def test_late_data_count_as_long_as_the_window_reaches(watch: Watch) -> None:
    watch.rule()
    calls(watch.store, call(NOON + 60, calls=100))
    assert watch.looks(4) == []
    calls(watch.store, call(NOON + 60, errors=10))  # of a minute that was looked at before
    assert watch.looks(1) == ["FIRING: Errors of digest"]
    watch.now = NOON + DAY
    calls(watch.store, call(NOON + 600, errors=10))  # hours late: nobody is woken for it
    assert watch.looks(1) == ["RESOLVED: Errors of digest"]


def test_what_a_crash_left_half_done_is_done_again_under_the_same_id(watch: Watch) -> None:
    class Crash(Ledger):
        @override
        def remember(self, standings: Iterable[Standing]) -> None:
            raise StoreError("killed", 0)

    watch.rule()
    calls(watch.store, call(NOON + 60, errors=10))
    watch.ledger = Crash(watch.store)
    watch.engine = watch.started()
    with pytest.raises(StoreError):
        watch.look()
    watch.ledger = Ledger(watch.store)
    watch.engine = watch.started()
    assert [due.event_id for due in watch.look()] == ["errors-1-1"]
    assert [due.event_id for due in watch.ledger.due(watch.now)] == ["errors-1-1"]


def test_what_was_delivered_or_given_up_is_not_due_and_what_waits_is(watch: Watch) -> None:
    watch.rule(channels=["ops", "mail", "slack", "dashboard"])
    calls(watch.store, call(NOON + 60, errors=10))
    told = {due.channel: due for due in watch.look()}
    assert list(told) == ["ops", "mail", "slack"]
    for channel, status in (("ops", "delivered"), ("mail", "failed"), ("slack", "waiting")):
        watch.ledger.note(told[channel], status, "", watch.now)
    assert [due.channel for due in watch.ledger.due(watch.now)] == ["slack"]
    assert watch.ledger.due(watch.now + DAY + 1) == []


@pytest.mark.parametrize("which", ["errors", ALL])
def test_a_mute_keeps_its_time(watch: Watch, which: str) -> None:
    watch.rule()
    calls(watch.store, *(call(NOON + 60 * minute, errors=5) for minute in range(1, 11)))
    watch.saved.put(MUTE, which, {"until": NOON + 300})
    assert watch.looks(4) == []
    assert (watch.standing.state.status, watch.standing.muted_until) == ("firing", NOON + 300)
    assert watch.looks(3) == ["FIRING: Errors of digest"]
    assert watch.standing.muted_until == 0


def test_who_was_told_hears_that_a_rule_was_switched_off_or_removed(watch: Watch) -> None:
    watch.rule()
    calls(watch.store, *(call(NOON + 60 * minute, errors=5) for minute in range(1, 11)))
    watch.looks(1)
    watch.rule(enabled=False)
    (due,) = watch.look()
    assert (due.message["title"], due.message["text"].splitlines()[-1]) == (
        "RESOLVED: Errors of digest", "The rule was switched off.",
    )  # fmt: skip
    watch.rule()
    assert [due.event_id for due in watch.look()] == ["errors-2-1"]  # no id is used twice
    watch.saved.delete(RULE, "errors")
    watch.engine = watch.started()
    (due,) = watch.look()
    assert due.message["text"].splitlines()[-1] == "The rule was removed."
    assert watch.standing.removed


def test_a_rule_that_cannot_be_read_says_why_and_the_others_go_on(watch: Watch) -> None:
    watch.rule("broken", measure="query", sql="SELECT x FROM nowhere", name="Own")
    watch.rule("older", measure="gone")
    watch.rule()
    calls(watch.store, call(NOON + 60, errors=10))
    assert watch.looks(1) == ["FIRING: Errors of digest"]
    found = watch.ledger.standings()
    assert "nowhere" in found["broken"].problem
    assert "measure: 'gone' is none of" in found["older"].problem
    assert found["errors"].problem == ""
    watch.rule("broken", measure="query", sql="SELECT 7, 'seven'", name="Own", threshold=5)
    assert [due.message["value"] for due in watch.look()] == [7]


def test_an_unusual_cost_fires_and_a_usual_week_does_not(watch: Watch) -> None:
    hours = range(NOON - 8 * 7 * DAY, NOON + 2 * DAY, HOUR)
    usual = {hour: 40.0 if 8 <= hour // HOUR % 24 < 18 else 2.0 for hour in hours}
    spike = NOON + DAY + HOUR * 10  # 22:00
    calls(watch.store, *(call(hour, cost=cost) for hour, cost in usual.items()))
    watch.rule(measure="cost", comparison="unusually_high", threshold=4, window=HOUR)
    watch.now = NOON + DAY - 60.0
    assert [watch.look(after=1800) for _ in range(20)] == [[]] * 20
    calls(watch.store, call(spike, cost=30))
    watch.now = spike + 120.0
    (due,) = watch.look()
    assert due.message["value"] == pytest.approx(32, abs=3)
    rule = rule_of({"name": "a", "measure": "cost", "threshold": 4, "window": HOUR, "comparison": "unusually_high"})
    tested = backtest(Reader(watch.store), rule, NOON + 2 * DAY, 14)
    assert [(each["fired"], each["resolved"]) for each in tested.incidents] == [(spike + HOUR, spike + 2 * HOUR)]


def test_a_look_back_finds_what_would_have_been_told(watch: Watch) -> None:
    """At the same distance between looks it says what the engine did then."""
    bad = range(NOON - 3000, NOON - 1800, 60)
    calls(watch.store, *(call(at, errors=5 if at in bad else 0) for at in range(NOON - HOUR, NOON, 60)))
    given: dict[str, Any] = {"for": 600, "resolve_for": 300, "clear": 0.02}
    watch.rule("errors", **given)
    rule = rule_of(watch.saved.all(RULE)[0].body)
    found = backtest(Reader(watch.store), rule, NOON, 1 / 24)
    assert (found.step, len(found.points)) == (60, 60)
    watch.now = float(NOON - HOUR)
    told = {due.message["title"].partition(":")[0]: due.at for _ in range(60) for due in watch.look()}
    assert found.incidents == [{"fired": told["FIRING"], "resolved": told["RESOLVED"], "worst": 0.5}]
    for days in (7, 90):  # twenty minutes are not lost between two looks, and are among the points that are drawn
        longer = backtest(Reader(watch.store), rule, NOON, days)
        assert len(longer.incidents) == 1
        assert max(point["value"] or 0 for point in longer.points) == 0.5
        assert len(longer.points) <= POINTS
    calm = backtest(Reader(watch.store), rule.model_copy(update={"threshold": 0.6}), NOON, 7)
    assert calm.incidents == []


# ------------------------------------------------------------------------------------------------- several collectors


class ServerClock(EmbeddedStore):
    """A store whose clock the test sets."""

    seconds = 1_800_000_000.0

    @override
    def _query(self, sql: str, output_format: str = "TabSeparated") -> str:
        return super()._query(sql.replace("now64(3)", f"toDateTime64({self.seconds:.3f}, 3)"), output_format)


def test_of_several_collectors_one_evaluates_and_another_takes_over(store: EmbeddedStore) -> None:
    shared = ServerClock(Path(store._path), store.database)
    clock = [100.0]

    def pass_by(seconds: float) -> None:
        clock[0] += seconds
        shared.seconds += seconds

    try:
        a, b, c = (Lease(shared, name, lambda: clock[0]) for name in "abc")
        assert b.held()
        pass_by(1)
        assert not a.held()  # who came first counts, not who is first by name
        pass_by(1)
        assert not c.held()
        for _ in range(10):
            pass_by(10)
            assert (a.held(), b.held(), c.held()) == (False, True, False)
        for _ in range(4):  # b is heard of no more
            pass_by(10)
            assert not (a.held() and c.held())
        assert (a.held(), b._mine_until < clock[0], c.held()) == (True, True, False)
        a.give_up()
        pass_by(10)
        assert c.held()  # at once
        pass_by(1)
        assert Lease(shared, "c", lambda: clock[0]).held()  # killed and started again: still its turn
    finally:
        shared.close()
